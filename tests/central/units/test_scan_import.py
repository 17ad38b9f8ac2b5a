"""Other makers' files through a column mapper: dry run with mistakes by row and column, the same row once, roll-back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.imports.model import ImportRun
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Guard
from central.people import erasure
from central.people.model import Person
from central.rounds.marks import unit_marks
from central.rounds.model import ForcedMark, PatrolScan, PurgedSpan
from central.units import scan_import
from central.units.model import ColumnMapping
from central.web.sheets import write_xlsx
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate
from tests.support.wand import upload

ROWS = [
    ["棒号", "巡更时间", "地点", "人员"],
    ["1", "2026/07/01 22:00:05", "点1", "0001"],
    ["1", "2026/07/01 22:00:05", "点1", "张三"],
    ["1", "2026/07/01 22:20:40", "1", "0001"],
    ["1", "昨天", "点1", "0001"],
    ["1", "2026/07/01 22:30:00", "点9", "0001"],
    ["7", "2026/07/01 22:30:00", "点1", "0099"],
]


@pytest.fixture
async def estate(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """A checkpoint at a reader of the gate, and a guard."""
    estate = await Estate.make(running_centre)
    form: dict[str, Any] = {"number": 1, "name": "点1", "point": estate.entrance}
    assert (await centre_client.post("/patrol/checkpoints/new", form)).status == 303
    assert (await centre_client.post("/patrol/guards/new", {"site": SITE, "number": "0001"})).status == 303
    return estate


def csv(encoding: str = "utf-8", rows: list[list[str]] = ROWS, between: str = ",") -> bytes:
    return "\r\n".join(between.join(row) for row in rows).encode(encoding)


COLUMNS = {
    "unit": "0",
    "time": "1",
    "place": "2",
    "guard": "3",
    "time_format": "%Y/%m/%d %H:%M:%S",
    "has_headings": "1",
    "encoding": "",
}


async def checked(client: Browser, raw: bytes, name: str = "wand.csv", **changes: str) -> str:
    """Upload and map; the path of the import."""
    answer = await upload(client, raw, name)
    assert answer.status == 303, answer.text
    path = answer.headers["Location"]
    sent = await client.post(path, {**COLUMNS, **changes})
    assert sent.status == 303, sent.text
    return path.removesuffix("/columns")


async def scans(estate: Estate) -> list[tuple[int, int, int, str]]:
    def read() -> list[tuple[int, int, int, str]]:
        query = PatrolScan.select().order_by(PatrolScan.at)
        return [(s.device_id, s.checkpoint, s.node_epoch, s.at.isoformat()) for s in query]

    return await estate.running.centre.db.read(read)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (csv(), "wand.csv"),
        (csv("gb18030"), "wand.txt"),
        (csv("gb18030", between="\t"), "wand.txt"),
        (write_xlsx(ROWS), "wand.xlsx"),
    ],
)
async def test_a_file_in_any_form_is_guessed_checked_and_taken(
    estate: Estate, centre_client: Browser, raw: bytes, name: str
) -> None:
    answer = await upload(centre_client, raw, name)
    page = (await centre_client.get(answer.headers["Location"])).text
    for column, number in (("unit", 0), ("time", 1), ("place", 2), ("guard", 3)):
        part = page.partition(f'name="{column}"')[2].partition("</select>")[0]
        assert f'value="{number}" selected' in part, (column, part)
    assert 'value="%Y/%m/%d %H:%M:%S" selected' in page
    path = await checked(centre_client, raw, name)
    shown = (await centre_client.get(path)).text
    for said in (
        "This is no time like 2026/11/29 22:05:30.",
        "There is no such checkpoint in this estate.",
        "There is no guard with this number, name or card.",
        "There is no patrol unit with this number or name.",
        "Import only the 2 good rows",
    ):
        assert said in shown, shown
    assert await scans(estate) == []
    failed = await centre_client.get(f"{path}/failed.csv")
    assert failed.text.count("\n") == 4
    assert "昨天" in failed.text
    assert (await centre_client.post(f"{path}/apply", {"rows": "good"})).status == 303
    assert await scans(estate) == [
        (estate.gate_device, 1, 0, "2026-07-01T14:00:05+00:00"),
        (estate.gate_device, 1, 0, "2026-07-01T14:20:40+00:00"),
    ]


async def test_the_same_rows_change_nothing_and_a_roll_back_takes_all_back(
    estate: Estate, centre_client: Browser
) -> None:
    raw = csv(rows=ROWS[:4])

    async def through_ms() -> int:
        device = estate.gate_device
        return await estate.running.centre.db.read(lambda: unit_marks([device])[device].through_ms)

    before = await through_ms()
    path = await checked(centre_client, raw)
    assert (await centre_client.post(f"{path}/apply", {"rows": "all"})).status == 303
    after = await through_ms()
    assert after >= before
    again = await checked(centre_client, raw)
    counts = await estate.running.centre.db.read(
        lambda: [(run.new_count, run.unchanged_count) for run in ImportRun.select().order_by(ImportRun.id)]
    )
    assert counts == [(2, 1), (0, 3)]
    assert (await centre_client.post(f"{again}/apply", {"rows": "all"})).status == 422
    assert len(await scans(estate)) == 2
    assert (await centre_client.post(f"{path}/undo")).status == 303
    assert await scans(estate) == []
    assert await through_ms() == before


async def test_a_mapping_is_kept_for_the_next_file_and_a_unit_can_be_chosen(
    estate: Estate, centre_client: Browser
) -> None:
    rows = [["20260701", "22:00:05", "点1", "0001"]]
    answer = await upload(centre_client, csv(rows=rows), "a.csv")
    form = {
        **COLUMNS,
        "date": "0",
        "unit": "",
        "has_headings": "",
        "time_format": "%Y%m%d %H:%M:%S",
        "unit_id": str(estate.gate_device),
        "name": "旧巡更棒",
    }
    assert (await centre_client.post(answer.headers["Location"], form)).status == 303
    kept = await estate.running.centre.db.read(lambda: [row.name for row in ColumnMapping.select()])
    assert kept == ["旧巡更棒"]
    answer = await upload(centre_client, csv(rows=rows), "b.csv")
    page = (await centre_client.get(answer.headers["Location"] + "?saved=1")).text
    assert 'value="%Y%m%d %H:%M:%S" selected' in page
    path = answer.headers["Location"]
    assert (await centre_client.post(path, {**form, "name": ""})).status == 303
    assert (await centre_client.post(path.removesuffix("/columns") + "/apply", {"rows": "all"})).status == 303
    assert [at for *_rest, at in await scans(estate)] == ["2026-07-01T14:00:05+00:00"]


async def test_rubbish_is_refused_with_its_reason(estate: Estate, centre_client: Browser) -> None:
    for raw, name in (
        (b"ONECARD2" + bytes(80), "unit.bin"),
        (b"PK\x03\x04junk", "a.xlsx"),
        (b"\xff\xfe\xff", "a.csv"),
    ):
        assert (await upload(centre_client, raw, name)).status == 422
    answer = await upload(centre_client, csv(), "a.csv")
    path = answer.headers["Location"]
    assert (await centre_client.post(path, {**COLUMNS, "place": ""})).status == 422
    assert (await centre_client.post(path, {**COLUMNS, "encoding": "utf-16"})).status == 422
    assert await estate.running.centre.db.read(lambda: Guard.select().count()) == 1


async def test_a_scan_from_a_closed_time_proves_a_visit_late(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ``_tell_late`` without ``act_on_many``, so that the commit is refused."""

    def close() -> None:
        ForcedMark.create(
            site=SITE,
            organisation=1,
            device=estate.gate_device,
            through_at=estate.now,
            node_epoch=1,
            seq=0,
            reason="lost",
            made_at=estate.now,
            made_by="x",
        )

    await estate.running.write(close)
    now = estate.now.astimezone(ZoneInfo("Asia/Shanghai")) - timedelta(minutes=5)
    path = await checked(centre_client, csv(rows=[ROWS[0], ["1", f"{now:%Y/%m/%d %H:%M:%S}", "点1", "0001"]]))
    assert (await centre_client.post(f"{path}/apply", {"rows": "all"})).status == 303
    assert await estate.running.centre.db.read(lambda: PatrolScan.get().late_proof)


async def test_an_erasure_drops_what_files_keep_of_people(estate: Estate, centre_client: Browser) -> None:
    path = await checked(centre_client, csv())
    assert (await centre_client.get(f"{path}/failed.csv")).status == 200
    assert (await centre_client.post(f"{path}/apply", {"rows": "good"})).status == 303
    waiting = await checked(centre_client, csv())
    assert scan_import.forget in erasure.ERASERS
    await estate.running.write(scan_import.forget, Person(id=estate.person))
    assert (await centre_client.get(f"{path}/failed.csv")).status == 404
    assert (await centre_client.get(waiting)).status == 404
    assert len(await scans(estate)) == 2


async def test_another_organisations_checkpoints_guards_and_units_are_not_known(
    estate: Estate, centre_client: Browser
) -> None:
    """A file is brought for one organisation. Planted break: leave the organisation out of ``_Known``."""
    other = estate.other_organisation
    for model, said in (
        (Checkpoint, "There is no such checkpoint in this estate."),
        (Guard, "There is no guard with this number, name or card."),
        (Device, "There is no patrol unit with this number or name."),
    ):
        await estate.running.write(lambda m=model: m.update(organisation=other).execute())
        path = await checked(centre_client, csv(rows=ROWS[:2]))
        assert said in (await centre_client.get(path)).text, said
    assert await scans(estate) == []


async def test_a_clock_that_runs_ahead_completes_no_time_that_has_not_come(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: the mark is the newest time of the file, whatever it is."""
    rows = [ROWS[0], ["1", "2031/07/01 22:00:05", "点1", "0001"]]
    path = await checked(centre_client, csv(rows=rows))
    assert (await centre_client.post(f"{path}/apply", {"rows": "all"})).status == 303
    device = estate.gate_device
    through_ms = await estate.running.centre.db.read(lambda: unit_marks([device])[device].through_ms)
    assert through_ms <= estate.running.clock.now().timestamp() * 1_000


async def test_files_of_a_unit_are_rolled_back_newest_first(estate: Estate, centre_client: Browser) -> None:
    """The later file may hold the same records. Planted break: roll back the first one all the same."""
    first = await checked(centre_client, csv(rows=ROWS[:2]))
    assert (await centre_client.post(f"{first}/apply", {"rows": "all"})).status == 303
    second = await checked(centre_client, csv(rows=[*ROWS[:2], ROWS[3]]), "wand-2.csv")
    assert (await centre_client.post(f"{second}/apply", {"rows": "all"})).status == 303
    refused = await centre_client.post(f"{first}/undo")
    assert refused.status != 303
    assert "wand-2.csv" in refused.text
    assert len(await scans(estate)) == 2
    for path in (second, first):
        assert (await centre_client.post(f"{path}/undo")).status == 303
    assert await scans(estate) == []


async def test_purged_records_do_not_come_back_by_a_file(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ask for no purged span."""
    await estate.running.write(
        lambda: PurgedSpan.create(
            site=SITE,
            from_at=datetime(2026, 7, 1, tzinfo=UTC),
            until_at=datetime(2026, 7, 2, tzinfo=UTC),
            scans_count=2,
            reason="",
            made_at=estate.running.clock.now(),
            made_by="",
        )
    )
    path = await checked(centre_client, csv(rows=ROWS[:2]))
    assert "Records of this time were purged." in (await centre_client.get(path)).text

"""An access list that comes in again over real HTTP: what it changes, what it refuses, and that nothing else happens."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any

import aiohttp
import pytest

from central.access import model as access
from central.access.access_list import lines
from central.audit import AuditEntry
from central.bulk_acts.model import BulkAct
from central.bulk_acts.runner import RUNNER
from central.cards.model import Card
from central.imports.model import ImportRun
from central.sites.scope import HEAD_OFFICE
from central.sync import publish
from protocol.schedule import ALWAYS
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate

PATH = "/access/levels/import"
UIDS = {"0001001": "04a1b2c3", "0001002": "04a1b2c4", "0001003": "04a1b2c5", "0001004": "04a1b2c6"}


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    """Beside the gate two more doors; the level of the residents leads through the gate and, in office hours, the hall."""
    made = await Estate.make(running_centre)

    def more() -> None:
        device = made._device("hall", 3, "大堂控制器", ["door"])
        made.doors = {"东门": made.gate}
        for number, label in enumerate(("大堂", "机房"), 1):
            door = access.Door.create(
                site=SITE, organisation=ORGANISATION, device=device, number=number, label=label
            ).id
            point = made._point(device, door, number, label)
            made.doors[label] = door
            if label == "大堂":
                office = access.Schedule.create(site=SITE, name="办公时间", periods=[[31, 480, 1080]])
                made.office = office.id
                access.LevelEntry.create(level=made.level, point=point, schedule=office.id)
        publish.everything_changed(SITE)

    await running_centre.write(more)
    return made


@pytest.fixture
async def cards(estate: Estate, centre_client: Browser) -> dict[str, int]:
    return {number: await estate.issue(centre_client, uid, number) for number, uid in UIDS.items()}


async def exported(browser: Browser) -> list[dict[str, str]]:
    raw = (await browser.get("/access/levels/access-list.tsv")).text.lstrip("\ufeff")
    return list(csv.DictReader(io.StringIO(raw), delimiter="\t"))


def written(rows: list[dict[str, str]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), delimiter="\t", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


async def upload(browser: Browser, content: str | bytes, **values: str) -> Answer:
    form = aiohttp.FormData()
    for name, value in {"csrf": browser.csrf, "organisation": "all", "site": str(SITE), **values}.items():
        form.add_field(name, value)
    raw = content.encode() if isinstance(content, str) else content
    form.add_field("file", raw, filename="list.tsv", content_type="text/tab-separated-values")
    return await browser.request("POST", PATH, data=form, headers={"Sec-Fetch-Site": "same-origin"})


async def run_of(estate: Estate) -> ImportRun:
    return await estate.running.read(lambda: ImportRun.select().order_by(ImportRun.id.desc()).get())


async def counts(estate: Estate) -> dict[str, int]:
    run = await run_of(estate)
    names = ("new", "changed", "removed", "unchanged", "wrong")
    return {name: number for name in names if (number := getattr(run, f"{name}_count"))}


async def mistakes(estate: Estate) -> list[str]:
    return [message for _line, _column, message in (await run_of(estate)).mistakes]


async def drained(estate: Estate) -> None:
    await estate.running.server.apps.browsers[RUNNER].drain()


async def carried_out(estate: Estate, browser: Browser, content: str, **values: str) -> str:
    """Upload, import, and wait until the bulk act is done; the path of the import."""
    checked = await upload(browser, content, **values)
    assert checked.status == 303, checked.text[-1500:]
    done = await browser.post(f"{checked.location}/apply", {"rows": "all"})
    assert done.status == 303, done.text[-1500:]
    await drained(estate)
    return checked.location


def rights(estate: Estate, card: int) -> set[tuple[int, int]]:
    query = access.LevelEntry.select(access.LevelEntry.point, access.LevelEntry.schedule).join(
        access.CardLevel, on=(access.CardLevel.level == access.LevelEntry.level)
    )
    return set(query.where(access.CardLevel.card == card).tuples())


def point_of(estate: Estate, door: str) -> int:
    number: int = access.AccessPoint.get(access.AccessPoint.door == estate.doors[door]).id
    return number


async def test_an_export_that_comes_in_again_changes_nothing(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """In every form of file, also as "exactly this list". Planted breaks: ``_days`` that compares the end with its exclusive
    day; a name with a comma, a quotation mark or a formula that reads otherwise than it was written."""

    def odd_names() -> None:
        access.Door.update(label='=大堂, "A"').where(access.Door.id == estate.doors["大堂"]).execute()
        access.Door.update(label="東門").where(access.Door.id == estate.doors["机房"]).execute()

    await estate.running.write(odd_names)
    rows = await exported(centre_client)
    assert set(rows[0]) - {"Card Number", "From", "To"} == {
        '\'=大堂, "A"',
        f"东门 #{estate.doors['东门']}",
        f"東門 #{estate.doors['机房']}",
    }
    raw = written(rows)
    for exact in ("", "1"):
        for content in (raw.encode(), ("\ufeff" + raw).encode(), raw.encode("gb18030")):
            answer = await upload(centre_client, content, **({"exact": exact} if exact else {}))
            assert answer.status == 303, answer.text[-800:]
            assert await counts(estate) == {"unchanged": 4}, await mistakes(estate)
            assert (await run_of(estate)).ignored == []
    refused = await centre_client.post(f"{answer.location}/apply", {"rows": "all"})
    assert "There is nothing to import" in refused.text


async def test_an_edited_line_changes_exactly_its_card_and_keeps_the_hours_of_its_other_doors(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """One door taken, one given, other days; the same file again changes nothing; rolled back, all is as before.

    Planted breaks: ``wanted`` without the rest of a broken level; ``write`` that gives every card the first wish."""
    before = {number: await estate.running.read(rights, estate, card) for number, card in cards.items()}
    rows = await exported(centre_client)
    rows[0] |= {"东门": "N", "机房": "Y"}
    rows[1] |= {"From": "2026-07-02", "To": "2026-12-31"}
    where = await carried_out(estate, centre_client, written(rows))
    assert await counts(estate) == {"changed": 2, "unchanged": 2}
    machine, hall = [await estate.running.read(point_of, estate, name) for name in ("机房", "大堂")]
    after = {number: await estate.running.read(rights, estate, card) for number, card in cards.items()}
    assert after["0001001"] == {(hall, estate.office), (machine, ALWAYS)}
    assert {n: r for n, r in after.items() if n != "0001001"} == {
        n: r for n, r in before.items() if n != "0001001"
    }
    listed = {row["Card Number"]: row for row in await exported(centre_client)}
    assert [listed["0001002"][name] for name in ("From", "To")] == ["2026-07-02", "2026-12-31"]
    assert list(listed.values()) == rows

    await upload(centre_client, written(rows))
    assert await counts(estate) == {"unchanged": 4}

    undone = await centre_client.post(f"{where}/undo")
    assert undone.status == 303, undone.text[-800:]
    await drained(estate)
    assert {
        number: await estate.running.read(rights, estate, card) for number, card in cards.items()
    } == before
    said = await estate.running.read(
        lambda: [row.action for row in AuditEntry.select().order_by(AuditEntry.seq)]
    )
    wanted = ["imports.check", "access.level_create", "bulk.enter", "imports.apply", "cards.rewrite"]
    assert [action for action in said if action in wanted][:6] == [*wanted, "cards.rewrite"]
    assert (await centre_client.get(where)).text.count("/cards/bulk/2") > 0


async def test_what_somebody_changed_since_blocks_the_way_back(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """Planted break: ``undo`` without ``stands``."""
    rows = await exported(centre_client)
    rows[0] |= {"机房": "Y"}
    rows[1] |= {"机房": "Y"}
    where = await carried_out(estate, centre_client, written(rows))
    assert await estate.running.read(lambda: access.AccessLevel.select().count()) == 2, "one level for both"
    again = await exported(centre_client)
    again[0] |= {"机房": "N"}
    await carried_out(estate, centre_client, written(again))
    refused = await centre_client.post(f"{where}/undo")
    assert (refused.status, "used since the import: 0001001<" in refused.text) == (422, True)


@pytest.mark.parametrize("number", ["04A1B2C3", "C3B2A104", "0077705923", "77705923", "161,45763", "1001"])
async def test_cards_are_found_by_numbers_in_every_form(
    estate: Estate, cards: dict[str, int], centre_client: Browser, number: str
) -> None:
    """Planted break: ``find`` without ``readings``."""
    answer = await upload(centre_client, f"Card number\t机房\r\n{number}\tY\r\n".encode())
    assert answer.status == 303
    assert await counts(estate) == {"changed": 1}, await mistakes(estate)
    (change,) = (await run_of(estate)).changes
    assert change == [2, "0001001", "+机房"]


async def test_lines_that_must_not_act_are_refused_with_the_reason(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """Lost, returned, of another organisation, unknown, twice, odd marks; a lost card is never revived.

    Planted breaks: ``_row`` without its first question; ``_card`` that looks in the whole scope."""
    assert (await centre_client.post(f"/cards/{cards['0001002']}/lose", {"reason": "x"})).status == 303
    stranger = await estate.issue(centre_client, "04a1b2d1", "0002001", person=str(estate.stranger))
    file = "Card number\tTo\t东门\t机房\r\n" + "".join(
        f"{line}\r\n"
        for line in (
            "0001002\t2030-01-01\tY\tY",
            "0002001\t\t\tY",
            "0009999\t\t\tY",
            "0001003\t\t\tY",
            "04A1B2C5\t\t\tN",
            "0001004\t31.12.\t\tvielleicht",
        )
    )
    await upload(centre_client, file, organisation=str(ORGANISATION))
    assert await counts(estate) == {"changed": 1, "wrong": 5}
    said = await mistakes(estate)
    for words in (
        "Reported lost",
        "another estate or organisation",
        "no card with this",
        "in line 5 already",
    ):
        assert any(words in message for message in said), (words, said)
    where = f"{PATH}/{(await run_of(estate)).id}"
    assert (await centre_client.post(f"{where}/apply", {"rows": "all"})).status == 422
    assert (await centre_client.post(f"{where}/apply", {"rows": "good"})).status == 303
    await drained(estate)
    lost = await estate.running.read(Card.get_by_id, cards["0001002"])
    assert (lost.reasons, lost.valid_until) == (["lost"], None)
    assert len(await estate.running.read(rights, estate, stranger)) == 3, "as issued"
    failed = (await centre_client.get(f"{where}/failed.csv")).text
    assert failed.count("\r\n") == 6


async def test_a_list_that_takes_from_others_says_how_many_and_asks_again(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """Left out they keep everything, also of an empty file; "exactly this list" takes only once the number was typed.

    Planted breaks: ``asks_again`` of 0; ``_others`` of every list; ``needs_every_row`` of False."""
    rows = await exported(centre_client)
    head = "\t".join(rows[0])
    for content in (f"{head}\r\n", written(rows[:1])):
        await upload(centre_client, content)
        assert "removed" not in await counts(estate)
    await upload(centre_client, written([*rows[:1], {**rows[1], "Card Number": "0009999"}]), exact="1")
    where = f"{PATH}/{(await run_of(estate)).id}"
    assert (await centre_client.post(f"{where}/apply", {"rows": "good", "removing": "3"})).status == 422

    answer = await upload(centre_client, written(rows[:1]), exact="1")
    assert await counts(estate) == {"removed": 3, "unchanged": 1}
    page = (await centre_client.get(answer.location)).text
    assert "Cards that lose access to every door: 3." in page
    for removing in ("", "2"):
        refused = await centre_client.post(f"{answer.location}/apply", {"rows": "all", "removing": removing})
        assert (refused.status, "Say how many lose everything: 3" in refused.text) == (422, True)
    assert (
        await centre_client.post(f"{answer.location}/apply", {"rows": "all", "removing": "3"})
    ).status == 303
    await drained(estate)
    assert {row["东门"] for row in (await exported(centre_client))[1:]} == {"N"}

    await upload(centre_client, f"{head}\r\n", exact="1")
    assert await counts(estate) == {"removed": 1}


async def test_above_the_limit_a_second_operator_approves_and_a_program_asks_for_one(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """Planted break: ``enter_each`` that begins at once."""
    await estate.running.write(_alone_max, estate, 2)
    rows = await exported(centre_client)
    content = written([{**row, "机房": "Y"} for row in rows])
    answer = await upload(centre_client, content)
    await centre_client.post(f"{answer.location}/apply", {"rows": "all"})
    await drained(estate)
    assert {row["机房"] for row in await exported(centre_client)} == {"N"}
    bulk = await estate.running.read(BulkAct.get)
    assert (bulk.state, bulk.kind) == ("waiting", "access_list")
    assert "not over" in (await centre_client.post(f"{answer.location}/undo")).text


def _alone_max(estate: Estate, number: int) -> None:
    from central import settings
    from central.bulk_acts.service import ALONE_MAX

    settings.put(ALONE_MAX, number, estate.now)


async def test_an_operator_of_one_organisation_sees_and_gives_the_own_doors_only(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """Another organisation's door is no column; a level that would have to be split and leads there is refused, not made.

    Planted breaks: ``_doors`` of the whole estate; ``_may`` without ``own_points``."""

    def give_away() -> None:
        access.Door.update(organisation=estate.other_organisation).where(
            access.Door.id == estate.doors["大堂"]
        ).execute()

    await estate.running.write(give_away)
    clerk = await estate.running.as_role("administrator", site=SITE, organisation=ORGANISATION)
    everyone = await upload(clerk, "Card number\t东门\r\n0001001\tN\r\n")
    assert everyone.status == 422, "an organisation's operator has no estate"
    mine = {"organisation": str(ORGANISATION)}
    await upload(clerk, "Card number\t大堂\t机房\r\n0001001\tN\tY\r\n", **mine)
    assert ((await run_of(estate)).ignored, await counts(estate)) == (["大堂"], {"changed": 1})
    await upload(clerk, "Card number\t东门\r\n0001001\tN\r\n", **mine)
    assert await counts(estate) == {"wrong": 1}
    assert "doors that are not yours" in (await mistakes(estate))[0]


async def test_programs_import_an_access_list(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """Planted break: ``api_apply`` without ``removing``."""

    async def call(path: str, **options: Any) -> tuple[int, Any]:
        headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": centre_client.csrf}
        answer = await centre_client.request("POST", path, headers=headers, **options)
        return answer.status, json.loads(answer.text)

    rows = await exported(centre_client)
    raw = written(rows[:2]).replace("\tN", "\tY").encode()
    api = "/api/access-list/imports"
    status, found = await call(f"{api}?site=1&organisation=all&name=a.tsv&exact=1&hours=1", data=raw)
    assert status == 201, found
    assert found["counts"] == {"new": 0, "changed": 2, "removed": 2, "unchanged": 0, "wrong": 0}
    assert (found["removing"], found["file_name"], found["changes"][0]["line"]) == (2, "a.tsv", 0)
    one = f"{api}/{found['id']}"
    assert (await call(f"{one}/apply", json={"rows": "all"}))[0] == 422
    status, done = await call(f"{one}/apply", json={"rows": "all", "removing": 2})
    assert (status, done["state"], done["followed_at"]) == (200, "done", "/cards/bulk/1")
    await drained(estate)
    assert [row["机房"] for row in await exported(centre_client)] == ["Y", "Y", "N", "N"]
    assert (await call(f"{one}/undo"))[0] == 200
    await drained(estate)
    assert await exported(centre_client) == rows
    assert (await call(f"{api}?site=1", data=raw))[0] == 422
    listed = json.loads((await centre_client.get(api)).text)["items"]
    assert (len(listed), listed[0]["removed_count"]) == (1, 2)
    people = b"Person number,Name,Kind of person\r\n0500,\xe7\x8e\x8b\xe4\xba\x94,staff\r\n"
    status, found = await call("/api/people/imports?site=1&organisation=1", data=people)
    assert (status, found["counts"]["new"]) == (201, 1), found
    assert (await call(f"/api/people/imports/{found['id']}/apply", json={"rows": "all"}))[0] == 200


async def test_the_list_of_today_and_the_finder_agree_with_the_pages(
    estate: Estate, cards: dict[str, int], centre_client: Browser
) -> None:
    """The template has a column for each door, and the words of the page say whose they are."""
    heading = await estate.running.read(lambda: next(lines(HEAD_OFFICE, estate.now)))
    template = (await centre_client.get(f"{PATH}/template.csv")).text.splitlines()[0]
    assert template.split(",")[3:] == heading[3:]
    start = (await centre_client.get(PATH)).text
    assert re.search(r'name="exact"', start)

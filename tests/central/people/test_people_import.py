"""Importing people over real HTTP: dry run, all or only the good rows, the failed rows, the record, the roll-back."""

from __future__ import annotations

import re
from datetime import timedelta

import aiohttp
import pytest

from central.audit import AuditEntry
from central.imports import runs
from central.imports.model import ImportedRow, ImportRun
from central.people.model import Person
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate

HEAD = "Person number,Name,Kind of person,Department,Telephone\r\n"
GOOD = HEAD + "0001,张三,staff,保安部,13812345678\r\n0100,王五,员工,工程部,13900000000\r\n"
WITH_WRONG = GOOD + "0101,赵六,king,,\r\n,无名,staff,,\r\n"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def upload(
    browser: Browser, content: str | bytes, name: str = "people.csv", organisation: int = ORGANISATION
) -> Answer:
    form = aiohttp.FormData()
    form.add_field("csrf", browser.csrf)
    form.add_field("organisation", str(organisation))
    form.add_field("site", str(SITE))
    raw = content.encode() if isinstance(content, str) else content
    form.add_field("file", raw, filename=name, content_type="application/octet-stream")
    return await browser.request(
        "POST", "/people/import", data=form, headers={"Sec-Fetch-Site": "same-origin"}
    )


async def run_of(estate: Estate) -> ImportRun:
    return await estate.running.read(lambda: ImportRun.select().order_by(ImportRun.id.desc()).get())


def counts(run: ImportRun) -> tuple[int, int, int, int]:
    return run.new_count, run.changed_count, run.unchanged_count, run.wrong_count


async def people_count(estate: Estate) -> int:
    return await estate.running.read(lambda: Person.select().count())


async def test_a_dry_run_changes_nobody_and_says_what_the_file_would_do(
    estate: Estate, centre_client: Browser
) -> None:
    checked = await upload(centre_client, WITH_WRONG)
    assert checked.status == 303, checked
    page = await centre_client.get(checked.location)
    assert "Nothing has been imported yet" in page.text
    assert re.search(r"<td>4</td><td>Kind of person</td><td>“king” is not", page.text)
    assert re.search(r"<td>5</td><td>Person number</td><td>Required", page.text)
    run = await run_of(estate)
    assert counts(run) == (1, 1, 0, 2)
    assert (run.file_name, len(run.sha256)) == ("people.csv", 64)
    assert await people_count(estate) == 2
    assert (await estate.person_of("0001")).department == "工程部"  # type: ignore[union-attr]


async def test_one_wrong_row_keeps_everything_out_unless_only_the_good_rows_are_asked_for(
    estate: Estate, centre_client: Browser
) -> None:
    where = (await upload(centre_client, WITH_WRONG)).location
    refused = await centre_client.post(f"{where}/apply", {"rows": "all"})
    assert (refused.status, await people_count(estate)) == (422, 2)
    assert (await centre_client.post(f"{where}/apply", {"rows": "good"})).status == 303
    assert await people_count(estate) == 3
    changed = await estate.person_of("0001")
    assert changed is not None
    assert (changed.department, changed.version) == ("保安部", 2)
    new = await estate.person_of("0100")
    assert new is not None
    assert (new.kind, new.initials, new.fold_key) == ("staff", "ww", "王五")
    failed = await centre_client.get(f"{where}/failed.csv")
    lines = failed.text.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("0101,赵六,king")
    assert "“king”" in lines[1]


async def test_the_same_file_again_changes_nothing(estate: Estate, centre_client: Browser) -> None:
    where = (await upload(centre_client, GOOD)).location
    await centre_client.post(f"{where}/apply", {"rows": "all"})
    again = (await upload(centre_client, GOOD)).location
    assert counts(await run_of(estate)) == (0, 0, 2, 0)
    assert (await centre_client.post(f"{again}/apply", {"rows": "all"})).status == 422
    assert (await centre_client.post(f"{where}/apply", {"rows": "all"})).status == 422


async def test_an_import_is_one_audited_act_and_what_was_kept_of_the_file_is_dropped(
    estate: Estate, centre_client: Browser
) -> None:
    where = (await upload(centre_client, GOOD)).location
    await centre_client.post(f"{where}/apply", {"rows": "all"})
    entries = await estate.running.read(
        lambda: [
            (e.action, e.detail["after"])
            for e in AuditEntry.select().where(AuditEntry.object_kind == "import").order_by(AuditEntry.seq)
        ]
    )
    assert [action for action, _after in entries] == ["imports.check", "imports.apply"]
    run = await run_of(estate)
    assert entries[1][1] == {
        "kind": "people",
        "file": "people.csv",
        "sha256": run.sha256,
        "new": 1,
        "changed": 1,
        "unchanged": 0,
        "wrong": 0,
    }
    assert run.content is None


async def test_a_roll_back_takes_back_what_was_made_and_what_was_changed(
    estate: Estate, centre_client: Browser
) -> None:
    where = (await upload(centre_client, GOOD)).location
    await centre_client.post(f"{where}/apply", {"rows": "all"})
    assert (await centre_client.post(f"{where}/undo")).status == 303
    assert await estate.person_of("0100") is None
    restored = await estate.person_of("0001")
    assert restored is not None
    assert (restored.department, restored.phone, restored.version) == ("工程部", "13812345678", 3)
    again = await centre_client.post(f"{where}/undo")
    assert again.status == 422
    assert "can no longer be rolled back" in again.text


@pytest.mark.parametrize("what", ["changed", "holds a card"])
async def test_a_roll_back_is_refused_as_a_whole_and_names_who_was_changed_or_used_since(
    estate: Estate, centre_client: Browser, what: str
) -> None:
    where = (await upload(centre_client, GOOD)).location
    await centre_client.post(f"{where}/apply", {"rows": "all"})
    new = await estate.person_of("0100")
    assert new is not None
    if what == "changed":
        values = {"number": "0100", "name": "王五", "kind": "staff", "active": "1", "version": "1"}
        values |= {"organisation": str(ORGANISATION), "site": str(SITE), "department": "x"}
        assert (await centre_client.post(f"/people/{new.id}/edit", values)).status == 303
    else:
        await estate.issue(centre_client, "04A1B2C3", "1", person=new.id)
    refused = await centre_client.post(f"{where}/undo")
    assert refused.status == 422
    assert "0100 王五" in refused.text
    assert "0001" not in refused.text.split("since the import:")[1].split("</div>")[0]
    assert (await estate.person_of("0001")).department == "保安部"  # type: ignore[union-attr]


async def test_a_number_of_another_organisation_is_a_mistake_and_its_person_stays(
    estate: Estate, centre_client: Browser
) -> None:
    await upload(centre_client, HEAD + "0002,李四,staff,,\r\n")
    run = await run_of(estate)
    assert counts(run) == (0, 0, 0, 1)
    assert "another organisation" in run.mistakes[0][2]


async def test_nobody_imports_into_or_sees_imports_of_another_organisation(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    where = (await upload(centre_client, GOOD)).location
    other = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    assert (await upload(other, GOOD)).status == 422
    for path in (where, f"{where}/failed.csv"):
        assert (await other.get(path)).status == 404
    assert (await other.post(f"{where}/apply", {"rows": "all"})).status == 404
    assert "people.csv" not in (await other.get("/people/import")).text
    guard = await running_centre.as_role("guard")
    assert (await guard.get("/people/import")).status == 403


async def test_who_holds_a_card_does_not_leave_by_a_file(estate: Estate, centre_client: Browser) -> None:
    """A suspended one too. Planted break: ask for cards without a reason only."""
    card = await estate.issue(centre_client, "04A1B2C3", "1")
    assert (await centre_client.post(f"/cards/{card}/suspend", {"reason": "休假"})).status == 303
    await upload(centre_client, "Person number,Name,Kind of person,Status\r\n0001,张三,staff,离职\r\n")
    assert "Take the cards" in (await run_of(estate)).mistakes[0][2]


async def test_taking_an_import_back_makes_nobody_leave_with_a_card(
    estate: Estate, centre_client: Browser
) -> None:
    """Present again by a file, then given a card: the file cannot be taken back. Planted break: leave ``_returned`` out."""
    file = "Person number,Name,Kind of person,Status\r\n0001,张三,staff,{}\r\n"
    for word in ("离职", "在册"):
        where = (await upload(centre_client, file.format(word))).location
        assert (await centre_client.post(f"{where}/apply", {"rows": "all"})).status == 303
    await estate.issue(centre_client, "04A1B2C3", "1")
    refused = await centre_client.post(f"{where}/undo")
    assert refused.status == 422
    assert await estate.running.read(lambda: Person.get_by_id(estate.person).active)


async def test_a_masked_number_out_of_an_export_stays_the_number_that_is_known(
    estate: Estate, centre_client: Browser
) -> None:
    taken = (await centre_client.get("/people/export?format=csv&kind=staff")).text
    assert "138****5678" in taken
    await upload(centre_client, HEAD + "0001,张三,staff,工程部,138****5678\r\n0100,王,staff,,139****1111\r\n")
    run = await run_of(estate)
    assert counts(run) == (0, 0, 1, 1)
    assert "whole number" in run.mistakes[0][2]


async def test_if_the_data_changed_after_the_dry_run_nothing_is_imported(
    estate: Estate, centre_client: Browser
) -> None:
    where = (await upload(centre_client, GOOD)).location
    other = (await upload(centre_client, GOOD)).location
    await centre_client.post(f"{where}/apply", {"rows": "all"})
    refused = await centre_client.post(f"{other}/apply", {"rows": "all"})
    assert refused.status == 422
    assert "upload it again" in refused.text


async def test_an_upload_without_a_file_or_with_no_table_is_said_on_the_form(
    estate: Estate, centre_client: Browser
) -> None:
    values = {"organisation": str(ORGANISATION), "site": str(SITE)}
    nothing = await centre_client.post("/people/import", values)
    assert nothing.status == 422
    assert "Choose a file first" in nothing.text
    broken = await upload(centre_client, b"PK\x03\x04rubbish", "people.xlsx")
    assert broken.status == 422
    assert "cannot be read as an XLSX" in broken.text


async def test_what_is_kept_of_people_in_imports_ends_with_its_time(
    estate: Estate, centre_client: Browser
) -> None:
    where = (await upload(centre_client, WITH_WRONG)).location
    await centre_client.post(f"{where}/apply", {"rows": "good"})
    await upload(centre_client, WITH_WRONG)
    estate.running.clock.advance(days=1)
    await estate.running.write(runs.drop_old, estate.now)
    kept = await estate.running.read(lambda: list(ImportRun.select()))
    assert [run.state for run in kept] == ["done"]
    estate.running.clock.advance(days=runs.UNDO_WITHIN / timedelta(days=1))
    await estate.running.write(runs.drop_old, estate.now)
    run = await run_of(estate)
    assert (run.failed, run.mistakes) == (None, [])
    rows = await estate.running.read(lambda: [row.before for row in ImportedRow.select()])
    assert rows == [None, None]
    later = await estate.running.as_role("administrator")
    assert (await later.post(f"{where}/undo")).status == 422


async def test_the_template_is_accepted_as_it_comes(estate: Estate, centre_client: Browser) -> None:
    template = (await centre_client.get("/people/import/template.csv")).text
    checked = await upload(centre_client, template.replace("0001", "0300"))
    assert checked.status == 303, checked
    assert counts(await run_of(estate)) == (1, 0, 0, 0)

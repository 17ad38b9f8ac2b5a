"""A hand-over is what both have signed: the drawer in it, whose visitors it shows, and that nobody changed it afterwards."""

from __future__ import annotations

import json
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.duty.model import HandOver
from central.duty.rules import checksum
from central.purse.model import CashCount
from central.sites.scope import HEAD_OFFICE
from central.visitors.model import Visit
from central.visitors.table import condition, state, visits
from tests.support.centre import PASSWORD, Answer, Browser, RunningCentre
from tests.support.estate_pages import Estate, fill_drawer


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def hand_over(by: Browser, to: Browser, **more: str) -> Answer:
    """Sign with both passwords what the page shows."""
    page = (await by.get("/duty/hand-overs/new?site=1&organisation=1")).text
    seen = re.search(r'name="seen" value="(\w+)"', page)
    assert seen is not None, page[-1500:]
    both = {"outgoing_password": PASSWORD, "incoming": to.number, "incoming_password": PASSWORD}
    about = {"site": "1", "organisation": "1", "seen": seen[1]}
    return await by.post("/duty/hand-overs/new", {**about, **both, **more})


@pytest.mark.parametrize(("role", "state_of_count"), [("guard", "counted"), ("administrator", "signed")])
async def test_the_drawer_is_counted_with_the_shift(estate: Estate, role: str, state_of_count: str) -> None:
    """A cashier who may sign books the difference at once, a guard leaves the count to one. Planted breaks: ``is_cashier``
    always true; ``count_drawers`` left out."""
    early = await estate.running.as_role("administrator")
    late = await estate.running.as_role(role)
    await fill_drawer(early, "100")
    assert (await hand_over(early, late)).status == 422, "the drawer must be counted"
    (account,) = re.findall(r'name="cash_(\d+)"', (await early.get("/duty/hand-overs/new")).text)
    short = {f"cash_{account}": "99.50"}
    assert (await hand_over(early, late, **short)).status == 422, "a difference has a reason"
    assert await estate.running.read(CashCount.select().count) == 0, "nothing is counted that is not signed"
    signed = await hand_over(early, late, **short, **{f"cash_{account}_why": "找零"})
    assert signed.status == 303, signed.text[-2000:]
    counted = await estate.running.read(CashCount.get)
    assert (counted.counted_fen, counted.reason, counted.state) == (9_950, "找零", state_of_count)
    assert (await estate.running.read(HandOver.get)).differences_count == 1
    again = await hand_over(
        late if role == "administrator" else early, early if role == "administrator" else late
    )
    assert again.status == 303, "a drawer that waits for its signature, or another's, is not counted twice"


async def test_a_changed_hand_over_shows_it_and_numbers_have_no_gap(estate: Estate) -> None:
    """Planted break: ``is_unchanged`` comparing with the row only."""
    early, late = await estate.running.as_role("guard"), await estate.running.as_role("guard")
    for number in (1, 2):
        assert (await hand_over(early, late, remarks="三号楼")).location == f"/duty/hand-overs/{number}"
    assert "the checksum agrees" in (await early.get("/duty/hand-overs/1")).text

    def forge() -> None:
        row = HandOver.get_by_id(1)
        row.content = {**row.content, "remarks": "nothing"}
        row.save()

    await estate.running.write(forge)
    assert "does not agree" in (await early.get("/duty/hand-overs/1")).text

    def forge_well() -> None:
        row = HandOver.get_by_id(1)
        at_ms = HandOver.signed_at.db_value(row.signed_at)
        names = {"outgoing": row.outgoing_name, "incoming": row.incoming_name}
        row.sha256 = checksum(row.content, number=row.number, at=at_ms, **names)
        row.save()

    await estate.running.write(forge_well)
    assert "does not agree" in (await early.get("/duty/hand-overs/1")).text
    assert "the checksum agrees" in (await early.get("/duty/hand-overs/2")).text


async def test_what_has_changed_since_it_was_shown_is_not_signed(estate: Estate) -> None:
    """Planted break: leave ``check_seen`` out."""
    early, late = await estate.running.as_role("guard"), await estate.running.as_role("guard")
    answer = await hand_over(early, late, seen="0" * 64)
    assert (answer.status, "Meanwhile something has changed" in answer.text) == (422, True)
    assert await estate.running.read(HandOver.select().count) == 0


async def test_a_reader_sees_the_visitors_of_his_organisation_only(estate: Estate) -> None:
    """The numbers are of the whole desk. Planted break: ``seen_by`` giving every line."""
    early, late = await estate.running.as_role("guard"), await estate.running.as_role("guard")
    number = await _visit(estate, "吴访客")

    def move() -> None:
        Visit.update(organisation=estate.other_organisation).where(Visit.id == number).execute()

    await estate.running.write(move)
    assert "吴访客" in (await early.get("/duty/hand-overs/new?site=1&organisation=1")).text
    assert (await hand_over(early, late)).status == 303
    narrow = await estate.running.as_role("guard", organisation=1)
    page = (await narrow.get("/duty/hand-overs/1")).text
    assert ("吴访客" in page, "Visitors inside: 1" in page, "1 more" in page) == (False, True, True)


async def test_a_program_reads_a_hand_over_as_it_was_signed(estate: Estate) -> None:
    """The list leads to it, and lines of another organisation are only counted. Planted break: ``lines`` without ``seen_by``."""
    early, late = await estate.running.as_role("guard"), await estate.running.as_role("guard")
    number = await _visit(estate, "吴访客")
    assert (await hand_over(early, late, remarks="三号楼")).status == 303

    async def read(by: Browser) -> dict[str, Any]:
        (row,) = json.loads((await by.get("/api/duty/hand-overs")).text)["items"]
        answer = await by.get(f"/api/duty/hand-overs/{row['id']}")
        assert answer.status == 200, answer.text
        found: dict[str, Any] = json.loads(answer.text)
        return found

    body = await read(early)
    assert (body["remarks"], body["visitors_count"], body["is_unchanged"]) == ("三号楼", 1, True)
    (visitor,) = body["visitors"]
    assert (visitor["id"], visitor["state"], "吴访客" in json.dumps(body)) == (number, "inside", False)
    assert visitor["until_at"].startswith(f"{estate.later(minutes=10):%Y-%m-%dT%H:%M}")

    def move() -> None:
        row = HandOver.get_by_id(1)
        row.content = {**row.content, "visitors": [{**row.content["visitors"][0], "organisation": 999}]}
        row.save()

    await estate.running.write(move)
    narrow = await estate.running.as_role("guard", organisation=1)
    body = await read(narrow)
    assert (body["visitors"], body["visitors_count"], body["is_unchanged"]) == ([], 1, False)
    cook = await estate.running.as_role("canteen")
    assert (await cook.get("/api/duty/hand-overs/1")).status == 403


async def _visit(estate: Estate, name: str) -> int:
    """Somebody inside without a card."""
    guard = await estate.running.as_role("guard")
    values = {"name": name, "phone": "13711112222", "host": "0001", "purpose": "送货"}
    for edge, later in (("from", 0), ("until", 10)):
        at = estate.later(minutes=later).astimezone(ZoneInfo("Asia/Shanghai"))
        values |= {f"{edge}_on": f"{at:%Y-%m-%d}", f"{edge}_time": f"{at:%H:%M}"}
    made = await guard.post("/visitors/new", values)
    assert made.status == 303, made.text[-2000:]
    assert made.location is not None
    assert (await guard.post(f"{made.location}/arrived", {})).status == 303
    return int(made.location.rpartition("/")[2])


async def test_a_visit_without_a_card_has_the_same_state_on_its_page_and_in_the_list(estate: Estate) -> None:
    """In, out, in again, too late; every state of a row is the one that the filter finds it by.

    Planted breaks: ``condition("late")`` with a card; ``state_of`` without ``left_at``.
    """
    number = await _visit(estate, "吴访客")
    guard = await estate.running.as_role("guard")

    async def now_is() -> str:
        def read() -> str:
            row = visits(HEAD_OFFICE).where(Visit.id == number).objects().first()
            word = state(row, estate.now)
            (found,) = [
                name
                for name in ("expected", "missed", "inside", "out", "overdue", "late", "left", "cancelled")
                if Visit.select().where((Visit.id == number) & condition(name, estate.now)).exists()
            ]
            assert found == word
            return word

        return await estate.running.read(read)

    assert await now_is() == "inside"
    assert (await guard.post(f"/visitors/{number}/arrived", {})).status == 422
    assert (await guard.post(f"/visitors/{number}/left", {})).status == 303
    assert await now_is() == "left"
    assert (await guard.post(f"/visitors/{number}/left", {})).status == 422
    assert (await guard.post(f"/visitors/{number}/host-phone", {})).status == 422, "the visit is over"
    assert (await guard.post(f"/visitors/{number}/arrived", {})).status == 303
    assert await now_is() == "inside"
    estate.running.clock.advance(minutes=11)
    assert await now_is() == "late"
    assert (await guard.post(f"/visitors/{number}/left", {})).status == 303
    assert await now_is() == "left"

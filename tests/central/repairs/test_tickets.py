"""The table of a ticket's states, due times, and the figures of repairs by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from central.errors import ConflictError
from central.repairs import service
from central.repairs.model import Ticket
from central.repairs.rules import NEXT, Act, State, after, is_late
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from tests.support.centre import RunningCentre
from tests.support.estate_pages import Estate

EVERY = [(state, act) for state in State for act in Act if act not in (Act.REPORT, Act.MAINTAIN)]


@pytest.mark.parametrize(("state", "act"), EVERY)
def test_what_is_not_in_the_table_is_refused(state: State, act: Act) -> None:
    """Nothing leaves "withdrawn", nothing is confirmed that was not repaired. Planted break: ``after`` with a default."""
    if (state, act) in NEXT:
        assert after(state.value, act) is NEXT[state, act]
        return
    with pytest.raises(ConflictError):
        after(state.value, act)
    assert not (state is State.WITHDRAWN and (state, act) in NEXT)


async def test_due_times_and_figures(running_centre: RunningCentre) -> None:
    """Urgent in 4 hours, late from the very instant; a mean of 20 and 40 minutes is 30, withdrawn and other estates' tickets
    do not count, a reopened ticket is timed to the repair that held.

    Planted breaks: ``figures`` with withdrawn tickets; ``REOPEN`` keeping ``repaired_at``; ``is_late`` with ``<``.
    """
    estate = await Estate.make(running_centre)
    chief, guard = await running_centre.as_role("doors"), await running_centre.as_role("guard")
    start = estate.now

    async def report(severity: str) -> str:
        made = await guard.post("/repairs/new", {"severity": severity, "what": "灯不亮", "place": "大堂"})
        assert made.status == 303, made.text[-1500:]
        return made.location

    async def step(path: str, act: str, note: str = "好了", status: int = 303) -> None:
        assert (await chief.post(f"{path}/step", {"act": act, "note": note})).status == status, act

    first, second, third = await report("urgent"), await report("urgent"), await report("minor")
    withdrawn = await report("normal")
    await step(withdrawn, "withdraw")
    running_centre.clock.advance(minutes=10)
    await step(second, "repair")
    await step(second, "reopen")
    open_again = await running_centre.read(lambda: Ticket.get_by_id(int(second.rpartition("/")[2])))
    assert (open_again.repaired_at, open_again.repaired_by) == (None, ""), (
        "nothing is repaired that came back"
    )
    running_centre.clock.advance(minutes=10)
    await step(first, "repair")
    running_centre.clock.advance(minutes=20)
    await step(second, "repair")

    def read() -> tuple[service.Figures, list[int], Ticket]:
        span = (start - timedelta(days=1), start + timedelta(days=1))
        ((_, altogether),) = service.figures(HEAD_OFFICE, *span, estate.now)
        other = service.figures(Scope.of([Grant(77)]), *span, estate.now)
        severities = service.figures(HEAD_OFFICE, *span, estate.now, Ticket.severity)
        counts = [row.reported_count for _, row in severities] + [other[0][1].reported_count]
        return altogether, counts, Ticket.get(Ticket.severity == "minor")

    altogether, counts, minor = await running_centre.read(read)
    assert (altogether.reported_count, altogether.repaired_count, altogether.open_count) == (3, 2, 3)
    assert altogether.repair_s == 30 * 60
    assert altogether.in_time_count == 2
    assert counts == [2, 1, 0]
    assert minor.due_at - minor.reported_at == timedelta(hours=72)
    assert is_late(minor.state, minor.due_at, minor.due_at)
    assert not is_late(minor.state, minor.due_at, minor.due_at - timedelta(milliseconds=1))
    assert third in (await guard.get("/repairs?todo=yes&severity=minor")).text
    running_centre.clock.advance(hours=80)
    guard = await running_centre.as_role("guard")
    assert third in (await guard.get("/repairs?state=late")).text
    page = await guard.get("/repairs/figures?from=2026-01-02&to=2026-01-01")
    assert page.status == 422


async def test_hours_are_set_by_who_may_and_count_for_new_tickets(running_centre: RunningCentre) -> None:
    """Planted break: ``due`` with the default only."""
    await Estate.make(running_centre)
    chief, guard = await running_centre.as_role("doors"), await running_centre.as_role("guard")
    hours = {"urgent": "2", "normal": "24", "minor": "72"}
    assert (await guard.post("/repairs/due", hours)).status == 403
    assert (await chief.post("/repairs/due", {**hours, "urgent": "0"})).status == 422
    assert (await chief.post("/repairs/due", hours)).status == 303
    await guard.post("/repairs/new", {"severity": "urgent", "what": "灯不亮", "place": "大堂"})
    ticket = await running_centre.read(Ticket.get)
    assert ticket.due_at - ticket.reported_at == timedelta(hours=2)
    nowhere = await guard.post("/repairs/new", {"severity": "urgent", "what": "灯不亮", "place": ""})
    assert nowhere.status == 422

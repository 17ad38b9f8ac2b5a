"""What a View knows of the patrol: which point is a checkpoint, whose card is a guard's, where a location card hangs."""

from __future__ import annotations

import pytest

from protocol.errors import LimitError, MalformedError
from protocol.ids import Stream, uid_key
from protocol.limits import VISITS_PER_GUARD_MAX
from protocol.records import (
    CheckpointRow,
    EventCardRow,
    GuardRow,
    Kind,
    PatrolEvent,
    PlaceRow,
    Revisions,
    delete,
    put,
)
from protocol.view import View

GUARD, PLACE = uid_key(bytes(4)), uid_key(bytes([1]) * 4)
VISIT = (3, 1_790_000_000, 60, 60, 300, 300)
EVENT = uid_key(bytes([2]) * 4)
ROWS = [
    put(11, CheckpointRow(3)),
    put(GUARD, GuardRow((VISIT,))),
    put(PLACE, PlaceRow(4)),
    put(EVENT, EventCardRow(PatrolEvent.HELP)),
]


def test_rows_are_found_and_taken_away_again() -> None:
    """Planted break: ``rebased`` does not hand the patrol rows on."""
    view = View().apply(ROWS, Revisions(1, 0, 1)).compacted()
    assert (view.checkpoint(11), view.checkpoint(12)) == (CheckpointRow(3), None)
    assert (view.guard(GUARD), view.guard(PLACE)) == (GuardRow((VISIT,)), None)
    assert (view.place(PLACE), view.place(GUARD)) == (PlaceRow(4), None)

    assert (view.event_card(EVENT), view.event_card(PLACE)) == (EventCardRow(PatrolEvent.HELP), None)

    gone = view.apply([delete(Kind.GUARD, GUARD), delete(Kind.CHECKPOINT, 11)], Revisions(1, 0, 2))
    assert (gone.guard(GUARD), gone.checkpoint(11), gone.place(PLACE)) == (None, None, PlaceRow(4))
    assert view.guard(GUARD) == GuardRow((VISIT,)), "a View never changes"


def test_a_snapshot_of_the_access_stream_replaces_them_all() -> None:
    view = View().apply(ROWS, Revisions(1, 0, 1))
    assert view.replaced(Stream.RESTRICTIONS, [], Revisions(1, 1, 1)).guard(GUARD) is not None
    fresh = view.replaced(Stream.ACCESS, ROWS[:1], Revisions(1, 0, 2))
    assert (fresh.guard(GUARD), fresh.place(PLACE), fresh.checkpoint(11)) == (None, None, CheckpointRow(3))


def test_the_most_visits_of_a_guard_fit_a_row_and_more_are_refused() -> None:
    most = (2**32 - 1, 2**32 - 1, 43_200, 43_200, 43_200, 43_200)
    View().apply([put(GUARD, GuardRow((most,) * VISITS_PER_GUARD_MAX))], Revisions())
    with pytest.raises(LimitError):
        View().apply([put(GUARD, GuardRow((VISIT,) * (VISITS_PER_GUARD_MAX + 1)))], Revisions())


def test_a_guard_is_known_by_a_card_key() -> None:
    change = put(GUARD, GuardRow())
    with pytest.raises(MalformedError):
        View().apply([type(change)(change.kind, b"\0\0\0\1", change.body)], Revisions())

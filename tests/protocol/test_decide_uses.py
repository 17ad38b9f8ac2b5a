"""The number of uses in the decision: where it is asked, and how counts from both ends add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.decide import OwnUses, PointState, uses_known
from protocol.errors import LimitError, MalformedError
from protocol.ids import uid_key
from protocol.limits import USES_MAX, USES_POINTS_MAX
from protocol.reasons import Reason
from protocol.records import Revisions, UsesRow, decode_row, put
from protocol.view import View
from tests.protocol.test_decide import (
    LEVEL_HOURS,
    MONDAY_NIGHT,
    SECURE_POINT,
    UID,
    Instant,
    card,
    judge,
    lost,
    view_of,
)

COUNTS = st.dictionaries(st.integers(0, 5), st.integers(0, 5), max_size=5)


def row(uses_max: int, *used: tuple[int, int]) -> UsesRow:
    return UsesRow(5, 3, uses_max, used)


@pytest.mark.parametrize(
    ("used", "reason"), [(2, Reason.GRANTED), (3, Reason.USES_EXHAUSTED), (4, Reason.USES_EXHAUSTED)]
)
def test_the_limit_itself_is_refused(used: int, reason: Reason) -> None:
    view = view_of(card(), put(uid_key(UID), row(3, (99, used))))
    decision = judge(view)
    assert (decision.reason, decision.used) == (reason, used)
    assert decision.release_ms == (5_000 if decision.granted else 0)


def test_every_other_reason_comes_first() -> None:
    used_up = put(uid_key(UID), row(1, (99, 1)))
    assert judge(view_of(card(), used_up, lost())).reason is Reason.CARD_LOST
    at_night = view_of(card(levels=(LEVEL_HOURS,)), used_up)
    assert judge(at_night, now=Instant(MONDAY_NIGHT)).reason is Reason.OUTSIDE_SCHEDULE


def test_who_goes_out_is_not_asked() -> None:
    view = view_of(card(), put(uid_key(UID), row(1, (99, 1))))
    decision = judge(view, leaving=True)
    assert (decision.reason, decision.uses) == (Reason.GRANTED, None)


def test_the_nodes_own_count_holds_where_it_is_higher() -> None:
    own: OwnUses = {(5, 3): {SECURE_POINT: 2}, (5, 2): {SECURE_POINT: 9}, (6, 3): {SECURE_POINT: 9}}
    view = view_of(card(), put(uid_key(UID), row(3, (SECURE_POINT, 1), (99, 1))))
    assert judge(view, state=PointState(own_uses=own)).reason is Reason.USES_EXHAUSTED
    assert uses_known(row(9, (SECURE_POINT, 4)), own) == 4


@given(COUNTS, COUNTS, COUNTS)
def test_counts_only_rise(told: dict[int, int], own: dict[int, int], more: dict[int, int]) -> None:
    """Whatever either end hears next, nothing is given back; what both know is counted once."""
    before = uses_known(row(9, *told.items()), {(5, 3): own})
    assert before == sum(max(told.get(p, 0), own.get(p, 0)) for p in {*told, *own})
    raised = {p: max(told.get(p, 0), more.get(p, 0)) for p in {*told, *more}}
    assert uses_known(row(9, *raised.items()), {(5, 3): own}) >= before


def test_a_snapshot_replaces_the_limits_and_a_deletion_lifts_one() -> None:
    view = view_of(card(), put(uid_key(UID), row(1)))
    assert view.uses(uid_key(UID)) == row(1)
    from protocol.ids import Stream

    assert view.replaced(Stream.ACCESS, [card()], Revisions(1, 4, 10, 2)).uses(uid_key(UID)) is None
    assert view.compacted().uses(uid_key(UID)) == row(1)
    assert View().uses(uid_key(UID)) is None


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (row(0), MalformedError),
        (UsesRow(0, 3, 1), MalformedError),
        (UsesRow(5, 2**16, 1), MalformedError),
        (row(1, (1, -1)), MalformedError),
        (row(USES_MAX + 1), LimitError),
        (row(1, *((point, 1) for point in range(USES_POINTS_MAX + 1))), LimitError),
    ],
)
def test_impossible_rows_are_refused(bad: UsesRow, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_row(put(uid_key(UID), bad))

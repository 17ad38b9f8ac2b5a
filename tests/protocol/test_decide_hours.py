"""A card's own hours in the decision (the working hours of a permit): beside the schedules of its levels, never going out."""

from __future__ import annotations

import pytest

from protocol.decide import Trust
from protocol.errors import ScheduleError
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import HoursRow, Kind, Revisions, delete, put
from tests.protocol.test_decide import (
    HOME_POINT,
    LEVEL_HOURS,
    REVISIONS,
    UID,
    Instant,
    at,
    card,
    judge,
    lost,
    view_of,
)

EVERY_DAY = (1 << 15) - 1
HOURS = put(uid_key(UID), HoursRow(((EVERY_DAY, 540, 720), (EVERY_DAY, 840, 1_080))))
"""9 to 12 and 14 to 18."""


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("08:59", Reason.OUTSIDE_SCHEDULE),
        ("09:00", Reason.GRANTED),
        ("11:59", Reason.GRANTED),
        ("12:00", Reason.OUTSIDE_SCHEDULE),
        ("13:59", Reason.OUTSIDE_SCHEDULE),
        ("14:00", Reason.GRANTED),
        ("17:59", Reason.GRANTED),
        ("18:00", Reason.OUTSIDE_SCHEDULE),
    ],
)
def test_the_card_opens_in_its_hours_only_from_inclusive_until_exclusive(time: str, reason: Reason) -> None:
    """On a Sunday too. Planted break: leave ``_in_own_hours`` out of ``decide``."""
    decision = judge(view_of(card(), HOURS), now=Instant(at(f"2026-09-20T{time}")))
    assert decision.reason is reason
    assert decision.release_ms == (5_000 if decision.granted else 0)


def test_the_schedules_of_its_levels_hold_beside_them() -> None:
    view = view_of(card(levels=(LEVEL_HOURS,)), HOURS)
    assert judge(view, now=Instant(at("2026-09-21T10:00"))).reason is Reason.GRANTED
    assert judge(view, now=Instant(at("2026-09-20T10:00"))).reason is Reason.OUTSIDE_SCHEDULE  # Sunday


def test_every_other_reason_comes_first_and_who_goes_out_is_not_asked() -> None:
    at_noon = Instant(at("2026-09-21T12:30"))
    assert judge(view_of(card(), HOURS, lost()), now=at_noon).reason is Reason.CARD_LOST
    assert judge(view_of(card(), HOURS), now=at_noon, leaving=True).reason is Reason.GRANTED


def test_without_a_trusted_clock_the_doors_policy_holds() -> None:
    unknown = Instant(at("2026-09-21T10:00"), Trust.FLOOR_ONLY, floor_is_recent=True)
    view = view_of(card(), HOURS)
    assert judge(view, now=unknown).reason is Reason.TIME_UNKNOWN
    assert judge(view, now=unknown, point=HOME_POINT).reason is Reason.GRANTED_TIME_NOT_CHECKED


def test_a_view_keeps_them_over_changes_and_loses_them_when_they_are_taken_away() -> None:
    at_noon = Instant(at("2026-09-21T12:30"))
    view = view_of(card(), HOURS).apply([card(issue_no=4)], Revisions(1, 5, 9, 2)).compacted()
    assert judge(view, now=at_noon).reason is Reason.OUTSIDE_SCHEDULE
    free = view.apply([delete(Kind.HOURS, uid_key(UID))], REVISIONS)
    assert judge(free, now=at_noon).reason is Reason.GRANTED
    assert judge(view, now=at_noon).reason is Reason.OUTSIDE_SCHEDULE


def test_hours_that_cannot_be_are_refused() -> None:
    with pytest.raises(ScheduleError):
        view_of(put(uid_key(UID), HoursRow(((EVERY_DAY, 540, 1_500),))))

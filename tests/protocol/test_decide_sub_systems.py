"""A sub-system that is not opened for a card refuses it at its own points, and time clocks are points as doors are."""

from __future__ import annotations

import pytest

from protocol.decide import Decision, Instant, PointState, Presentation, Trust, decide
from protocol.errors import UnknownRecordError
from protocol.ids import SubSystem, Tier, uid_key
from protocol.reasons import Reason
from protocol.records import (
    ALL_CLOSED,
    CLOSED,
    CardFlag,
    CardRow,
    Kind,
    LevelRow,
    PointRow,
    PunchStatus,
    TimeClockRow,
    UsesRow,
    delete,
    put,
)
from protocol.schedule import ALWAYS
from protocol.view import View
from tests.protocol.test_decide import (
    LEVEL_ALWAYS,
    LEVEL_HOURS,
    MONDAY_MORNING,
    MONDAY_NIGHT,
    NOW,
    REVISIONS,
    SECURE_POINT,
    UID,
    WORKING_HOURS,
    card,
    judge,
    lost,
    view_of,
)

CLOCK, CLOCK_LEVEL = 41, 51
AT_CLOCK = [
    put(CLOCK, PointRow("hall clock", 3, 0)),
    put(CLOCK, TimeClockRow(PunchStatus.IN)),
    put(CLOCK_LEVEL, LevelRow(((CLOCK, ALWAYS),))),
]


def at_clock(view: View, now: Instant = NOW) -> Decision:
    return decide(Presentation(UID), view, view.terminals[CLOCK], PointState(), now)


@pytest.mark.parametrize("sub_system", SubSystem)
def test_9_it_is_refused_at_the_points_of_the_closed_sub_system_and_at_no_others(
    sub_system: SubSystem,
) -> None:
    """Planted break: leave the flag out of ``decide``, or judge the validity first."""
    closed = view_of(card(flags=CLOSED[sub_system] | CardFlag.EXTENDED_OPEN, valid_until_s=1))
    others_closed = view_of(card(flags=ALL_CLOSED & ~CLOSED[sub_system]))
    for now in (NOW, Instant(MONDAY_MORNING, Trust.NONE)):
        assert judge(closed, now=now, sub_system=sub_system).reason is Reason.SUB_SYSTEM_CLOSED
    assert judge(others_closed, sub_system=sub_system).reason is Reason.GRANTED


def test_9_a_dead_card_and_one_that_proves_too_little_are_called_that_whatever_is_closed() -> None:
    closed = card(flags=ALL_CLOSED)
    assert judge(view_of(closed, lost())).reason is Reason.CARD_LOST
    assert judge(view_of(closed), tier_min=Tier.AES).reason is Reason.TIER_TOO_LOW


@pytest.mark.parametrize("flag", [512, 1_024, 2_048])
def test_a_flag_of_a_newer_version_is_not_ignored(flag: int) -> None:
    """It may say that the card is closed. Planted break: check only the range."""
    with pytest.raises(UnknownRecordError):
        view_of(card(flags=CardFlag(flag)))


def test_a_flag_costs_a_packed_card_nothing_and_comes_back() -> None:
    view = view_of(card(flags=ALL_CLOSED)).compacted()
    row = view.card(uid_key(UID))
    assert row is not None
    assert row.flags == ALL_CLOSED


def test_a_time_clock_is_a_terminal_and_no_door() -> None:
    """Planted break: put terminals among ``access_points``."""
    view = view_of(*AT_CLOCK, card(levels=(CLOCK_LEVEL,)))
    assert (CLOCK in view.access_points, view.terminals.keys()) == (False, {CLOCK})
    assert view.time_clock(CLOCK) == TimeClockRow(PunchStatus.IN)
    assert view.time_clock(SECURE_POINT) is None
    assert at_clock(view).reason is Reason.GRANTED
    gone = view.apply([delete(Kind.TIME_CLOCK, CLOCK)], REVISIONS)
    assert (gone.terminals, gone.time_clock(CLOCK)) == ({}, None)


def test_an_access_level_gives_the_right_to_a_time_clock() -> None:
    """39: the number of the time clock is chosen as that of a door is."""
    assert at_clock(view_of(*AT_CLOCK, card(levels=(LEVEL_ALWAYS,)))).reason is Reason.NO_ACCESS_HERE
    assert judge(view_of(*AT_CLOCK, card(levels=(CLOCK_LEVEL,)))).reason is Reason.NO_ACCESS_HERE
    by_hours = put(LEVEL_HOURS, LevelRow(((CLOCK, WORKING_HOURS),)))
    view = view_of(*AT_CLOCK, by_hours, card(levels=(LEVEL_HOURS,)))
    assert at_clock(view).reason is Reason.GRANTED
    assert at_clock(view, Instant(MONDAY_NIGHT)).reason is Reason.OUTSIDE_SCHEDULE


def test_uses_are_counted_at_doors_only() -> None:
    used_up = put(uid_key(UID), UsesRow(5, 3, 1, ((99, 1),)))
    view = view_of(*AT_CLOCK, used_up, card(levels=(LEVEL_ALWAYS, CLOCK_LEVEL)))
    assert judge(view).reason is Reason.USES_EXHAUSTED
    assert (at_clock(view).reason, at_clock(view).uses) == (Reason.GRANTED, None)


def test_everything_is_open_for_a_card_of_which_nothing_was_said() -> None:
    assert CardRow(1, 0, 0, 1, ()).flags is CardFlag.NONE
    assert {CLOSED[sub_system] for sub_system in SubSystem} == set(ALL_CLOSED)

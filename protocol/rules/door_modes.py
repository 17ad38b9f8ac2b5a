"""Which mode a door is to be in: by hand, by its settings, by its schedules. Pure; asked by the device, and by the centre that explains.

Precedence, the first that speaks decides:

1. **By hand.** The mode that an operator set, locked down or any other, stands above settings and schedules until he gives it
   back. NORMAL by hand is that, too: cards open, and no schedule holds the door open or blocks it.
2. **The strictest of settings and schedules.** BLOCKED stands before LOCKED, LOCKED before UNLOCKED, UNLOCKED before NORMAL.
   A door has one schedule for each of BLOCKED, LOCKED and UNLOCKED; the mode of its settings (``DoorRow.mode``) is what holds when
   none of them is stricter. So a door that its settings hold open is locked in the times of its lock schedule.
   UNLOCKED by schedule waits for a first card where the door has that rule (``DoorRulesRow.first_card``).
3. A door of an interlock is never UNLOCKED, whoever asks; it is NORMAL instead.

While the time is not trusted a schedule other than ``ALWAYS`` neither releases a door nor lets it be released that may be
forbidden now (I9, I12):

- UNLOCKED does not hold.
- LOCKED holds. It refuses no card, so nobody stands outside for it.
- BLOCKED holds at a door whose clock policy is SECURE, as the rights with hours of such a door end. At a HOME door it becomes
  LOCKED for as long as its cards are let in without their hours (``decide.home_grace``): residents get in, and the door is not
  held open. After that it holds there too.

A schedule that forbids and is not here holds; one that unlocks and is not here does not. No mode disables the exit button.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from protocol.decide import Instant, home_grace
from protocol.records import ClockPolicy, DoorRow, Kind, Mode
from protocol.schedule import ALWAYS
from protocol.view import AccessPoint, View


class InForce(Struct, frozen=True):
    """A mode, and the schedule by which it is; 0: by hand, or by the settings."""

    mode: Mode = Mode.NORMAL
    schedule: int = 0


_NORMAL: Final = InForce()


def in_force(
    row: DoorRow,
    by_hand: Mode | None,
    view: View,
    now: Instant,
    *,
    waits: bool = False,
    interlocked: bool = False,
) -> InForce:
    """The mode of a door at this moment.

    :param by_hand: what an operator set, None when he gave it back. :param waits: no card has opened it yet in the time of its
        unlock schedule. :param interlocked: it is a door of an interlock.
    """
    if by_hand is not None:
        found = InForce(by_hand)
    else:
        found = by_schedule(row, view, now)
        if found.mode is Mode.UNLOCKED and waits:
            found = _NORMAL
        if row.mode >= found.mode:
            found = InForce(row.mode)
    return _NORMAL if found.mode is Mode.UNLOCKED and interlocked else found


def by_schedule(row: DoorRow, view: View, now: Instant) -> InForce:
    """The strictest mode that a schedule of the door asks for now, whatever hand and settings say; NORMAL for none."""
    if _may_hold(row.block_schedule, view, now):
        is_lenient = not _is_known(row.block_schedule, now) and row.clock_policy is ClockPolicy.HOME
        if not (is_lenient and home_grace(now)):
            return InForce(Mode.BLOCKED, row.block_schedule)
        return InForce(Mode.LOCKED, row.block_schedule)
    if _may_hold(row.lock_schedule, view, now):
        return InForce(Mode.LOCKED, row.lock_schedule)
    unlocks = row.unlock_schedule and _is_known(row.unlock_schedule, now)
    if unlocks and view.holds(row.unlock_schedule, now.utc_ms):
        return InForce(Mode.UNLOCKED, row.unlock_schedule)
    return _NORMAL


def at_point(point: AccessPoint, view: View, now: Instant) -> InForce:
    """What settings and schedules make of the door of a reader, nobody having set a mode by hand, nor opened it with a first card."""
    row = view.row(Kind.DOOR, point.door)
    if not isinstance(row, DoorRow):
        return InForce(point.mode)
    rules = view.door_rules(point.door)
    waits, interlocked = (rules.first_card, rules.interlock > 0) if rules is not None else (False, False)
    return in_force(row, None, view, now, waits=waits, interlocked=interlocked)


def _is_known(schedule: int, now: Instant) -> bool:
    """Whether it can be said if a schedule holds: one that always does needs no clock."""
    return schedule == ALWAYS or now.trusted


def _may_hold(schedule: int, view: View, now: Instant) -> bool:
    """Whether a schedule that forbids holds, or might."""
    if not schedule:
        return False
    is_here = schedule == ALWAYS or view.row(Kind.SCHEDULE, schedule) is not None
    return not (is_here and _is_known(schedule, now)) or view.holds(schedule, now.utc_ms)

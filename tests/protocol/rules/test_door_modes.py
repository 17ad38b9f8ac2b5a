"""Which mode a door is in: precedence, the boundaries of schedules over changes of the clocks, and clocks that are not trusted."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from protocol.decide import HOME_WINDOW_GRACE_MS, Instant, PointState, Presentation, Trust, decide
from protocol.door_rows import DoorRulesRow
from protocol.reasons import Reason
from protocol.records import (
    ClockPolicy,
    DoorRow,
    Mode,
    PointRow,
    Revisions,
    ScheduleRow,
    SiteRow,
    SpecialDayRow,
    put,
)
from protocol.rules.door_modes import InForce, at_point, by_schedule, in_force
from protocol.schedule import ALWAYS
from protocol.view import View

BERLIN = ZoneInfo("Europe/Berlin")
UNLOCK, LOCK, BLOCK, NEVER, MISSING = 21, 22, 23, 24, 99
DOOR, READER = 7, 11
EVERY_DAY, HOLIDAY = 0b1111111, 1 << 7
PERIODS = {UNLOCK: (8, 18), LOCK: (12, 13), BLOCK: (22, 6)}
"""Hours of every day; the last runs over midnight."""


def view_of(row: DoorRow, *more: object, **periods: tuple[int, int, int]) -> View:
    changes = [put(0, SiteRow("Europe/Berlin", "estate")), put(DOOR, row)]
    changes += [put(n, ScheduleRow(((EVERY_DAY, a * 60, b * 60),))) for n, (a, b) in PERIODS.items()]
    changes += [put(NEVER, ScheduleRow(())), put(READER, PointRow("in", 1, DOOR)), *more]  # type: ignore[list-item]
    changes += [put(int(n[1:]), ScheduleRow((period,))) for n, period in periods.items()]
    return View().apply(changes, Revisions(1, 1, 1, 0))


def at(text: str, fold: int = 0, trust: Trust = Trust.TRUSTED) -> Instant:
    """A moment of Berlin's wall clock; ``fold`` 1: the second pass of an hour that autumn repeats."""
    moment = datetime.fromisoformat(f"2027-{text}").replace(tzinfo=BERLIN, fold=fold)
    return Instant(int(moment.timestamp() * 1_000), trust)


NOON = at("06-14 12:30")
ALL = DoorRow("gate", unlock_schedule=UNLOCK, lock_schedule=LOCK, block_schedule=BLOCK)


def mode(row: DoorRow, now: Instant = NOON, by_hand: Mode | None = None) -> Mode:
    return in_force(row, by_hand, view_of(row), now).mode


# -- precedence ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "unlock", "lock", "block"),
    list(itertools.product(Mode, (ALWAYS, NEVER, 0), (ALWAYS, NEVER, 0), (ALWAYS, NEVER, 0))),
)
def test_the_strictest_of_settings_and_schedules_is_in_force(
    settings: Mode, unlock: int, lock: int, block: int
) -> None:
    """Planted breaks that turn it red: ``by_schedule`` asking in another order; ``in_force`` taking the settings only where no
    schedule speaks."""
    row = DoorRow("gate", settings, unlock, lock_schedule=lock, block_schedule=block)
    asked = {settings}
    asked |= {Mode.UNLOCKED} if unlock == ALWAYS else set()
    asked |= {Mode.LOCKED} if lock == ALWAYS else set()
    asked |= {Mode.BLOCKED} if block == ALWAYS else set()
    order = [Mode.LOCKED_DOWN, Mode.BLOCKED, Mode.LOCKED, Mode.UNLOCKED, Mode.NORMAL]
    assert mode(row) is next(each for each in order if each in asked)


@pytest.mark.parametrize("by_hand", Mode)
@pytest.mark.parametrize(
    "now", [NOON, at("06-14 10:00"), at("06-14 23:00"), at("06-14 10:00", 0, Trust.NONE)]
)
def test_by_hand_stands_above_settings_and_every_schedule(by_hand: Mode, now: Instant) -> None:
    """Planted break that turns it red: ``by_hand`` compared with the schedules; NORMAL by hand taken for none."""
    assert mode(ALL, now, by_hand) is by_hand
    assert in_force(ALL, by_hand, view_of(ALL), now).schedule == 0


@pytest.mark.parametrize("by_hand", [None, Mode.UNLOCKED])
def test_a_door_of_an_interlock_is_never_held_open(by_hand: Mode | None) -> None:
    row = DoorRow("gate", Mode.UNLOCKED, ALWAYS)
    assert in_force(row, by_hand, view_of(row), NOON, interlocked=True) == InForce()


def test_a_first_card_is_waited_for_only_where_the_schedule_would_unlock() -> None:
    for now, waits, found in (
        (at("06-14 10:00"), False, Mode.UNLOCKED),
        (at("06-14 10:00"), True, Mode.NORMAL),
        (NOON, True, Mode.LOCKED),
        (at("06-14 23:00"), True, Mode.BLOCKED),
    ):
        assert in_force(ALL, None, view_of(ALL), now, waits=waits).mode is found


# -- boundaries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ("06-14 05:59:59", InForce(Mode.BLOCKED, BLOCK)),
        ("06-14 06:00", InForce()),
        ("06-14 07:59:59", InForce()),
        ("06-14 08:00", InForce(Mode.UNLOCKED, UNLOCK)),
        ("06-14 11:59:59", InForce(Mode.UNLOCKED, UNLOCK)),
        ("06-14 12:00", InForce(Mode.LOCKED, LOCK)),
        ("06-14 12:59:59", InForce(Mode.LOCKED, LOCK)),
        ("06-14 13:00", InForce(Mode.UNLOCKED, UNLOCK)),
        ("06-14 17:59:59", InForce(Mode.UNLOCKED, UNLOCK)),
        ("06-14 18:00", InForce()),
        ("06-14 21:59:59", InForce()),
        ("06-14 22:00", InForce(Mode.BLOCKED, BLOCK)),
        ("06-15 00:00", InForce(Mode.BLOCKED, BLOCK)),
    ],
)
def test_a_day_of_a_door_with_all_three(now: str, found: InForce) -> None:
    """From inclusive, until exclusive; each mode names its schedule.

    Planted break that turns it red: ``Schedule.holds`` with ``<=`` at the end.
    """
    assert in_force(ALL, None, view_of(ALL), at(now)) == found


@pytest.mark.parametrize("which", ["unlock_schedule", "lock_schedule", "block_schedule"])
@pytest.mark.parametrize(
    ("now", "fold", "holds"),
    [
        # 28 March: 02:00 becomes 03:00, so of 01:30 to 02:30 half an hour is left ...
        ("03-28 01:29:59", 0, False),
        ("03-28 01:30", 0, True),
        ("03-28 01:59:59", 0, True),
        ("03-28 03:00", 0, False),
        ("03-29 02:29:59", 0, True),
        ("03-29 02:30", 0, False),
        # ... and on 31 October, when 03:00 becomes 02:00, both passes of 02:00 to 02:30 are in it
        ("10-31 01:29:59", 0, False),
        ("10-31 01:30", 0, True),
        ("10-31 02:29:59", 0, True),
        ("10-31 02:30", 0, False),
        ("10-31 02:59:59", 0, False),
        ("10-31 02:00", 1, True),
        ("10-31 02:29:59", 1, True),
        ("10-31 02:30", 1, False),
    ],
)
def test_a_schedule_of_a_mode_is_read_on_the_wall_clock_when_the_clocks_change(
    which: str, now: str, fold: int, holds: bool
) -> None:
    """Planted break that turns it red: ``Calendar._offset_ms`` without summer time, or the offset of the day's first hour."""
    row = DoorRow("gate", **{which: 30})  # type: ignore[arg-type]
    view = view_of(row, _30=(EVERY_DAY, 90, 150))
    assert (by_schedule(row, view, at(now, fold)).mode is not Mode.NORMAL) is holds


def test_a_period_that_starts_in_the_hour_that_spring_takes_begins_at_the_next_wall_time() -> None:
    row = DoorRow("gate", block_schedule=30)
    view = view_of(row, _30=(EVERY_DAY, 135, 240))
    found = [by_schedule(row, view, at(now)).mode for now in ("03-28 01:59:59", "03-28 03:00", "03-28 04:00")]
    assert found == [Mode.NORMAL, Mode.BLOCKED, Mode.NORMAL]


def test_a_holiday_has_its_own_hours() -> None:
    row = DoorRow("gate", unlock_schedule=UNLOCK, block_schedule=30)
    day = date(2027, 6, 14).toordinal()
    view = view_of(row, put(day, SpecialDayRow(1)), _30=(HOLIDAY, 0, 1_440))
    assert by_schedule(row, view, at("06-14 10:00")).mode is Mode.BLOCKED
    assert by_schedule(row, view, at("06-15 10:00")).mode is Mode.UNLOCKED


# -- clocks that are not trusted -----------------------------------------------------------------------------------

HOME, SECURE = ClockPolicy.HOME, ClockPolicy.SECURE


def doubtful(for_ms: int, *, floor_is_recent: bool = True, trust: Trust = Trust.FLOOR_ONLY) -> Instant:
    """10:00 by a clock that is not trusted, at a door that would be unlocked then."""
    return Instant(at("06-14 10:00").utc_ms, trust, 0, for_ms, floor_is_recent)


@pytest.mark.parametrize(
    ("policy", "now", "unlock", "lock", "block"),
    [
        (SECURE, at("06-14 10:00"), Mode.UNLOCKED, Mode.NORMAL, Mode.NORMAL),
        (SECURE, at("06-14 10:00", 0, Trust.HOLDOVER), Mode.UNLOCKED, Mode.NORMAL, Mode.NORMAL),
        (SECURE, doubtful(0), Mode.NORMAL, Mode.LOCKED, Mode.BLOCKED),
        (SECURE, doubtful(0, trust=Trust.NONE), Mode.NORMAL, Mode.LOCKED, Mode.BLOCKED),
        (HOME, doubtful(0), Mode.NORMAL, Mode.LOCKED, Mode.LOCKED),
        (HOME, doubtful(HOME_WINDOW_GRACE_MS - 1), Mode.NORMAL, Mode.LOCKED, Mode.LOCKED),
        (HOME, doubtful(HOME_WINDOW_GRACE_MS), Mode.NORMAL, Mode.LOCKED, Mode.BLOCKED),
        (HOME, doubtful(0, floor_is_recent=False), Mode.NORMAL, Mode.LOCKED, Mode.BLOCKED),
    ],
)
def test_while_the_time_is_unknown_nothing_is_released_that_may_be_forbidden(
    policy: ClockPolicy, now: Instant, unlock: Mode, lock: Mode, block: Mode
) -> None:
    """Planted breaks that turn it red: ``_is_known`` always true; ``_may_hold`` false without a trusted time; HOME doors not asked,
    or without ``home_grace``.
    """
    for name, found in (("unlock_schedule", UNLOCK), ("lock_schedule", LOCK), ("block_schedule", BLOCK)):
        row = DoorRow("gate", clock_policy=policy, **{name: found})  # type: ignore[arg-type]
        wanted = {"unlock_schedule": unlock, "lock_schedule": lock, "block_schedule": block}[name]
        assert mode(row, now) is wanted, name


@pytest.mark.parametrize("policy", ClockPolicy)
@pytest.mark.parametrize("forbids", ["lock_schedule", "block_schedule"])
@pytest.mark.parametrize("held_by", ["settings", "always"])
def test_losing_the_time_never_unlocks_a_door_that_a_schedule_shuts(
    policy: ClockPolicy, forbids: str, held_by: str
) -> None:
    """A door that is held open without any clock, by its settings or always, is shut when it cannot be known whether it must be (I9).

    Planted break that turns it red: BLOCKED at a HOME door on an unknown time taken for NORMAL.
    """
    settings, unlock = (Mode.UNLOCKED, 0) if held_by == "settings" else (Mode.NORMAL, ALWAYS)
    schedule = {"lock_schedule": LOCK, "block_schedule": BLOCK}[forbids]
    row = DoorRow("gate", settings, unlock, clock_policy=policy, **{forbids: schedule})  # type: ignore[arg-type]
    assert mode(row, at("06-14 10:00")) is Mode.UNLOCKED
    for for_ms in (0, HOME_WINDOW_GRACE_MS - 1, HOME_WINDOW_GRACE_MS):
        assert mode(row, doubtful(for_ms)) >= Mode.LOCKED


def test_what_always_holds_needs_no_clock() -> None:
    for name, found in (
        ("unlock_schedule", Mode.UNLOCKED),
        ("lock_schedule", Mode.LOCKED),
        ("block_schedule", Mode.BLOCKED),
    ):
        for policy in ClockPolicy:
            row = DoorRow("gate", clock_policy=policy, **{name: ALWAYS})  # type: ignore[arg-type]
            assert mode(row, doubtful(0, trust=Trust.NONE)) is found


def test_a_schedule_that_is_not_here_forbids_and_never_unlocks() -> None:
    """Planted break that turns it red: ``_may_hold`` asking ``View.holds`` alone."""
    for name, found in (
        ("unlock_schedule", Mode.NORMAL),
        ("lock_schedule", Mode.LOCKED),
        ("block_schedule", Mode.BLOCKED),
    ):
        assert mode(DoorRow("gate", **{name: MISSING})) is found  # type: ignore[arg-type]


# -- at a reader ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "now", "reason", "schedule"),
    [
        (PointState(Mode.BLOCKED), NOON, Reason.DOOR_BLOCKED, 0),
        (PointState(Mode.BLOCKED, mode_schedule=BLOCK), NOON, Reason.BLOCKED_BY_SCHEDULE, BLOCK),
        (PointState(Mode.BLOCKED, mode_schedule=BLOCK), doubtful(0), Reason.TIME_UNKNOWN, BLOCK),
        (PointState(Mode.BLOCKED, mode_schedule=ALWAYS), doubtful(0), Reason.BLOCKED_BY_SCHEDULE, ALWAYS),
        (PointState(Mode.LOCKED_DOWN, mode_schedule=BLOCK), NOON, Reason.LOCKED_DOWN, 0),
        (PointState(Mode.LOCKED, mode_schedule=LOCK), NOON, Reason.UNKNOWN_CARD, 0),
    ],
)
def test_a_card_at_a_blocked_door_hears_what_blocks_it(
    state: PointState, now: Instant, reason: Reason, schedule: int
) -> None:
    """Planted break that turns it red: ``decide._shut_to_all`` without the schedule."""
    view = view_of(ALL)
    decision = decide(Presentation(b"\x01\x02\x03\x04"), view, view.access_points[READER], state, now)
    assert (decision.reason, decision.schedule, decision.release_ms) == (reason, schedule, 0)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        (None, Mode.UNLOCKED),
        (DoorRulesRow(first_card=True), Mode.NORMAL),
        (DoorRulesRow(interlock=2), Mode.NORMAL),
        (DoorRulesRow(persons=2), Mode.UNLOCKED),
    ],
)
def test_what_the_centre_takes_for_the_mode_of_a_reader(rules: DoorRulesRow | None, found: Mode) -> None:
    row = DoorRow("gate", unlock_schedule=UNLOCK)
    view = view_of(row, *([put(DOOR, rules)] if rules else []))
    assert at_point(view.access_points[READER], view, at("06-14 10:00")).mode is found

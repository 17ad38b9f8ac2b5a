"""The limit of an area with doors of several devices: who is counted, what happens when cut off, and by how much at most it is exceeded."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from protocol.door_rows import AreaRow, DoorRulesRow, Passback, PresenceRow
from protocol.reasons import Reason
from protocol.rules.doors import RuleState, judge, rules_at
from protocol.rules.occupancy import is_full, known_in
from protocol.rules.passback import OUTSIDE, UNKNOWN, Place, Places
from protocol.rules.places import NOT_SURE_MS, ORDER_SURE_MS
from protocol.schedule import Calendar

HALL, HOUSE = 5, 6
NOW_MS = 1_782_900_000_000
CALENDAR = Calendar(ZoneInfo("Asia/Shanghai"), {})
LIMITED = AreaRow(Passback.NONE, occupancy_max=2, shared=True)


def who(
    own: dict[int, Place], told: dict[int, PresenceRow], echoes: frozenset[int] = frozenset()
) -> frozenset[int]:
    rows = [(holder, row, holder in echoes) for holder, row in told.items()]
    return known_in(HALL, LIMITED, Places().with_all(own), rows, NOW_MS, CALENDAR)


BEFORE_MS, AFTER_MS = NOW_MS - 60_000, NOW_MS - 60_000 + ORDER_SURE_MS


@pytest.mark.parametrize(
    ("own", "told", "is_echo", "is_inside"),
    [
        (None, PresenceRow(HALL, BEFORE_MS), False, True),
        (None, PresenceRow(OUTSIDE, BEFORE_MS), False, False),
        (None, PresenceRow(UNKNOWN, BEFORE_MS), False, False),
        (Place(HALL, BEFORE_MS), None, False, True),
        (Place(HALL, BEFORE_MS), PresenceRow(OUTSIDE, AFTER_MS), False, False),  # he came out elsewhere
        (Place(HALL, AFTER_MS), PresenceRow(OUTSIDE, BEFORE_MS), False, True),
        (Place(OUTSIDE, AFTER_MS), PresenceRow(HALL, BEFORE_MS), False, False),
        (Place(HALL, BEFORE_MS), PresenceRow(OUTSIDE, AFTER_MS - 1), False, True),  # in no order: counted
        (Place(OUTSIDE, BEFORE_MS), PresenceRow(HALL, AFTER_MS - 1), False, True),
        (
            Place(OUTSIDE, BEFORE_MS),
            PresenceRow(HALL, AFTER_MS),
            True,
            False,
        ),  # an echo is older than what is known here
        (Place(HALL, NOT_SURE_MS), PresenceRow(OUTSIDE, BEFORE_MS), False, True),
        (Place(HALL, BEFORE_MS), PresenceRow(HOUSE, AFTER_MS), False, False),
    ],
)
def test_counted_is_where_holders_are_by_all_devices(
    own: Place | None, told: PresenceRow | None, is_echo: bool, is_inside: bool
) -> None:
    """Whoever may be inside is. Planted breaks: ``known_in`` without ``discard``; without ``there``."""
    found = who(
        {} if own is None else {1: own},
        {} if told is None else {1: told},
        frozenset({1} if is_echo else ()),
    )
    assert (1 in found) is is_inside


@pytest.mark.parametrize(
    ("inside", "holder", "cut_off", "opens", "leaving", "found"),
    [
        ({2}, 1, False, False, False, Reason.GRANTED),
        ({2, 3}, 1, False, False, False, Reason.AREA_FULL),
        ({2, 3}, 3, False, False, False, Reason.GRANTED),
        (set(), 1, True, False, False, Reason.LIMIT_CUT_OFF),
        ({1}, 1, True, False, False, Reason.GRANTED),
        (set(), 1, True, True, False, Reason.GRANTED_LIMIT_CUT_OFF),
        ({2, 3}, 1, True, True, False, Reason.GRANTED_LIMIT_CUT_OFF),
        ({2, 3}, 1, True, False, True, Reason.GRANTED),
    ],
)
def test_cut_off_it_refuses_or_lets_in_and_says_so_and_the_way_out_is_open(
    inside: set[int], holder: int, cut_off: bool, opens: bool, leaving: bool, found: Reason
) -> None:
    """Also while the time is not known. Planted breaks: ``is_unknown`` without ``cut_off``; ``open_when_cut_off`` turned round."""
    area = AreaRow(Passback.NONE, occupancy_max=2, shared=True, open_when_cut_off=opens)
    rules = rules_at(DoorRulesRow(inside=HALL), {HALL: area}, leaving)
    state = RuleState(inside=frozenset(inside), cut_off=cut_off)
    for trusted in (True, False):
        judged = judge(Reason.GRANTED, holder, None, rules, state, NOW_MS, CALENDAR, trusted=trusted)
        assert judged.reason is found


def test_an_area_of_one_device_is_never_cut_off() -> None:
    rules = rules_at(DoorRulesRow(inside=HALL), {HALL: AreaRow(Passback.NONE, occupancy_max=1)}, False)
    state = RuleState(inside=frozenset(), cut_off=True)
    assert (
        judge(Reason.GRANTED, 1, None, rules, state, NOW_MS, CALENDAR, trusted=True).reason is Reason.GRANTED
    )


@pytest.mark.parametrize("devices", [2, 3])
@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize("before", [0, 1, 4])
def test_devices_that_have_not_heard_of_one_another_exceed_it_by_the_bound_and_no_more(
    devices: int, most: int, before: int
) -> None:
    """Each lets in as long as it sees a place: over the limit are (devices - 1) x the places that were free."""
    area = AreaRow(Passback.NONE, occupancy_max=most, shared=True)
    known = frozenset(range(1, min(before, most) + 1))
    inside, free = set(known), most - len(known)
    for device in range(devices):
        seen = known
        for number in range(1, 20):
            holder = 100 * (device + 1) + number
            if not is_full(area, seen, frozenset({holder})):
                seen |= {holder}
        inside |= seen
    assert len(inside) - most == (devices - 1) * free

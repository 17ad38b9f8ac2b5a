"""Where a holder is by what several devices have told: each boundary of ``protocol.rules.places``, and that no order matters."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from protocol.door_rows import AreaRow, DoorRulesRow, Passback, PresenceRow
from protocol.reasons import Reason
from protocol.rules.doors import RuleState, judge, rules_at
from protocol.rules.passback import UNKNOWN, Place, Places
from protocol.rules.places import DEVICES_MAX, NOT_SURE_MS, ORDER_SURE_MS, Passage, here, last_ones, place_of
from protocol.schedule import Calendar, zone_of

HALL, OUT = 5, 0
T = 1_800_000_000_000
CALENDAR = Calendar(zone_of("UTC"), {})


def went(area: int, at_ms: int, device: int = 1, seq: int = 1) -> Passage:
    return Passage(at_ms, device, 1, seq, area, device * 10, 3)


def at(area: int, at_ms: int, point: int = 10) -> PresenceRow:
    return PresenceRow(area, at_ms, point, 3)


@pytest.mark.requirement("B3")
@pytest.mark.parametrize(
    ("passages", "unknown_until_ms", "place"),
    [
        ([], 0, None),
        ([], T, PresenceRow(UNKNOWN, T)),
        ([went(HALL, T)], 0, at(HALL, T)),
        ([went(HALL, T), went(OUT, T + ORDER_SURE_MS, 2)], 0, at(OUT, T + ORDER_SURE_MS, 20)),
        (
            [went(HALL, T), went(OUT, T + ORDER_SURE_MS - 1, 2)],
            0,
            PresenceRow(UNKNOWN, T + ORDER_SURE_MS - 1),
        ),
        ([went(HALL, T), went(HALL, T + 1, 2)], 0, at(HALL, T + 1, 20)),
        ([went(HALL, T), went(OUT, T + 1, 1, 2)], 0, at(OUT, T + 1)),
        ([went(HALL, T), went(OUT, T - 1_000, 1, 2)], 0, at(OUT, T - 1_000)),
        ([went(HALL, T)], T, PresenceRow(UNKNOWN, T)),
        ([went(HALL, T)], T - 1, at(HALL, T)),
    ],
    ids=[
        "never seen",
        "forgotten, never seen",
        "one passage",
        "later at another device",
        "so near at another device that clocks decide",
        "so near, into the same area",
        "so near, at one device",
        "later at one device whose clock was set back",
        "forgotten in that very millisecond",
        "forgotten just before",
    ],
)
def test_the_later_passage_wins_where_it_is_sure_which_one_that_is(
    passages: list[Passage], unknown_until_ms: int, place: PresenceRow | None
) -> None:
    assert place_of(last_ones(passages), unknown_until_ms) == place


@pytest.mark.requirement("B3")
@pytest.mark.parametrize(
    ("own", "told", "is_echo", "place"),
    [
        (None, None, False, None),
        (Place(HALL, T), None, False, Place(HALL, T)),
        (None, at(OUT, T), False, Place(OUT, T, 3)),
        (None, PresenceRow(UNKNOWN, T), False, None),
        (Place(HALL, T), at(OUT, T + ORDER_SURE_MS), False, Place(OUT, T + ORDER_SURE_MS, 3)),
        (Place(HALL, T), at(OUT, T + ORDER_SURE_MS - 1), False, None),
        (Place(HALL, T), at(OUT, T - ORDER_SURE_MS), False, Place(HALL, T)),
        (Place(HALL, T), at(OUT, T - ORDER_SURE_MS + 1), False, None),
        (Place(HALL, T), at(HALL, T + 1), False, Place(HALL, T)),
        (Place(HALL, T), at(OUT, T + 60_000), True, Place(HALL, T)),
        (None, at(OUT, T), True, Place(OUT, T, 3)),
        (Place(HALL, NOT_SURE_MS), at(OUT, T), False, None),
        (Place(HALL, NOT_SURE_MS), at(OUT, T), True, Place(HALL, NOT_SURE_MS)),
        (Place(HALL, NOT_SURE_MS), None, False, Place(HALL, NOT_SURE_MS)),
        (Place(HALL, T), PresenceRow(UNKNOWN, T + ORDER_SURE_MS), False, None),
        (Place(HALL, T), PresenceRow(UNKNOWN, T - ORDER_SURE_MS), False, Place(HALL, T)),
    ],
    ids=[
        "nothing known",
        "own alone",
        "told alone",
        "told that it is not known",
        "told of a later one",
        "told of one so near after that clocks decide",
        "told of an earlier one",
        "told of one so near before that clocks decide",
        "told of one so near, into the same area",
        "told of an earlier one of its own: what it did since it knows itself",
        "told of one of its own that it has lost",
        "own at a time that is not sure, told of another device",
        "own at a time that is not sure, told of an earlier one of its own",
        "own at a time that is not sure, alone",
        "forgotten since",
        "forgotten before",
    ],
)
def test_a_device_believes_the_later_of_its_own_and_what_it_was_told(
    own: Place | None, told: PresenceRow | None, is_echo: bool, place: Place | None
) -> None:
    assert here(own, told, is_echo=is_echo) == place


@pytest.mark.requirement("B3")
@pytest.mark.parametrize(
    ("passback", "shared", "cut_off", "leaving", "reason"),
    [
        (Passback.HARD, True, False, False, Reason.PASSBACK),
        (Passback.HARD, True, True, False, Reason.GRANTED_PASSBACK_CUT_OFF),
        (Passback.HARD, False, True, False, Reason.PASSBACK),
        (Passback.TIMED, True, False, False, Reason.PASSBACK),
        (Passback.TIMED, True, True, False, Reason.GRANTED_PASSBACK_CUT_OFF),
        (Passback.SOFT, True, True, False, Reason.GRANTED_PASSBACK),
        (Passback.SOFT, True, False, False, Reason.GRANTED_PASSBACK),
        (Passback.HARD, True, False, True, Reason.GRANTED_PASSBACK),
        (Passback.HARD, True, True, True, Reason.GRANTED_PASSBACK),
    ],
)
def test_an_area_of_several_devices_is_soft_where_the_others_are_not_known(
    passback: Passback, shared: bool, cut_off: bool, leaving: bool, reason: Reason
) -> None:
    """Planted break: ``broken`` without ``area.shared`` softens an area of one device; ``judge`` without ``cut_off`` refuses."""
    areas = {HALL: AreaRow(passback, forget_min=10, shared=shared)}
    inside = Place(OUT if leaving else HALL, T)
    rules = rules_at(DoorRulesRow(inside=HALL), areas, leaving)
    state = RuleState(Places(), cut_off=cut_off)
    judged = judge(Reason.GRANTED, 1, inside, rules, state, T + 1_000, CALENDAR, trusted=True)
    assert judged.reason is reason


@pytest.mark.requirement("B3")
def test_between_two_areas_the_one_that_is_not_shared_stays_hard() -> None:
    areas = {HALL: AreaRow(Passback.HARD), 6: AreaRow(Passback.HARD, shared=True)}
    rules = rules_at(DoorRulesRow(inside=HALL, outside=6), areas, False)
    judged = judge(
        Reason.GRANTED, 1, Place(HALL, T), rules, RuleState(cut_off=True), T, CALENDAR, trusted=True
    )
    assert judged.reason is Reason.PASSBACK


def test_what_is_remembered_is_the_same_in_whatever_order_devices_are_heard() -> None:
    """Planted break: ``last_ones`` keeping the later time of a device instead of its later record."""
    for seed in range(300):
        chance = random.Random(seed)
        of_device: dict[int, list[Passage]] = {}
        for device in (1, 2, 3):
            time = T
            for seq in range(1, chance.randrange(1, 5)):
                time += chance.choice((-1_000, 500, 3_000, 5_000))
                of_device.setdefault(device, []).append(went(chance.choice((HALL, OUT)), time, device, seq))
        whole = last_ones([passage for some in of_device.values() for passage in some])
        for order in permutations(of_device):
            step: tuple[Passage, ...] = ()
            for device in order:
                for passage in of_device[device]:
                    step = last_ones([*step, passage])
                    step = last_ones([*step, passage])  # it comes twice
            assert step == whole, seed


def test_no_holder_costs_more_than_a_few_passages() -> None:
    many = last_ones([went(HALL, T + device, device) for device in range(1, 50)])
    assert [each.device for each in many] == list(range(50 - DEVICES_MAX, 50))

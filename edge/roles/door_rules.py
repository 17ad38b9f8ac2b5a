"""The rules that some doors have beyond whose card it is: what they depend on, and what a grant brings about. See
``protocol.rules.doors`` for what they say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from msgspec.structs import replace

from edge.core.door import DoorState, Phase
from edge.roles import door_places
from edge.roles.door_state import Waiting
from edge.roles.turn import Turn
from protocol.decide import Presentation
from protocol.records import CardFlag
from protocol.rules.doors import DoorRules, RuleState
from protocol.rules.occupancy import holders_in, known_in

SECOND_WITHIN_MS: Final = 15_000
"""So long the first of two persons waits for the second, and whoever needs an escort for his, before or after him."""


def state_of(
    turn: Turn, rules: DoorRules, unit: int, card: Presentation, along: Collection[int]
) -> RuleState:
    """What the rules of the door at this lock depend on, at this moment, for this card. ``along``: who would go in with it."""
    first = turn.firsts.get(unit)
    return RuleState(
        turn.places,
        bool(rules.row.interlock) and interlocked(turn, unit),
        _inside(turn, rules),
        bool(rules.row.pin_schedule) and _is_blocked(turn, card),
        first.holder if first is not None and _waits(turn, first) and first.holder in along else 0,
        door_places.cut_off(turn),
        frozenset(along),
    )


def waiting(turn: Turn, reader: int, card: Presentation) -> tuple[Waiting, ...]:
    """Who waits for whoever shows this card here: the first of two persons, and the guest of somebody who may escort."""
    unit = turn.wiring.unit_of_reader(reader)
    found = {}
    if unit is not None and (first := turn.firsts.get(unit)) is not None:
        found[first.holder] = first
    if _has_flag(turn, card.keys(), CardFlag.MAY_ESCORT):
        if (guest := turn.escorted.get(reader)) is not None:
            found[guest.holder] = guest
    else:  # two people, but nobody who may take in a first one who is a guest
        found = {holder: each for holder, each in found.items() if not _awaits_escort(turn, holder)}
    return tuple(each for each in found.values() if _waits(turn, each))


def _waits(turn: Turn, each: Waiting) -> bool:
    return turn.now.mono_ms < each.until_ms


def _inside(turn: Turn, rules: DoorRules) -> frozenset[int]:
    """Who is in the area that this reader leads into, or may be going in just now; asked where that has a limit."""
    number, area = rules.into
    if area is None or not area.occupancy_max or rules.leaving:
        return frozenset()
    going = [*turn.passing.values(), *((each.holders, each.into) for each in turn.pending.values())]
    coming = [holder for holders, into in going if into == number for holder in holders]
    now_ms, view = turn.now.instant.utc_ms, turn.view
    if not area.shared:
        return holders_in(number, area, turn.places, coming, now_ms, view.calendar)
    told = ((holder, row, row.point in view.access_points) for holder, row in view.presences())
    return known_in(number, area, turn.places, told, now_ms, view.calendar).union(coming)


def _is_blocked(turn: Turn, card: Presentation) -> bool:
    """Too many wrong PINs were entered with this card."""
    keys = card.keys()
    found = (turn.wrong_pins.get(key) for key in keys)
    return any(wrong is not None and wrong.blocking(turn.now.mono_ms) for wrong in found)


def interlocked(turn: Turn, unit: int) -> bool:
    """Whether another door of the same interlock is not shut and locked; never while there is a fire. One whose contact has said
    nothing yet is not known to be shut."""
    group = interlock_of(turn, unit)
    if not group or turn.fire:
        return False
    return any(
        (state.phase is not Phase.SECURE or state.lock_released or _is_silent(turn, other, state))
        and other != unit
        and interlock_of(turn, other) == group
        for other, state in turn.doors.items()
    )


def _is_silent(turn: Turn, unit: int, state: DoorState) -> bool:
    return state.contact_open is None and turn.wiring.door(unit).row.contact_fitted


def interlock_of(turn: Turn, unit: int) -> int:
    """The number of the interlock of a door, 0 for none."""
    row = turn.view.door_rules(turn.wiring.door(unit).number)
    return 0 if row is None else row.interlock


def first(turn: Turn, reader: int, holder: int, key: bytes, card: Presentation) -> None:
    """This holder waits for a second person from now on, who must be an escort where his card needs one and none is here."""
    if escort_at(turn, reader) in (0, holder) and _has_flag(turn, (key,), CardFlag.NEEDS_ESCORT):
        awaits_escort(turn, reader, holder, card)
    unit = turn.wiring.unit_of_reader(reader)
    assert unit is not None, "a point without a door has no rules"
    turn.firsts = {**turn.firsts, unit: _from_now(turn, holder, card, reader)}


def _from_now(turn: Turn, holder: int, card: Presentation, reader: int) -> Waiting:
    return Waiting(holder, turn.now.mono_ms + SECOND_WITHIN_MS, card, reader)


def _awaits_escort(turn: Turn, holder: int) -> bool:
    return any(each.holder == holder and _waits(turn, each) for each in turn.escorted.values())


def _has_flag(turn: Turn, keys: Iterable[bytes], flag: CardFlag) -> bool:
    row = next((row for row in map(turn.view.card, keys) if row is not None), None)
    return row is not None and bool(row.flags & flag)


def second_is_coming(turn: Turn, reader: int) -> None:
    """Somebody types a PIN: who waits for a second person has his seconds anew, since that may be the one."""
    unit = turn.wiring.unit_of_reader(reader)
    until_ms = turn.now.mono_ms + SECOND_WITHIN_MS
    if escort := escort_at(turn, reader):
        turn.escorts[reader] = escort, until_ms
    guest, first = turn.escorted.get(reader), turn.firsts.get(unit or 0)
    if guest is not None and _waits(turn, guest):
        turn.escorted[reader] = replace(guest, until_ms=until_ms)
    if unit is not None and first is not None and _waits(turn, first):
        turn.firsts = {**turn.firsts, unit: replace(first, until_ms=until_ms)}


def escort_at(turn: Turn, reader: int) -> int:
    """Who may escort and was let in at this reader just now; 0 for nobody."""
    holder, until_ms = turn.escorts.get(reader, (0, 0))
    return holder if turn.now.mono_ms < until_ms else 0


def escorts(turn: Turn, reader: int, holder: int) -> None:
    """This holder takes people in from now on, at the reader where he has shown his card."""
    turn.escorts[reader] = holder, turn.now.mono_ms + SECOND_WITHIN_MS


def awaits_escort(turn: Turn, reader: int, holder: int, card: Presentation) -> None:
    """This holder goes in with the escort who shows a card next."""
    turn.escorted[reader] = _from_now(turn, holder, card, reader)


def wait_no_more(turn: Turn, holders: Collection[int]) -> None:
    """The one whom these waited for has come."""
    turn.firsts = {unit: each for unit, each in turn.firsts.items() if each.holder not in holders}
    turn.escorted = {reader: each for reader, each in turn.escorted.items() if each.holder not in holders}

"""The rules of a door beyond whose card it is: asked by ``protocol.decide`` at doors that have any. Pure.

Order; the first that refuses gives the reason:

1. Anti-passback (``rules.passback``), by where the holder is as far as all devices of the area have told (``rules.places``).
2. Interlock, in both directions: another door of the same number is not shut and locked. The fire input ends it, the exit
   button is not asked.
3. The limit of the area that it leads into (``rules.occupancy``).
4. The PIN, in its hours and inwards: not entered yet, none set, wrong, or tried too often.
5. Two persons (多卡開門), inwards: the first holder waits, and his own cards are no second person.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from protocol.door_rows import AreaRow, DoorRulesRow, Passback
from protocol.pin import PinCheck
from protocol.reasons import Reason
from protocol.rules.occupancy import is_full, is_unknown
from protocol.rules.passback import UNKNOWN, Place, Places, broken
from protocol.schedule import Calendar


class DoorRules(Struct, frozen=True):
    """The rules at one reader, made ready: the areas that it leads into and out of."""

    row: DoorRulesRow
    into: tuple[int, AreaRow | None]
    out_of: tuple[int, AreaRow | None]
    leaving: bool

    @property
    def has_places(self) -> bool:
        """Whether going through here changes a place."""
        return self.into[1] is not None or self.out_of[1] is not None


class RuleState(Struct, frozen=True):
    """What the rules depend on and no row says."""

    places: Places = Places()
    interlocked: bool = False
    """Another door of the interlock is not shut and locked, and there is no fire."""
    inside: frozenset[int] = frozenset()
    """Who is in the area that it leads into, or on the way into it, where that has a limit."""
    pin_blocked: bool = False
    """Too many wrong PINs were entered with this card."""
    first_holder: int = 0
    """Who has shown a card just now and waits for a second person; 0 for nobody."""
    cut_off: bool = False
    """What the other devices of this one's areas recorded is not known here, or too old (``rules.places``)."""
    along: frozenset[int] = frozenset()
    """Who would go in with the holder besides ``first_holder``: a guest who waits for him as his escort."""

    def coming(self, holder: int) -> frozenset[int]:
        """All who would go in by this holder's card."""
        return (self.along | {holder, self.first_holder}) - {0}


NO_RULE_STATE: Final = RuleState()
WITHOUT_PIN: Final = {
    PinCheck.WANTED: Reason.PIN_MISSING,
    PinCheck.NOT_SET: Reason.PIN_NOT_SET,
    PinCheck.BLOCKED: Reason.WRONG_TRIES,
    PinCheck.WRONG: Reason.PIN_WRONG,
}


class Judged(Struct, frozen=True):
    """What becomes of a grant. ``place``: the area where the holder was, as far as known; else ``passback.UNKNOWN``."""

    reason: Reason
    place: int = UNKNOWN


def rules_at(row: DoorRulesRow, areas: dict[int, AreaRow], leaving: bool) -> DoorRules:
    """The rules of a door as they are at a reader that leads in, or out."""
    inside, outside = (row.inside, areas.get(row.inside)), (row.outside, areas.get(row.outside))
    return DoorRules(row, outside if leaving else inside, inside if leaving else outside, leaving)


def judge(
    reason: Reason,
    holder: int,
    place: Place | None,
    rules: DoorRules,
    state: RuleState,
    now_ms: int,
    calendar: Calendar,
    *,
    trusted: bool,
    pin: PinCheck = PinCheck.NOT_ASKED,
) -> Judged:
    """What the rules make of the grant ``reason`` to the ``holder``, who is at that ``place``. ``trusted``: the time is."""
    area = UNKNOWN
    if rules.has_places:
        area = UNKNOWN if place is None else place.area
        asked = (rules.into, rules.out_of, place, now_ms, calendar)
        found = broken(*asked)
        if found is Passback.HARD and not rules.leaving and trusted:
            if not state.cut_off or broken(*asked, cut_off=True) is Passback.HARD:
                return Judged(Reason.PASSBACK, area)
            reason = Reason.GRANTED_PASSBACK_CUT_OFF
        elif found is not Passback.NONE:
            reason = Reason.GRANTED_PASSBACK
    if state.interlocked and rules.row.interlock:
        return Judged(Reason.INTERLOCK, area)
    if not rules.leaving:
        limited, coming = rules.into[1], state.coming(holder)
        if is_unknown(limited, state.inside, coming, cut_off=state.cut_off):
            if limited is not None and not limited.open_when_cut_off:
                return Judged(Reason.LIMIT_CUT_OFF, area)
            if reason in (Reason.GRANTED, Reason.GRANTED_TIME_NOT_CHECKED):
                reason = Reason.GRANTED_LIMIT_CUT_OFF
        elif is_full(limited, state.inside, coming):
            return Judged(Reason.AREA_FULL, area)
    if pin in WITHOUT_PIN:
        return Judged(WITHOUT_PIN[pin], area)
    if rules.row.persons > 1 and not rules.leaving and state.first_holder in (0, holder):
        return Judged(Reason.SECOND_PERSON, area)
    return Judged(reason, area)

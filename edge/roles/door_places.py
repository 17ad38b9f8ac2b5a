"""Where holders are, for anti-passback: set when somebody went through, kept over a restart.

Who was granted is under way from the release of the lock (``goes``) until the contact says that the door was opened, or that
nobody came (``settle``); his new place is stored in the commit of that very outcome. Until then it is stored that he may be
anywhere: after a power cut nobody can tell. A door without a contact, one that stands open, or a release without a record: he
has gone through.
The outcome says so to the centre, which tells the other devices of the area (``protocol.rules.places``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from edge.core.actions import Keep, Record
from edge.roles.door_state import Pending
from edge.roles.turn import Turn
from protocol.facts import Outcome, OutcomeFact
from protocol.limits import PLACES_MAX
from protocol.rules.parts import PARTS
from protocol.rules.passback import UNKNOWN, Place
from protocol.rules.places import FRESH_MS, NOT_SURE_MS

PREFIX: Final = "at/"
_LENGTHS: Final = (4, 8, 4)
"""Bytes of the area, the time and the number of the reset, as they are kept."""
_NOWHERE: Final = 2**32 - 1
"""Kept as the area of whom it is not known where he is."""
_PLACES_A_PART: Final = PLACES_MAX // PARTS


def cut_off(turn: Turn) -> bool:
    """Whether it is not known here what the other devices of its areas recorded until a moment ago (``rules.places``)."""
    return turn.others_ms is None or turn.now.mono_ms - turn.others_ms > FRESH_MS


def goes(turn: Turn, pending: Pending, seq: int | None) -> None:
    """The lock was released for somebody whose place is kept."""
    assert pending.into is not None, "asked for by the caller"
    if seq is None:
        turn.add(*_kept(turn, pending.holders, pending.into))
        return
    turn.passing = {**turn.passing, seq: (pending.holders, pending.into)}
    if seq not in turn.doors[pending.unit].grants:
        turn.gone.add(seq)


def settle(turn: Turn) -> None:
    """Who went through in this step is elsewhere now; who did not, or of whom nothing more can be heard, is where he was."""
    if not turn.passing:
        return
    for number, action in enumerate(list(turn.actions)):
        if isinstance(action, Record) and isinstance(action.body, OutcomeFact):
            going = turn.passing.get(action.body.intent_seq)
            if going is not None:
                turn.actions[number] = _settled(turn, action, action.body, *going)
    waiting = {seq for state in turn.doors.values() for seq in state.grants}
    if not turn.passing.keys() <= waiting:
        turn.passing = {seq: going for seq, going in turn.passing.items() if seq in waiting}


def _settled(turn: Turn, action: Record, body: OutcomeFact, holders: tuple[int, ...], area: int) -> Record:
    """The outcome with what is to be kept in its commit."""
    if body.outcome is Outcome.ENTERED or body.intent_seq in turn.gone:
        body = replace(body, into=area, reset_no=turn.view.last_reset)
        kept = [_set(turn, holder, area) for holder in holders]
    elif body.outcome is Outcome.RELEASED:  # after a power cut from here on nobody can tell whether he went
        unknown = _place(turn, UNKNOWN)
        kept = [(f"{PREFIX}{holder}", _packed(unknown, body.intent_seq)) for holder in holders]
    else:
        kept = [(f"{PREFIX}{holder}", _packed(turn.places.get(holder))) for holder in holders]
    return replace(action, body=body, keep=tuple(kept))


def remember(turn: Turn, name: str, value: bytes) -> None:
    """Take over what was kept before a restart. Who was under way then may be anywhere: the centre is told that."""
    holder = name.removeprefix(PREFIX)
    if not (name.startswith(PREFIX) and holder.isdecimal() and len(value) >= sum(_LENGTHS)):
        return
    numbers, at = [], 0
    for length in (*_LENGTHS, len(value) - sum(_LENGTHS)):
        numbers.append(int.from_bytes(value[at : at + length], "big"))
        at += length
    area, at_ms, reset_no, intent_seq = numbers
    place = Place(UNKNOWN if area == _NOWHERE else area, at_ms, reset_no)
    turn.places = turn.places.with_(int(holder), place)
    if intent_seq:
        turn.record(OutcomeFact(intent_seq, Outcome.UNKNOWN), keep=((name, _packed(place)),))


def _kept(turn: Turn, holders: Iterable[int], area: int) -> list[Keep]:
    return [Keep(*_set(turn, holder, area)) for holder in holders]


def _set(turn: Turn, holder: int, area: int) -> tuple[str, bytes]:
    """The holder is in this area from now on; what to keep of it."""
    beside = turn.places.beside(holder)
    if len(beside) >= _PLACES_A_PART and holder not in beside:
        oldest = min(beside, key=lambda known: beside[known].at_ms)
        turn.places = turn.places.with_all({oldest: None})
        turn.add(Keep(f"{PREFIX}{oldest}", b""))
    place = _place(turn, area)
    turn.places = turn.places.with_(holder, place)
    return f"{PREFIX}{holder}", _packed(place)


def _place(turn: Turn, area: int) -> Place:
    at_ms = max(0, turn.now.instant.utc_ms) if turn.now.instant.trusted else NOT_SURE_MS
    return Place(area, at_ms, turn.view.last_reset)


def _packed(place: Place | None, intent_seq: int = 0) -> bytes:
    """As it is kept; with the seq of the intent by which the holder is under way, where he is."""
    if place is None:
        return b""
    area = _NOWHERE if place.area == UNKNOWN else place.area
    numbers = zip((area, place.at_ms, place.reset_no), _LENGTHS, strict=True)
    end = intent_seq.to_bytes(8, "big") if intent_seq else b""
    return b"".join(number.to_bytes(length, "big") for number, length in numbers) + end

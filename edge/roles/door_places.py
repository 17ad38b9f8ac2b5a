"""Where holders are, for anti-passback: set when somebody went through, kept over a restart.

Who was granted is under way from the release of the lock (``goes``) until the contact says that the door was opened, or that
nobody came (``settle``); his new place is stored in the commit of that very outcome. A door without a contact, one that stands open, or a release without a record: he has gone through.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from edge.core.actions import Keep, Record
from edge.roles.door_state import Pending
from edge.roles.turn import Turn
from protocol.facts import Outcome, OutcomeFact
from protocol.rules.passback import Place

PREFIX: Final = "at/"
_PARTS: Final = (4, 8, 4)
"""Bytes of the area, the time and the number of the reset, as they are kept."""


def goes(turn: Turn, pending: Pending, seq: int | None) -> None:
    """The lock was released for somebody whose place is kept."""
    assert pending.into is not None, "asked for by the caller"
    if seq is not None and seq in turn.doors[pending.unit].grants:
        turn.passing = {**turn.passing, seq: (pending.holders, pending.into)}
    else:
        turn.add(*_kept(turn, pending.holders, pending.into))


def settle(turn: Turn) -> None:
    """Who went through in this step is elsewhere now; who did not, or of whom nothing more can be heard, is where he was."""
    if not turn.passing:
        return
    for number, action in enumerate(list(turn.actions)):
        if isinstance(action, Record) and isinstance(action.body, OutcomeFact):
            going = turn.passing.get(action.body.intent_seq)
            if going is not None and action.body.outcome is Outcome.ENTERED:
                first, *others = going[0]
                turn.actions[number] = replace(action, keep=_set(turn, first, going[1]))
                turn.add(*_kept(turn, others, going[1]))
    waiting = {seq for state in turn.doors.values() for seq in state.grants}
    if not turn.passing.keys() <= waiting:
        turn.passing = {seq: going for seq, going in turn.passing.items() if seq in waiting}


def remember(turn: Turn, name: str, value: bytes) -> None:
    """Take over what was kept before a restart."""
    holder = name.removeprefix(PREFIX)
    if name.startswith(PREFIX) and holder.isdecimal() and len(value) == sum(_PARTS):
        numbers, at = [], 0
        for length in _PARTS:
            numbers.append(int.from_bytes(value[at : at + length], "big"))
            at += length
        turn.places = turn.places.with_(int(holder), Place(*numbers))


def _kept(turn: Turn, holders: Iterable[int], area: int) -> list[Keep]:
    return [Keep(*_set(turn, holder, area)) for holder in holders]


def _set(turn: Turn, holder: int, area: int) -> tuple[str, bytes]:
    """The holder is in this area from now on; what to keep of it."""
    place = Place(area, max(0, turn.now.instant.utc_ms), turn.view.last_reset)
    turn.places = turn.places.with_(holder, place)
    numbers = zip((place.area, place.at_ms, place.reset_no), _PARTS, strict=True)
    return f"{PREFIX}{holder}", b"".join(number.to_bytes(length, "big") for number, length in numbers)

"""Contact and rule of each door, of the three facts that are shown of it (ux.md).

The third, the lock relay, is not evidence but how things are: the device says it while it is online (``sync.status``). Its
release by a card or a button, and its end, are no facts of their own: a swipe costs two commits, and not four.
"""

from __future__ import annotations

from typing import Any, Final

from central.access.model import DoorState
from central.access.projection.batch import DOORS, Batch, Stored
from protocol.facts import Alarm, AlarmFact, DoorEvent, DoorFact

_SHOWS: Final[dict[DoorEvent, dict[str, str]]] = {
    DoorEvent.OPENED: {"contact": "open"},
    DoorEvent.CLOSED: {"contact": "closed"},
    DoorEvent.UNLOCKED: {},
    DoorEvent.LOCKED: {},
    DoorEvent.MODE_CHANGED: {},
}
_CONTACT_OF_ALARM: Final = {Alarm.FORCED_OPEN: "forced", Alarm.HELD_OPEN: "held"}


def door(batch: Batch, stored: Stored, body: DoorFact) -> None:
    """The device said what its door did."""
    by = {"mode_schedule": body.schedule} if body.event is DoorEvent.MODE_CHANGED else {}
    _set(batch, stored, body.door, {**_SHOWS[body.event], "mode": int(body.mode), **by})


def alarm(batch: Batch, stored: Stored, body: AlarmFact) -> None:
    """A door forced or held open shows it at its contact until it is over."""
    contact = _CONTACT_OF_ALARM.get(body.alarm)
    if contact is None:
        return
    if body.raised:
        _set(batch, stored, body.where, {"contact": contact})
    else:  # over: open unless "closed" was said already
        _set(batch, stored, body.where, {"contact": "open"}, only_if_contact=contact)


def _set(
    batch: Batch, stored: Stored, number: int, changes: dict[str, Any], only_if_contact: str | None = None
) -> None:
    known = batch.lookup.door(number)
    if known is None:
        return
    state = DoorState.get_or_none(DoorState.door == known.id)
    order = (state.node_epoch, state.seq) if state is not None else (0, 0)
    if order == stored.order:  # the same fact with a corrected time
        DoorState.update(changed_at=stored.at).where(DoorState.door == known.id).execute()
        return
    if order > stored.order:
        return
    if only_if_contact is not None and (state is None or state.contact != only_if_contact):
        return
    is_new = state is None
    state = state or DoorState(door=known.id)
    for name, value in changes.items():
        setattr(state, name, value)
    state.changed_at = stored.at
    state.node_epoch, state.seq = stored.order
    state.save(force_insert=is_new)
    batch.topics.add(DOORS)

"""Who went where, by the outcomes of the doors that lead to areas; ``central.access.presence`` writes it down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from central.access.model import AccessEvent, Door
from central.access.presence import Went
from central.access.projection.batch import Batch, Stored
from central.cards.rows import holder_number
from protocol.decide import Trust
from protocol.facts import AccessFact, Outcome, OutcomeFact
from protocol.reasons import Reason
from protocol.rules.passback import UNKNOWN
from protocol.rules.places import Passage

_TOGETHER: Final = timedelta(seconds=30)
"""Longer than the first of two people waits for the second."""
_FIELDS: Final = ("person", "card", "point", "door", "leaving", "reason", "at")


def from_memory(batch: Batch, stored: Stored, body: AccessFact) -> None:
    """A door was opened with no record of the intent: this is the only word of it."""
    event = batch.events.get(stored.order)
    if body.into != UNKNOWN and event is not None:
        _went(batch, stored, event, body.into)


def outcome(batch: Batch, stored: Stored, body: OutcomeFact) -> None:
    """Somebody has gone through, and whoever waited for him at a door for two people."""
    if body.into == UNKNOWN and body.outcome is not Outcome.UNKNOWN:
        return
    event = _event(batch, stored.node_epoch, body.intent_seq)
    if event is None or (body.outcome is Outcome.UNKNOWN and not _leads_to_area(event["door"])):
        return
    _went(batch, stored, event, body.into, body.reset_no)
    first = _before(batch, stored.node_epoch, body.intent_seq, event)
    if first is not None and first["reason"] == Reason.SECOND_PERSON:
        _went(batch, stored, first, body.into, body.reset_no)


def _leads_to_area(door_id: int | None) -> bool:
    has_area = Door.inside.is_null(False) | Door.outside.is_null(False)
    return door_id is not None and bool(Door.select().where((Door.id == door_id) & has_area).exists())


def _event(batch: Batch, node_epoch: int, seq: int) -> dict[str, Any] | None:
    found = batch.events.get((node_epoch, seq))
    if found is not None:
        return found
    row = _of_device(batch, node_epoch).where(AccessEvent.seq == seq).first()
    return None if row is None else _as_dict(row)


def _before(batch: Batch, node_epoch: int, seq: int, event: dict[str, Any]) -> dict[str, Any] | None:
    """What was shown at the same side of this door just before."""
    if event["leaving"] or event["door"] is None:
        return None
    earlier = [
        (order[1], row)
        for order, row in batch.events.items()
        if order[0] == node_epoch and order[1] < seq and row["door"] == event["door"] and not row["leaving"]
    ]
    if earlier:
        found = max(earlier, key=lambda each: each[0])[1]
    else:
        is_there = (AccessEvent.seq < seq) & (AccessEvent.door == event["door"]) & ~AccessEvent.leaving
        row = _of_device(batch, node_epoch).where(is_there).order_by(AccessEvent.seq.desc()).first()
        if row is None:
            return None
        found = _as_dict(row)
    return found if event["at"] - found["at"] <= _TOGETHER else None


def _of_device(batch: Batch, node_epoch: int) -> Any:
    return AccessEvent.select().where(
        (AccessEvent.device == batch.device.id) & (AccessEvent.node_epoch == node_epoch)
    )


def _as_dict(row: AccessEvent) -> dict[str, Any]:
    return {name: row.__data__[name] for name in _FIELDS}


def _went(batch: Batch, stored: Stored, event: dict[str, Any], into: int, reset_no: int = 0) -> None:
    person_id, card_id = event["person"], event["card"]
    if person_id is None and card_id is None:
        return  # nobody is known to hold the card, or it is forgotten who did
    holder = holder_number(person_id, card_id or 0)
    went = batch.went.setdefault(holder, Went(person_id, card_id))
    is_sure = stored.fact.clock >= Trust.HOLDOVER
    at_ms = int(stored.at.timestamp() * 1_000) if is_sure else stored.received_ms
    if into == UNKNOWN or not is_sure:
        went.doubt_ms = max(went.doubt_ms, at_ms)
        return
    passage = Passage(at_ms, batch.device.id, *stored.order, into, event["point"] or 0, reset_no)
    went.passages.append(passage)

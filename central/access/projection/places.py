"""Who went where, by the outcomes of the doors that lead to areas; ``central.access.presence`` writes it down."""

from __future__ import annotations

from typing import Any

from central.access.model import Door
from central.access.presence import Went
from central.access.projection.batch import Batch, Stored
from central.access.projection.events import let_in
from central.cards.rows import holder_number
from protocol.decide import Trust
from protocol.facts import AccessFact, Outcome, OutcomeFact
from protocol.rules.passback import UNKNOWN
from protocol.rules.places import Passage


def from_memory(batch: Batch, stored: Stored, body: AccessFact) -> None:
    """A door was opened with no record of the intent: this is the only word of it."""
    event = batch.events.get(stored.order)
    if body.into != UNKNOWN and event is not None:
        _went(batch, stored, event, body.into)


def outcome(batch: Batch, stored: Stored, body: OutcomeFact) -> None:
    """Somebody has gone through, and whoever waited for him: the first of two people, a guest for his escort."""
    if body.into == UNKNOWN and body.outcome is not Outcome.UNKNOWN:
        return
    events = let_in(batch, stored.node_epoch, body.intent_seq)
    if body.outcome is Outcome.UNKNOWN and not any(_leads_to_area(event["door"]) for event in events[:1]):
        return
    for event in events:
        _went(batch, stored, event, body.into, body.reset_no)


def _leads_to_area(door_id: int | None) -> bool:
    has_area = Door.inside.is_null(False) | Door.outside.is_null(False)
    return door_id is not None and bool(Door.select().where((Door.id == door_id) & has_area).exists())


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

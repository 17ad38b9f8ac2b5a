"""Event cards (事件卡): cards that say "all well", "fault" or "help" at any patrol point. Runs inside ``db.write``."""

from __future__ import annotations

from typing import Any

import msgspec

from central.audit import Actor
from central.cards.model import Card
from central.cards.rules import Holding
from central.centre import Centre
from central.errors import ConflictError
from central.patrol.model import Checkpoint, EventCard
from central.patrol.publishing import patrol_changed
from central.patrol.registers import audit
from central.sites.places import check_place
from central.sites.scope import Scope
from protocol.records import PatrolEvent


class EventCardInput(msgspec.Struct, kw_only=True):
    """An event card of an estate: what it is called, its UID, what it says."""

    site: int
    organisation: int
    name: str
    uid: bytes
    event: PatrolEvent


def put_event_card(
    centre: Centre, scope: Scope, actor: Actor, card_id: int | None, given: EventCardInput
) -> EventCard:
    """Enter an event card (None) or change it; it stays in its estate.

    :raises ConflictError: somebody holds the card, or it says something else already, or hangs at a checkpoint.
    """
    found = None if card_id is None else scope.get(EventCard, card_id)
    if found is not None and not found.active:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    before = None if found is None else _row(found)
    check_place(scope, given.site, given.organisation)
    if found is not None and found.site_id != given.site:
        raise ConflictError("An event card stays in its estate.")
    saved = found or EventCard(site=given.site)
    saved.organisation = given.organisation
    others = EventCard.select().where(EventCard.active & (EventCard.id != (card_id or 0)))
    if others.where(EventCard.uid == given.uid).exists():
        raise ConflictError("This card is an event card already.")
    if Checkpoint.select().where(Checkpoint.active & (Checkpoint.place_uid == given.uid)).exists():
        raise ConflictError("This card hangs at another checkpoint.")
    if Card.select().where((Card.uid == given.uid) & (Card.holding == Holding.IN_USE.value)).exists():
        raise ConflictError("Somebody holds this card. An event card is a card that nobody has.")
    saved.name, saved.uid, saved.event = given.name, given.uid, int(given.event)
    saved.save()
    patrol_changed(saved.site_id, centre.clock.now())
    audit(centre, actor, "event_card", saved, before, _row(saved))
    return saved


def take_away_event_card(centre: Centre, scope: Scope, actor: Actor, card_id: int) -> None:
    """The card says nothing any more.

    :raises ConflictError: that is so already.
    """
    found = scope.get(EventCard, card_id)
    check_place(scope, found.site_id, found.organisation_id)
    if not found.active:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    before = _row(found)
    found.active = False
    found.save()
    patrol_changed(found.site_id, centre.clock.now())
    audit(centre, actor, "event_card", found, before, None)


def _row(row: EventCard) -> dict[str, Any]:
    return {
        "name": row.name,
        "card": bytes(row.uid).hex().upper(),
        "event": PatrolEvent(row.event).name.lower(),
    }

"""A person leaves or goes to another organisation: his cards are dealt with in the same act, none is left behind.

Runs inside ``db.write``. A card that goes along keeps those of its rights that the new organisation has too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from central.cards import acts, entitlements
from central.cards.acts import By
from central.cards.model import Card
from central.cards.table import cards_held
from central.errors import ConflictError, InvalidInputError
from central.people import service
from central.people.model import Person
from central.sites.model import Organisation

Fate = Literal["return", "cancel", "along"]
"""Handed in (it must be here), given up, or taken along to the new organisation."""


def depart(
    by: By, person: Person, organisation_id: int | None, fates: Mapping[int, str], *, reason: str
) -> dict[str, Any]:
    """What the audit row says about it.

    :param organisation_id: where the person goes; None: the person leaves.
    :param fates: by card number in the database, one for each card in use.
    :raises InvalidInputError: a card without its fate, no reason, or an organisation that is not there.
    :raises ConflictError: a card cannot be dealt with like this.
    """
    if not reason.strip():
        raise InvalidInputError("A reason is required.")
    if not person.active:
        raise ConflictError("This person has left already.")
    if organisation_id is not None:
        known = Organisation.select().where((Organisation.id == organisation_id) & Organisation.active)
        if organisation_id == person.organisation_id or not known.exists():
            raise InvalidInputError("Choose another organisation.")
    done: dict[str, str] = {}
    for card in cards_held(person.id):
        fate = fates.get(card.id, "")
        _deal_with(by, card, fate, organisation_id, reason)
        done[card.card_no] = fate
    if organisation_id is None:
        service.leave(person, by.at)
    else:
        service.move(person, organisation_id, by.at)
    return {"active": person.active, "organisation": person.organisation_id, "cards": done}


def _deal_with(by: By, card: Card, fate: str, organisation_id: int | None, reason: str) -> None:
    if fate == "return":
        acts.take_back(by, card, reason=reason)
    elif fate == "cancel":
        acts.cancel(by, card, reason=reason, cause="left")
    elif fate == "along" and organisation_id is not None:
        kept = {
            provider.name: sorted(
                set(provider.chosen(card.id))
                & {choice.value for choice in provider.choices(card.site_id, organisation_id)}
            )
            for provider in entitlements.providers()
        }
        acts.move_along(by, card, organisation_id, kept, reason=reason)
    else:
        raise InvalidInputError("Say of each card what becomes of it.")

"""Hands of the card centre on a small estate: issue a card, do something to it, look at it."""

from __future__ import annotations

from collections.abc import Callable

from central.cards import acts
from central.cards.acts import Change, Terms
from central.cards.model import Card
from central.people.model import Person
from tests.support.estate import Estate, by

UID = bytes.fromhex("04A1B2C3")


def issue(estate: Estate, uid: bytes = UID, card_no: str = "00000001", **terms: object) -> int:
    """Issue a card with the estate's class and level, unless said otherwise; its id."""

    def act() -> int:
        person = Person.get_by_id(estate.person)
        given = Terms(
            **{"card_class_id": estate.card_class, "entitlements": {"levels": [estate.level]}, **terms}
        )
        return acts.issue(by(), uid, card_no, person, given).card.id

    return estate.write(act)


def act_on(estate: Estate, card_id: int, act: Callable[[Card], Change]) -> Change:
    """Do something to a card in one transaction."""
    return estate.write(lambda: act(Card.get_by_id(card_id)))


def card(estate: Estate, card_id: int) -> Card:
    """The card as it is stored."""
    return estate.read(Card.get_by_id, card_id)

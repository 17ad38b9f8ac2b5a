"""What a page or the API shows of one card, gathered in one read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from central.cards import entitlements, pins
from central.cards.acts import is_present
from central.cards.credentials import tier_of
from central.cards.delivery import Delivery, delivery_of
from central.cards.history import held_on, unconfirmed_loss
from central.cards.holders import hours_of
from central.cards.inspected import TIER_TEXT
from central.cards.model import Card, CardAct, CardLoss, CardMoney, CardPin, Showing
from central.cards.money import Kind
from central.cards.numbering import printed
from central.cards.ports import places
from central.cards.rows import keys_of
from central.cards.rules import Act, possible_acts, restriction_of, shown_status
from central.cards.table import VOCABULARY
from central.cards.uses import used_count
from central.cards.words import ACT_TEXT, MONEY_TEXT
from central.sites.scope import Scope
from central.web.formats import hours_text
from central.web.i18n import LazyText, Text, _

HISTORY_ROWS = 100


@dataclass(frozen=True)
class Line:
    """One line of the card's history."""

    at: datetime
    what: LazyText
    operator: str
    person: str
    reason: str
    details: dict[str, Any]
    money: list[tuple[LazyText, int]]
    """What was charged, kept or is owed back, in fen."""


@dataclass(frozen=True)
class CardView:
    """One card as it is shown."""

    card: Card
    status: str
    """Name in the vocabulary's group "card"."""
    holder_name: str
    class_name: str
    entitlements: list[tuple[Text, list[str]]]
    chosen: dict[str, list[int]]
    """The same as numbers, by provider."""
    acts: frozenset[Act]
    is_present: bool
    tier: LazyText
    """What it can prove where its zone is read."""
    last_shown: tuple[datetime, str] | None
    """When and at which reader it was shown last."""
    delivery: Delivery | None
    """Of a dead card; None for one that works."""
    history: list[Line]
    printed: str
    """The number that the chip has in the form of its estate; empty where none was chosen."""
    deposit_fen: int
    """What lies on it."""
    forfeits: bool
    """Cancelled, it loses its deposit."""
    used_count: int
    """How often this issue was used, of a card with a limited number of uses."""
    hours: str
    """The times of the day outside which it opens nothing; empty for no limit."""
    pin: CardPin | None
    provisional: CardLoss | None
    """The open provisional loss report that waits for a clerk."""

    def may(self, name: str) -> bool:
        """True when the act of that name is possible now."""
        return Act(name) in self.acts


def view_of(scope: Scope, card_id: int, now: datetime) -> CardView:
    """Read a card in the scope. Inside ``db.read``.

    :raises NotFoundError: no such card, or outside the scope.
    """
    card = scope.get(Card, card_id)
    state = card.state
    readers = {reader.point: reader for reader in places().readers(scope)}
    showing = (
        Showing.select()
        .where(Showing.key.in_([bytes(key) for key in keys_of(card)]))
        .order_by(Showing.shown_at.desc())
        .first()
    )
    where = readers.get(showing.point) if showing is not None else None
    return CardView(
        card=card,
        status=VOCABULARY[shown_status(state, card.valid_from, card.valid_until, now)],
        holder_name=card.person.name if card.person is not None else "",
        class_name=card.card_class.name if card.card_class is not None else "",
        entitlements=[(provider.title, _labels(provider, card)) for provider in entitlements.providers()],
        chosen=entitlements.chosen(card.id),
        acts=frozenset(possible_acts(state)),
        is_present=is_present(card, now),
        tier=TIER_TEXT[tier_of(card)],
        last_shown=(showing.shown_at, where.label if where is not None else "")
        if showing is not None
        else None,
        delivery=delivery_of(card) if restriction_of(state) is not None else None,
        history=_history(card),
        printed=printed(bytes(card.uid or b""), card.site_id),
        deposit_fen=held_on(card),
        forfeits=card.card_class is not None and card.card_class.keeps_deposit,
        used_count=used_count(card) if card.uses_max else 0,
        hours=hours_text(hours_of(card.person_id)),
        pin=pins.of_card(card),
        provisional=unconfirmed_loss(card),
    )


def _labels(provider: entitlements.EntitlementProvider, card: Card) -> list[str]:
    chosen = set(provider.chosen(card.id))
    if not chosen and provider.name == entitlements.DEVICES:
        return [_("No limit")]
    choices = provider.choices(card.site_id, card.organisation_id)
    known = [choice.label for choice in choices if choice.value in chosen]
    return known + [f"#{value}" for value in sorted(chosen - {choice.value for choice in choices})]


def _history(card: Card) -> list[Line]:
    money: dict[int, list[tuple[LazyText, int]]] = {}
    for row in CardMoney.select().where(CardMoney.card == card.id).order_by(CardMoney.id):
        money.setdefault(row.act_id, []).append((MONEY_TEXT[Kind(row.kind)], row.amount_fen))
    lines = CardAct.select().where(CardAct.card == card.id).order_by(CardAct.at.desc(), CardAct.id.desc())
    return [
        Line(
            line.at,
            ACT_TEXT[Act(line.act)],
            line.operator_name,
            line.person.name if line.person is not None else "",
            line.reason,
            line.details,
            money.get(line.id, []),
        )
        for line in lines.limit(HISTORY_ROWS)
    ]

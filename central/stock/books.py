"""The books of the card stock (9): bought = in stock + on its way + in use + returned + not recovered + destroyed.

What was bought stands in the intakes, where each card is stands with the card: two sources that must agree. Runs inside
``db.read`` or ``db.write``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import peewee
from peewee import fn

from central.cards.model import Card, CardDesk, CardIntake
from central.cards.rules import Disable, Holding
from central.cards.table import has_reason
from central.sites.model import Site
from central.sites.scope import Scope
from central.stock.model import TransferCard
from central.web.i18n import LazyText, lazy

_DAMAGED: Final = (Card.holding == Holding.REPLACED.value) & has_reason(Disable.DAMAGED)
IN_HAND: Final = Card.holding.in_([Holding.STOCK.value, Holding.RETURNED.value]) | _DAMAGED
"""Cards that lie at a desk or travel between two."""


def _when(condition: Any) -> Any:
    """1 for a card that fits, else 0."""
    return peewee.Case(None, [(condition, 1)], 0)


PARTS: Final[dict[str, tuple[LazyText, Any]]] = {
    "in_stock": (lazy("In stock"), _when((Card.holding == Holding.STOCK.value) & ~Card.in_transit)),
    "in_transit": (lazy("Between two desks"), _when(Card.in_transit)),
    "in_use": (lazy("In somebody’s hands"), _when(Card.holding == Holding.IN_USE.value)),
    "returned": (
        lazy("Returned, not yet wiped"),
        _when(((Card.holding == Holding.RETURNED.value) | _DAMAGED) & ~Card.in_transit),
    ),
    "not_recovered": (
        lazy("Replaced or cancelled, not recovered"),
        _when(
            (Card.holding == Holding.CANCELLED.value)
            | ((Card.holding == Holding.REPLACED.value) & ~has_reason(Disable.DAMAGED))
        ),
    ),
    "destroyed": (lazy("Destroyed"), _when(Card.holding == Holding.DESTROYED.value)),
}
"""Every card is in exactly one of these."""


@dataclass(frozen=True)
class Books:
    """The figures of one estate."""

    site_id: int
    site_name: str
    bought: int
    """By the intakes."""
    parts: dict[str, int]
    wrong: tuple[LazyText, ...]
    """What does not agree; empty when the books add up."""

    @property
    def sum(self) -> int:
        """Of all parts."""
        return sum(self.parts.values())


def books_of(site: Site) -> Books:
    """Count the cards of an estate and look for what does not agree."""
    bought = CardIntake.select(fn.SUM(CardIntake.cards_count)).where(CardIntake.site == site.id).scalar() or 0
    sums = [fn.COALESCE(fn.SUM(expression), 0).alias(name) for name, (_title, expression) in PARTS.items()]
    row = Card.select(*sums).where(Card.site == site.id).dicts().get()
    parts = {name: int(row[name]) for name in PARTS}
    return Books(site.id, site.name, int(bought), parts, tuple(_wrong(site.id, int(bought), parts)))


def books_in(scope: Scope) -> list[Books]:
    """The estates that the operator sees as a whole: who sees one organisation only cannot add up an estate."""
    sites = Site.select().where(Site.active).order_by(Site.name)
    return [books_of(site) for site in sites if scope.allows(site.id, None)]


def _wrong(site_id: int, bought: int, parts: dict[str, int]) -> list[LazyText]:
    here = Card.site == site_id
    found = []
    if bought != sum(parts.values()):
        found.append(lazy("The intakes have another number of cards than there are."))
    per_intake = (
        CardIntake.select(CardIntake.id)
        .left_outer_join(Card, on=(Card.intake == CardIntake.id))
        .where(CardIntake.site == site_id)
        .group_by(CardIntake.id, CardIntake.cards_count)
        .having(fn.COUNT(Card.id) != CardIntake.cards_count)
    )
    if per_intake.exists():
        found.append(lazy("An intake has another number of cards than it says."))
    travelling = TransferCard.select(TransferCard.card).where(TransferCard.settled_at.is_null())
    lost_track = Card.in_transit != Card.id.in_(travelling)
    if Card.select().where(here & lost_track).exists():
        found.append(lazy("A card is on its way without a transfer, or the other way round."))
    nowhere = (Card.desk.is_null(False) | Card.in_transit) & ~IN_HAND
    if Card.select().where(here & nowhere).exists():
        found.append(lazy("A card lies at a desk that somebody holds or that is gone."))
    if Card.select().where(here & Card.desk.is_null(False) & Card.in_transit).exists():
        found.append(lazy("A card lies at a desk and is on its way."))
    return found


@dataclass(frozen=True)
class DeskLine:
    """What lies at a desk."""

    desk: CardDesk | None
    """None: cards in hand that were never put to a desk."""
    in_stock: int
    returned: int


def desks_in(scope: Scope) -> list[DeskLine]:
    """Desks in the scope with what lies there, those out of use only while something does; at last what lies nowhere."""
    in_stock, returned = PARTS["in_stock"][1], PARTS["returned"][1]
    lies_here = (Card.desk == CardDesk.id) & IN_HAND
    query = (
        CardDesk.select(
            CardDesk,
            fn.COALESCE(fn.SUM(in_stock), 0).alias("stock_count"),
            fn.COALESCE(fn.SUM(returned), 0).alias("returned_count"),
        )
        .join(Card, peewee.JOIN.LEFT_OUTER, on=(lies_here & Card.id.is_null(False)))
        .group_by(CardDesk)
        .order_by(CardDesk.name)
    )
    lines = [
        DeskLine(desk, int(desk.stock_count), int(desk.returned_count))
        for desk in scope.filter(query, CardDesk)
    ]
    loose = Card.select(fn.COALESCE(fn.SUM(in_stock), 0), fn.COALESCE(fn.SUM(returned), 0)).where(
        Card.desk.is_null() & ~Card.in_transit & IN_HAND
    )
    ((stock_count, returned_count),) = scope.filter(loose, Card).tuples()
    kept = [
        line
        for line in lines
        if line.desk is not None and (line.desk.active or line.in_stock or line.returned)
    ]
    return [*kept, DeskLine(None, int(stock_count), int(returned_count))]

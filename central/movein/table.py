"""The lists of move-ins, and of the units of one; how far it is, by building."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import peewee

from central.cards.model import Card, CardClass
from central.households.model import Household, Unit
from central.movein.model import Bag, BagCard, BagState, MoveIn
from central.people.model import Person
from central.sites.model import Site
from central.sites.scope import Scope
from central.web import fold
from central.web.columns import CODE, MOMENT, NUMBER, Column, StatusFormat
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES

_STATES: Final = {state.value: STATUSES["bag"][state.value].text for state in BagState}


@dataclass(frozen=True)
class Progress:
    """How far the units of one building are."""

    building: str
    total: int
    packed: int
    """Packed, signed for or not."""
    signed: int


def progress_of(move_in: MoveIn) -> list[Progress]:
    """By building, in the order of the list. Inside ``db.read``."""

    def count(*states: BagState) -> Any:
        is_one = Bag.state.in_([state.value for state in states])
        return peewee.fn.SUM(peewee.Case(None, [(is_one, 1)], 0))

    query = (
        Bag.select(
            Unit.building,
            peewee.fn.COUNT(Bag.id),
            count(BagState.PACKED, BagState.SIGNED),
            count(BagState.SIGNED),
        )
        .join(Unit)
        .where(Bag.move_in == move_in.id)
        .group_by(Unit.building)
        .order_by(peewee.fn.MIN(Bag.position))
    )
    return [Progress(*map(_plain, row)) for row in query.tuples()]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) else int(value or 0)


def _query(scope: Scope) -> Any:
    count = Bag.select(peewee.fn.COUNT(Bag.id)).where(Bag.move_in == MoveIn.id)
    signed = count.where(Bag.state == BagState.SIGNED.value)
    query = (
        MoveIn.select(
            MoveIn.id,
            MoveIn.name,
            MoveIn.cards_per_unit,
            MoveIn.created_at,
            MoveIn.operator_name,
            CardClass.name.alias("class_name"),
            Site.name.alias("site_name"),
            count.alias("units_count"),
            signed.alias("signed_count"),
        )
        .join(CardClass)
        .switch(MoveIn)
        .join(Site)
    )
    return scope.filter(query, MoveIn)


MOVE_INS: Final = Table(
    name="move-ins",
    title=lazy("Move-in"),
    query=_query,
    key=MoveIn.id,
    sort="-created_at",
    columns=(
        Column("name", lazy("Name of the move-in"), href=lambda row: f"/move-ins/{row.id}"),
        Column("class_name", lazy("Card class")),
        Column("cards_per_unit", lazy("Cards per unit"), NUMBER),
        Column("units_count", lazy("Units"), NUMBER),
        Column("signed_count", lazy("Signed for"), NUMBER),
        Column("operator_name", lazy("Operator")),
        Column("created_at", lazy("Begun"), MOMENT, sort=MoveIn.created_at, sorts_down_first=True),
        Column("site_name", lazy("Estate"), is_shown=False),
    ),
    empty=lazy(
        "A move-in prepares the cards of many units: they are packed in the order of the list and signed for."
    ),
    empty_href="/move-ins/new",
    empty_action=lazy("Begin a move-in"),
)


def bags_table(move_in_id: int) -> Table:
    """The units of one move-in, in the order of the list. The scope of the move-in itself was looked at before."""

    def query(scope: Scope) -> Any:
        cards = BagCard.select(peewee.fn.COUNT(BagCard.id)).where(BagCard.bag == Bag.id).alias("cards_count")
        head = (
            Household.select(Person.name)
            .join(Person)
            .where((Household.unit == Unit.id) & Household.until_on.is_null())
            .order_by(Household.kind, Household.id)
            .limit(1)
            .alias("head_name")
        )
        chosen = Bag.select(
            Bag.id,
            Bag.position,
            Bag.state,
            Bag.packed_at,
            Bag.signed_at,
            Unit.building,
            Unit.number,
            Unit.id.alias("unit_id"),
            cards,
            head,
        ).join(Unit)
        return scope.filter(chosen.where(Bag.move_in == move_in_id), Unit)

    return Table(
        name="bags",
        title=lazy("Units of the move-in"),
        query=query,
        key=Bag.id,
        sort="position",
        columns=(
            Column("position", lazy("Place in the list"), NUMBER, sort=Bag.position),
            Column("building", lazy("Building")),
            Column("number", lazy("Unit"), CODE, href=lambda row: f"/move-ins/bags/{row.id}"),
            Column("head_name", lazy("Head of household")),
            Column("state", lazy("Status"), StatusFormat("bag")),
            Column("cards_count", lazy("Cards"), NUMBER),
            Column("packed_at", lazy("Packed"), MOMENT),
            Column("signed_at", lazy("Signed for"), MOMENT),
        ),
        filters=(
            TextFilter("q", lazy("Unit"), where=lambda text: Unit.fold_key.contains(fold.fold(text))),
            ChoiceFilter("building", lazy("Building"), field=Unit.building),
            ChoiceFilter("state", lazy("Status"), choices=_STATES, field=Bag.state),
        ),
    )


def buildings_of(move_in_id: int) -> list[str]:
    """The buildings of a move-in in the order of the list. Inside ``db.read``."""
    query = Bag.select(Unit.building).join(Unit).where(Bag.move_in == move_in_id)
    return [name for (name,) in query.group_by(Unit.building).order_by(peewee.fn.MIN(Bag.position)).tuples()]


@dataclass(frozen=True)
class Sheet:
    """What labels and receipts say of one unit."""

    bag: Bag
    unit: Unit
    head: str
    card_nos: list[str]


def sheets_of(move_in_id: int, building: str) -> list[Sheet]:
    """The packed units of one building, in the order of the list. Inside ``db.read``."""
    cards: dict[int, list[str]] = {}
    of_building = (Bag.move_in == move_in_id) & (Unit.building == building)
    numbers = BagCard.select(BagCard.bag, Card.card_no).join(Card).switch(BagCard).join(Bag).join(Unit)
    for bag_id, card_no in numbers.where(of_building).order_by(BagCard.id).tuples():
        cards.setdefault(bag_id, []).append(card_no)
    heads = dict(
        Household.select(Household.unit, Person.name)
        .join(Person)
        .where(Household.until_on.is_null())
        .order_by(Household.kind.desc(), Household.id.desc())
        .tuples()
    )
    bags = Bag.select(Bag, Unit).join(Unit).where(of_building).order_by(Bag.position)
    return [
        Sheet(bag, bag.unit, heads.get(bag.unit_id, ""), cards.get(bag.id, []))
        for bag in bags
        if bag.state in (BagState.PACKED.value, BagState.SIGNED.value)
    ]

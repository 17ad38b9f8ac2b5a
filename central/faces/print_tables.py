"""The lists of printing: cards with a box to tick, and the batches that were printed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from markupsafe import Markup

from central.cards.model import Card, CardClass
from central.cards.rules import Holding
from central.cards.table import found_by
from central.faces.model import FaceBatch, FacePrint, Photo
from central.movein.model import Bag, BagCard, MoveIn
from central.people.model import Person
from central.sites.model import Organisation
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, YES, Column, Format
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import _, lazy
from central.web.limits import LIMITS
from central.web.tables import Table

CHOICES_MAX: Final = 200
PRINT_FORM: Final = "print-cards"
"""The id of the form to which the boxes belong; it stands below the list."""
_IN_HAND: Final = (Holding.IN_USE.value, Holding.STOCK.value)
"""Cards of a move-in are printed before anybody holds them."""


class TickFormat(Format):
    """A box to tick; the value is the id of the card and its number."""

    css = "tick"

    def html(self, value: Any) -> Markup:
        return Markup(
            '<label class="cell"><input type="checkbox" name="card" value="{}" form="{}" aria-label="{}"></label>'
        ).format(value[0], PRINT_FORM, _("Print %(number)s", number=value[1]))


def _query(scope: Scope) -> Any:
    query = (
        Card.select(
            Card.id,
            Card.card_no,
            Card.issued_at,
            Card.holder_unit,
            Person.id.alias("person_id"),
            Person.name.alias("person_name"),
            Person.building,
            Person.unit,
            Person.department,
            CardClass.name.alias("class_name"),
            Photo.id.alias("photo_id"),
        )
        .left_outer_join(Person)
        .left_outer_join(Photo, on=(Photo.person == Person.id))
        .switch(Card)
        .left_outer_join(CardClass)
        .where(Card.holding.in_(_IN_HAND))
    )
    return scope.filter(query, Card)


def _printed(value: str) -> Any:
    prints = Card.id.in_(FacePrint.select(FacePrint.card))
    return prints if value == "yes" else ~prints


def _in_move_in(value: str) -> Any:
    return Card.id.in_(BagCard.select(BagCard.card).join(Bag).where(Bag.move_in == int(value)))


CHOOSE: Final = Table(
    name="faces",
    title=lazy("Cards"),
    query=_query,
    key=Card.id,
    sort="card_no",
    columns=(
        Column(
            "tick", lazy("Choose"), TickFormat(), value=lambda row: (row.id, row.card_no), is_exported=False
        ),
        Column("card_no", lazy("Card number"), CODE, sort=Card.card_no, href=lambda row: f"/cards/{row.id}"),
        Column(
            "person_name",
            lazy("Holder"),
            href=lambda row: f"/people/{row.person_id}" if row.person_id else None,
        ),
        Column(
            "unit",
            lazy("Building and unit"),
            value=lambda row: row.holder_unit or f"{row.building or ''} {row.unit or ''}".strip(),
        ),
        Column("department", lazy("Department")),
        Column("class_name", lazy("Card class")),
        Column("photo", lazy("Photo"), YES, value=lambda row: row.photo_id is not None),
        Column("issued_at", lazy("Issued"), MOMENT),
    ),
    filters=(
        TextFilter(
            "q", lazy("Search"), where=found_by, placeholder=lazy("Card number, UID, name, person number")
        ),
        ChoiceFilter("class", lazy("Card class"), where=lambda value: Card.card_class == int(value)),
        ChoiceFilter("building", lazy("Building"), field=Person.building),
        ChoiceFilter("department", lazy("Department"), field=Person.department),
        ChoiceFilter("move_in", lazy("Move-in"), where=_in_move_in),
        ChoiceFilter(
            "printed",
            lazy("Face printed"),
            choices={"no": lazy("Face not printed yet"), "yes": lazy("Printed")},
            where=_printed,
        ),
        DayFilter("issued", lazy("Issued"), field=Card.issued_at),
    ),
    empty=lazy("No card has been issued yet."),
    limits=replace(LIMITS, page_rows=100),
)


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    classes = scope.filter(CardClass.select(CardClass.id, CardClass.name)).order_by(CardClass.name)
    move_ins = scope.filter(MoveIn.select(MoveIn.id, MoveIn.name)).order_by(MoveIn.id.desc())
    return {
        "class": {str(number): name for number, name in classes.limit(CHOICES_MAX).tuples()},
        "building": _texts(scope, Person.building),
        "department": _texts(scope, Person.department),
        "move_in": {str(number): name for number, name in move_ins.limit(CHOICES_MAX).tuples()},
    }


def _texts(scope: Scope, column: Any) -> Choices:
    query = scope.filter(Person.select(column).where(column != "").distinct()).order_by(column)
    return {text: text for (text,) in query.limit(CHOICES_MAX).tuples()}


def _batches(scope: Scope) -> Any:
    query = FaceBatch.select(
        FaceBatch.id,
        FaceBatch.made_at,
        FaceBatch.cards_count,
        FaceBatch.operator_name,
        Organisation.name.alias("organisation_name"),
    ).join(Organisation)
    return scope.filter(query, FaceBatch)


BATCHES: Final = Table(
    name="batches",
    title=lazy("Printed card faces"),
    query=_batches,
    key=FaceBatch.id,
    sort="-made_at",
    columns=(
        Column(
            "made_at",
            lazy("Printed at"),
            MOMENT,
            sort=FaceBatch.made_at,
            sorts_down_first=True,
            href=lambda row: f"/faces/batches/{row.id}",
        ),
        Column("cards_count", lazy("Cards"), NUMBER),
        Column("organisation_name", lazy("Organisation")),
        Column("operator_name", lazy("Printed by")),
    ),
    filters=(DayFilter("made", lazy("Printed at"), field=FaceBatch.made_at),),
    empty=lazy("No card face has been printed yet."),
    empty_href="/faces/print",
    empty_action=lazy("Print card faces"),
)

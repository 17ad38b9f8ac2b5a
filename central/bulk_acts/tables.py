"""The lists of bulk acts, and of the cards of one of them."""

from __future__ import annotations

from typing import Any, Final

from central.bulk_acts.kinds import kind_of
from central.bulk_acts.model import BulkAct, BulkCard
from central.bulk_acts.rules import ItemState, State
from central.cards.model import Card
from central.people.model import Person
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, Column, StatusFormat
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import Text, _, lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES


def _title(name: str) -> str:
    kind = kind_of(name)
    return name if kind is None else str(kind.title)


def _bulks(scope: Scope) -> Any:
    query = BulkAct.select(BulkAct, Site.name.alias("site_name")).join(Site)
    return scope.filter(query, BulkAct)


def _words(group: str, names: list[str]) -> dict[str, Text]:
    return {name: STATUSES[group][name].text for name in names}


BULKS: Final = Table(
    name="bulks",
    title=lazy("Bulk acts"),
    query=_bulks,
    key=BulkAct.id,
    sort="-entered_at",
    columns=(
        Column(
            "entered_at",
            lazy("Time"),
            MOMENT,
            sort=BulkAct.entered_at,
            sorts_down_first=True,
            href=lambda row: f"/cards/bulk/{row.id}",
        ),
        Column("kind", lazy("Act"), value=lambda row: _title(row.kind)),
        Column("state", lazy("Status"), StatusFormat("bulk")),
        Column("operator_name", lazy("Operator")),
        Column("approved_by", lazy("Approved by")),
        Column("reason", lazy("Reason")),
        Column("site_name", lazy("Estate")),
    ),
    filters=(
        ChoiceFilter(
            "state", lazy("Status"), choices=_words("bulk", [s.value for s in State]), field=BulkAct.state
        ),
        DayFilter("at", lazy("Day"), field=BulkAct.entered_at),
    ),
    empty=lazy("Filter the list of cards, then press the button for a bulk act there."),
    empty_href="/cards",
    empty_action=lazy("Cards"),
)


def make_cards_table(bulk_id: int) -> Table:
    """The cards of one bulk act, with what became of each: the report of done and failed."""

    def query(scope: Scope) -> Any:
        found = (
            BulkCard.select(
                BulkCard.id,
                BulkCard.state,
                BulkCard.problem,
                Card.id.alias("card_id"),
                Card.card_no,
                Person.name.alias("person_name"),
                Person.department,
            )
            .join(Card)
            .left_outer_join(Person)
            .where(BulkCard.bulk == bulk_id)
        )
        return scope.filter(found, Card)

    return Table(
        name="bulk_cards",
        title=lazy("Cards of this bulk act"),
        query=query,
        key=BulkCard.id,
        sort="number",
        columns=(
            Column(
                "number", lazy("Number"), NUMBER, sort=BulkCard.id, value=lambda row: row.id, is_shown=False
            ),
            Column("card_no", lazy("Card number"), CODE, href=lambda row: f"/cards/{row.card_id}"),
            Column("person_name", lazy("Holder")),
            Column("department", lazy("Department")),
            Column("state", lazy("Status"), StatusFormat("bulk_card")),
            Column("problem", lazy("Why not"), value=lambda row: _(row.problem) if row.problem else ""),
        ),
        filters=(
            ChoiceFilter(
                "state",
                lazy("Status"),
                choices=_words("bulk_card", [s.value for s in ItemState]),
                field=BulkCard.state,
            ),
        ),
    )

"""The lists of hand-overs, of what is counted at a desk, and of papers that are kept there."""

from __future__ import annotations

from typing import Any, Final

from central.duty.model import DeskItem, HandOver, KeptPaper
from central.duty.rules import DELIVERY_TEXT, ITEM_TEXT
from central.households.model import Unit
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web import fold
from central.web.columns import CODE, LONG, MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES


def _hand_overs(scope: Scope) -> Any:
    query = (
        HandOver.select(
            HandOver.id,
            HandOver.number,
            HandOver.signed_at,
            HandOver.outgoing_name,
            HandOver.incoming_name,
            HandOver.differences_count,
            HandOver.content,
            Site.name.alias("site_name"),
            Organisation.name.alias("organisation_name"),
        )
        .join(Site, on=(HandOver.site == Site.id))
        .switch(HandOver)
        .join(Organisation, on=(HandOver.organisation == Organisation.id))
    )
    return scope.filter(query, HandOver)


HAND_OVERS: Final = Table(
    name="shift_hand_overs",
    title=lazy("Shift hand-overs"),
    query=_hand_overs,
    key=HandOver.id,
    sort="-signed_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("signed_at", lazy("Time"), MOMENT, sort=HandOver.signed_at, sorts_down_first=True),
        Column(
            "number",
            lazy("Number"),
            CODE,
            value=lambda row: f"{row.number:06d}",
            href=lambda row: f"/duty/hand-overs/{row.id}",
        ),
        Column("outgoing_name", lazy("Handed over by")),
        Column("incoming_name", lazy("Taken over by")),
        Column("alarms", lazy("Open alarms"), NUMBER, value=lambda row: _content(row)["alarms_count"]),
        Column(
            "visitors", lazy("Visitors inside"), NUMBER, value=lambda row: _content(row)["visitors_count"]
        ),
        Column("differences_count", lazy("Differences"), NUMBER),
        Column("remarks", lazy("Remarks"), LONG, value=lambda row: _content(row)["remarks"]),
        Column("site_name", lazy("Estate"), is_shown=False),
        Column("organisation_name", lazy("Organisation"), is_shown=False),
    ),
    filters=(
        DayFilter("signed", lazy("Day"), field=HandOver.signed_at),
        TextFilter(
            "operator",
            lazy("Operator"),
            where=lambda text: HandOver.outgoing_name.contains(text) | HandOver.incoming_name.contains(text),
        ),
        ChoiceFilter(
            "counts",
            lazy("Counts"),
            choices={"differ": lazy("With differences"), "agree": lazy("Everything there")},
            where=lambda value: (
                HandOver.differences_count > 0 if value == "differ" else HandOver.differences_count == 0
            ),
        ),
    ),
    empty=lazy("At the end of a shift both sign what stands: alarms, visitors, keys, cards, cash."),
    empty_href="/duty/hand-overs/new",
    empty_action=lazy("Hand the shift over"),
)


def _content(row: Any) -> dict[str, Any]:
    content: dict[str, Any] = row.content
    return content


def _items(scope: Scope) -> Any:
    query = (
        DeskItem.select(
            DeskItem.id,
            DeskItem.name,
            DeskItem.kind,
            DeskItem.pieces_count,
            DeskItem.active,
            Site.name.alias("site_name"),
            Organisation.name.alias("organisation_name"),
        )
        .join(Site, on=(DeskItem.site == Site.id))
        .switch(DeskItem)
        .join(Organisation, on=(DeskItem.organisation == Organisation.id))
    )
    return scope.filter(query, DeskItem)


ITEMS: Final = Table(
    name="desk_items",
    title=lazy("Counted at the desk"),
    query=_items,
    key=DeskItem.id,
    sort="name",
    columns=(
        Column("name", lazy("Name"), sort=DeskItem.name, href=lambda row: f"/duty/items/{row.id}"),
        Column("kind", lazy("Kind"), WordFormat(ITEM_TEXT)),
        Column("pieces_count", lazy("Pieces altogether"), NUMBER),
        Column(
            "state", lazy("Status"), StatusFormat("enabled"), value=lambda row: "yes" if row.active else "no"
        ),
        Column("site_name", lazy("Estate")),
        Column("organisation_name", lazy("Organisation"), is_shown=False),
    ),
    filters=(ChoiceFilter("kind", lazy("Kind"), choices=ITEM_TEXT, field=DeskItem.kind),),
    empty=lazy("Keys, temporary cards and equipment that each shift counts when it hands over."),
    empty_href="/duty/items/new",
    empty_action=lazy("New item"),
)


def _papers(scope: Scope) -> Any:
    query = KeptPaper.select(
        KeptPaper.id,
        KeptPaper.what,
        KeptPaper.kept_at,
        KeptPaper.kept_by,
        KeptPaper.delivered_at,
        KeptPaper.delivered_by,
        KeptPaper.how,
        Unit.building,
        Unit.number.alias("unit_number"),
    ).join(Unit)
    return scope.filter(query, KeptPaper)


def paper_state(row: Any) -> str:
    """Name in the vocabulary's group "paper"."""
    return "kept" if row.delivered_at is None else "done"


PAPERS: Final = Table(
    name="kept_papers",
    title=lazy("Papers to be delivered"),
    query=_papers,
    key=KeptPaper.id,
    sort="-kept_at",
    columns=(
        Column("kept_at", lazy("Kept since"), MOMENT, sort=KeptPaper.kept_at, sorts_down_first=True),
        Column("what", lazy("Notice or letter"), href=lambda row: f"/duty/papers/{row.id}"),
        Column("unit", lazy("Unit"), value=lambda row: f"{row.building} {row.unit_number}".strip()),
        Column("state", lazy("Status"), StatusFormat("paper"), value=paper_state),
        Column(
            "how", lazy("How it was delivered"), WordFormat(DELIVERY_TEXT), value=lambda row: row.how or None
        ),
        Column("delivered_at", lazy("Done at"), MOMENT),
        Column("delivered_by", lazy("Done by")),
        Column("kept_by", lazy("Operator"), is_shown=False),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: KeptPaper.what.contains(text) | Unit.fold_key.contains(fold.fold(text)),
            placeholder=lazy("Unit or paper"),
        ),
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={name: state.text for name, state in STATUSES["paper"].items()},
            where=lambda value: KeptPaper.delivered_at.is_null(value == "kept"),
        ),
        DayFilter("kept", lazy("Kept since"), field=KeptPaper.kept_at),
    ),
    empty=lazy("Notices and letters that could not be handed over lie here until they are delivered."),
    empty_href="/duty/papers/new",
    empty_action=lazy("Keep a paper"),
)

"""掛失查詢 (69): which cards are dead, since when, and at how many doors that is known."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.access.held import acknowledged_count, doors_count
from central.access.words import REASON_TEXT
from central.cards.model import Card
from central.cards.rules import restriction_of
from central.cards.table import found_by, state_of
from central.people.exporting import audited
from central.people.model import Person
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.figures import Figure
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    query = (
        Card.select(
            Card.id,
            Card.card_no,
            Card.holding,
            Card.reasons,
            Card.holder_unit,
            Card.dead_since,
            Card.changed_at,
            Card.person.alias("person_id"),
            Person.name.alias("person_name"),
            Person.department,
            doors_count().alias("doors_count"),
            acknowledged_count().alias("acknowledged_count"),
        )
        .left_outer_join(Person)
        .where(Card.dead_since.is_null(False))
    )
    return scope.filter(query, Card)


def _reason(row: Any) -> int | None:
    reason = restriction_of(state_of(row.holding, row.reasons))
    return None if reason is None else int(reason)


_COMPLETE: Final = acknowledged_count() >= doors_count()

HOTLIST: Final = Table(
    name="hotlist",
    title=lazy("Hotlist"),
    query=_query,
    key=Card.id,
    sort="-changed_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("card_no", lazy("Card number"), CODE, sort=Card.card_no, href=lambda row: f"/cards/{row.id}"),
        Column(
            "person_name",
            lazy("Holder"),
            value=lambda row: row.person_name or row.holder_unit,
            href=lambda row: f"/people/{row.person_id}" if row.person_id else None,
        ),
        Column("department", lazy("Department")),
        Column("reason", lazy("Reason"), WordFormat(REASON_TEXT), value=_reason),
        Column("dead_since", lazy("Dead since"), MOMENT),
        Column("acknowledged_count", lazy("Doors that refuse it"), NUMBER),
        Column("doors_count", lazy("Doors"), NUMBER),
        Column(
            "delivery",
            lazy("Delivery"),
            StatusFormat("delivery"),
            value=lambda row: "delivered" if row.acknowledged_count >= row.doors_count else "pending",
        ),
        Column("changed_at", lazy("Changed"), MOMENT, sort=Card.changed_at, is_shown=False),
    ),
    filters=(
        TextFilter(
            "q", lazy("Search"), where=found_by, placeholder=lazy("Card number, UID, name, person number")
        ),
        DayFilter("dead_since", lazy("Dead since"), field=Card.dead_since),
        ChoiceFilter(
            "delivery",
            lazy("Delivery"),
            choices={"delivered": lazy("Delivered"), "pending": lazy("Not delivered")},
            where=lambda value: _COMPLETE if value == "delivered" else ~_COMPLETE,
        ),
    ),
    empty=lazy("No card is reported lost, suspended, returned or cancelled."),
)


FIGURES: Final = [
    Figure(
        "dead_cards",
        lazy("Dead cards that a door does not refuse yet"),
        "/access/hotlist",
        HOTLIST,
        {"delivery": "pending"},
        tone="warn",
        order=40,
    )
]


async def list_hotlist(request: web.Request) -> web.Response:
    """GET /access/hotlist"""
    return await list_page(
        request,
        HOTLIST,
        scope_of(request),
        template="access/hotlist.html",
        export_path="/access/hotlist/export",
    )


async def export_hotlist(request: web.Request) -> web.StreamResponse:
    """GET /access/hotlist/export"""
    return await list_export(request, HOTLIST, scope_of(request), on_export=audited("access.export"))


NAV: Final = [NavItem("access", lazy("Hotlist"), "/access/hotlist", order=40)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/hotlist", list_hotlist, ("access", "view")),
    Route("GET", "/access/hotlist/export", export_hotlist, ("access", "export")),
]

"""The reports of the card centre: page, files, print view and API of each, from one definition (52-56)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from central.centre import centre_of
from central.people.exporting import audited
from central.reports import (
    balances,
    certificate_pages,
    extensions,
    holders,
    issues,
    losses,
    slip_pages,
    stock,
)
from central.reports.common import NOT_KEPT_NOTE
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.fields import Choices
from central.web.i18n import Text
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import settle
from central.web.tables import Table

_SHAPE_AT: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Only for the document of the API: a report that depends on the time is made at each request."""


@dataclass(frozen=True)
class Report:
    """One report. ``choices`` runs inside ``db.read``; ``note`` stands above the list."""

    path: str
    make: Callable[..., Table]
    """From the present time, and the address where the columns depend on it."""
    choices: Callable[[Scope], dict[str, Choices]]
    note: Text = ""
    summary: str = ""
    """What the document of the API calls it."""
    has_period: bool = False
    """Its columns depend on a period in the address."""

    def routes(self) -> list[Route]:
        """Page, files and API; who may see cards sees it, who may take cards away takes it away."""
        address = f"/reports/{self.path}"

        async def page(request: web.Request) -> web.Response:
            table, scope, choices = await self._read(request)
            return await list_page(
                request,
                table,
                scope,
                template="reports/list.html",
                choices=choices,
                export_path=f"{address}/export",
                context={"note": self.note},
            )

        async def export(request: web.Request) -> web.StreamResponse:
            table, scope, choices = await self._read(request)
            return await list_export(
                request, table, scope, choices=choices, on_export=audited("cards.export")
            )

        @describes(self.summary, rows=self.make(_SHAPE_AT))
        async def api(request: web.Request) -> web.Response:
            table, scope, choices = await self._read(request)
            return await list_json(request, table, scope, choices=choices)

        return [
            Route("GET", address, page, ("cards", "view")),
            Route("GET", f"{address}/export", export, ("cards", "export")),
            Route("GET", f"/api{address}", api, ("cards", "view")),
        ]

    async def _read(self, request: web.Request) -> tuple[Table, Scope, dict[str, Choices]]:
        settle(request)
        centre, scope = centre_of(request), scope_of(request)
        about = (request.query,) if self.has_period else ()
        return self.make(centre.clock.now(), *about), scope, await centre.db.read(self.choices, scope)


REPORTS: Final = (
    Report("issues", lambda now: issues.ISSUES, issues.choices, "", "Cards issued"),
    Report(
        "balances",
        balances.make_table,
        balances.choices,
        "",
        "Cards and their balances",
        has_period=True,
    ),
    Report(
        "extensions", lambda now: extensions.EXTENSIONS, extensions.choices, NOT_KEPT_NOTE, "Cards extended"
    ),
    Report("losses", lambda now: losses.LOSSES, losses.choices, "", "Cards reported lost"),
    Report("stock", lambda now: stock.STOCK, stock.choices, "", "Where the cards are"),
    Report("holders", holders.make_table, holders.choices, "", "Who has which cards"),
)

NAV: Final = [
    NavItem("reports", report.make(_SHAPE_AT).title, f"/reports/{report.path}", order=10 + number)
    for number, report in enumerate(REPORTS)
] + certificate_pages.NAV
ROUTES: Final[list[Route]] = [
    *(route for report in REPORTS for route in report.routes()),
    *certificate_pages.ROUTES,
    *slip_pages.ROUTES,
]

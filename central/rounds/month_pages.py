"""The monthly sheet for the property manager: figures, plots, the worst points, reliefs and doubts; as a page and on paper."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError
from central.people.inputs import row_id
from central.people.table import sites_in
from central.rounds.asking import Asker, asker_of
from central.rounds.judging import judgement
from central.rounds.marks import to_at, to_ms
from central.rounds.missed import FIGURE_TEXT, Line, Sums, calculated, sums_of
from central.rounds.model import Relief
from central.rounds.records import result_of
from central.rounds.words import COPY, FLAG_TEXT, RESULT_TEXT, STATE_TEXT
from central.routes import Route
from central.sites.model import Site
from central.web import formats
from central.web.days import day_start
from central.web.i18n import LazyText, lazy
from central.web.nav import NavItem
from central.web.render import SHELL, render, settle
from protocol.rules.patrol.calculate import Filters

WORST_MAX: Final = 10
_MONTH: Final = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


class ReliefLine(msgspec.Struct, frozen=True):
    """A relief that touches the month."""

    from_at: datetime
    until_at: datetime
    route: str
    guard: str
    reason: str


class Sheet(msgspec.Struct, frozen=True):
    """The sheet of one estate and month, as it stands at the time it was made."""

    site_id: int
    site: str
    month: str
    from_at: datetime
    until_at: datetime
    made_at: datetime
    sums: Sums
    rounds: tuple[tuple[LazyText, int], ...]
    scans: int
    others: tuple[tuple[LazyText, int], ...]
    flags: tuple[tuple[LazyText, int], ...]
    worst: tuple[Line, ...]
    reliefs: tuple[ReliefLine, ...]

    @property
    def is_final(self) -> bool:
        """Nothing is pending any more."""
        return not self.sums.total.figures.pending


def sheet_of(asker: Asker, site_id: int, first_on: date) -> Sheet:
    """The sheet of a month; inside ``db.read``.

    :raises NotFoundError: there is no such estate in the scope.
    """
    site = asker.scope.get(Site, site_id)
    from_at, until_at = day_start(first_on), day_start(_next_month(first_on))
    found = judgement(asker.scope, site_id, to_ms(from_at), to_ms(until_at), to_ms(asker.now))
    sums = sums_of(found, calculated(found, Filters()))
    states = Counter(made.state.name.lower() for made in found.rounds)
    results = Counter(result_of(one) for one in found.scans if one.serves is None or one.is_double)
    flags = Counter(flag.name.lower() for one in found.scans for flag in one.flags)
    flags[COPY] = sum(one.is_copy for one in found.scans)
    by_checkpoint = sums.tables[2][1]
    worst = sorted(by_checkpoint, key=lambda line: (-line.figures.missed, line.name))
    reliefs = Relief.select().where(
        (Relief.site == site_id)
        & Relief.withdrawn_at.is_null()
        & (Relief.from_at < until_at)
        & (Relief.until_at > from_at)
    )
    return Sheet(
        site_id,
        site.name,
        f"{first_on:%Y-%m}",
        from_at,
        until_at,
        asker.now,
        sums,
        tuple((word, states[name]) for name, word in STATE_TEXT.items() if states[name]),
        len(found.scans),
        tuple((word, results[name]) for name, word in RESULT_TEXT.items() if results[name]),
        tuple((word, flags[name]) for name, word in FLAG_TEXT.items() if flags[name]),
        tuple(line for line in worst if line.figures.missed)[:WORST_MAX],
        tuple(
            ReliefLine(
                row.from_at,
                row.until_at,
                found.names.routes.get(row.route_id, ""),
                found.names.guards.get(row.guard_id, ""),
                row.reason,
            )
            for row in reliefs.order_by(Relief.from_at, Relief.id)
            if row.route_id in found.names.routes
        ),
    )


def _next_month(first_on: date) -> date:
    return date(first_on.year + first_on.month // 12, first_on.month % 12 + 1, 1)


async def _context(request: web.Request) -> dict[str, Any]:
    settle(request)
    asker, centre = asker_of(request), centre_of(request)
    text = request.query.get("month", "") or f"{formats.local(asker.now):%Y-%m}"
    parts = _MONTH.fullmatch(text)
    if parts is None:
        raise InvalidInputError("A month is written as 2026-11.")
    first_on = date(int(parts[1]), int(parts[2]), 1)
    sites = await centre.db.read(sites_in, asker.scope)
    site_id = row_id(request.query.get("site", "")) or next((number for number, _name in sites), 0)
    sheet = await centre.db.read(sheet_of, asker, site_id, first_on) if site_id else None
    return {
        "sites": sites,
        "site_id": site_id,
        "month": text,
        "sheet": sheet,
        "figures": FIGURE_TEXT,
        "organisation_name": request.app[SHELL].organisation(request),
        "last_at": None if sheet is None else to_at(to_ms(sheet.until_at) - 1),
    }


async def show_month(request: web.Request) -> web.Response:
    """GET /patrol/month?site=1&month=2026-11 (default: the first estate, this month)"""
    return await render(request, "rounds/month.html", await _context(request))


async def print_month(request: web.Request) -> web.Response:
    """GET /patrol/month/paper: the same for the printer."""
    return await render(request, "rounds/month_paper.html", await _context(request))


NAV: Final = [NavItem("patrol", lazy("Monthly sheet"), "/patrol/month", order=75)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/month", show_month, ("patrol", "view")),
    Route("GET", "/patrol/month/paper", print_month, ("patrol", "export")),
]

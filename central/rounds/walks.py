"""The rounds of a span and how far each is."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

from central.rounds.asking import PERIOD, ROUTE, SITE, Asker, judged_for, number_asked
from central.rounds.judging import SiteJudgement
from central.rounds.marks import to_at
from central.rounds.records import guards_words
from central.rounds.words import STATE_TEXT
from central.web import formats
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat
from central.web.filters import ChoiceFilter
from central.web.found import POSITION_COLUMN, Found, FoundRow, FoundTable, FoundView
from central.web.i18n import lazy
from protocol.rules.patrol.judge import VISITED, JudgedRound, Result


class Walk(FoundRow, kw_only=True):
    """A round, its state, and what became of its stops."""

    site_id: int
    round_at: datetime
    end_at: datetime
    route_id: int
    route: str
    guards: str
    state: str
    stops: int
    visited: int
    missed: int
    pending: int
    no_evidence: int
    remarks: int
    """Stops that were visited, but early, late, out of order, by another guard or proved later."""


def walk_of(found: SiteJudgement, made: JudgedRound) -> Walk:
    """A judged round in words."""
    counts = Counter(one.result for one in made.visits)
    visited = sum(counts[result] for result in VISITED)
    return Walk(
        site_id=found.site_id,
        round_at=to_at(made.round.start_ms),
        end_at=to_at(made.visits[-1].visit.closes_ms),
        route_id=made.round.route,
        route=found.names.routes.get(made.round.route, ""),
        guards=guards_words(found.names, made.visits[0], found.reliefs),
        state=made.state.name.lower(),
        stops=len(made.visits),
        visited=visited,
        missed=counts[Result.MISSED],
        pending=counts[Result.PENDING],
        no_evidence=counts[Result.NO_EVIDENCE],
        remarks=visited - counts[Result.ON_TIME],
    )


def find(asker: Asker, view: FoundView) -> Found:
    """The rounds that a view asks for; inside ``db.read``."""
    found = judged_for(asker, view)
    if found is None:
        return Found([])
    route, state = number_asked(view, "route"), view.asked("state")
    rows = [walk_of(found, made) for made in found.rounds if not route or made.round.route == route]
    rows = [row for row in rows if state is None or row.state == state]
    counts = Counter(row.state for row in rows)
    by_state = [(str(STATE_TEXT[name]), counts[name]) for name in STATE_TEXT if counts[name]]
    return Found(rows, [(lazy("By state"), by_state)], found)


def _records_path(row: Walk) -> str:
    begins, ends = (formats.local(at).strftime("%Y-%m-%dT%H:%M") for at in (row.round_at, row.end_at))
    return f"/patrol/records?site={row.site_id}&route={row.route_id}&period_from={begins}&period_until={ends}"


WALKS: Final = FoundTable(
    name="patrol-walks",
    title=lazy("Rounds and their state"),
    find=find,
    columns=(
        POSITION_COLUMN,
        Column("round_at", lazy("Round began"), MOMENT, href=_records_path),
        Column("route", lazy("Patrol route")),
        Column("guards", lazy("Guards")),
        Column("state", lazy("State"), StatusFormat("round")),
        Column("stops", lazy("Stops"), NUMBER),
        Column("visited", lazy("Visited"), NUMBER),
        Column("remarks", lazy("With a remark"), NUMBER),
        Column("missed", lazy("Missed"), NUMBER),
        Column("pending", lazy("Pending"), NUMBER),
        Column("no_evidence", lazy("No evidence"), NUMBER),
    ),
    filters=(SITE, PERIOD, ROUTE, ChoiceFilter("state", lazy("State"), choices=dict(STATE_TEXT))),
    empty=lazy("No round is planned for this period. Without a period: yesterday and today."),
    empty_href="/patrol/routes",
    empty_action=lazy("Patrol routes"),
)

"""遺漏計算 (82): how many visits were planned in a free span, what became of them, and every one that was missed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from central.rounds.asking import (
    CHECKPOINT,
    GUARD,
    PERIOD,
    ROUTE,
    SITE,
    Asker,
    judged_for,
    number_asked,
)
from central.rounds.judging import Names, SiteJudgement
from central.rounds.marks import to_at
from central.rounds.model import PurgedSpan
from central.rounds.records import guards_words
from central.web.columns import MOMENT, Column
from central.web.found import POSITION_COLUMN, Found, FoundRow, FoundTable, FoundView, Groups
from central.web.i18n import LazyText, _, lazy
from protocol.rules.patrol.calculate import Calculation, Figures, Filters, calculate
from protocol.rules.patrol.judge import Judged

FIGURE_TEXT: Final[dict[str, LazyText]] = {
    "expected": lazy("Planned"),
    "visited": lazy("Visited"),
    "missed": lazy("Missed"),
    "pending": lazy("Pending"),
    "no_evidence": lazy("No evidence"),
    "on_time": lazy("On time"),
    "early": lazy("Early"),
    "late": lazy("Late"),
    "out_of_order": lazy("Out of order"),
    "wrong_guard": lazy("Wrong guard"),
    "late_proved": lazy("Proved later"),
}


class MissedPoint(FoundRow, kw_only=True):
    """A visit that nobody made."""

    planned_at: datetime
    closed_at: datetime
    round_at: datetime
    route_id: int
    route: str
    checkpoint_id: int
    checkpoint: str
    place: str
    guards: str


class Line(msgspec.Struct, frozen=True):
    """One row of a table of figures. ``number``: of the guard, route or checkpoint, 0 for nobody; the day's ordinal."""

    number: int
    name: str
    figures: Figures

    @property
    def rate(self) -> str:
        """The share of the judged visits that was missed: ``12.5 %``; a dash when none is judged yet."""
        return rate_words(self.figures)


class Sums(msgspec.Struct, frozen=True):
    """The calculation in words: the whole, and by guard, route, checkpoint and day of the round."""

    judgement: SiteJudgement
    calculation: Calculation
    total: Line
    tables: tuple[tuple[LazyText, tuple[Line, ...]], ...]
    purged: tuple[PurgedSpan, ...]


def rate_words(figures: Figures) -> str:
    """Missed among judged, in tenths of a percent, half up."""
    if not figures.judged:
        return "—"
    tenths = (figures.missed * 2_000 + figures.judged) // (figures.judged * 2)
    return f"{tenths // 10}.{tenths % 10} %"


def calculated(found: SiteJudgement, filters: Filters) -> Calculation:
    """The rule's calculation of a judged span."""
    return calculate(found.visits, found.from_ms, found.until_ms, filters, found.reliefs)


def sums_of(found: SiteJudgement, made: Calculation) -> Sums:
    """In words; inside ``db.read``."""
    names = found.names
    purged = PurgedSpan.select().where(
        (PurgedSpan.site == found.site_id)
        & (PurgedSpan.from_at < to_at(found.until_ms))
        & (PurgedSpan.until_at > to_at(found.from_ms))
    )
    nobody = _("Group tours, nobody in particular")
    return Sums(
        found,
        made,
        Line(0, _("Total"), made.total),
        (
            (lazy("By guard"), _lines(made.by_guard, lambda n: names.guards.get(n, str(n)) if n else nobody)),
            (lazy("By route"), _lines(made.by_route, lambda n: names.routes.get(n, str(n)))),
            (lazy("By checkpoint"), _lines(made.by_checkpoint, lambda n: names.checkpoints.get(n, str(n)))),
            (lazy("By day"), _lines(made.by_day, lambda n: date.fromordinal(n).isoformat())),
        ),
        tuple(purged.order_by(PurgedSpan.from_at)),
    )


def _lines(pairs: Iterable[tuple[int, Figures]], name: Callable[[int], str]) -> tuple[Line, ...]:
    return tuple(Line(number, name(number), figures) for number, figures in pairs)


def missed_points(found: SiteJudgement, missed: Sequence[Judged]) -> list[MissedPoint]:
    """Each missed visit, by planned time."""
    names: Names = found.names
    return [
        MissedPoint(
            planned_at=to_at(one.visit.planned_ms),
            closed_at=to_at(one.visit.closes_ms),
            round_at=to_at(one.visit.round.start_ms),
            route_id=one.visit.round.route,
            route=names.routes.get(one.visit.round.route, ""),
            checkpoint_id=one.visit.checkpoint,
            checkpoint=names.checkpoints.get(one.visit.checkpoint, str(one.visit.checkpoint)),
            place=names.locations.get(one.visit.checkpoint, ""),
            guards=guards_words(names, one, found.reliefs),
        )
        for one in missed
    ]


def filters_of(view: FoundView) -> Filters:
    """Whom, which routes and points a view asks for."""
    guard, route, checkpoint = (number_asked(view, name) for name in ("guard", "route", "checkpoint"))
    return Filters(*(frozenset([number]) if number else frozenset() for number in (guard, route, checkpoint)))


def find(asker: Asker, view: FoundView) -> Found:
    """The missed points that a view asks for, with the sums; inside ``db.read``."""
    found = judged_for(asker, view)
    if found is None:
        return Found([])
    made = calculated(found, filters_of(view))
    sums = sums_of(found, made)
    whole = [(str(word), int(getattr(made.total, name))) for name, word in FIGURE_TEXT.items()]
    groups: Groups = [(lazy("Totals"), whole)]
    groups += [
        (title, [(line.name, line.figures.missed) for line in lines if line.figures.missed])
        for title, lines in sums.tables
    ]
    return Found(missed_points(found, made.missed), groups, sums)


MISSED: Final = FoundTable(
    name="patrol-missed",
    title=lazy("Missed checkpoints"),
    find=find,
    columns=(
        POSITION_COLUMN,
        Column("planned_at", lazy("Planned for"), MOMENT),
        Column("checkpoint", lazy("Checkpoint")),
        Column("place", lazy("Location")),
        Column("route", lazy("Patrol route"), href=lambda row: f"/patrol/routes/{row.route_id}"),
        Column("round_at", lazy("Round began"), MOMENT),
        Column("guards", lazy("Planned guard")),
        Column("closed_at", lazy("Missed since"), MOMENT),
    ),
    filters=(SITE, PERIOD, ROUTE, GUARD, CHECKPOINT),
    empty=lazy("No checkpoint was missed in this period, as far as the records are here."),
)

"""Exceptions as rows: acts of the audit trail in a span of days, each leading to its own record. Runs inside ``db.read``."""

from __future__ import annotations

from datetime import date, timedelta
from functools import reduce
from operator import or_
from typing import Any, Final
from zoneinfo import ZoneInfo

from central import settings
from central.access.model import AlarmState
from central.audit import AuditEntry
from central.oversight.rules import ACTIONS, KINDS, LIMITS, LOST_CARD, NIGHT, Line, lines, nights
from central.security.audit_pages import by_operator, detail_line, entries_in
from central.security.audit_words import object_text
from central.security.model import Operator
from central.sites.scope import Scope
from central.web.columns import LONG, MOMENT, NUMBER, Column, WordFormat
from central.web.days import day_start
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import _, lazy
from central.web.tables import Table

ACTS_MAX: Final = 100_000
"""Acts that a summary reads."""
_PAGES: Final = {
    "posting": "/purse/postings/",
    "cash_count": "/purse/counts/",
    "refund": "/purse/refunds/",
    "card": "/cards/",
    "door": "/doors/",
    "device": "/devices/",
    "permit": "/permits/",
    "release_slip": "/releases/",
    "police_request": "/oversight/requests/",
}
"""The page of the record that an act is about, where it has one."""


def record_href(row: Any) -> str:
    """Where the record of an exception is: its own page, else its rows of the audit trail."""
    page = _PAGES.get(row.object_kind)
    if page is not None and row.object_id.isascii() and row.object_id.isdigit():
        return f"{page}{row.object_id}"
    return f"/audit?action={row.action}&id={row.object_id}"


def condition(kind: str, first: date, last: date, zone: ZoneInfo, hours: tuple[int, int]) -> Any:
    """The acts of one kind; of those that count at night only, the ones in a night of these days."""
    found = AuditEntry.action.in_(KINDS[kind].actions)
    if KINDS[kind].at_night:
        dark = [
            (AuditEntry.at >= begins) & (AuditEntry.at < ends)
            for begins, ends in nights(first, last, zone, hours)
        ]
        found &= reduce(or_, dark, AuditEntry.seq < 0)
    return found


def table(first: date, last: date, zone: ZoneInfo, hours: tuple[int, int]) -> Table:
    """The list of the exceptions of some days."""

    def query(scope: Scope) -> Any:
        every = reduce(or_, [condition(kind, first, last, zone, hours) for kind in KINDS])
        span = (AuditEntry.at >= day_start(first)) & (AuditEntry.at < day_start(last + timedelta(days=1)))
        return entries_in(scope).where(span & every)

    return Table(
        name="exceptions",
        title=lazy("Exceptional acts"),
        query=query,
        key=AuditEntry.seq,
        sort="-at",
        columns=(
            Column("at", lazy("Time"), MOMENT, sort=AuditEntry.at, sorts_down_first=True),
            Column(
                "kind",
                lazy("Exception"),
                WordFormat({name: kind.title for name, kind in KINDS.items()}),
                value=lambda row: ACTIONS[row.action],
            ),
            Column("actor", lazy("Who"), value=detail_line("actor")),
            Column(
                "object",
                lazy("On what"),
                value=lambda row: object_text(row.object_kind, row.object_id),
                href=record_href,
            ),
            Column("after", lazy("After"), LONG, value=detail_line("after")),
            Column("reason", lazy("Reason"), LONG, value=detail_line("reason")),
            Column(
                "seq",
                lazy("Row of the audit trail"),
                NUMBER,
                href=lambda row: f"/audit?action={row.action}&id={row.object_id}",
            ),
        ),
        filters=(
            DayFilter("at", lazy("Day"), field=AuditEntry.at),
            ChoiceFilter(
                "kind",
                lazy("Exception"),
                choices={name: kind.title for name, kind in KINDS.items()},
                where=lambda name: condition(name, first, last, zone, hours),
            ),
            TextFilter("who", lazy("Operator number"), where=by_operator),
        ),
    )


def hours_of_night() -> tuple[int, int]:
    """What is set."""
    begins, ends = settings.get(NIGHT)
    return begins, ends


def summary(scope: Scope, first: date, last: date, zone: ZoneInfo) -> list[Line]:
    """By operator and kind, with the limits of head office."""
    query = table(first, last, zone, hours_of_night()).query(scope)
    rows = query.select(AuditEntry.actor_kind, AuditEntry.actor_id, AuditEntry.action, AuditEntry.at)
    operators = {row.id: (row.number, row.name) for row in Operator.select()}
    acts = []
    for kind, who, action, at in rows.limit(ACTS_MAX).tuples():
        number, name = operators.get(who, ("", "")) if kind == "operator" else ("", _("Another program"))
        acts.append((number, name, ACTIONS[action], at.astimezone(zone).date()))
    return lines(acts, settings.get(LIMITS))


def lost_cards_used(scope: Scope, first: date, last: date) -> int:
    """Alarms of dead cards that were shown in these days."""
    span = (AlarmState.raised_at >= day_start(first)) & (
        AlarmState.raised_at < day_start(last + timedelta(days=1))
    )
    return int(scope.filter(AlarmState.select().where(span & (AlarmState.kind == LOST_CARD))).count())

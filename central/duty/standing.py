"""What stands at the desk of an estate at a moment: everything that the next shift must know. Runs inside ``db.read``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from central.access import alarms
from central.access.model import AlarmState
from central.cards.model import Card
from central.cards.rules import Holding
from central.duty.model import DeskItem, KeptPaper
from central.duty.rules import expected_count
from central.fields import InstantField
from central.people.model import Person
from central.purse import cash
from central.purse.cash import Drawer
from central.purse.model import CashCount
from central.purse.rules import CountState
from central.repairs.model import Ticket
from central.repairs.papers import place_of
from central.repairs.rules import OPEN
from central.sites.scope import Grant, Scope
from central.visitors.model import Visit
from central.visitors.table import condition, visits
from central.visitors.table import state as state_of_visit

LINES_MAX: Final = 200
"""Lines of one kind that a hand-over names; the number says how many there are."""
_ms: Final = InstantField().db_value
INSIDE: Final = ("inside", "out", "overdue", "late")
"""Visitors who have not left, or whose card is not back."""


@dataclass(frozen=True)
class ItemLine:
    """Something to be counted, and how many pieces must be there."""

    id: int
    name: str
    kind: str
    pieces_count: int
    expected_count: int


@dataclass(frozen=True)
class Standing:
    """What stands. The lines are as they are kept: ids, card numbers and places, no names; whose they are stands in each."""

    alarms: list[dict[str, Any]]
    alarms_count: int
    visitors: list[dict[str, Any]]
    visitors_count: int
    papers: list[dict[str, Any]]
    papers_count: int
    tickets: list[dict[str, Any]]
    tickets_count: int
    cards_out_count: int
    items: list[ItemLine]
    drawers: list[Drawer] = field(default_factory=list)
    waiting: list[CashCount] = field(default_factory=list)
    """Counts of the outgoing operator's drawers that nobody has signed: these drawers cannot be counted again."""

    def content(self) -> dict[str, Any]:
        """What a hand-over keeps of it."""
        return {
            "alarms": self.alarms,
            "alarms_count": self.alarms_count,
            "visitors": self.visitors,
            "visitors_count": self.visitors_count,
            "papers": self.papers,
            "papers_count": self.papers_count,
            "tickets": self.tickets,
            "tickets_count": self.tickets_count,
            "cards_out_count": self.cards_out_count,
        }

    def seen(self) -> dict[str, Any]:
        """What both must have seen before they sign: everything, and how much must be found."""
        expected = [[item.id, item.expected_count] for item in self.items]
        cash_fen = [[drawer.account.id, drawer.expected_fen] for drawer in self.drawers]
        return {**self.content(), "expected": expected, "cash": cash_fen}


def within(scope: Scope, site_id: int) -> Scope:
    """The part of a scope that lies in one estate."""
    return Scope.of(
        Grant(site_id, grant.organisation_id) for grant in scope.grants if grant.site_id in (None, site_id)
    )


def standing(scope: Scope, site_id: int, organisation_id: int, operator_id: int, now: datetime) -> Standing:
    """What stands now at the desk of this organisation in this estate; of the visitors and alarms, what is in the scope."""
    here = within(scope, site_id)
    open_alarms = alarms.query(here).where(alarms.is_open_condition()).order_by(AlarmState.raised_at.desc())
    inside: Any = condition(INSIDE[0], now)
    for name in INSIDE[1:]:
        inside |= condition(name, now)
    visiting = visits(here).where(inside).order_by(Visit.starts_at)
    papers = here.filter(KeptPaper.select().where(KeptPaper.delivered_at.is_null())).order_by(
        KeptPaper.kept_at
    )
    tickets = here.filter(Ticket.select().where(Ticket.state.in_(OPEN))).order_by(Ticket.due_at)
    cards_out = _cards_out_count(here)
    desk = (DeskItem.site == site_id) & (DeskItem.organisation == organisation_id) & DeskItem.active
    items = [
        ItemLine(
            item.id,
            item.name,
            item.kind,
            item.pieces_count,
            expected_count(item.kind, item.pieces_count, cards_out),
        )
        for item in DeskItem.select().where(desk).order_by(DeskItem.kind, DeskItem.name)
    ]
    drawers = cash.drawers_of(here, operator_id)
    waits = CashCount.state == CountState.COUNTED.value
    waiting = list(
        CashCount.select()
        .where(CashCount.account.in_([drawer.account.id for drawer in drawers]) & waits)
        .order_by(CashCount.id)
    )
    held = {counted.account_id for counted in waiting}
    return Standing(
        [_alarm(row) for row in _with_organisation(open_alarms, AlarmState).namedtuples()],
        open_alarms.count(),
        [_visit(row, now) for row in _with_organisation(visiting, Visit).objects()],
        visiting.count(),
        [_paper(row) for row in papers.limit(LINES_MAX)],
        papers.count(),
        [_ticket(row) for row in tickets.limit(LINES_MAX)],
        tickets.count(),
        cards_out,
        items,
        [drawer for drawer in drawers if drawer.account.id not in held],
        waiting,
    )


def _with_organisation(query: Any, model: Any) -> Any:
    return query.select_extend(model.organisation.alias("organisation_no")).limit(LINES_MAX)


def seen_by(scope: Scope, site_id: int, lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of a hand-over that a reader may see: no organisation sees another's visitors (U1)."""
    return [line for line in lines if scope.allows(site_id, line["organisation"])]


def _alarm(row: Any) -> dict[str, Any]:
    line = alarms.line_of(row)
    return {
        "id": line.id,
        "organisation": row.organisation_no,
        "kind": line.kind,
        "place": line.place or line.device_label,
        "card_no": line.card_no,
        "at": _ms(line.raised_at),
    }


def _visit(row: Any, now: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "organisation": row.organisation_no,
        "state": state_of_visit(row, now),
        "card_no": row.card_no or "",
        "until": _ms(row.until_at),
    }


def _paper(row: KeptPaper) -> dict[str, Any]:
    return {
        "id": row.id,
        "organisation": row.organisation_id,
        "unit": row.unit.label,
        "what": row.what,
        "at": _ms(row.kept_at),
    }


def _ticket(row: Ticket) -> dict[str, Any]:
    return {
        "id": row.id,
        "organisation": row.organisation_id,
        "number": row.number,
        "state": row.state,
        "place": place_of(row),
        "what": row.what,
        "due": _ms(row.due_at),
    }


def _cards_out_count(here: Scope) -> int:
    """Temporary cards that visitors have."""
    query = (
        Card.select().join(Person).where((Person.kind == "visitor") & (Card.holding == Holding.IN_USE.value))
    )
    return int(here.filter(query, Card).count())


def names_of(scope: Scope, visit_ids: Iterable[int]) -> dict[int, str]:
    """Who the visitors of a hand-over are, as far as it is in the scope and they are still known."""
    query = (
        Visit.select(Visit.id, Person.name)
        .join(Person, on=(Visit.person == Person.id))
        .where(Visit.id.in_(list(visit_ids)))
    )
    return dict(scope.filter(query, Visit).tuples())

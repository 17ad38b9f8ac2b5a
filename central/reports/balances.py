"""IC卡金額報表 (53): what lay on each card, came in and went out in a period, from the ledger.

A line is one issue of a card in the books of one organisation: a card that was issued again, or went to another
organisation, has a line for each, so that every line is the sum of its own entries and the totals are those of the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import peewee

from central.cards.model import Card, CardClass
from central.cards.table import STATES, state_condition, status_of
from central.ledger.accounts import COLUMN_OF, AccountKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.ledger.sums import owed_sum
from central.people.model import Person
from central.reports.common import HOLDER, card_column, classes_of, holder_columns, present_departments
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, MONEY, NUMBER, Column, StatusFormat
from central.web.fields import Choices, MoneyField
from central.web.filters import ChoiceFilter, DayFilter, DayRange, NumberFilter, bind_filter
from central.web.i18n import lazy
from central.web.tables import Group, Table


class _Period(DayFilter):
    """From when to when the amounts are counted; it leaves no card out."""

    def apply(self, query: Any, value: DayRange) -> Any:
        return query


PERIOD: Final = _Period("at", lazy("Day"))
_WHOLE: Final = DayRange(None, None)


@dataclass(frozen=True)
class _Amounts:
    """Sums of the entries of a line, in fen as the holder sees them, as expressions."""

    start_at: datetime | None
    end_at: datetime | None

    def _sum(self, *conditions: Any) -> Any:
        query = LedgerEntry.select(owed_sum()).join(Posting)
        return peewee.fn.COALESCE(query.where(LedgerEntry.purse == LedgerAccount.id, *conditions), 0)

    def _until(self) -> list[Any]:
        return [] if self.end_at is None else [LedgerEntry.at < self.end_at]

    def opening(self) -> Any:
        """What lay there when the period began; nothing before the books."""
        if self.start_at is None:
            return peewee.Value(0)
        return self._sum(LedgerEntry.at < self.start_at)

    def closing(self) -> Any:
        """What lay there when it ended."""
        return self._sum(*self._until())

    def during(self, column: str) -> Any:
        """What came in (went out: below zero) in the period by postings of this column."""
        kinds = [kind.value for kind, name in COLUMN_OF.items() if name == column]
        since = [] if self.start_at is None else [LedgerEntry.at >= self.start_at]
        return self._sum(*since, *self._until(), Posting.kind.in_(kinds))

    def last_at(self) -> Any:
        """The last movement up to the end."""
        query = LedgerEntry.select(peewee.fn.MAX(LedgerEntry.at)).where(LedgerEntry.purse == LedgerAccount.id)
        return peewee.fn.COALESCE(query.where(*self._until()) if self.end_at is not None else query, None)


def _status(row: Any, now: datetime) -> str:
    """Of the issue that the line is about: one that is over was given back, whatever became of the card."""
    if row.issue_no != row.card_issue_no or row.organisation_id != row.card_organisation_id:
        return "returned"
    return status_of(row, now)


def make_table(now: datetime, query: Mapping[str, str] | None = None) -> Table:
    """The report as it stands at ``now``, over the period of the address."""
    period = bind_filter(PERIOD, query or {}, None).value or _WHOLE
    amounts = _Amounts(period.start_at(), period.end_at())
    sums = {
        "opening": amounts.opening(),
        "topped_up": amounts.during("topped_up"),
        "allowance": amounts.during("allowance"),
        "spent": amounts.during("spent"),
        "refunded": amounts.during("refunded"),
        "moved": amounts.during("moved"),
        "closing": amounts.closing(),
    }
    titles = {
        "opening": lazy("Opening balance"),
        "topped_up": lazy("Top-ups"),
        "allowance": lazy("Allowances"),
        "spent": lazy("Spent"),
        "refunded": lazy("Refunds"),
        "moved": lazy("Moved or taken over"),
        "closing": lazy("Closing balance"),
    }

    def rows(scope: Scope) -> Any:
        found = (
            LedgerAccount.select(
                LedgerAccount.id,
                LedgerAccount.issue_no,
                LedgerAccount.organisation.alias("organisation_id"),
                Card.id.alias("card_id"),
                Card.card_no,
                Card.issue_no.alias("card_issue_no"),
                Card.organisation.alias("card_organisation_id"),
                *HOLDER,
                CardClass.name.alias("class_name"),
                Card.holding,
                Card.reasons,
                Card.valid_from,
                Card.valid_until,
                amounts.last_at().alias("used_at"),
                *(expression.alias(name) for name, expression in sums.items()),
            )
            .join(Card)
            .switch(LedgerAccount)
            .left_outer_join(Person)
            .switch(Card)
            .left_outer_join(CardClass)
            .where(LedgerAccount.kind == AccountKind.PURSE.value)
        )
        return scope.filter(found, LedgerAccount)

    number, name = holder_columns()
    money = {name: Column(name, titles[name], MONEY, total=sums[name]) for name in sums}
    return Table(
        name="balances",
        title=lazy("Card balance report"),
        query=rows,
        key=LedgerAccount.id,
        sort="card_no",
        columns=(
            Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
            Column("card_no", lazy("Card number"), CODE, sort=LedgerAccount.name, href=card_column().href),
            number,
            name,
            money["opening"],
            money["topped_up"],
            money["allowance"],
            money["spent"],
            money["refunded"],
            money["moved"],
            money["closing"],
            Column("used_at", lazy("Last use"), MOMENT),
            Column("status", lazy("Status"), StatusFormat("card"), value=lambda row: _status(row, now)),
        ),
        filters=(
            PERIOD,
            ChoiceFilter("class", lazy("Card class"), where=lambda value: Card.card_class == int(value)),
            ChoiceFilter("department", lazy("Department"), field=Person.department),
            NumberFilter(
                "balance",
                lazy("Closing balance"),
                field=sums["closing"],
                number=MoneyField("", "", least=-100_000_000, most=100_000_000),
            ),
            ChoiceFilter("state", lazy("Status"), choices=STATES, where=state_condition),
        ),
        groups=(Group(lazy("By card class"), CardClass.name, lambda value: value or ""),),
        empty=lazy("No card has been issued yet."),
    )


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    return {"class": classes_of(scope), "department": present_departments(scope)}

"""Lists of stored value: every movement of a purse, refunds that wait, and what is owed back."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.cards.model import Card
from central.ledger.accounts import COLUMN_OF, POSTING_TEXT, REVERSAL_TEXT, AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.ledger.sums import owed_sum
from central.people.model import Person
from central.people.search import found_by
from central.purse.model import CashCount, Refund
from central.purse.rules import MEANS_TEXT, CountState
from central.sites.scope import Scope
from central.web.columns import CODE, LONG, MOMENT, MONEY, NUMBER, Column, StatusFormat, WordFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import LazyText, lazy
from central.web.tables import Group, Table

_Reversal = Posting.alias()
_Earlier = LedgerEntry.alias()
PART_TEXT: Final[dict[str, LazyText]] = {
    AccountKind.PURSE.value: lazy("Purse"),
    AccountKind.ALLOWANCE.value: lazy("Allowance"),
}
_KINDS: Final = {kind.value: POSTING_TEXT[kind.value] for kind in PostingKind if kind in COLUMN_OF}
_TYPES: Final = {**POSTING_TEXT, **{f"reversed_{kind}": text for kind, text in REVERSAL_TEXT.items()}}
_REVERSED_BY: Final = peewee.fn.COALESCE(
    _Reversal.select(_Reversal.number).where(_Reversal.reverses == Posting.id), None
)
_AMOUNT: Final = LedgerEntry.amount_fen * -1


def balance_after() -> Any:
    """What lay on the card behind an entry, as an expression."""
    same = (_Earlier.purse == LedgerEntry.purse) & (_Earlier.id <= LedgerEntry.id)
    return peewee.fn.COALESCE(_Earlier.select(owed_sum(_Earlier)).where(same), 0)


def receipt_no(number: int | None) -> str:
    """As it is printed; nothing for nothing."""
    return "" if number is None else f"{number:08d}"


def _type(row: Any) -> str:
    return f"reversed_{row.kind}" if row.reverses_id else str(row.kind)


def _movements(scope: Scope) -> Any:
    query = (
        LedgerEntry.select(
            LedgerEntry.id,
            LedgerEntry.at,
            Posting.id.alias("posting_id"),
            Posting.number,
            Posting.kind,
            Posting.operator_name,
            Posting.reason,
            Posting.reverses.alias("reverses_id"),
            _REVERSED_BY.alias("reversed_by"),
            LedgerAccount.kind.alias("part"),
            Card.id.alias("card_id"),
            Card.card_no,
            Person.id.alias("person_id"),
            Person.number.alias("person_number"),
            Person.name.alias("person_name"),
            _AMOUNT.alias("amount"),
            balance_after().alias("balance"),
        )
        .join(Posting)
        .switch(LedgerEntry)
        .join(LedgerAccount, on=(LedgerEntry.account == LedgerAccount.id))
        .join(Card)
        .switch(LedgerAccount)
        .left_outer_join(Person)
        .where(LedgerEntry.purse.is_null(False))
    )
    return scope.filter(query, LedgerAccount)


MOVEMENTS: Final = Table(
    name="movements",
    title=lazy("Top-ups, spending and refunds"),
    query=_movements,
    key=LedgerEntry.id,
    sort="-at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
        Column("at", lazy("Time"), MOMENT, sort=LedgerEntry.at, sorts_down_first=True),
        Column(
            "number",
            lazy("Receipt number"),
            CODE,
            value=lambda row: receipt_no(row.number),
            href=lambda row: f"/purse/postings/{row.posting_id}",
        ),
        Column("card_no", lazy("Card number"), CODE, href=lambda row: f"/purse/cards/{row.card_id}"),
        Column("person_number", lazy("Person number"), CODE),
        Column("person_name", lazy("Name")),
        Column("kind", lazy("Type"), WordFormat(_TYPES), value=_type),
        Column("part", lazy("Part"), WordFormat(PART_TEXT)),
        Column("amount", lazy("Amount"), MONEY, total=_AMOUNT),
        Column("balance", lazy("Balance after"), MONEY),
        Column("operator_name", lazy("Operator")),
        Column("reversed_by", lazy("Reversed by"), CODE, value=lambda row: receipt_no(row.reversed_by)),
        Column("reason", lazy("Reason"), LONG),
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=LedgerEntry.at),
        TextFilter("card", lazy("Card number"), where=lambda text: Card.card_no == text.strip()),
        TextFilter(
            "person",
            lazy("Person"),
            where=found_by,
            placeholder=lazy("Name, initials, number, room, phone tail, card"),
        ),
        ChoiceFilter("kind", lazy("Type"), choices=_KINDS, field=Posting.kind),
        ChoiceFilter("cashier", lazy("Cashier"), where=lambda value: Posting.operator_id == int(value)),
    ),
    groups=(Group(lazy("By type"), Posting.kind, lambda value: str(POSTING_TEXT[value])),),
    empty=lazy("Nothing has been paid in yet."),
    empty_href="/purse",
    empty_action=lazy("Top up a card"),
)


def movement_choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    query = (
        Posting.select(Posting.operator_id, peewee.fn.MAX(Posting.operator_name))
        .where(Posting.operator_id.is_null(False))
        .group_by(Posting.operator_id)
        .order_by(Posting.operator_id)
    )
    return {"cashier": {str(number): name for number, name in scope.filter(query).limit(200).tuples()}}


def _refunds(scope: Scope) -> Any:
    query = (
        Refund.select(
            Refund.id,
            Refund.asked_at,
            Refund.amount_fen,
            Refund.means,
            Refund.reason,
            Refund.state,
            Refund.operator_name,
            Refund.decided_by,
            Refund.posting.alias("posting_id"),
            Card.card_no,
            Person.name.alias("person_name"),
        )
        .join(LedgerAccount)
        .left_outer_join(Card)
        .switch(LedgerAccount)
        .left_outer_join(Person)
    )
    return scope.filter(query, Refund)


REFUNDS: Final = Table(
    name="refunds",
    title=lazy("Refunds above the limit"),
    query=_refunds,
    key=Refund.id,
    sort="-asked_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "asked_at",
            lazy("Entered"),
            MOMENT,
            sort=Refund.asked_at,
            sorts_down_first=True,
            href=lambda row: f"/purse/refunds/{row.id}",
        ),
        Column("card_no", lazy("Card number"), CODE),
        Column("person_name", lazy("Name")),
        Column("amount_fen", lazy("Amount"), MONEY, total=Refund.amount_fen),
        Column("means", lazy("Paid by"), WordFormat(MEANS_TEXT)),
        Column("reason", lazy("Reason"), LONG),
        Column("state", lazy("Status"), StatusFormat("refund")),
        Column("operator_name", lazy("Operator")),
        Column("decided_by", lazy("Decided by")),
    ),
    filters=(
        DayFilter("asked_at", lazy("Day"), field=Refund.asked_at),
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={"waiting": lazy("To be approved"), "paid": lazy("Paid"), "refused": lazy("Refused")},
            field=Refund.state,
        ),
    ),
    empty=lazy("No refund above the limit has been entered."),
)
_OWED: Final = peewee.fn.COALESCE(
    LedgerEntry.select(owed_sum()).where(LedgerEntry.account == LedgerAccount.id),
    0,
)


def _payables(scope: Scope) -> Any:
    query = (
        LedgerAccount.select(
            LedgerAccount.id,
            LedgerAccount.name,
            Person.number.alias("person_number"),
            Person.name.alias("person_name"),
            _OWED.alias("owed"),
        )
        .join(Person)
        .where((LedgerAccount.kind == AccountKind.REFUND_PAYABLE.value) & (_OWED != 0))
    )
    return scope.filter(query, LedgerAccount)


PAYABLES: Final = Table(
    name="payables",
    title=lazy("Owed back"),
    query=_payables,
    key=LedgerAccount.id,
    sort="name",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
        Column(
            "name", lazy("Record number"), CODE, sort=LedgerAccount.name, is_shown=False, is_exported=False
        ),
        Column("person_number", lazy("Person number"), CODE),
        Column("person_name", lazy("Name"), href=lambda row: f"/purse/payables/{row.id}"),
        Column("owed", lazy("Amount owed"), MONEY, total=_OWED),
    ),
    filters=(
        TextFilter(
            "person",
            lazy("Person"),
            where=found_by,
            placeholder=lazy("Name, initials, number, room, phone tail, card"),
        ),
    ),
    empty=lazy("Nothing is owed back to anybody."),
)
_DIFFERENCE: Final = CashCount.counted_fen - CashCount.expected_fen


def _standing(amount: Any) -> Any:
    """Of counts that were not taken back, for the totals."""
    return peewee.Case(None, ((CashCount.state == CountState.DISCARDED.value, 0),), amount)


def _counts(scope: Scope) -> Any:
    query = CashCount.select(
        CashCount.id,
        CashCount.counted_at,
        CashCount.operator_name,
        CashCount.opening_fen,
        CashCount.in_fen,
        CashCount.out_fen,
        CashCount.expected_fen,
        CashCount.counted_fen,
        _DIFFERENCE.alias("difference"),
        CashCount.state,
        CashCount.signed_by,
        CashCount.reason,
    )
    return scope.filter(query, CashCount)


COUNTS: Final = Table(
    name="counts",
    title=lazy("Daily counts of drawers"),
    query=_counts,
    key=CashCount.id,
    sort="-counted_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
        Column(
            "counted_at",
            lazy("Time"),
            MOMENT,
            sort=CashCount.counted_at,
            sorts_down_first=True,
            href=lambda row: f"/purse/counts/{row.id}",
        ),
        Column("operator_name", lazy("Cashier")),
        Column("opening_fen", lazy("Opening"), MONEY),
        Column("in_fen", lazy("Cash in"), MONEY, total=_standing(CashCount.in_fen)),
        Column("out_fen", lazy("Cash out"), MONEY, total=_standing(CashCount.out_fen)),
        Column("expected_fen", lazy("Must hold"), MONEY),
        Column("counted_fen", lazy("Found in it"), MONEY),
        Column("difference", lazy("Over or short"), MONEY, total=_standing(_DIFFERENCE)),
        Column("state", lazy("Status"), StatusFormat("taking")),
        Column("signed_by", lazy("Signed by")),
        Column("reason", lazy("Reason"), LONG),
    ),
    filters=(
        DayFilter("counted_at", lazy("Day"), field=CashCount.counted_at),
        ChoiceFilter("cashier", lazy("Cashier"), where=lambda value: CashCount.operator_id == int(value)),
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={
                "counted": lazy("To be signed"),
                "signed": lazy("Signed"),
                "discarded": lazy("Discarded"),
            },
            field=CashCount.state,
        ),
    ),
    empty=lazy("No drawer has been counted yet."),
    empty_href="/purse/drawer",
    empty_action=lazy("My drawer"),
)

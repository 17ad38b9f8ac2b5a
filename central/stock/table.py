"""Lists of the card stock: intakes, transfers, stock-takings."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.cards.model import CardDesk, CardIntake
from central.cards.words import ORIGIN_TEXT
from central.sites.scope import Scope
from central.stock.model import StockTaking, Transfer
from central.web.columns import CODE, MOMENT, MONEY, NUMBER, Column, StatusFormat, WordFormat
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import lazy
from central.web.tables import Table


def _intakes(scope: Scope) -> Any:
    query = CardIntake.select(
        CardIntake.id,
        CardIntake.origin,
        CardIntake.supplier,
        CardIntake.box,
        CardIntake.cards_count,
        CardIntake.first_no,
        CardIntake.last_no,
        CardIntake.price_fen,
        CardDesk.name.alias("desk_name"),
        CardIntake.at,
        CardIntake.operator_name,
    ).join(CardDesk, peewee.JOIN.LEFT_OUTER)
    return scope.filter(query, CardIntake)


INTAKES: Final = Table(
    name="intakes",
    title=lazy("Cards bought"),
    query=_intakes,
    key=CardIntake.id,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=CardIntake.at, sorts_down_first=True),
        Column("origin", lazy("How they came in"), WordFormat(ORIGIN_TEXT)),
        Column("supplier", lazy("Supplier")),
        Column("box", lazy("Box number"), CODE),
        Column("cards_count", lazy("Number of cards"), NUMBER, total=CardIntake.cards_count),
        Column("first_no", lazy("First card number"), CODE),
        Column("last_no", lazy("Last card number"), CODE),
        Column("price_fen", lazy("Price of one card"), MONEY),
        Column(
            "amount_fen",
            lazy("Amount"),
            MONEY,
            value=lambda row: row.price_fen * row.cards_count,
            total=CardIntake.price_fen * CardIntake.cards_count,
        ),
        Column("desk_name", lazy("Desk")),
        Column("operator_name", lazy("Operator")),
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=CardIntake.at),
        ChoiceFilter("origin", lazy("How they came in"), choices=ORIGIN_TEXT, field=CardIntake.origin),
    ),
    empty=lazy("Enter the cards that you bought, so that the books know them."),
    empty_href="/stock/intake",
    empty_action=lazy("Enter bought cards"),
)


def _transfers(scope: Scope) -> Any:
    start = CardDesk.alias("from_desk_row")
    query = (
        Transfer.select(
            Transfer.id,
            start.name.alias("from_name"),
            CardDesk.name.alias("to_name"),
            Transfer.cards_count,
            Transfer.sent_at,
            Transfer.sent_by,
            Transfer.closed_at,
            Transfer.closed_by,
            Transfer.note,
        )
        .join(CardDesk, on=(Transfer.to_desk == CardDesk.id))
        .switch(Transfer)
        .join(start, peewee.JOIN.LEFT_OUTER, on=(Transfer.from_desk == start.id))
    )
    return scope.filter(query, Transfer)


TRANSFERS: Final = Table(
    name="transfers",
    title=lazy("Transfers"),
    query=_transfers,
    key=Transfer.id,
    sort="-sent_at",
    columns=(
        Column(
            "sent_at",
            lazy("Sent"),
            MOMENT,
            sort=Transfer.sent_at,
            sorts_down_first=True,
            href=lambda row: f"/stock/transfers/{row.id}",
        ),
        Column(
            "state",
            lazy("Status"),
            StatusFormat("transfer"),
            value=lambda row: "on_its_way" if row.closed_at is None else "closed",
        ),
        Column("from_name", lazy("From desk")),
        Column("to_name", lazy("To desk")),
        Column("cards_count", lazy("Number of cards"), NUMBER),
        Column("sent_by", lazy("Sent by")),
        Column("closed_at", lazy("Closed"), MOMENT),
        Column("closed_by", lazy("Closed by")),
        Column("note", lazy("Note")),
    ),
    filters=(
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={"on_its_way": lazy("On the way"), "closed": lazy("Closed")},
            where=lambda value: Transfer.closed_at.is_null(value == "on_its_way"),
        ),
        DayFilter("sent_at", lazy("Day"), field=Transfer.sent_at),
    ),
    empty=lazy("No cards were sent from desk to desk."),
)


def taking_state(row: Any) -> str:
    """Name in the vocabulary's group "taking"."""
    if row.closed_at is None:
        return "counted"
    return "signed" if row.is_signed else "discarded"


def _takings(scope: Scope) -> Any:
    query = StockTaking.select(
        StockTaking.id,
        CardDesk.name.alias("desk_name"),
        StockTaking.booked_count,
        StockTaking.counted_count,
        StockTaking.reason,
        StockTaking.counted_at,
        StockTaking.counted_by,
        StockTaking.closed_at,
        StockTaking.closed_by,
        StockTaking.is_signed,
    ).join(CardDesk)
    return scope.filter(query, StockTaking)


TAKINGS: Final = Table(
    name="takings",
    title=lazy("Stock-takings"),
    query=_takings,
    key=StockTaking.id,
    sort="-counted_at",
    columns=(
        Column(
            "counted_at",
            lazy("Counted"),
            MOMENT,
            sort=StockTaking.counted_at,
            sorts_down_first=True,
            href=lambda row: f"/stock/takings/{row.id}",
        ),
        Column("state", lazy("Status"), StatusFormat("taking"), value=taking_state),
        Column("desk_name", lazy("Desk")),
        Column("booked_count", lazy("By the books"), NUMBER),
        Column("counted_count", lazy("Found"), NUMBER),
        Column("reason", lazy("Reason of a difference")),
        Column("counted_by", lazy("Counted by")),
        Column("signed_by", lazy("Signed by"), value=lambda row: row.closed_by if row.is_signed else ""),
        Column(
            "signed_at", lazy("Signed at"), MOMENT, value=lambda row: row.closed_at if row.is_signed else None
        ),
    ),
    filters=(
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={"counted": lazy("To be signed"), "signed": lazy("Signed")},
            where=lambda value: (
                StockTaking.closed_at.is_null() if value == "counted" else StockTaking.is_signed
            ),
        ),
        DayFilter("counted_at", lazy("Day"), field=StockTaking.counted_at),
    ),
    empty=lazy("No desk has been counted yet."),
)

"""消費記錄: the list of all showings at tills, for the page, the files and the API (27)."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.access import showing_list
from central.access.events import ReasonFormat
from central.access.showing_list import FACT, PERSON, TIMES, person_filter
from central.cards.model import Card
from central.ledger.model import Posting
from central.nodes.model import Device
from central.people.model import Person
from central.sites.scope import Scope
from central.tills.model import Purchase, Shop
from central.tills.tills import ROLE
from central.tills.words import REASON_TEXT, RESULT_TEXT
from central.web.columns import CODE, MOMENT, MONEY, NUMBER, YES, Column, StatusFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import lazy
from central.web.tables import Group, Table

_Reversal: Final = Posting.alias()
_REVERSED_BY: Final = peewee.fn.COALESCE(
    _Reversal.select(_Reversal.number).where(_Reversal.reverses == Purchase.posting), None
)


def _query(scope: Scope) -> Any:
    select = (
        Purchase.select(
            Purchase.id,
            Purchase.at,
            Purchase.wall_ms,
            Purchase.clock,
            Purchase.received_at,
            Purchase.meal_name,
            Purchase.amount_fen,
            Purchase.booked_fen,
            Purchase.balance_fen,
            Purchase.offline,
            Purchase.counter,
            Purchase.undoes,
            Purchase.reason,
            Purchase.result,
            Purchase.department,
            Purchase.person.alias("person_id"),
            Purchase.card.alias("card_id"),
            Purchase.node_epoch,
            Purchase.seq,
            Purchase.posting.alias("posting_id"),
            Posting.number.alias("receipt"),
            _REVERSED_BY.alias("reversed_by"),
            Shop.name.alias("shop_name"),
            Device.number.alias("device_number"),
            Device.label.alias("device_label"),
            Person.name.alias("person_name"),
            Person.number.alias("person_number"),
            Card.card_no,
        )
        .join(Device)
        .switch(Purchase)
        .left_outer_join(Shop)
        .switch(Purchase)
        .left_outer_join(Posting)
        .switch(Purchase)
        .left_outer_join(Card)
        .join(Person, peewee.JOIN.LEFT_OUTER, on=(Person.id == Purchase.person))
    )
    return scope.filter(select, Purchase)


PURCHASES: Final = Table(
    name="purchases",
    title=lazy("Purchases at tills"),
    query=_query,
    key=Purchase.id,
    sort="-at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column("at", lazy("Time"), MOMENT, sort=Purchase.at, sorts_down_first=True),
        Column("device_number", lazy("Device number"), NUMBER),
        Column("device_label", lazy("Till")),
        Column("shop_name", lazy("Merchant")),
        Column("meal_name", lazy("Meal")),
        *PERSON,
        Column("department", lazy("Department"), is_shown=False),
        Column(
            "card_no",
            lazy("Card number"),
            CODE,
            href=lambda row: f"/purse/cards/{row.card_id}" if row.card_id else None,
        ),
        Column("result", lazy("Result"), StatusFormat("purchase")),
        Column("reason", lazy("Reason"), ReasonFormat(REASON_TEXT)),
        Column("amount_fen", lazy("Price"), MONEY),
        Column("booked_fen", lazy("Booked"), MONEY, total=Purchase.booked_fen),
        Column("balance_fen", lazy("Balance before, as the till knew it"), MONEY, is_shown=False),
        Column("offline", lazy("Without network"), YES),
        Column(
            "receipt",
            lazy("Receipt number"),
            CODE,
            value=lambda row: "" if row.receipt is None else f"{row.receipt:08d}",
            href=lambda row: f"/purse/postings/{row.posting_id}" if row.posting_id else None,
        ),
        Column(
            "reversed_by",
            lazy("Reversed by"),
            CODE,
            value=lambda row: "" if row.reversed_by is None else f"{row.reversed_by:08d}",
        ),
        *TIMES,
        Column("counter", lazy("Number of the payment"), NUMBER, is_shown=False),
        Column("undoes", lazy("Takes back number"), NUMBER, is_shown=False),
        *FACT,
    ),
    filters=(
        DayFilter("at", lazy("Day"), field=Purchase.at),
        person_filter(Purchase),
        ChoiceFilter("device", lazy("Till"), where=lambda value: Purchase.device == int(value)),
        ChoiceFilter("shop", lazy("Merchant"), where=lambda value: Purchase.shop == int(value)),
        ChoiceFilter("result", lazy("Result"), choices=RESULT_TEXT, field=Purchase.result),
        ChoiceFilter("department", lazy("Department"), field=Purchase.department),
    ),
    groups=(
        Group(lazy("By meal"), Purchase.meal_name, lambda value: value or "—"),
        Group(lazy("By result"), Purchase.result, lambda value: str(RESULT_TEXT[value])),
    ),
    empty=lazy("Every card that is shown at a till appears here, sold to or refused, and stays as it was."),
)
"""``booked_fen``: what the shop is owed by it; its total is the takings of what the filters find."""


def choices_in(scope: Scope) -> dict[str, Choices]:
    """What the filters for tills, shops and departments offer. Inside ``db.read``."""
    shops = scope.filter(Shop.select(Shop.id, Shop.name), Shop).order_by(Shop.name).limit(500)
    return {
        **showing_list.choices_in(scope, Purchase, ROLE),
        "shop": {str(number): name for number, name in shops.tuples()},
    }

"""The list of write orders at the issuers: who ordered what, where it stands, and why it failed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from central.cards.model import WriteOrder
from central.cards.numbers import uid_tail
from central.cards.write_rules import OPEN_VALUES, OrderState, answer_of
from central.nodes.model import Device
from central.people.search import card_no_is
from central.sites.scope import Scope
from central.web.columns import CODE, LONG, MOMENT, Column, StatusFormat, WordFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.i18n import LazyText, Text, _, lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES

TITLE: Final[dict[str, LazyText]] = {
    "issue": lazy("Issue a card"),
    "replace": lazy("Replace after loss"),
    "swap": lazy("Swap a damaged card"),
    "rewrite": lazy("Rewrite"),
    "erase": lazy("Erase the card"),
}
"""Acts of the card centre; orders of other sub-systems are called "Write a card"."""
OTHER_TITLE: Final = lazy("Write a card")
OPEN_ONES: Final = "open"
STUCK: Final = "stuck"
GROUPS: Final[dict[str, LazyText]] = {OPEN_ONES: lazy("Not finished"), STUCK: lazy("Stuck")}
"""States that are asked for together."""
_WORDS: Final = {name: state.text for name, state in STATUSES["write_order"].items()}
assert set(_WORDS) == {state.value for state in OrderState}


def is_stuck(now: datetime) -> Any:
    """The condition of orders that should have ended: their time is over, and nobody has said how they ended."""
    return WriteOrder.state.in_(OPEN_VALUES) & (WriteOrder.expires_at <= now)


def stuck_orders(scope: Scope, now: datetime, most: int) -> list[WriteOrder]:
    """The oldest of them, at most so many. Inside ``db.read``."""
    query = WriteOrder.select(WriteOrder, Device).join(Device).where(is_stuck(now)).order_by(WriteOrder.id)
    return list(scope.filter(query, WriteOrder).limit(most))


def title_of(order: Any) -> Text:
    """What was ordered."""
    return TITLE.get(order.act, OTHER_TITLE)


def why(order: Any) -> Text:
    """What stands in the way of an order, or has ended it; nothing for one that goes its way."""
    if order.trouble:
        return _(order.trouble)
    return answer_of(OrderState(order.state), order.result) or ""


def issuer_choices(scope: Scope) -> Choices:
    """Issuers that orders were sent to. Inside ``db.read``."""
    ordered = Device.id.in_(WriteOrder.select(WriteOrder.device))
    query = scope.filter(Device.select(Device.id, Device.label).where(ordered)).order_by(Device.label)
    return {str(number): label for number, label in query.tuples()}


def _condition(name: str, now: datetime) -> Any:
    if name == STUCK:
        return is_stuck(now)
    return WriteOrder.state.in_(OPEN_VALUES) if name == OPEN_ONES else WriteOrder.state == name


def _query(scope: Scope) -> Any:
    query = WriteOrder.select(WriteOrder, Device.label.alias("device_label")).join(Device)
    return scope.filter(query, WriteOrder).objects()


def _found_by(text: str) -> Any:
    return card_no_is(text, WriteOrder.card_no) | WriteOrder.operator_name.contains(text)


def make_table(now: datetime) -> Table:
    """The list as it is at this moment: what is stuck depends on the time."""
    return Table(
        name="orders",
        title=lazy("Write orders"),
        query=_query,
        key=WriteOrder.id,
        sort="-created_at",
        columns=(
            Column("created_at", lazy("Ordered"), MOMENT, sort=WriteOrder.created_at),
            Column(
                "act",
                lazy("What"),
                WordFormat({}),
                value=title_of,
                href=lambda row: f"/cards/orders/{row.id}",
            ),
            Column("state", lazy("Status"), StatusFormat("write_order")),
            Column("why", lazy("Why not"), LONG, value=why),
            Column(
                "card_no",
                lazy("Card number"),
                CODE,
                href=lambda row: f"/cards/{row.card}" if row.card else None,
            ),
            Column("uid_tail", lazy("UID"), CODE, value=lambda row: uid_tail(bytes(row.uid))),
            Column("device_label", lazy("Issuer")),
            Column("operator_name", lazy("Operator")),
            Column("told_at", lazy("Last word of the issuer"), MOMENT),
            Column("reason", lazy("Note"), is_shown=False),
        ),
        filters=(
            TextFilter("q", lazy("Search"), where=_found_by, placeholder=lazy("Card number or operator")),
            ChoiceFilter(
                "state",
                lazy("Status"),
                choices={**GROUPS, **_WORDS},
                where=lambda name: _condition(name, now),
            ),
            ChoiceFilter("act", lazy("What"), choices=TITLE, field=WriteOrder.act),
            ChoiceFilter("issuer", lazy("Issuer"), field=WriteOrder.device),
            DayFilter("created", lazy("Day"), field=WriteOrder.created_at),
        ),
        empty=lazy("An order is made when a card that lies on an issuer is to be written."),
    )

"""IC卡掛失報表 (55): which cards were reported lost, what became of them, and which devices have not heard yet."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.cards.model import Card, CardLoss
from central.cards.ports import places
from central.cards.rules import LossStatus
from central.cards.words import CHANNEL_TEXT
from central.ledger.model import LedgerAccount, LedgerEntry
from central.ledger.sums import owed_sum
from central.people.model import Person
from central.reports.common import HOLDER, card_column, departments_of, holder_columns
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, MONEY, NUMBER, Column, WordFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter
from central.web.i18n import LazyText, lazy
from central.web.tables import Group, Table

STATUS_TEXT: Final[dict[str, LazyText]] = {
    LossStatus.OPEN.value: lazy("Reported lost"),
    LossStatus.LIFTED.value: lazy("Loss report lifted"),
    LossStatus.REPLACED.value: lazy("Replaced"),
    LossStatus.RETURNED.value: lazy("Returned"),
    LossStatus.CANCELLED.value: lazy("Cancelled"),
}
assert STATUS_TEXT.keys() == {status.value for status in LossStatus}
KIND_TEXT: Final = {False: lazy("Lost"), True: lazy("Stolen")}

_LAY_THERE: Final = (
    LedgerEntry.select(owed_sum())
    .join(LedgerAccount, on=(LedgerEntry.account == LedgerAccount.id))
    .where(
        (LedgerAccount.card == CardLoss.card)
        & (LedgerAccount.issue_no == CardLoss.issue_no)
        & LedgerEntry.purse.is_null(False)
        & (LedgerEntry.at <= CardLoss.reported_at)
    )
)
BALANCE: Final = peewee.fn.COALESCE(_LAY_THERE, 0)
"""What lay on the card when it was reported: purse and allowance."""


def _query(scope: Scope) -> Any:
    new = Card.alias("new_card")
    query = (
        CardLoss.select(
            CardLoss.id,
            CardLoss.card.alias("card_id"),
            Card.card_no,
            Card.dead_since,
            *HOLDER,
            CardLoss.stolen,
            CardLoss.status,
            CardLoss.reported_at,
            CardLoss.reporter,
            CardLoss.channel,
            CardLoss.operator_name,
            CardLoss.ended_at,
            CardLoss.replaced_by.alias("new_id"),
            new.card_no.alias("new_no"),
            places().waiting_devices_count().alias("waiting_count"),
            BALANCE.alias("balance"),
        )
        .join(Card, on=(CardLoss.card == Card.id))
        .switch(CardLoss)
        .left_outer_join(Person, on=(CardLoss.person == Person.id))
        .switch(CardLoss)
        .left_outer_join(new, on=(CardLoss.replaced_by == new.id))
    )
    return scope.filter(query, CardLoss)


def _waiting(row: Any) -> int | None:
    """Devices that still have to hear of the loss; None for a card that works again."""
    is_over = row.status == LossStatus.LIFTED.value or row.dead_since is None
    return None if is_over else int(row.waiting_count)


LOSSES: Final = Table(
    name="losses",
    title=lazy("Card loss report"),
    query=_query,
    key=CardLoss.id,
    sort="-reported_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
        card_column(),
        *holder_columns(),
        Column("stolen", lazy("Lost or stolen"), WordFormat(KIND_TEXT)),
        Column("status", lazy("Status"), WordFormat(STATUS_TEXT)),
        Column("reported_at", lazy("Reported at"), MOMENT, sort=CardLoss.reported_at, sorts_down_first=True),
        Column("reporter", lazy("Reported by")),
        Column("channel", lazy("How"), WordFormat(CHANNEL_TEXT)),
        Column("operator_name", lazy("Operator")),
        Column(
            "lifted_at",
            lazy("Lifted at"),
            MOMENT,
            value=lambda row: row.ended_at if row.status == LossStatus.LIFTED.value else None,
        ),
        Column(
            "new_no",
            lazy("Replaced by"),
            CODE,
            href=lambda row: f"/cards/{row.new_id}" if row.new_id else None,
        ),
        Column("balance", lazy("Balance at report"), MONEY, total=BALANCE),
        Column("waiting_count", lazy("Devices not acknowledged yet"), NUMBER, value=_waiting),
    ),
    filters=(
        DayFilter("reported_at", lazy("Reported on"), field=CardLoss.reported_at),
        ChoiceFilter("status", lazy("Status"), choices=STATUS_TEXT, field=CardLoss.status),
        ChoiceFilter("department", lazy("Department"), field=CardLoss.department),
    ),
    groups=(Group(lazy("By status"), CardLoss.status, lambda value: STATUS_TEXT.get(value, value)),),
    empty=lazy("No card has been reported lost."),
)


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    return {"department": departments_of(scope, CardLoss)}

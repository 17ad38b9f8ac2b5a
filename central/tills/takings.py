"""營業額: what each till sold in a period, for the reconciliation of a day (domain-rules section 3 rule 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import peewee

from central.ledger.model import Posting
from central.nodes.model import Device
from central.nodes.standing import COMPLETE_UNTIL, UNSENT, standing
from central.sites.scope import Scope
from central.tills.model import Purchase, Shop, Till
from central.tills.till_list import is_till
from central.tills.words import PurchaseResult
from central.web.columns import MOMENT, MONEY, NUMBER, Column
from central.web.filters import ChoiceFilter, DayFilter, DayRange, bind_filter
from central.web.i18n import lazy
from central.web.tables import Table


class _Period(DayFilter):
    """From when to when the amounts are counted; it leaves no till out."""

    def apply(self, query: Any, value: DayRange) -> Any:
        return query


_Reversal: Final = Posting.alias()
PERIOD: Final = _Period("at", lazy("Day"))
_WHOLE: Final = DayRange(None, None)
_SOLD: Final = (PurchaseResult.SOLD.value, PurchaseResult.SUSPENSE.value, PurchaseResult.CONFLICT.value)
_UNSURE: Final = (PurchaseResult.SUSPENSE.value, PurchaseResult.CONFLICT.value)


def make_table(query: Mapping[str, str] | None = None) -> Table:
    """The list over the period of the address; the days are those of the estate, from midnight."""
    period = bind_filter(PERIOD, query or {}, None).value or _WHOLE
    start, end = period.start_at(), period.end_at()
    span = [] if start is None else [Purchase.at >= start]
    span += [] if end is None else [Purchase.at < end]

    def of_till(expression: Any, *conditions: Any, nothing: Any = 0) -> Any:
        found = Purchase.select(expression).where(Purchase.device == Device.id, *span, *conditions)
        return peewee.fn.COALESCE(found, nothing)

    count, fen = peewee.fn.COUNT(Purchase.id), peewee.fn.SUM(Purchase.booked_fen).cast("bigint")
    back = peewee.fn.SUM(Purchase.booked_fen * -1).cast("bigint")
    by_hand = peewee.fn.EXISTS(
        _Reversal.select(_Reversal.id).where(
            (_Reversal.reverses == Purchase.posting) & _Reversal.key.startswith("reverse:")
        )
    )
    sold, undone = Purchase.result.in_(_SOLD), Purchase.result == PurchaseResult.TAKEN_BACK.value
    sums = {
        "sold_count": of_till(count, sold),
        "sold_fen": of_till(fen, sold),
        "undone_count": of_till(count, undone),
        "undone_fen": of_till(fen, undone),
        "corrected_fen": of_till(back, by_hand),
        "takings_fen": of_till(fen) + of_till(back, by_hand),
        "unsure_fen": of_till(fen, Purchase.result.in_(_UNSURE)),
        "offline_count": of_till(count, sold, Purchase.offline),
        "refused_count": of_till(count, Purchase.result == PurchaseResult.REFUSED.value),
    }
    titles = {
        "sold_count": lazy("Payments"),
        "sold_fen": lazy("Sold for"),
        "undone_count": lazy("Taken back"),
        "undone_fen": lazy("Taken back for"),
        "corrected_fen": lazy("Reversed at the desk"),
        "takings_fen": lazy("Takings"),
        "unsure_fen": lazy("Of this in suspense"),
        "offline_count": lazy("Of this without network"),
        "refused_count": lazy("Refused"),
    }
    numbers = {
        "first_no": of_till(peewee.fn.MIN(Purchase.seq), nothing=None),
        "last_no": of_till(peewee.fn.MAX(Purchase.seq), nothing=None),
    }

    def rows(scope: Scope) -> Any:
        more = [expression.alias(name) for name, expression in (sums | numbers).items()]
        found = standing(Shop.name.alias("shop_name"), *more)
        found = found.join(Till, peewee.JOIN.LEFT_OUTER, on=(Till.device == Device.id))
        found = found.join(Shop, peewee.JOIN.LEFT_OUTER, on=(Till.shop == Shop.id))
        return scope.filter(found.where(is_till()), Device)

    def column(name: str) -> Column:
        kind = MONEY if name.endswith("_fen") else NUMBER
        href = (lambda row: f"/tills/purchases?device={row.id}") if name == "sold_count" else None
        return Column(name, titles[name], kind, total=sums[name], href=href)

    return Table(
        name="takings",
        title=lazy("Takings of tills"),
        query=rows,
        key=Device.id,
        sort="number",
        columns=(
            Column("id", lazy("Record number"), NUMBER, is_shown=False, is_exported=False),
            Column("number", lazy("Device number"), NUMBER, sort=Device.number),
            Column("label", lazy("Till"), sort=Device.label, href=lambda row: f"/tills/{row.id}"),
            Column("shop_name", lazy("Merchant")),
            *(column(name) for name in sums),
            Column("first_no", lazy("First number"), NUMBER),
            Column("last_no", lazy("Last number"), NUMBER),
            UNSENT,
            COMPLETE_UNTIL,
            Column("heard_at", lazy("Last heard"), MOMENT, is_shown=False),
        ),
        filters=(
            PERIOD,
            ChoiceFilter("shop", lazy("Merchant"), where=lambda value: Till.shop == int(value)),
        ),
        empty=lazy(
            "A till is a device for which this purpose was chosen. Access levels say whose cards it takes."
        ),
        empty_href="/devices/new",
        empty_action=lazy("Enter a device"),
    )

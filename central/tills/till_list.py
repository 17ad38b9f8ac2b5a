"""收費機: the tills with their shop, and how far the purchases of each have come in (27, 51)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import peewee

from central.nodes.model import Device
from central.nodes.standing import COMPLETE_UNTIL, STATE, UNDELIVERED, UNSENT, standing
from central.sites.scope import Scope
from central.tills.model import Purchase, Shop, Till
from central.tills.settings import limits_in
from central.tills.tills import ROLE
from central.web.columns import MOMENT, NUMBER, Column
from central.web.i18n import lazy
from central.web.tables import Table


def is_till() -> Any:
    """Condition on ``Device``: it is a till, or was one when purchases came from it."""
    has_role = Device.roles.cast("text").contains(f'"{ROLE}"')
    return has_role | peewee.fn.EXISTS(Purchase.select(Purchase.id).where(Purchase.device == Device.id))


def _query(scope: Scope) -> Any:
    newest = Purchase.select(peewee.fn.MAX(Purchase.at)).where(Purchase.device == Device.id)
    query = standing(newest.alias("last_purchase_at"), Shop.name.alias("shop_name"), Till.meals, Till.limits)
    query = query.join(Till, peewee.JOIN.LEFT_OUTER, on=(Till.device == Device.id))
    query = query.join(Shop, peewee.JOIN.LEFT_OUTER, on=(Till.shop == Shop.id))
    return scope.filter(query.where(is_till()), Device)


def _offline_until(row: Any) -> Any:
    """Until when the till sells if it hears nothing more of the centre; None: without end, or it was never heard."""
    if row.limits is None or row.heard_at is None:
        return None
    limits = limits_in(row.limits)
    hours = [hours for hours in (limits.balances_age_max_h, limits.hotlist_age_max_h) if hours]
    return row.heard_at + timedelta(hours=min(hours)) if hours else None


TILLS: Final = Table(
    name="tills",
    title=lazy("Tills"),
    query=_query,
    key=Device.id,
    sort="number",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "number", lazy("Device number"), NUMBER, sort=Device.number, href=lambda row: f"/tills/{row.id}"
        ),
        Column("label", lazy("Till"), sort=Device.label, href=lambda row: f"/tills/{row.id}"),
        Column("location", lazy("Location")),
        Column("shop_name", lazy("Merchant")),
        Column("meals_count", lazy("Meals"), NUMBER, value=lambda row: len(row.meals or ())),
        STATE,
        Column(
            "last_purchase_at",
            lazy("Last purchase"),
            MOMENT,
            value=lambda row: _moment(row.last_purchase_at),
            href=lambda row: f"/tills/purchases?device={row.id}",
        ),
        UNDELIVERED,
        UNSENT,
        COMPLETE_UNTIL,
        Column("offline_until", lazy("Sells without network until"), MOMENT, value=_offline_until),
        Column("heard_at", lazy("Last heard"), MOMENT, is_shown=False),
    ),
    empty=lazy(
        "A till is a device for which this purpose was chosen. Access levels say whose cards it takes."
    ),
    empty_href="/devices/new",
    empty_action=lazy("Enter a device"),
)
"""``complete_until``: every purchase that the till took before that is here; of later ones nobody can tell yet."""


def _moment(value: Any) -> Any:
    """The largest of instants comes as the database keeps it."""
    return None if value is None else Purchase.at.python_value(value)

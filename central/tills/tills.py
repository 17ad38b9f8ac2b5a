"""收費機: a device whose reader sells. Access levels say whose cards it takes, as at a door. Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from central.access import terminals
from central.access.model import AccessPoint
from central.access.terminals import Terminal
from central.errors import ConflictError
from central.nodes.model import Device
from central.sync import publish
from central.tills.model import Shop, Till
from central.tills.settings import Limits, Meal, check_meals, limits_in, meals_in, row_of
from protocol.records import Kind, Row, TillRow

ROLE = "pos"
"""Of a device: a value in ``Device.roles``."""


class TillInput(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator says of a till. ``version``: of what he has seen, 0 for one that sells nothing yet."""

    shop: str
    meals: tuple[Meal, ...]
    limits: Limits
    version: int = 0


def put(device: Device, given: TillInput, now: datetime) -> Till:
    """Set how a device sells, from now on.

    :raises InvalidInputError: two meals at one time. :raises ConflictError: it was changed meanwhile.
    """
    check_meals(given.meals)
    till: Till | None = Till.get_or_none(Till.device == device.id)
    if (0 if till is None else till.version) != given.version:
        raise ConflictError("This was changed meanwhile. Look at it again.")
    shop = _shop(device, given.shop.strip())
    saved = till or Till(device=device.id)
    saved.shop, saved.version, saved.changed_at = shop, given.version + 1, now
    saved.meals = msgspec.to_builtins(given.meals)
    saved.limits = msgspec.to_builtins(given.limits)
    saved.save()
    publish.device_changed(device.id)
    return saved


def _shop(device: Device, name: str) -> Shop:
    """The own shop of that name, entered when it is new."""
    place = {"site": device.site_id, "organisation": device.organisation_id, "name": name}
    found: Shop | None = Shop.get_or_none(
        (Shop.site == device.site_id) & (Shop.organisation == device.organisation_id) & (Shop.name == name)
    )
    return found or Shop.create(**place)


def snapshot(till: Till | None) -> dict[str, object] | None:
    """What the audit row says of a till."""
    if till is None:
        return None
    return {"shop": till.shop.name, "meals": till.meals, "limits": till.limits}


def till_rows(device: Device, points: Sequence[AccessPoint]) -> Mapping[int, Row]:
    """Under every reader of the device; one that nobody has set up yet sells nothing."""
    till: Till | None = Till.get_or_none(Till.device == device.id)
    row = TillRow() if till is None else row_of(meals_in(till.meals), limits_in(till.limits))
    return {point.id: row for point in points}


terminals.register(Terminal(ROLE, "purse", Kind.TILL, till_rows))

"""Which devices are patrol units, and of what kind each is (巡更器類型). Inside ``db``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import peewee

from central.access.model import AccessPoint
from central.nodes.model import Device
from central.patrol.model import CarriedUnit, Checkpoint
from central.units.model import PatrolUnit
from central.units.rules import UnitKind


def unit_ids() -> set[int]:
    """Devices that were entered as patrol points or carried units, or have a checkpoint at one of their readers."""
    of_role = {
        number for number, roles in Device.select(Device.id, Device.roles).tuples() if "patrol" in roles
    }
    at_reader = AccessPoint.select(AccessPoint.device).join(Checkpoint).distinct().tuples()
    return of_role | {number for (number,) in at_reader} | carried_ids()


def carried_ids() -> set[int]:
    """Devices with a reader that was entered as a carried unit: they hold location cards and open rounds."""
    query = (
        AccessPoint.select(AccessPoint.device)
        .join(CarriedUnit)
        .where(CarriedUnit.taken_at.is_null())
        .distinct()
        .tuples()
    )
    return {number for (number,) in query}


def kind_column() -> Any:
    """The kind of a device in a query that has ``PatrolUnit`` joined from the left."""
    otherwise = peewee.Case(
        None, [(Device.id.in_(sorted(carried_ids())), UnitKind.CARRIED.value)], UnitKind.FIXED_ONLINE.value
    )
    return peewee.fn.COALESCE(PatrolUnit.kind, otherwise)


def without_network_ids() -> set[int]:
    """Devices that work without a network by their kind."""
    query = (
        Device.select(Device.id)
        .join(PatrolUnit, peewee.JOIN.LEFT_OUTER, on=(PatrolUnit.device == Device.id))
        .where(kind_column() != UnitKind.FIXED_ONLINE.value)
        .tuples()
    )
    return {number for (number,) in query}


def kinds_of(device_ids: Collection[int]) -> dict[int, UnitKind]:
    """The kind of each of these devices, whether they are patrol units or not."""
    query = (
        Device.select(Device.id, kind_column())
        .join(PatrolUnit, peewee.JOIN.LEFT_OUTER, on=(PatrolUnit.device == Device.id))
        .where(Device.id.in_(sorted(device_ids)))
        .tuples()
    )
    return {number: UnitKind(kind) for number, kind in query}

"""Which devices are patrol units, and of what kind each is (巡更器類型). Inside ``db``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import peewee

from central.access.model import AccessPoint
from central.errors import ConflictError
from central.nodes import connection
from central.nodes.model import Device, DeviceConnection
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
    away = DeviceConnection.select(DeviceConnection.device).where(DeviceConnection.way != connection.NETWORK)
    otherwise = peewee.Case(
        None,
        [
            (Device.id.in_(sorted(carried_ids())), UnitKind.CARRIED.value),
            (Device.id.in_(away), UnitKind.FIXED_OFFLINE.value),
        ],
        UnitKind.FIXED_ONLINE.value,
    )
    return peewee.fn.COALESCE(PatrolUnit.kind, otherwise)


def set_kind(device: Device, wanted: UnitKind) -> UnitKind:
    """Whether it is carried is kept here, whether it has a network with its connection; what it was before.

    :raises ConflictError: it was entered as a carried unit, or needs a network.
    """
    before = kinds_of([device.id])[device.id]
    if device.id in carried_ids() and wanted is not UnitKind.CARRIED:
        raise ConflictError("This device is entered as a carried unit. Take it away there first.")
    PatrolUnit.delete().where(PatrolUnit.device == device.id).execute()
    if wanted is UnitKind.CARRIED:
        PatrolUnit.create(device=device.id, kind=wanted.value)
    elif wanted is UnitKind.FIXED_ONLINE:
        connection.set_way(device, connection.NETWORK)
    elif connection.connection_of(device).way == connection.NETWORK:
        connection.set_way(device, connection.FILE)
    return before


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

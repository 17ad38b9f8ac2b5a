"""Which devices hold the newest restriction of a card: expressions for lists, joined to a row of ``Card``."""

from __future__ import annotations

from typing import Any

import peewee

from central.access.model import Door
from central.cards.model import Card
from central.nodes.model import Device
from central.sync.model import DeviceStatus, Head, PublishedRow
from central.sync.publish import CONFIG_EPOCH
from protocol.records import Kind


def _revision() -> Any:
    """The newest revision of the card's restriction, under any of its keys."""
    owner = peewee.Value("card:").concat(Card.id.cast("text"))
    return PublishedRow.select(peewee.fn.MAX(PublishedRow.revision)).where(
        (PublishedRow.owner == owner) & (PublishedRow.kind == Kind.RESTRICTION.value)
    )


def _is_held() -> Any:
    """The device holds the newest restriction of the card, of this centre's present configuration."""
    epoch = Head.select(Head.revision).where(Head.stream == CONFIG_EPOCH)
    return (DeviceStatus.config_epoch == peewee.fn.COALESCE(epoch, 1)) & (
        DeviceStatus.restrictions >= _revision()
    )


def _doors(what: Any) -> Any:
    return (
        Door.select(peewee.fn.COUNT(what))
        .join(Device)
        .left_outer_join(DeviceStatus, on=(DeviceStatus.device == Device.id))
        .where((Door.site == Card.site) & Door.enabled & Device.enabled)
    )


def doors_count() -> Any:
    """Doors in use of the card's estate."""
    return _doors(Door.id)


def acknowledged_count() -> Any:
    """Those of them whose device holds the newest restriction of the card."""
    return _doors(peewee.Case(None, [(_is_held(), Door.id)]))


def waiting_devices_count() -> Any:
    """Devices with doors in use that have not acknowledged the newest restriction of the card."""
    waiting = peewee.Case(None, [(_is_held(), None)], Door.device)
    return _doors(peewee.fn.DISTINCT(waiting))

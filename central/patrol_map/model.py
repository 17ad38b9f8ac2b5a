"""地圖: an area with a picture of it or an empty grid, where its checkpoints and doors lie on it; what alarms were raised for."""

from __future__ import annotations

import peewee

from central.access.model import Door
from central.db import Model
from central.fields import InstantField
from central.nodes.model import Device
from central.patrol.model import Checkpoint
from central.sites.model import Organisation, Site


class PatrolMap(Model):
    """One area of an estate."""

    site = peewee.ForeignKeyField(Site, index=False, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, backref="patrol_maps", on_delete="RESTRICT")
    name = peewee.TextField()
    digest = peewee.TextField(default="")
    """SHA-256 of the picture in hexadecimal; empty: there is none, an empty grid is shown."""
    width_px = peewee.IntegerField()
    height_px = peewee.IntegerField()
    """Size of the picture or grid."""
    version = peewee.IntegerField(default=1)
    """Counts the changes, so that nobody overwrites what he has not seen."""
    changed_at = InstantField()

    class Meta:
        indexes = ((("site", "name"), True),)


class MapPicture(Model):
    """The background of a map. A table of its own, so that lists do not read it."""

    map = peewee.ForeignKeyField(PatrolMap, unique=True, on_delete="CASCADE")
    image = peewee.BlobField()
    """JPEG, encoded by us."""


class MapPlace(Model):
    """A checkpoint on a map. It may be on several maps."""

    map = peewee.ForeignKeyField(PatrolMap, index=False, backref="places", on_delete="CASCADE")
    checkpoint = peewee.ForeignKeyField(Checkpoint, backref="places", on_delete="CASCADE")
    x_permille = peewee.IntegerField()
    """From the left edge, in thousandths of the width."""
    y_permille = peewee.IntegerField()
    """From the top edge, in thousandths of the height."""

    class Meta:
        indexes = ((("map", "checkpoint"), True),)


class DoorPlace(Model):
    """A door on a map. It may be on several maps."""

    map = peewee.ForeignKeyField(PatrolMap, index=False, backref="door_places", on_delete="CASCADE")
    door = peewee.ForeignKeyField(Door, on_delete="CASCADE")
    x_permille = peewee.IntegerField()
    """From the left edge, in thousandths of the width."""
    y_permille = peewee.IntegerField()
    """From the top edge, in thousandths of the height."""

    class Meta:
        indexes = ((("map", "door"), True),)


class HeardUnit(Model):
    """A unit that is heard without a break, as far as the centre was there to hear it; no row: it is not (B9)."""

    device = peewee.ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
    since_at = InstantField()


class RaisedVisit(Model):
    """An alarm was raised for this stop of a round, or (``stop`` -1) because the round was not begun: once each."""

    route = peewee.IntegerField()
    start_ms = peewee.BigIntegerField()
    number = peewee.IntegerField()
    """As in ``protocol.rules.patrol.expand.Round``."""
    stop = peewee.IntegerField()
    at = InstantField(index=True)

    class Meta:
        indexes = ((("route", "start_ms", "number", "stop"), True),)

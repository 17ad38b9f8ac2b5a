"""Zones of card keys: sets of readers with one read key. They belong to the centre, as the master key does."""

from __future__ import annotations

import peewee

from central.db import Model
from central.fields import InstantField


class Zone(Model):
    """One zone. Its readers are those ``AccessPoint`` rows that have its number."""

    number = peewee.IntegerField(primary_key=True)
    """0 to 15: it is part of the keys and of what is written on cards. Zone 0 is there from the first run."""
    name = peewee.TextField(unique=True)
    """Empty for zone 0 as long as nobody has named it."""
    created_at = InstantField()

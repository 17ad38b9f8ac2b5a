"""Estates (項目處) and organisations (使用單位): what everything else belongs to (U1)."""

from __future__ import annotations

from typing import ClassVar

import peewee

from central.db import Model
from central.fields import InstantField


class Organisation(Model):
    """A using organisation: the property company itself, a company that rents an office. The name is unique."""

    name = peewee.TextField(unique=True)
    note = peewee.TextField(default="")
    active = peewee.BooleanField(default=True)
    created_at = InstantField()


class Site(Model):
    """An estate. ``zone`` is an IANA time zone: schedules and pages of the estate speak its local time."""

    name = peewee.TextField(unique=True)
    zone = peewee.TextField()
    note = peewee.TextField(default="")
    active = peewee.BooleanField(default=True)
    created_at = InstantField()


class Scoped(Model):
    """Base of rows that belong to one estate and one organisation; see :class:`central.sites.scope.Scope`."""

    IS_BASE: ClassVar = True

    site = peewee.ForeignKeyField(Site, on_delete="RESTRICT")
    organisation = peewee.ForeignKeyField(Organisation, on_delete="RESTRICT")

"""The list of backups that were made and found whole."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import peewee

from central.audit import unaudited
from central.db import Model
from central.fields import InstantField, JsonField

RECORDED: Final = "system.backup"
"""Announced when a backup counts from now on: devices may delete what it holds."""


@unaudited
class Backup(Model):
    """One backup. ``marks``: how far each sub-system's data was in it (a name each, JSON values)."""

    begun_at = InstantField()
    finished_at = InstantField(null=True)
    """Set once the file was read back and found whole."""
    file_name = peewee.TextField()
    bytes_count = peewee.BigIntegerField(default=0)
    marks = JsonField(default=dict)


def last_backup() -> Backup | None:
    """The newest whole backup; inside ``db``."""
    return Backup.select().where(Backup.finished_at.is_null(False)).order_by(Backup.id.desc()).first()


def last_backup_at() -> datetime | None:
    """When it began: what came later is not in it. Inside ``db``."""
    row = last_backup()
    return None if row is None else row.begun_at

"""Settings that are changed on pages and kept in the database: one row per key, JSON values, a default for each."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import peewee

from central.db import Model
from central.fields import InstantField, JsonField

DEFAULTS: Final[dict[str, Any]] = {
    "organisation_name": "",
    "zone": "Asia/Shanghai",
    "setup_done": False,
    "restored_at": None,
}
"""Every known key. A sub-system adds its own at import: ``DEFAULTS["access.release_s"] = 5``."""


class Setting(Model):
    """One changed setting; what is not here has its default."""

    key = peewee.TextField(primary_key=True)
    value = JsonField(null=True)
    changed_at = InstantField()


def get(key: str) -> Any:
    """The value; inside ``db.read`` or ``db.write``. An unknown key is a mistake of ours (KeyError)."""
    default = DEFAULTS[key]
    row = Setting.get_or_none(Setting.key == key)
    return default if row is None else row.value


def put(key: str, value: Any, now: datetime) -> None:
    """Set the value; inside ``db.write``. The caller records the change in the audit trail."""
    assert key in DEFAULTS, key
    (
        Setting.insert(key=key, value=value, changed_at=now)
        .on_conflict(conflict_target=[Setting.key], update={Setting.value: value, Setting.changed_at: now})
        .execute()
    )

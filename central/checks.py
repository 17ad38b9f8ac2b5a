"""What the centre watches of itself: the database, the disk, the age of the last backup."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import Final

from central import settings
from central.backup_record import last_backup_at
from central.centre import Centre
from central.errors import StorageError
from central.health import GOOD, Finding, Level
from central.web.i18n import lazy

WAITING_MAX: Final = 1_000
"""More writes than this in the queue are shown as trouble."""


def add_checks(centre: Centre) -> None:
    """Register the checks of the floor; sub-systems add their own in ``install``."""
    centre.health.add("database", lambda: database(centre))
    centre.health.add("disk", lambda: disk(centre))
    centre.health.add("backup", lambda: backup(centre))


async def database(centre: Centre) -> Finding:
    """A transaction goes through, the writer keeps up, and a read comes back."""
    try:
        await centre.db.write(lambda: None)  # begun for writing, so that a lock or a dead disk shows
    except StorageError:
        return Finding(Level.STOPPED, lazy("The database cannot be written."))
    await centre.db.read(settings.get, "setup_done")
    if centre.db.waiting_count > WAITING_MAX:
        return Finding(Level.DEGRADED, lazy("Many changes wait to be written."))
    return GOOD


async def disk(centre: Centre) -> Finding:
    """There is room for a while."""
    free = shutil.disk_usage(centre.config.data).free
    if free < centre.config.limits.free_disk_bytes_min:
        return Finding(
            Level.DEGRADED,
            lazy("Only %(megabytes)s MB are free on the disk."),
            {"megabytes": free // 1_000_000},
        )
    return GOOD


async def backup(centre: Centre) -> Finding:
    """There was a backup lately, once the centre is in use."""
    last, begun = await centre.db.read(_last_backup)
    if begun is None:
        return GOOD
    age_max = timedelta(seconds=centre.config.limits.backup_age_s_max)
    if centre.clock.now() - (last or begun) <= age_max:
        return GOOD
    if last is None:
        return Finding(Level.DEGRADED, lazy("There is no backup yet."))
    return Finding(Level.DEGRADED, lazy("The last backup is too old."))


def _last_backup() -> tuple[datetime | None, datetime | None]:
    """When the last backup was made, and when the centre was set up."""
    done = settings.Setting.get_or_none(settings.Setting.key == "setup_done")
    return last_backup_at(), None if done is None else done.changed_at

"""Restore: a backup into an empty data folder; what the devices still hold comes back by itself.

A restored centre raises its config_epoch (``AFTER_RESTORE`` of the sync), asks its devices for everything after the
backup, and keeps the union of hotlists until an operator decides.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from central import settings
from central.audit import COMMAND, Audit, verify
from central.backup import run_tool
from central.backup_file import DUMP_MEMBER, SQLITE_MEMBER, check_tar
from central.clock import Clock
from central.config import CONFIG_FILE, Config
from central.crypted import decrypt
from central.db import Database
from central.engines import ensure_connected, kind_of, make_engine, sqlite_path
from central.errors import BackupError, CentralError
from central.web.i18n import _


def restore(
    config: Config,
    file: Path,
    passphrase: str | None,
    clock: Clock,
    after_restore: Iterable[Callable[[datetime], None]],
) -> datetime:
    """Put a backup into an empty data folder (and, for PostgreSQL, an empty database). Returns when it was made.

    :raises BackupError: the folder is not empty, the file is damaged, or the passphrase is wrong; nothing is left behind.
    """
    data = config.data
    leftovers = [p.name for p in data.iterdir() if p.name != CONFIG_FILE] if data.exists() else []
    if leftovers:
        raise BackupError(
            _("%(folder)s is not empty: a backup is restored into an empty folder.", folder=data)
        )
    data.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=data.parent) as folder:
        work = Path(folder)
        (work / "found" / "keys").mkdir(parents=True, mode=0o700)
        plain = file
        if passphrase is not None:
            plain = work / "backup.tar"
            with file.open("rb") as source, plain.open("wb") as target:
                decrypt(source, target, passphrase)
        manifest = check_tar(plain, work / "found")
        for path in (work / "found").rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        _put_in_place(config, work / "found")
    at = datetime.fromisoformat(manifest["at"])
    _after(config, clock, at, after_restore)
    return at


def _put_in_place(config: Config, found: Path) -> None:
    data, url = config.data, config.database_url
    is_dump = (found / DUMP_MEMBER).exists()
    if is_dump != (kind_of(url) == "postgresql"):
        raise BackupError(_("The backup is of another kind of database than database.url names."))
    if is_dump:
        _check_is_empty(url)
        dump = found / DUMP_MEMBER
        run_tool(url, "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", str(dump))
        (found / DUMP_MEMBER).unlink()
    elif sqlite_path(url).absolute().parent != data.absolute():
        if sqlite_path(url).exists():
            raise BackupError(_("%(file)s exists already.", file=sqlite_path(url)))
        shutil.move(found / SQLITE_MEMBER, sqlite_path(url))
    elif sqlite_path(url).name != SQLITE_MEMBER:
        (found / SQLITE_MEMBER).rename(found / sqlite_path(url).name)
    if (data / CONFIG_FILE).exists():  # the one that was put there for the new machine counts
        (found / CONFIG_FILE).unlink(missing_ok=True)
        shutil.move(data / CONFIG_FILE, found / CONFIG_FILE)
    if data.exists():
        data.rmdir()
    os.rename(found, data)


def _check_is_empty(url: str) -> None:
    engine = make_engine(url)
    ensure_connected(engine)
    try:
        if engine.get_tables():
            raise BackupError(_("The database is not empty: a backup is restored into an empty one."))
    finally:
        engine.close()


def _after(config: Config, clock: Clock, at: datetime, steps: Iterable[Callable[[datetime], None]]) -> None:
    database = Database(config.database_url)
    audit = Audit(database, clock)

    def act() -> None:
        for step in steps:
            step(clock.now())
        settings.put("restored_at", clock.now().isoformat(), clock.now())
        audit.record(COMMAND, "system.restore", "system", "", after={"as_of": at.isoformat()})

    try:
        database.call_upgrade()
        database.call_read(verify)
        database.call_write(act)
    except CentralError as error:
        raise BackupError(_("The backup is damaged: %(why)s", why=error)) from error
    finally:
        database.call_close()

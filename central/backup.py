"""Backup: database, keys and configuration in one file, read back before it counts.

With a passphrase the file is encrypted (:mod:`central.crypted`). The marks of a backup say how far each sub-system's data
was in it; they are read from the very state that was copied, because devices delete what a mark promises (I1).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from central.audit import Actor, Head, read_head, verify, witness
from central.backup_file import DUMP_MEMBER, SQLITE_MEMBER, check_tar, write_tar
from central.backup_record import RECORDED, Backup
from central.centre import Centre
from central.config import CONFIG_FILE
from central.crypted import decrypt, encrypt, is_crypted
from central.db import Database, announce, current_engine
from central.engines import kind_of, sqlite_path
from central.errors import BackupError
from central.parts import BackupMark
from central.web.i18n import _

PASSPHRASE_VARIABLE: Final = "ONECARD_BACKUP_PASSPHRASE"  # noqa: S105 (the name of a variable)
PASSPHRASE_CHARS_MIN: Final = 12


@dataclass(frozen=True)
class Made:
    """A whole backup file, not yet recorded."""

    file: Path
    begun_at: datetime
    bytes_count: int
    is_encrypted: bool
    marks: Mapping[str, Any]
    audit_head: Head


def read_passphrase(environment: Mapping[str, str], ask: Callable[[str], str], *, again: bool) -> str:
    """From the environment (for jobs), else typed.

    :param again: typed twice, and long enough: for a new backup.
    :raises BackupError: too short, or the two differ.
    """
    found = environment.get(PASSPHRASE_VARIABLE)
    if found is None:
        found = ask(_("Passphrase of the backup: "))
        if again and ask(_("Once more: ")) != found:
            raise BackupError(_("The two passphrases differ."))
    if again and len(found) < PASSPHRASE_CHARS_MIN:
        raise BackupError(_("A passphrase has at least %(n)s characters.", n=PASSPHRASE_CHARS_MIN))
    return found


def is_encrypted(file: Path) -> bool:
    """True for a backup that needs a passphrase.

    :raises BackupError: the file cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return is_crypted(stream)
    except OSError as error:
        raise BackupError(f"{file}: {error.strerror}") from error


def write_backup(centre: Centre, file: Path, passphrase: str | None, marks: Iterable[BackupMark]) -> Made:
    """Make the file while the centre works or while it does not run; takes its time, so never in the event loop.

    The file appears under its name only when it is whole; it has mode 0600 and never replaces another.

    :raises BackupError: the file exists, or what was written cannot be read back.
    """
    file = file.absolute()
    if file.exists():
        raise BackupError(_("%(file)s exists already.", file=file))
    begun_at = centre.clock.now()
    with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.parent) as folder:
        work = Path(folder)
        database, found, head = _copy_database(centre.config.database_url, work, list(marks))
        whole = work / "backup.tar"
        write_tar(whole, _members(centre, database), begun_at)
        check_tar(whole)
        if passphrase is not None:
            whole = _seal(whole, passphrase)
        whole.chmod(0o600)
        with whole.open("rb") as stream:
            os.fsync(stream.fileno())
        try:
            os.link(whole, file)  # unlike a rename, this never replaces what is there
        except FileExistsError:
            raise BackupError(_("%(file)s exists already.", file=file)) from None
    return Made(file, begun_at, file.stat().st_size, passphrase is not None, found, head)


def record_backup(centre: Centre, made: Made, actor: Actor) -> int:
    """The backup counts from now on; inside ``db.write``. Returns its id."""
    now = centre.clock.now()
    witness(made.audit_head, now)
    row = Backup.create(
        begun_at=made.begun_at,
        finished_at=now,
        file_name=made.file.name,
        bytes_count=made.bytes_count,
        marks=made.marks,
    )
    after = {"file": made.file.name, "bytes": made.bytes_count, "encrypted": made.is_encrypted}
    centre.audit.record(actor, "system.backup", "backup", row.id, after=after)
    announce(RECORDED, {"id": row.id})
    return int(row.id)


def _seal(plain: Path, passphrase: str) -> Path:
    """The encrypted file beside the plain one; decrypted once to see that it can be."""
    sealed = plain.with_suffix(".sealed")
    with plain.open("rb") as source, sealed.open("wb") as target:
        encrypt(source, target, passphrase)
    with sealed.open("rb") as source, open(os.devnull, "wb") as nowhere:
        decrypt(source, nowhere, passphrase)
    return sealed


def _copy_database(url: str, folder: Path, marks: list[BackupMark]) -> tuple[Path, dict[str, Any], Head]:
    """A consistent copy while others write, the marks of exactly that state, and the head of its audit trail."""
    if kind_of(url) == "sqlite":
        return _copy_sqlite(sqlite_path(url), folder, marks)
    return _dump_postgres(url, folder, marks)


def _copy_sqlite(file: Path, folder: Path, marks: list[BackupMark]) -> tuple[Path, dict[str, Any], Head]:
    """SQLite's online backup; the marks are read from a second copy, so that the first stays one file."""
    target, look = folder / SQLITE_MEMBER, folder / "look.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        (state,) = copy.execute("PRAGMA integrity_check").fetchone()
    if state != "ok":
        raise BackupError(f"the copy of the database is damaged: {state}")
    shutil.copyfile(target, look)
    database = Database(f"sqlite:///{look}")
    try:
        database.call_read(verify)
        found = {mark.name: database.call_read(mark.read) for mark in marks}
        return target, found, database.call_read(read_head)
    finally:
        database.call_close()


def _dump_postgres(url: str, folder: Path, marks: list[BackupMark]) -> tuple[Path, dict[str, Any], Head]:
    """``pg_dump`` of an exported snapshot, and the marks read in that same snapshot."""
    target = folder / DUMP_MEMBER

    def act() -> tuple[dict[str, Any], Head]:
        (snapshot,) = current_engine.execute_sql("SELECT pg_export_snapshot()").fetchone()
        verify()
        run_tool(
            url, "pg_dump", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={target}"
        )
        return {mark.name: mark.read() for mark in marks}, read_head()

    database = Database(url)
    try:
        found, head = database.call_read(act)
    finally:
        database.call_close()
    return target, found, head


def run_tool(url: str, *command: str) -> None:
    """A program of PostgreSQL on the database of ``url``; a password goes by the environment, where ``ps`` shows none.

    :raises BackupError: it is not installed, or it failed; the message is its own.
    """
    tool = shutil.which(command[0])
    if tool is None:
        raise BackupError(_("The program %(name)s is needed and is not installed.", name=command[0]))
    password, environment = urlsplit(url).password, dict(os.environ)
    if password:
        url, environment["PGPASSWORD"] = url.replace(f":{password}@", "@", 1), unquote(password)
    arguments = [tool, *command[1:], f"--dbname={url}"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise BackupError(f"{command[0]}: {done.stderr.strip()[:500]}")


def _members(centre: Centre, database: Path) -> list[tuple[str, Path]]:
    members = [(database.name, database)]
    members += [
        (f"keys/{path.name}", path) for path in sorted(centre.keys.folder.iterdir()) if path.is_file()
    ]
    config = centre.config.data / CONFIG_FILE
    return members + ([(CONFIG_FILE, config)] if config.exists() else [])

"""A private PostgreSQL cluster on a socket in a folder of its own; every test gets a database in it as if it were new.

One with today's tables is emptied after its test and given to the next one: making and dropping 300 files takes twenty
times as long as deleting what a test has entered.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg

from central.db import Database

SERVER_USER = "postgres"
_OTHERS_END: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_USED: Final = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0"""
_COUNTED: Final = """
SELECT seqrelid::regclass::text, pg_sequence_last_value(seqrelid) FROM pg_sequence
WHERE pg_sequence_last_value(seqrelid) IS NOT NULL"""
_SHAPE: Final = """
SELECT sum(xmin::text::bigint) FROM (
SELECT xmin FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT xmin FROM pg_attribute WHERE attrelid >= 16384) AS found"""
"""Another number as soon as a table, an index or a column was made, changed or dropped."""


class ReadyDatabase:
    """A database with today's tables and what the migrations enter in them, to which it can be taken back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = psycopg.connect(url, autocommit=True)
        self._shape = self._rows(_SHAPE)
        self._entered = {table: self._copied(table) for (table,) in self._rows(_USED)}
        self._counted = dict(self._rows(_COUNTED))

    def empty(self) -> bool:
        """Take back what a test has entered; False when it has changed the tables themselves."""
        self._rows(_OTHERS_END)
        if self._rows(_SHAPE) != self._shape:
            return False
        used = [table for (table,) in self._rows(_USED)]
        counted = [name for name, _ in self._rows(_COUNTED)]
        with self._connection.transaction():
            # No trigger runs: neither order nor references matter, since all of it goes.
            self._connection.execute(
                ";".join(
                    (
                        "SET LOCAL session_replication_role = replica",
                        *(f"DELETE FROM {table}" for table in used),
                        *(
                            f"SELECT setval('{name}', {self._counted.get(name, 1)}, {name in self._counted})"
                            for name in counted
                        ),
                    )
                )
            )
            for table, rows in self._entered.items():
                with self._connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)
        return True

    def close(self) -> None:
        self._connection.close()

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    def _copied(self, table: str) -> bytes:
        with self._connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
            return b"".join(copy)


class Cluster:
    """A running server."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        self._numbers = count(1)
        self._free: list[ReadyDatabase] = []
        self._has_ready = False

    def run(self, *command: str) -> None:
        """A program of the server, as the user that PostgreSQL insists on when we are root."""
        prefix = ["runuser", "-u", SERVER_USER, "--"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*prefix, str(self.binaries / command[0]), *command[1:]],
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def url(self, name: str) -> str:
        return f"postgresql:///{name}?host={self.folder}&user=onecard"

    def new_database(self) -> str:
        """The URL of an empty database."""
        return self._create(f"test_{next(self._numbers)}", "template1")

    @contextmanager
    def ready_database(self) -> Iterator[str]:
        """The URL of a database with today's tables and nothing in them, for as long as the block runs."""
        made = self._free.pop() if self._free else self._make_ready()
        yield made.url
        if made.empty():
            self._free.append(made)
        else:
            made.close()
            self.drop(made.url)

    def _make_ready(self) -> ReadyDatabase:
        """A copy of the one that the migrations made."""
        if not self._has_ready:
            database = Database(self._create("ready", "template1"))
            database.call_upgrade()
            database.call_close()
            self._has_ready = True
        return ReadyDatabase(self._create(f"test_{next(self._numbers)}", "ready"))

    def close(self) -> None:
        """The connections to databases that nobody uses."""
        for ready in self._free:
            ready.close()

    def _create(self, name: str, template: str) -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Each database has a thousand files: gone with its test."""
        name = urlsplit(url).path.lstrip("/")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _in_memory() -> str | None:
    """A file system in memory with room, where there is one: nothing here has to survive."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30 else None


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a server, stop it at the end. Nothing is kept, so it need not sync to disk."""
    binaries = Path(sorted(glob("/usr/lib/postgresql/*/bin/initdb"))[-1]).parent
    folder = Path(tempfile.mkdtemp(prefix="onecard-postgres-", dir=_in_memory()))
    if os.geteuid() == 0:
        user = pwd.getpwnam(SERVER_USER)
        os.chown(folder, user.pw_uid, user.pw_gid)
    folder.chmod(0o755)
    made = Cluster(folder, binaries)
    data = str(folder / "data")
    try:
        made.run(
            "initdb",
            "-D",
            data,
            "-U",
            "onecard",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--no-instructions",
        )
        # Nothing has to survive, and no table lives long enough to be swept.
        lax = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "jit=off")
        small = ("wal_level=minimal", "max_wal_senders=0", "max_connections=50")
        settings = " ".join(f"-c {setting}" for setting in (*lax, *small))
        options = f"-k {folder} -c listen_addresses='' {settings}"
        made.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield made
        finally:
            made.close()
            made.run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

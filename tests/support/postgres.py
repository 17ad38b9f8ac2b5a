"""A private PostgreSQL cluster on a socket in a folder of its own; every test gets a fresh database in it."""

from __future__ import annotations

import functools
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
from urllib.parse import urlsplit

import psycopg

from central.db import Database

SERVER_USER = "postgres"


class Cluster:
    """A running server. ``new_database()`` returns the URL of an empty database."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        self._numbers = count(1)

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
        return self._create(f"test_{next(self._numbers)}", "template1")

    def ready_database(self) -> str:
        """The URL of a new database with today's tables, copied from one that the migrations made once."""
        return self._create(f"test_{next(self._numbers)}", self._ready)

    @functools.cached_property
    def _ready(self) -> str:
        database = Database(self._create("ready", "template1"))
        database.call_upgrade()
        database.call_close()
        return "ready"

    def _create(self, name: str, template: str) -> str:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Each database has 300 files: gone with its test."""
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
        lax = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")
        small = ("wal_level=minimal", "max_wal_senders=0", "max_connections=50")
        settings = " ".join(f"-c {setting}" for setting in (*lax, *small))
        options = f"-k {folder} -c listen_addresses='' {settings}"
        made.run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield made
        finally:
            made.run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

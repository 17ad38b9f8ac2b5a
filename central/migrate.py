"""Brings the schema up to date with the numbered scripts in ``central/migrations``.

A script is frozen once released: it declares the tables as they were then, independent of today's models; a test
compares the outcome with the models on both engines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import peewee
from playhouse.migrations import Runner

from central.errors import StorageError

DIRECTORY: Final = Path(__file__).parent / "migrations"
_LOCK_NUMBER: Final = 0x6F6E6563  # any constant: "onec"


def upgrade(engine: peewee.Database, directory: Path = DIRECTORY) -> list[str]:
    """Apply what is missing, in order; returns the names. ``engine`` is connected.

    Several processes may start at once: the first one works, the others wait and find nothing to do.

    :raises StorageError: the database was made by a newer version.
    """
    postgres = isinstance(engine, peewee.PostgresqlDatabase)
    if postgres:
        engine.execute_sql("SELECT pg_advisory_lock(%s)", (_LOCK_NUMBER,))
    try:
        runner = Runner(engine, str(directory))
        scripts = runner.status()
        if newer := [row.name for row in scripts if row.path is None]:
            raise StorageError(
                f"this database was made by a newer version of the program ({', '.join(newer)})"
            )
        applied: list[str] = [] if all(row.applied for row in scripts) else runner.up()
        return applied
    finally:
        if postgres:
            engine.execute_sql("SELECT pg_advisory_unlock(%s)", (_LOCK_NUMBER,))

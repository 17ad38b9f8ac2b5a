"""One serving process for each SQLite file: the place is taken by a lock that ends with the process, whatever became of it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from central.errors import StorageError
from central.web.i18n import _


class Place:
    """The right to serve a database file. A file of its own is locked: closing the database file would undo SQLite's locks."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._descriptor: int | None = None

    def take(self) -> None:
        """
        :raises StorageError: another process serves this file.
        """
        lock = self._database.with_name(f"{self._database.name}.serving")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StorageError(
                _(
                    "The centre runs already on %(file)s. An SQLite file serves one process; several need PostgreSQL.",
                    file=self._database,
                )
            ) from None
        self._descriptor = descriptor

    def give_back(self) -> None:
        """Another process may serve the file from now on."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

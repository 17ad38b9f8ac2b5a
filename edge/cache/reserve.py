"""A megabyte put by: with no free byte left SQLite cannot even delete, so room is made by removing this file.

It is filled with zeros and not just sized, because a hole in a file holds no room (reliability.md 2.2).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from edge.cache.database import sync_directory
from edge.cache.errors import CacheError, StorageDeadError, StorageFullError

RESERVE_BYTES: Final = 1024 * 1024
LOW_BYTES: Final = 8 * 1024 * 1024
"""Free space below which the centre is told that storage runs out."""
ENOSPC_LIKE: Final = frozenset({28, 122, 27})  # ENOSPC, EDQUOT, EFBIG


class Reserve:
    """The reserve file of one directory. Constructing it touches nothing."""

    def __init__(self, path: Path, size_bytes: int = RESERVE_BYTES) -> None:
        self.path = path
        self.size_bytes = size_bytes

    @property
    def is_there(self) -> bool:
        """True when the whole reserve is put by."""
        try:
            return self.path.stat().st_size == self.size_bytes
        except OSError:
            return False

    def put_by(self) -> None:
        """Make the file when it is missing.

        :raises StorageFullError: there is no room for it.
        :raises StorageDeadError: the medium does not let it.
        """
        if self.is_there:
            return
        try:
            with open(self.path, "wb") as file:
                for _ in range(self.size_bytes // 65_536):
                    file.write(bytes(65_536))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.path.unlink(missing_ok=True) if error.errno in ENOSPC_LIKE else None
            raise (StorageFullError if error.errno in ENOSPC_LIKE else StorageDeadError)(
                str(error)
            ) from error

    def release(self) -> bool:
        """Remove the file; True when that made room."""
        if not self.path.exists():
            return False
        try:
            self.path.unlink()
            sync_directory(self.path.parent)
        except (OSError, CacheError):
            return False
        return True

    def free_bytes(self) -> int:
        """Free space on the medium, 0 when it cannot be asked."""
        try:
            return shutil.disk_usage(self.path.parent).free
        except OSError:
            return 0

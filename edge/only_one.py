"""One process for one data directory: two with one identity would fork the chain of facts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

from edge.errors import EdgeError
from edge.i18n import _

try:
    import fcntl

    def _lock(file: IO[Any]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except ImportError:  # Windows
    import msvcrt

    def _lock(file: IO[Any]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]


class AlreadyRunning(EdgeError):
    """Another process is this node already."""


class OnlyOne:
    """Holds the lock inside the ``with`` block; the system gives it back when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._file: IO[Any] | None = None

    def __enter__(self) -> None:
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = (self._data_dir / "lock").open("a+b")
            _lock(self._file)
        except (BlockingIOError, PermissionError) as error:
            if self._file is None:
                raise self._unusable(error) from error
            raise AlreadyRunning(_("this node is running already (%(path)s)", path=self._data_dir)) from None
        except OSError as error:
            raise self._unusable(error) from error

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        self._file.close()

    def _unusable(self, error: OSError) -> EdgeError:
        reason = error.strerror or os.strerror(error.errno or 0)
        return EdgeError(_("%(path)s cannot be used: %(error)s", path=self._data_dir, error=reason))

"""One process for one data directory: two with one identity would fork the chain of facts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from edge.errors import EdgeError
from edge.i18n import _

if sys.platform == "win32":
    import msvcrt

    def _hold(data_dir: Path) -> int:
        """A directory cannot be opened there, so the lock is a file in it."""
        handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            os.close(handle)
            raise BlockingIOError from error
        return handle
else:
    import fcntl

    def _hold(data_dir: Path) -> int:
        """The lock is on the directory itself: one that can only be read any more is held as well (I8)."""
        handle = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        return handle


class AlreadyRunning(EdgeError):
    """Another process is this node already."""


class OnlyOne:
    """Holds the lock inside the ``with`` block; the system gives it back when the process ends, however it ends."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._handle = -1

    def __enter__(self) -> None:
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = _hold(self._data_dir)
        except BlockingIOError:
            raise AlreadyRunning(_("this node is running already (%(path)s)", path=self._data_dir)) from None
        except OSError as error:
            raise EdgeError(
                _("%(path)s cannot be used: %(error)s", path=self._data_dir, error=error.strerror)
            ) from error

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

"""What the clock keeps over restarts (``timekeeper.Saved``), in a small file that survives a power cut whole."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import msgspec

from edge.clock_state import Saved
from edge.files import FileError, read_whole, write_whole

_log: Final = logging.getLogger(__name__)


class ClockFile:
    """Reads it at start, writes it now and then. Without it a node knows less, and nothing else happens."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Saved:
        """What was kept; nothing when the file is not there, or damaged."""
        try:
            content = read_whole(self._path)
            return Saved() if content is None else msgspec.json.decode(content, type=Saved)
        except (FileError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("what the clock had kept cannot be read: %s", error)
            return Saved()

    def save(self, saved: Saved) -> None:
        """Keep it; in a thread that may wait for the medium."""
        try:
            write_whole(self._path, msgspec.json.encode(saved))
        except FileError as error:
            _log.warning("the clock's state could not be kept: %s", error)

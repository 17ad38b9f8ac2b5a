"""Cards that are still on disk: what a node decides by in the first seconds, until they are packed in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Final

from edge.cache.database import storage_errors
from edge.cache.errors import CacheError
from protocol.errors import ProtocolError
from protocol.ids import CardKey
from protocol.records import CardRow, Change, Kind, decode_row

_ONE: Final = f"SELECT body FROM access WHERE kind = {Kind.CARD.value} AND key = ?"
_COUNT: Final = f"SELECT count(*) FROM access WHERE kind = {Kind.CARD.value}"
ALL_CARDS: Final = f"SELECT key, body FROM access WHERE kind = {Kind.CARD.value} ORDER BY key"
_log: Final = logging.getLogger(__name__)


class DiskCards:
    """``protocol.view.Cards`` over an open ``config.db``. What cannot be read is not known, and so denied."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __len__(self) -> int:
        count: int = self._connection.execute(_COUNT).fetchone()[0]
        return count

    def get(self, key: bytes) -> CardRow | None:
        """The row of this card, or None: also when the file does not answer."""
        try:
            with storage_errors:
                found = self._connection.execute(_ONE, (key,)).fetchone()
            row = decode_row(Change(Kind.CARD, key, bytes(found[0]))) if found else None
        except (CacheError, ProtocolError) as error:
            _log.warning("a card could not be looked up and is denied: %s", error)
            return None
        assert row is None or isinstance(row, CardRow)
        return row

    def items(self) -> Iterator[tuple[CardKey, CardRow]]:
        """Every card, in the order of the keys as bytes."""
        rows = self._connection.execute(ALL_CARDS).fetchall()
        for key, body in rows:
            row = decode_row(Change(Kind.CARD, bytes(key), bytes(body)))
            assert isinstance(row, CardRow)
            yield CardKey(bytes(key)), row

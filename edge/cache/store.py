"""The configuration on disk: rows of the three streams with their revisions, and the View made of them.

What it guarantees:

- Rows, revisions, digests and the highest config_epoch seen change in one transaction: after any power cut the file is
  one complete configuration (I6).
- A (config_epoch, revision) that would go back, or a delta that starts elsewhere, is refused: ``RefusedError``.
- What was read is checked against the stored digests; a file that differs is corrupted, not believed.

A medium that has become read-only (how SD cards die) is copied to memory and read there: the doors go on, nothing is
stored, and ``is_durable`` says so.

``open`` is quick whatever the number of cards: the first View looks them up in the file. ``load`` then reads, checks and
packs them, off the loop. One thread uses a store at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.cache.database import (
    Opener,
    close_quietly,
    copy_to_memory,
    move_aside,
    open_database,
    plain_opener,
    reading_errors,
    storage_errors,
    transaction,
)
from edge.cache.disk_cards import ALL_CARDS, DiskCards
from edge.cache.errors import CorruptedError, StorageDeadError, StorageError
from edge.cache.order import check_order
from protocol.errors import ProtocolError
from protocol.ids import HASH_LENGTH, CardKey, Stream
from protocol.packed_cards import PackedCards
from protocol.records import CardRow, Change, Digest, Kind, Revisions, decode_row
from protocol.view import View

if TYPE_CHECKING:  # it brings cryptography along, which the first decision does without
    from protocol.downlink import Apply, StreamRows

TABLE_OF: Final[dict[Stream, str]] = {
    Stream.RESTRICTIONS: "restrictions",
    Stream.ACCESS: "access",
    Stream.BALANCES: "balances",
}
_EMPTY: Final = bytes(HASH_LENGTH)
_NOTE: Final = "INSERT OR REPLACE INTO note (name, value) VALUES (?, ?)"
_STREAM: Final = "INSERT OR REPLACE INTO stream (stream, revision, digest) VALUES (?, ?, ?)"


class ConfigStore:
    """See the module. Nothing is touched before ``open``."""

    def __init__(self, path: Path, opener: Opener = plain_opener) -> None:
        self.path = path
        self._opener = opener
        self._connection: Any = None
        self.revisions = Revisions()
        """What a restart would find."""
        self.digests: tuple[bytes, ...] = (_EMPTY,) * len(Stream)
        self.issued_at_ms = 0
        """The newest time at which the centre said to have issued rows: a floor for the clock."""
        self.is_durable = True
        """False while the rows are read from a copy in memory."""
        self._copy: Path | None = None

    # -- opening ------------------------------------------------------------------------------------------------

    def open(self) -> View:
        """Open or make the file. The View answers at once, from the file.

        :raises CorruptedError: what is in it cannot be used.
        :raises StorageError: it cannot be read or written just now.
        """
        self.close()
        try:
            return self._open(self.path)
        except StorageError:
            if not self.path.exists():
                raise
            self._copy = copy_to_memory(self.path)
        self.is_durable = False
        return self._open(self._copy / self.path.name)

    def _open(self, path: Path) -> View:
        self._connection = open_database(path, "config", self._opener)
        try:
            with reading_errors:
                self._load_states()
                return self._without_cards().rebased(DiskCards(self._connection))
        except BaseException:
            self.close()
            raise

    def load(self) -> View:
        """The same View with its cards packed in memory, every row checked; takes its time.

        :raises CorruptedError: the rows are not those that were stored.
        :raises StorageError: the file cannot be read just now.
        """
        self._need_open()
        with reading_errors:
            for stream in Stream:
                digest = Digest()
                for change in self._rows(stream):
                    digest.add(change.kind, change.key, change.body)
                if digest.value != self.digests[stream - 1]:
                    raise CorruptedError(f"the rows of {stream.name} differ from their digest")
            return self._without_cards().rebased(self._packed_cards())

    @property
    def is_open(self) -> bool:
        """True between ``open`` and ``close``."""
        return self._connection is not None

    def _need_open(self) -> None:
        if self._connection is None:
            raise StorageDeadError(f"{self.path.name} is not open")

    def interrupt(self) -> None:
        """End the statement that another thread has running, so that it gives the file free soon; what it changed is undone."""
        if self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        """Give the file back; never raises. Only in the thread that uses it: closing it under a statement ends the process."""
        close_quietly(self._connection)
        if self._copy is not None:
            from shutil import rmtree

            rmtree(self._copy, ignore_errors=True)
        self._connection = self._copy = None
        self.is_durable = True

    def set_aside(self, word: str) -> Path:
        """Close the file and put it out of the way, whole; ``open`` then begins with nothing, which denies everything."""
        self.close()
        return move_aside(self.path, word)

    def _load_states(self) -> None:
        notes = {
            name: bytes(value) for name, value in self._connection.execute("SELECT name, value FROM note")
        }
        self.issued_at_ms = int.from_bytes(notes.get("issued_at_ms", b""), "big")
        revisions = Revisions(int.from_bytes(notes.get("config_epoch", b""), "big"))
        digests = [_EMPTY] * len(Stream)
        for number, revision, digest in self._connection.execute(
            "SELECT stream, revision, digest FROM stream"
        ):
            if number not in TABLE_OF:
                raise CorruptedError(f"there is no stream {number}")
            revisions = revisions.with_(Stream(number), revision)
            digests[number - 1] = bytes(digest)
        self.revisions, self.digests = revisions, tuple(digests)

    def _without_cards(self) -> View:
        """Everything but the cards, which are the only rows that are many."""
        view = View()
        try:
            for stream in Stream:
                view = view.apply(self._rows(stream, and_cards=False), self.revisions)
        except ProtocolError as error:
            raise CorruptedError(str(error)) from None
        return view

    def _packed_cards(self) -> PackedCards:
        try:
            return PackedCards.of_sorted(self._cards())
        except (ProtocolError, AssertionError) as error:
            raise CorruptedError(str(error)) from None

    def _cards(self) -> Iterator[tuple[CardKey, CardRow]]:
        rows = self._connection.execute(ALL_CARDS)
        for key, body in rows:
            row = decode_row(Change(Kind.CARD, key, body))
            assert isinstance(row, CardRow)
            yield CardKey(key), row

    def _rows(self, stream: Stream, *, and_cards: bool = True) -> Iterator[Change]:
        text = f"SELECT kind, key, body FROM {TABLE_OF[stream]}"
        if not and_cards:  # two ranges of the key: with <> SQLite would read every card to leave it out
            card = Kind.CARD.value
            text = f"{text} WHERE kind < {card} UNION ALL {text} WHERE kind > {card}"
        rows = self._connection.execute(text)
        return (Change(kind, key, body) for kind, key, body in rows)

    # -- changing -----------------------------------------------------------------------------------------------

    def commit(self, apply: Apply) -> tuple[bytes, ...]:
        """Store the rows of an ``Apply``: all of them, or none. The digests of the three streams after it.

        :raises RefusedError: a revision would go back, or a delta does not start here.
        :raises StorageError: nothing was stored.
        """
        self._check(apply)
        with storage_errors, transaction(self._connection):
            digests = self._write(apply)
        self._stored(apply, digests)
        return digests

    def install(self, apply: Apply) -> tuple[View, tuple[bytes, ...]]:
        """Store an ``Apply`` that replaces the cards, and make the View from what is stored then, in one transaction.

        Takes little memory for many cards: they are never all unpacked at once.

        :raises ProtocolError: a row cannot be used; nothing was stored.
        :raises RefusedError, StorageError: as ``commit``.
        """
        self._check(apply)
        kept = self.revisions
        with storage_errors:
            try:
                with transaction(self._connection):
                    digests = self._write(apply)
                    self.revisions = apply.after(kept)
                    view = View()
                    for stream in Stream:
                        view = view.apply(self._rows(stream, and_cards=False), self.revisions)
                    view = view.rebased(PackedCards.of_sorted(self._cards()))
            except BaseException:
                self.revisions = kept
                raise
        self._stored(apply, digests)
        return view, digests

    def _check(self, apply: Apply) -> None:
        self._need_open()
        if not self.is_durable:
            raise StorageDeadError(f"{self.path.name} is read-only")
        check_order(apply, self.revisions)

    def _write(self, apply: Apply) -> tuple[bytes, ...]:
        digests = list(self.digests)
        connection = self._connection
        for rows in apply.streams:
            write = self._replace if rows.whole else self._change
            digest = write(rows)
            digests[rows.stream - 1] = digest
            connection.execute(_STREAM, (int(rows.stream), rows.revision, digest))
        issued_at_ms = max(self.issued_at_ms, apply.issued_at_ms)
        connection.executemany(
            _NOTE, [("config_epoch", _number(apply.config_epoch)), ("issued_at_ms", _number(issued_at_ms))]
        )
        return tuple(digests)

    def _replace(self, rows: StreamRows) -> bytes:
        table, digest = TABLE_OF[rows.stream], Digest()
        self._connection.execute(f"DELETE FROM {table}")  # without a condition SQLite empties it in one step
        if rows.digest:  # the engine has added it up from these very rows
            values: Iterable[tuple[int, bytes, bytes]] = (
                (change.kind, change.key, change.body) for change in rows.changes
            )
            self._connection.executemany(_insert(table), values)
            return rows.digest

        def counted() -> Iterator[tuple[int, bytes, bytes]]:
            for change in rows.changes:
                digest.add(change.kind, change.key, change.body)
                yield change.kind, change.key, change.body

        self._connection.executemany(_insert(table), counted())
        return digest.value

    def _change(self, rows: StreamRows) -> bytes:
        table, digest = TABLE_OF[rows.stream], Digest(self.digests[rows.stream - 1])
        connection = self._connection
        newest = {(change.kind, change.key): change.body for change in rows.changes}
        find = f"SELECT body FROM {table} WHERE kind = ? AND key = ?"
        for (kind, key), body in newest.items():
            old = connection.execute(find, (kind, key)).fetchone()
            if old is not None:
                digest.remove(kind, key, bytes(old[0]))
            if body:
                digest.add(kind, key, body)
        put = f"{_insert(table)} ON CONFLICT DO UPDATE SET body = excluded.body"
        connection.executemany(put, [(*place, body) for place, body in newest.items() if body])
        gone = [place for place, body in newest.items() if not body]
        connection.executemany(f"DELETE FROM {table} WHERE kind = ? AND key = ?", gone)
        return digest.value

    def _stored(self, apply: Apply, digests: tuple[bytes, ...]) -> None:
        self.revisions, self.digests = apply.after(self.revisions), digests
        self.issued_at_ms = max(self.issued_at_ms, apply.issued_at_ms)

    def checkpoint(self) -> None:
        """Move the log into the file; for idle moments.

        :raises StorageError: it stays where it is.
        """
        self._need_open()
        with storage_errors:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _insert(table: str) -> str:
    return f"INSERT INTO {table} (kind, key, body) VALUES (?, ?, ?)"


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")

"""The outbox: facts in the order in which they happened, numbered and chained, kept until the centre's backup has them.

What it guarantees:

- ``append`` returns after the commit, with one sync for all its facts; what it raised for is not stored.
- A seq is never used twice: it follows the newest fact, or the purge mark when none is left. A file that may have lost
  its end (``CorruptedError``) is put aside by the caller and a new node_epoch begun.
- ``purge`` deletes only what the centre's signed word covers, which is stored in the same transaction.

One thread uses it at a time (``recorder``). A commit writes one page: nothing but the row itself changes, so the chain
head and the oldest unfinished intent stand in the newest row and not in a table of their own. Only a fact that brings a
value to remember (the use of a card whose uses are counted) writes a note in the same transaction.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edge.cache.chain import checked_entries, encode_fact
from edge.cache.database import (
    Opener,
    close_quietly,
    move_aside,
    open_database,
    plain_opener,
    reading_errors,
    storage_errors,
    transaction,
)
from edge.cache.drafts import Draft
from edge.cache.errors import CorruptedError, RefusedError, StorageDeadError
from edge.cache.outbox_start import KEPT, NOTE, number, read_notes, read_start
from protocol.facts import CHAIN_START, SALT_LENGTH, Entry, Fact, chained

NO_EPOCH: Final = 0
"""The node_epoch of facts recorded before the first enrolment, or since a damaged outbox was put aside."""
PURGE_SLICE: Final = 500
CHECKPOINT_PAGES: Final = 250
"""Pages in the log from which a checkpoint is worth its syncs."""

_INSERT: Final = "INSERT INTO fact (seq, hash, fact, open_seq) VALUES (?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM note WHERE name = ?"
_FROM: Final = "SELECT hash, fact FROM fact WHERE seq > ? ORDER BY seq LIMIT ?"


class Outbox:
    """See the module. Nothing is touched before ``open``."""

    def __init__(self, path: Path, opener: Opener = plain_opener) -> None:
        self.path = path
        self._opener = opener
        self._connection: Any = None
        self.node_epoch = NO_EPOCH
        self.salt = b""
        """Keys the commitments of this node_epoch."""
        self.boot = 0
        """Starts of the node program in this node_epoch."""
        self.ended_well = True
        """The run before this one closed the file by itself."""
        self.last_seq = 0
        self.head = CHAIN_START
        self.first_seq = 1
        """The oldest fact kept, ``last_seq`` + 1 when none is."""
        self.acked_through = 0
        self.backed_up_through = 0
        self.unfinished: list[Entry] = []
        """Intents that had no outcome when the file was opened."""
        self._purged_head = CHAIN_START
        self._open_intents: dict[int, None] = {}
        self._dirty_pages = 0
        self._first_notes: tuple[int, bytes] = (NO_EPOCH, b"")
        self.kept: dict[str, bytes] = {}
        """What roles asked to remember, by name."""

    # -- opening and closing ------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open or make the file, and find where it stands.

        :raises CorruptedError: it cannot be trusted to hold everything that was acknowledged.
        :raises StorageError: it cannot be read or written just now.
        """
        self.close()
        self._connection = open_database(self.path, "outbox", self._opener)
        try:
            with reading_errors:
                self._load()
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        notes = read_notes(self._connection)
        if not notes:
            node_epoch, salt = self._first_notes
            notes = {"node_epoch": number(node_epoch), "salt": salt or os.urandom(SALT_LENGTH)}
            notes |= {KEPT + name: value for name, value in self.kept.items()}  # they outlive the file
            with transaction(self._connection):
                self._connection.executemany(NOTE, list(notes.items()))
            self._first_notes = (NO_EPOCH, b"")
        found = read_start(self._connection, notes)
        self.node_epoch, self.salt, self.boot = found.node_epoch, found.salt, found.boot
        self.ended_well, self.kept, self.unfinished = found.ended_well, found.kept, found.unfinished
        self.acked_through, self.backed_up_through = found.acked_through, found.backed_up_through
        self.first_seq, self._purged_head = found.purged_through + 1, found.purged_head
        self.last_seq, self.head = found.last_seq, found.head
        self._open_intents = dict.fromkeys(entry.fact.seq for entry in found.unfinished)

    def start_run(self) -> int:
        """Count a start of the program: durable before any fact carries it. The number of this boot."""
        self.boot += 1
        self._write_notes({"boot": self.boot, "ended_well": 0})
        return self.boot

    def end_run(self) -> None:
        """Note that the program ended by itself."""
        self._write_notes({"ended_well": 1})

    @property
    def is_open(self) -> bool:
        """True between ``open`` and ``close``."""
        return self._connection is not None

    def _need_open(self) -> None:
        if self._connection is None:
            raise StorageDeadError(f"{self.path.name} is not open")

    def close(self) -> None:
        """Give the file back; never raises."""
        close_quietly(self._connection)
        self._connection = None

    # -- writing ------------------------------------------------------------------------------------------------

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Number, chain and commit facts, all or none; each is followed by those that go along with it.

        :raises StorageError: nothing was stored.
        """
        assert drafts, "a commit has at least one fact"
        drafts = [each for draft in drafts for each in (draft, *draft.along)]
        self._need_open()
        seq, head, boot, salt = self.last_seq, self.head, self.boot, self.salt
        opened: list[int] = []
        closed: set[int] = set()
        entries: list[Entry] = []
        rows: list[tuple[int, bytes, bytes, int]] = []
        kept = dict(pair for draft in drafts for pair in draft.keep)
        for draft in drafts:
            seq += 1
            fact = Fact(
                seq,
                draft.kind,
                boot,
                draft.boottime_ms,
                draft.wall_ms,
                draft.clock,
                draft.body,
                draft.personal,
            )
            entry = chained(head, fact, salt)
            head = entry.hash
            if draft.is_intent:
                opened.append(seq)
            elif draft.closes_seq:
                closed.add(draft.closes_seq)
            entries.append(entry)
            rows.append((seq, head, encode_fact(fact), self._oldest_open(opened, closed)))
        with storage_errors:
            if len(rows) == 1 and not kept:
                self._connection.execute(_INSERT, rows[0])  # commits by itself
            else:
                with transaction(self._connection):
                    self._connection.executemany(_INSERT, rows)
                    self._connection.executemany(NOTE, [(KEPT + name, value) for name, value in kept.items()])
        self.kept |= kept
        self.last_seq, self.head = seq, head
        self._open_intents.update(dict.fromkeys(opened))
        for intent in closed:
            self._open_intents.pop(intent, None)
        self._dirty_pages += 1 + len(rows) // 16
        return entries

    def _oldest_open(self, opened: list[int], closed: set[int]) -> int:
        """The oldest intent without an outcome, 0 for none, once these have been opened and closed as well."""
        for known in (self._open_intents, opened):
            for intent in known:
                if intent not in closed:
                    return intent
        return 0

    def acknowledge(self, through: int) -> None:
        """Note that the centre holds 1..``through``. Forgetting it costs a repeat and nothing else."""
        if through > self.acked_through:
            assert through <= self.last_seq, "only stored facts are acknowledged"
            self._write_notes({"acked_through": through})
            self.acked_through = through

    def back_up(self, through: int, frame: bytes) -> None:
        """Keep the centre's signed word that 1..``through`` are in its backup; ``purge`` may then delete them."""
        if through > self.backed_up_through:
            assert through <= self.last_seq, "only stored facts are backed up"
            self._write_notes({"backed_up_through": through, "backed_up_frame": frame})
            self.backed_up_through = through

    def keep(self, values: Mapping[str, bytes]) -> None:
        """Remember values over restarts, by name, all or none; an empty one forgets the name.

        :raises StorageError: nothing was stored.
        """
        self._need_open()
        with storage_errors, transaction(self._connection):
            self._connection.executemany(
                NOTE, [(KEPT + name, value) for name, value in values.items() if value]
            )
            self._connection.executemany(
                _FORGET, [(KEPT + name,) for name, value in values.items() if not value]
            )
        for name, value in values.items():
            if value:
                self.kept[name] = value
            else:
                self.kept.pop(name, None)

    def purge(self, limit: int = PURGE_SLICE) -> int:
        """Delete at most ``limit`` of the oldest facts that the centre's backup has; how many it were.

        An intent without an outcome, and what follows it, stays until it is finished.
        """
        through = min(
            self.backed_up_through,
            self.first_seq - 1 + limit,
            next(iter(self._open_intents), self.last_seq + 1) - 1,
        )
        count = through - self.first_seq + 1
        if count <= 0:
            return 0
        with storage_errors:
            row = self._connection.execute("SELECT hash FROM fact WHERE seq = ?", (through,)).fetchone()
            if row is None:
                raise CorruptedError(f"fact {through} is gone")
            purged_head = bytes(row[0])
            with transaction(self._connection):
                self._connection.execute("DELETE FROM fact WHERE seq <= ?", (through,))
                self._dirty_pages += 1 + count // 16
                self._connection.executemany(
                    NOTE, [("purged_through", number(through)), ("purged_head", purged_head)]
                )
        self.first_seq, self._purged_head = through + 1, purged_head
        return count

    def _write_notes(self, notes: dict[str, int | bytes]) -> None:
        self._need_open()
        values = [
            (name, value if isinstance(value, bytes) else number(value)) for name, value in notes.items()
        ]
        with storage_errors, transaction(self._connection):
            self._connection.executemany(NOTE, values)

    # -- node_epoch ---------------------------------------------------------------------------------------------

    def adopt(self, node_epoch: int) -> None:
        """Give facts recorded before the first enrolment the node_epoch that it opened: they are its first ones.

        :raises RefusedError: they belong to another one already.
        """
        if self.node_epoch != NO_EPOCH:
            raise RefusedError(f"this outbox is of node_epoch {self.node_epoch}")
        self._write_notes({"node_epoch": node_epoch})
        self.node_epoch = node_epoch

    def begin(self, node_epoch: int, salt: bytes) -> None:
        """Open a new file for a node_epoch whose salt the centre has.

        :raises RefusedError: there is a file already.
        """
        if self.path.exists():
            raise RefusedError(f"{self.path.name} is there")
        self._first_notes = (node_epoch, salt)
        self.open()

    def set_aside(self, word: str) -> Path:
        """Close the file and put it out of the way, whole; ``open`` begins a new one without a node_epoch."""
        self.close()
        return move_aside(self.path, word)

    # -- reading ------------------------------------------------------------------------------------------------

    def read(self, after_seq: int, limit: int) -> list[Entry]:
        """Up to ``limit`` facts from ``after_seq`` + 1 on, their chain checked.

        :raises CorruptedError: the chain does not hold.
        """
        self._need_open()
        after_seq = max(after_seq, self.first_seq - 1)
        with reading_errors:
            rows = self._connection.execute(_FROM, (after_seq, limit)).fetchall()
            previous = self.hash_at(after_seq)
        return checked_entries(
            self.salt, [(bytes(row[0]), bytes(row[1])) for row in rows], after_seq + 1, previous
        )

    def hash_at(self, seq: int) -> bytes | None:
        """The chain hash after a fact; None when it is not kept."""
        if seq == self.first_seq - 1:
            return self._purged_head
        with reading_errors:
            row = self._connection.execute("SELECT hash FROM fact WHERE seq = ?", (seq,)).fetchone()
        return bytes(row[0]) if row else None

    def hashes(self) -> bytes:
        """The chain hashes after ``first_seq`` - 1 .. ``last_seq``, one behind the other."""
        self._need_open()
        with reading_errors:
            rows: Iterable[Any] = self._connection.execute("SELECT hash FROM fact ORDER BY seq")
            return b"".join([self._purged_head, *(row[0] for row in rows)])

    # -- upkeep -------------------------------------------------------------------------------------------------

    def checkpoint(self) -> bool:
        """Move the log into the file when it has grown; for idle moments. True when there was something to do."""
        if self._dirty_pages < CHECKPOINT_PAGES:
            return False
        with storage_errors:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._dirty_pages = 0
        return True

    def probe(self) -> None:
        """Write and commit something of no meaning: does the storage work?

        :raises CacheError: it does not.
        """
        self._write_notes({"probe": self.last_seq})

"""What the uplink may ask of the outbox at any moment, in memory: the loop never waits for the medium.

``protocol.uplink.OutboxReader``: every chain hash that is kept (16 bytes a fact), the newest facts as they are committed,
and older ones fetched ahead through the storage thread. What is not here yet is asked for; the engine asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from edge.cache.inbox import Job, JobDone
from edge.cache.outbox import Outbox
from protocol.facts import CHAIN_START, Entry
from protocol.ids import HASH_LENGTH

RECENT_MAX: Final = 1_000
AHEAD_MAX: Final = 2_500
"""Facts fetched ahead: more than the uplink's window, so that it never runs dry."""
_log: Final = logging.getLogger(__name__)


class Mirror:
    """See the module. Lives on the loop; knows nothing until ``load`` has come back."""

    def __init__(
        self, call: Callable[[Job, JobDone], None], ready: Callable[[], None] = lambda: None
    ) -> None:
        """
        :param call: ``Recorder.call``.
        :param ready: told when facts that were asked for are here.
        """
        self._call = call
        self.ready = ready
        self.is_loaded = False
        self.node_epoch = 0
        self.boot = 0
        """Number of this start of the program."""
        self.first_seq = 1
        self.last_seq = 0
        self._hashes = bytearray(CHAIN_START)
        self._entries: dict[int, Entry] = {}
        self._fetching = False

    def load(self, done: Callable[[], None] = lambda: None) -> None:
        """Fetch the hashes, and the facts that the centre is not known to have."""

        def loaded(result: Any, error: Exception | None) -> None:
            if error is not None:
                _log.warning("the outbox cannot be read: %s", error)
                return
            self.node_epoch, self.boot, self.first_seq, hashes, entries = result
            self._hashes = bytearray(hashes)
            self.last_seq = self.first_seq + len(hashes) // HASH_LENGTH - 2
            self._entries = {entry.fact.seq: entry for entry in entries}
            self.is_loaded = True
            done()

        self._call(_everything, loaded)

    def committed(self, entries: Sequence[Entry]) -> None:
        """These facts were just committed."""
        if not self.is_loaded:
            return
        for entry in entries:
            if entry.fact.seq != self.last_seq + 1:
                continue  # it was in what was loaded
            self._hashes += entry.hash
            self._entries[entry.fact.seq] = entry
            self.last_seq += 1
        while len(self._entries) > AHEAD_MAX + RECENT_MAX:
            del self._entries[next(iter(self._entries))]

    def purged(self, first_seq: int) -> None:
        """The oldest kept fact is this one now."""
        gone = first_seq - self.first_seq
        if gone > 0 and self.is_loaded:
            del self._hashes[: gone * HASH_LENGTH]
            for seq in range(self.first_seq, first_seq):
                self._entries.pop(seq, None)
            self.first_seq = first_seq

    # -- protocol.uplink.OutboxReader ---------------------------------------------------------------------------

    def read(self, after_seq: int, limit: int) -> list[Entry]:
        """Up to ``limit`` entries from ``after_seq`` + 1 on, as far as they are here."""
        found: list[Entry] = []
        seq = max(after_seq, self.first_seq - 1) + 1
        while len(found) < limit and (entry := self._entries.get(seq)) is not None:
            found.append(entry)
            seq += 1
        if seq <= self.last_seq and len(found) < limit:
            self._fetch(seq - 1)
        elif seq <= self.last_seq and seq + limit not in self._entries and seq + limit <= self.last_seq:
            self._fetch(seq - 1, keep_from=seq)
        return found

    def hash_at(self, seq: int) -> bytes | None:
        """The chain hash after a fact; None when it is not kept, or not known yet."""
        at = (seq - self.first_seq + 1) * HASH_LENGTH
        if not self.is_loaded or not 0 <= at < len(self._hashes):
            return CHAIN_START if seq == 0 and not self.is_loaded else None
        return bytes(self._hashes[at : at + HASH_LENGTH])

    def _fetch(self, after_seq: int, keep_from: int | None = None) -> None:
        if self._fetching:
            return
        self._fetching = True

        def fetched(entries: Any, error: Exception | None) -> None:
            self._fetching = False
            if error is not None:
                _log.warning("facts after %d cannot be read: %s", after_seq, error)
                return
            newest = {seq: entry for seq, entry in self._entries.items() if seq > self.last_seq - RECENT_MAX}
            kept = {
                seq: entry
                for seq, entry in self._entries.items()
                if keep_from is not None and seq >= keep_from
            }
            self._entries = dict(
                sorted({**{entry.fact.seq: entry for entry in entries}, **kept, **newest}.items())
            )
            self.ready()

        self._call(lambda outbox: outbox.read(after_seq, AHEAD_MAX), fetched)


def _everything(outbox: Outbox) -> tuple[int, int, int, bytes, list[Entry]]:
    waiting = outbox.read(outbox.acked_through, AHEAD_MAX)
    return outbox.node_epoch, outbox.boot, outbox.first_seq, outbox.hashes(), waiting

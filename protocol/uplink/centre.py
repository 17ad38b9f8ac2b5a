"""The centre's half of the uplink: takes exactly what follows, once; keeps both sides of a fork."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import msgspec

from protocol import columns
from protocol.errors import StateError
from protocol.facts import Entry
from protocol.messages import BackedUp, FactAck, FactBatch


class FactStore(Protocol):
    """What the engine asks of the centre's storage, for one node and node_epoch."""

    def hash_at(self, seq: int) -> bytes | None:
        """The chain hash of a committed fact; None when its row is gone (retention)."""


class Store(msgspec.Struct, frozen=True):
    """Effect: commit these facts, then call ``stored``; when that fails, ``store_failed``."""

    entries: tuple[Entry, ...]


class Forked(msgspec.Struct, frozen=True):
    """Effect: these facts carry numbers that others here carry already: keep them apart, raise an alarm (I11).

    ``seq``: the first number that two facts share, as far as can be told.
    """

    seq: int
    entries: tuple[Entry, ...]


class Quarantined(msgspec.Struct, frozen=True):
    """Effect: facts of a closed node_epoch or a revoked node: commit them apart (they count nowhere), then ``stored``."""

    entries: tuple[Entry, ...]


CentreUplinkEffect: TypeAlias = Store | Forked | Quarantined


class CentreUplink:
    """One per session of a node. ``receive`` may be called again before ``stored``: commits are answered in order."""

    def __init__(
        self,
        store: FactStore,
        node_epoch: int,
        salt: bytes,
        received_through: int,
        head: bytes,
        *,
        quarantine: bool = False,
    ) -> None:
        """
        :param salt: of this node_epoch, given at enrolment.
        :param received_through: the last committed fact of this node_epoch, ``head`` its chain hash (zeros for 0).
        :param quarantine: the node_epoch is closed or the node revoked: everything new goes to ``Quarantined``.
        """
        self._store = store
        self._node_epoch = node_epoch
        self._salt = salt
        self._quarantine = quarantine
        self._taken, self._taken_head = received_through, head  # given to Store
        self.received_through, self.head = received_through, head
        """The last committed fact and its chain hash."""
        self.forked = False
        """Two facts under one number were seen: no more facts are taken until the node is enrolled anew."""
        self._ack = False
        self._backed_up: BackedUp | None = None
        self._backed_up_through = 0

    def receive(self, batch: FactBatch) -> list[CentreUplinkEffect]:
        """A batch whose signature has been verified.

        :raises ProtocolError: malformed, over a limit, or its own chain is broken; nothing of it was taken.
        """
        if batch.node_epoch != self._node_epoch:
            raise StateError(f"facts of node_epoch {batch.node_epoch} in a session of {self._node_epoch}")
        entries = columns.unpack(batch, self._salt)
        if self.forked:
            return [Forked(batch.first_seq, tuple(entries))]
        if batch.first_seq > self._taken + 1:  # a gap: say where we stand
            self._ack = True
            return []
        known = self._taken + 1 - batch.first_seq  # so many of these are here already
        forked = self._fork(batch, entries, min(known, len(entries)))
        if forked is not None:
            self.forked = True
            return [Forked(forked, tuple(entries))]
        if known >= len(entries):
            self._ack = True
            return []
        new = entries[known:]
        self._taken, self._taken_head = new[-1].fact.seq, new[-1].hash
        return [Quarantined(tuple(new)) if self._quarantine else Store(tuple(new))]

    def _fork(self, batch: FactBatch, entries: list[Entry], known: int) -> int | None:
        """The first seq that is taken with another hash, or None. Equal hashes at one place mean equal chains before it."""
        if known == 0:
            return None if batch.previous == self._taken_head else self._taken
        last = entries[known - 1]
        ours = self._hash_at(last.fact.seq)
        if ours is None or ours == last.hash:
            return None
        for entry in entries[:known]:
            ours = self._hash_at(entry.fact.seq)
            if ours is not None and ours != entry.hash:
                return entry.fact.seq
        raise AssertionError("a differing hash was found just now")

    def _hash_at(self, seq: int) -> bytes | None:
        if seq == self._taken:
            return self._taken_head
        return self._store.hash_at(seq) if seq <= self.received_through else None

    def stored(self, through: int, head: bytes) -> None:
        """Facts up to ``through`` are committed: only now are they acknowledged (I2)."""
        assert through >= self.received_through, "commits are told in order"
        self.received_through, self.head = through, head
        if self._taken < through:  # an earlier commit failed, and yet this one followed another session's
            self._taken, self._taken_head = through, head
        self._ack = True

    def store_failed(self, received_through: int, head: bytes) -> None:
        """A commit failed, or another session was first: the committed end is this. The node sends the rest again."""
        self.received_through = self._taken = received_through
        self.head = self._taken_head = head
        self._ack = True

    def backed_up(self, message: BackedUp) -> None:
        """The backup holds more facts of this node_epoch; told to the node when it is news."""
        if message.through > self._backed_up_through and message.node_epoch == self._node_epoch:
            self._backed_up, self._backed_up_through = message, message.through

    def messages_to_send(self) -> list[FactAck | BackedUp]:
        """One cumulative acknowledgement, and the backup's progress."""
        messages: list[FactAck | BackedUp] = []
        if self._ack:
            messages.append(FactAck(self._node_epoch, self.received_through, self.head))
            self._ack = False
        if self._backed_up is not None:
            messages.append(self._backed_up)
            self._backed_up = None
        return messages

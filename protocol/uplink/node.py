"""The node's half of the uplink: which facts go out next, what is acknowledged, what may be purged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

import msgspec

from protocol import columns
from protocol.backoff import delay_ms
from protocol.facts import CHAIN_START, Entry
from protocol.limits import BATCH_BYTES_MAX, FACTS_PER_BATCH_MAX
from protocol.messages import BackedUp, FactAck, FactBatch

ACK_WITHIN_MS: Final = 10_000
"""Batches without an acknowledgement are sent again after this (a lost connection is known much sooner)."""
RETRY_MAX_MS: Final = 60_000
READ_AGAIN_MS: Final = 1_000
"""An outbox that gave nothing although it holds more is asked again after this."""
WINDOW_FACTS: Final = 2_000
"""Facts sent beyond the last acknowledged one."""
_FACT_OVERHEAD: Final = 32


class Pace(msgspec.Struct, frozen=True):
    """How much a route takes at once. ``ack_within_ms``: batches that nobody has acknowledged for so long go again."""

    facts_per_batch: int = FACTS_PER_BATCH_MAX
    window_facts: int = WINDOW_FACTS
    ack_within_ms: int = ACK_WITHIN_MS


NETWORK: Final = Pace()
SERIAL: Final = Pace(100, 2_000, 60_000)
"""At 9,600 baud a batch takes one or two seconds, and what is under way half a minute."""


class OutboxReader(Protocol):
    """What the engine asks of the outbox: the kept facts of this node_epoch, ``first_seq``..``last_seq`` without gaps."""

    @property
    def first_seq(self) -> int:
        """The oldest fact that is kept; ``last_seq`` + 1 when none is."""

    @property
    def last_seq(self) -> int:
        """The newest committed fact; 0 before the first."""

    def read(self, after_seq: int, limit: int) -> Sequence[Entry]:
        """Up to ``limit`` entries from ``after_seq`` + 1 on; none while storage cannot be read."""

    def hash_at(self, seq: int) -> bytes | None:
        """The chain hash after a fact: sixteen zero bytes for 0; known from ``first_seq`` - 1 on, else None."""


class Acked(msgspec.Struct, frozen=True):
    """Effect: the centre holds 1..``through`` (still to be kept here until ``Purge``)."""

    through: int


class Purge(msgspec.Struct, frozen=True):
    """Effect: 1..``through`` are in the centre's backup and may be deleted. ``frame`` is the centre's signed word."""

    through: int
    frame: bytes


class Diverged(msgspec.Struct, frozen=True):
    """Effect: the centre's chain is not ours (a restored SD card, a copied one): raise an alarm, enrol anew.

    ``seq``: where the centre stands. Facts are kept here and not sent any more.
    """

    seq: int


UplinkEffect: TypeAlias = Acked | Purge | Diverged


class NodeUplink:
    """See the module. Silent until the first ``position`` (from the Welcome) has been heard."""

    def __init__(self, outbox: OutboxReader, node: str, node_epoch: int, *, jitter: float = 0.5) -> None:
        """:param jitter: 0..1, spreads the repeats of different nodes."""
        self._outbox = outbox
        self._node = node
        self._node_epoch = node_epoch
        self._jitter = jitter
        self.pace = NETWORK
        """Of the route in use."""
        self._open = False
        self._sent = 0
        self._sent_head = CHAIN_START
        self._wait_until_ms: int | None = (
            None  # for an acknowledgement, then everything unacknowledged goes again
        )
        self._attempt = 0
        self._read_again_at_ms = 0
        self.acked = 0
        """The last fact that the centre is known to hold."""
        self.purged = 0
        """The last fact that may be purged."""
        self.stopped = False
        """The chains differ; only a new enrolment helps."""

    @property
    def unsent_count(self) -> int:
        """Facts that the centre is not known to hold."""
        return self._outbox.last_seq - self.acked

    def position(self, received_through: int, head: bytes) -> list[UplinkEffect]:
        """Where the centre stands, from the Welcome: sending starts there, also when it lies before what was acked."""
        if self.stopped:
            return []
        if received_through > self._outbox.last_seq or self._outbox.hash_at(received_through) != head:
            return self._diverge(received_through)
        self._open, self.acked, self._attempt = True, received_through, 0
        self._rewind()
        return [Acked(received_through)]

    def closed(self) -> None:
        """The session is over: nothing is sent until the next ``position``."""
        self._open = False
        self._wait_until_ms = None

    def receive(self, message: FactAck | BackedUp, frame: bytes, now_ms: int) -> list[UplinkEffect]:
        """An acknowledgement; ``frame``: the signed frame of a BackedUp, already verified."""
        if message.node_epoch != self._node_epoch or self.stopped:
            return []
        if isinstance(message, BackedUp):
            return self._backed_up(message, frame)
        if not self._open or message.received_through < self.acked:
            return []
        ours = self._outbox.hash_at(message.received_through)
        if message.received_through > self._outbox.last_seq or (ours is not None and ours != message.head):
            return self._diverge(message.received_through)
        if message.received_through == self.acked:
            return []
        self.acked, self._attempt = message.received_through, 0
        if self._sent <= self.acked:
            self._sent, self._sent_head = self.acked, message.head
            self._wait_until_ms = None
        else:
            self._wait_until_ms = now_ms + self.pace.ack_within_ms
        return [Acked(self.acked)]

    def _backed_up(self, message: BackedUp, frame: bytes) -> list[UplinkEffect]:
        if message.node != self._node or message.through < max(self._outbox.first_seq, self.purged + 1):
            return []
        ours = self._outbox.hash_at(message.through)
        if message.through > self._outbox.last_seq or (ours is not None and ours != message.head):
            return self._diverge(message.through)
        self.purged = message.through
        return [Purge(message.through, frame)]

    def _diverge(self, seq: int) -> list[UplinkEffect]:
        self.refused()
        return [Diverged(seq)]

    def refused(self) -> None:
        """The centre sees a fork or a closed node_epoch: facts are kept here and not sent any more."""
        self.stopped, self._open, self._wait_until_ms = True, False, None

    def messages_to_send(self, now_ms: int) -> list[FactBatch]:
        """The next batches, while the window has room."""
        if not self._open:
            return []
        if self._wait_until_ms is not None and now_ms >= self._wait_until_ms:
            self._attempt += 1
            self._rewind()
        batches: list[FactBatch] = []
        while self._has_room and now_ms >= self._read_again_at_ms:
            entries = fitting(self._outbox.read(self._sent, self.pace.facts_per_batch))
            if not entries:  # storage does not answer just now
                self._read_again_at_ms = now_ms + READ_AGAIN_MS
                break
            batches.append(columns.pack(self._node_epoch, self._sent_head, entries))
            self._sent, self._sent_head = entries[-1].fact.seq, entries[-1].hash
        if batches and self._wait_until_ms is None:
            first_ms = 2 * self.pace.ack_within_ms
            self._wait_until_ms = now_ms + delay_ms(
                self._attempt, self._jitter, first_ms=first_ms, max_ms=max(first_ms, RETRY_MAX_MS)
            )
        return batches

    def next_timer(self) -> int | None:
        """When (``now_ms``) ``messages_to_send`` may have something although nothing arrived; 0: at once; None: never."""
        if not self._open:
            return None
        return self._read_again_at_ms if self._has_room else self._wait_until_ms

    @property
    def _has_room(self) -> bool:
        return self._sent < self._outbox.last_seq and self._sent - self.acked < self.pace.window_facts

    def _rewind(self) -> None:
        start = max(self.acked, self._outbox.first_seq - 1)
        self._sent = start
        self._sent_head = self._outbox.hash_at(start) or CHAIN_START
        self._wait_until_ms = None


def fitting(entries: Sequence[Entry]) -> Sequence[Entry]:
    """As many from the front as make one batch of reasonable size."""
    size = 0
    for number, entry in enumerate(entries):
        size += len(entry.fact.body) + len(entry.fact.personal) + _FACT_OVERHEAD
        if number and size > BATCH_BYTES_MAX:
            return entries[:number]
    return entries

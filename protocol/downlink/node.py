"""The node's half of the downlink: pulls, checks, and hands complete changes over to be applied.

What it guarantees:

- (config_epoch, revision) of a stream never goes back (I6): such a message is refused and counted.
- A delta is handed over only on the revision that it starts from; a snapshot only when all its parts are in and their
  digest is right. Under a new config_epoch all streams are handed over in one ``Apply``.
- A row kind that must be understood and is not: nothing is handed over, the centre is told, the old View stays.
- While the restrictions stream is behind, nothing is asked for the others.

What the caller does with an ``Apply``: make the new View and swap it, call ``in_memory``; commit the rows and the
revisions in one transaction, call ``durable`` with the digests (or ``commit_failed``). When the View cannot be made:
``failed``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from protocol.backoff import delay_ms
from protocol.downlink.changes import (
    Apply,
    DownlinkEffect,
    OpenRow,
    Rejected,
    SnapshotRows,
    StreamRows,
    as_it_is,
)
from protocol.errors import MalformedError, ProtocolError, ReplayError, StaleBaseError
from protocol.ids import Stream
from protocol.limits import CHANGES_PER_PART_MAX, PARTS_MAX
from protocol.messages import (
    Applied,
    CannotApply,
    Delta,
    HotlistReport,
    Message,
    Pull,
    SnapshotPart,
)
from protocol.records import OPTIONAL_KIND_MIN, Change, Digest, Kind, Revisions

ANSWER_WITHIN_MS: Final = 15_000
"""A pull without an answer is sent again after this (a lost connection is known much sooner)."""
ASK_AGAIN_MAX_MS: Final = 60_000
UNCOMMITTED_MAX: Final = 8
"""Changes in memory but not yet on disk, beyond which only restrictions are pulled."""

KNOWN_KINDS: Final = frozenset(int(kind) for kind in Kind)


class _Lane:
    """Where one stream stands."""

    __slots__ = (
        "applying",
        "asked_at_ms",
        "attempt",
        "blocked_at",
        "digest",
        "head",
        "held",
        "parts",
        "ready",
        "stream",
        "sum",
        "wait_until_ms",
        "whole",
    )

    def __init__(self, stream: Stream, held: int) -> None:
        self.stream = stream
        self.held = held
        """Revision in memory."""
        self.head = held
        """Revision of the centre, as last heard."""
        self.whole = False
        """Only a snapshot will do."""
        self.blocked_at = -1
        """Revision that cannot be applied here."""
        self.asked_at_ms: int | None = None
        self.wait_until_ms = 0
        self.attempt = 0
        self.applying = False
        self.ready: StreamRows | None = None
        """Complete, waiting for the other streams of a new config_epoch."""
        self.digest = b""
        self.forget_parts()

    def forget_parts(self) -> None:
        self.parts: list[tuple[SnapshotPart, bytes]] = []
        self.sum = Digest()


class NodeDownlink:
    """See the module."""

    def __init__(
        self,
        scope: str,
        revisions: Revisions,
        digests: Sequence[bytes] = (),
        *,
        known_kinds: frozenset[int] = KNOWN_KINDS,
        jitter: float = 0.5,
    ) -> None:
        """
        :param scope: whose rows these are; other rows are refused. Follows the last Welcome.
        :param revisions: what is on disk and in memory at start; ``Revisions()`` for an empty node.
        :param digests: of the three streams on disk, empty when not known.
        :param jitter: 0..1, spreads the repeats of different nodes.
        """
        self.scope = scope
        self.memory = revisions
        """What decisions use now."""
        self.stored = revisions
        """What a restart would find."""
        self.counts: Counter[str] = Counter()
        """Refused messages by the name of the error."""
        self.known_kinds = known_kinds
        self.open_row: OpenRow = as_it_is
        """Opens what is sealed for this node (``NodePeer`` sets it, who has the key)."""
        self._jitter = jitter
        self._epoch = revisions.config_epoch  # the one that is being collected, when higher than memory's
        self._together = False  # only all streams at once will do
        self._lanes = {stream: _Lane(stream, revisions.of(stream)) for stream in Stream}
        for stream, digest in zip(Stream, digests, strict=False):
            self._lanes[stream].digest = digest
        self._uncommitted: dict[int, Apply] = {}
        self._number = 0
        self._replies: list[Message] = []
        self._tell_memory = self._tell_stored = False
        self._owes_hotlist = False

    @property
    def digests(self) -> tuple[bytes, ...]:
        """Of the rows on disk, one per stream; empty where not known."""
        return tuple(self._lanes[stream].digest for stream in Stream)

    @property
    def is_level(self) -> bool:
        """Decisions use all that the centre has said to have; False before it has said anything."""
        return self._epoch == self.memory.config_epoch != 0 and not any(
            lane.applying or lane.whole or lane.held < lane.head for lane in self._lanes.values()
        )

    # -- what arrives -------------------------------------------------------------------------------------------

    def reconnected(self) -> None:
        """A new session has begun: what was asked in the old one will not be answered."""
        self._owes_hotlist = False
        for lane in self._lanes.values():
            lane.asked_at_ms = None
            lane.wait_until_ms = 0
            lane.blocked_at = -1

    def arriving(self, now_ms: int) -> None:
        """Part of a frame came over a slow line: what was asked for is on its way, and is not asked for again."""
        for lane in self._lanes.values():
            if lane.asked_at_ms is not None:
                lane.asked_at_ms = now_ms

    def heads(self, heads: Revisions, digests: Sequence[bytes] = ()) -> list[DownlinkEffect]:
        """Where the centre stands (from Welcome, PollReply, Nudge), with its digests if it said them."""
        if heads.config_epoch < self._epoch:
            return self._reject(ReplayError(f"config_epoch {heads.config_epoch} after {self._epoch}"))
        if heads.config_epoch > self._epoch:
            self._epoch = heads.config_epoch
            self._together = True
            for lane in self._lanes.values():
                lane.whole, lane.ready, lane.head, lane.asked_at_ms = True, None, 0, None
                lane.forget_parts()
        effects: list[DownlinkEffect] = []
        for lane, digest in zip(self._lanes.values(), (*digests, b"", b"", b""), strict=False):
            head = heads.of(lane.stream)
            if head < lane.held and not self._renewing:
                effects += self._reject(ReplayError(f"{lane.stream.name}: head {head} after {lane.held}"))
                continue
            lane.head = max(lane.head, head)
            same = head == lane.held == self.stored.of(lane.stream) and not self._renewing
            if same and digest and lane.digest and digest != lane.digest and not lane.applying:
                self.counts["divergence"] += 1
                lane.whole = True
        return effects

    def begin_whole(self) -> None:
        """All streams come whole from elsewhere (a file): what was collected of them before is dropped.

        :raises StaleBaseError: rows are just being applied.
        """
        if any(lane.applying for lane in self._lanes.values()):
            raise StaleBaseError("rows while others are being applied")
        for lane in self._lanes.values():
            lane.ready = None
            lane.forget_parts()

    def receive(self, message: Delta | SnapshotPart, frame: bytes, now_ms: int) -> list[DownlinkEffect]:
        """Rows of the centre; ``frame`` is the signed frame they came in, already verified."""
        lane = self._lanes[message.stream]
        try:
            self._check(message, lane)
            if isinstance(message, Delta):
                rows = self._delta(message, frame, lane)
            else:
                rows = self._part(message, frame, lane, now_ms)
        except ProtocolError as error:
            return self._reject(error)
        return [] if rows is None else self._hand_over(lane, rows, message.issued_at_ms)

    def _check(self, message: Delta | SnapshotPart, lane: _Lane) -> None:
        if message.scope != self.scope:
            raise ReplayError(f"rows for {message.scope!r}, this is {self.scope!r}")
        if message.config_epoch != self._epoch:
            raise ReplayError(f"rows of config_epoch {message.config_epoch}, this is {self._epoch}")
        if lane.applying or lane.ready is not None:
            raise StaleBaseError(f"{lane.stream.name}: rows while others are being applied")
        if not self._renewing and (
            message.revision < lane.held or (message.revision == lane.held and not lane.whole)
        ):
            raise ReplayError(f"{lane.stream.name}: revision {message.revision} after {lane.held}")
        unknown = sorted(
            {change.kind for change in message.changes if change.kind < OPTIONAL_KIND_MIN} - self.known_kinds
        )
        if unknown:
            self._cannot(lane, message.revision, tuple(unknown))
            raise MalformedError(f"{lane.stream.name}: row kinds {unknown} are not known here")

    def _delta(self, delta: Delta, frame: bytes, lane: _Lane) -> StreamRows | None:
        if self._together or lane.whole:
            raise StaleBaseError(f"{lane.stream.name}: a delta where a snapshot is needed")
        if delta.base != lane.held or delta.revision <= delta.base:
            lane.asked_at_ms = None
            raise StaleBaseError(f"{lane.stream.name}: a delta from {delta.base}, this is {lane.held}")
        changes = tuple(map(self.open_row, delta.changes))
        return StreamRows(lane.stream, False, delta.base, delta.revision, changes, delta.digest, (frame,))

    def _part(self, part: SnapshotPart, frame: bytes, lane: _Lane, now_ms: int) -> StreamRows | None:
        begun_again = part.part == 0 and bool(lane.parts)
        if part.part == 0:
            lane.forget_parts()
        elif not lane.parts or part.part != len(lane.parts) or not _same_snapshot(part, lane.parts[0][0]):
            raise StaleBaseError(
                f"{lane.stream.name}: part {part.part} does not follow {len(lane.parts)} parts"
            )
        if part.part >= part.parts:
            raise MalformedError(f"part {part.part} of {part.parts}")
        lane.asked_at_ms = None
        lane.wait_until_ms = 0
        if begun_again:  # the snapshot was replaced meanwhile: not at full speed for ever
            self._back_off(lane, now_ms)
        for change in map(self.open_row, part.changes):
            if change.deleted:
                raise MalformedError("a deleted row in a snapshot")
            lane.sum.add(change.kind, change.key, change.body)
        lane.parts.append((msgspec.structs.replace(part, changes=()), frame))
        lane.whole = True
        if len(lane.parts) < part.parts:
            return None
        frames = tuple(frame for _, frame in lane.parts)
        digest = lane.sum.value
        lane.forget_parts()
        if digest != part.digest:
            self._back_off(lane, now_ms)
            raise MalformedError(f"{lane.stream.name}: the digest of snapshot {part.revision}")
        return StreamRows(
            lane.stream,
            True,
            lane.held,
            part.revision,
            SnapshotRows(frames, self.open_row),
            part.digest,
            frames,
        )

    def _hand_over(self, lane: _Lane, rows: StreamRows, issued_at_ms: int) -> list[DownlinkEffect]:
        lane.asked_at_ms = None
        if self._together:
            lane.ready = rows
            every = [other.ready for other in self._lanes.values()]
            streams = tuple(ready for ready in every if ready is not None)
            if len(streams) < len(every):
                return []
        else:
            streams = (rows,)
        self._together = False
        for ready in streams:
            self._lanes[ready.stream].applying = True
            self._lanes[ready.stream].ready = None
        self._number += 1
        apply = Apply(self._number, self._epoch, streams, issued_at_ms)
        self._uncommitted[self._number] = apply
        return [apply]

    # -- what became of an Apply --------------------------------------------------------------------------------

    def in_memory(self, number: int) -> None:
        """Decisions use the rows of this ``Apply`` now."""
        apply = self._uncommitted[number]
        self.memory = apply.after(self.memory)
        for rows in apply.streams:
            lane = self._lanes[rows.stream]
            lane.applying = lane.whole = False
            lane.digest = b""
            lane.held = rows.revision
            if apply.config_epoch == self._epoch:
                lane.head = max(lane.head, rows.revision)
        self._tell_memory = True

    def durable(self, number: int, digests: Sequence[bytes], now_ms: int) -> None:
        """The rows of this ``Apply`` are on disk; ``digests``: of the three streams there. Call in the order of numbers."""
        apply = self._uncommitted.pop(number)
        self.stored = apply.after(self.stored)
        for stream, digest in zip(Stream, digests, strict=True):
            self._lanes[stream].digest = digest
        for rows in apply.streams:
            lane = self._lanes[rows.stream]
            if rows.digest and rows.digest != lane.digest:
                self.counts["divergence"] += 1
                lane.whole = True
                if rows.whole:
                    self._back_off(lane, now_ms)
            else:
                lane.attempt = 0
        self._tell_stored = True

    def commit_failed(self, number: int, now_ms: int) -> None:
        """Storage did not take the rows: memory goes on with them; once storage works they are fetched again whole."""
        for rows in self._uncommitted.pop(number).streams:
            lane = self._lanes[rows.stream]
            lane.whole = True
            self._back_off(lane, now_ms)
        if self.stored.config_epoch != self._epoch:
            self._together = True  # the disk cannot go to the new config_epoch stream by stream

    def failed(self, number: int, now_ms: int) -> None:
        """No View could be made of the rows: the old one stays, the centre is told, the whole stream is tried later."""
        for rows in self._uncommitted.pop(number).streams:
            lane = self._lanes[rows.stream]
            lane.applying = False
            if rows.whole:
                self._cannot(lane, rows.revision, ())
            else:
                self._replies.append(CannotApply(lane.stream, rows.revision))
            lane.whole = True
            self._back_off(lane, now_ms)
        self._together = self._together or self._renewing

    def hotlist_wanted(self) -> None:
        """The centre was restored and asks what is held here: nothing is fetched before it has been told, so that no card
        lost meanwhile comes back to life (I7)."""
        self._owes_hotlist = True

    def report_hotlist(self, changes: Sequence[Change]) -> None:
        """The rows of the restrictions stream held here."""
        self._owes_hotlist = False
        size = CHANGES_PER_PART_MAX
        groups = [tuple(changes[at : at + size]) for at in range(0, len(changes), size)] or [()]
        assert len(groups) <= PARTS_MAX, "a hotlist has at most CHANGES_PER_PART_MAX x PARTS_MAX rows"
        for number, group in enumerate(groups):
            self._replies.append(HotlistReport(self.memory, number, len(groups), group))

    # -- what goes out ------------------------------------------------------------------------------------------

    def messages_to_send(self, now_ms: int) -> list[Message]:
        """Reports first, then at most one request per stream, restrictions before everything else."""
        messages, self._replies = self._replies, []
        if self._tell_stored:
            messages.append(Applied(self.stored, True, self.digests))
        if self._tell_memory and self.memory != self.stored:
            messages.append(Applied(self.memory, False))
        self._tell_memory = self._tell_stored = False
        for lane in self._askable():
            if now_ms >= self._due_ms(lane):
                if lane.asked_at_ms is not None:
                    self._back_off(lane, now_ms)
                lane.asked_at_ms = now_ms
                messages.append(self._pull(lane))
        return messages

    def next_timer(self) -> int | None:
        """When (``now_ms``) ``messages_to_send`` may have something new although nothing arrived; None: never."""
        if self._replies or self._tell_memory or self._tell_stored:
            return 0
        return min((self._due_ms(lane) for lane in self._askable()), default=None)

    def _askable(self) -> list[_Lane]:
        """The streams that are behind and whose turn it is."""
        if self._owes_hotlist:
            return []
        lanes = [lane for lane in self._lanes.values() if self._behind(lane)]
        if lanes and (lanes[0].stream is Stream.RESTRICTIONS or len(self._uncommitted) >= UNCOMMITTED_MAX):
            return [lane for lane in lanes if lane.stream is Stream.RESTRICTIONS]
        return lanes

    # -- small things -------------------------------------------------------------------------------------------

    def _behind(self, lane: _Lane) -> bool:
        if lane.applying or lane.ready is not None or lane.blocked_at == lane.head:
            return False
        return self._together or lane.whole or lane.held < lane.head

    @property
    def _renewing(self) -> bool:
        """Revisions heard now are of another config_epoch than those held: they cannot be compared."""
        return self._epoch != self.memory.config_epoch

    def _due_ms(self, lane: _Lane) -> int:
        if lane.asked_at_ms is None:
            return lane.wait_until_ms
        return max(lane.asked_at_ms + ANSWER_WITHIN_MS, lane.wait_until_ms)

    def _pull(self, lane: _Lane) -> Pull:
        whole = lane.whole or self._together
        if whole and lane.parts:
            newest = lane.parts[0][0]
            return Pull(lane.stream, self._epoch, 0, True, newest.revision, len(lane.parts))
        return Pull(lane.stream, self._epoch, 0 if whole else lane.held, whole)

    def _cannot(self, lane: _Lane, revision: int, kinds: tuple[int, ...]) -> None:
        self._replies.append(CannotApply(lane.stream, revision, kinds))
        lane.blocked_at = lane.head = max(lane.head, revision)
        lane.asked_at_ms = None
        lane.forget_parts()

    def _back_off(self, lane: _Lane, now_ms: int) -> None:
        lane.asked_at_ms = None
        lane.wait_until_ms = now_ms + delay_ms(
            lane.attempt, self._jitter, first_ms=ANSWER_WITHIN_MS, max_ms=ASK_AGAIN_MAX_MS
        )
        lane.attempt += 1

    def _reject(self, error: ProtocolError) -> list[DownlinkEffect]:
        self.counts[type(error).__name__] += 1
        return [Rejected(error)]


def _same_snapshot(part: SnapshotPart, first: SnapshotPart) -> bool:
    return (part.revision, part.parts, part.digest) == (first.revision, first.parts, first.digest)

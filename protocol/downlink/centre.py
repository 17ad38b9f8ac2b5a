"""The centre's half of the downlink: answers pulls from a small storage interface and keeps no state of the node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Protocol, TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.downlink.changes import as_it_is
from protocol.envelope import CENTRE, write_signed
from protocol.errors import MalformedError, StaleBaseError
from protocol.ids import Stream
from protocol.limits import CHANGES_PER_DELTA_MAX, PARTS_MAX, SNAPSHOT_PART_MAX
from protocol.messages import (
    Applied,
    CannotApply,
    Delta,
    HotlistReport,
    Message,
    Nudge,
    Pull,
    SnapshotPart,
)
from protocol.records import Change, Digest, Revisions

ROWS_PER_PART: Final = 5_000
"""Rows in a part of a snapshot as this centre writes it: a node unpacks one part at a time."""
_ROW_OVERHEAD: Final = 16


class DeltaRows(msgspec.Struct, frozen=True):
    """What changed in one stream for one scope: the newest row of each changed key, up to ``revision``.

    ``digest``: of the scope's rows at ``revision``, or empty when the centre does not keep it.
    """

    revision: int
    changes: tuple[Change, ...]
    digest: bytes = b""


class DownlinkStorage(Protocol):
    """What the engine asks of the centre's storage. ``scope`` names a set of rows, normally one node's."""

    def heads(self, scope: str) -> Revisions:
        """The newest revisions. O(1)."""

    def digests(self, scope: str) -> Sequence[bytes]:
        """Of the scope's rows at the newest revisions, one per stream; empty where not known."""

    def changes_since(self, scope: str, stream: Stream, revision: int) -> DeltaRows | None:
        """What changed after ``revision``; None when that is too long ago or too much: then a snapshot is sent."""

    def snapshot_part(self, scope: str, stream: Stream, revision: int, part: int) -> bytes | None:
        """One signed frame of ``write_snapshot``; ``revision`` 0 is the newest. None: that snapshot is not kept."""


class Sealed(msgspec.Struct, frozen=True):
    """A frame that is signed already, to be sent as it is."""

    frame: bytes


class Delivered(msgspec.Struct, frozen=True):
    """Effect: the node uses these revisions, in memory or also after a power cut; ``diverged``: streams with other rows."""

    revisions: Revisions
    durable: bool
    diverged: tuple[Stream, ...] = ()


class NotApplied(msgspec.Struct, frozen=True):
    """Effect: the node keeps its old View: it lacks these row kinds, or (none named) could not use a row."""

    stream: Stream
    revision: int
    kinds: tuple[int, ...]


class HotlistReported(msgspec.Struct, frozen=True):
    """Effect: all restrictions that the node holds, as it was asked in the Welcome."""

    revisions: Revisions
    changes: tuple[Change, ...]


CentreDownlinkEffect: TypeAlias = Delivered | NotApplied | HotlistReported


class CentreDownlink:
    """One per session. Storage is asked in ``receive``; the answers wait in ``messages_to_send``."""

    def __init__(self, storage: DownlinkStorage, scope: str) -> None:
        self._storage = storage
        self._scope = scope
        self._out: list[Message | Sealed] = []
        self._nudged: Revisions | None = None
        self._hotlist: list[HotlistReport] = []

    def receive(
        self, message: Pull | Applied | CannotApply | HotlistReport, issued_at_ms: int
    ) -> list[CentreDownlinkEffect]:
        """
        :param issued_at_ms: the centre's time, goes into a delta.
        :raises MalformedError: parts of a hotlist report do not fit together.
        """
        match message:
            case Pull():
                self._out.append(self._answer(message, issued_at_ms))
                return []
            case Applied():
                return [self.delivered(message.revisions, message.durable, message.digests)]
            case CannotApply():
                return [NotApplied(message.stream, message.revision, message.kinds)]
            case HotlistReport():
                return self._report(message)

    def delivered(self, revisions: Revisions, durable: bool, digests: Sequence[bytes] = ()) -> Delivered:
        """What an Applied, a Hello or a Poll says about the node, with the streams whose rows differ from ours."""
        diverged: list[Stream] = []
        heads = self._storage.heads(self._scope)
        if durable and any(digests) and revisions.config_epoch == heads.config_epoch:
            for stream, theirs, ours in zip(
                Stream, digests, self._storage.digests(self._scope), strict=False
            ):
                if revisions.of(stream) == heads.of(stream) and theirs and ours and theirs != ours:
                    diverged.append(stream)
        return Delivered(revisions, durable, tuple(diverged))

    def changed(self) -> None:
        """Something was published: nudge the node, once per revision."""
        heads = self._storage.heads(self._scope)
        if heads != self._nudged:
            self._nudged = heads
            self._out.append(Nudge(heads))

    def ask(self) -> None:
        """An operator wants to know where the node stands now: a nudge without news is answered with a poll."""
        self._out.append(Nudge(self._storage.heads(self._scope)))

    def messages_to_send(self) -> list[Message | Sealed]:
        """What the pulls of the node are answered with."""
        out, self._out = self._out, []
        return out

    def _answer(self, pull: Pull, issued_at_ms: int) -> Message | Sealed:
        heads = self._storage.heads(self._scope)
        same_epoch = pull.config_epoch == heads.config_epoch
        if same_epoch and not pull.whole and pull.since <= heads.of(pull.stream):
            rows = self._storage.changes_since(self._scope, pull.stream, pull.since)
            if rows is not None and rows.revision == pull.since:
                return Nudge(heads)
            if rows is not None and len(rows.changes) <= CHANGES_PER_DELTA_MAX:
                return Delta(
                    self._scope,
                    pull.stream,
                    heads.config_epoch,
                    pull.since,
                    rows.revision,
                    issued_at_ms,
                    rows.digest,
                    rows.changes,
                )
        frame = None
        if same_epoch and pull.whole and pull.part:
            frame = self._storage.snapshot_part(self._scope, pull.stream, pull.revision, pull.part)
        if frame is None:
            frame = self._storage.snapshot_part(self._scope, pull.stream, 0, 0)
        if frame is None:
            raise StaleBaseError(f"no snapshot of {pull.stream.name} for {self._scope!r}")
        return Sealed(frame)

    def _report(self, report: HotlistReport) -> list[CentreDownlinkEffect]:
        if report.part == 0:
            self._hotlist = []
        if report.part != len(self._hotlist):
            raise MalformedError(f"part {report.part} of a hotlist report after {len(self._hotlist)} parts")
        self._hotlist.append(report)
        if len(self._hotlist) < report.parts:
            return []
        changes = tuple(change for part in self._hotlist for change in part.changes)
        self._hotlist = []
        return [HotlistReported(report.revisions, changes)]


def write_snapshot(
    rows: Iterable[Change],
    key: Ed25519PrivateKey,
    *,
    scope: str,
    stream: Stream,
    config_epoch: int,
    revision: int,
    issued_at_ms: int,
    seal_row: Callable[[Change], Change] = as_it_is,
) -> list[bytes]:
    """The signed frames of a snapshot, to be kept as long as ``revision`` is the newest: encoded once for all askers.

    :param seal_row: rows as they are sent; the digest counts them as they are given.
    """
    groups = list(_parts(rows))
    assert len(groups) <= PARTS_MAX, "a snapshot has at most PARTS_MAX parts"
    digest = Digest()
    for group in groups:
        for change in group:
            digest.add(change.kind, change.key, change.body)
    return [
        write_signed(
            SnapshotPart(
                scope,
                stream,
                config_epoch,
                revision,
                number,
                len(groups),
                issued_at_ms,
                digest.value,
                tuple(map(seal_row, group)),
            ),
            key,
            sender=CENTRE,
            epoch=config_epoch,
            counter=revision,
        )
        for number, group in enumerate(groups)
    ]


def _parts(rows: Iterable[Change]) -> Iterator[list[Change]]:
    group: list[Change] = []
    size = 0
    for row in rows:
        row_size = len(row.key) + len(row.body) + _ROW_OVERHEAD
        if group and (len(group) == ROWS_PER_PART or size + row_size > SNAPSHOT_PART_MAX):
            yield group
            group, size = [], 0
        group.append(row)
        size += row_size
    yield group

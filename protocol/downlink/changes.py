"""What the node's half of the downlink hands over: complete, checked changes, and what it has to say besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec

from protocol import codec
from protocol.envelope import body_of
from protocol.errors import ProtocolError
from protocol.ids import Stream
from protocol.messages import MessageKind, SnapshotPart
from protocol.records import Change, Revisions
from protocol.view import View

OpenRow: TypeAlias = Callable[[Change], Change]
"""A row as it is stored, from one as it was sent (``protocol.sealed_keys``)."""


def as_it_is(row: Change) -> Change:
    """Where nothing is sealed."""
    return row


class SnapshotRows:
    """The rows of a snapshot, unpacked part by part each time they are gone through: little memory for many rows."""

    __slots__ = ("_frames", "_open_row")

    def __init__(self, frames: tuple[bytes, ...], open_row: OpenRow = as_it_is) -> None:
        """``frames``: the signed frames of all parts in order, already checked."""
        self._frames = frames
        self._open_row = open_row

    def __iter__(self) -> Iterator[Change]:
        for frame in self._frames:
            part = codec.decode(MessageKind.SNAPSHOT_PART, body_of(frame))
            assert isinstance(part, SnapshotPart)
            yield from map(self._open_row, part.changes)


class StreamRows(msgspec.Struct, frozen=True):
    """What becomes of one stream. ``whole``: it consists of exactly these rows. ``frames``: the centre's signed proof.

    ``changes`` may be gone through more than once. ``digest`` is what the rows must add up to, empty when not said.
    """

    stream: Stream
    whole: bool
    base: int
    revision: int
    changes: Iterable[Change]
    digest: bytes
    frames: tuple[bytes, ...]


class Apply(msgspec.Struct, frozen=True):
    """Effect: use these rows. One stream, or all of them under a new config_epoch; all or nothing.

    ``number`` names it in the calls back. ``issued_at_ms``: the centre's time then, a floor for the node's clock.
    """

    number: int
    config_epoch: int
    streams: tuple[StreamRows, ...]
    issued_at_ms: int

    def after(self, revisions: Revisions) -> Revisions:
        """The triple once this is applied to a View of ``revisions``."""
        for rows in self.streams:
            revisions = revisions.with_(rows.stream, rows.revision)
        return msgspec.structs.replace(revisions, config_epoch=self.config_epoch)

    def fits(self, stored: Revisions) -> bool:
        """True when this may be committed to rows of these revisions. If not (an earlier commit failed): ``commit_failed``."""
        if self.config_epoch != stored.config_epoch:
            return self.config_epoch > stored.config_epoch and len(self.streams) == len(Stream)
        return all(
            rows.revision >= stored.of(rows.stream) if rows.whole else rows.base == stored.of(rows.stream)
            for rows in self.streams
        )

    def on(self, view: View) -> View:
        """The next View.

        :raises ProtocolError: a row cannot be used; then call ``failed``.
        """
        revisions = self.after(view.revisions)
        for rows in self.streams:
            if rows.whole:
                view = view.replaced(rows.stream, rows.changes, revisions)
            else:
                view = view.apply(rows.changes, revisions)
        return view


class HotlistWanted(msgspec.Struct, frozen=True):
    """Effect: the centre was restored and asks for the restrictions held here; answer with ``report_hotlist``."""


class Rejected(msgspec.Struct, frozen=True):
    """Effect: something that arrived was refused, and why. Nothing was changed by it; the caller counts and shows it."""

    error: ProtocolError


DownlinkEffect: TypeAlias = Apply | HotlistWanted | Rejected

"""What a file of configuration for one unit holds, checked whole before anything of it is used.

Slow for many rows (signatures, every row once): for a thread. Pure: no state of the node is read or changed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol import codec
from protocol.downlink.changes import OpenRow, as_it_is
from protocol.envelope import body_of, open_signed
from protocol.errors import MalformedError
from protocol.ids import Stream
from protocol.messages import BackedUp, MessageKind, SnapshotPart
from protocol.records import OPTIONAL_KIND_MIN, Digest, Revisions


class UnitFile(msgspec.Struct, frozen=True):
    """A checked file. ``heads``: where the centre stood. ``parts``: signed frames by stream, in order; rows stay packed."""

    heads: Revisions
    parts: tuple[tuple[Stream, bytes], ...]
    words: tuple[tuple[BackedUp, bytes], ...]


def read_unit_file(
    frames: Iterable[bytes],
    centre_key: Ed25519PublicKey,
    scope: str,
    known_kinds: frozenset[int],
    open_row: OpenRow = as_it_is,
) -> UnitFile:
    """Whole streams of one moment, every part there and its rows those that the digest says.

    :param scope: whose rows they have to be.
    :param known_kinds: row kinds that this unit understands.
    :param open_row: opens what is sealed for this unit.
    :raises ProtocolError: a frame is not the centre's, not for this unit, or of another kind; something is missing.
    """
    parts: list[tuple[SnapshotPart, bytes]] = []
    words: list[tuple[BackedUp, bytes]] = []
    sums = {stream: Digest() for stream in Stream}
    for frame in frames:
        message = open_signed(frame, centre_key)[1]
        if isinstance(message, BackedUp):
            words.append((message, frame))
            continue
        if not isinstance(message, SnapshotPart) or message.scope != scope:
            raise MalformedError("a file that is not for this node")
        for change in map(open_row, message.changes):
            if change.deleted or (change.kind < OPTIONAL_KIND_MIN and change.kind not in known_kinds):
                raise MalformedError(f"{message.stream.name}: a row of kind {change.kind} has no place here")
            sums[message.stream].add(change.kind, change.key, change.body)
        parts.append((msgspec.structs.replace(message, changes=()), frame))
    heads = heads_of([part for part, _ in parts])
    for stream, digest in sums.items():
        mine = [part for part, _ in parts if part.stream is stream]
        if [part.part for part in mine] != list(range(mine[0].parts)) or {
            (part.parts, part.digest) for part in mine
        } != {(len(mine), digest.value)}:
            raise MalformedError(f"{stream.name}: a snapshot is not whole")
    return UnitFile(heads, tuple((part.stream, frame) for part, frame in parts), tuple(words))


def part_in(frame: bytes) -> SnapshotPart:
    """The rows of one part of a checked file."""
    part = codec.decode(MessageKind.SNAPSHOT_PART, body_of(frame))
    assert isinstance(part, SnapshotPart)
    return part


def heads_of(parts: Sequence[SnapshotPart]) -> Revisions:
    """What a file of snapshots says that the centre stood at.

    :raises MalformedError: a stream is missing, or they are not of one moment.
    """
    found = {(part.stream, part.config_epoch, part.revision) for part in parts}
    revisions = {stream: revision for stream, _, revision in found}
    epochs = {epoch for _, epoch, _ in found}
    if len(found) != len(revisions) or set(revisions) != set(Stream) or len(epochs) != 1:
        raise MalformedError("a file of configuration is not whole")
    return Revisions(epochs.pop(), *(revisions[stream] for stream in Stream))

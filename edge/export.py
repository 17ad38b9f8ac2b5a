"""``onecard-edge export``: the kept records of a unit as a file for the centre, where there is no network (U18).

The file is a sealed bundle: nobody but the centre can read it. Its frames are the batches that the link would send, signed
by this node. Before them stands a Hello, as evidence up to when the records are complete, if the node is running: nobody
can open a session with it, because the secret of its share is thrown away.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from edge.cache.chain import checked_entries
from edge.cache.errors import CacheError
from edge.cache.outbox_start import Found, read_notes, read_start
from edge.errors import EdgeError
from edge.files import FileError, write_whole
from edge.i18n import _
from edge.identity import IdentityFiles, Member
from edge.status import StatusError, ask
from protocol import columns
from protocol.bundle import seal_bundle, write_bundle
from protocol.decide import Trust
from protocol.envelope import write_signed
from protocol.facts import Entry
from protocol.limits import FACTS_PER_BATCH_MAX, NONCE_LENGTH, PROTOCOL_VERSIONS
from protocol.messages import Hello
from protocol.records import Revisions
from protocol.session import SHARE_SECRET_LENGTH, share_of
from protocol.uplink.node import fitting

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from edge.config import NodeConfig

_SLICE: Final = "SELECT hash, fact FROM fact WHERE seq > ? ORDER BY seq LIMIT ?"


class ExportError(EdgeError):
    """There is nothing that could be written."""


class Exported(Struct, frozen=True):
    """What the file holds: records ``first_seq`` to ``last_seq``. ``is_dated``: it says up to when they are complete."""

    first_seq: int
    last_seq: int
    is_dated: bool


def export(config: NodeConfig, out: Path) -> Exported:
    """Write the file.

    :raises ExportError: the node has not joined, or its records cannot be read.
    :raises FileError: the file cannot be written.
    """
    files = IdentityFiles(config.data_dir)
    member = files.member()
    if member is None:
        raise ExportError(_("this node has not joined the centre yet"))
    status = _status(config)  # before the records are read: what it says of them is in the file
    file = config.data_dir / "outbox.db"
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")  # one state of the file, whatever the node writes meanwhile
            found = read_start(connection, read_notes(connection))
            if found.node_epoch != member.node_epoch:
                raise ExportError(_("these records are of another enrolment of this node"))
            frames = list(_batches(connection, found, member, files.key()))
            hello = _hello(found, member, status)
    except (sqlite3.Error, CacheError) as error:
        raise ExportError(_("the records cannot be read: %(error)s", error=error)) from error
    if hello is not None:
        frames.insert(0, _signed(hello, member, files.key(), 0))
    sealed = seal_bundle(write_bundle(frames), member.box_key, os.urandom(SHARE_SECRET_LENGTH))
    write_whole(out, sealed)
    return Exported(found.purged_through + 1, found.last_seq, hello is not None)


def _status(config: NodeConfig) -> dict[str, Any]:
    try:
        return ask(config.status_socket)
    except (StatusError, FileNotFoundError):
        return {}


def _batches(connection: Any, found: Found, member: Member, key: Ed25519PrivateKey) -> Iterator[bytes]:
    seq, head = found.purged_through, found.purged_head
    while rows := connection.execute(_SLICE, (seq, FACTS_PER_BATCH_MAX)).fetchall():
        pairs = [(bytes(row[0]), bytes(row[1])) for row in rows]
        entries: list[Entry] = list(fitting(checked_entries(found.salt, pairs, seq + 1, head)))
        batch = columns.pack(member.node_epoch, head, entries)
        seq, head = entries[-1].fact.seq, entries[-1].hash
        yield _signed(batch, member, key, seq)


def _hello(found: Found, member: Member, status: dict[str, Any]) -> Hello | None:
    """Where the records stand, at what boot time of which start; None when the node is not running."""
    if not status or status["boot"] != found.boot or status["node_epoch"] != found.node_epoch:
        return None
    return Hello(
        versions=tuple(sorted(PROTOCOL_VERSIONS)),
        node=member.node,
        node_epoch=member.node_epoch,
        revisions=Revisions(*map(int, status["configuration"]["stored"])),
        digests=(),
        first_seq=found.purged_through + 1,
        last_seq=found.last_seq,
        head=found.head,
        boot=found.boot,
        boottime_ms=int(status["boottime_ms"]),
        software=str(status["software"]),
        kinds=(),
        clock=Trust[str(status["clock"]["trust"]).upper()],
        share=share_of(os.urandom(SHARE_SECRET_LENGTH)),
        nonce=os.urandom(NONCE_LENGTH),
    )


def _signed(message: Any, member: Member, key: Ed25519PrivateKey, counter: int) -> bytes:
    return write_signed(message, key, sender=member.node, epoch=member.node_epoch, counter=counter)


__all__ = ["ExportError", "Exported", "FileError", "export"]

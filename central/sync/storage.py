"""Answers the downlink engine from the published rows. Heads are kept in memory; snapshots are encoded once (design 4)."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

import peewee
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.nodes.model import Device
from central.sync import row_history
from central.sync.key_rows import OpenKey, no_key, opened
from central.sync.model import DeviceScope, Enrolment, Head, PublishedRow, RowTag
from central.sync.publish import CONFIG_EPOCH
from protocol.downlink import DeltaRows, write_snapshot
from protocol.ids import Stream
from protocol.limits import CHANGES_PER_DELTA_MAX
from protocol.records import Change, Digest, Kind, Revisions
from protocol.sealed_keys import seal_row
from protocol.session import SHARE_SECRET_LENGTH
from protocol.unit_box import box_key_of

SNAPSHOTS_KEPT: Final = 64
"""Encoded snapshots kept in memory; the least recently used goes first."""


def read_heads() -> Revisions:
    """The newest revisions, from the database. Runs inside ``db.read`` or ``db.write``."""
    found: dict[int, int] = dict(Head.select(Head.stream, Head.revision).tuples())
    return Revisions(
        found.get(CONFIG_EPOCH, 1),
        found.get(Stream.RESTRICTIONS, 0),
        found.get(Stream.ACCESS, 0),
        found.get(Stream.BALANCES, 0),
    )


def raise_config_epoch(now: datetime) -> int:
    """A restored centre starts a new config_epoch; returns it.

    It is the time in seconds: one backup restored twice must not give two configurations the same epoch.
    """
    heads = read_heads()
    epoch = max(heads.config_epoch + 1, int(now.timestamp()))
    row_history.begin_epoch(epoch, heads)
    Head.insert(stream=CONFIG_EPOCH, revision=epoch).on_conflict(
        conflict_target=[Head.stream], update={Head.revision: epoch}
    ).execute()
    return epoch


class PublishedStorage:
    """``protocol.downlink.DownlinkStorage`` over the tables. A scope is the name of a device.

    Methods but ``heads`` and ``digests`` read the database: inside ``db.read`` only. Safe for several reader threads.
    """

    def __init__(
        self,
        key: Ed25519PrivateKey,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._key = key
        self._now_ms = now_ms
        self._random = random_bytes
        self.open_key: OpenKey = no_key
        """Opens read keys as they are kept in the database."""
        self._heads = Revisions()
        self._lock = threading.Lock()
        self._snapshots: OrderedDict[tuple[str, Stream, int, int, bytes], list[bytes]] = OrderedDict()
        self._digests: dict[tuple[str, Stream], tuple[int, int, bytes]] = {}

    def refresh(self, heads: Revisions) -> None:
        """Something was published: this is where the centre stands now."""
        self._heads = heads

    def heads(self, scope: str) -> Revisions:
        """O(1): from memory."""
        return self._heads

    def digests(self, scope: str) -> Sequence[bytes]:
        """Known for a scope whose snapshot was encoded at the newest revision; else empty."""
        known = []
        for stream in Stream:
            epoch, revision, digest = self._digests.get((scope, stream), (0, 0, b""))
            fits = (epoch, revision) == (self._heads.config_epoch, self._heads.of(stream))
            known.append(digest if fits else b"")
        return known

    def changes_since(self, scope: str, stream: Stream, revision: int) -> DeltaRows | None:
        """The newest row of each key that changed for this device; None when its scope changed or too much did."""
        head = read_heads().of(stream)
        if revision == head:
            return DeltaRows(head, ())
        tags, since = _scope(scope)
        if revision < since[stream]:
            return None
        live = peewee.fn.MAX(peewee.Case(None, [(RowTag.removed, 0)], 1))
        query = (
            PublishedRow.select(PublishedRow.kind, PublishedRow.key, PublishedRow.body, live)
            .join(RowTag)
            .where(
                (PublishedRow.stream == stream.value)
                & (PublishedRow.revision > revision)
                & RowTag.tag.in_(tags)
            )
            .group_by(PublishedRow.id, PublishedRow.kind, PublishedRow.key, PublishedRow.body)
            .order_by(PublishedRow.id)
            .limit(CHANGES_PER_DELTA_MAX + 1)
            .tuples()
        )
        found = (Change(kind, bytes(key), bytes(body) if alive else b"") for kind, key, body, alive in query)
        unit_key = unit_key_of(scope)
        opened_rows = opened(found, self._open_key_for(unit_key))
        changes = tuple(map(self._sealing(unit_key), opened_rows))
        return None if len(changes) > CHANGES_PER_DELTA_MAX else DeltaRows(head, changes)

    def snapshot_part(self, scope: str, stream: Stream, revision: int, part: int) -> bytes | None:
        """One frame; ``revision`` 0 is the newest, another only while it is kept."""
        heads = read_heads()
        wanted = revision or heads.of(stream)
        unit_key = unit_key_of(scope)
        name = (scope, stream, heads.config_epoch, wanted, unit_key)
        with self._lock:
            frames = self._snapshots.get(name)
            if frames is not None:
                self._snapshots.move_to_end(name)
        if frames is None:
            if wanted != heads.of(stream):
                return None
            frames = self._encode(scope, stream, heads, unit_key)
            with self._lock:
                self._snapshots[name] = frames
                while len(self._snapshots) > SNAPSHOTS_KEPT:
                    self._snapshots.popitem(last=False)
        return frames[part] if part < len(frames) else None

    def _sealing(self, unit_key: bytes) -> Callable[[Change], Change]:
        """Rows as they are sent to the unit with this key: whoever carries them reads no read key."""
        box_key = box_key_of(unit_key) if unit_key else b""
        return lambda row: seal_row(row, box_key, self._random(SHARE_SECRET_LENGTH))

    def _open_key_for(self, unit_key: bytes) -> OpenKey:
        """Who has not joined, for whom nothing can be sealed, gets no read key."""
        return self.open_key if unit_key else no_key

    def _encode(self, scope: str, stream: Stream, heads: Revisions, unit_key: bytes) -> list[bytes]:
        rows = list(rows_of_scope(scope, stream, self._open_key_for(unit_key)))
        digest = Digest()
        for row in rows:
            digest.add(row.kind, row.key, row.body)
        self._digests[scope, stream] = (heads.config_epoch, heads.of(stream), digest.value)
        return write_snapshot(
            rows,
            self._key,
            scope=scope,
            stream=stream,
            config_epoch=heads.config_epoch,
            revision=heads.of(stream),
            issued_at_ms=self._now_ms(),
            seal_row=self._sealing(unit_key),
        )


def rows_of_scope(
    scope: str, stream: Stream, open_key: OpenKey = no_key, *, but: Collection[Kind] = ()
) -> Iterator[Change]:
    """Every row of a stream that this device holds, in the order of kind and key; read keys as far as they can be opened.

    :param but: rows of these kinds are left out.
    """
    tags, _ = _scope(scope)
    query = (
        PublishedRow.select(PublishedRow.kind, PublishedRow.key, PublishedRow.body)
        .join(RowTag)
        .where(
            (PublishedRow.stream == stream.value)
            & RowTag.tag.in_(tags)
            & ~RowTag.removed
            & (PublishedRow.body != b"")
        )
        .distinct()
        .order_by(PublishedRow.kind, PublishedRow.key)
        .tuples()
    )
    if but:
        query = query.where(PublishedRow.kind.not_in([kind.value for kind in but]))
    return opened((Change(kind, bytes(key), bytes(body)) for kind, key, body in query), open_key)


def unit_key_of(scope: str) -> bytes:
    """The public key of the device in use under this name; empty: it has not joined."""
    found = (
        Enrolment.select(Enrolment.public_key)
        .join(Device)
        .where((Device.name == scope) & Enrolment.closed_at.is_null())
        .first()
    )
    return b"" if found is None else bytes(found.public_key)


def _scope(name: str) -> tuple[list[str], dict[Stream, int]]:
    """The tags of a device, and of each stream the revision before which it is to take everything whole."""
    found = DeviceScope.select().join(Device).where(Device.name == name).first()
    if found is None:
        return [], dict.fromkeys(Stream, 0)
    return found.tags, {
        Stream.RESTRICTIONS: found.restrictions_since,
        Stream.ACCESS: found.since,
        Stream.BALANCES: found.balances_since,
    }

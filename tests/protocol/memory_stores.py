"""An outbox, a node and a centre that live in memory: small, obvious, and what the engines are tested against."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.decide import Trust
from protocol.downlink import Apply, DeltaRows, NodeDownlink, write_snapshot
from protocol.errors import ProtocolError
from protocol.facts import CHAIN_START, Entry, Fact, chained
from protocol.ids import Stream
from protocol.messages import Health
from protocol.records import Change, Digest, Revisions
from protocol.view import View

SALT = bytes(range(16))


def private_key(number: int) -> Ed25519PrivateKey:
    """A fixed key, so that tests repeat."""
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


class CountingRandom:
    """Distinct bytes, the same in every run."""

    def __init__(self, start: int = 1) -> None:
        self.number = start

    def __call__(self, count: int) -> bytes:
        self.number += 1
        return self.number.to_bytes(count, "big")


class MemoryOutbox:
    """Facts of one node_epoch; what is here is committed."""

    def __init__(self, salt: bytes = SALT) -> None:
        self.salt = salt
        self.entries: list[Entry] = []
        self.purged = 0
        self.purged_head = CHAIN_START
        self.readable = True

    def add(
        self,
        kind: int = 1,
        body: bytes = b"\x90",
        personal: bytes = b"",
        at_ms: int = 0,
        clock: Trust = Trust.TRUSTED,
    ) -> Entry:
        fact = Fact(self.last_seq + 1, kind, 1, at_ms, 1_700_000_000_000 + at_ms, clock, body, personal)
        entry = chained(self.head, fact, self.salt)
        self.entries.append(entry)
        return entry

    @property
    def head(self) -> bytes:
        return self.entries[-1].hash if self.entries else self.purged_head

    @property
    def first_seq(self) -> int:
        return self.purged + 1

    @property
    def last_seq(self) -> int:
        return self.purged + len(self.entries)

    def read(self, after_seq: int, limit: int) -> Sequence[Entry]:
        assert after_seq >= self.purged
        return self.entries[after_seq - self.purged :][:limit] if self.readable else []

    def hash_at(self, seq: int) -> bytes | None:
        if seq == self.purged:
            return self.purged_head
        if self.purged < seq <= self.last_seq:
            return self.entries[seq - self.purged - 1].hash
        return None

    def purge(self, through: int) -> None:
        self.purged_head = self.hash_at(through)
        self.entries = self.entries[through - self.purged :]
        self.purged = through


class MemoryNode:
    """The rows of a node: in memory (View) and on disk (survives ``restart``)."""

    def __init__(self, scope: str = "gate") -> None:
        self.scope = scope
        self.disk: dict[tuple[Stream, int, bytes], bytes] = {}
        self.disk_revisions = Revisions()
        self.storage_works = True
        self.history: list[Revisions] = []
        """What decisions used since the last start."""
        self.disk_history = [Revisions()]
        self.start()

    def start(self) -> None:
        """As after a power cut: memory is made from the disk."""
        view = View(self.disk_revisions)
        for stream in Stream:
            rows = [Change(kind, key, body) for (at, kind, key), body in self.disk.items() if at is stream]
            view = view.replaced(stream, rows, self.disk_revisions)
        self.view = view
        self.rows = dict(self.disk)
        self.downlink = NodeDownlink(self.scope, self.disk_revisions, self.digests())
        self.history = [self.view.revisions]

    def digests(self) -> tuple[bytes, ...]:
        sums = {stream: Digest() for stream in Stream}
        for (stream, kind, key), body in self.disk.items():
            sums[stream].add(kind, key, body)
        return tuple(digest.value for digest in sums.values())

    def apply(self, apply: Apply, now_ms: int) -> None:
        """Memory, then disk."""
        try:
            view = apply.on(self.view)
        except ProtocolError:
            self.downlink.failed(apply.number, now_ms)
            return
        self.view = view
        self.rows = _changed(self.rows, apply)
        self.history.append(view.revisions)
        self.downlink.in_memory(apply.number)
        self.commit(apply, now_ms)

    def commit(self, apply: Apply, now_ms: int) -> None:
        if not self.storage_works or not apply.fits(self.disk_revisions):
            self.downlink.commit_failed(apply.number, now_ms)
            return
        self.disk = _changed(self.disk, apply)
        self.disk_revisions = apply.after(self.disk_revisions)
        self.disk_history.append(self.disk_revisions)
        self.downlink.durable(apply.number, self.digests(), now_ms)


def _changed(
    rows: dict[tuple[Stream, int, bytes], bytes], apply: Apply
) -> dict[tuple[Stream, int, bytes], bytes]:
    rows = dict(rows)
    for new in apply.streams:
        if new.whole:
            rows = {key: body for key, body in rows.items() if key[0] is not new.stream}
        for change in new.changes:
            rows.pop((new.stream, change.kind, change.key), None)
            if not change.deleted:
                rows[new.stream, change.kind, change.key] = change.body
    return rows


class MemoryCentre:
    """Rows by revision (``DownlinkStorage``) and received facts (``FactStore``) of one scope."""

    def __init__(self, key: Ed25519PrivateKey, scope: str = "gate", config_epoch: int = 1) -> None:
        self.key = key
        self.scope = scope
        self.revisions = Revisions(config_epoch)
        self.log: dict[Stream, dict[tuple[int, bytes], tuple[int, bytes]]] = {stream: {} for stream in Stream}
        self.snapshots: dict[tuple[Stream, int], list[bytes]] = {}
        self.delta_from = 0
        """Deltas from older revisions are not given."""
        self.facts: dict[int, Entry] = {}
        self.received_through, self.head = 0, CHAIN_START
        self.forked: list[Entry] = []
        self.quarantined: list[Entry] = []

    # rows
    def publish(self, stream: Stream, *changes: Change) -> None:
        revision = self.revisions.of(stream) + 1
        self.revisions = self.revisions.with_(stream, revision)
        for change in changes:
            self.log[stream][change.kind, change.key] = (revision, change.body)

    def rows(self, stream: Stream) -> dict[tuple[int, bytes], bytes]:
        return {key: body for key, (_, body) in self.log[stream].items() if body}

    def heads(self, scope: str) -> Revisions:
        assert scope == self.scope
        return self.revisions

    def digest(self, stream: Stream) -> bytes:
        digest = Digest()
        for (kind, key), body in self.rows(stream).items():
            digest.add(kind, key, body)
        return digest.value

    def digests(self, scope: str) -> Sequence[bytes]:
        return tuple(self.digest(stream) for stream in Stream)

    def changes_since(self, scope: str, stream: Stream, revision: int) -> DeltaRows | None:
        if revision < self.delta_from:
            return None
        changes = tuple(
            Change(kind, key, body) for (kind, key), (at, body) in self.log[stream].items() if at > revision
        )
        return DeltaRows(self.revisions.of(stream), changes, self.digest(stream))

    def snapshot_part(self, scope: str, stream: Stream, revision: int, part: int) -> bytes | None:
        newest = self.revisions.of(stream)
        if (stream, newest) not in self.snapshots:
            self.snapshots[stream, newest] = write_snapshot(
                [Change(kind, key, body) for (kind, key), body in sorted(self.rows(stream).items())],
                self.key,
                scope=scope,
                stream=stream,
                config_epoch=self.revisions.config_epoch,
                revision=newest,
                issued_at_ms=1_700_000_000_000,
            )
        frames = self.snapshots.get((stream, revision or newest))
        return None if frames is None or part >= len(frames) else frames[part]

    # facts
    def hash_at(self, seq: int) -> bytes | None:
        entry = self.facts.get(seq)
        return None if entry is None else entry.hash

    def store(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            assert entry.fact.seq == self.received_through + 1, "facts arrive in order, once"
            self.facts[entry.fact.seq] = entry
            self.received_through, self.head = entry.fact.seq, entry.hash


class Status:
    """What a node says about itself."""

    boot = 1
    software = "0.1.0"

    def __init__(self) -> None:
        self.locks: tuple[tuple[int, bool, int], ...] = ()
        self.contacts: tuple[tuple[int, bool], ...] = ()

    def health(self) -> Health:
        return Health(locks=self.locks, contacts=self.contacts)

    def trust(self) -> Trust:
        return Trust.TRUSTED

"""Replacing 100,000 authorizations, and a delta of 100: time against bare SQLite and peewee, memory, and swipes meanwhile.

The limit of both is the rows' very bytes through ``executemany`` into a table of the same form with the same log and
``synchronous=FULL``. It keeps no digests and no revisions, and makes no View. The delta of ours is applied whole: the next
View, then the file.
"""

from __future__ import annotations

import gzip
import json
import queue
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, perf_counter_ns
from typing import Any

import msgspec
import peewee
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.__main__ import SWITCH_INTERVAL_S
from edge.cache.outbox import Outbox
from edge.cache.recorder import Recorder
from edge.cache.reserve import Reserve
from edge.cache.store import ConfigStore
from protocol.downlink import Apply, StreamRows, write_snapshot
from protocol.downlink.changes import SnapshotRows
from protocol.facts import SALT_LENGTH
from protocol.ids import Stream
from protocol.packed_cards import PackedCards
from protocol.records import CardRow, Change, Digest, put
from protocol.view import View
from tests.bench.decisions import cards, estate
from tests.bench.measure import Row, in_turn, percentile, undisturbed
from tests.bench.swipes import _Quiet, fact_of, outcome_of, presentations, raw_database
from tests.support.facts import first_configuration

CARDS = 100_000
TABLE = "CREATE TABLE row (kind, key, body, PRIMARY KEY (kind, key)) WITHOUT ROWID"


def changes() -> tuple[Change, ...]:
    return tuple(put(key, row) for key, row in cards(CARDS))


def snapshot_frames() -> tuple[bytes, ...]:
    """As the centre signs them, once for all nodes of a scope."""
    return tuple(
        write_snapshot(
            changes(),
            Ed25519PrivateKey.from_private_bytes(bytes(32)),
            scope="bench",
            stream=Stream.ACCESS,
            config_epoch=1,
            revision=2,
            issued_at_ms=1,
        )
    )


def digest_of(rows: tuple[Change, ...]) -> bytes:
    digest = Digest()
    for change in rows:
        digest.add(change.kind, change.key, change.body)
    return digest.value


def rows() -> list[Row]:
    """Files live in a directory of their own and are removed."""
    with TemporaryDirectory(prefix="onecard-bench-") as name:
        folder = Path(name)
        return [*undisturbed(lambda: _apply(folder)), *_meanwhile(folder), _peak(folder), *_snapshot()]


def _apply(folder: Path) -> list[Row]:
    all_rows = changes()
    whole_digest, frames = digest_of(all_rows), snapshot_frames()
    store = ConfigStore(folder / "config.db")
    store.open()
    raw = raw_database(folder / "raw.db", TABLE)

    class Authorization(peewee.Model):
        kind, key, body = peewee.IntegerField(), peewee.BlobField(), peewee.BlobField()

        class Meta:
            database = peewee.SqliteDatabase(
                str(folder / "plain.db"), pragmas={"journal_mode": "wal", "synchronous": "full"}
            )
            primary_key = peewee.CompositeKey("kind", "key")

    plain = Authorization._meta.database
    plain.create_tables([Authorization])
    revisions = count(1)
    store.commit(first_configuration([]))
    next(revisions)

    def tidy() -> None:
        for connection in (store._connection, raw, plain.connection()):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def applied(whole: bool, some: Any) -> Apply:
        revision = next(revisions)
        digest = whole_digest if whole else b""
        rows_ = StreamRows(Stream.ACCESS, whole, revision - 1, revision, some, digest, ())
        return Apply(revision, 1, (rows_,), 0)

    def stored() -> float:
        tidy()
        apply = applied(True, all_rows)
        started = perf_counter()
        store.commit(apply)
        return perf_counter() - started

    def installed() -> float:
        tidy()
        apply = applied(True, SnapshotRows(frames))
        started = perf_counter()
        store.install(apply)
        return perf_counter() - started

    def raw_replace() -> float:
        tidy()
        started = perf_counter()
        raw.execute("BEGIN")
        raw.execute("DELETE FROM row")
        raw.executemany("INSERT INTO row VALUES (?, ?, ?)", ((c.kind, c.key, c.body) for c in all_rows))
        raw.execute("COMMIT")
        return perf_counter() - started

    def plain_replace() -> float:
        tidy()
        started = perf_counter()
        with plain.atomic():
            Authorization.delete().execute()
            for some in peewee.chunked(
                ({"kind": c.kind, "key": c.key, "body": c.body} for c in all_rows), 300
            ):
                Authorization.insert_many(some).execute()
        return perf_counter() - started

    delta = tuple(
        put(key, CardRow(row.holder, row.valid_from_s, row.valid_until_s + 1, 2, row.levels))
        for key, row in cards(CARDS)[:: CARDS // 100]
    )
    known = View().rebased(PackedCards.of_sorted(cards(CARDS)))

    def our_delta() -> float:
        tidy()
        apply = applied(False, delta)
        started = perf_counter()
        apply.on(known)
        store.commit(apply)
        return (perf_counter() - started) * 1_000

    def raw_delta() -> float:
        tidy()
        started = perf_counter()
        raw.execute("BEGIN")
        raw.executemany(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?)", ((c.kind, c.key, c.body) for c in delta)
        )
        raw.execute("COMMIT")
        return (perf_counter() - started) * 1_000

    ours, whole, limit, peer = in_turn(stored, installed, raw_replace, plain_replace, rounds=3)
    mine, bare = in_turn(our_delta, raw_delta, rounds=25)
    store.close()
    raw.close()
    plain.close()
    met = ours <= 1.3 * limit and peer >= 4 * ours
    goal = "<= 1.3 x raw and >= 4 x faster than peewee"
    note = "what the limit and peewee do not do: unpacking the signed frames, checking and packing the View"
    return [
        Row("replace 100,000 authorizations: stored", "s", ours, limit, peer, goal, met),
        Row("replace 100,000: unpacked, stored, packed", "s", whole, limit, peer, "reported", None, note),
        Row("delta of 100 rows, applied", "ms", mine, bare, None, "<= 2 x raw", mine <= 2 * bare),
    ]


def _swipe_times(recorder: Recorder, until: threading.Event | None, number: int) -> list[float]:
    """Milliseconds from a presentation to the word that its intent is durable, across the threads as on a node."""
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()
    times: list[float] = []
    for shown in presentations(number):
        if until is not None and until.is_set():
            break
        start = perf_counter_ns()
        recorder.submit(fact_of(shown), told.put)
        entry = told.get(timeout=60)
        times.append((perf_counter_ns() - start) / 1e6)
        assert entry is not None, "the intent was not stored"
        recorder.submit(outcome_of(entry.fact.seq))
    return times


def _meanwhile(folder: Path) -> list[Row]:
    outbox = Outbox(folder / "outbox.db")
    outbox.begin(1, bytes(SALT_LENGTH))
    recorder = Recorder(outbox, Reserve(folder / "reserve"), lambda call, *given: call(*given), _Quiet())
    store = ConfigStore(folder / "meanwhile.db")
    store.open()
    store.install(first_configuration([]))
    digest, frames, revisions = digest_of(changes()), snapshot_frames(), count(2)
    before_interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    recorder.start()
    idle, busy = [], []
    try:
        _swipe_times(recorder, None, 200)
        for _ in range(3):
            idle += _swipe_times(recorder, None, 500)
            done = threading.Event()

            def replace(done: threading.Event = done) -> None:
                revision = next(revisions)
                rows_ = StreamRows(
                    Stream.ACCESS, True, revision - 1, revision, SnapshotRows(frames), digest, ()
                )
                store.install(Apply(revision, 1, (rows_,), 0))
                store.checkpoint()
                done.set()

            thread = threading.Thread(target=replace)
            thread.start()
            busy += _swipe_times(recorder, done, 5_000)
            thread.join()
    finally:
        sys.setswitchinterval(before_interval)
        recorder.stop()
        store.close()
    mine, limit = percentile(busy, 99), percentile(idle, 99)
    note = f"limit: idle; {len(busy)} swipes during three replacements"
    goal = "<= 2 x idle + 5 ms"
    return [
        Row(
            "p99 of a whole swipe while replacing", "ms", mine, limit, None, goal, mine <= 2 * limit + 5, note
        )
    ]


def _peak(folder: Path) -> Row:
    """In a process of its own, with the old View in use: what the replacement adds at its highest."""
    store = ConfigStore(folder / "peak.db")
    store.open()
    store.install(first_configuration([*estate(), *changes()]))
    store.checkpoint()
    store.close()
    (folder / "frames").write_bytes(msgspec.msgpack.encode(snapshot_frames()))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.replace_child", str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    grown = float(ran.stdout)
    return Row("replace 100,000: peak memory on top", "MiB", grown, None, None, "<= 8 MiB", grown <= 8)


def _snapshot() -> list[Row]:
    """The wire form of a snapshot of cards as an estate has them, against JSON with the fields by name, gzipped."""
    from tests.protocol.test_row_columns import cards as estate_cards

    some = estate_cards(CARDS)
    names = ("holder", "valid_from", "valid_until", "issue_no", "levels", "flags")
    told = [
        {"uid": c.key[1:].hex(), **dict(zip(names, msgspec.msgpack.decode(c.body), strict=True))}
        for c in some
    ]
    plain = len(gzip.compress(json.dumps(told, separators=(",", ":")).encode(), 6))
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    started = perf_counter()
    frames = write_snapshot(
        some, key, scope="bench", stream=Stream.ACCESS, config_epoch=1, revision=2, issued_at_ms=1
    )
    took_s = perf_counter() - started
    ours = sum(map(len, frames))
    note = f"signed frames in full, made in {took_s:.2f} s, once per (revision, scope); limit: gzip JSON"
    return [
        Row(
            "snapshot of 100,000 authorizations",
            "kB",
            ours / 1e3,
            plain / 1e3,
            None,
            "<= 0.6 x gzip JSON",
            ours <= 0.6 * plain,
            note,
        )
    ]

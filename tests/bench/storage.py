"""The durable half of a swipe, appends, replacing a configuration, a delta: the cache against bare SQLite and peewee."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import peewee

from edge.cache.drafts import draft
from edge.cache.outbox import Outbox
from edge.cache.store import ConfigStore
from protocol.decide import PointState, Presentation, Trust, decide
from protocol.downlink import Apply, StreamRows
from protocol.facts import SALT_LENGTH, AccessFact
from protocol.ids import Stream
from protocol.records import CardRow, Change, Digest, put
from tests.bench.decisions import NOW, asked, cards, view
from tests.bench.measure import Row, each_us, in_turn, percentile

SWIPES = 300
RAW = "CREATE TABLE fact (seq INTEGER PRIMARY KEY, hash BLOB, fact BLOB, open_seq INTEGER)"


def raw_database(path: Path, statement: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(statement)
    return connection


def rows() -> list[Row]:
    """Every row that needs a disk; files live in a directory of their own and are removed."""
    with TemporaryDirectory(prefix="onecard-bench-") as folder:
        return [*_swipes(Path(folder)), *_replace(Path(folder))]


def _swipes(folder: Path) -> list[Row]:
    outbox = Outbox(folder / "outbox.db")
    outbox.begin(1, bytes(SALT_LENGTH))
    outbox.start_run()
    raw = raw_database(folder / "raw.db", RAW)

    class Fact(peewee.Model):
        seq = peewee.AutoField()
        hash, fact = peewee.BlobField(), peewee.BlobField()

        class Meta:
            database = peewee.SqliteDatabase(
                str(folder / "plain.db"), pragmas={"journal_mode": "wal", "synchronous": "full"}
            )

    Fact._meta.database.create_tables([Fact])
    ours, point, state = view(100_000), view(100_000).access_points[1], PointState()
    shown = [Presentation(bytes(key[1:])) for key in asked(100_000)[:SWIPES]]
    numbers = count(1)

    def fact_of(presentation: Presentation):
        decision = decide(presentation, ours, point, state, NOW)
        body = AccessFact(1, decision.reason, decision.revisions, release_ms=decision.release_ms)
        return draft(body, 1_000, NOW.utc_ms, Trust.TRUSTED, decision.key)

    def swipe(presentation: Presentation) -> object:
        return outbox.append([fact_of(presentation)])

    def append(item: object) -> object:
        return outbox.append([item])

    def raw_append(_: object) -> object:
        return raw.execute("INSERT INTO fact VALUES (?, ?, ?, 0)", (next(numbers), bytes(16), bytes(80)))

    def peewee_append(_: object) -> object:
        return Fact.create(hash=bytes(16), fact=bytes(80))

    ready = [fact_of(presentation) for presentation in shown]

    def timed(work: Callable[..., object], items: list, percent: float) -> Callable[[], float]:
        def run() -> float:
            outbox.checkpoint()  # as the storage thread does when it is idle: the log is used again from its start
            raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            return percentile(each_us(work, items), percent)

        return run

    p50, limit_50, peer_50 = in_turn(
        timed(swipe, shown, 50), timed(raw_append, shown, 50), timed(peewee_append, shown[:100], 50)
    )
    p99, limit_99 = in_turn(timed(swipe, shown, 99), timed(raw_append, shown, 99))
    one, limit_one, peer_one = in_turn(
        timed(append, ready, 50), timed(raw_append, shown, 50), timed(peewee_append, shown[:100], 50)
    )
    grouped, alone = in_turn(
        lambda: median(each_us(lambda _: outbox.append(ready[:32]), range(20))),
        timed(append, ready[:100], 50),
    )
    outbox.checkpoint()
    for item in ready[:100]:
        outbox.append([item])
    frames = outbox._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
    grown = frames * (4_096 + 24) / 100
    outbox.close()
    raw.close()
    Fact._meta.database.close()
    return [
        Row(
            "swipe = decision + durable intent, p50",
            "us",
            p50,
            limit_50,
            peer_50,
            "<= 1.25 x raw",
            p50 <= 1.25 * limit_50,
        ),
        Row("swipe, p99", "us", p99, limit_99, None, "<= 1.5 x raw", p99 <= 1.5 * limit_99),
        Row("durable append", "us", one, limit_one, peer_one, "<= 1.25 x raw", one <= 1.25 * limit_one),
        Row("32 facts in one commit", "us", grouped, alone, None, "<= 3 x one commit", grouped <= 3 * alone),
        Row("log bytes per fact", "B", grown, None, None, "<= 4,700 B", grown <= 4_700),
    ]


def _replace(folder: Path) -> list[Row]:
    changes = tuple(put(key, row) for key, row in cards(100_000))
    store = ConfigStore(folder / "config.db")
    store.open()
    raw = raw_database(
        folder / "raw-config.db", "CREATE TABLE row (kind, key, body, PRIMARY KEY (kind, key)) WITHOUT ROWID"
    )

    class Authorization(peewee.Model):
        kind, key, body = peewee.IntegerField(), peewee.BlobField(), peewee.BlobField()

        class Meta:
            database = peewee.SqliteDatabase(
                str(folder / "plain-config.db"), pragmas={"journal_mode": "wal", "synchronous": "full"}
            )
            primary_key = peewee.CompositeKey("kind", "key")

    plain = Authorization._meta.database
    plain.create_tables([Authorization])
    revisions = count(1)
    added = Digest()  # the engine adds it up part by part, as the snapshot arrives
    for change in changes:
        added.add(change.kind, change.key, change.body)
    whole_digest = added.value

    def apply(whole: bool, rows: tuple[Change, ...]) -> float:
        revision = next(revisions)
        rows_ = StreamRows(
            Stream.ACCESS, whole, revision - 1, revision, rows, whole_digest if whole else b"", ()
        )
        started = perf_counter()
        store.commit(Apply(revision, 0, (rows_,), 0))
        return perf_counter() - started

    def raw_replace() -> float:
        started = perf_counter()
        raw.execute("BEGIN")
        raw.execute("DELETE FROM row")
        raw.executemany("INSERT INTO row VALUES (?, ?, ?)", ((c.kind, c.key, c.body) for c in changes))
        raw.execute("COMMIT")
        return perf_counter() - started

    def peewee_replace() -> float:
        started = perf_counter()
        with plain.atomic():
            Authorization.delete().execute()
            for some in peewee.chunked(
                ({"kind": c.kind, "key": c.key, "body": c.body} for c in changes), 300
            ):
                Authorization.insert_many(some).execute()
        return perf_counter() - started

    def raw_delta() -> float:
        started = perf_counter()
        raw.execute("BEGIN")
        raw.executemany(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?)", ((c.kind, c.key, c.body) for c in delta)
        )
        raw.execute("COMMIT")
        return perf_counter() - started

    some = cards(100_000)[::1_000]
    delta = tuple(
        put(key, CardRow(row.holder, row.valid_from_s, row.valid_until_s + 1, 2, row.levels))
        for key, row in some
    )
    ours, limit, peer = in_turn(lambda: apply(True, changes), raw_replace, peewee_replace, rounds=3)
    ours_delta, limit_delta = in_turn(lambda: apply(False, delta), raw_delta)
    store.close()
    raw.close()
    plain.close()
    return [
        Row(
            "replace 100,000 authorizations",
            "s",
            ours,
            limit,
            peer,
            "<= 1.3 x raw and >= 4 x faster than peewee",
            ours <= 1.3 * limit and peer >= 4 * ours,
        ),
        Row(
            "delta of 100 rows",
            "s",
            ours_delta,
            limit_delta,
            None,
            "<= 2 x raw",
            ours_delta <= 2 * limit_delta,
        ),
    ]

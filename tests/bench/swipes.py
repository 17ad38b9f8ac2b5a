"""The durable half of a swipe: its intent and its outcome in the outbox, against bare SQLite and peewee.

The limit is one ``INSERT`` of a ready row in a table of the same form, the fact's very bytes included, by the same SQLite with
the same write-ahead log and ``synchronous=FULL``. What it lacks is all that makes a row a fact: the decision, the numbering,
the encoding, the commitment and the hash chain.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

import peewee

from edge.cache.drafts import Draft, draft
from edge.cache.outbox import Outbox
from edge.cache.recorder import Recorder
from edge.cache.reserve import Reserve
from edge.stopwatch import Stopwatch
from protocol.decide import Instant, PointState, Presentation, Trust, decide
from protocol.facts import SALT_LENGTH, AccessFact, Entry, Outcome, OutcomeFact
from protocol.figures import Figure
from tests.bench.decisions import NOW, asked, view
from tests.bench.measure import Row, each_cpu_us, percentile, side_by_side, undisturbed
from tests.support.crashvfs import Disk

SWIPES = 2_000
FRAME = 4_096 + 24
_seconds = count()
RAW = "CREATE TABLE fact (seq INTEGER PRIMARY KEY, hash BLOB, fact BLOB, open_seq INTEGER)"


def raw_database(path: Path, statement: str) -> sqlite3.Connection:
    """As the product opens its files."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=8000")
    connection.execute(statement)
    return connection


def fact_of(presentation: Presentation) -> Draft:
    """Decide, and draft the intent: all of a swipe before its record."""
    known = view(100_000)
    now = Instant(
        NOW.utc_ms + next(_seconds) * 1_000
    )  # a second later each time: nothing is worked out once for all
    decision = decide(presentation, known, known.access_points[1], PointState(), now)
    body = AccessFact(1, decision.reason, decision.revisions, release_ms=decision.release_ms)
    return draft(body, 1_000, now.utc_ms, Trust.TRUSTED, decision.key)


def outcome_of(seq: int) -> Draft:
    return draft(OutcomeFact(seq, Outcome.RELEASED), 1_000, NOW.utc_ms, Trust.TRUSTED)


def presentations(number: int) -> list[Presentation]:
    return [Presentation(bytes(key[1:])) for key in asked(100_000)[:number]]


def rows() -> list[Row]:
    """Every row of swipes and appends; files live in a directory of their own and are removed."""
    with TemporaryDirectory(prefix="onecard-bench-") as name:
        folder = Path(name)
        return [*undisturbed(lambda: _appends(folder)), *_syncs(), _busy(folder)]


def watched(entry: Entry) -> Callable[[Any], None]:
    """What the stopwatch does about one swipe: the release, the record on its way, its acknowledgement."""
    watch = Stopwatch()
    watch.connection(True, 0)

    def one(_: Any) -> None:
        watch.took(Figure.SWIPE, 3)
        watch.committed([entry])
        watch.acknowledged(entry.fact.seq, entry.fact.boottime_ms + 40)

    return one


def _appends(folder: Path) -> list[Row]:
    outbox = Outbox(folder / "outbox.db")
    outbox.begin(1, bytes(SALT_LENGTH))
    outbox.start_run()
    shown = presentations(SWIPES)
    sample = outbox.append([fact_of(shown[0])])[0]
    connection = outbox._connection
    stored = bytes(connection.execute("SELECT fact FROM fact").fetchone()[0])
    raw, numbers = raw_database(folder / "raw.db", RAW), count(1)

    class Fact(peewee.Model):
        seq = peewee.AutoField()
        hash, fact = peewee.BlobField(), peewee.BlobField()
        open_seq = peewee.IntegerField()

        class Meta:
            database = peewee.SqliteDatabase(
                str(folder / "plain.db"), pragmas={"journal_mode": "wal", "synchronous": "full"}
            )

    plain = Fact._meta.database
    plain.create_tables([Fact])

    def swipe(presentation: Presentation) -> None:
        outbox.append([fact_of(presentation)])

    def raw_append(_: Any) -> None:
        raw.execute("INSERT INTO fact VALUES (?, ?, ?, 0)", (next(numbers), sample.hash, stored))

    def plain_append(_: Any) -> None:
        Fact.create(hash=sample.hash, fact=stored, open_seq=0)

    def tidy() -> None:
        """As a node does between swipes: doors have closed, and the log is moved into the file."""
        if outbox._open_intents:
            outbox.append([outcome_of(seq) for seq in list(outbox._open_intents)])
        for each in (connection, raw, plain.connection()):
            each.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    side_by_side([swipe, raw_append, plain_append], shown[:200], tidy)
    ours, limit, peer = side_by_side([swipe, raw_append, plain_append], shown, tidy)
    tidy()
    computing = median(each_cpu_us(swipe, shown[:500])) - median(each_cpu_us(raw_append, shown[:500]))
    ready = [fact_of(presentation) for presentation in shown]
    one, limit_one, peer_one = side_by_side(
        [lambda item: outbox.append([item]), raw_append, plain_append], ready, tidy
    )
    group, alone = side_by_side([lambda _: outbox.append(ready[:32]), raw_append], range(200), tidy)
    tidy()
    for item in ready[:100]:
        outbox.append([item])
    frames, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1:]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    outbox.close()
    raw.close()
    plain.close()
    found = []
    for percent, factor in ((50, 1.25), (99, 1.5)):
        mine, bare, other = (percentile(times, percent) for times in (ours, limit, peer))
        name = f"swipe = decision + durable intent, p{percent}"
        found.append(Row(name, "us", mine, bare, other, f"<= {factor} x raw", mine <= factor * bare))
    watching = median(each_cpu_us(watched(sample), range(500)))
    share = watching / percentile(ours, 50)
    note = f"{share:.1%} of a swipe at p50; the limit is one count in a dict"
    counted: dict[int, int] = {}
    bare = median(each_cpu_us(lambda step: counted.__setitem__(step, counted.get(step, 0) + 1), range(500)))
    found.append(
        Row("swipe: measuring it (B10)", "us", watching, bare, None, "<= 5 % of a swipe", share <= 0.05, note)
    )
    note = "decision, numbering, encoding, commitment, chain: what the limit lacks"
    found.append(Row("swipe: CPU beyond the limit's", "us", computing, None, None, "reported", None, note))
    mine, bare, other = (median(times) for times in (one, limit_one, peer_one))
    found.append(Row("durable append alone", "us", mine, bare, other, "<= 1.25 x raw", mine <= 1.25 * bare))
    mine, bare = median(group), median(alone)
    note = "32 facts of ours against one row of the limit"
    found.append(
        Row("32 facts in one commit", "us", mine, bare, None, "<= 3 x one row", mine <= 3 * bare, note)
    )
    grown = frames * FRAME / 100
    found.append(Row("log bytes per fact", "B", grown, None, None, "<= 4,700 B", grown <= 4_700))
    note = f"{moved} frames of 100 facts into a file of {pages} pages"
    bound = min(moved, 100 * 200 // 4_096 + 3) * 4_096 / 100
    found.append(Row("checkpoint bytes per fact, at most", "B", bound, None, None, "reported", None, note))
    return found


class _Quiet:
    """A listener that wants to know nothing."""

    def committed(self, *_: Any) -> None:
        """So be it."""

    storage = purged = committed


def _syncs() -> list[Row]:
    """Counted on a disk in memory through the real recorder: a grouped outcome shares its sync, alone it has one."""
    disk = Disk()
    outbox = Outbox(Path("/outbox.db"), disk.opener)
    outbox.begin(1, bytes(SALT_LENGTH))
    outbox.start_run()
    (shown,) = presentations(1)
    found = []
    for _ in range(10):
        start = disk.sync_count
        entry = outbox.append([fact_of(shown)])[0]
        released = disk.sync_count
        outbox.append([outcome_of(entry.fact.seq)])
        found.append((released - start, disk.sync_count - start))
    outbox.close()
    before, whole = max(found)
    return [
        Row("syncs before the release", "syncs", before, 1, None, "<= 1", before <= 1),
        Row("syncs per swipe, the outcome alone", "syncs", whole, 2, None, "<= 2", whole <= 2),
    ]


def commit_times(recorder: Recorder, number: int) -> list[float]:
    """Microseconds of commits in the storage thread, one by one."""
    told: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def timed(outbox: Outbox) -> float:
        start = perf_counter_ns()
        entry = outbox.append([made])[0]
        took = (perf_counter_ns() - start) / 1_000
        outbox.append([outcome_of(entry.fact.seq)])
        return took

    found = []
    for shown in presentations(number):
        made = fact_of(shown)
        recorder.call(timed, lambda took, error: told.put(error or took))
        found.append(told.get(timeout=30))
    return found


def _busy(folder: Path) -> Row:
    """The storage thread's commits with a process that only computes on every core, against the same without."""
    outbox = Outbox(folder / "busy.db")
    outbox.begin(1, bytes(SALT_LENGTH))
    recorder = Recorder(outbox, Reserve(folder / "reserve"), lambda call, *given: call(*given), _Quiet())
    recorder.start()
    idle, busy = [], []
    try:
        commit_times(recorder, 100)
        for _ in range(3):
            idle += commit_times(recorder, 150)
            spinning = [
                subprocess.Popen([sys.executable, "-c", "while True: pass"])
                for _ in range(os.cpu_count() or 1)
            ]
            try:
                busy += commit_times(recorder, 150)
            finally:
                for process in spinning:
                    process.kill()
                    process.wait()
    finally:
        recorder.stop()
    mine, limit = median(busy), median(idle)
    return Row(
        "commit with all cores busy",
        "us",
        mine,
        limit,
        None,
        "<= 1.5 x idle",
        mine <= 1.5 * limit,
        "limit: idle",
    )

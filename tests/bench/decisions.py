"""Look-up, decision, memory: the View against SQLite, a dict and peewee."""

from __future__ import annotations

import random
import sqlite3
import sys
from functools import cache

import peewee

from protocol.decide import Instant, PointState, Presentation, decide
from protocol.ids import CardKey, uid_key
from protocol.packed_cards import PackedCards
from protocol.records import (
    CardRow,
    Change,
    DoorRow,
    LevelRow,
    PointRow,
    Revisions,
    ScheduleRow,
    SiteRow,
    put,
)
from protocol.view import View
from tests.bench.measure import Row, cpu_us, each_cpu_us, in_turn, percentile, undisturbed

ASKED = 5_000
NOW = Instant(1_764_000_000_000)


@cache
def cards(count: int) -> tuple[tuple[CardKey, CardRow], ...]:
    chance = random.Random(count)
    keys = sorted({chance.randbytes(7) for _ in range(count)})
    return tuple(
        (uid_key(key), CardRow(number + 1, 1_700_000_000, 1_900_000_000, 1, (9 + number % 20,)))
        for number, key in enumerate(keys)
    )


def estate() -> list[Change]:
    """Everything but cards: one door, twenty levels that open it whenever schedule 5 holds."""
    return [
        put(0, SiteRow("Asia/Shanghai", "bench")),
        put(1, PointRow("door", 1, 1)),
        put(1, DoorRow("door")),
        put(5, ScheduleRow(((0b1111111, 0, 1440),))),
        *(put(level, LevelRow(((1, 5),))) for level in range(9, 29)),
    ]


@cache
def view(count: int) -> View:
    return View().apply(estate(), Revisions(1, 1, 1, 1)).rebased(PackedCards.of_sorted(cards(count)))


def sqlite_of(count: int) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE card (key BLOB PRIMARY KEY, holder, start, end, issue, level) WITHOUT ROWID"
    )
    connection.executemany(
        "INSERT INTO card VALUES (?, ?, ?, ?, ?, ?)",
        (
            (key, row.holder, row.valid_from_s, row.valid_until_s, row.issue_no, row.levels[0])
            for key, row in cards(count)
        ),
    )
    connection.commit()
    return connection


def asked(count: int) -> list[CardKey]:
    chance = random.Random(1)
    return [key for key, _ in chance.choices(cards(count), k=ASKED)]


def rows() -> list[Row]:
    """See ``_rows``; nothing of it waits, so nothing of it should be interrupted."""
    return undisturbed(_rows)


def _rows() -> list[Row]:
    """Look-up and decision at 100,000 cards, growth from 10,000 to 1,000,000, bytes per card."""
    count = 100_000
    keys, shown = asked(count), [Presentation(bytes(key[1:])) for key in asked(count)]
    ours, connection = view(count), sqlite_of(count)
    select = "SELECT holder, start, end, issue, level FROM card WHERE key = ?"

    class Card(peewee.Model):
        key = peewee.BlobField(primary_key=True)
        holder, start, end, issue, level = (peewee.IntegerField() for _ in range(5))

        class Meta:
            database = peewee.SqliteDatabase(":memory:")
            table_name = "card"

    plain = Card._meta.database
    plain.connect()
    connection.backup(plain.connection())
    point, state = ours.access_points[1], PointState()

    def read(key: bytes) -> object:
        return connection.execute(select, (key,)).fetchone()

    def judge(presentation: Presentation) -> object:
        return decide(presentation, ours, point, state, NOW)

    lookup, limit, peer = in_turn(
        lambda: cpu_us(ours.card, keys),
        lambda: cpu_us(read, keys),
        lambda: cpu_us(lambda key: Card.get(Card.key == key), keys[:500]),
    )
    decision, limit_again = in_turn(lambda: cpu_us(judge, shown), lambda: cpu_us(read, keys))
    p99, limit_p50 = in_turn(
        lambda: percentile(each_cpu_us(judge, shown), 99), lambda: percentile(each_cpu_us(read, keys), 50)
    )
    found = [
        Row("look-up of one card", "us", lookup, limit, peer, "<= the SQLite read", lookup <= limit),
        Row(
            "decision p50 (100,000 cards)",
            "us",
            decision,
            limit_again,
            None,
            "<= 2 x the SQLite read",
            decision <= 2 * limit_again,
        ),
        Row("decision p99", "us", p99, limit_p50, None, "<= 4 x the SQLite read", p99 <= 4 * limit_p50),
    ]
    sizes = []
    for size in (10_000, 1_000_000):
        other = view(size)
        presentations = [Presentation(bytes(key[1:])) for key in asked(size)]
        sizes.append(
            in_turn(
                lambda other=other, presentations=presentations: cpu_us(
                    lambda shown: decide(shown, other, point, state, NOW), presentations
                ),
                rounds=5,
            )[0]
        )
    found.append(
        Row(
            "decision: 1,000,000 cards against 10,000",
            "ratio",
            sizes[1] / sizes[0],
            1.0,
            None,
            "<= 1.5",
            sizes[1] <= 1.5 * sizes[0],
        )
    )
    packed = PackedCards.of_sorted(cards(count))
    each = (sys.getsizeof(packed._prints) + sys.getsizeof(packed._rows)) / count
    found.append(Row("memory per card", "B", each, 34.0, 319.0, "<= 80 B", each <= 80))
    return found

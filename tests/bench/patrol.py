"""Patrol: a month of rounds with their scans, laid out, matched, judged and counted; I/O is not in it."""

from __future__ import annotations

import random
from time import thread_time

import msgspec

from protocol.rules.patrol.calculate import calculate
from protocol.rules.patrol.expand import Visit, expand
from protocol.rules.patrol.judge import Coverage, Judgement, judge
from protocol.rules.patrol.plan import EveryHours, Order, Rounds, RouteVersion, Stop, Tolerance
from protocol.rules.patrol.scans import Scan
from protocol.schedule import Calendar, zone_of
from tests.bench.measure import Row

DAYS, ROUTES, STOPS = 31, 20, 14
"""With a round every two hours: 104,160 planned visits in the month."""
DAY_MS = 24 * 3_600_000
BEGINS_MS = 1_780_000_000_000
ENOUGH = 100_000


def plan() -> list[RouteVersion]:
    """Twenty routes around the clock, each with checkpoints of its own and some that it shares with a second."""
    return [
        RouteVersion(
            route,
            1,
            0,
            tuple(
                Stop((route if stop % 5 else route // 2) * STOPS + stop, offset_s=stop * 300)
                for stop in range(STOPS)
            ),
            (Rounds(EveryHours(0b1111111, 0, 2, 1_439), (route,)),),
            Tolerance(120, 180, 600, 900),
            Order.STRICT,
        )
        for route in range(1, ROUTES + 1)
    ]


def scans_of(visits: list[Visit]) -> list[Scan]:
    """What guards make of it: mostly there and near the time, some late, some missing, some twice."""
    chance, found = random.Random(7), []
    for visit in visits:
        kind = chance.random()
        if kind < 0.04:
            continue
        at_ms = visit.planned_ms + int(chance.gauss(0, 90_000)) + (600_000 if kind < 0.08 else 0)
        found.append(
            Scan(
                len(found),
                visit.checkpoint,
                visit.checkpoint,
                visit.round.guards[0] if kind < 0.98 else 99,
                at_ms,
            )
        )
        if kind > 0.95:
            found.append(
                Scan(len(found), visit.checkpoint, visit.checkpoint, visit.round.guards[0], at_ms + 20_000)
            )
    chance.shuffle(found)
    return found


def rows() -> list[Row]:
    """Seconds of CPU for the month, and whether a second run gives the same bytes."""
    calendar, until_ms = Calendar(zone_of("Asia/Shanghai"), {}), BEGINS_MS + DAYS * DAY_MS
    versions = plan()
    began = thread_time()
    visits = expand(versions, calendar, BEGINS_MS, until_ms)
    laid_out_s = thread_time() - began
    scans = scans_of(visits)
    points = {visit.checkpoint for visit in visits}
    coverage = Coverage({point: (point,) for point in points}, dict.fromkeys(points, until_ms + 2 * DAY_MS))

    def run() -> tuple[float, bytes, int]:
        began = thread_time()
        found: Judgement = judge(visits, scans, coverage, until_ms + 2 * DAY_MS)
        counted = calculate(found.visits, BEGINS_MS, until_ms)
        took_s = thread_time() - began
        return took_s, msgspec.msgpack.encode((found, counted)), counted.total.expected

    (first_s, first, expected), (again_s, again, _expected) = run(), run()
    took_s = min(first_s, again_s)
    assert expected >= ENOUGH
    return [
        Row("patrol: a month laid out", "s", laid_out_s, None, None, "reported", None),
        Row(f"patrol: {expected:,} visits judged", "s", took_s, 2.0, None, "< 2 s", took_s < 2),
        Row(
            "patrol: the same bytes again",
            "runs",
            2.0,
            2.0,
            None,
            "identical",
            first == again,
            f"{len(first):,} B",
        ),
    ]

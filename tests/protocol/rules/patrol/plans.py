"""Plans and scans for the tests of patrol: made by hand, and drawn."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from protocol.rules.patrol.expand import Visit, expand
from protocol.rules.patrol.match import Relief
from protocol.rules.patrol.plan import (
    EveryHours,
    OnDates,
    OnDays,
    Order,
    Rounds,
    RouteVersion,
    Stop,
    Tolerance,
)
from protocol.rules.patrol.scans import Scan
from protocol.schedule import Calendar

EVERY_DAY = 0b1111111
TIGHT = Tolerance(60, 120, 300, 600)
SHANGHAI, LONDON = "Asia/Shanghai", "Europe/London"
GUARD, OTHER = 7, 8


def day(year: int, month: int, of_month: int) -> int:
    return date(year, month, of_month).toordinal()


def at(zone: str, text: str, fold: int = 0) -> int:
    """Milliseconds of a wall time such as 2026-03-29 01:30."""
    wall = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(wall.timestamp() * 1_000)


def shown(zone: str, utc_ms: int) -> str:
    """The wall time of an instant."""
    return f"{datetime.fromtimestamp(utc_ms / 1_000, UTC).astimezone(ZoneInfo(zone)):%m-%d %H:%M}"


def route(stops: tuple[Stop, ...], times: Any, **values: Any) -> RouteVersion:
    """One version of route 1, walked by one guard."""
    values = {"valid_from": 0, "tolerance": TIGHT, "guards": (GUARD,), **values}
    rounds = (Rounds(times, values.pop("guards")),)
    return RouteVersion(1, values.pop("version", 1), stops=stops, rounds=rounds, **values)


def visits_of(*versions: RouteVersion, zone: str = SHANGHAI, begins: str, ends: str) -> list[Visit]:
    """What is planned between two wall times."""
    from_ms, until_ms = at(zone, begins), at(zone, ends)
    made = expand(versions, Calendar(ZoneInfo(zone), {}), from_ms, until_ms)
    return [visit for visit in made if from_ms <= visit.planned_ms < until_ms]


# -- drawn --------------------------------------------------------------------------------------------------------------

ZONES = [SHANGHAI, LONDON, "America/New_York", "Australia/Lord_Howe"]
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # London forward
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # London back
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York forward
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe back by half an hour
    datetime(2026, 6, 30, 16, tzinfo=UTC),  # midnight in Shanghai
]
minutes = st.one_of(st.sampled_from([0, 5, 60, 90, 115, 120, 150, 1_430, 1_439]), st.integers(0, 1_439))
seconds = st.sampled_from([0, 30, 60, 300, 1_200, 3_600])
tolerances = st.tuples(seconds, seconds, seconds, seconds).map(
    lambda four: Tolerance(
        min(four[0], four[2]), min(four[1], four[3]), max(four[0], four[2]), max(four[1], four[3])
    )
)
masks = st.one_of(st.just(EVERY_DAY), st.integers(1, EVERY_DAY))
guards = st.sampled_from([(GUARD,), (OTHER,)])


@st.composite
def versions(draw: st.DrawFn, number: int, around: int) -> RouteVersion:
    """A version of a route with few checkpoints, so that rounds compete for scans."""
    starts = tuple(sorted(draw(st.sets(minutes, min_size=1, max_size=3))))
    times = draw(
        st.one_of(
            masks.map(lambda days: OnDays(days, starts)),
            st.sets(st.integers(around - 1, around + 1), min_size=1).map(
                lambda dates: OnDates(tuple(sorted(dates)), starts)
            ),
            st.tuples(masks, minutes, st.integers(1, 24), minutes).map(lambda four: EveryHours(*four)),
        )
    )
    offsets = sorted(draw(st.lists(st.sampled_from([0, 60, 90, 300, 600, 5_400]), min_size=1, max_size=3)))
    is_group = draw(st.booleans())
    stops = tuple(
        Stop(draw(st.integers(1, 2)), offset_s=offset, tolerance=draw(st.none() | tolerances))
        for offset in offsets
    )
    if draw(st.booleans()):
        stops = tuple(
            Stop(stop.checkpoint, clock_min=draw(minutes), tolerance=stop.tolerance) for stop in stops[:1]
        )
    return RouteVersion(
        number,
        1,
        draw(st.sampled_from([0, around])),
        stops,
        (Rounds(times, draw(guards | st.just((GUARD, OTHER)) | st.just(())) if is_group else draw(guards)),),
        draw(tolerances),
        draw(st.sampled_from(Order)),
        draw(st.booleans()),
        is_group,
    )


@st.composite
def worlds(draw: st.DrawFn) -> tuple[str, list[RouteVersion], int, int]:
    """(zone, versions of one or two routes, and a span of some hours round a change of the clocks or midnight)."""
    zone, change = draw(st.sampled_from(ZONES)), draw(st.sampled_from(CHANGES))
    around = change.astimezone(ZoneInfo(zone)).toordinal()
    made = [draw(versions(number, around)) for number in range(1, draw(st.integers(1, 2)) + 1)]
    begins = change + timedelta(minutes=draw(st.integers(-300, 60)))
    from_ms = int(begins.timestamp() * 1_000)
    return zone, made, from_ms, from_ms + draw(st.integers(30, 400)) * 60_000


AWAY_MS = [-60_000, -1, 0, 0, 0, 1, 30_000, 60_000]


@st.composite
def scans_near(draw: st.DrawFn, visits: list[Visit]) -> list[Scan]:
    """Scans at the bounds of windows, half way between visits, around others, doubled; by the guard or somebody else."""
    if not visits:
        return []
    found: list[Scan] = []
    chosen = st.sampled_from(visits)
    for number in range(draw(st.integers(1, 9))):
        visit, other = draw(chosen), draw(chosen)
        moments = [
            visit.opens_ms,
            visit.closes_ms,
            visit.early_ms,
            visit.late_ms,
            visit.planned_ms,
            (visit.planned_ms + other.planned_ms) // 2,
            *(scan.at_ms + after_ms for scan in found[-1:] for after_ms in (0, 60_000)),
        ]
        at_ms = draw(st.sampled_from(moments)) + draw(st.sampled_from(AWAY_MS))
        guard = draw(st.sampled_from([*(visit.round.guards or (GUARD,)), GUARD, OTHER, 0]))
        found.append(Scan(number, 1 + number % 2, visit.checkpoint, guard, at_ms))
    return found


@st.composite
def reliefs_near(draw: st.DrawFn, visits: list[Visit]) -> list[Relief]:
    if not visits or draw(st.booleans()):
        return []
    from_ms = draw(st.sampled_from(visits)).planned_ms
    return [Relief(1, OTHER, from_ms, from_ms + draw(st.sampled_from([1, 60_000, 3_600_000])))]

"""What became of the rounds of an estate: plans, scans, reliefs and watermarks, brought together and judged.

::

    found = await centre.db.read(judgement, scope, site_id, from_ms, until_ms, centre.clock.now_ms())
    found.visits     # Judged visits that are planned in [from_ms, until_ms), by planned time
    found.rounds     # JudgedRound: rounds with such a visit, whole, by start
    found.scans      # SeenScan: scans and buttons of that time, with their flags and the visit that they serve
    found.names      # routes, checkpoints and guards in words

It judges nothing before the data is in (B9): a visit is ``PENDING`` while a unit that may hold its scan has not uploaded past
its window (a unit that is away stays there), ``NO_EVIDENCE`` where records are lost or purged, and ``is_final`` when nothing
that may still come can change it. What a scan says already is shown at once, final or not.

One read transaction with a fixed number of queries, whatever the span. The same question gives the same bytes, after a
rebuild too: scans are numbered by device, node_epoch and seq.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import peewee

from central.db import current_engine
from central.nodes.model import Device
from central.patrol.calendars import calendar_of
from central.patrol.model import Checkpoint, Guard, Route, RoutePlan
from central.patrol.versions import drawn_of, key_of, plan_of
from central.people.model import Person
from central.rounds import marks
from central.rounds.model import ClockSet, PatrolScan, RoundLimits, WayTime
from central.rounds.model import Relief as ReliefRow
from central.sites.model import Site
from central.sites.scope import Scope
from central.sync.model import CatchUp
from protocol.facts import PatrolEvent, ScanResult
from protocol.rules.patrol.expand import Round, Visit, expand
from protocol.rules.patrol.integrity import Flag, flags_of
from protocol.rules.patrol.judge import Coverage, Judged, JudgedRound, Judgement, judge
from protocol.rules.patrol.match import Relief
from protocol.rules.patrol.scans import Scan

DAY_MS: Final = 24 * 3_600_000
BESIDE_MS: Final = 2 * DAY_MS
"""Scans so far outside the span are looked at: a round lasts a day, and windows reach half a day further."""
LATE_MS: Final = 120_000
"""A scan that came later than this was not sent at once: its unit was offline."""
_OPENS_OR_CLOSES: Final = (ScanResult.ROUND_OPENED.value, ScanResult.ROUND_CLOSED.value)


class SeenScan(msgspec.Struct, frozen=True):
    """A scan or a button, and what it means.

    ``scan`` has the corrected time; ``wall_ms`` is what the device's clock said. ``serves``: the visit that it serves, None
    for a scan outside every plan, a double read, a button or a guard's card that opened a round. ``is_copy`` and the flags
    are reasons to look, never to reject.
    """

    scan: Scan
    wall_ms: int
    received_ms: int
    told: ScanResult
    event: PatrolEvent
    person: int
    is_copy: bool
    is_double: bool
    flags: tuple[Flag, ...]
    serves: Judged | None

    @property
    def is_online(self) -> bool:
        """It was sent as it happened."""
        return self.received_ms - self.scan.at_ms <= LATE_MS


class Names(msgspec.Struct, frozen=True):
    """What the numbers of plans and scans are called: those that the operator may see."""

    routes: Mapping[int, str]
    checkpoints: Mapping[int, str]
    locations: Mapping[int, str]
    guards: Mapping[int, str]
    devices: Mapping[int, str]


class SiteJudgement(msgspec.Struct, frozen=True):
    """See the module."""

    site_id: int
    zone: str
    from_ms: int
    until_ms: int
    now_ms: int
    visits: tuple[Judged, ...]
    rounds: tuple[JudgedRound, ...]
    scans: tuple[SeenScan, ...]
    reliefs: tuple[Relief, ...]
    coverage: Coverage
    names: Names


class Without(msgspec.Struct, frozen=True):
    """A late upload that is to be thought away: the device's records that came with it, and its watermark after it."""

    device: int
    begins_ms: int
    ends_ms: int

    @classmethod
    def of(cls, row: CatchUp) -> Without:
        """From the stored row."""
        return cls(row.device_id, marks.to_ms(row.begins_at), marks.to_ms(row.ends_at))


def judgement(
    scope: Scope,
    site_id: int,
    from_ms: int,
    until_ms: int,
    now_ms: int,
    *,
    without: Without | None = None,
) -> SiteJudgement:
    """Judge the visits planned in ``[from_ms, until_ms)`` by what is here now; inside ``db.read``. See the module.

    :param without: judge as if this late upload had not come.
    :raises NotFoundError: there is no such estate in the scope.
    """
    site = scope.get(Site, site_id)
    names = names_of(scope, site_id)
    visits = _visits(site, from_ms, until_ms, now_ms)
    limits = RoundLimits.get_or_none(RoundLimits.site == site_id) or RoundLimits(site=site_id)
    rows = _rows(site_id, from_ms - BESIDE_MS, until_ms + BESIDE_MS, without)
    scans = _scans(rows, limits.clock_s * 1_000)
    counting = [scan for row, scan in zip(rows, scans, strict=True) if _counts(row)]
    units = marks.units_of_site(site_id)
    unit_marks = marks.unit_marks(units.devices)
    if without is not None and without.device in unit_marks:
        unit_marks[without.device].through_ms = without.begins_ms - marks.UNDER_WAY_MS
    coverage = marks.coverage_of(site_id, unit_marks, units)
    reliefs = reliefs_of(site_id, from_ms - BESIDE_MS, until_ms + BESIDE_MS)
    judged = judge(visits, counting, coverage, now_ms, reliefs)
    flags = _flags(site_id, rows, counting, limits)
    shown = [one for one in judged.visits if one.visit.round.route in names.routes]
    seen = _seen(scope, site_id, rows, scans, judged, flags, (from_ms, until_ms))
    return SiteJudgement(
        site_id,
        site.zone,
        from_ms,
        until_ms,
        now_ms,
        tuple(one for one in shown if from_ms <= one.visit.planned_ms < until_ms),
        tuple(_rounds(judged, names, from_ms, until_ms)),
        seen,
        reliefs,
        coverage,
        names,
    )


def names_of(scope: Scope, site_id: int) -> Names:
    """The names of an estate's routes, checkpoints, guards and devices, as far as the scope goes."""
    routes = scope.filter(Route.select().where(Route.site == site_id)).order_by(Route.number)
    checkpoints = list(
        scope.filter(Checkpoint.select().where(Checkpoint.site == site_id)).order_by(Checkpoint.number)
    )
    guards: Any = Guard.select(Guard.id, Person.name).join(Person).where(Guard.site == site_id)
    devices = scope.filter(
        Device.select(Device.id, Device.number, Device.label).where(Device.site == site_id)
    )
    return Names(
        {row.id: f"{row.number} {row.name}" for row in routes},
        {row.id: f"{row.number} {row.name}" for row in checkpoints},
        {row.id: row.location for row in checkpoints},
        dict(scope.filter(guards, Guard).order_by(Person.number).tuples()),
        {number: f"{device} {label}" for number, device, label in devices.order_by(Device.number).tuples()},
    )


def reliefs_of(site_id: int, from_ms: int, until_ms: int) -> tuple[Relief, ...]:
    """Reliefs that touch a span, as the rule takes them, in order."""
    query = ReliefRow.select().where(
        (ReliefRow.site == site_id)
        & ReliefRow.withdrawn_at.is_null()
        & (ReliefRow.from_at < marks.to_at(until_ms))
        & (ReliefRow.until_at > marks.to_at(from_ms))
    )
    return tuple(
        Relief(row.route_id, row.guard_id, marks.to_ms(row.from_at), marks.to_ms(row.until_at))
        for row in query.order_by(ReliefRow.id)
    )


def _visits(site: Site, from_ms: int, until_ms: int, now_ms: int) -> list[Visit]:
    """Every visit near the span. A round at a random time is nobody's to see before it begins; one whose beginning was over
    when its plan was entered was nobody's to walk."""
    query = RoutePlan.select(RoutePlan).join(Route).where(Route.site == site.id)
    stored = list(query)
    plans = [plan_of(row) for row in stored]
    drawn = drawn_of(plans)
    made_ms = {(row.route_id, row.version): marks.to_ms(row.made_at) for row in stored}
    visits = expand(plans, calendar_of(site.id), from_ms, until_ms)
    before = {
        _walk(visit.round)
        for visit in visits
        if visit.stop == 0 and visit.closes_ms < made_ms[visit.round.route, visit.round.version]
    }
    return [
        visit
        for visit in visits
        if _walk(visit.round) not in before
        and (visit.round.start_ms <= now_ms or key_of(visit.round) not in drawn)
    ]


def _walk(walk: Round) -> tuple[int, int, int]:
    return walk.route, walk.start_ms, walk.number


class _Row(msgspec.Struct, frozen=True):
    device: int
    node_epoch: int
    seq: int
    at_ms: int
    wall_ms: int
    received_ms: int
    checkpoint: int
    person: int
    guard: int
    told: int
    event: int
    dead: int
    copy: int
    late_proof: int
    uncertain: int
    organisation: int


def _rows(site_id: int, from_ms: int, until_ms: int, without: Without | None) -> list[_Row]:
    """Scans of an estate in the order in which each device recorded them."""
    columns = (
        PatrolScan.device,
        PatrolScan.node_epoch,
        PatrolScan.seq,
        PatrolScan.at,
        PatrolScan.wall_ms,
        PatrolScan.received_at,
        PatrolScan.checkpoint,
        PatrolScan.person,
        Guard.id,
        PatrolScan.told,
        PatrolScan.event,
        PatrolScan.dead,
        PatrolScan.copy,
        PatrolScan.late_proof,
        PatrolScan.uncertain,
        PatrolScan.organisation,
    )
    of_person = Guard.person == PatrolScan.person  # whatever estate the guard works for by now
    query = (
        PatrolScan.select(*columns)
        .join(Guard, peewee.JOIN.LEFT_OUTER, on=of_person)
        .where(
            (PatrolScan.site == site_id)
            & (PatrolScan.at >= marks.to_at(from_ms))
            & (PatrolScan.at < marks.to_at(until_ms))
        )
        .order_by(PatrolScan.device, PatrolScan.node_epoch, PatrolScan.seq)
    )
    found = current_engine.execute(query).fetchall()  # as the columns hold it: instants are milliseconds
    rows = [_Row(*(int(value or 0) for value in values)) for values in found]
    if without is not None:
        rows = [
            row
            for row in rows
            if row.device != without.device or not without.begins_ms < row.received_ms <= without.ends_ms
        ]
    return rows


def scan_number(device: int, node_epoch: int, seq: int) -> int:
    """A number of a scan that a rebuild does not change and that grows as its device recorded; fits into 64 bits."""
    return (device << 44) + (node_epoch << 34) + seq


def is_by_file(scan_id: int) -> bool:
    """True for a scan that came in a file of another maker's unit: its node_epoch is 0."""
    return (scan_id >> 34) % (1 << 10) == 0


def _counts(row: _Row) -> bool:
    return not row.event and row.checkpoint > 0 and row.told not in _OPENS_OR_CLOSES


def _scans(rows: Iterable[_Row], clock_most_ms: int) -> list[Scan]:
    """As the rule takes them."""
    settings: dict[int, list[tuple[int, int]]] = defaultdict(list)
    sets = ClockSet.select().where(
        (ClockSet.by_ms > clock_most_ms) | (ClockSet.by_ms < -clock_most_ms),
    )
    devices = {row.device for row in rows}
    for found in sets.where(ClockSet.device.in_(sorted(devices))).order_by(ClockSet.node_epoch, ClockSet.seq):
        settings[found.device_id].append((found.node_epoch, found.seq))
    return [
        Scan(
            scan_number(row.device, row.node_epoch, row.seq),
            row.device,
            row.checkpoint,
            row.guard,
            row.at_ms,
            row.at_ms - row.wall_ms,
            bisect_left(settings[row.device], (row.node_epoch, row.seq)),
            bool(row.late_proof),
            bool(row.uncertain),
        )
        for row in rows
    ]


def _flags(
    site_id: int, rows: Iterable[_Row], counting: Iterable[Scan], limits: RoundLimits
) -> dict[int, tuple[Flag, ...]]:
    checkpoints = list(Checkpoint.select(Checkpoint.id).where(Checkpoint.site == site_id).tuples())
    numbers = [number for (number,) in checkpoints]
    way_s: dict[tuple[int, int], int] = {}
    if limits.way_s:
        way_s = {(first, second): limits.way_s for first in numbers for second in numbers if first < second}
    for way in WayTime.select().where(WayTime.first.in_(numbers)):
        way_s[way.first_id, way.second_id] = way.least_s
    found = flags_of(counting, way_s, {}, limits.clock_s * 1_000)
    for row in rows:
        if row.dead:
            number = scan_number(row.device, row.node_epoch, row.seq)
            found[number] = tuple(sorted({*found.get(number, ()), Flag.DEAD_CARD}))
    return found


def _seen(
    scope: Scope,
    site_id: int,
    rows: Iterable[_Row],
    scans: Iterable[Scan],
    judged: Judgement,
    flags: Mapping[int, tuple[Flag, ...]],
    span: tuple[int, int],
) -> tuple[SeenScan, ...]:
    serves = {one.scan.id: one for one in judged.visits if one.scan is not None}
    doubles = {scan.id for scan in judged.doubles}
    found = [
        SeenScan(
            scan,
            row.wall_ms,
            row.received_ms,
            ScanResult(row.told),
            PatrolEvent(row.event),
            row.person,
            bool(row.copy),
            scan.id in doubles,
            flags.get(scan.id, ()),
            serves.get(scan.id),
        )
        for row, scan in zip(rows, scans, strict=True)
        if span[0] <= scan.at_ms < span[1] and scope.allows(site_id, row.organisation)
    ]
    return tuple(sorted(found, key=lambda one: (one.scan.at_ms, one.scan.id)))


def _rounds(judged: Judgement, names: Names, from_ms: int, until_ms: int) -> Iterable[JudgedRound]:
    for made in judged.rounds():
        if made.round.route in names.routes and any(
            from_ms <= one.visit.planned_ms < until_ms for one in made.visits
        ):
            yield made

"""Alarms of units that are online: a checkpoint missed at t + L, a round that nobody has begun (domain-rules, patrol, 8).

Law of this file: nothing is said before the data is in (B9), and nothing of a unit that was offline at that moment, or is by
its kind: it is judged after its upload, without an alarm. A unit counts as online from the moment at which it was heard last anew
(``HeardUnit``); while the centre itself was away nobody could be heard, so that breaks nothing: what was missed meanwhile is
told after the start. Each alarm is raised once, by whatever process and however often somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from central.access import alarms
from central.access.model import AccessPoint
from central.nodes.model import Device
from central.patrol.model import Checkpoint, Route
from central.patrol_map.model import HeardUnit, RaisedVisit
from central.rounds.judging import SiteJudgement, judgement
from central.rounds.marks import to_at, to_ms
from central.sites.scope import HEAD_OFFICE
from central.sync.model import DeviceStatus
from central.units.kinds import kinds_of
from central.units.rules import UnitKind
from protocol.rules.patrol.expand import Round, Visit
from protocol.rules.patrol.judge import VISITED, JudgedRound, Result
from protocol.rules.patrol.plan import WINDOW_MAX_S

LOOK_BACK_MS: Final = (WINDOW_MAX_S + 3_600) * 1_000
"""Visits planned so long ago are looked at: their windows last half a day at most, and a unit may hand over a backlog."""
KEPT: Final = timedelta(days=3)
"""What was raised is remembered for so long, which is longer than anybody looks back."""
WHOLE_ROUND: Final = -1


class Due(msgspec.Struct, frozen=True):
    """An alarm to be raised: about a stop of a round, or ``WHOLE_ROUND``; at the reader of a checkpoint."""

    kind: str
    device: int
    point: int
    round: Round
    stop: int
    detail: str


class Findings(msgspec.Struct, frozen=True):
    """What has changed since somebody looked last."""

    heard: Mapping[int, datetime]
    """Units that are heard now and were not, with since when."""
    lost: tuple[int, ...]
    due: tuple[Due, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing has to be written."""
        return not (self.heard or self.lost or self.due)


def find(now: datetime, *, is_settled: bool) -> Findings:
    """Look at every estate; inside ``db.read``.

    :param is_settled: the centre is up for long enough that a unit that has not come back is offline.
    """
    units = {device for _point, device in _points().values()}
    kept = {row.device_id: row.since_at for row in HeardUnit.select()}
    status = DeviceStatus.select().where(DeviceStatus.device.in_(sorted({*units, *kept})))
    online = {row.device_id: row.changed_at or now for row in status if row.online}
    heard = {device: since for device, since in online.items() if device not in kept}
    lost = tuple(sorted(device for device in kept if device not in online and is_settled))
    since_ms = {device: to_ms(since) for device, since in {**heard, **kept}.items() if device in online}
    for device, kind in kinds_of(list(since_ms)).items():
        if kind is not UnitKind.FIXED_ONLINE:
            del since_ms[device]
    due: list[Due] = []
    for site_id, zone in _sites():
        judged = judgement(HEAD_OFFICE, site_id, to_ms(now) - LOOK_BACK_MS, to_ms(now) + 1, to_ms(now))
        due += _Looker(judged, ZoneInfo(zone), since_ms).due()
    return Findings(heard, lost, tuple(due))


def act(found: Findings, now: datetime) -> int:
    """Write it down and raise what was not raised before; how many alarms. Inside ``db.write``."""
    HeardUnit.delete().where(HeardUnit.device.in_(list(found.lost))).execute()
    for device, since in found.heard.items():
        HeardUnit.insert(device=device, since_at=since).on_conflict_ignore().execute()
    RaisedVisit.delete().where(RaisedVisit.at < now - KEPT).execute()
    count = 0
    for due in found.due:
        walk = due.round
        key = {"route": walk.route, "start_ms": walk.start_ms, "number": walk.number, "stop": due.stop}
        if RaisedVisit.get_or_none(**key) is None:
            RaisedVisit.create(**key, at=now)
            alarms.raise_by_centre(due.device, due.kind, now, due.detail, where=due.point)
            count += 1
    return count


def _sites() -> list[tuple[int, str]]:
    """Estates with a route, and their zones."""
    routes = Route.select(Route.site).distinct()
    site = Route.site.rel_model
    return list(site.select(site.id, site.zone).where(site.id.in_(routes)).order_by(site.id).tuples())


def _points() -> dict[int, tuple[int, int]]:
    """By checkpoint at a reader: its point and its device."""
    query = Checkpoint.select(Checkpoint.id, AccessPoint.id, AccessPoint.device).join(AccessPoint)
    return {checkpoint: (point, device) for checkpoint, point, device in query.join(Device).tuples()}


class _Looker:
    """One estate at a moment."""

    def __init__(self, judged: SiteJudgement, zone: ZoneInfo, since_ms: Mapping[int, int]) -> None:
        self._judged, self._zone, self._since_ms = judged, zone, since_ms
        self._points = _points()
        raised = RaisedVisit.select().where(RaisedVisit.route.in_(sorted(judged.names.routes)))
        self._raised = {(row.route, row.start_ms, row.number, row.stop) for row in raised}

    def due(self) -> Iterable[Due]:
        """Alarms to be raised, by the time that they are about."""
        for one in self._judged.visits:
            visit = one.visit
            if one.result is Result.MISSED and one.is_final and self._was_online(visit, visit.closes_ms):
                yield from self._alarm("visit_missed", visit, visit.stop)
        for made in self._judged.rounds:
            if self._is_not_begun(made):
                yield from self._alarm("round_not_begun", made.visits[0].visit, WHOLE_ROUND)

    def _is_not_begun(self, made: JudgedRound) -> bool:
        """Nobody was at any stop, though somebody had to be at the first one; every unit of the round says so."""
        deadline_ms = made.visits[0].visit.late_ms
        coverage = self._judged.coverage
        return (
            self._judged.now_ms - LOOK_BACK_MS <= deadline_ms <= self._judged.now_ms
            and not any(one.result in VISITED for one in made.visits)
            and not any(coverage.is_lost(one.visit) for one in made.visits)
            and all(
                coverage.knows(one.visit, deadline_ms, self._judged.now_ms)
                and self._was_online(one.visit, deadline_ms)
                for one in made.visits
            )
        )

    def _was_online(self, visit: Visit, at_ms: int) -> bool:
        """Every unit that may hold a scan of the visit is heard without a break since before that moment."""
        units = self._judged.coverage.units_of.get(visit.checkpoint, ())
        return bool(units) and all(self._since_ms.get(unit, at_ms + 1) <= at_ms for unit in units)

    def _alarm(self, kind: str, visit: Visit, stop: int) -> Iterable[Due]:
        walk = visit.round
        if visit.checkpoint not in self._points:
            return  # a location card: who carries its units is offline
        if (walk.route, walk.start_ms, walk.number, stop) in self._raised:
            return
        point, device = self._points[visit.checkpoint]
        names = self._judged.names
        at_ms = walk.start_ms if stop == WHOLE_ROUND else visit.planned_ms
        parts = (
            names.routes[walk.route],
            names.checkpoints.get(visit.checkpoint, ""),
            f"{to_at(at_ms).astimezone(self._zone):%m-%d %H:%M}",
        )
        yield Due(kind, device, point, walk, stop, " · ".join(filter(None, parts)))

"""The figures of the compliance page, each with its limit, what was measured, of how much, and whether that passes (B10).

Limits: GB 50396-2007 (出入口控制系统工程设计规范). A figure of durations is the 99th percentile by nearest rank, in the steps of
``protocol.figures``, so it is never too low and at most one step (9.6 %) too high. Everything runs inside ``db.read``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Final

from peewee import fn

from central.access.command_rules import ANSWER_WITHIN, CommandKind, CommandState
from central.access.model import AccessEvent, Door, DoorCommand
from central.compliance.model import FigureDay
from central.nodes.model import Device
from central.sites.model import Site
from central.sites.scope import Scope
from central.sync.model import DeviceStatus, Enrolment, StoredFact
from central.web import formats
from central.web.days import day_start
from central.web.i18n import LazyText, _, lazy
from protocol.facts import FactKind
from protocol.figures import BEYOND, BOUNDS_MS, UNCONNECTED, Figure, bound_ms, quantile, step_of

ENOUGH_COUNT: Final = 100
"""Of fewer durations the 99th percentile is only the longest of them."""
RECORD_BYTES: Final = 4_700
"""The most that one record takes on a device's medium (performance.md)."""
DEVICES_PER_QUERY_MAX: Final = 500


class Kind(Enum):
    """The lines of the page, in order."""

    SWIPE = "swipe"
    ALARM = "alarm"
    REMOTE = "remote"
    EVENT = "event"
    CLOCK = "clock"
    RECORDS = "records"
    DAYS = "days"


class Verdict(Enum):
    """Names of the vocabulary's group "compliance"."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


KIND_TEXT: Final[dict[str, LazyText]] = {
    "swipe": lazy("Card shown until the lock is driven"),
    "alarm": lazy("Alarm until it is here"),
    "remote": lazy("Remote opening until the door has answered"),
    "event": lazy("Event until it is here"),
    "clock": lazy("Error of the clock"),
    "records": lazy("Records per door that fit into the device"),
    "days": lazy("Days that events are kept"),
}
LIMITS: Final = {
    Kind.SWIPE: 2_000,
    Kind.ALARM: 2_000,
    Kind.REMOTE: 2_000,
    Kind.EVENT: 5_000,
    Kind.CLOCK: 5_000,
    Kind.RECORDS: 1_000,
    Kind.DAYS: 180,
}
"""Milliseconds at most; records and days at least."""
OF_NODE: Final = {
    Figure.SWIPE: Kind.SWIPE,
    Figure.ALARM: Kind.ALARM,
    Figure.EVENT: Kind.EVENT,
    Figure.CLOCK: Kind.CLOCK,
}
Counts = Mapping[int, int]


@dataclass(frozen=True)
class Period:
    """Local days, both included."""

    first_on: date
    last_on: date

    def words(self) -> str:
        """For people."""
        return f"{self.first_on} – {self.last_on}"


@dataclass(frozen=True)
class Line:
    """One figure of a device, or (``device`` empty) of the whole estate. ``measured`` in ms, records or days."""

    site: str
    device_id: int | None
    device: str
    kind: Kind
    measured: int | None
    count: int
    uncounted: int
    days: Period | None
    """None: as it is now."""
    verdict: Verdict
    beyond: bool = False
    """Longer than the longest step."""

    @property
    def figure(self) -> str:
        """The name of the line's kind."""
        return self.kind.value

    @property
    def place(self) -> str:
        """For people."""
        return self.device or _("All devices")

    @property
    def period(self) -> str:
        """For people."""
        return _("now") if self.days is None else self.days.words()

    @property
    def limit(self) -> str:
        """For people."""
        value = LIMITS[self.kind]
        match self.kind:
            case Kind.RECORDS:
                return _("at least %(n)s", n=formats.number(value))
            case Kind.DAYS:
                return _("at least %(n)s days", n=value)
            case Kind.CLOCK:
                return _("under %(n)s s a day", n=value // 1_000)
            case _:
                return _("at most %(n)s s", n=value // 1_000)

    @property
    def shown(self) -> str:
        """What was measured, for people."""
        if self.beyond:
            return _("more than %(n)s s", n=BOUNDS_MS[-1] // 1_000)
        if self.measured is None:
            return ""
        match self.kind:
            case Kind.RECORDS:
                return formats.number(self.measured)
            case Kind.DAYS:
                return _("%(n)s days", n=self.measured)
            case _:
                return _("%(n)s s", n=f"{self.measured / 1_000:.3f}")

    @property
    def state(self) -> str:
        """The name of the verdict."""
        return self.verdict.value


@dataclass
class _Found:
    """What was found of one device."""

    device: Any
    counts: dict[Kind, dict[int, int]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(int)))
    doors_count: int = 0
    records: int | None = None


def lines_of(scope: Scope, site: Site, period: Period, now: datetime) -> list[Line]:
    """The estate's own lines first, then those of each device, by number."""
    devices = list(
        scope.filter(Device.select().where((Device.site == site.id) & Device.enabled)).order_by(Device.number)
    )
    found = {device.id: _Found(device) for device in devices}
    ids = list(found)
    for at in range(0, len(ids), DEVICES_PER_QUERY_MAX):
        some = ids[at : at + DEVICES_PER_QUERY_MAX]
        _add_measured(found, some, period)
        _add_remote(found, some, period, now)
        _add_records(found, some)
    whole: dict[Kind, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for one in found.values():
        for kind, counts in one.counts.items():
            for step, count in counts.items():
                whole[kind][step] += count
    about = (site.name, None, "")
    lines = [_of_counts(about, kind, whole[kind], period) for kind in (*OF_NODE.values(), Kind.REMOTE)]
    lines += [_of_records(about, list(found.values())), _of_days(about, ids, now)]
    for one in found.values():
        about = (site.name, one.device.id, one.device.label)
        if one.doors_count:
            kinds = (*OF_NODE.values(), Kind.REMOTE)
            lines += [_of_counts(about, kind, one.counts[kind], period) for kind in kinds]
            lines.append(_of_records(about, [one]))
    order = list(Kind)
    return sorted(
        lines, key=lambda line: (line.device_id is not None, _number(found, line), order.index(line.kind))
    )


def _number(found: Mapping[int, _Found], line: Line) -> int:
    return 0 if line.device_id is None else int(found[line.device_id].device.number)


# -- what was measured ----------------------------------------------------------------------------------------------


def _add_measured(found: Mapping[int, _Found], ids: Sequence[int], period: Period) -> None:
    rows = (
        FigureDay.select(FigureDay.device, FigureDay.figure, FigureDay.step, fn.SUM(FigureDay.count))
        .where(FigureDay.device.in_(ids) & FigureDay.day_on.between(period.first_on, period.last_on))
        .group_by(FigureDay.device, FigureDay.figure, FigureDay.step)
    )
    known = {figure.value: kind for figure, kind in OF_NODE.items()}
    for device_id, figure, step, count in rows.tuples():
        if figure in known:  # a newer program may measure more
            found[device_id].counts[known[figure]][step] += int(count)


def _add_remote(found: Mapping[int, _Found], ids: Sequence[int], period: Period, now: datetime) -> None:
    """From the operator's order to the device's word that the lock was driven, on the centre's own clock."""
    rows = DoorCommand.select(
        DoorCommand.device, DoorCommand.state, DoorCommand.created_at, DoorCommand.heard_at
    ).where(
        DoorCommand.device.in_(ids)
        & (DoorCommand.kind == CommandKind.OPEN.value)
        & (DoorCommand.created_at >= day_start(period.first_on))
        & (DoorCommand.created_at < day_start(period.last_on + timedelta(days=1)))
    )
    for device_id, state, created_at, heard_at in rows.tuples():
        if state == CommandState.CONFIRMED.value and heard_at is not None:
            step = step_of((heard_at - created_at) // timedelta(milliseconds=1))
        elif state in (CommandState.CONFIRMED.value, CommandState.FAILED.value):
            step = UNCONNECTED
        elif now - created_at < ANSWER_WITHIN:
            continue
        else:
            step = BEYOND
        found[device_id].counts[Kind.REMOTE][step] += 1


def _add_records(found: Mapping[int, _Found], ids: Sequence[int]) -> None:
    doors = (
        Door.select(Door.device, fn.COUNT(Door.id))
        .where(Door.device.in_(ids) & Door.enabled)
        .group_by(Door.device)
    )
    for device_id, count in doors.tuples():
        found[device_id].doors_count = int(count)
    statuses = DeviceStatus.select(DeviceStatus.device, DeviceStatus.last_seq, DeviceStatus.health).where(
        DeviceStatus.device.in_(ids)
    )
    for device_id, last_seq, health in statuses.tuples():
        one = found[device_id]
        if one.doors_count and health.get("first_seq"):
            held = last_seq - health["first_seq"] + 1
            room = health["storage_free_mib"] * 1024 * 1024 // RECORD_BYTES
            one.records = (held + room) // one.doors_count


# -- lines ----------------------------------------------------------------------------------------------------------


def _of_counts(about: tuple[str, int | None, str], kind: Kind, counts: Counts, period: Period) -> Line:
    count = sum(number for step, number in counts.items() if step != UNCONNECTED)
    is_clock = kind is Kind.CLOCK
    step = quantile(counts, 100 if is_clock else 99)
    measured = None if step is None else bound_ms(step)
    limit = step_of(LIMITS[kind]) - is_clock  # "under": the step that ends with the limit is out
    if count < (1 if is_clock else ENOUGH_COUNT) or step is None:
        verdict = Verdict.UNKNOWN
    else:
        verdict = Verdict.PASSED if step <= limit else Verdict.FAILED
    return Line(*about, kind, measured, count, counts.get(UNCONNECTED, 0), period, verdict, step == BEYOND)


def _of_records(about: tuple[str, int | None, str], found: Sequence[_Found]) -> Line:
    """The device with the least room decides for the estate."""
    told = [one.records for one in found if one.records is not None]
    silent = sum(1 for one in found if one.doors_count and one.records is None)
    verdict = Verdict.UNKNOWN
    if told and min(told) < LIMITS[Kind.RECORDS]:
        verdict = Verdict.FAILED
    elif told and not silent:
        verdict = Verdict.PASSED
    doors = sum(one.doors_count for one in found)
    return Line(*about, Kind.RECORDS, min(told, default=None), doors, silent, None, verdict)


def _of_days(about: tuple[str, int | None, str], ids: Sequence[int], now: datetime) -> Line:
    """How far back events go; a device whose oldest ones were removed counts from what is left."""
    oldest: datetime | None = None
    kept_at: datetime | None = None
    count = 0
    for device_id in ids:
        first = (
            AccessEvent.select(AccessEvent.node_epoch, AccessEvent.seq, AccessEvent.at)
            .where(AccessEvent.device == device_id)
            .order_by(AccessEvent.node_epoch, AccessEvent.seq)
            .first()
        )
        recorded = _first_recorded(device_id)
        if first is None and recorded is None:
            continue
        count += 1
        at = now if first is None else first.at
        oldest = at if oldest is None else min(oldest, at)
        if recorded is not None and (first is None or recorded < (first.node_epoch, first.seq)):
            kept_at = at if kept_at is None else max(kept_at, at)
    since = kept_at or oldest
    if since is None:
        return Line(*about, Kind.DAYS, None, 0, 0, None, Verdict.UNKNOWN)
    days = (now - since).days
    if days >= LIMITS[Kind.DAYS]:
        verdict = Verdict.PASSED
    else:
        verdict = Verdict.FAILED if kept_at is not None else Verdict.UNKNOWN
    return Line(*about, Kind.DAYS, days, count, 0, None, verdict)


def _first_recorded(device_id: int) -> tuple[int, int] | None:
    """Number of the first fact that only a door makes; its event must be there unless somebody removed it."""
    for enrolment in Enrolment.select().where(Enrolment.device == device_id).order_by(Enrolment.node_epoch):
        fact = (
            StoredFact.select(StoredFact.seq)
            .where(
                (StoredFact.enrolment == enrolment.id)
                & StoredFact.kind.in_([FactKind.OUTCOME.value, FactKind.EXIT.value])
            )
            .order_by(StoredFact.seq)
            .first()
        )
        if fact is not None:
            return enrolment.node_epoch, fact.seq
    return None

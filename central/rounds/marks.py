"""How far the records of each unit are complete at the centre, and which of them are lost. Runs inside ``db``.

A unit that is away is complete up to its last upload and no further: until then everything is pending (B9). What was
recorded between the last upload of a unit that was replaced or revoked and its successor is lost (B12), and so is what was
purged; before a unit was first enrolled nothing could be recorded: there is no evidence of such times, and none is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import peewee

from central.access.model import AccessPoint
from central.patrol.model import CarriedUnit, Checkpoint
from central.rounds.model import BY_FILE, ForcedMark, PatrolScan, PurgedSpan
from central.rounds.uncertain import uncertain_spans
from central.sync.model import Enrolment, EvidenceGap
from protocol.rules.patrol.judge import Coverage

UNDER_WAY_MS: Final = 10_000
"""A scan may be on its way while a device says that it has handed over everything: so much of its word is not taken yet."""
FOR_EVER_MS: Final = 1 << 60
CARRIED_FROM: Final = 1 << 40
"""Numbers of carried units lie above every number of a device."""
further_marks: Final[list[Callable[[Collection[int]], Mapping[int, int]]]] = []
"""Each says of devices how far their records are complete by another way (a file that was brought), in ms since 1970."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class UnitMark(msgspec.Struct):
    """A device: what it recorded from ``enrolled_ms`` up to ``through_ms`` is here, but for what is in ``lost``.

    ``forced_ms``: so far an operator closed its time. ``uncertain``: spans in which scans lie whose time is only estimated.
    """

    enrolled_ms: int = 0
    through_ms: int = -1
    forced_ms: int = -1
    lost: tuple[tuple[int, int], ...] = ()
    uncertain: tuple[tuple[int, int], ...] = ()


class Carried(msgspec.Struct, frozen=True):
    """A carried unit: its device, and from when to when it was to be asked for scans of location cards."""

    device: int
    from_ms: int
    until_ms: int


class Units(msgspec.Struct, frozen=True):
    """Who may hold scans of an estate. A unit is a device, or a carried unit by its id above ``CARRIED_FROM``."""

    of_checkpoint: Mapping[int, tuple[int, ...]]
    carried: Mapping[int, Carried]

    @property
    def devices(self) -> set[int]:
        """Every device among them, of the past too."""
        fixed = {unit for units in self.of_checkpoint.values() for unit in units if unit not in self.carried}
        return fixed | {unit.device for unit in self.carried.values()}

    def serving(self, checkpoint: int) -> set[int]:
        """The devices that may bring a scan of a checkpoint that is made now."""
        found = set()
        for unit in self.of_checkpoint.get(checkpoint, ()):
            carried = self.carried.get(unit)
            if carried is None or carried.until_ms == FOR_EVER_MS:
                found.add(unit if carried is None else carried.device)
        return found


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // _MS


def in_ms(value: Any) -> int:
    """Milliseconds since 1970 of what a query gives for an instant: peewee does not convert every expression."""
    return value if isinstance(value, int) else to_ms(value)


def to_at(at_ms: int) -> datetime:
    """The instant of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def units_of_site(site_id: int) -> Units:
    """The device of each reader that is a checkpoint; of each location card, every carried unit there ever was."""
    carried = _carried_in(site_id)
    query = Checkpoint.select(Checkpoint.id, Checkpoint.place_uid, AccessPoint.device)
    query = query.join(AccessPoint, peewee.JOIN.LEFT_OUTER).where(Checkpoint.site == site_id)
    found: dict[int, tuple[int, ...]] = {}
    for checkpoint, place_uid, device in query.order_by(Checkpoint.id).tuples():
        fixed = () if device is None else (device,)
        found[checkpoint] = fixed if place_uid is None else (*fixed, *carried)
    return Units(found, carried)


def _carried_in(site_id: int) -> dict[int, Carried]:
    """By number of the unit. One that is enrolled later than it was entered holds nothing older; one that only brings files
    may hold what is older than its entry."""
    query = CarriedUnit.select(
        CarriedUnit.id, AccessPoint.device, CarriedUnit.from_at, CarriedUnit.taken_at
    ).join(AccessPoint)
    rows = list(query.where(CarriedUnit.site == site_id).order_by(CarriedUnit.id).tuples())
    devices = {device for _id, device, _from_at, _taken_at in rows}
    enrolled = _earliest(Enrolment, Enrolment.enrolled_at, Enrolment.device.in_(devices))
    by_file = (PatrolScan.node_epoch == BY_FILE) & PatrolScan.device.in_(devices)
    brought = _earliest(PatrolScan, PatrolScan.at, by_file)
    found = {}
    for number, device, from_at, taken_at in rows:
        from_ms = to_ms(from_at)
        if device in enrolled:
            from_ms = max(from_ms, enrolled[device])
        elif device in brought:
            from_ms = min(from_ms, brought[device])
        until_ms = FOR_EVER_MS if taken_at is None else to_ms(taken_at)
        found[CARRIED_FROM + number] = Carried(device, from_ms, until_ms)
    return found


def _earliest(model: Any, at: Any, which: Any) -> dict[int, int]:
    """By device: the earliest of an instant, in ms since 1970."""
    query = model.select(model.device, peewee.fn.MIN(at)).where(which).group_by(model.device)
    return {device: in_ms(first) for device, first in query.tuples()}


def unit_marks(devices: Collection[int]) -> dict[int, UnitMark]:
    """How far the records of these devices are here."""
    found = {device: UnitMark() for device in sorted(devices)}
    enrolments: dict[int, list[Enrolment]] = defaultdict(list)
    query = Enrolment.select().where(Enrolment.device.in_(list(found)))
    for enrolment in query.order_by(Enrolment.device, Enrolment.node_epoch):
        enrolments[enrolment.device_id].append(enrolment)
    gaps: dict[int, list[EvidenceGap]] = defaultdict(list)
    for gap in EvidenceGap.select().where(EvidenceGap.device.in_(list(found))).order_by(EvidenceGap.id):
        gaps[gap.device_id].append(gap)
    uncertain = uncertain_spans([one for of_device in enrolments.values() for one in of_device])
    for device, of_device in enrolments.items():
        mark, newest = found[device], of_device[-1]
        mark.enrolled_ms = to_ms(of_device[0].enrolled_at)
        mark.lost = tuple(
            (to_ms(gap.begins_at), FOR_EVER_MS if gap.ends_at is None else to_ms(gap.ends_at))
            for gap in gaps[device]
        )
        mark.uncertain = tuple(uncertain.get(device, ()))
        if newest.closed_at is not None:
            mark.through_ms = FOR_EVER_MS  # nothing that is not here can come any more
        else:
            mark.through_ms = max(to_ms(newest.enrolled_at), newest.uploaded_through_ms - UNDER_WAY_MS)
    for further in further_marks:
        for device, through_ms in further(sorted(found.keys() - enrolments.keys())).items():
            found[device].through_ms = max(found[device].through_ms, through_ms)
    forced = ForcedMark.select(ForcedMark.device, ForcedMark.through_at)
    for device, through_at in forced.where(ForcedMark.device.in_(list(found))).tuples():
        found[device].forced_ms = max(found[device].forced_ms, to_ms(through_at))
    return found


def coverage_of(site_id: int, marks: Mapping[int, UnitMark], units: Units) -> Coverage:
    """What the rule asks: the units of each checkpoint, their watermarks, and what is lost, purged or of no certain time."""
    purged = tuple(
        (to_ms(from_at), to_ms(until_at) - 1)
        for from_at, until_at in PurgedSpan.select(PurgedSpan.from_at, PurgedSpan.until_at)
        .where(PurgedSpan.site == site_id)
        .tuples()
    )
    through, lost = {}, {}
    fixed = {unit: unit for known in units.of_checkpoint.values() for unit in known}
    for unit, device in (fixed | {number: one.device for number, one in units.carried.items()}).items():
        mark = marks[device]
        through[unit] = max(mark.through_ms, mark.forced_ms)
        lost[unit] = (*mark.lost, *mark.uncertain, *purged)
        if unit not in units.carried and mark.enrolled_ms:
            lost[unit] = ((0, mark.enrolled_ms), *lost[unit])
    serves = {number: (one.from_ms, one.until_ms) for number, one in units.carried.items()}
    return Coverage(units.of_checkpoint, through, lost, serves)

"""How far the records of each unit are complete at the centre, and which of them are lost. Runs inside ``db``.

A unit that is away is complete up to its last upload and no further: until then everything is pending (B9). What was
recorded between the last upload of a unit that was replaced or revoked and its successor is lost (B12), and so is what was
purged; before a unit was first enrolled nothing could be recorded: there is no evidence of such times, and none is missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from central.access.model import AccessPoint
from central.patrol.model import CarriedUnit, Checkpoint
from central.rounds.model import ForcedMark, PurgedSpan
from central.sync.model import Enrolment, EvidenceGap
from protocol.rules.patrol.judge import Coverage

UNDER_WAY_MS: Final = 10_000
"""A scan may be on its way while a device says that it has handed over everything: so much of its word is not taken yet."""
FOR_EVER_MS: Final = 1 << 60
further_marks: Final[list[Callable[[Collection[int]], Mapping[int, int]]]] = []
"""Each says of devices how far their records are complete by another way (a file that was brought), in ms since 1970."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class UnitMark(msgspec.Struct):
    """One unit: its records up to ``through_ms`` are here, but for those in ``lost``. ``forced_ms``: what an operator said."""

    through_ms: int = -1
    forced_ms: int = -1
    lost: tuple[tuple[int, int], ...] = ()


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return (at - _EPOCH) // _MS


def to_at(at_ms: int) -> datetime:
    """The instant of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def units_of_checkpoints(site_id: int) -> dict[int, tuple[int, ...]]:
    """By checkpoint of an estate: the devices that may hold a scan of it; of a location card, every carried unit."""
    query = Checkpoint.select(Checkpoint.id, AccessPoint.device).join(AccessPoint)
    found: dict[int, set[int]] = defaultdict(set)
    for checkpoint, device in query.where(Checkpoint.site == site_id).tuples():
        found[checkpoint].add(device)
    carried = CarriedUnit.select(AccessPoint.device).join(AccessPoint).where(CarriedUnit.site == site_id)
    units = {device for (device,) in carried.tuples()}
    places = Checkpoint.select(Checkpoint.id).where(Checkpoint.place_uid.is_null(False))
    for (checkpoint,) in places.where(Checkpoint.site == site_id).tuples():
        found[checkpoint] |= units
    return {checkpoint: tuple(sorted(devices)) for checkpoint, devices in found.items()}


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
    for device, of_device in enrolments.items():
        mark, newest = found[device], of_device[-1]
        lost = [(0, to_ms(of_device[0].enrolled_at))]
        for gap in gaps[device]:
            ends_ms = FOR_EVER_MS if gap.ends_at is None else to_ms(gap.ends_at)
            lost.append((to_ms(gap.begins_at), ends_ms))
        mark.lost = tuple(lost)
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


def coverage_of(
    site_id: int, marks: Mapping[int, UnitMark], units_of: Mapping[int, tuple[int, ...]]
) -> Coverage:
    """What the rule asks: the units of each checkpoint, their watermarks, and what is lost or purged."""
    purged = tuple(
        (to_ms(from_at), to_ms(until_at) - 1)
        for from_at, until_at in PurgedSpan.select(PurgedSpan.from_at, PurgedSpan.until_at)
        .where(PurgedSpan.site == site_id)
        .tuples()
    )
    return Coverage(
        units_of,
        {device: max(mark.through_ms, mark.forced_ms) for device, mark in marks.items()},
        {device: (*mark.lost, *purged) for device, mark in marks.items() if mark.lost or purged},
    )


def devices_in(units_of: Mapping[int, Iterable[int]]) -> set[int]:
    """Every device that serves a checkpoint."""
    return {device for devices in units_of.values() for device in devices}

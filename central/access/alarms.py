"""Alarms as pages show them; acknowledging; and the alarms that the centre raises itself. Runs inside ``db``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import peewee

from central.access import alarm_events
from central.access.alarm_kinds import KINDS, Severity
from central.access.model import AccessEvent, AccessPoint, AlarmAcknowledgement, AlarmState, Door
from central.access.projection.batch import ALARMS
from central.cards.model import Card
from central.db import announce
from central.errors import ConflictError
from central.nodes import without_network
from central.nodes.model import Device
from central.people.model import Person
from central.sites.scope import Scope
from central.sync.model import DeviceStatus, Enrolment

NOTES: Final = [name for name, kind in KINDS.items() if kind.severity is Severity.NOTE]
"""Kinds that nobody must acknowledge: they close when they are over."""
_ACK: Final = AlarmAcknowledgement
CENTRE_EPOCH: Final = 0
"""``node_epoch`` of alarms that the centre raised itself; their seq is negative."""


@dataclass(frozen=True)
class AlarmLine:
    """One alarm as it is shown."""

    id: int
    kind: str
    text: Any
    severity: Severity
    state: str
    """Name in the vocabulary's group "alarm": open, acknowledged or closed."""
    device_id: int
    device_label: str
    door_id: int | None
    event_id: int | None
    """The showing of a card that raised it, which says why."""
    place: str
    """Door or reader, empty for the whole device; behind it what the kind has more to say."""
    person_name: str
    card_id: int | None
    card_no: str
    raised_at: datetime
    cleared_at: datetime | None
    acknowledged_by: str
    acknowledged_at: datetime | None
    note: str
    told_count: int = 0
    told_at: datetime | None = None
    """How often somebody was sent a message about it, and when last."""


Key = tuple[int, int, int]
"""Device, node_epoch, seq: the fact that raised it."""
told_sources: Final[list[Callable[[Collection[Key]], dict[Key, tuple[int, datetime]]]]] = []
"""Who knows which of these alarms somebody was told of by a message: how often, and when last."""


def is_open_condition() -> Any:
    """Needs somebody: nobody has acknowledged it, and it is not a mere note that is over."""
    return _ACK.id.is_null() & (AlarmState.cleared_at.is_null() | AlarmState.kind.not_in(NOTES))


def acknowledged_condition() -> Any:
    """Somebody has taken it, and it is not over."""
    moments = [name for name, kind in KINDS.items() if not kind.lasts]
    return _ACK.id.is_null(False) & AlarmState.cleared_at.is_null() & AlarmState.kind.not_in(moments)


def gravest_first() -> tuple[Any, Any]:
    """The order of a list that may be cut off: by severity, the newest of each first."""
    severities = [(name, kind.severity.value) for name, kind in KINDS.items()]
    return peewee.Case(AlarmState.kind, severities, 0).desc(), AlarmState.raised_at.desc()


def query(scope: Scope) -> Any:
    """Alarms in scope with all that a line shows, unordered."""
    select = (
        AlarmState.select(
            AlarmState.id,
            AlarmState.node_epoch.alias("node_epoch"),
            AlarmState.seq.alias("seq"),
            AlarmState.kind,
            AlarmState.where,
            AlarmState.detail,
            AlarmState.device.alias("device_id"),
            AlarmState.door.alias("door_id"),
            AlarmState.card.alias("card_id"),
            AlarmState.raised_at,
            AlarmState.cleared_at,
            Device.label.alias("device_label"),
            Door.label.alias("door_label"),
            AccessPoint.label.alias("point_label"),
            Person.name.alias("person_name"),
            Card.card_no,
            _ACK.id.alias("ack_id"),
            _ACK.operator_name.alias("ack_by"),
            _ACK.at.alias("ack_at"),
            _ACK.note.alias("ack_note"),
            AccessEvent.id.alias("event_id"),
        )
        .join(Device)
        .switch(AlarmState)
        .left_outer_join(Door)
        .join(
            AccessPoint,
            peewee.JOIN.LEFT_OUTER,
            on=((AccessPoint.id == AlarmState.where) & (AccessPoint.device == AlarmState.device)),
        )
        .join(Person, peewee.JOIN.LEFT_OUTER, on=(Person.id == AlarmState.person))
        .join(Card, peewee.JOIN.LEFT_OUTER, on=(Card.id == AlarmState.card))
        .join(
            _ACK,
            peewee.JOIN.LEFT_OUTER,
            on=(
                (_ACK.device == AlarmState.device)
                & (_ACK.node_epoch == AlarmState.node_epoch)
                & (_ACK.seq == AlarmState.seq)
            ),
        )
        .join(  # the showing that raised it, where it was one
            AccessEvent,
            peewee.JOIN.LEFT_OUTER,
            on=(
                (AccessEvent.device == AlarmState.device)
                & (AccessEvent.node_epoch == AlarmState.node_epoch)
                & (AccessEvent.seq == AlarmState.seq)
            ),
        )
    )
    return scope.filter(select, AlarmState)


def state_of(row: Any) -> str:
    """Name of the state in the vocabulary."""
    if row.ack_id is not None:
        lasts = KINDS[row.kind].lasts if row.kind in KINDS else True
        return "acknowledged" if lasts and row.cleared_at is None else "closed"
    return "closed" if row.cleared_at is not None and row.kind in NOTES else "open"


def line_of(row: Any) -> AlarmLine:
    """A row of ``query`` as it is shown."""
    kind = KINDS[row.kind]
    place = (row.point_label if kind.place.name == "POINT" else None) or row.door_label or ""
    return AlarmLine(
        id=row.id,
        kind=row.kind,
        text=kind.text,
        severity=kind.severity,
        state=state_of(row),
        device_id=row.device_id,
        device_label=row.device_label,
        door_id=row.door_id,
        event_id=row.event_id,
        place=" · ".join(filter(None, (place, row.detail if kind.says_more else ""))),
        person_name=row.person_name or "",
        card_id=row.card_id,
        card_no=row.card_no or "",
        raised_at=row.raised_at,
        cleared_at=row.cleared_at,
        acknowledged_by=row.ack_by or "",
        acknowledged_at=row.ack_at,
        note=row.ack_note or "",
    )


def open_alarms(scope: Scope, limit: int = 50) -> list[AlarmLine]:
    """Alarms that need somebody, the gravest and newest first: no crowd of small ones hides a grave one."""
    select = query(scope).where(is_open_condition()).order_by(*gravest_first())
    rows = list(select.limit(limit).namedtuples())
    keys = [(row.device_id, row.node_epoch, row.seq) for row in rows]
    told: dict[Key, tuple[int, datetime]] = {}
    for source in told_sources:
        told |= source(keys)
    lines = []
    for row, key in zip(rows, keys, strict=True):
        count, at = told.get(key, (0, None))
        lines.append(replace(line_of(row), told_count=count, told_at=at))
    return lines


def count_open(scope: Scope) -> int:
    """How many alarms need somebody: for the dashboard and the title of the tab."""
    return int(query(scope).where(is_open_condition()).count())


def acknowledge(
    scope: Scope, alarm_id: int, operator_id: int | None, operator_name: str, note: str, now: datetime
) -> AlarmState:
    """Somebody has seen the alarm.

    :raises NotFoundError: no such alarm in the scope. :raises ConflictError: somebody was faster.
    """
    alarm = scope.get(AlarmState, alarm_id)
    key = {"device": alarm.device_id, "node_epoch": alarm.node_epoch, "seq": alarm.seq}
    if _ACK.get_or_none(**key) is not None:
        raise ConflictError("Somebody else has acknowledged this alarm already.")
    _ACK.create(**key, operator_id=operator_id, operator_name=operator_name, note=note, at=now)
    alarm_events.put(alarm.device_id, (alarm.node_epoch, alarm.seq), now, what="acknowledged")
    announce(ALARMS, {"site": alarm.site_id, "device": alarm.device_id, "outcomes": [alarm.id]})
    return alarm


# -- alarms of the centre itself ------------------------------------------------------------------------------------


def raise_by_centre(
    device_id: int,
    kind: str,
    at: datetime,
    detail: str = "",
    card: Card | None = None,
    where: int = 0,
    now: datetime | None = None,
) -> bool:
    """Raise an alarm of a device that no fact raises; False when one of this kind lasts already.

    :param where: number of the door or reader, as the kind says. :param now: where it is later than ``at``.
    """
    assert kind in KINDS, kind
    same = (
        (AlarmState.device == device_id)
        & (AlarmState.kind == kind)
        & (AlarmState.seq < 0)
        & AlarmState.cleared_at.is_null()
    )
    if KINDS[kind].lasts and AlarmState.select().where(same).exists():
        return False
    device = Device.get_by_id(device_id)
    seq = -int(at.timestamp() * 1_000)
    mine = (AlarmState.device == device_id) & (AlarmState.node_epoch == CENTRE_EPOCH)
    while AlarmState.select().where(mine & (AlarmState.seq == seq)).exists():
        seq -= 1
    AlarmState.insert(
        site=device.site_id,
        organisation=device.organisation_id if card is None else card.organisation_id,
        device=device_id,
        node_epoch=CENTRE_EPOCH,
        seq=seq,
        kind=kind,
        where=where,
        card=card,
        person=None if card is None else card.person_id,
        detail=detail,
        raised_at=at,
    ).execute()
    alarm_events.put(device_id, (CENTRE_EPOCH, seq), at, what="raised", now=now)
    announce(ALARMS, {"site": device.site_id, "device": device_id})
    return True


def clear_by_centre(device_id: int, kind: str, at: datetime) -> bool:
    """The cause is over; False when no such alarm was open."""
    mine = (
        (AlarmState.device == device_id)
        & (AlarmState.kind == kind)
        & (AlarmState.seq < 0)
        & AlarmState.cleared_at.is_null()
    )
    standing = list(AlarmState.select().where(mine).order_by(AlarmState.id))
    AlarmState.update(cleared_at=at).where(mine).execute()
    for alarm in standing:
        alarm_events.put(device_id, (alarm.node_epoch, alarm.seq), at, what="cleared")
    if standing:
        changed = [alarm.id for alarm in standing]
        announce(
            ALARMS, {"site": Device.get_by_id(device_id).site_id, "device": device_id, "outcomes": changed}
        )
    return bool(standing)


def unsettled(device_ids: list[int]) -> list[int]:
    """Those of the devices whose "device offline" alarm does not fit what they are now."""
    alarmed = {
        number
        for (number,) in AlarmState.select(AlarmState.device)
        .where(
            AlarmState.device.in_(device_ids)
            & (AlarmState.kind == "device_offline")
            & (AlarmState.seq < 0)
            & AlarmState.cleared_at.is_null()
        )
        .tuples()
    }
    return sorted(set(_offline(device_ids)) ^ alarmed)


def settle_offline(device_ids: list[int], now: datetime) -> None:
    """Raise or clear "device offline" (24) as the devices are now."""
    offline = _offline(device_ids)
    for device_id in device_ids:
        if device_id in offline:
            raise_by_centre(device_id, "device_offline", offline[device_id] or now, now=now)
        else:
            clear_by_centre(device_id, "device_offline", now)


def _offline(device_ids: list[int]) -> dict[int, datetime | None]:
    """Devices in use that have joined, should be connected and are not heard, with the time since when."""
    exempt = without_network.devices()
    rows = (
        Device.select(Device.id, DeviceStatus.changed_at)
        .join(DeviceStatus)
        .switch(Device)
        .join(Enrolment, on=((Enrolment.device == Device.id) & Enrolment.closed_at.is_null()))
        .where(
            Device.id.in_([number for number in device_ids if number not in exempt])
            & Device.enabled
            & ~DeviceStatus.online
        )
        .tuples()
    )
    return dict(rows)

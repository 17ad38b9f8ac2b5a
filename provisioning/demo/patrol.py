"""The patrol of the demo: a device with two checkpoints, two doors that are checkpoints too, two guards, and their walking.

A round begins every five minutes of the day, so that something happens while somebody looks. The guards take turns; in every
third round one of them passes a checkpoint by, and it turns into a missed one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec

from central.access.model import AccessPoint, Door
from central.clock import SystemClock
from central.nodes import service as devices
from central.nodes.model import Device
from central.nodes.service import DeviceInput
from central.patrol.model import Checkpoint, Guard, Route
from central.patrol.publishing import patrol_changed
from central.patrol.route_service import replan
from central.patrol_map.model import DoorPlace, MapPicture, MapPlace, PatrolMap
from central.patrol_map.sample_picture import estate_plan
from central.people.model import Person
from protocol.records import SPECIAL_GROUPS
from protocol.rules.patrol.plan import OnDays, Order, Rounds, RouteVersion, Stop, Tolerance
from provisioning.errors import DemoError
from provisioning.texts import N_

if TYPE_CHECKING:
    from provisioning.demo.taps import DemoNode

DEVICE: Final = ("patrol", 4, "巡更点", "地下车库", ("地库东", "地库西"))
"""Name, number, label, location and readers of the device without a door."""
GUARDS: Final = (
    ("0401", "秦守夜", "staff", "保安部", "", "", "classic1k", "04D1B2C3D4E501", N_("A guard's card")),
    ("0402", "程巡安", "staff", "保安部", "", "", "classic1k", "04D1B2C3D4E502", N_("Another guard's card")),
)
EVERY_MIN: Final = 5
_STOP_MIN: Final = 1
"""From one checkpoint to the next."""
_MISSED_STOP: Final = 2
_TOLERANCE: Final = Tolerance(60, 60, 60, 90)
_EVERY_DAY: Final = (1 << (7 + SPECIAL_GROUPS)) - 1
_LAY: Final = ((180, 700), (520, 760), (560, 330), (840, 200))
"""Where the checkpoints lie on the map, in thousandths."""
_DOORS_LIE: Final = {"east-gate": (950, 200), "hall": (563, 375)}
"""Where the doors of these devices lie on it: at the gate, and at the house with the desk."""


class Way(msgspec.Struct, frozen=True):
    """A checkpoint of the route: the device and the reader at which a guard's card is shown."""

    node: str
    reader: int


STOPS: Final = (Way("patrol", 1), Way("patrol", 2), Way("hall", 1), Way("east-gate", 1))


def make_device(site_id: int, organisation_id: int, now: datetime) -> str:
    """Enter the device with its two readers; the ticket by which it joins. Inside ``db.write``, as all here."""
    name, number, label, location, readers = DEVICE
    device = devices.create(
        DeviceInput(
            site=site_id,
            organisation=organisation_id,
            name=name,
            number=number,
            label=label,
            location=location,
            purpose="patrol",
        ),
        now,
    )
    AccessPoint.update(label=readers[0]).where(AccessPoint.device == device.id).execute()
    AccessPoint.create(device=device.id, door=None, reader=2, label=readers[1])
    return devices.new_ticket(device.id, now)


def make_patrol(site_id: int, organisation_id: int, now: datetime, zone: str) -> None:
    """Checkpoints, guards, the route, and the map."""
    place = {"site": site_id, "organisation": organisation_id}
    checkpoints = [
        Checkpoint.create(number=number, name=point.label, point=point.id, **place)
        for number, point in enumerate((_point(way) for way in STOPS), 1)
    ]
    people = Person.select().where(Person.number.in_([row[0] for row in GUARDS])).order_by(Person.number)
    guards = [Guard.create(person=person.id, **place) for person in people]
    route = Route.create(number=1, name="地库和大门", **place)
    today = now.astimezone(ZoneInfo(zone)).date()
    starts = tuple(range(0, 24 * 60, EVERY_MIN))
    plan = RouteVersion(
        route.id,
        1,
        today.toordinal(),
        tuple(Stop(row.id, offset_s=at * _STOP_MIN * 60) for at, row in enumerate(checkpoints)),
        (Rounds(OnDays(_EVERY_DAY, starts), tuple(guard.id for guard in guards)),),
        _TOLERANCE,
        Order.FLAG,
        is_group=True,
    )
    replan(route, plan, today, now, "示例")
    plan_of_estate = estate_plan()
    area = PatrolMap.create(
        name="园区",
        digest=plan_of_estate.digest,
        width_px=plan_of_estate.width_px,
        height_px=plan_of_estate.height_px,
        changed_at=now,
        **place,
    )
    MapPicture.create(map=area.id, image=plan_of_estate.image)
    for row, (x, y) in zip(checkpoints, _LAY, strict=True):
        MapPlace.create(map=area.id, checkpoint=row.id, x_permille=x, y_permille=y)
    for door in Door.select(Door, Device).join(Device).where(Device.name.in_(list(_DOORS_LIE))):
        x, y = _DOORS_LIE[door.device.name]
        DoorPlace.create(map=area.id, door=door.id, x_permille=x, y_permille=y)
    patrol_changed(site_id, now)


def _point(way: Way) -> AccessPoint:
    query = AccessPoint.select().join(Device).where(Device.name == way.node)
    found: AccessPoint = query.where(AccessPoint.reader == way.reader).get()
    return found


class Tap(msgspec.Struct, frozen=True):
    """A guard's card to be shown at a checkpoint."""

    at: datetime
    way: Way
    uid: str


def taps_of(start: datetime) -> Iterator[Tap]:
    """The showings of the round that begins at a multiple of ``EVERY_MIN`` of the clock."""
    number = (start.hour * 60 + start.minute) // EVERY_MIN
    uid = GUARDS[number % len(GUARDS)][7]
    for at, way in enumerate(STOPS):
        if number % 3 == 2 and at == _MISSED_STOP:
            continue
        yield Tap(start + timedelta(minutes=at * _STOP_MIN, seconds=5 + 7 * at), way, uid)


async def walk(nodes: Mapping[str, DemoNode], zone: str) -> None:
    """Walk the rounds until cancelled, beginning within the one that runs."""
    clock, local = SystemClock(), ZoneInfo(zone)
    now = clock.now().astimezone(local)
    start = now.replace(minute=now.minute // EVERY_MIN * EVERY_MIN, second=0, microsecond=0)
    while True:
        for tap in taps_of(start):
            wait_s = (tap.at - clock.now()).total_seconds()
            if wait_s < 0:
                continue
            await asyncio.sleep(wait_s)
            card = {"kind": "classic1k", "uid": tap.uid}
            with suppress(DemoError):  # it is switched off: the guard finds no reader that answers
                await nodes[tap.way.node].line.do({"do": "tap", "reader": tap.way.reader, "card": card})
        start = start + timedelta(minutes=EVERY_MIN)

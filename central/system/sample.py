"""The sample estate that a first set-up may load: devices, permission groups and people to try things with.

Cards are not in it: the first card is issued by showing it to a reader. Runs in the set-up's own transaction.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from central.access.model import AccessLevel, AccessPoint, LevelEntry, Schedule
from central.centre import Centre
from central.nodes import service as devices
from central.nodes.service import DeviceInput
from central.people import service as people
from central.people.service import KindName, PersonInput
from central.sites.model import Organisation, Site
from central.sync import publish
from central.web.i18n import LazyText, lazy
from protocol.schedule import ALWAYS

_DEVICES: Final = (
    ("east-gate", 1, lazy("East gate"), "door_both"),
    ("hall", 2, lazy("Entrance hall"), "door"),
    ("card-desk", 3, lazy("Card desk"), "issuer"),
)
_PEOPLE: Final[tuple[tuple[str, LazyText, KindName, str, str], ...]] = (
    ("0101", lazy("Lin Xiaomei (sample)"), "owner", "1", "101"),
    ("0102", lazy("Zhou Dayong (sample)"), "tenant", "1", "102"),
    ("0201", lazy("He Jing (sample)"), "staff", "", ""),
    ("0301", lazy("Master Ma (sample)"), "contractor", "", ""),
)
_OFFICE_PERIODS: Final = [[0b0011111, 8 * 60, 18 * 60]]
"""Monday to Friday, 8:00 to 18:00."""


def load(centre: Centre, now: datetime) -> None:
    """Fill the first estate."""
    site, organisation = (
        Site.select().order_by(Site.id).get(),
        Organisation.select().order_by(Organisation.id).get(),
    )
    for name, number, label, purpose in _DEVICES:
        devices.create(
            DeviceInput(
                site=site.id,
                organisation=organisation.id,
                name=name,
                number=number,
                label=str(label),
                location="",
                purpose=purpose,
            ),
            now,
        )
    office = Schedule.create(site=site.id, name=str(lazy("Office hours")), periods=_OFFICE_PERIODS)
    _level(site.id, str(lazy("Residents")), ALWAYS)
    _level(site.id, str(lazy("Staff")), office.id)
    for number_text, person_name, kind, building, unit in _PEOPLE:
        people.create(
            PersonInput(
                site=site.id,
                organisation=organisation.id,
                kind=kind,
                number=number_text,
                name=str(person_name),
                building=building,
                unit=unit,
            ),
            now,
        )
    publish.everything_changed(site.id)


def _level(site_id: int, name: str, schedule_id: int) -> None:
    level = AccessLevel.create(site=site_id, name=name)
    for point in AccessPoint.select().where(AccessPoint.door.is_null(False)):
        LevelEntry.create(level=level.id, point=point.id, schedule=schedule_id)

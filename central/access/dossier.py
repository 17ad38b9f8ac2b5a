"""What the doors hold of one person, for the workbook that is handed to him."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from central.access.alarm_kinds import KINDS
from central.access.model import AccessEvent, AccessPoint, AlarmState, Area, Door, HolderPlace
from central.people.dossier import Section
from central.people.model import Person
from central.web.i18n import lazy
from protocol.reasons import TEXT, Reason
from protocol.rules.places import Passage

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EVENTS_MAX: Final = 100_000
"""The newest; a spreadsheet holds a million rows."""


def doors_of(person: Person) -> Section:
    """Every event that names the person; inside ``db.read``."""
    events = (
        AccessEvent.select(AccessEvent.at, Door.label, AccessEvent.reason)
        .left_outer_join(Door)
        .where(AccessEvent.person == person.id)
        .order_by(AccessEvent.at.desc())
        .limit(EVENTS_MAX)
        .tuples()
    )
    rows = [(at, label, lazy(TEXT[Reason(reason)])) for at, label, reason in events]
    return Section(lazy("Door events"), (lazy("Time"), lazy("Door"), lazy("Result")), list(rows))


def places_of(person: Person) -> Section:
    """Where the person went last, as anti-passback keeps it; inside ``db.read``."""
    areas = dict(Area.select(Area.id, Area.name).tuples())
    points = dict(AccessPoint.select(AccessPoint.id, AccessPoint.label).tuples())
    found = HolderPlace.select().where(HolderPlace.person == person.id).order_by(HolderPlace.site)
    passages = [Passage(*numbers) for row in found for numbers in row.last]
    rows = [
        (_EPOCH + timedelta(milliseconds=one.at_ms), areas.get(one.area, ""), points.get(one.point, ""))
        for one in passages
    ]
    headings = (lazy("Time"), lazy("Door area"), lazy("Reader"))
    return Section(lazy("Places for anti-passback"), headings, list(rows))


def alarms_of(person: Person) -> Section:
    """Every alarm that names the person; inside ``db.read``."""
    alarms = (
        AlarmState.select(AlarmState.raised_at, AlarmState.kind, Door.label)
        .left_outer_join(Door)
        .where(AlarmState.person == person.id)
        .order_by(AlarmState.raised_at.desc())
        .limit(EVENTS_MAX)
        .tuples()
    )
    rows = [(at, KINDS[kind].text if kind in KINDS else kind, label) for at, kind, label in alarms]
    return Section(lazy("Alarms"), (lazy("Time"), lazy("Alarm"), lazy("Door")), list(rows))

"""Making and changing access levels: the rules that the page and the API share. Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from central.access.model import AccessLevel, AccessPoint, Door, LevelEntry, Schedule
from central.access.terminals import terminal_of
from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.people.inputs import Name, ReasonLine, RowId
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync import publish
from central.web.i18n import _
from protocol.limits import ENTRIES_PER_LEVEL_MAX


class LevelInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An access level. ``entries``: reader -> schedule."""

    site: RowId
    name: Name
    note: ReasonLine = ""
    organisation: RowId | None = None
    active: bool = True
    entries: dict[int, int] = {}


def put_level(
    centre: Centre, scope: Scope, actor: Actor, level_id: int | None, given: LevelInput, version: int | None
) -> AccessLevel:
    """Make a level (``level_id`` None) or change it, with its audit row. Inside ``db.write``; raises as ``save_level``."""
    found = None if level_id is None else level_in(scope, level_id)
    before = None if found is None else snapshot(found)
    saved = save_level(scope, found, given, version)
    centre.audit.record(
        actor,
        "access.level_create" if found is None else "access.level_change",
        "level",
        saved.id,
        before,
        snapshot(saved),
        site_id=saved.site_id,
    )
    return saved


def save_level(
    scope: Scope, level: AccessLevel | None, given: LevelInput, version: int | None
) -> AccessLevel:
    """Make or change an access level and publish it. Inside ``db.write``.

    :raises ConflictError: changed meanwhile, or the name is taken.
    :raises InvalidInputError: estate, organisation, reader or schedule is not there, or outside the scope.
    """
    check_place(scope, given.site, given.organisation)
    if level is None:
        level = AccessLevel(site=given.site, version=0)
    elif version is not None and level.version != version:
        raise ConflictError("This access level was changed meanwhile. Look at it again.")
    elif level.site_id != given.site:
        raise ConflictError("An access level stays in its estate.")
    else:
        check_place(scope, level.site_id, level.organisation_id)
    same = AccessLevel.select().where((AccessLevel.site == given.site) & (AccessLevel.name == given.name))
    if same.where(AccessLevel.id != (level.id or 0)).exists():
        raise ConflictError("There is an access level with this name already.")
    _check_entries(scope, level, given)
    level.name, level.note, level.active = given.name, given.note, given.active
    level.organisation = given.organisation
    level.version += 1
    level.save()
    LevelEntry.delete().where(LevelEntry.level == level.id).execute()
    for point, schedule in sorted(given.entries.items()):
        LevelEntry.create(level=level.id, point=point, schedule=schedule)
    publish.level_changed(level.id)
    return level


def _check_entries(scope: Scope, level: AccessLevel, given: LevelInput) -> None:
    """Readers in scope, and what the level has already: nobody gives their cards another organisation's doors."""
    if len(given.entries) > ENTRIES_PER_LEVEL_MAX:
        raise InvalidInputError("An access level has 2,000 readers at most.")
    points = {point for point, _label in points_of(scope, given.site)}
    kept = set() if level.id is None else set(_entries(level).items())
    new = dict(set(given.entries.items()) - kept)
    schedules = {number for number, _name in schedules_of(given.site)}
    if not set(new) <= points:
        raise InvalidInputError("One of the readers is not in this estate.")
    if not set(new.values()) <= schedules:
        raise InvalidInputError("There is no such schedule in this estate.")


def _entries(level: AccessLevel) -> dict[int, int]:
    """Reader -> schedule, as it stands."""
    rows = LevelEntry.select(LevelEntry.point, LevelEntry.schedule).where(LevelEntry.level == level.id)
    return dict(rows.tuples())


def points_of(scope: Scope, site_id: int, also: Collection[int] = ()) -> list[tuple[int, str]]:
    """Readers at doors and terminals of an estate, as far as they are in scope, and those ``also``: number and label."""
    in_scope = scope.condition(Door) | (AccessPoint.door.is_null() & scope.condition(Device))
    query = (
        AccessPoint.select(AccessPoint, Device)
        .join(Device)
        .switch(AccessPoint)
        .left_outer_join(Door, on=AccessPoint.door == Door.id)
        .where((Device.site == site_id) & (in_scope | AccessPoint.id.in_(list(also))))
        .order_by(Device.number, AccessPoint.reader)
    )
    return [
        (point.id, _label(point))
        for point in query
        if point.door_id is not None or terminal_of(point.device.roles) is not None or point.id in also
    ]


def _label(point: AccessPoint) -> str:
    device = point.device.label
    label = point.label if point.label == device else f"{device} · {point.label}"
    return f"{label} · {_('Out')}" if point.leaving else label


def schedules_of(site_id: int) -> list[tuple[int, str]]:
    """Schedules of an estate, "always" first."""
    query = Schedule.select().where((Schedule.site == site_id) | Schedule.site.is_null())
    return [(row.id, _(row.name) if row.site_id is None else row.name) for row in query.order_by(Schedule.id)]


def snapshot(level: AccessLevel) -> dict[str, Any]:
    """What the audit row says about a level."""
    entries = LevelEntry.select(LevelEntry.point, LevelEntry.schedule).where(LevelEntry.level == level.id)
    return {
        "name": level.name,
        "note": level.note,
        "organisation": level.organisation_id,
        "active": level.active,
        "entries": {str(point): schedule for point, schedule in entries.order_by(LevelEntry.point).tuples()},
    }


def visible(scope: Scope) -> Any:
    """Levels of the operator's estates: those of the own organisations, and those that all may give."""
    condition = scope.condition(AccessLevel)
    sites = {grant.site_id for grant in scope.grants}
    shared = AccessLevel.organisation.is_null()
    if None in sites:
        return condition | shared
    return condition | (shared & AccessLevel.site.in_([site for site in sites if site is not None]))


def level_in(scope: Scope, level_id: int) -> AccessLevel:
    """A level that the operator may see.

    :raises NotFoundError: no such level, or outside the scope.
    """
    level: AccessLevel | None = (
        AccessLevel.select().where((AccessLevel.id == level_id) & visible(scope)).first()
    )
    return level if level is not None else scope.get(AccessLevel, 0)

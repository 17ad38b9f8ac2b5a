"""Making and changing schedules: the rules that the page and the API share. Runs inside ``db.write``."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from central.access.model import Schedule
from central.access.schedules import Period, lines_of, parse_lines
from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import Name, RowId
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync import publish
from protocol.limits import PERIODS_PER_SCHEDULE_MAX
from protocol.schedule import ALWAYS


class ScheduleInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A schedule. ``periods``: [days, start minute, end minute], see ``protocol.schedule``."""

    site: RowId
    name: Name
    periods: Annotated[list[Period], msgspec.Meta(max_length=PERIODS_PER_SCHEDULE_MAX)] = []


def put_schedule(
    centre: Centre,
    scope: Scope,
    actor: Actor,
    schedule_id: int | None,
    given: ScheduleInput,
    version: int | None,
) -> Schedule:
    """Make a schedule (``schedule_id`` None) or change it, with its audit row. Inside ``db.write``; raises as
    ``save_schedule``."""
    found = None if schedule_id is None else scope.get(Schedule, schedule_id)
    before = None if found is None else snapshot(found)
    saved = save_schedule(scope, found, given, version)
    centre.audit.record(
        actor,
        "access.schedule_create" if found is None else "access.schedule_change",
        "schedule",
        saved.id,
        before,
        snapshot(saved),
        site_id=saved.site_id,
    )
    return saved


def save_schedule(
    scope: Scope, schedule: Schedule | None, given: ScheduleInput, version: int | None
) -> Schedule:
    """Make or change a schedule and publish it. Inside ``db.write``.

    :raises ConflictError: changed meanwhile, or the name is taken.
    :raises InvalidInputError: a period cannot be, or the estate is outside the scope.
    """
    check_place(scope, given.site)
    if schedule is None:
        schedule = Schedule(site=given.site, version=0)
    elif version is not None and schedule.version != version:
        raise ConflictError("This schedule was changed meanwhile. Look at it again.")
    elif schedule.site_id != given.site:
        raise ConflictError("A schedule stays in its estate.")
    _periods, errors = parse_lines(lines_of(given.periods))
    if errors:
        raise InvalidInputError(next(iter(errors.values())))
    same = Schedule.select().where((Schedule.site == given.site) & (Schedule.name == given.name))
    if same.where(Schedule.id != (schedule.id or 0)).exists():
        raise ConflictError("There is a schedule with this name already.")
    schedule.name, schedule.periods = given.name, [list(period) for period in given.periods]
    schedule.version += 1
    schedule.save()
    assert schedule.id != ALWAYS, "the migration makes this row"
    publish.schedule_changed(schedule.id)
    return schedule


def snapshot(schedule: Schedule) -> dict[str, Any]:
    """What the audit row says about a schedule."""
    return {"name": schedule.name, "periods": schedule.periods}

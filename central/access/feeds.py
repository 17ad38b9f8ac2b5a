"""What open pages about doors are told: new event rows, and signals to load doors, alarms or a command again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.access import alarms, events
from central.access.events import EVENTS, MONITOR
from central.access.projection.batch import ALARMS, COMMANDS, DOORS
from central.access.projection.batch import EVENTS as ADDED
from central.announce import LOOK_AGAIN
from central.centre import centre_of
from central.parts import Apps
from central.security.principal import scope_of
from central.sync.status import CHANGED, LOCKS
from central.web.feeder import SIGNAL, Feeder, open_signal
from central.web.hub import Feed, Show
from central.web.render import SHELL
from central.web.tables import Table

SHELL_TOPIC: Final = "shell"
"""The head of every page: the number of open alarms."""


async def _open_events(table: Table, request: web.Request, parameters: Mapping[str, str]) -> Show:
    scope = scope_of(request)
    choices = await centre_of(request).db.read(events.choices_in, scope)
    view = table.view(parameters, choices)

    def show(payload: Mapping[str, Any]) -> str | None:
        row = events.live_row(payload)
        if not scope.allows(row.site_id, row.organisation_id) or not view.matches(row):
            return None
        return str(table.row_html(row))

    return show


async def _open_command(request: web.Request, parameters: Mapping[str, str]) -> Show:
    wanted = parameters.get("id", "")

    def show(payload: Mapping[str, Any]) -> str | None:
        return SIGNAL if wanted.isdecimal() and int(wanted) in payload["ids"] else None

    return show


FEEDS: Final = [
    Feed(EVENTS.name, ("access", "view"), partial(_open_events, EVENTS)),
    Feed(MONITOR.name, ("access", "view"), partial(_open_events, MONITOR)),
    Feed(DOORS, ("access", "view"), open_signal),
    Feed(ALARMS, ("access", "view"), open_signal),
    Feed(COMMANDS, ("access", "view"), _open_command),
]


def install(apps: Apps) -> None:
    """Pass on to open pages what the projection and the devices announce."""
    centre, db, live = apps.centre, apps.centre.db, apps.centre.live
    for topic in (DOORS, ALARMS, COMMANDS):
        db.subscribe(topic, partial(live.publish, topic))
    db.subscribe(ALARMS, lambda payload: live.publish(SHELL_TOPIC, payload))
    for topic in (DOORS, ALARMS, SHELL_TOPIC):
        db.subscribe(LOOK_AGAIN, partial(live.publish, topic))
    db.subscribe(CHANGED, lambda payload: live.publish(DOORS, payload))
    db.subscribe(LOCKS, lambda payload: live.publish(DOORS, payload))
    tables = [EVENTS.name, MONITOR.name]
    feeder = Feeder(centre, ADDED, tables, events.last_id, events.rows_after, events.rows_of)
    feeder.install(apps.browsers)

    async def alarms_open(request: web.Request) -> int:
        if not request["operator"].may("access", "view"):
            return 0
        return await db.read(alarms.count_open, scope_of(request))

    apps.browsers[SHELL].alarms_open = alarms_open

"""門的歷史: everything that concerned one door, in the order of time, with what explains each line (60, 68)."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

from aiohttp import web
from markupsafe import Markup

from central.access import events
from central.access.door_lines import door_lines
from central.access.model import AccessEvent, Door
from central.access.projection.batch import ALARMS, DOORS
from central.centre import centre_of
from central.door_history.lines import KIND_TEXT, HistoryLine
from central.door_history.live import LIVE_ALARMS, LIVE_NOTES, live_line
from central.door_history.sources import sources_of
from central.door_history.subject import AUDIT_RIGHT, REPAIRS_RIGHT, subject_of
from central.errors import InvalidInputError
from central.parts import Apps
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.columns import CODE, LONG, MOMENT, YES, Column, StatusFormat, WordFormat
from central.web.feeder import Feeder
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.hub import Feed, Show
from central.web.i18n import lazy
from central.web.lists import list_export, list_page
from central.web.merged import MergedTable, Source

TOPIC: Final = "door_history"
_RESTRICTED: Final = {"settings": AUDIT_RIGHT, "repair": REPAIRS_RIGHT}
"""Kinds of lines that only some operators see."""


class StateFormat(StatusFormat):
    """A state of any group of the vocabulary; the value is the group and the name."""

    def __init__(self) -> None:
        super().__init__("")

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"]}

    def text(self, value: Any) -> str:
        return "" if value is None else StatusFormat(value[0]).text(value[1])

    def html(self, value: Any) -> Markup:
        return Markup() if value is None else StatusFormat(value[0]).html(value[1])

    def json(self, value: Any) -> Any:
        return None if value is None else value[1]


def _is_about(line: HistoryLine, text: str) -> bool:
    """A live line against the search for a person or card."""
    return text.lower() in line.person_name.lower() or line.card_no.startswith(text)


def _holder_page(line: HistoryLine) -> str | None:
    if line.person_id:
        return f"/people/{line.person_id}"
    return f"/cards/{line.card_id}" if line.card_id else None


def table_of(sources: tuple[Source, ...] = (), kinds: tuple[str, ...] = tuple(KIND_TEXT)) -> MergedTable:
    """The history as a list, with what this operator sees of it."""
    return MergedTable(
        name=TOPIC,
        title=lazy("History of the door"),
        query=lambda scope: AccessEvent.select(),
        key=AccessEvent.id,
        sort="-at",
        columns=(
            Column("at", lazy("Time"), MOMENT, sort=AccessEvent.at, sorts_down_first=True),
            Column("kind", lazy("Kind"), WordFormat(KIND_TEXT)),
            Column("what", lazy("What happened"), LONG, href=lambda line: line.href),
            Column("state", lazy("Result"), StateFormat()),
            Column(
                "holder",
                lazy("Card and holder"),
                value=lambda line: f"{line.card_no} {line.person_name}".strip(),
                href=_holder_page,
                is_exported=False,
            ),
            Column("card_no", lazy("Card number"), CODE, is_shown=False),
            Column("person_name", lazy("Person"), is_shown=False),
            Column("who", lazy("Operator")),
            Column("note", lazy("Reason and note"), LONG),
            Column("until", lazy("Over"), MOMENT),
            Column("is_sure", lazy("Time certain"), YES, is_shown=False),
        ),
        filters=(
            DayFilter("at", lazy("Day")),
            ChoiceFilter("kind", lazy("Kind"), choices={name: KIND_TEXT[name] for name in kinds}),
            TextFilter(
                "person",
                lazy("Person or card"),
                matches=_is_about,
                placeholder=lazy("Name, initials, number, card"),
            ),
        ),
        empty=lazy("Everything that happens at this door appears here."),
        sources=sources,
    )


def _kinds(request: web.Request) -> tuple[str, ...]:
    """The kinds of lines that this operator may see."""
    principal = principal_of(request)
    return tuple(name for name in KIND_TEXT if name not in _RESTRICTED or principal.may(*_RESTRICTED[name]))


async def _table(request: web.Request) -> MergedTable:
    door_id, principal = path_id(request), principal_of(request)
    subject = await centre_of(request).db.read(lambda: subject_of(scope_of(request).get(Door, door_id)))
    return table_of(sources_of(subject, principal.may_use, centre_of(request).clock.now()), _kinds(request))


async def show_history(request: web.Request) -> web.Response:
    """GET /doors/{id}/history: the door's three facts, and what happened at it, newest first."""
    scope, door_id, table = scope_of(request), path_id(request), await _table(request)
    door = await centre_of(request).db.read(lambda: door_lines(scope, door_id)[0])
    return await list_page(
        request,
        table,
        scope,
        template="door_history/history.html",
        export_path=f"/doors/{door_id}/history/export",
        topic=TOPIC,
        context={
            "door": door,
            "hidden": [KIND_TEXT[name] for name in KIND_TEXT if name not in _kinds(request)],
        },
    )


async def export_history(request: web.Request) -> web.StreamResponse:
    """GET /doors/{id}/history/export"""
    return await list_export(
        request, await _table(request), scope_of(request), on_export=audited("access.export")
    )


# -- live -----------------------------------------------------------------------------------------------------------


async def _open(request: web.Request, parameters: Mapping[str, str]) -> Show:
    """What comes in about the door that the page asks for, narrowed by its filters."""
    scope, door_id = scope_of(request), row_id(parameters.get("door", ""))
    if door_id is None:
        raise InvalidInputError("There is no such live feed.")
    door = await centre_of(request).db.read(scope.get, Door, door_id)
    device_id = door.device_id
    table = table_of()
    view = table.view(parameters)

    def show(payload: Mapping[str, Any]) -> str | None:
        row = SimpleNamespace(**payload)
        is_here = row.door_id == door_id or (row.door_id is None and row.device_id == device_id)
        if not is_here or not scope.allows(row.site_id, row.organisation_id):
            return None
        line = live_line(row)
        return str(table.row_html(line)) if view.matches(line) else None

    return show


def install(apps: Apps) -> None:
    """Tell open pages of alarms and of what devices say of themselves; passages come with the feed of the events."""
    for topic, stream in ((ALARMS, LIVE_ALARMS), (DOORS, LIVE_NOTES)):
        feeder = Feeder(apps.centre, topic, [TOPIC], stream.last_id, stream.rows_after, stream.rows_of)
        feeder.install(apps.browsers)


FEEDS: Final = [Feed(TOPIC, ("access", "view"), _open, frozenset({events.EVENTS.name}))]
ROUTES: Final[list[Route]] = [
    Route("GET", r"/doors/{id:\d+}/history", show_history, ("access", "view")),
    Route("GET", r"/doors/{id:\d+}/history/export", export_history, ("access", "export")),
]

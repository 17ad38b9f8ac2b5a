"""Acts on one, several or all devices of a group, and what has become of them: 測試, 加載, 校時, 清空 (58, 71)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from central.access.model import Door
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.people.inputs import path_id, row_id
from central.routes import Pair, Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync.model import DeviceStatus
from central.units import commands
from central.units.answers import answer_of
from central.units.groups import Group
from central.units.model import UnitCommand
from central.units.rules import ACT_WORDS, OPEN, Act, ActState
from central.web.i18n import _, lazy
from central.web.render import render, settle

AT_ONCE_MAX: Final = 2_000
COMMANDS_SHOWN: Final = 20
HTMX_STOP: Final = 286
"""The status by which htmx loads no more."""


class ActPages:
    """The pages of one group."""

    def __init__(self, group: Group) -> None:
        self.group = group

    async def choose(self, request: web.Request, problem: str = "") -> web.Response:
        """GET .../act: which devices, and what they are to do."""
        settle(request)
        units = await centre_of(request).db.read(self._in_use, scope_of(request))
        context = {"group": self.group, "units": units, "acts": ACT_WORDS, "problem": problem}
        return await render(request, "units/choose.html", context, status=422 if problem else 200)

    def _in_use(self, scope: Scope) -> list[Any]:
        found = self.group.query(scope).where(Device.enabled).order_by(Device.site, Device.number)
        return list(found.limit(AT_ONCE_MAX))

    async def act(self, request: web.Request) -> web.Response:
        """POST .../act: ``unit`` for each one that is ticked, or ``all``; ``act``."""
        settle(request)
        centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
        posted = await request.post()
        wanted = {row_id(str(text)) for text in posted.getall("unit", [])}
        kind = str(posted.get("act", ""))
        if kind not in ACT_WORDS:
            raise InvalidInputError("There is no such act.")

        def write() -> list[int]:
            ids = [row.id for row in self._in_use(scope) if "all" in posted or row.id in wanted]
            if not ids:
                raise InvalidInputError("Choose a unit first.")
            devices = list(Device.select().where(Device.id.in_(ids)).order_by(Device.number))
            return commands.ask(devices, Act(kind), actor, centre.audit, centre.clock.now())

        try:
            ids = await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            return await self.choose(request, _(str(error)))
        raise web.HTTPSeeOther(
            f"{self.group.path}/acts?{urlencode([('act', str(number)) for number in ids])}"
        )

    async def acts(self, request: web.Request) -> web.Response:
        """GET .../acts?act=: what has become of them; loads itself again while one is open."""
        settle(request)
        scope = scope_of(request)
        wanted = [
            number for text in request.query.getall("act", [])[:AT_ONCE_MAX] if (number := row_id(text))
        ]

        def read() -> list[dict[str, Any]]:
            found = UnitCommand.select(UnitCommand, Device).join(Device)
            found = found.where(UnitCommand.id.in_(wanted) & Device.id.in_(sorted(self.group.ids())))
            return [
                act_shown(command) for command in scope.filter(found.order_by(UnitCommand.id), UnitCommand)
            ]

        found = await centre_of(request).db.read(read)
        context = {"group": self.group, "acts": found, "is_over": all(one["is_over"] for one in found)}
        if "HX-Request" in request.headers:
            status = HTMX_STOP if context["is_over"] else 200
            return await render(request, "units/act_rows.html", context, status=status)
        return await render(request, "units/acts.html", context)

    async def cancel(self, request: web.Request) -> web.Response:
        """POST .../acts/{id}/cancel: an act that waits for its device is wanted no more."""
        settle(request)
        centre, scope, actor, number = (
            centre_of(request),
            scope_of(request),
            actor_of(request),
            path_id(request),
        )

        def write() -> int:
            command = scope.get(UnitCommand, number)
            device = self.group.device(scope, command.device_id)
            commands.cancel(command, actor, centre.audit, centre.clock.now())
            return int(device.id)

        device_id = await centre.db.write(write)
        raise web.HTTPSeeOther(f"{self.group.path}/{device_id}")

    def routes(self) -> list[Route]:
        """Their routes: who may look, and who may have something done."""
        path = self.group.path
        view: Pair = (self.group.sub_system, "view")
        edit: Pair = (self.group.sub_system, "edit")
        return [
            Route("GET", f"{path}/act", self.choose, edit),
            Route("POST", f"{path}/act", self.act, edit, step_up=self.group.step_up),
            Route("GET", f"{path}/acts", self.acts, view),
            Route("POST", path + r"/acts/{id:\d+}/cancel", self.cancel, edit),
        ]


def newest_acts(device_id: int) -> list[dict[str, Any]]:
    """What was asked of a device lately, in words. Inside ``db``."""
    newest = UnitCommand.select().where(UnitCommand.device == device_id)
    newest = newest.order_by(UnitCommand.created_at.desc(), UnitCommand.id.desc()).limit(COMMANDS_SHOWN)
    return [act_shown(command) for command in newest]


def refusal_of(device_id: int) -> Any:
    """Why nothing can be cleared now, in words; empty: something can. Inside ``db``."""
    trouble = commands.refusal(device_id)
    return lazy(trouble) if trouble else ""


def _to_try(command: UnitCommand) -> list[Door]:
    """The doors whose locks a test has looked at: each is tried by opening it remotely, which is recorded before it moves (58)."""
    if command.kind != Act.TEST.value or not any(
        line.startswith("lock.") for line, _obeys in (command.answer or {}).get("outputs", ())
    ):
        return []
    of_device = (Door.device == command.device_id) & Door.enabled & Door.unit.is_null(False)
    return list(Door.select().where(of_device).order_by(Door.unit))


def act_shown(command: UnitCommand) -> dict[str, Any]:
    """An act in words. Inside ``db``."""
    status = DeviceStatus.get_or_none(DeviceStatus.device == command.device_id)
    is_offline = status is None or not status.online
    return {
        "command": command,
        "device": command.device,
        "act": ACT_WORDS[command.kind],
        "is_over": command.state not in OPEN,
        "is_waiting_for_unit": command.state in OPEN and is_offline,
        "may_cancel": command.state == ActState.WAITING.value,
        "offline_since": status.changed_at if status is not None and is_offline else None,
        "answer": answer_of(command),
        "doors": _to_try(command),
        "trouble": lazy(command.trouble) if command.trouble else "",
    }

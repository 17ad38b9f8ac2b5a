"""Base images for SD cards: what lies at the centre, bring one with the progress shown, delete one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import CentralError, InvalidInputError, TooLargeError
from central.nodes import base_store, card_maker
from central.parts import Apps
from central.routes import Route
from central.security.bodies import read_body
from central.security.principal import actor_of
from central.web.i18n import Text, _, current, lazy
from central.web.render import render, settle

PATH: Final = "/devices/bases"
KINDS: Final[dict[str, Text]] = {
    "onecard": lazy("made by onecard-provision base"),
    "firstrun": lazy("Raspberry Pi OS, set up by firstrun.sh"),
    "cloud-init": lazy("Raspberry Pi OS, set up by cloud-init"),
    "rpi-preseed": lazy("Raspberry Pi OS, set up by rpi-preseed"),
}
_ROOM_BYTES: Final = 1_024


async def overview(request: web.Request) -> web.Response:
    """GET /devices/bases: what can be chosen for a card."""
    data = _data(request)
    context: dict[str, Any] = {
        "bases": await asyncio.to_thread(base_store.kept, data),
        "kinds": KINDS,
    }
    return await render(request, "nodes/bases.html", context)


async def new_base(request: web.Request) -> web.Response:
    """GET /devices/bases/new: choose a file; the browser sends it in parts."""
    context = {
        "part_bytes": base_store.PART_BYTES,
        "suffixes": card_maker.SUFFIXES,
        "folder": str(_data(request) / card_maker.BASES_FOLDER),
    }
    return await render(request, "nodes/base_new.html", context)


async def begin(request: web.Request) -> web.Response:
    """POST /devices/bases/new: ``name`` and ``size`` of a file; the token for its parts."""
    settle(request)
    form, operator = await request.post(), actor_of(request).id or 0
    try:
        size = _number(str(form.get("size", "")))
        name = str(form.get("name", ""))
        token = await asyncio.to_thread(base_store.begin, _data(request), operator, name, size)
    except CentralError as error:
        return _refused(error)
    return web.json_response({"token": token})


async def part(request: web.Request) -> web.Response:
    """POST /devices/bases/parts/{token}?at=: some bytes of it, as they are."""
    settle(request)
    content = await read_body(request, centre_of(request).config)
    try:
        if len(content) > base_store.PART_BYTES:
            raise TooLargeError(_("What was sent is larger than this page accepts."))
        at, token = _number(request.query.get("at", "")), _token(request)
        there = await asyncio.to_thread(base_store.write_part, _data(request), token, at, content)
    except CentralError as error:
        return _refused(error)
    return web.json_response({"there": there})


async def finish(request: web.Request) -> web.Response:
    """POST /devices/bases/finish/{token}: all is sent; kept when it can be the base of a card."""
    settle(request)
    centre, actor, form = centre_of(request), actor_of(request), await request.post()
    name = str(form.get("name", ""))
    try:
        size = _number(str(form.get("size", "")))
        seen = await base_store.finish(centre.config.data, _token(request), name, size, current().language)
    except CentralError as error:
        return _refused(error)
    after = {"file": name, "size": seen.size, "sha256": seen.sha256, "first_boot": seen.first_boot}
    await centre.db.write(centre.audit.record, actor, "nodes.base_bring", "base", name, after=after)
    return web.json_response({"to": PATH})


async def remove(request: web.Request) -> web.Response:
    """POST /devices/bases/{name}/remove"""
    centre, name = centre_of(request), request.match_info["name"]
    await asyncio.to_thread(base_store.remove, centre.config.data, name)
    await centre.db.write(
        centre.audit.record, actor_of(request), "nodes.base_remove", "base", name, before={"file": name}
    )
    raise web.HTTPSeeOther(PATH)


def _data(request: web.Request) -> Path:
    return centre_of(request).config.data


def _token(request: web.Request) -> str:
    """Of this operator: the token of somebody else is as good as none."""
    token = request.match_info["token"]
    return token if token.startswith(f"{actor_of(request).id or 0}-") else ""


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 15:
        raise InvalidInputError(_("This is no number."))
    return int(text)


def _refused(error: CentralError) -> web.Response:
    return web.json_response({"problem": _(str(error))}, status=error.status)


def install(apps: Apps) -> None:
    """Nothing of an upload that was cut off by the end of the centre stays."""
    base_store.sweep(apps.centre.config.data)


ROUTES: Final[list[Route]] = [
    Route("GET", PATH, overview, ("nodes", "view")),
    Route("GET", f"{PATH}/new", new_base, ("nodes", "edit"), step_up=True),
    Route("POST", f"{PATH}/new", begin, ("nodes", "edit"), step_up=True),
    Route(
        "POST", PATH + "/parts/{token:[0-9A-Za-z_-]+}", part, ("nodes", "edit"),
        body_bytes_max=base_store.PART_BYTES + _ROOM_BYTES,
    ),
    Route("POST", PATH + "/finish/{token:[0-9A-Za-z_-]+}", finish, ("nodes", "edit")),
    Route("POST", PATH + "/{name:[A-Za-z0-9][A-Za-z0-9._-]*}/remove", remove, ("nodes", "edit"), step_up=True),
]  # fmt: skip

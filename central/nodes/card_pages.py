"""Download the card of a device: board with its wiring, network, and the finished SD card image, made on the spot.

Without a base image at the centre the same form gives a zip instead: the device's file, and the command that makes the card.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.model import AccessPoint
from central.centre import centre_of
from central.errors import CentralError, NotFoundError
from central.nodes import card_maker, connection, service
from central.nodes.card_form import (
    DHCP,
    FORM,
    OF_THE_NETWORK,
    CardInput,
    check,
    command_line,
    options_of,
)
from central.nodes.connection import LINE
from central.nodes.model import Device, DeviceConnection
from central.nodes.pages import PURPOSES, node_urls
from central.parts import Apps
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Site
from central.sync import spares
from central.web.days import FieldError
from central.web.fields import Choice
from central.web.forms import BoundForm
from central.web.i18n import Text, _, current
from central.web.render import render, settle

ZIP_DATE: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Wanted:
    """A device and what its card depends on."""

    device: Device
    site: str
    readers: int
    replaces: int
    connection: DeviceConnection

    @property
    def on_line(self) -> bool:
        """It has no network, so nothing of one is asked."""
        return bool(self.connection.way == LINE)


async def card_form(request: web.Request) -> web.Response:
    """GET /devices/{id}/card: the wizard; ``?board=`` shows another board."""
    settle(request)
    wanted = await _wanted(request)
    boards = await card_maker.boards(current().language)
    usual = service.board_of(wanted.readers)
    board = request.query.get("board", usual)
    releases = card_maker.releases(centre_of(request).config.data)
    form = FORM.blank(
        choices_of(request),
        board=board if board in boards else usual,
        base=next(iter(bases_of(request)), ""),
        release=next(iter(releases), ""),
        clock="ds3231",
        way=DHCP,
    )
    return await _show(request, wanted, form, boards)


async def make_card(request: web.Request) -> web.StreamResponse:
    """POST /devices/{id}/card: the ticket is made now, and the image is sent as it is read."""
    settle(request)
    wanted = await _wanted(request)
    boards = await card_maker.boards(current().language)
    bound = FORM.bind(await request.post(), choices_of(request))
    bound.check(lambda card: check(card, has_joined=wanted.replaces > 0))
    bound.check(lambda card: check_board(card, boards))
    if bound.is_valid:
        try:
            return await _made(request, wanted, bound.value)
        except CentralError as error:
            bound.error = _(str(error))
    if bound["board"].text not in boards:
        bound["board"].text = service.board_of(wanted.readers)
    return await _show(request, wanted, bound, boards, status=422)


async def _made(request: web.Request, wanted: Wanted, card: CardInput) -> web.StreamResponse:
    centre, device = centre_of(request), wanted.device
    ticket_id, secret = service.drawn_ticket()
    node_toml = service.node_file(
        device.name,
        service.role_of(device),
        service.ticket_text(ticket_id, secret),
        node_urls(request),
        (centre.keys.folder / "ca.pem").read_text(),
        wanted.readers,
        wanted.replaces,
        card.board,
        centre.config.nodes.release_key,
        wanted.connection,
    )
    if wanted.on_line:
        card = msgspec.structs.replace(card, **dict.fromkeys(OF_THE_NETWORK))
    options = options_of(card, wanted.site, replaces=wanted.replaces > 0)

    def register() -> None:
        _register(request, wanted, ticket_id, secret, card.base)

    return await hand_out(request, card, device.name, device.name, node_toml, options, register)


async def hand_out(
    request: web.Request,
    card: CardInput,
    node: str,
    title: str,
    node_toml: str,
    options: list[str],
    register: Callable[[], None],
) -> web.StreamResponse:
    """The image as it is read, or without a base image the zip.

    :param node: as ``node.toml`` has it. :param title: the name of the file.
    :param register: puts the ticket and the audit row down, inside ``db.write``, once the image is there.
    """
    centre = centre_of(request)
    passphrase = card.passphrase or ""
    image = None
    if card.base:
        image = await card_maker.make(
            centre.config.data,
            card.base,
            card.release or "",
            node,
            node_toml,
            passphrase,
            options,
            current().language,
        )
    try:
        await centre.db.write(register)
    except BaseException:
        if image is not None:
            image.close()
        raise
    if image is not None:
        return await card_maker.send(request, image, title)
    command = command_line(node, title, options, has_passphrase=bool(passphrase))
    return _zip(title, node_toml, passphrase, command)


def _register(request: web.Request, wanted: Wanted, ticket_id: str, secret: bytes, base: str) -> None:
    """The ticket, and who took the card; earlier unused tickets of the device are void from now on."""
    centre, device = centre_of(request), wanted.device
    service.register_ticket(device.id, ticket_id, secret, centre.clock.now())
    centre.audit.record(
        actor_of(request),
        "nodes.replace" if wanted.replaces else "nodes.ticket",
        "device",
        device.id,
        after={"ticket": ticket_id, "base": base, "replaces": wanted.replaces},
        site_id=device.site_id,
        organisation_id=device.organisation_id,
    )


def _zip(title: str, node_toml: str, passphrase: str, command: str) -> web.Response:
    text = _(
        "1. Unpack this on a computer with onecard, in a folder of its own.\n"
        "2. Put a Raspberry Pi OS image with the program beside it, and its name in place of BASE.img.xz:\n\n"
        "   %(command)s\n\n"
        "3. Write the image to the SD card (Raspberry Pi Imager), put it into the device, switch it on.\n"
        "4. Delete this folder: whoever has it can have a device join.",
        command=command,
    )
    files = {"node.toml": node_toml, "README.txt": text + "\n"}
    if passphrase:
        files["wifi.txt"] = passphrase + "\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(f"{title}/{name}", ZIP_DATE), content)
    return web.Response(
        body=packed.getvalue(),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{title}.zip"', "Cache-Control": "no-store"},
    )


async def board_picture(request: web.Request) -> web.Response:
    """GET /devices/boards/{board}.svg: the wiring as SVG."""
    settle(request)
    board = request.match_info["board"]
    if board not in await card_maker.boards(current().language):
        raise NotFoundError("There is no such board.")
    text = await card_maker.picture(board, current().language)
    return web.Response(text=text, content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


def check_board(card: CardInput, boards: dict[str, str]) -> None:
    """
    :raises FieldError: there is no such board.
    """
    if card.board not in boards:
        raise FieldError(_("There is no such board."))


async def _wanted(request: web.Request) -> Wanted:
    scope, device_id = scope_of(request), path_id(request)

    def read() -> Wanted:
        device = scope.get(Device, device_id)
        readers = AccessPoint.select().where(AccessPoint.device == device.id).count()
        site = Site.get_by_id(device.site_id)
        return Wanted(
            device, site.name, readers, spares.standing(device.id), connection.connection_of(device)
        )

    return await centre_of(request).db.read(read)


def bases_of(request: web.Request) -> list[str]:
    """Base images that a card can be made from here."""
    return card_maker.bases(centre_of(request).config.data)


def choices_of(request: web.Request) -> dict[str, Any]:
    """For the form of a card."""
    releases = card_maker.releases(centre_of(request).config.data)
    return {
        "base": [Choice(name, name) for name in bases_of(request)],
        "release": [Choice(name, name) for name in releases],
    }


async def _show(
    request: web.Request,
    wanted: Wanted,
    form: BoundForm[CardInput],
    boards: dict[str, str],
    status: int = 200,
) -> web.Response:
    bases = bases_of(request)
    has_releases = bool(card_maker.releases(centre_of(request).config.data))
    unneeded = {
        "base": not bases,
        "release": not (bases and has_releases),
        "replace": not wanted.replaces,
        **dict.fromkeys(OF_THE_NETWORK, wanted.on_line),
    }
    form.fields = [field for field in form.fields if not unneeded.get(field.name)]
    context = {
        "device": wanted.device,
        "site": wanted.site,
        "works_as": _works_as(wanted),
        "reached": connection.described(wanted.connection),
        "keypads": wanted.connection.keypads,
        "replaces": wanted.replaces,
        "form": form,
        "boards": boards,
        "board": form["board"].text,
        "bases": bases,
    }
    return await render(request, "nodes/card.html", context, status=status)


def _works_as(wanted: Wanted) -> Text:
    """The purpose by which a device of this role is entered."""
    for purpose, role in service.ROLE_OF.items():
        if role in wanted.device.roles:
            return PURPOSES[purpose]
    return PURPOSES["door" if wanted.readers < 2 else "two_doors"]


def install(apps: Apps) -> None:
    """Nothing of an image that was being made when the centre was killed stays."""
    card_maker.sweep(apps.centre.config.data)


ROUTES: Final[list[Route]] = [
    Route("GET", r"/devices/{id:\d+}/card", card_form, ("nodes", "edit")),
    Route("POST", r"/devices/{id:\d+}/card", make_card, ("nodes", "edit"), step_up=True),
    Route("GET", "/devices/boards/{board:[a-z0-9-]+}.svg", board_picture, ("nodes", "edit")),
]

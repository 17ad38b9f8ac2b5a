"""Pages of the card keys: the master and its printed code, exchange and end of each key, zones and their readers.

They belong to the centre as a whole, so whoever acts here must work for all of it (head office).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.model import AccessPoint, Door
from central.cards import keys_in_force
from central.cards.credentials import cards_written_count, old_cards_count
from central.cards.keys_in_force import KeysInForce, Part
from central.centre import Centre, centre_of
from central.errors import CentralError, ForbiddenError, NotFoundError
from central.keys import service, watch
from central.keys.model import Zone
from central.nodes.model import Device
from central.people.inputs import one_line
from central.routes import Handler, Route
from central.security.principal import actor_of, principal_of, scope_of
from central.web.fields import Choice, ChoicesField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle
from protocol.limits import ZONES_MAX

CODE_CHARS_MAX: Final = 200
DEFAULT_ZONE: Final = lazy("Default zone")
KEY_TEXT: Final = {"signing": lazy("Signature of cards"), "issuer": lazy("Writing cards")}

install = watch.install


class KeyLine(msgspec.Struct, frozen=True):
    """One key as the page shows it. ``old_count``: cards in use that open nothing once the older version is ended."""

    part: str
    title: str
    versions: tuple[int, ...]
    old_count: int


class ZoneLine(msgspec.Struct, frozen=True):
    """One zone: how many readers stand in it, and how many cards in use are written for it."""

    number: int
    name: str
    readers_count: int
    cards_count: int


class ZoneForm(msgspec.Struct, kw_only=True):
    """A zone as it is typed."""

    name: str
    readers: tuple[str, ...] | None


FORM: Final = Form(
    ZoneForm,
    TextField("name", lazy("Zone"), length_max=60),
    ChoicesField(
        "readers",
        lazy("Readers in this zone"),
        is_required=False,
        hint=lazy("A reader that is not ticked any more goes back to the default zone."),
    ),
)


async def show(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /keys"""
    _head_office(request)
    centre = centre_of(request)

    def read() -> dict[str, Any]:
        state = keys_in_force.current()
        return {
            "state": state,
            "trouble": watch.trouble_of(centre),
            "keys": [] if state is None else _lines(state),
            "zones": _zones(),
        }

    context = await centre.db.read(read)
    principal = principal_of(request)
    context |= {
        "problem": problem,
        "may_edit": principal.may("keys", "edit"),
        "may_approve": principal.may("keys", "approve"),
    }
    return await render(request, "keys/show.html", context, status=status)


def _lines(state: KeysInForce) -> list[KeyLine]:
    parts: list[tuple[Part, str]] = [(zone, _zone_name(zone)) for zone in sorted(state.zones)]
    parts += [("signing", str(KEY_TEXT["signing"])), ("issuer", str(KEY_TEXT["issuer"]))]
    return [
        KeyLine(str(part), title, versions, old_cards_count(part, versions[0]) if len(versions) > 1 else 0)
        for part, title in parts
        if (versions := state.versions(part))
    ]


def _zone_name(number: int) -> str:
    zone = Zone.get_or_none(Zone.number == number)
    return _("Reading cards: %(zone)s", zone=_named(number, "" if zone is None else zone.name))


def _named(number: int, name: str) -> str:
    return name or (str(DEFAULT_ZONE) if number == service.FIRST_ZONE else str(number))


def _zones() -> list[ZoneLine]:
    return [
        ZoneLine(
            zone.number,
            _named(zone.number, zone.name),
            len(service.readers_of(zone.number)),
            cards_written_count(zone.number),
        )
        for zone in Zone.select().order_by(Zone.number)
    ]


def _acting(act: Callable[[Centre, Any, Any], object]) -> Handler:
    """A POST that does something to one key and comes back to the page, with a word where it cannot be done."""

    async def handle(request: web.Request) -> web.StreamResponse:
        settle(request)
        _head_office(request)
        posted, centre, actor = await request.post(), centre_of(request), actor_of(request)
        try:
            await centre.db.write(act, centre, actor, posted)
        except CentralError as error:
            return await show(request, _(str(error)), error.status)
        raise web.HTTPSeeOther("/keys")

    return handle


def _part(posted: Any) -> Part:
    text = str(posted.get("part", ""))
    if text == "signing":
        return "signing"
    if text == "issuer":
        return "issuer"
    return int(text) if text.isascii() and text.isdigit() and len(text) < 3 else ZONES_MAX


def _exchange(centre: Centre, actor: Any, posted: Any) -> None:
    service.exchange(centre, actor, _part(posted))


def _end(centre: Centre, actor: Any, posted: Any) -> None:
    service.end_old(centre, actor, _part(posted))


def _bring_back(centre: Centre, actor: Any, posted: Any) -> None:
    service.bring_back(centre, actor, one_line(posted.get("code", ""), CODE_CHARS_MAX))


async def print_code(request: web.Request) -> web.Response:
    """POST /keys/code: the sheet for the safe, in the answer itself and never again."""
    settle(request)
    _head_office(request)
    centre = centre_of(request)
    try:
        code = await centre.db.write(service.print_code, centre, actor_of(request))
    except CentralError as error:
        return await show(request, _(str(error)), error.status)
    state = await centre.db.read(keys_in_force.current)
    context = {"code": code.split(), "state": state, "printed_at": centre.clock.now()}
    return await render(request, "keys/code.html", context)


# -- zones ------------------------------------------------------------------------------------------------------------


async def new_zone(request: web.Request) -> web.Response:
    """GET and POST /keys/zones/new"""
    settle(request)
    _head_office(request)
    if request.method == "GET":
        return await _zone_page(request, None, FORM.blank(await _choices(request)))
    form = FORM.bind(await request.post(), await _choices(request))
    return await _save(request, None, form)


async def edit_zone(request: web.Request) -> web.Response:
    """GET and POST /keys/zones/{id}"""
    settle(request)
    _head_office(request)
    number, choices = int(request.match_info["id"]), await _choices(request)

    def read() -> tuple[Zone, list[int]]:
        zone = Zone.get_or_none(Zone.number == number)
        if zone is None:
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        return zone, service.readers_of(number)

    zone, readers = await centre_of(request).db.read(read)
    if request.method == "POST":
        return await _save(request, number, FORM.bind(await request.post(), choices))
    initial = {"name": _named(number, zone.name), "readers": [str(point) for point in readers]}
    return await _zone_page(request, number, FORM.blank(choices, **initial))


async def _save(request: web.Request, number: int | None, form: BoundForm[ZoneForm]) -> web.Response:
    centre, actor = centre_of(request), actor_of(request)
    if form.is_valid:
        name, points = form.value.name, [int(point) for point in form.value.readers or ()]
        try:
            if number is None:
                await centre.db.write(service.make_zone, centre, actor, name, points)
            else:
                await centre.db.write(service.change_zone, centre, actor, number, name, points)
        except CentralError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/keys")
    return await _zone_page(request, number, form, 422)


async def _zone_page(
    request: web.Request, number: int | None, form: BoundForm[ZoneForm], status: int = 200
) -> web.Response:
    return await render(request, "keys/zone.html", {"form": form, "number": number}, status=status)


async def _choices(request: web.Request) -> dict[str, Any]:
    """Every reader, with its door and its device."""

    def read() -> list[Choice]:
        query = (
            AccessPoint.select(AccessPoint, Door, Device)
            .left_outer_join(Door)
            .switch(AccessPoint)
            .join(Device)
            .order_by(Device.number, AccessPoint.reader)
        )
        return [Choice(str(point.id), _reader(point)) for point in query]

    return {"readers": await centre_of(request).db.read(read)}


def _reader(point: AccessPoint) -> str:
    device = f"{point.device.number} {point.device.label}"
    if point.door_id is None:
        return f"{point.label} ({device})"
    return f"{point.door.label} · {_('Out') if point.leaving else _('In')} ({device})"


def _head_office(request: web.Request) -> None:
    if not scope_of(request).is_head_office:
        raise ForbiddenError(
            _("The card keys are those of all estates: only who works for all of them may see them.")
        )


NAV: Final = [NavItem("system", lazy("Card keys"), "/keys", order=50)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/keys", show, ("keys", "view")),
    Route("POST", "/keys/exchange", _acting(_exchange), ("keys", "edit"), step_up=True),
    Route("POST", "/keys/end", _acting(_end), ("keys", "edit"), step_up=True),
    Route("POST", "/keys/code", print_code, ("keys", "approve"), step_up=True),
    Route("POST", "/keys/bring-back", _acting(_bring_back), ("keys", "approve"), step_up=True),
    Route("GET", "/keys/zones/new", new_zone, ("keys", "edit")),
    Route("POST", "/keys/zones/new", new_zone, ("keys", "edit"), step_up=True),
    Route("GET", r"/keys/zones/{id:\d{1,9}}", edit_zone, ("keys", "edit")),
    Route("POST", r"/keys/zones/{id:\d{1,9}}", edit_zone, ("keys", "edit"), step_up=True),
]

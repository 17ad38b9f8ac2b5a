"""備用 SD 卡: images without the name of a device, for a shelf; which are out there, and revoking them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import CentralError
from central.nodes import approvals, card_maker, service
from central.nodes.approvals import Kind
from central.nodes.card_form import (
    DESK,
    DHCP,
    KINDS,
    ONE,
    READERS,
    SPARE_FORM,
    TWO,
    SpareInput,
    check_spare,
    options_of,
)
from central.nodes.card_pages import bases_of, check_board, choices_of, hand_out
from central.nodes.pages import node_urls
from central.people.inputs import path_id
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync.model import SpareTicket
from central.web.fields import Choice
from central.web.forms import BoundForm
from central.web.i18n import Text, _, current, lazy
from central.web.nav import NavItem
from central.web.render import render, settle
from protocol.ids import UNASSIGNED

PATH: Final = "/devices/spares"
SHOWN_MAX: Final = 500


@dataclass(frozen=True)
class Line:
    """One spare ticket as it is shown."""

    spare: SpareTicket
    left_count: int
    state: str
    kind: Text


async def overview(request: web.Request) -> web.Response:
    """GET /devices/spares: the newest first."""
    now = centre_of(request).clock.now()

    def read(scope: Scope) -> list[Line]:
        query = scope.filter(
            SpareTicket.select().order_by(SpareTicket.id.desc()).limit(SHOWN_MAX), SpareTicket
        )
        lines = []
        for spare in query:
            left = approvals.cards_left(spare)
            ended = "revoked" if spare.revoked_at else "expired" if now >= spare.expires_at else ""
            kind = DESK if spare.role == "issuer" else TWO if spare.readers == READERS[TWO] else ONE
            lines.append(Line(spare, left, ended or ("usable" if left else "used"), KINDS[kind]))
        return lines

    lines = await centre_of(request).db.read(read, scope_of(request))
    return await render(request, "nodes/spares.html", {"lines": lines})


async def new_spare(request: web.Request) -> web.Response:
    """GET /devices/spares/new"""
    settle(request)
    choices = await _choices(request)
    only = {name: choices[name][0].value for name in ("site", "organisation") if len(choices[name]) == 1}
    form = SPARE_FORM.blank(
        choices,
        kind=ONE,
        board=service.board_of(1),
        cards_max=1,
        days=180,
        base=next(iter(bases_of(request)), ""),
        release=next(iter(card_maker.releases(centre_of(request).config.data)), ""),
        clock="ds3231",
        way=DHCP,
        **only,
    )
    return await _show(request, form)


async def make_spare(request: web.Request) -> web.StreamResponse:
    """POST /devices/spares/new: the ticket is made now, and the image is sent as it is read."""
    settle(request)
    bound = SPARE_FORM.bind(await request.post(), await _choices(request))
    boards = await card_maker.boards(current().language)
    bound.check(lambda card: check_board(card, boards))
    bound.check(lambda card: check_spare(card, service.board_of(READERS[TWO])))
    if bound.is_valid:
        try:
            return await _made(request, bound.value)
        except CentralError as error:
            bound.error = _(str(error))
    return await _show(request, bound, status=422)


async def _made(request: web.Request, card: SpareInput) -> web.StreamResponse:
    centre, actor = centre_of(request), actor_of(request)
    ticket_id, secret = service.drawn_ticket()
    kind = Kind("issuer" if card.kind == DESK else "door", READERS[card.kind], card.board)
    node_toml = service.node_file(
        UNASSIGNED,
        kind.role,
        service.ticket_text(ticket_id, secret),
        node_urls(request),
        (centre.keys.folder / "ca.pem").read_text(),
        kind.readers,
        board=kind.board,
        release_key=centre.config.nodes.release_key,
    )
    site_id, organisation_id = int(card.site), int(card.organisation)

    def register() -> None:
        now = centre.clock.now()
        label = card.label or ""
        spare = approvals.make(
            site_id, organisation_id, ticket_id, secret, kind, label, card.cards_max, card.days, now
        )
        centre.audit.record(
            actor,
            "nodes.spare",
            "spare_ticket",
            spare.id,
            after={"ticket": ticket_id, "label": label, "cards_max": card.cards_max, "base": card.base},
            site_id=site_id,
            organisation_id=organisation_id,
        )

    sites = dict(await centre.db.read(sites_in, scope_of(request)))
    options = options_of(card, sites[site_id], replaces=False)
    return await hand_out(request, card, UNASSIGNED, f"spare-{ticket_id}", node_toml, options, register)


async def revoke(request: web.Request) -> web.Response:
    """POST /devices/spares/{id}/revoke: stolen or lost cards; what was made from others stays."""
    centre, scope, actor, spare_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        path_id(request),
    )

    def write() -> None:
        spare = scope.get(SpareTicket, spare_id)
        approvals.revoke(spare, centre.clock.now())
        centre.audit.record(
            actor,
            "nodes.spare_revoke",
            "spare_ticket",
            spare.id,
            after={"ticket": spare.ticket_id},
            site_id=spare.site_id,
            organisation_id=spare.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(PATH)


async def _choices(request: web.Request) -> dict[str, Any]:
    read, scope = centre_of(request).db.read, scope_of(request)
    boards = await card_maker.boards(current().language)
    return {
        **choices_of(request),
        "site": [Choice(str(number), name) for number, name in await read(sites_in, scope)],
        "organisation": [Choice(str(number), name) for number, name in await read(organisations_in, scope)],
        "board": [Choice(name, title) for name, title in boards.items()],
    }


async def _show(request: web.Request, form: BoundForm[SpareInput], status: int = 200) -> web.Response:
    bases = bases_of(request)
    has_releases = bool(card_maker.releases(centre_of(request).config.data))
    unneeded = {"base": not bases, "release": not (bases and has_releases)}
    form.fields = [field for field in form.fields if not unneeded.get(field.name)]
    return await render(request, "nodes/spare_new.html", {"form": form, "bases": bases}, status=status)


NAV: Final = [NavItem("devices", lazy("Spare SD cards"), PATH, order=12)]
ROUTES: Final[list[Route]] = [
    Route("GET", PATH, overview, ("nodes", "view")),
    Route("GET", f"{PATH}/new", new_spare, ("nodes", "edit")),
    Route("POST", f"{PATH}/new", make_spare, ("nodes", "edit"), step_up=True),
    Route("POST", PATH + r"/{id:\d+}/revoke", revoke, ("nodes", "edit"), step_up=True),
]

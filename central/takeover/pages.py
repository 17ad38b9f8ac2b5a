"""接管舊系統 (U13): import, into the books, into use, gate by gate, opening balance, 以舊換新."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.cards.acts import By, Change
from central.cards.desk import by_of, issue_to
from central.cards.numbering import form_of, typed_uid
from central.cards.numbers import show_uid
from central.cards.presented import card_no_for, choose_reader, presented_at, readers_in
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.imports.pages import import_routes
from central.nodes.model import Device
from central.people import dossier, erasure
from central.people.exporting import audited
from central.people.inputs import one_line, path_id, row_id
from central.people.model import Person
from central.people.table import organisations_in, sites_in
from central.routes import AnyOf, Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.takeover import personal, service
from central.takeover.importer import TakenImporter
from central.takeover.model import TakenCard, TakenDevice
from central.takeover.tables import SEEN, TAKEN
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

NUMBER_CHARS_MAX: Final = 40


def _place(scope: Scope, query: Any) -> tuple[list[tuple[int, str]], list[tuple[int, str]], int, int]:
    """Estates and organisations of the operator, and the chosen ones; the first where nothing was chosen."""
    sites, organisations = sites_in(scope), organisations_in(scope)

    def pick(name: str, offered: list[tuple[int, str]]) -> int:
        wanted = row_id(str(query.get(name, "")))
        return wanted if wanted in dict(offered) else next(iter(dict(offered)), 0)

    return sites, organisations, pick("site", sites), pick("organisation", organisations)


async def overview(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /cards/takeover: how far it is, for one organisation in one estate."""
    settle(request)
    scope, who = scope_of(request), principal_of(request)
    query = request.query if request.method == "GET" else await request.post()

    def read() -> dict[str, Any]:
        sites, organisations, site_id, organisation_id = _place(scope, query)
        devices = scope.filter(
            Device.select(Device, TakenDevice.since.alias("since"))
            .left_outer_join(TakenDevice, on=(TakenDevice.device == Device.id))
            .where((Device.site == site_id) & Device.enabled)
            .order_by(Device.number)
            .objects(),
            Device,
        )
        is_allowed = scope.allows(site_id, organisation_id)
        return {
            "sites": sites,
            "organisations": organisations,
            "site_id": site_id,
            "organisation_id": organisation_id,
            "counts": service.counts(site_id, organisation_id) if is_allowed else None,
            "standing": service.standing(site_id, organisation_id) if is_allowed else None,
            "balance": service.newest_balance(site_id, organisation_id) if is_allowed else None,
            "devices": [device for device in devices if "issuer" not in device.roles],
            "form": form_of(site_id),
        }

    context = await centre_of(request).db.read(read)
    context |= {"problem": problem, "may_act": who.may("cards", "approve"), "who_id": who.id}
    context["may_close"] = who.may("purse", "approve")
    return await render(request, "takeover/overview.html", context, status=status)


async def enter_books(request: web.Request) -> web.Response:
    """POST /cards/takeover/enter: the cards with a whole UID into the books; their use is a bulk act."""
    settle(request)
    centre, scope, posted, by = centre_of(request), scope_of(request), await request.post(), by_of(request)
    actor = actor_of(request)

    def write() -> int:
        _sites, _organisations, site_id, organisation_id = _place(scope, posted)
        check_place(scope, site_id, organisation_id)
        count = service.enter_books(by, site_id, organisation_id)
        centre.audit.record(
            actor,
            "takeover.enter",
            "site",
            site_id,
            None,
            {"cards": count},
            site_id=site_id,
            organisation_id=organisation_id,
        )
        return site_id

    try:
        site_id = await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await overview(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/cards/bulk/new?state=stock&origin=taken_over&site={site_id}&kind=take_over")


async def sign(request: web.Request) -> web.Response:
    """POST /cards/takeover/sign: one of the two signatures under the opening balance."""
    settle(request)
    centre, who, posted, now = (
        centre_of(request),
        principal_of(request),
        await request.post(),
        centre_of(request).clock.now(),
    )

    def write() -> tuple[int, int]:
        _sites, _organisations, site_id, organisation_id = _place(who.scope, posted)
        check_place(who.scope, site_id, organisation_id)
        service.sign(centre.audit, who, site_id, organisation_id, str(posted.get("seal", "")), now)
        return site_id, organisation_id

    try:
        site_id, organisation_id = await centre.db.write(write)
    except (ConflictError, ForbiddenError, InvalidInputError) as error:
        return await overview(request, _(str(error)), error.status)
    raise web.HTTPSeeOther(f"/cards/takeover?site={site_id}&organisation={organisation_id}")


async def take_device(request: web.Request) -> web.Response:
    """POST /cards/takeover/devices/{id}: from now on it works with us; once more: not yet after all."""
    centre, scope, actor, device_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        path_id(request),
    )
    now: datetime = centre.clock.now()

    def write() -> int:
        device = scope.get(Device, device_id)
        taken = TakenDevice.get_or_none(TakenDevice.device == device.id)
        if taken is None:
            TakenDevice.create(device=device.id, since=now, operator_name=actor.name)
        else:
            taken.delete_instance()
        before, after = (None, now.isoformat()) if taken is None else (taken.since.isoformat(), None)
        centre.audit.record(
            actor,
            "takeover.device",
            "device",
            device.id,
            {"since": before},
            {"since": after},
            site_id=device.site_id,
            organisation_id=device.organisation_id,
        )
        return int(device.site_id)

    site_id = await centre.db.write(write)
    raise web.HTTPSeeOther(f"/cards/takeover?site={site_id}#devices")


async def swap_page(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /cards/takeover/swap: the old number in, then the new card onto the reader."""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    query = request.query if request.method == "GET" else await request.post()
    old = one_line(query.get("old", ""), NUMBER_CHARS_MAX)
    chosen, now = row_id(str(query.get("taken", ""))), centre.clock.now()

    def read() -> dict[str, Any]:
        readers = readers_in(scope)
        reader = choose_reader(readers, str(query.get("reader", "")))
        presented = presented_at(scope, reader, now) if reader is not None else None
        found = service.find(scope, old) if old else []
        one = next((row for row in found if row.id == chosen or len(found) == 1), None)
        uid = presented.uid if presented is not None and presented.can_issue else b""
        is_same = bool(one is not None and uid and service.is_same_card(one, uid))
        charge = service.charge_of(one, same=is_same) if one is not None and uid else ()
        return {
            "readers": readers,
            "reader": reader,
            "presented": presented,
            "found": found,
            "taken": one,
            "uid": show_uid(uid) if uid else "",
            "is_same": is_same,
            "collect_fen": sum(entry.amount_fen for entry in charge),
            "card_no": card_no_for(presented, one.site_id) if one is not None else "",
        }

    context = {
        **await centre.db.read(read),
        "old": old,
        "problem": problem,
        "done": request.query.get("done", ""),
    }
    return await render(request, "takeover/swap.html", context, status=status)


async def swap(request: web.Request) -> web.Response:
    """POST /cards/takeover/swap"""
    settle(request)
    centre, scope, posted = centre_of(request), scope_of(request), await request.post()
    taken = await centre.db.read(scope.get, TakenCard, row_id(str(posted.get("taken", ""))) or 0)

    def act(by: By, _person: Person) -> Change:
        row = scope.get(TakenCard, taken.id)
        return service.swap(by, row, uid, one_line(posted.get("card_no", ""), NUMBER_CHARS_MAX))

    try:
        uid = await centre.db.read(typed_uid, str(posted.get("uid", ""))[:NUMBER_CHARS_MAX], taken.site_id)
        card_id = await issue_to(request, taken.person_id, act, reason=f"{taken.number}")
    except (ConflictError, InvalidInputError) as error:
        return await swap_page(request, _(str(error)), error.status)
    reader = row_id(str(posted.get("reader", ""))) or ""
    raise web.HTTPSeeOther(f"/cards/takeover/swap?done={card_id}&reader={reader}")


async def list_taken(request: web.Request) -> web.Response:
    """GET /cards/takeover/cards"""
    return await list_page(
        request,
        TAKEN,
        scope_of(request),
        template="takeover/list.html",
        export_path="/cards/takeover/cards/export",
    )


async def export_taken(request: web.Request) -> web.StreamResponse:
    """GET /cards/takeover/cards/export"""
    return await list_export(request, TAKEN, scope_of(request), on_export=audited("takeover.export"))


async def list_seen(request: web.Request) -> web.Response:
    """GET /cards/takeover/seen: cards that open nothing at doors that were taken over, because nobody imported them."""
    return await list_page(
        request,
        SEEN,
        scope_of(request),
        template="takeover/list.html",
        export_path="/cards/takeover/seen/export",
    )


async def export_seen(request: web.Request) -> web.StreamResponse:
    """GET /cards/takeover/seen/export"""
    return await list_export(request, SEEN, scope_of(request), on_export=audited("takeover.export"))


NAV: Final = [NavItem("cards", lazy("Take over an old system"), "/cards/takeover", order=60)]
_SIGNS: Final[AnyOf] = frozenset({("cards", "approve"), ("purse", "approve")})
"""The card centre sets the opening balance down, whoever approves stored value closes it: ``service.sign`` asks."""
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/takeover", overview, ("cards", "view")),
    Route("POST", "/cards/takeover/enter", enter_books, ("cards", "approve")),
    Route("POST", "/cards/takeover/sign", sign, _SIGNS, step_up=True),
    Route("POST", r"/cards/takeover/devices/{id:\d+}", take_device, ("cards", "approve")),
    Route("GET", "/cards/takeover/cards", list_taken, ("cards", "view")),
    Route("GET", "/cards/takeover/cards/export", export_taken, ("cards", "export")),
    Route("GET", "/cards/takeover/seen", list_seen, ("cards", "view")),
    Route("GET", "/cards/takeover/seen/export", export_seen, ("cards", "export")),
    Route("GET", "/cards/takeover/swap", swap_page, ("cards", "edit")),
    Route("POST", "/cards/takeover/swap", swap, ("cards", "edit")),
    *import_routes(TakenImporter()),
]
erasure.BLOCKERS.append(personal.has_balance)
erasure.ERASERS.append(personal.forget)
dossier.SECTIONS.append(personal.taken_of)

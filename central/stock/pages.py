"""Pages of the card stock (9): whether the books add up, desks, intakes; transfers and stock-takings stand beside."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.acts import By
from central.cards.model import CardDesk, DeskKeeper
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.stock import api, deeds, taking_pages, transfer_pages
from central.stock.books import PARTS, books_in, desks_in
from central.stock.forms import DESK, INTAKE, DeskForm, IntakeForm
from central.stock.handling import change, desk_choices
from central.stock.table import INTAKES
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle


async def overview(request: web.Request) -> web.Response:
    """GET /stock"""
    scope, principal = scope_of(request), principal_of(request)

    def read() -> dict[str, Any]:
        mine = DeskKeeper.select(DeskKeeper.desk).where(DeskKeeper.operator_id == principal.id)
        return {
            "books": books_in(scope),
            "desks": desks_in(scope),
            "mine": {number for (number,) in mine.tuples()} if principal.kind == "operator" else set(),
        }

    context = await centre_of(request).db.read(read)
    context |= {"parts": {name: title for name, (title, _part) in PARTS.items()}}
    return await render(request, "stock/overview.html", context)


async def edit_desk(request: web.Request) -> web.Response:
    """GET and POST /stock/desks/new and /stock/desks/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    desk_id = path_id(request) if "id" in request.match_info else None

    def read() -> tuple[CardDesk | None, dict[str, dict[str, str]]]:
        found = None if desk_id is None else scope.get(CardDesk, desk_id)
        return found, {
            "site": {str(number): name for number, name in sites_in(scope)},
            "organisation": {str(number): name for number, name in organisations_in(scope)},
        }

    found, choices = await centre.db.read(read)
    if request.method == "GET":
        values = {name: next(iter(options), "") for name, options in choices.items()} | {"active": True}
        form = DESK.blank(choices, **(values if found is None else _desk(found)))
        return await render(request, "stock/desk.html", {"form": form, "desk": found})
    form = DESK.bind(await request.post(), choices)
    if form.is_valid:
        try:
            action = "stock.desk_create" if found is None else "stock.desk_change"
            await change(request, action, "card_desk", lambda by: _save_desk(scope, desk_id, form.value))
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/stock")
    return await render(request, "stock/desk.html", {"form": form, "desk": found}, status=422)


def _save_desk(scope: Scope, desk_id: int | None, value: DeskForm) -> tuple[CardDesk, dict[str, Any]]:
    desk = CardDesk() if desk_id is None else scope.get(CardDesk, desk_id)
    site, organisation = int(value.site), int(value.organisation)
    check_place(scope, site, organisation)
    if desk_id is not None and desk.site_id != site:
        raise ConflictError("A desk stays in its estate.")
    same = CardDesk.select().where((CardDesk.site == site) & (CardDesk.name == value.name))
    if same.where(CardDesk.id != (desk_id or 0)).exists():
        raise ConflictError("There is a desk with this name already.")
    desk.site, desk.organisation = site, organisation
    desk.name, desk.active = value.name, value.active
    desk.save()
    return desk, _desk(desk)


def _desk(desk: CardDesk) -> dict[str, Any]:
    return {
        "name": desk.name,
        "site": desk.site_id,
        "organisation": desk.organisation_id,
        "active": desk.active,
    }


async def work_at(request: web.Request) -> web.Response:
    """POST /stock/desks/{id}/work: what this operator takes in lies at this desk from now on."""
    scope, desk_id = scope_of(request), path_id(request)

    def act(by: By) -> tuple[CardDesk, dict[str, Any]]:
        desk = scope.get(CardDesk, desk_id)
        if by.operator_id is None or not desk.active:
            raise ConflictError("This desk is out of use.")
        mine = (DeskKeeper.site == desk.site_id) & (DeskKeeper.operator_id == by.operator_id)
        DeskKeeper.delete().where(mine).execute()
        DeskKeeper.create(site=desk.site_id, operator_id=by.operator_id, desk=desk)
        return desk, {"desk": desk.name}

    await change(request, "stock.desk_work", "card_desk", act)
    raise web.HTTPSeeOther("/stock")


async def edit_intake(request: web.Request) -> web.Response:
    """GET and POST /stock/intake"""
    settle(request)
    scope = scope_of(request)
    desks = await centre_of(request).db.read(desk_choices, scope)
    if request.method == "GET":
        form = INTAKE.blank({"desk": desks}, desk=next(iter(desks), ""))
        return await render(request, "stock/intake.html", {"form": form, "has_desk": bool(desks)})
    form = INTAKE.bind(await request.post(), {"desk": desks})
    if form.is_valid:
        try:
            await change(request, "stock.intake", "card_intake", lambda by: _take_in(scope, by, form.value))
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/stock/intakes")
    return await render(request, "stock/intake.html", {"form": form, "has_desk": bool(desks)}, status=422)


def _take_in(scope: Scope, by: By, value: IntakeForm) -> deeds.Done:
    return deeds.take_in(
        scope,
        by,
        desk_id=int(value.desk),
        supplier=value.supplier,
        price_fen=value.price_fen,
        box=value.box or "",
        first_no=value.first_no or "",
        cards_count=value.cards_count or 0,
        scanned=value.scanned or "",
    )


async def list_intakes(request: web.Request) -> web.Response:
    """GET /stock/intakes"""
    return await list_page(request, INTAKES, scope_of(request), template="cards/plain_list.html")


FIGURES: Final = [*transfer_pages.FIGURES, *taking_pages.FIGURES]
NAV: Final = [
    NavItem("stock", lazy("Card stock"), "/stock", order=10),
    NavItem("stock", lazy("Cards bought"), "/stock/intakes", order=20),
    *transfer_pages.NAV,
    *taking_pages.NAV,
]
ROUTES: Final[list[Route]] = [
    *api.ROUTES,
    Route("GET", "/stock", overview, ("cards", "edit")),
    Route("GET", "/stock/desks/new", edit_desk, ("cards", "approve")),
    Route("POST", "/stock/desks/new", edit_desk, ("cards", "approve")),
    Route("GET", r"/stock/desks/{id:\d+}", edit_desk, ("cards", "approve")),
    Route("POST", r"/stock/desks/{id:\d+}", edit_desk, ("cards", "approve")),
    Route("POST", r"/stock/desks/{id:\d+}/work", work_at, ("cards", "edit")),
    Route("GET", "/stock/intake", edit_intake, ("cards", "edit")),
    Route("POST", "/stock/intake", edit_intake, ("cards", "edit")),
    Route("GET", "/stock/intakes", list_intakes, ("cards", "edit")),
    *transfer_pages.ROUTES,
    *taking_pages.ROUTES,
]

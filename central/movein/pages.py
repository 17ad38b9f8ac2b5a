"""Pages of a move-in (入伙): begin one, see how far it is by building, its units, labels and the receipt list (U2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards import entitlements
from central.cards.desk import by_of
from central.cards.model import CardClass
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.households.model import KIND_TEXT, Unit, UnitKind, UnitState
from central.households.table import buildings_in
from central.movein import bag_pages, desk_pages, packing, signing
from central.movein.model import Bag, BagState, Desk, MoveIn
from central.movein.table import MOVE_INS, bags_table, buildings_of, progress_of, sheets_of
from central.people.inputs import path_id
from central.people.table import organisations_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.fields import ChoiceField, Choices, ChoicesField, NumberField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle


class MoveInForm(msgspec.Struct, kw_only=True):
    """Which units get how many cards of what kind."""

    name: str
    organisation: str
    buildings: tuple[str, ...]
    unit_kind: str
    card_class: str
    cards_per_unit: int
    levels: tuple[str, ...]


FORM: Final = Form(
    MoveInForm,
    TextField("name", lazy("Name of the move-in"), length_max=60),
    ChoiceField("organisation", lazy("Organisation")),
    ChoicesField("buildings", lazy("Buildings")),
    ChoiceField("unit_kind", lazy("Kind of unit"), choices=KIND_TEXT),
    ChoiceField("card_class", lazy("Card class")),
    NumberField("cards_per_unit", lazy("Cards per unit"), least=1, most=20),
    ChoicesField("levels", lazy("Access levels"), is_required=False),
)


async def list_move_ins(request: web.Request) -> web.Response:
    """GET /move-ins"""
    return await list_page(request, MOVE_INS, scope_of(request), template="movein/list.html")


def _choices(scope: Scope) -> dict[str, Choices]:
    classes = scope.filter(CardClass.select().where(CardClass.active)).order_by(CardClass.name)
    organisations = organisations_in(scope)
    found: dict[str, Choices] = {
        "organisation": {str(number): name for number, name in organisations},
        "buildings": buildings_in(scope)["building"],
        "card_class": {str(row.id): row.name for row in classes},
    }
    levels: dict[str, str] = {}
    for site_id in {row.site_id for row in classes}:
        for organisation_id, _name in organisations:
            levels |= entitlements.level_choices(site_id, organisation_id)
    return {**found, "levels": levels}


async def new_move_in(request: web.Request) -> web.Response:
    """GET and POST /move-ins/new"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    choices = await centre.db.read(_choices, scope)
    if request.method == "GET":
        form = FORM.blank(choices, unit_kind=UnitKind.HOME.value, cards_per_unit=3)
        return await render(request, "movein/new.html", {"form": form})
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value

        def write() -> int:
            card_class = scope.get(CardClass, int(value.card_class))
            check_place(scope, card_class.site_id, int(value.organisation))
            move_in = MoveIn.create(
                site=card_class.site_id,
                organisation=int(value.organisation),
                name=value.name,
                card_class=card_class,
                levels=_levels(card_class, int(value.organisation), value.levels),
                cards_per_unit=value.cards_per_unit,
                created_at=by.at,
                operator_name=by.operator_name,
            )
            units = _units(move_in, value.buildings, value.unit_kind)
            signing.start(move_in, units)
            centre.audit.record(
                actor,
                "cards.move_in",
                "move_in",
                move_in.id,
                after={
                    "name": value.name,
                    "class": card_class.id,
                    "cards_per_unit": value.cards_per_unit,
                    "units": len(units),
                    "buildings": list(value.buildings),
                },
                site_id=move_in.site_id,
                organisation_id=move_in.organisation_id,
            )
            return int(move_in.id)

        try:
            made = await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/move-ins/{made}")
    return await render(request, "movein/new.html", {"form": form}, status=422)


def _levels(card_class: CardClass, organisation_id: int, chosen: Sequence[str]) -> list[int]:
    if not set(chosen) <= set(entitlements.level_choices(card_class.site_id, organisation_id)):
        raise InvalidInputError("An access level belongs to another estate or organisation.")
    return sorted(map(int, chosen))


def _units(move_in: MoveIn, buildings: Sequence[str], kind: str) -> list[Unit]:
    query = Unit.select().where(
        (Unit.site == move_in.site_id)
        & (Unit.organisation == move_in.organisation_id)
        & Unit.building.in_(list(buildings))
        & (Unit.kind == kind)
        & (Unit.state != UnitState.CLOSED.value)
    )
    return list(query.order_by(Unit.position))


async def show_move_in(request: web.Request) -> web.Response:
    """GET /move-ins/{id}: progress by building, the desks, what can be printed."""
    centre, scope, move_in_id = centre_of(request), scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        move_in = scope.get(MoveIn, move_in_id)
        desks = Desk.select().where((Desk.move_in == move_in.id) & Desk.closed_at.is_null())
        at = {
            bag.desk_id: bag.unit.label
            for bag in Bag.select(Bag, Unit).join(Unit).where(Bag.desk.in_(desks))
            if bag.state == BagState.AT_DESK.value
        }
        return {
            "move_in": move_in,
            "class_name": move_in.card_class.name,
            "progress": progress_of(move_in),
            "desks": [(desk, at.get(desk.id, "")) for desk in desks.order_by(Desk.id)],
        }

    context = await centre.db.read(read)
    context["may_edit"] = principal_of(request).may("cards", "edit")
    return await render(request, "movein/show.html", context)


async def list_bags(request: web.Request) -> web.Response:
    """GET /move-ins/{id}/units"""
    centre, scope, move_in_id = centre_of(request), scope_of(request), path_id(request)

    def read() -> tuple[MoveIn, dict[str, Choices]]:
        move_in = scope.get(MoveIn, move_in_id)
        return move_in, {"building": {name: name for name in buildings_of(move_in.id)}}

    move_in, choices = await centre.db.read(read)
    return await list_page(
        request,
        bags_table(move_in.id),
        scope,
        template="movein/units.html",
        choices=choices,
        context={"move_in": move_in},
    )


async def print_sheet(request: web.Request) -> web.Response:
    """POST /move-ins/{id}/{sheet}: bag labels or the receipt list of one building. What is printed is noted (12)."""
    settle(request)
    centre, scope, move_in_id = centre_of(request), scope_of(request), path_id(request)
    actor, sheet = actor_of(request), request.match_info["sheet"]
    building = str((await request.post()).get("building", ""))[:100]

    def write() -> dict[str, Any]:
        move_in = scope.get(MoveIn, move_in_id)
        if building not in buildings_of(move_in.id):
            raise NotFoundError("There is no such record, or it belongs to another organisation.")
        sheets = sheets_of(move_in.id, building)
        centre.audit.record(
            actor,
            "cards.move_in_print",
            "move_in",
            move_in.id,
            after={"sheet": sheet, "building": building, "units": len(sheets)},
            site_id=move_in.site_id,
            organisation_id=move_in.organisation_id,
        )
        return {"move_in": move_in, "building": building, "sheets": sheets}

    context = await centre.db.write(write)
    context |= {"printed_at": centre.clock.now(), "printed_by": actor.name}
    return await render(request, f"movein/{sheet}.html", context)


install = packing.install
NAV: Final = [NavItem("cards", lazy("Move-in"), "/move-ins", order=35)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/move-ins", list_move_ins, ("cards", "view")),
    Route("GET", "/move-ins/new", new_move_in, ("cards", "approve")),
    Route("POST", "/move-ins/new", new_move_in, ("cards", "approve")),
    Route("GET", r"/move-ins/{id:\d+}", show_move_in, ("cards", "view")),
    Route("GET", r"/move-ins/{id:\d+}/units", list_bags, ("cards", "view")),
    Route("POST", r"/move-ins/{id:\d+}/{sheet:labels|receipts}", print_sheet, ("cards", "edit")),
    *desk_pages.ROUTES,
    *bag_pages.ROUTES,
]

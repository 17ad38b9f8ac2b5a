"""消費: purchases and tills, and how each till sells."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

import central.tills.publishing  # noqa: F401  (balances follow ledger and cards)
from central.cards.model import CardClass
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.nodes.model import Device
from central.people import dossier as people_dossier
from central.people import erasure
from central.people.exporting import audited
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.tills import dossier, forgetting, takings
from central.tills.forms import (
    LIMIT_FIELDS,
    OFFLINE_FIELDS,
    SLOTS,
    Classes,
    form_of,
    initial,
    limits_of,
    meal_fields,
    meals_of,
)
from central.tills.model import Till
from central.tills.purchases import PURCHASES, choices_in
from central.tills.till_list import TILLS, is_till
from central.tills.tills import TillInput, put, snapshot
from central.web.fields import Choices
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_json, list_page
from central.web.nav import NavItem
from central.web.openapi import describes
from central.web.render import render, settle

_HELP: Final = {"help_section": "tills"}


async def list_purchases(request: web.Request) -> web.Response:
    """GET /tills/purchases: 消費記錄"""
    return await list_page(
        request,
        PURCHASES,
        scope_of(request),
        choices=await _choices(request),
        export_path="/tills/purchases/export",
        context=_HELP,
    )


async def export_purchases(request: web.Request) -> web.StreamResponse:
    """GET /tills/purchases/export"""
    choices = await _choices(request)
    return await list_export(
        request, PURCHASES, scope_of(request), choices=choices, on_export=audited("tills.export")
    )


@describes("List purchases as the tills took them", rows=PURCHASES)
async def api_purchases(request: web.Request) -> web.Response:
    """GET /api/tills/purchases"""
    return await list_json(request, PURCHASES, scope_of(request), choices=await _choices(request))


async def list_tills(request: web.Request) -> web.Response:
    """GET /tills: 收費機, and how far the purchases of each have come in"""
    return await list_page(request, TILLS, scope_of(request), export_path="/tills/export", context=_HELP)


async def export_tills(request: web.Request) -> web.StreamResponse:
    """GET /tills/export"""
    return await list_export(request, TILLS, scope_of(request), on_export=audited("tills.export"))


@describes("List tills, and until when the purchases of each are complete", rows=TILLS)
async def api_tills(request: web.Request) -> web.Response:
    """GET /api/tills"""
    return await list_json(request, TILLS, scope_of(request))


async def list_takings(request: web.Request) -> web.Response:
    """GET /tills/takings: 營業額 of a day or a longer time, till by till"""
    settle(request)
    return await list_page(
        request,
        takings.make_table(request.query),
        scope_of(request),
        choices=await _choices(request),
        export_path="/tills/takings/export",
        context=_HELP,
    )


async def export_takings(request: web.Request) -> web.StreamResponse:
    """GET /tills/takings/export"""
    settle(request)
    table, choices = takings.make_table(request.query), await _choices(request)
    return await list_export(
        request, table, scope_of(request), choices=choices, on_export=audited("tills.export")
    )


@describes("What each till sold in a period", rows=takings.make_table())
async def api_takings(request: web.Request) -> web.Response:
    """GET /api/tills/takings"""
    settle(request)
    table = takings.make_table(request.query)
    return await list_json(request, table, scope_of(request), choices=await _choices(request))


async def _choices(request: web.Request) -> dict[str, Choices]:
    return await centre_of(request).db.read(choices_in, scope_of(request))


async def edit_till(request: web.Request) -> web.Response:
    """GET and POST /tills/{id}: what a till sells for, and within which limits."""
    settle(request)
    centre, scope, device_id = centre_of(request), scope_of(request), path_id(request)
    device, till, classes = await centre.db.read(_read, scope, device_id)
    definition = form_of(classes)
    if request.method == "GET":
        begins = await centre.db.read(initial, till)
        return await _page(request, device, classes, definition.blank(**begins))
    form = definition.bind(await request.post())
    meals = meals_of(form, classes, till) if form.is_valid else ()
    if form.is_valid:
        value = form.value
        given = TillInput(
            shop=value.shop, meals=meals, limits=limits_of(value), version=int(value.version or 0)
        )
        try:
            await centre.db.write(_put, request, device_id, given)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/tills")
    return await _page(request, device, classes, form, 422)


def _read(scope: Scope, device_id: int) -> tuple[Device, Till | None, Classes]:
    device = scope.filter(Device.select().where((Device.id == device_id) & is_till())).first()
    if device is None:
        raise NotFoundError("There is no such till.")
    till = Till.get_or_none(Till.device == device_id)
    classes = CardClass.select(CardClass.id, CardClass.name).where(CardClass.site == device.site_id)
    return device, till, tuple(classes.order_by(CardClass.id).tuples())


def _put(request: web.Request, device_id: int, given: TillInput) -> None:
    centre, scope = centre_of(request), scope_of(request)
    device = scope.get(Device, device_id)
    check_place(scope, device.site_id, device.organisation_id)
    before = snapshot(Till.get_or_none(Till.device == device_id))
    till = put(device, given, centre.clock.now())
    centre.audit.record(
        actor_of(request),
        "tills.change" if before else "tills.create",
        "till",
        device.id,
        before,
        snapshot(till),
        site_id=device.site_id,
        organisation_id=device.organisation_id,
    )


async def _page(
    request: web.Request, device: Device, classes: Classes, form: BoundForm[Any], status: int = 200
) -> web.Response:
    meals = [[form[field.name] for field in meal_fields(slot, classes)] for slot in SLOTS]
    context = {
        **_HELP,
        "device": device,
        "form": form,
        "meals": meals,
        "limits": [form[field.name] for field in LIMIT_FIELDS],
        "offline": [form[field.name] for field in OFFLINE_FIELDS],
    }
    return await render(request, "tills/till.html", context, status=status)


NAV: Final = [
    NavItem("purse", lazy("Purchases at tills"), "/tills/purchases", order=22),
    NavItem("purse", lazy("Takings of tills"), "/tills/takings", order=46),
    NavItem("purse", lazy("Tills"), "/tills", order=60),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/tills/purchases", list_purchases, ("purse", "view")),
    Route("GET", "/tills/purchases/export", export_purchases, ("purse", "export")),
    Route("GET", "/api/tills/purchases", api_purchases, ("purse", "view")),
    Route("GET", "/tills/takings", list_takings, ("purse", "view")),
    Route("GET", "/tills/takings/export", export_takings, ("purse", "export")),
    Route("GET", "/api/tills/takings", api_takings, ("purse", "view")),
    Route("GET", "/tills", list_tills, ("purse", "view")),
    Route("GET", "/tills/export", export_tills, ("purse", "export")),
    Route("GET", "/api/tills", api_tills, ("purse", "view")),
    Route("GET", r"/tills/{id:\d+}", edit_till, ("purse", "edit")),
    Route("POST", r"/tills/{id:\d+}", edit_till, ("purse", "edit")),
]
erasure.ERASERS.append(forgetting.forget)
people_dossier.SECTIONS.append(dossier.purchases_of)

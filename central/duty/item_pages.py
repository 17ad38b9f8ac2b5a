"""Pages of what is counted at a desk: keys, temporary cards, equipment, and how many there are (U7)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.duty.model import DeskItem
from central.duty.rules import CARDS, ITEM_TEXT
from central.duty.service import COUNT_MAX
from central.duty.tables import ITEMS
from central.errors import ConflictError, InvalidInputError
from central.forms.places import place_choices
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.web.fields import CheckField, ChoiceField, NumberField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle


class ItemForm(msgspec.Struct, kw_only=True):
    """Something that is counted."""

    site: str
    organisation: str
    name: str
    kind: str
    pieces_count: int
    active: bool


FORM: Final = Form(
    ItemForm,
    ChoiceField("site", lazy("Estate")),
    ChoiceField("organisation", lazy("Organisation")),
    TextField("name", lazy("Name"), length_max=60),
    ChoiceField("kind", lazy("Kind"), choices=ITEM_TEXT),
    NumberField(
        "pieces_count",
        lazy("Pieces altogether"),
        most=COUNT_MAX,
        hint=lazy("Of temporary cards, those that visitors have are taken off by themselves."),
    ),
    CheckField("active", lazy("Counted at each hand-over")),
)


async def list_items(request: web.Request) -> web.Response:
    """GET /duty/items"""
    context = {"may_edit": principal_of(request).may("duty", "approve")}
    return await list_page(request, ITEMS, scope_of(request), template="duty/items.html", context=context)


async def new_item(request: web.Request) -> web.Response:
    """GET and POST /duty/items/new"""
    return await _edit(request, None)


async def edit_item(request: web.Request) -> web.Response:
    """GET and POST /duty/items/{id}"""
    row_no = path_id(request)
    row = await centre_of(request).db.read(lambda: scope_of(request).get(DeskItem, row_no))
    return await _edit(request, row)


async def _edit(request: web.Request, row: DeskItem | None) -> web.Response:
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    choices = await centre.db.read(place_choices, scope)
    if request.method == "GET":
        first = {name: next(iter(choices[name]), "") for name in ("site", "organisation")}
        form = FORM.blank(choices, active=True, **first) if row is None else _shown(row, choices)
        return await _page(request, row, form)
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value

        def write() -> None:
            _save(scope, row, value)
            item = row or DeskItem.select().order_by(DeskItem.id.desc()).get()
            centre.audit.record(
                actor,
                "duty.item",
                "desk_item",
                item.id,
                None if row is None else before,
                snapshot(item),
                site_id=item.site_id,
                organisation_id=item.organisation_id,
            )

        before = None if row is None else snapshot(row)
        try:
            await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/duty/items")
    return await _page(request, row, form, 422)


def _save(scope: Any, row: DeskItem | None, value: ItemForm) -> None:
    site, organisation = int(value.site), int(value.organisation)
    check_place(scope, site, organisation)
    item = row if row is not None else DeskItem(site=site, organisation=organisation)
    if (item.site_id, item.organisation_id) != (site, organisation):
        raise ConflictError("It stays in its estate.")
    here = (DeskItem.site == site) & (DeskItem.organisation == organisation) & (DeskItem.id != (item.id or 0))
    if DeskItem.select().where(here & (DeskItem.name == value.name)).exists():
        raise ConflictError("There is one with this name already.")
    is_second = DeskItem.select().where(here & DeskItem.active & (DeskItem.kind == CARDS)).exists()
    if value.kind == CARDS and value.active and is_second:
        raise ConflictError("The temporary cards of a desk are counted as one.")
    item.name, item.kind = value.name, value.kind
    item.pieces_count, item.active = value.pieces_count, value.active
    item.save()


def snapshot(row: DeskItem) -> dict[str, Any]:
    """What the audit row says."""
    return {"name": row.name, "kind": row.kind, "count": row.pieces_count, "active": row.active}


def _shown(row: DeskItem, choices: Any) -> BoundForm[ItemForm]:
    first = {"name": row.name, "kind": row.kind, "pieces_count": row.pieces_count, "active": row.active}
    return FORM.blank(choices, site=row.site_id, organisation=row.organisation_id, **first)


async def _page(
    request: web.Request, row: DeskItem | None, form: BoundForm[ItemForm], status: int = 200
) -> web.Response:
    return await render(request, "duty/item.html", {"row": row, "form": form}, status=status)


NAV: Final = [NavItem("duty", lazy("Counted at the desk"), "/duty/items", order=30)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/duty/items", list_items, ("duty", "view")),
    Route("GET", "/duty/items/new", new_item, ("duty", "approve")),
    Route("POST", "/duty/items/new", new_item, ("duty", "approve")),
    Route("GET", r"/duty/items/{id:\d+}", edit_item, ("duty", "approve")),
    Route("POST", r"/duty/items/{id:\d+}", edit_item, ("duty", "approve")),
]

"""How many cards a unit may have: the limits of the estate, and more for one unit by who may approve it (U3)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.desk import by_of
from central.cards.model import CardClass
from central.centre import centre_of
from central.errors import InvalidInputError
from central.households.forms import EXCEPTION, LIMIT
from central.households.limits import rooms_of
from central.households.model import KIND_TEXT, LimitException, Unit, UnitLimit
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Site
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.columns import NUMBER, Column, WordFormat
from central.web.fields import Choices
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    query = (
        UnitLimit.select(
            UnitLimit.id,
            UnitLimit.unit_kind,
            UnitLimit.cards_max,
            CardClass.name.alias("class_name"),
            Site.name.alias("site_name"),
        )
        .join(CardClass)
        .switch(UnitLimit)
        .join(Site)
    )
    return scope.filter(query, UnitLimit)


LIMITS: Final = Table(
    name="limits",
    title=lazy("Cards per unit"),
    query=_query,
    key=UnitLimit.id,
    sort="id",
    columns=(
        Column("id", lazy("Record number"), NUMBER, sort=UnitLimit.id, is_shown=False),
        Column("class_name", lazy("Card class")),
        Column("unit_kind", lazy("Kind of unit"), WordFormat(KIND_TEXT)),
        Column("cards_max", lazy("Cards per unit"), NUMBER),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy("Without a limit a unit may have any number of cards."),
)


async def limits(request: web.Request) -> web.Response:
    """GET and POST /units/limits: the list, and a form that sets one."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    choices = await centre.db.read(_classes, scope)
    form = LIMIT.blank(choices)
    if request.method == "POST":
        form = LIMIT.bind(await request.post(), choices)
        if form.is_valid:
            value = form.value

            def write() -> None:
                card_class = scope.get(CardClass, int(value.card_class))
                check_place(scope, card_class.site_id)
                same = (UnitLimit.card_class == card_class.id) & (UnitLimit.unit_kind == value.unit_kind)
                row = UnitLimit.get_or_none(same) or UnitLimit(
                    site=card_class.site_id, card_class=card_class, unit_kind=value.unit_kind
                )
                before = {"cards_max": row.cards_max} if row.id is not None else None
                row.cards_max = value.cards_max
                row.save()
                after = {"class": card_class.id, "unit_kind": row.unit_kind, "cards_max": row.cards_max}
                centre.audit.record(
                    actor, "cards.unit_limit", "card_class", card_class.id, before, after, site_id=row.site_id
                )

            try:
                await centre.db.write(write)
            except InvalidInputError as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther("/units/limits")
    return await list_page(request, LIMITS, scope, template="households/limits.html", context={"form": form})


def _classes(scope: Scope) -> dict[str, Choices]:
    query = scope.filter(CardClass.select().where(CardClass.active)).order_by(CardClass.name)
    return {"card_class": {str(row.id): row.name for row in query}}


async def allow_more(request: web.Request) -> web.Response:
    """GET and POST /units/{id}/exception: cards beyond the limit for this unit, with a reason."""
    settle(request)
    centre, scope, actor, unit_id = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    by = by_of(request)

    def read() -> tuple[Unit, dict[str, Choices]]:
        found = scope.get(Unit, unit_id)
        return found, {"card_class": {str(r.card_class.id): r.card_class.name for r in rooms_of(found)}}

    unit, choices = await centre.db.read(read)
    form = EXCEPTION.blank(choices, extra_count=1)
    if request.method == "POST":
        form = EXCEPTION.bind(await request.post(), choices)
        if form.is_valid:
            value = form.value

            def write() -> None:
                row = scope.get(Unit, unit_id)
                LimitException.create(
                    unit=row,
                    card_class=int(value.card_class),
                    extra_count=value.extra_count,
                    reason=value.reason,
                    operator_name=by.operator_name,
                    at=by.at,
                )
                centre.audit.record(
                    actor,
                    "cards.unit_exception",
                    "unit",
                    row.id,
                    after={"class": int(value.card_class), "extra": value.extra_count},
                    reason=value.reason,
                    site_id=row.site_id,
                    organisation_id=row.organisation_id,
                )

            await centre.db.write(write)
            raise web.HTTPSeeOther(f"/units/{unit_id}")
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "unit": unit}
    return await render(request, "households/exception.html", context, status=status)


NAV: Final = [NavItem("cards", lazy("Cards per unit"), "/units/limits", order=45)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/units/limits", limits, ("cards", "approve")),
    Route("POST", "/units/limits", limits, ("cards", "approve")),
    Route("GET", r"/units/{id:\d+}/exception", allow_more, ("cards", "approve")),
    Route("POST", r"/units/{id:\d+}/exception", allow_more, ("cards", "approve")),
]

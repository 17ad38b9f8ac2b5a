"""Pages for head office: exceptions by operator and period with limits, and police requests (U11)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from central import settings
from central.centre import centre_of
from central.errors import ForbiddenError, InvalidInputError
from central.holds.holding import why_not_erase
from central.oversight import exceptions, request_pages
from central.oversight.rules import DAYS_MAX, KINDS, LIMITS, LOST_CARD, NIGHT
from central.people import erasure
from central.people.exporting import audited
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.days import FieldError, parse_day
from central.web.fields import NumberField
from central.web.formats import local
from central.web.forms import BoundForm, Form
from central.web.i18n import current, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

SPAN_DAYS: Final = 30
LimitsForm: Final = msgspec.defstruct(
    "LimitsForm",
    [("night_from", int), ("night_until", int), *((name, int | None) for name in KINDS)],
    kw_only=True,
)
FORM: Final[Form[Any]] = Form(
    LimitsForm,
    NumberField("night_from", lazy("The night begins at"), most=23, unit=lazy("o'clock")),
    NumberField("night_until", lazy("The night ends at"), most=23, unit=lazy("o'clock")),
    *(
        NumberField(name, kind.title, is_required=False, most=100_000, unit=lazy("a day and operator"))
        for name, kind in KINDS.items()
    ),
)


def _span(request: web.Request) -> tuple[date, date]:
    """The days that the list is about: those of its filter, else the last thirty.

    :raises InvalidInputError: no such days, or more than a quarter.
    """
    today = local(centre_of(request).clock.now()).date()
    try:
        last = parse_day(request.query["at_to"]) if request.query.get("at_to") else today
        raw = request.query.get("at_from")
        first = parse_day(raw) if raw else last - timedelta(days=SPAN_DAYS)
    except FieldError as error:
        raise InvalidInputError(str(error)) from None
    if not timedelta() <= last - first <= timedelta(days=DAYS_MAX):
        raise InvalidInputError("Choose 92 days at most.")
    return first, last


async def list_exceptions(request: web.Request) -> web.Response:
    """GET /oversight: sums by operator and kind, and every act of these days."""
    settle(request)
    centre, scope, zone = centre_of(request), scope_of(request), current().zone
    first, last = _span(request)

    def read() -> dict[str, Any]:
        return {
            "hours": exceptions.hours_of_night(),
            "summary": exceptions.summary(scope, first, last, zone),
            "lost_count": exceptions.lost_cards_used(scope, first, last),
        }

    context = await centre.db.read(read)
    context |= {"first": first, "last": last, "kinds": KINDS, "lost_card": LOST_CARD}
    return await list_page(
        request,
        exceptions.table(first, last, zone, context["hours"]),
        scope,
        template="oversight/exceptions.html",
        export_path="/oversight/export",
        context=context,
    )


async def export_exceptions(request: web.Request) -> web.StreamResponse:
    """GET /oversight/export"""
    settle(request)
    hours = await centre_of(request).db.read(exceptions.hours_of_night)
    table = exceptions.table(*_span(request), current().zone, hours)
    return await list_export(request, table, scope_of(request), on_export=audited("oversight.export"))


async def limits(request: web.Request) -> web.Response:
    """GET and POST /oversight/limits: what head office lets pass, and when it is night."""
    settle(request)
    centre, actor = centre_of(request), actor_of(request)
    if not scope_of(request).is_head_office:
        raise ForbiddenError("Only who works for all estates sets these limits.")

    def read() -> dict[str, Any]:
        begins, ends = exceptions.hours_of_night()
        return {"night_from": begins, "night_until": ends, **settings.get(LIMITS)}

    if request.method == "GET":
        return await _limits_page(request, FORM.blank(**await centre.db.read(read)))
    form = FORM.bind(await request.post())
    if not form.is_valid:
        return await _limits_page(request, form, 422)
    value = form.value
    allowed = {name: number for name in KINDS if (number := getattr(value, name)) is not None}

    def write() -> None:
        old = {LIMITS: settings.get(LIMITS), NIGHT: settings.get(NIGHT)}
        new = {LIMITS: allowed, NIGHT: [value.night_from, value.night_until]}
        for name, chosen in new.items():
            settings.put(name, chosen, centre.clock.now())
        centre.audit.record(actor, "oversight.limits", "system", "", old, new)

    await centre.db.write(write)
    raise web.HTTPSeeOther("/oversight")


async def _limits_page(request: web.Request, form: BoundForm[Any], status: int = 200) -> web.Response:
    return await render(request, "oversight/limits.html", {"form": form}, status=status)


NAV: Final = [NavItem("reports", lazy("Exceptional acts"), "/oversight", order=75), *request_pages.NAV]
ROUTES: Final[list[Route]] = [
    Route("GET", "/oversight", list_exceptions, ("oversight", "view")),
    Route("GET", "/oversight/export", export_exceptions, ("oversight", "export")),
    Route("GET", "/oversight/limits", limits, ("oversight", "approve")),
    Route("POST", "/oversight/limits", limits, ("oversight", "approve"), step_up=True),
    *request_pages.ROUTES,
]
erasure.BLOCKERS.append(why_not_erase)

"""Pages to change a visit and to call it off."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, Final

import msgspec
from aiohttp import web

from central.audit import act_on_many
from central.cards.desk import by_of, record
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.visitors import changing
from central.visitors.entering_pages import REGISTERS
from central.visitors.model import Visit
from central.web.fields import DateField, TextField, TimeField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, current, lazy
from central.web.render import render, settle


class TimesForm(msgspec.Struct, kw_only=True):
    """From when until when, and why."""

    purpose: str | None
    from_on: date
    from_time: time
    until_on: date
    until_time: time


FORM: Final = Form(
    TimesForm,
    TextField("purpose", lazy("Purpose of the visit"), is_required=False),
    DateField("from_on", lazy("Expected on")),
    TimeField("from_time", lazy("Expected at"), hint=lazy("The card opens nothing before.")),
    DateField("until_on", lazy("Card due back on")),
    TimeField("until_time", lazy("Card due back at"), hint=lazy("The card opens nothing afterwards.")),
)


async def edit_visit(request: web.Request) -> web.Response:
    """GET /visitors/{id}/change"""
    settle(request)
    visit = await centre_of(request).db.read(_visit, request)
    starts, until = (at.astimezone(current().zone) for at in (visit.starts_at, visit.until_at))
    times = {"from_on": starts.date(), "from_time": starts.time()}
    times |= {"until_on": until.date(), "until_time": until.time()}
    return await _page(request, visit, FORM.blank(purpose=visit.purpose, **times))


async def change_visit(request: web.Request) -> web.Response:
    """POST /visitors/{id}/change"""
    settle(request)
    form = FORM.bind(await request.post())
    if form.is_valid:
        value, zone, by = form.value, current().zone, by_of(request)
        starts_at = datetime.combine(value.from_on, value.from_time, zone)
        until_at = datetime.combine(value.until_on, value.until_time, zone)

        def write() -> None:
            visit = _visit(request)
            if changing.card_out(visit) is not None and not principal_of(request).may("cards", "edit"):
                raise ConflictError("The visitor has a card, which only the card centre makes longer.")
            before = _row(visit)
            extended = changing.change(by, visit, starts_at, until_at, value.purpose or "")
            _audit(request, visit, "people.visit_change", before)
            if extended is not None:
                act_on_many(1)
                record(request, extended, "")

        try:
            await centre_of(request).db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/visitors/{path_id(request)}")
    return await _page(request, await centre_of(request).db.read(_visit, request), form, 422)


async def cancel_visit(request: web.Request) -> web.Response:
    """POST /visitors/{id}/cancel"""
    settle(request)
    now = centre_of(request).clock.now()

    def write() -> None:
        visit = _visit(request)
        before = _row(visit)
        changing.cancel(visit, now)
        _audit(request, visit, "people.visit_cancel", before)

    await centre_of(request).db.write(write)
    raise web.HTTPSeeOther(f"/visitors/{path_id(request)}")


def _visit(request: web.Request) -> Visit:
    """
    :raises NotFoundError: no such visit in the scope.
    """
    found: Visit = scope_of(request).get(Visit, path_id(request))
    return found


def _row(visit: Visit) -> dict[str, Any]:
    return {
        "from": visit.starts_at.isoformat(),
        "until": visit.until_at.isoformat(),
        "cancelled": visit.cancelled_at is not None,
    }


def _audit(request: web.Request, visit: Visit, action: str, before: dict[str, Any]) -> None:
    centre_of(request).audit.record(
        actor_of(request),
        action,
        "person",
        visit.person_id,
        before,
        _row(visit),
        site_id=visit.site_id,
        organisation_id=visit.organisation_id,
    )


async def _page(
    request: web.Request, visit: Visit, form: BoundForm[TimesForm], status: int = 200
) -> web.Response:
    def read() -> dict[str, Any]:
        return {"name": visit.person.name, "is_out": changing.card_out(visit) is not None}

    context = await centre_of(request).db.read(read)
    return await render(
        request, "visitors/change.html", {"visit": visit, "form": form, **context}, status=status
    )


ROUTES: Final[list[Route]] = [
    Route("GET", r"/visitors/{id:\d+}/change", edit_visit, REGISTERS),
    Route("POST", r"/visitors/{id:\d+}/change", change_visit, REGISTERS),
    Route("POST", r"/visitors/{id:\d+}/cancel", cancel_visit, REGISTERS),
]

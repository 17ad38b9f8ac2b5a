"""Meter readings and debts of a unit: entered, settled; neither is ever changed (U3)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.audit import act_on_many
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.households import debts, readings
from central.households.forms import DEBT, METERS, READING
from central.households.model import Debt, Unit
from central.households.people import find_person
from central.households.readings import Read
from central.people.inputs import one_line, path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.web.formats import local
from central.web.i18n import _
from central.web.render import render, settle

NOTE_CHARS_MAX: Final = 100


async def enter_reading(request: web.Request) -> web.Response:
    """GET and POST /units/{id}/readings"""
    settle(request)
    centre, scope, unit_id, by = centre_of(request), scope_of(request), path_id(request), by_of(request)
    unit = await centre.db.read(scope.get, Unit, unit_id)
    form = READING.blank(read_on=local(by.at).date())
    if request.method == "POST":
        form = READING.bind(await request.post())
        if form.is_valid:
            value = form.value

            def write() -> None:
                row = scope.get(Unit, unit_id)
                shown = {name: given for name in METERS if (given := getattr(value, name)) is not None}
                if not shown or value.read_on is None:
                    raise InvalidInputError("Enter a reading and the day on which it was taken.")
                read = Read(shown, value.read_on, value.reader or "", value.meter_note or "")
                changed = readings.write(by, row, read)
                act_on_many(len(changed) - 1)
                for one in changed:
                    _record(request, row, one.action, one.object_kind, one.object_id, None, one.after)

            try:
                await centre.db.write(write)
            except InvalidInputError as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/units/{unit_id}")
    context = {"form": form, "unit": unit}
    status = 422 if request.method == "POST" else 200
    return await render(request, "households/reading.html", context, status=status)


async def enter_debt(request: web.Request) -> web.Response:
    """GET and POST /units/{id}/debts"""
    settle(request)
    centre, scope, unit_id, by = centre_of(request), scope_of(request), path_id(request), by_of(request)
    unit = await centre.db.read(scope.get, Unit, unit_id)
    form = DEBT.blank(owed_on=local(by.at).date())
    if request.method == "POST":
        form = DEBT.bind(await request.post())
        if form.is_valid:
            value = form.value

            def write() -> None:
                row = scope.get(Unit, unit_id)
                debtor = find_person(scope, row, value.person)
                made = debts.enter(by, row, debtor, value.what, value.amount_fen, value.owed_on)
                _record(request, row, made.action, made.object_kind, made.object_id, None, made.after)

            try:
                await centre.db.write(write)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/units/{unit_id}")
    context = {"form": form, "unit": unit}
    return await render(
        request, "households/debt.html", context, status=422 if request.method == "POST" else 200
    )


async def settle_debt(request: web.Request) -> web.Response:
    """POST /units/{id}/debts/settle"""
    settle(request)
    centre, scope, unit_id, by = centre_of(request), scope_of(request), path_id(request), by_of(request)
    posted = await request.post()
    debt_id = row_id(str(posted.get("debt", ""))) or 0
    note = one_line(posted.get("note", ""), NOTE_CHARS_MAX)

    def write() -> None:
        unit = scope.get(Unit, unit_id)
        debt = Debt.get_or_none((Debt.id == debt_id) & (Debt.unit == unit.id))
        if debt is None:
            raise ConflictError("There is no such debt of this unit.")
        before = debts.snapshot(debt)
        debts.settle(by, debt, note)
        _record(request, unit, "people.debt_settled", "debt", debt.id, before, debts.snapshot(debt))

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/units/{unit_id}")


def _record(
    request: web.Request, unit: Unit, action: str, kind: str, object_id: int, before: Any, after: Any
) -> None:
    centre_of(request).audit.record(
        actor_of(request),
        action,
        kind,
        object_id,
        before,
        after,
        site_id=unit.site_id,
        organisation_id=unit.organisation_id,
    )


ROUTES: Final[list[Route]] = [
    Route("GET", r"/units/{id:\d+}/readings", enter_reading, ("people", "edit")),
    Route("POST", r"/units/{id:\d+}/readings", enter_reading, ("people", "edit")),
    Route("GET", r"/units/{id:\d+}/debts", enter_debt, ("people", "edit")),
    Route("POST", r"/units/{id:\d+}/debts", enter_debt, ("people", "edit")),
    Route("POST", r"/units/{id:\d+}/debts/settle", settle_debt, ("people", "edit")),
]

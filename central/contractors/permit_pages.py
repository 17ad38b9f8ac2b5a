"""Pages of contractors' permits: list, entering, one permit with workers, cards and deposit (U6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from aiohttp import web

from central.audit import act_on_many
from central.cards import desk as card_desk
from central.cards import entitlements
from central.cards.acts import Change
from central.cards.desk import by_of
from central.cards.model import Card, CardClass
from central.cards.table import status_of
from central.centre import centre_of
from central.contractors import papers, service
from central.contractors.forms import PERMIT, REFUND, WORKER, PermitForm
from central.contractors.model import Permit, Worker
from central.contractors.tables import deposit_state, permits_table
from central.errors import ConflictError, InvalidInputError
from central.forms.print_pages import PRINTER_COOKIE
from central.households.finding import find_unit
from central.households.model import Unit
from central.households.people import find_person, last_day_of, local_day
from central.people.inputs import one_line, path_id
from central.people.model import Person
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.fields import Choices
from central.web.formats import hours_text
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle

REASON_CHARS_MAX: Final = 200


async def list_permits(request: web.Request) -> web.Response:
    """GET /permits"""
    settle(request)
    table = permits_table(centre_of(request).clock.now())
    return await list_page(request, table, scope_of(request), template="contractors/permits.html")


def _choices(scope: Scope) -> dict[str, Choices]:
    classes = scope.filter(CardClass.select().where(CardClass.active)).order_by(CardClass.name)
    levels: dict[str, str] = {}
    places = scope.filter(Unit.select(Unit.site, Unit.organisation).distinct()).tuples()
    for site_id, organisation_id in places:
        levels |= entitlements.level_choices(site_id, organisation_id)
    return {"card_class": {str(row.id): row.name for row in classes}, "levels": levels}


async def new_permit(request: web.Request) -> web.Response:
    """GET and POST /permits/new"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    choices = await centre.db.read(_choices, scope)
    form = PERMIT.blank(choices)
    if request.method == "POST":
        form = PERMIT.bind(await request.post(), choices)
        if form.is_valid:
            value = form.value

            def write() -> int:
                unit = find_unit(scope, value.unit)
                check_place(scope, unit.site_id, unit.organisation_id)
                permit = Permit.create(
                    number=service.next_number(Permit, unit.site_id),
                    operator_name=by.operator_name,
                    created_at=by.at,
                    **_columns(scope, unit, value),
                )
                centre.audit.record(
                    actor,
                    "cards.permit",
                    "permit",
                    permit.id,
                    after=service.snapshot(permit),
                    site_id=permit.site_id,
                    organisation_id=permit.organisation_id,
                )
                return int(permit.id)

            try:
                made = await centre.db.write(write)
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/permits/{made}")
    status = 422 if request.method == "POST" else 200
    return await render(request, "contractors/permit_new.html", {"form": form}, status=status)


def _columns(scope: Scope, unit: Unit, value: PermitForm) -> dict[str, Any]:
    if value.last_on < value.from_on:
        raise InvalidInputError("The last day lies before the first.")
    hours = service.hours_from(
        [(value.starts, value.ends), (value.again_starts, value.again_ends)],
    )
    if not set(value.levels) <= set(entitlements.level_choices(unit.site_id, unit.organisation_id)):
        raise InvalidInputError("An access level belongs to another estate or organisation.")
    card_class = scope.get(CardClass, int(value.card_class)) if value.card_class else None
    if card_class is not None and card_class.site_id != unit.site_id:
        raise InvalidInputError("There is no such card class in this estate.")
    return {
        "site": unit.site_id,
        "organisation": unit.organisation_id,
        "unit": unit,
        "firm": value.firm,
        "contact": value.contact or "",
        "phone": value.phone or "",
        "work": value.work,
        "from_on": value.from_on,
        "until_on": value.last_on + timedelta(days=1),
        "hours": hours,
        "card_class": card_class,
        "levels": sorted(map(int, value.levels)),
        "deposit_fen": value.deposit_fen,
    }


async def get_permit(request: web.Request) -> web.Response:
    """GET /permits/{id}"""
    return await show_permit(request)


async def show_permit(
    request: web.Request,
    problem: str = "",
    worker: BoundForm[Any] | None = None,
    refund: BoundForm[Any] | None = None,
) -> web.Response:
    """The page of a permit; with a form or a problem: what could not be done."""
    settle(request)
    centre, scope, permit_id = centre_of(request), scope_of(request), path_id(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        permit = scope.get(Permit, permit_id)
        workers = Worker.select(Worker, Person).join(Person).where(Worker.permit == permit.id)
        cards: dict[int, list[Any]] = {}
        for card in Card.select().where(Card.person.in_([w.person_id for w in workers])).order_by(Card.id):
            cards.setdefault(card.person_id, []).append((card, status_of(card, now)))
        return {
            "permit": permit,
            "unit": permit.unit,
            "workers": [(w.person, cards.get(w.person_id, [])) for w in workers.order_by(Worker.id)],
            "out_count": len(service.cards_out(permit)),
            "is_over": service.is_over(permit, local_day(permit.site_id, now)),
            "offer": papers.deposit_offer(scope, permit),
        }

    context = await centre.db.read(read)
    permit = context["permit"]
    principal = principal_of(request)
    context |= {
        "deposit": deposit_state(permit),
        "hours": hours_text(permit.hours),
        "last_day_of": last_day_of,
        "worker": worker or WORKER.blank(),
        "refund": refund or REFUND.blank(kept_fen=0),
        "may_edit": principal.may("cards", "edit"),
        "may_refund": principal.may("cards", "approve"),
        "problem": problem,
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
    }
    status = 422 if problem or worker is not None or refund is not None else 200
    return await render(request, "contractors/permit.html", context, status=status)


async def _do(
    request: web.Request,
    action: str,
    act: Callable[[Scope, Permit], Sequence[Change]],
    reason: str = "",
    also: Callable[[], dict[str, Any]] = dict,
) -> None:
    """One act on a permit with its audit row, and one for each card that it changed."""
    centre, scope, actor, permit_id = (
        centre_of(request),
        scope_of(request),
        actor_of(request),
        path_id(request),
    )

    def write() -> None:
        permit = scope.get(Permit, permit_id)
        before = service.snapshot(permit)
        changes = act(scope, permit)
        act_on_many(len(changes))
        for change in changes:
            card_desk.record(request, change, reason)
        centre.audit.record(
            actor,
            action,
            "permit",
            permit.id,
            before,
            {**service.snapshot(permit), **also()},
            reason,
            site_id=permit.site_id,
            organisation_id=permit.organisation_id,
        )

    await centre.db.write(write)


async def add_worker(request: web.Request) -> web.Response:
    """POST /permits/{id}/workers"""
    settle(request)
    form, by = WORKER.bind(await request.post()), by_of(request)
    if form.is_valid:
        number = form.value.person

        def act(scope: Scope, permit: Permit) -> Sequence[Change]:
            person = find_person(scope, permit.unit, number)
            service.add_worker(permit, person, local_day(permit.site_id, by.at))
            return ()

        try:
            await _do(request, "cards.permit_worker", act, also=lambda: {"worker": number})
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/permits/{path_id(request)}")
    return await show_permit(request, worker=form)


async def pay(request: web.Request) -> web.Response:
    """POST /permits/{id}/pay"""
    settle(request)
    by = by_of(request)
    return await _simple(request, "cards.permit_paid", lambda scope, permit: service.pay(permit, by))


async def end(request: web.Request) -> web.Response:
    """POST /permits/{id}/end: before its time; the cards are dead at once."""
    settle(request)
    by = by_of(request)
    reason = one_line((await request.post()).get("reason", ""), REASON_CHARS_MAX)
    return await _simple(
        request,
        "cards.permit_ended",
        lambda scope, permit: service.end_early(permit, by, reason),
        reason,
    )


async def _simple(
    request: web.Request, action: str, act: Callable[[Scope, Permit], Sequence[Change]], reason: str = ""
) -> web.Response:
    try:
        await _do(request, action, act, reason)
    except (ConflictError, InvalidInputError) as error:
        return await show_permit(request, _(str(error)))
    raise web.HTTPSeeOther(f"/permits/{path_id(request)}")


async def refund(request: web.Request) -> web.Response:
    """POST /permits/{id}/refund"""
    settle(request)
    form, by = REFUND.bind(await request.post()), by_of(request)
    if form.is_valid:
        value = form.value

        def act(scope: Scope, permit: Permit) -> Sequence[Change]:
            service.refund(permit, by, value.kept_fen, value.kept_reason or "")
            return ()

        try:
            await _do(request, "cards.permit_refunded", act, value.kept_reason or "")
        except (ConflictError, InvalidInputError) as error:
            return await show_permit(request, _(str(error)), refund=form)
        raise web.HTTPSeeOther(f"/permits/{path_id(request)}")
    return await show_permit(request, refund=form)


NAV: Final = [NavItem("people", lazy("Contractors' permits"), "/permits", order=40)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/permits", list_permits, ("cards", "view")),
    Route("GET", "/permits/new", new_permit, ("cards", "edit")),
    Route("POST", "/permits/new", new_permit, ("cards", "edit")),
    Route("GET", r"/permits/{id:\d+}", get_permit, ("cards", "view")),
    Route("POST", r"/permits/{id:\d+}/workers", add_worker, ("cards", "edit")),
    Route("POST", r"/permits/{id:\d+}/pay", pay, ("cards", "edit")),
    Route("POST", r"/permits/{id:\d+}/end", end, ("cards", "edit")),
    Route("POST", r"/permits/{id:\d+}/refund", refund, ("cards", "approve"), step_up=True),
]

"""Pages of fault tickets: list, report (also from an alarm, a device, a door), steps, log, figures, due times (U12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from central import settings
from central.access.alarm_kinds import KINDS
from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.forms.places import place_choices
from central.forms.print_pages import PRINTER_COOKIE, route
from central.forms.service import offer_of
from central.forms.slip import COLUMNS
from central.forms.slip_pages import print_slip, show_slip
from central.nodes.model import Device
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.repairs import service
from central.repairs.forms import DUE_FORM, MAINTAIN, REPORT, STEP
from central.repairs.model import LogEntry, Ticket
from central.repairs.papers import TICKET, place_of
from central.repairs.rules import ACT_TEXT, DUE, NEXT, SEVERITY_TEXT, Act
from central.repairs.service import Subject
from central.repairs.tables import LOG, places_in, shown_state, tickets_table
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.days import FieldError, day_start, parse_day
from central.web.figures import Figure
from central.web.formats import local
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

FIGURE_DAYS: Final = 90
RIGHT_FOR: Final[dict[Act, tuple[str, str]]] = {
    Act.ASSIGN: ("duty", "approve"),
    Act.WITHDRAW: ("duty", "approve"),
    Act.REPAIR: ("duty", "edit"),
    Act.CONFIRM: ("duty", "edit"),
    Act.REOPEN: ("duty", "edit"),
    Act.NOTE: ("duty", "edit"),
}
BUTTON: Final = {
    Act.ASSIGN: lazy("Assign"),
    Act.REPAIR: lazy("It is repaired"),
    Act.CONFIRM: lazy("Confirm the repair"),
    Act.REOPEN: lazy("Reopen"),
    Act.WITHDRAW: lazy("Withdraw"),
    Act.NOTE: lazy("Add a note"),
}


async def list_tickets(request: web.Request) -> web.Response:
    """GET /repairs"""
    centre, scope = centre_of(request), scope_of(request)
    return await list_page(
        request,
        tickets_table(centre.clock.now()),
        scope,
        template="repairs/list.html",
        choices=await centre.db.read(places_in, scope),
        export_path="/repairs/export",
    )


async def export_tickets(request: web.Request) -> web.StreamResponse:
    """GET /repairs/export"""
    centre, scope = centre_of(request), scope_of(request)
    choices = await centre.db.read(places_in, scope)
    table = tickets_table(centre.clock.now())
    return await list_export(request, table, scope, choices=choices, on_export=audited("duty.export"))


async def list_log(request: web.Request) -> web.Response:
    """GET /repairs/log"""
    scope = scope_of(request)
    return await list_page(
        request,
        LOG,
        scope,
        template="repairs/log.html",
        choices=await centre_of(request).db.read(places_in, scope),
        export_path="/repairs/log/export",
        context={
            "device": row_id(request.query.get("device", "")),
            "door": row_id(request.query.get("door", "")),
        },
    )


async def export_log(request: web.Request) -> web.StreamResponse:
    """GET /repairs/log/export"""
    scope = scope_of(request)
    choices = await centre_of(request).db.read(places_in, scope)
    return await list_export(request, LOG, scope, choices=choices, on_export=audited("duty.export"))


def _asked(values: Any) -> dict[str, int | None]:
    return {name: row_id(str(values.get(name, ""))) for name in ("alarm", "door", "device")}


async def new_ticket(request: web.Request) -> web.Response:
    """GET /repairs/new: with ``alarm``, ``door`` or ``device`` for what it is about."""
    settle(request)
    scope, asked = scope_of(request), _asked(request.query)

    def read() -> tuple[Subject | None, Ticket | None]:
        subject = service.subject_of(scope, **asked)
        alarm = None if subject is None else subject.alarm
        return subject, None if alarm is None else service.open_ticket_of(alarm)

    subject, known = await centre_of(request).db.read(read)
    if known is not None:
        raise web.HTTPSeeOther(f"/repairs/{known.id}")
    first: dict[str, Any] = {"severity": "normal"}
    if subject is not None:
        first |= {"device": subject.device.id if subject.device is not None else None}
        first |= {"door": subject.door.id if subject.door is not None else None}
        if subject.alarm is not None:
            kind = KINDS[subject.alarm.kind]
            first |= {
                "alarm": subject.alarm.id,
                "severity": service.severity_of(subject.alarm),
                "what": kind.text,
            }
    return await _report_page(
        request, REPORT.blank(await centre_of(request).db.read(places_in, scope), **first)
    )


async def report(request: web.Request) -> web.Response:
    """POST /repairs/new"""
    settle(request)
    centre, scope, by = centre_of(request), scope_of(request), by_of(request)
    posted = await request.post()
    form = REPORT.bind(posted, await centre.db.read(places_in, scope))
    if form.is_valid:
        value, asked = form.value, _asked(posted)

        def write() -> int:
            subject = service.subject_of(scope, **asked) or _anywhere(scope)
            ticket = service.report(by, scope, subject, value.what, value.severity, value.place or "")
            _record(request, "duty.ticket", ticket, None)
            return int(ticket.id)

        try:
            made = await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/repairs/{made}")
    return await _report_page(request, form, 422)


def _anywhere(scope: Scope) -> Subject:
    """The first estate and organisation of the operator, for a fault at neither device nor door."""
    choices = place_choices(scope)
    for site in choices["site"]:
        for organisation in choices["organisation"]:
            if scope.allows(int(str(site)), int(str(organisation))):
                return Subject(int(str(site)), int(str(organisation)))
    raise ForbiddenError("Your roles do not allow this.")


async def _report_page(request: web.Request, form: BoundForm[Any], status: int = 200) -> web.Response:
    return await render(request, "repairs/new.html", {"form": form}, status=status)


async def get_ticket(request: web.Request) -> web.Response:
    """GET /repairs/{id}"""
    return await show_ticket(request)


async def show_ticket(
    request: web.Request, failed: BoundForm[Any] | None = None, template: str = "repairs/ticket.html"
) -> web.Response:
    """The page of a ticket; with a form: the step that could not be done."""
    settle(request)
    centre, scope, ticket_id = centre_of(request), scope_of(request), path_id(request)
    now, who = centre.clock.now(), principal_of(request)

    def read() -> dict[str, Any]:
        ticket = scope.get(Ticket, ticket_id)
        return {
            "ticket": ticket,
            "place": place_of(ticket),
            "steps": list(LogEntry.select().where(LogEntry.ticket == ticket.id).order_by(LogEntry.id)),
            "offer": offer_of(scope, TICKET, ticket.id, ticket.site_id, ticket.organisation_id),
        }

    context = await centre.db.read(read)
    ticket = context["ticket"]
    possible = [act for (state, act) in NEXT if state.value == ticket.state and who.may(*RIGHT_FOR[act])]
    context |= {
        "state": shown_state(ticket, now),
        "form": failed or STEP.blank(),
        "acts": [(act, BUTTON[act]) for act in possible],
        "may_assign": Act.ASSIGN in possible,
        "act_text": ACT_TEXT,
        "severities": SEVERITY_TEXT,
        "alarm_text": KINDS[ticket.alarm_kind].text if ticket.alarm_kind in KINDS else ticket.alarm_kind,
        "widths": list(COLUMNS),
        "may_print": who.may("duty", "edit"),
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
    }
    return await render(request, template, context, status=200 if failed is None else 422)


async def print_ticket(request: web.Request) -> web.Response:
    """GET /repairs/{id}/print: on A4."""
    return await show_ticket(request, template="repairs/ticket_print.html")


async def step(request: web.Request) -> web.Response:
    """POST /repairs/{id}/step: the next step, named by the button."""
    settle(request)
    centre, scope, by, ticket_id = centre_of(request), scope_of(request), by_of(request), path_id(request)
    posted = await request.post()
    names = {act.value: act for act in RIGHT_FOR}
    what, form = names.get(str(posted.get("act", ""))), STEP.bind(posted)
    if what is None:
        raise InvalidInputError("There is no such choice.")
    if not principal_of(request).may(*RIGHT_FOR[what]):
        raise ForbiddenError("Your roles do not allow this.")
    if form.is_valid:
        value = form.value

        def write() -> None:
            ticket = scope.get(Ticket, ticket_id)
            before = service.snapshot(ticket)
            service.act(by, ticket, what, value.note or "", value.assigned_to or "")
            _record(request, "duty.ticket_step", ticket, before, value.note or "")

        try:
            await centre.db.write(write)
        except (ConflictError, ForbiddenError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/repairs/{ticket_id}")
    return await show_ticket(request, form)


def _record(
    request: web.Request, action: str, ticket: Ticket, before: dict[str, Any] | None, reason: str = ""
) -> None:
    centre_of(request).audit.record(
        actor_of(request),
        action,
        "fault_ticket",
        ticket.id,
        before,
        service.snapshot(ticket),
        reason,
        site_id=ticket.site_id,
        organisation_id=ticket.organisation_id,
    )


async def maintain(request: web.Request) -> web.Response:
    """GET and POST /repairs/log/new: maintenance that no fault has caused (10)."""
    settle(request)
    centre, scope, by, actor = centre_of(request), scope_of(request), by_of(request), actor_of(request)
    choices = await centre.db.read(places_in, scope)
    if request.method == "GET":
        asked = _asked(request.query)
        form = MAINTAIN.blank(choices, device=asked["device"], door=asked["door"])
        return await render(request, "repairs/log_new.html", {"form": form})
    posted = await request.post()
    form = MAINTAIN.bind(posted, choices)
    if form.is_valid:
        value, asked = form.value, _asked(posted)

        def write() -> None:
            subject = service.subject_of(scope, **{**asked, "alarm": None})
            if subject is None:
                raise InvalidInputError("Choose a device or a door.")
            entry = service.maintain(by, scope, subject, value.note)
            centre.audit.record(
                actor,
                "duty.maintenance",
                "maintenance",
                entry.id,
                after={"device": subject.label, "note": entry.note},
                site_id=entry.site_id,
                organisation_id=entry.organisation_id,
            )

        try:
            await centre.db.write(write)
        except InvalidInputError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/repairs/log")
    return await render(request, "repairs/log_new.html", {"form": form}, status=422)


async def show_figures(request: web.Request) -> web.Response:
    """GET /repairs/figures: by severity and by device, for the tickets reported in a span of days."""
    settle(request)
    centre, scope, now = centre_of(request), scope_of(request), centre_of(request).clock.now()
    today = local(now).date()
    first, last, problem = today - timedelta(days=FIGURE_DAYS), today, ""
    try:
        first = parse_day(request.query.get("from", "") or first.isoformat())
        last = parse_day(request.query.get("to", "") or last.isoformat())
        if last < first:
            raise FieldError(_("The last day lies before the first."))
    except FieldError as error:
        problem = str(error)
    span: tuple[datetime, datetime] = (day_start(first), day_start(last + timedelta(days=1)))

    def read() -> dict[str, Any]:
        labels = {row.id: f"{row.number} {row.label}" for row in scope.filter(Device.select())}
        devices = service.figures(scope, *span, now, Ticket.device)
        return {
            "altogether": service.figures(scope, *span, now),
            "severities": [
                (str(SEVERITY_TEXT[which]), row)
                for which, row in service.figures(scope, *span, now, Ticket.severity)
            ],
            "devices": [(labels.get(which, _("Neither device nor door")), row) for which, row in devices],
        }

    context = {} if problem else await centre.db.read(read)
    context |= {"first": first.isoformat(), "last": last.isoformat(), "problem": problem}
    return await render(request, "repairs/figures.html", context, status=422 if problem else 200)


async def due_times(request: web.Request) -> web.Response:
    """GET and POST /repairs/due"""
    settle(request)
    centre, actor = centre_of(request), actor_of(request)
    if request.method == "GET":
        hours = await centre.db.read(lambda: {name: settings.get(key) for name, key in DUE.items()})
        return await render(request, "repairs/due.html", {"form": DUE_FORM.blank(**hours)})
    form = DUE_FORM.bind(await request.post())
    if not form.is_valid:
        return await render(request, "repairs/due.html", {"form": form}, status=422)
    values = {key: getattr(form.value, name) for name, key in DUE.items()}

    def write() -> None:
        old = {key: settings.get(key) for key in values}
        for key, hours in values.items():
            settings.put(key, hours, centre.clock.now())
        centre.audit.record(actor, "duty.due", "system", "", old, values)

    await centre.db.write(write)
    raise web.HTTPSeeOther("/repairs")


async def make_slip(request: web.Request) -> web.StreamResponse:
    """POST /repairs/{id}/slip"""
    return await print_slip(request, TICKET, "duty.slip", "fault_ticket", f"/repairs/{path_id(request)}")


async def get_slip(request: web.Request) -> web.Response:
    """GET /repairs/{id}/slip?width="""
    return await show_slip(request, TICKET, f"/repairs/{path_id(request)}")


_FIGURE_TABLE: Final = tickets_table(datetime.fromisoformat("2000-01-01T00:00:00+00:00"))
"""The figure asks for nothing that depends on the time."""
NAV: Final = [
    NavItem("duty", lazy("Fault tickets"), "/repairs", order=40),
    NavItem("duty", lazy("Maintenance log"), "/repairs/log", order=50),
]
FIGURES: Final = [
    Figure(
        "tickets",
        lazy("Faults to repair or confirm"),
        "/repairs",
        _FIGURE_TABLE,
        {"todo": "yes"},
        tone="warn",
        order=74,
    )
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/repairs", list_tickets, ("duty", "view")),
    Route("GET", "/repairs/export", export_tickets, ("duty", "export")),
    Route("GET", "/repairs/log", list_log, ("duty", "view")),
    Route("GET", "/repairs/log/export", export_log, ("duty", "export")),
    Route("GET", "/repairs/log/new", maintain, ("duty", "edit")),
    Route("POST", "/repairs/log/new", maintain, ("duty", "edit")),
    Route("GET", "/repairs/figures", show_figures, ("duty", "view")),
    Route("GET", "/repairs/due", due_times, ("duty", "approve")),
    Route("POST", "/repairs/due", due_times, ("duty", "approve")),
    Route("GET", "/repairs/new", new_ticket, ("duty", "edit")),
    Route("POST", "/repairs/new", report, ("duty", "edit")),
    Route("GET", r"/repairs/{id:\d+}", get_ticket, ("duty", "view")),
    Route("GET", r"/repairs/{id:\d+}/print", print_ticket, ("duty", "view")),
    Route("POST", r"/repairs/{id:\d+}/step", step, ("duty", "edit")),
    Route("POST", r"/repairs/{id:\d+}/slip", make_slip, ("duty", "edit")),
    Route("GET", r"/repairs/{id:\d+}/slip", get_slip, ("duty", "edit")),
    route(TICKET, ("duty", "edit")),
]

"""Pages of police requests: entering one holds its records, the signed export, lifting the hold (U11)."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import Any, Final

import msgspec
import peewee
from aiohttp import web

from central.access.model import AccessEvent, Door
from central.cards.desk import by_of
from central.cards.model import Card
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.holds.holding import RECORDS, rows_of
from central.holds.model import Hold
from central.oversight import evidence
from central.oversight.model import PoliceExport, PoliceRequest
from central.people.exporting import audited
from central.people.inputs import one_line, path_id
from central.people.model import Person
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.sites.places import check_place
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, Column, StatusFormat
from central.web.exports import attachment
from central.web.fields import ChoiceField, Choices, MomentField, TextField
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table
from central.web.vocabulary import STATUSES

REASON_CHARS_MAX: Final = 200


class RequestForm(msgspec.Struct, kw_only=True):
    """What the police asked for."""

    site: str
    document: str
    agency: str
    officer: str
    purpose: str
    person: str | None
    card: str | None
    door: str | None
    from_at: datetime
    until_at: datetime


FORM: Final = Form(
    RequestForm,
    ChoiceField("site", lazy("Estate")),
    TextField("document", lazy("Number of the police document")),
    TextField("agency", lazy("Police authority")),
    TextField("officer", lazy("Officer, with badge number")),
    TextField("purpose", lazy("What the records are for"), length_max=200, is_wide=True),
    TextField("person", lazy("Person number"), is_required=False, length_max=40),
    TextField("card", lazy("Card number"), is_required=False, length_max=40),
    ChoiceField("door", lazy("Door"), is_required=False),
    MomentField("from_at", lazy("From")),
    MomentField("until_at", lazy("Until"), hint=lazy("Not included.")),
)


def _requests(scope: Scope) -> Any:
    query = (
        PoliceRequest.select(
            PoliceRequest.id,
            PoliceRequest.number,
            PoliceRequest.document,
            PoliceRequest.agency,
            PoliceRequest.officer,
            PoliceRequest.entered_at,
            PoliceRequest.entered_by,
            Hold.from_at,
            Hold.until_at,
            Hold.lifted_at,
            Site.name.alias("site_name"),
        )
        .join(Hold)
        .switch(PoliceRequest)
        .join(Site, on=(PoliceRequest.site == Site.id))
    )
    return scope.filter(query, PoliceRequest)


REQUESTS: Final = Table(
    name="police_requests",
    title=lazy("Police requests"),
    query=_requests,
    key=PoliceRequest.id,
    sort="-entered_at",
    columns=(
        Column(
            "entered_at", lazy("Entered at"), MOMENT, sort=PoliceRequest.entered_at, sorts_down_first=True
        ),
        Column(
            "number",
            lazy("Number"),
            CODE,
            value=lambda row: f"{row.number:06d}",
            href=lambda row: f"/oversight/requests/{row.id}",
        ),
        Column("document", lazy("Number of the police document"), CODE),
        Column("agency", lazy("Police authority")),
        Column("officer", lazy("Officer, with badge number")),
        Column("from_at", lazy("From"), MOMENT),
        Column("until_at", lazy("Until"), MOMENT),
        Column(
            "state",
            lazy("Status"),
            StatusFormat("hold"),
            value=lambda row: "held" if row.lifted_at is None else "lifted",
        ),
        Column("site_name", lazy("Estate"), is_shown=False),
        Column("entered_by", lazy("Operator"), is_shown=False),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: (
                PoliceRequest.document.contains(text)
                | PoliceRequest.officer.contains(text)
                | PoliceRequest.agency.contains(text)
            ),
        ),
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={name: state.text for name, state in STATUSES["hold"].items()},
            where=lambda value: Hold.lifted_at.is_null(value == "held"),
        ),
        DayFilter("entered", lazy("Entered at"), field=PoliceRequest.entered_at),
    ),
    empty=lazy(
        "What the police ask for is entered here: its records are then held until the hold is lifted."
    ),
    empty_href="/oversight/requests/new",
    empty_action=lazy("Enter a police request"),
)


async def list_requests(request: web.Request) -> web.Response:
    """GET /oversight/requests"""
    return await list_page(
        request,
        REQUESTS,
        scope_of(request),
        template="oversight/requests.html",
        export_path="/oversight/requests/export",
    )


async def export_requests(request: web.Request) -> web.StreamResponse:
    """GET /oversight/requests/export: the list itself."""
    return await list_export(request, REQUESTS, scope_of(request), on_export=audited("oversight.export"))


def _choices(scope: Scope) -> dict[str, Choices]:
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "door": {str(row.id): row.label for row in scope.filter(Door.select()).order_by(Door.label)},
    }


async def new_request(request: web.Request) -> web.Response:
    """GET and POST /oversight/requests/new: from then on its records are held."""
    settle(request)
    centre, scope, by, actor = centre_of(request), scope_of(request), by_of(request), actor_of(request)
    choices = await centre.db.read(_choices, scope)
    if request.method == "GET":
        only = {"site": next(iter(choices["site"]))} if len(choices["site"]) == 1 else {}
        return await _form_page(request, FORM.blank(choices, **only))
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value

        def write() -> int:
            made = _enter(scope, value, by.at, by.operator_name)
            after = {"number": made.number, "what": made.document, "from": value.from_at.isoformat()}
            after |= {"until": value.until_at.isoformat()}
            centre.audit.record(
                actor,
                "oversight.request",
                "police_request",
                made.id,
                None,
                after,
                value.purpose,
                site_id=made.site_id,
            )
            return int(made.id)

        try:
            made = await centre.db.write(write)
        except InvalidInputError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/oversight/requests/{made}")
    return await _form_page(request, form, 422)


def _enter(scope: Scope, value: RequestForm, now: datetime, operator_name: str) -> PoliceRequest:
    site_id = int(value.site)
    check_place(scope, site_id)
    if not value.from_at < value.until_at:
        raise InvalidInputError("The end lies before the beginning.")
    person = _one(scope, Person, Person.number == (value.person or ""), site_id) if value.person else None
    card = _one(scope, Card, Card.card_no == (value.card or ""), site_id) if value.card else None
    door = scope.get(Door, int(value.door)) if value.door else None
    if door is not None and door.site_id != site_id:
        raise InvalidInputError("This door stands in another estate.")
    hold = Hold.create(
        site=site_id,
        person=person,
        card=card,
        door=door,
        from_at=value.from_at,
        until_at=value.until_at,
        about=f"{value.agency} {value.document}",
        made_at=now,
    )
    highest = PoliceRequest.select(peewee.fn.MAX(PoliceRequest.number)).where(PoliceRequest.site == site_id)
    made: PoliceRequest = PoliceRequest.create(
        site=site_id,
        number=int(highest.scalar() or 0) + 1,
        document=value.document,
        agency=value.agency,
        officer=value.officer,
        purpose=value.purpose,
        hold=hold,
        entered_at=now,
        entered_by=operator_name,
    )
    return made


def _one(scope: Scope, model: Any, condition: Any, site_id: int) -> Any:
    found = list(scope.filter(model.select().where(condition & (model.site == site_id))).limit(2))
    if len(found) != 1:
        raise InvalidInputError("No person or card with this number is found in the estate.")
    return found[0]


async def _form_page(request: web.Request, form: BoundForm[RequestForm], status: int = 200) -> web.Response:
    return await render(request, "oversight/request_new.html", {"form": form}, status=status)


async def get_request(request: web.Request) -> web.Response:
    """GET /oversight/requests/{id}"""
    return await show_request(request)


async def show_request(
    request: web.Request, problem: str = "", template: str = "oversight/request.html"
) -> web.Response:
    """One request: what it holds, what was handed out."""
    settle(request)
    scope, number, who = scope_of(request), path_id(request), principal_of(request)

    def read() -> dict[str, Any]:
        row = scope.get(PoliceRequest, number)
        hold = row.hold
        return {
            "row": row,
            "hold": hold,
            "site_name": row.site.name,
            "person": hold.person,
            "card": hold.card,
            "door": hold.door,
            "count": sum(model.select().where(rows_of(model, hold)).count() for model in RECORDS),
            "events_count": AccessEvent.select().where(rows_of(AccessEvent, hold)).count(),
            "exports": list(
                PoliceExport.select().where(PoliceExport.request == row.id).order_by(PoliceExport.id)
            ),
        }

    context = await centre_of(request).db.read(read)
    context |= {"problem": problem, "may_approve": who.may("oversight", "approve")}
    return await render(request, template, context, status=422 if problem else 200)


async def print_request(request: web.Request) -> web.Response:
    """GET /oversight/requests/{id}/print: the form that both sign, on A4."""
    return await show_request(request, template="oversight/request_print.html")


async def hand_out(request: web.Request) -> web.Response:
    """POST /oversight/requests/{id}/export: the signed file; who took it and its checksum are kept."""
    settle(request)
    centre, scope, by, actor = centre_of(request), scope_of(request), by_of(request), actor_of(request)
    number, key = path_id(request), centre_of(request).keys.signing

    def read() -> tuple[dict[str, Any], dict[str, Any], int]:
        row = scope.get(PoliceRequest, number)
        hold, files = row.hold, evidence.records(row.hold)
        asked = {
            "number": row.number,
            "document": row.document,
            "agency": row.agency,
            "officer": row.officer,
            "purpose": row.purpose,
            "estate": row.site.name,
            "person": hold.person.number if hold.person is not None else "",
            "card": hold.card.card_no if hold.card is not None else "",
            "door": hold.door.label if hold.door is not None else "",
            "from": hold.from_at.isoformat(),
            "until": hold.until_at.isoformat(),
        }
        return asked, files, sum(len(rows) - 1 for rows in files.values())

    asked, files, rows_count = await centre.db.read(read)
    body = await asyncio.to_thread(evidence.archive, key, asked, files)
    digest = hashlib.sha256(body).hexdigest()

    def write() -> None:
        row = scope.get(PoliceRequest, number)
        PoliceExport.create(
            request=row, made_at=by.at, made_by=by.operator_name, rows_count=rows_count, sha256=digest
        )
        after = {"number": row.number, "rows": rows_count, "sha256": digest}
        centre.audit.record(
            actor,
            "oversight.data_out",
            "police_request",
            row.id,
            None,
            after,
            row.purpose,
            site_id=row.site_id,
        )

    await centre.db.write(write)
    return web.Response(
        body=body,
        content_type="application/zip",
        headers={
            "Content-Disposition": attachment(f"police-{asked['number']:06d}.zip"),
            "Cache-Control": "no-store",
        },
    )


async def lift(request: web.Request) -> web.Response:
    """POST /oversight/requests/{id}/lift: from now on its records may be purged again."""
    settle(request)
    centre, scope, by, actor = centre_of(request), scope_of(request), by_of(request), actor_of(request)
    number = path_id(request)
    reason = one_line((await request.post()).get("reason", ""), REASON_CHARS_MAX)

    def write() -> None:
        row = scope.get(PoliceRequest, number)
        hold = row.hold
        if hold.lifted_at is not None:
            raise ConflictError("The hold was lifted already.")
        if not reason:
            raise InvalidInputError("Say why the hold is lifted.")
        hold.lifted_at, row.lifted_by, row.lift_reason = by.at, by.operator_name, reason
        hold.save()
        row.save()
        centre.audit.record(
            actor,
            "oversight.lift",
            "police_request",
            row.id,
            None,
            {"number": row.number},
            reason,
            site_id=row.site_id,
        )

    try:
        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await show_request(request, _(str(error)))
    raise web.HTTPSeeOther(f"/oversight/requests/{number}")


NAV: Final = [NavItem("reports", lazy("Police requests"), "/oversight/requests", order=80)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/oversight/requests", list_requests, ("oversight", "view")),
    Route("GET", "/oversight/requests/export", export_requests, ("oversight", "export")),
    Route("GET", "/oversight/requests/new", new_request, ("oversight", "edit")),
    Route("POST", "/oversight/requests/new", new_request, ("oversight", "edit"), step_up=True),
    Route("GET", r"/oversight/requests/{id:\d+}", get_request, ("oversight", "view")),
    Route("GET", r"/oversight/requests/{id:\d+}/print", print_request, ("oversight", "view")),
    Route("POST", r"/oversight/requests/{id:\d+}/export", hand_out, ("oversight", "approve"), step_up=True),
    Route("POST", r"/oversight/requests/{id:\d+}/lift", lift, ("oversight", "approve"), step_up=True),
]

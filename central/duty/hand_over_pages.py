"""Pages of hand-overs: counting and signing one, the list, one that is signed, its papers (U7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.alarm_kinds import KINDS
from central.audit import act_on_many
from central.cards.acts import By
from central.cards.desk import by_of
from central.centre import centre_of
from central.duty import papers, service, signing
from central.duty.model import HandOver
from central.duty.rules import ITEM_TEXT, checksum
from central.duty.service import COUNT_MAX, REMARKS_CHARS_MAX, WHY_CHARS_MAX, Counted, Found
from central.duty.standing import Standing, names_of, seen_by, standing
from central.duty.tables import HAND_OVERS
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.forms.print_pages import PRINTER_COOKIE
from central.forms.slip import COLUMNS
from central.forms.slip_pages import print_slip, show_slip
from central.people.exporting import audited
from central.people.inputs import one_line, path_id, row_id
from central.people.table import organisations_in, sites_in
from central.purse import cash
from central.routes import Route
from central.security.principal import Principal, actor_of, principal_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.places import check_place
from central.visitors.rules import STATES
from central.web.days import FieldError
from central.web.fields import HiddenField, MoneyField, NoteField, NumberField, PasswordField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

_PIECES: Final = NumberField("pieces", lazy("Found"), most=COUNT_MAX)
_CASH: Final = MoneyField("cash", lazy("Found in it"))


class SignForm(msgspec.Struct, kw_only=True):
    """What the outgoing shift says, and both signatures."""

    site: str
    organisation: str
    seen: str
    remarks: str | None
    outgoing_password: str
    incoming: str
    incoming_password: str
    incoming_code: str | None


FORM: Final = Form(
    SignForm,
    HiddenField("site", ""),
    HiddenField("organisation", ""),
    HiddenField("seen", ""),
    NoteField("remarks", lazy("Remarks for the next shift"), is_required=False, length_max=REMARKS_CHARS_MAX),
    PasswordField("outgoing_password", lazy("Your password")),
    TextField("incoming", lazy("Operator number of the next shift"), length_max=40),
    PasswordField("incoming_password", lazy("Password of the next shift"), autocomplete="off"),
    TextField(
        "incoming_code",
        lazy("Code of the phone of the next shift"),
        is_required=False,
        length_max=10,
        hint=lazy("Only who signs in with a code gives one."),
    ),
)


@dataclass(frozen=True)
class CountField:
    """One thing to be counted, as it was typed."""

    id: str
    title: str
    expected: str
    count: str = ""
    why: str = ""
    error: str = ""


async def list_hand_overs(request: web.Request) -> web.Response:
    """GET /duty/hand-overs"""
    return await list_page(
        request,
        HAND_OVERS,
        scope_of(request),
        template="duty/hand_overs.html",
        export_path="/duty/hand-overs/export",
    )


async def export_hand_overs(request: web.Request) -> web.StreamResponse:
    """GET /duty/hand-overs/export"""
    return await list_export(request, HAND_OVERS, scope_of(request), on_export=audited("duty.export"))


async def new_hand_over(request: web.Request) -> web.Response:
    """GET /duty/hand-overs/new: everything that stands now, to be counted; ``site`` and ``organisation`` say whose desk."""
    settle(request)
    site, organisation = row_id(request.query.get("site", "")), row_id(request.query.get("organisation", ""))
    return await _page(request, site, organisation)


async def sign_hand_over(request: web.Request) -> web.Response:
    """POST /duty/hand-overs/new: counts, remarks and both passwords; all of it or nothing."""
    settle(request)
    posted, form = await request.post(), None
    form = FORM.bind(posted)
    site, organisation = row_id(form["site"].text), row_id(form["organisation"].text)
    if site is None or organisation is None:
        raise InvalidInputError("There is no such estate.")
    if not form.is_valid:
        return await _page(request, site, organisation, form, posted)
    value = form.value
    if not await signing.outgoing_signs(request, value.outgoing_password):
        form.fail(_("The password is wrong."), "outgoing_password")
        return await _page(request, site, organisation, form, posted)
    incoming = await signing.incoming_signs(
        request, value.incoming, value.incoming_password, value.incoming_code or ""
    )
    if incoming is None:
        form.fail(_("Number, password or code is wrong."), "incoming_password")
        return await _page(request, site, organisation, form, posted)
    try:
        made = await _sign(request, incoming, site, organisation, value, posted)
    except (ConflictError, ForbiddenError, InvalidInputError) as error:
        form.fail(_(str(error)))
        return await _page(request, site, organisation, form, posted)
    raise web.HTTPSeeOther(f"/duty/hand-overs/{made}")


async def _sign(
    request: web.Request, incoming: Principal, site: int, organisation: int, value: SignForm, posted: Any
) -> int:
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    outgoing = principal_of(request)

    def write() -> int:
        check_place(scope, site, organisation)
        service.check_incoming(outgoing, incoming, site, organisation)
        stands = standing(scope, site, organisation, outgoing.id, by.at)
        service.check_seen(value.seen, stands)
        counted = _counted(stands, posted)
        items = service.item_lines(stands, counted)
        counts = service.count_drawers(by, stands, counted)
        is_cashier = incoming.may("purse", "approve")
        for row in counts:
            if is_cashier:
                cash.sign(By(incoming.id, incoming.actor.name, by.at), row)
            action = "purse.count_sign" if is_cashier else "purse.count"
            centre.audit.record(
                incoming.actor if is_cashier else actor,
                action,
                "cash_count",
                row.id,
                after=cash.snapshot(row),
                reason=row.reason,
                site_id=row.site_id,
                organisation_id=row.organisation_id,
            )
        act_on_many(len(counts))
        content = {
            **stands.content(),
            "items": items,
            "cash": service.cash_lines(stands, counts),
            "remarks": value.remarks or "",
        }
        number = service.next_number(site, organisation)
        after = {
            "number": number,
            "operator": incoming.actor.name,
            "sha256": service.checksum_of(content, number, by, incoming.actor.name),
        }
        seq = centre.audit.record(
            actor,
            "duty.hand_over",
            "shift_hand_over",
            number,
            after=after,
            site_id=site,
            organisation_id=organisation,
        )
        return int(service.sign(by, incoming, site, organisation, content, seq, number).id)

    return await centre.db.write(write)


def _counted(stands: Standing, posted: Any) -> Counted:
    """
    :raises InvalidInputError: something that was typed is no number.
    """
    try:
        items = {item.id: _found(posted, f"item_{item.id}", _PIECES) for item in stands.items}
        drawers = {row.account.id: _found(posted, f"cash_{row.account.id}", _CASH) for row in stands.drawers}
    except FieldError:
        raise InvalidInputError("Count everything that lies at the desk.") from None
    return Counted(items, drawers)


def _found(posted: Any, name: str, field: NumberField) -> Found:
    text = str(posted.get(name, "")).strip()
    if not text:
        raise InvalidInputError("Count everything that lies at the desk.")
    return Found(field.parse(text), one_line(posted.get(f"{name}_why", ""), WHY_CHARS_MAX))


async def _page(
    request: web.Request,
    site: int | None,
    organisation: int | None,
    form: BoundForm[SignForm] | None = None,
    posted: Any = None,
) -> web.Response:
    centre, scope, who = centre_of(request), scope_of(request), principal_of(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        sites, organisations = dict(sites_in(scope)), dict(organisations_in(scope))
        places = [(one, other) for one in sites for other in organisations if scope.allows(one, other)]
        if not places:
            raise ForbiddenError("Your roles do not allow this.")
        chosen = (site or places[0][0], organisation or places[0][1])
        if chosen not in places:
            raise InvalidInputError("There is no such organisation.")
        stands = standing(scope, *chosen, who.id, now)
        last = service.last_of(scope, *chosen)
        names = names_of(scope, [line["id"] for line in stands.visitors])
        return {
            "sites": sites,
            "organisations": organisations,
            "chosen": chosen,
            "stands": stands,
            "last": last,
            "names": names,
        }

    found = await centre.db.read(read)
    stands, chosen = found["stands"], found["chosen"]
    shown = form or FORM.blank()
    shown["site"].text, shown["organisation"].text = str(chosen[0]), str(chosen[1])
    shown["seen"].text = checksum(stands.seen())
    for name in ("outgoing_password", "incoming_password", "incoming_code"):
        shown[name].text = ""
    given = posted or {}
    context = {
        **found,
        "form": shown,
        "items": [
            CountField(
                f"item_{item.id}",
                f"{ITEM_TEXT[item.kind]}: {item.name}",
                str(item.expected_count),
                str(given.get(f"item_{item.id}", "")),
                str(given.get(f"item_{item.id}_why", "")),
            )
            for item in stands.items
        ],
        "drawers": [
            (
                drawer,
                str(given.get(f"cash_{drawer.account.id}", "")),
                str(given.get(f"cash_{drawer.account.id}_why", "")),
            )
            for drawer in stands.drawers
        ],
        "kinds": KINDS,
        "states": STATES,
        "why_max": WHY_CHARS_MAX,
        "is_operator": who.kind == "operator",
    }
    return await render(request, "duty/hand_over_new.html", context, status=200 if form is None else 422)


async def show_hand_over(request: web.Request, template: str = "duty/hand_over.html") -> web.Response:
    """GET /duty/hand-overs/{id}"""
    settle(request)
    scope, row_no = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        row = scope.get(HandOver, row_no)
        content = row.content
        lines = {
            name: seen_by(scope, row.site_id, content[name])
            for name in ("alarms", "visitors", "papers", "tickets")
        }
        return {
            "row": row,
            "content": content,
            "lines_of": lines,
            "names": names_of(scope, [line["id"] for line in lines["visitors"]]),
            "site_name": Site.get_by_id(row.site_id).name,
            "organisation_name": Organisation.get_by_id(row.organisation_id).name,
            "is_unchanged": service.is_unchanged(row),
            "offer": papers.offer(scope, row),
        }

    context = await centre_of(request).db.read(read)
    context |= {
        "kinds": KINDS,
        "states": STATES,
        "item_text": ITEM_TEXT,
        "widths": list(COLUMNS),
        "may_print": principal_of(request).may("duty", "edit"),
        "chosen_printer": request.cookies.get(PRINTER_COOKIE, ""),
    }
    return await render(request, template, context)


async def get_hand_over(request: web.Request) -> web.Response:
    """GET /duty/hand-overs/{id}"""
    return await show_hand_over(request)


async def print_hand_over(request: web.Request) -> web.Response:
    """GET /duty/hand-overs/{id}/print: on A4."""
    return await show_hand_over(request, "duty/hand_over_print.html")


async def make_slip(request: web.Request) -> web.StreamResponse:
    """POST /duty/hand-overs/{id}/slip"""
    return await print_slip(
        request, papers.HAND_OVER, "duty.slip", "shift_hand_over", f"/duty/hand-overs/{path_id(request)}"
    )


async def get_slip(request: web.Request) -> web.Response:
    """GET /duty/hand-overs/{id}/slip?width="""
    return await show_slip(request, papers.HAND_OVER, f"/duty/hand-overs/{path_id(request)}")


NAV: Final = [NavItem("duty", lazy("Shift hand-over"), "/duty/hand-overs", order=10)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/duty/hand-overs", list_hand_overs, ("duty", "view")),
    Route("GET", "/duty/hand-overs/export", export_hand_overs, ("duty", "export")),
    Route("GET", "/duty/hand-overs/new", new_hand_over, ("duty", "edit")),
    Route("POST", "/duty/hand-overs/new", sign_hand_over, ("duty", "edit")),
    Route("GET", r"/duty/hand-overs/{id:\d+}", get_hand_over, ("duty", "view")),
    Route("GET", r"/duty/hand-overs/{id:\d+}/print", print_hand_over, ("duty", "view")),
    Route("POST", r"/duty/hand-overs/{id:\d+}/slip", make_slip, ("duty", "edit")),
    Route("GET", r"/duty/hand-overs/{id:\d+}/slip", get_slip, ("duty", "edit")),
]

"""登記訪客 at the gate: the host is called and the result noted, who comes in without a card, who leaves (U7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError
from central.people.inputs import path_id
from central.people.model import Person
from central.people.privacy_pages import record
from central.people.rules import mask_phone
from central.routes import AnyOf, Route
from central.security.principal import actor_of, principal_of, scope_of
from central.visitors.changing import card_out
from central.visitors.model import HostCall, Visit
from central.visitors.rules import CALL_TEXT
from central.web.fields import ChoiceField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import settle

GUARDS: Final[AnyOf] = frozenset({("duty", "edit"), ("people", "edit")})
REVEALS: Final[AnyOf] = frozenset({("duty", "edit"), ("personal", "view")})
"""Who may see the host's whole number: of a visit that is not over, each time recorded."""
Show = Callable[..., Awaitable[web.Response]]


class CallForm(msgspec.Struct, kw_only=True):
    """What came of a call."""

    result: str
    note: str | None


FORM: Final = Form(
    CallForm,
    ChoiceField("result", lazy("What came of it"), choices=CALL_TEXT, as_radio=True),
    TextField("note", lazy("Note"), is_required=False, length_max=200, is_wide=True),
)


def gate_context(
    request: web.Request, host: Person, call: BoundForm[CallForm] | None, host_phone: str
) -> dict[str, Any]:
    """What the page of a visit shows of the gate."""
    principal = principal_of(request)
    return {
        "call": call or FORM.blank(),
        "host_phone": host_phone or mask_phone(host.phone),
        "may_guard": principal.may_use(GUARDS),
        "may_reveal": bool(host.phone) and not host_phone and principal.may_use(REVEALS),
    }


def arrive(visit: Visit, now: datetime) -> None:
    """The visitor comes in without a card.

    :raises ConflictError: a card was handed out, or the visit is over or called off.
    """
    if visit.card is not None or visit.cancelled_at is not None or visit.until_at <= now:
        raise ConflictError("This visit is over, or the visitor has a card.")
    if visit.arrived_at is not None and visit.left_at is None:
        raise ConflictError("The visitor is inside already.")
    visit.arrived_at, visit.left_at = visit.arrived_at or now, None
    visit.save()


def leave(visit: Visit, now: datetime) -> None:
    """The guard saw the visitor leave; a card that was handed out is still due.

    :raises ConflictError: the visitor is not inside.
    """
    is_inside = visit.arrived_at is not None and visit.left_at is None
    if not is_inside or (visit.card is not None and card_out(visit) is None):
        raise ConflictError("The visitor is not inside.")
    visit.left_at = now
    visit.save()


def routes(show: Show) -> list[Route]:
    """The routes; ``show`` is the page of a visit."""

    async def act(request: web.Request, action: str, do: Callable[[Visit, datetime], None]) -> web.Response:
        settle(request)
        scope, visit_id, now = scope_of(request), path_id(request), centre_of(request).clock.now()

        def write() -> None:
            visit = scope.get(Visit, visit_id)
            do(visit, now)
            _audit(request, visit, action, {"at": now.isoformat()})

        try:
            await centre_of(request).db.write(write)
        except ConflictError as error:
            return await show(request, problem=_(str(error)))
        raise web.HTTPSeeOther(f"/visitors/{visit_id}")

    async def arrived(request: web.Request) -> web.Response:
        """POST /visitors/{id}/arrived"""
        return await act(request, "people.visit_arrived", arrive)

    async def left(request: web.Request) -> web.Response:
        """POST /visitors/{id}/left"""
        return await act(request, "people.visit_left", leave)

    async def call(request: web.Request) -> web.Response:
        """POST /visitors/{id}/call: the result of a call to the host."""
        settle(request)
        form, scope, by, visit_id = (
            FORM.bind(await request.post()),
            scope_of(request),
            by_of(request),
            path_id(request),
        )
        if not form.is_valid:
            return await show(request, call=form)
        value = form.value

        def write() -> None:
            visit = scope.get(Visit, visit_id)
            HostCall.create(
                visit=visit,
                at=by.at,
                operator_name=by.operator_name,
                result=value.result,
                note=value.note or "",
            )
            _audit(request, visit, "people.visit_call", {"how": value.result})

        await centre_of(request).db.write(write)
        raise web.HTTPSeeOther(f"/visitors/{visit_id}")

    async def host_phone(request: web.Request) -> web.Response:
        """POST /visitors/{id}/host-phone: the whole number of the host, recorded as every look at one is (12)."""
        settle(request)
        scope, visit_id, now = scope_of(request), path_id(request), centre_of(request).clock.now()

        def write() -> str:
            visit = scope.get(Visit, visit_id)
            is_over = visit.until_at <= now and visit.arrived_at is None
            if (
                visit.cancelled_at is not None
                or is_over
                or (visit.left_at is not None and visit.card is None)
            ):
                raise ConflictError("This visit is over. Enter another one.")
            record(request, "people.reveal", visit.host, _("To call the host of a visit"))
            return str(visit.host.phone)

        try:
            number = await centre_of(request).db.write(write)
        except ConflictError as error:
            return await show(request, problem=_(str(error)))
        return await show(request, host_phone=number)

    return [
        Route("POST", r"/visitors/{id:\d+}/arrived", arrived, GUARDS),
        Route("POST", r"/visitors/{id:\d+}/left", left, GUARDS),
        Route("POST", r"/visitors/{id:\d+}/call", call, GUARDS),
        Route("POST", r"/visitors/{id:\d+}/host-phone", host_phone, REVEALS),
    ]


def _audit(request: web.Request, visit: Visit, action: str, after: dict[str, Any]) -> None:
    centre_of(request).audit.record(
        actor_of(request),
        action,
        "person",
        visit.person_id,
        None,
        after,
        site_id=visit.site_id,
        organisation_id=visit.organisation_id,
    )

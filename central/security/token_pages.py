"""Tokens of other programs: made, shown once, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import CentralError
from central.routes import SUB_SYSTEMS, VERBS, Pair, Route
from central.security import tokens
from central.security.model import ApiToken, Operator
from central.security.operator_form import choices_for, ids_of
from central.security.principal import principal_of
from central.security.role_pages import SUB_SYSTEM_TITLES, VERB_TITLES, rights_of
from central.sites.scope import Grant, Scope
from central.web.fields import Choice, ChoicesField, LastDayField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import render, settle


@dataclass
class TokenInput:
    """The form."""

    name: str
    cells: tuple[str, ...]
    sites: tuple[str, ...]
    organisations: tuple[str, ...]
    until_at: datetime | None = None


FORM: Final = Form(
    TokenInput,
    TextField("name", lazy("Name of the program"), length_max=60),
    ChoicesField(
        "cells",
        lazy("Permissions"),
        choices=[Choice(f"{s}.{v}", f"{s}.{v}") for s in SUB_SYSTEMS for v in VERBS],
    ),
    ChoicesField("sites", lazy("Estates")),
    ChoicesField("organisations", lazy("Organisations")),
    LastDayField("until_at", lazy("Last valid day"), is_required=False),
)


async def list_tokens(request: web.Request) -> web.Response:
    """GET /tokens"""
    return await _page(request, await _blank(request))


async def create(request: web.Request) -> web.Response:
    """POST /tokens: the answer shows the token, once."""
    settle(request)
    centre, maker = centre_of(request), principal_of(request)
    choices = await centre.db.read(choices_for, maker)
    form = FORM.bind(await request.post(), choices)
    if not form.is_valid:
        return await _page(request, form, 422)
    given = form.value
    pairs: list[Pair] = [(s, v) for s in SUB_SYSTEMS for v in VERBS if f"{s}.{v}" in given.cells]
    scope = Scope.of(Grant(s, o) for s in ids_of(given.sites) for o in ids_of(given.organisations))
    most = centre.config.security.api_tokens_max
    now = centre.clock.now()
    try:
        token = await centre.db.write(
            tokens.create_token, centre.audit, maker, given.name, pairs, scope, given.until_at, now, most
        )
    except CentralError as error:
        form.fail(str(error))
        return await _page(request, form, 422)
    return await render(request, "security/token.html", {"name": given.name, "token": token})


async def revoke(request: web.Request) -> web.Response:
    """POST /tokens/{id}/revoke"""
    settle(request)
    centre, token_id = centre_of(request), int(request.match_info["id"])
    await centre.db.write(
        tokens.revoke_token, centre.audit, principal_of(request), token_id, centre.clock.now()
    )
    return web.Response(status=303, headers={"Location": "/tokens"})


async def _blank(request: web.Request) -> BoundForm[TokenInput]:
    settle(request)
    return FORM.blank(await centre_of(request).db.read(choices_for, principal_of(request)))


async def _page(request: web.Request, form: BoundForm[TokenInput], status: int = 200) -> web.Response:
    def read() -> list[dict[str, Any]]:
        rows = ApiToken.select(ApiToken, Operator).join(Operator).order_by(ApiToken.id.desc())
        return [
            {
                "id": row.id,
                "name": row.name,
                "created_by": f"{row.created_by.number} {row.created_by.name}",
                "created_at": row.created_at,
                "expires_at": row.expires_at,
                "revoked_at": row.revoked_at,
                "rights": rights_of(row.permissions),
            }
            for row in rows
            if tokens.may_administer(principal_of(request), row)
        ]

    context = {
        "form": form,
        "tokens": await centre_of(request).db.read(read),
        "sub_systems": SUB_SYSTEM_TITLES,
        "verbs": VERB_TITLES,
    }
    return await render(request, "security/tokens.html", context, status=status)


NAV: Final = [NavItem("system", lazy("Other programs"), "/tokens", order=50)]
ROUTES: Final = [
    Route("GET", "/tokens", list_tokens, ("operators", "view")),
    Route("POST", "/tokens", create, ("operators", "edit"), step_up=True),
    Route("POST", r"/tokens/{id:\d{1,9}}/revoke", revoke, ("operators", "edit"), step_up=True),
]

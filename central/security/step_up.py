"""Asking for the password again before something that opens a door, moves money or gives data away (T10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from central.centre import centre_of
from central.routes import SIGNED_IN, Route
from central.security import login
from central.security.bodies import read_form
from central.security.guard import STEP_UP_FIELD
from central.security.origin import FIELD, SAFE_METHODS
from central.security.principal import principal_of
from central.web.fields import PasswordField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.pages import local_path
from central.web.render import render, settle


@dataclass
class PasswordInput:
    """What the form holds."""

    _password: str


FORM: Final = Form(PasswordInput, PasswordField(STEP_UP_FIELD, lazy("Password")))
PATH: Final = "/step-up"


async def ask(request: web.Request) -> web.StreamResponse:
    """The answer to a request that needs the password: nothing was done yet.

    A GET goes to the password page and comes back. A form is shown again with one field, the password; sent with it, it
    is carried out at once. What htmx sent, or what carries a file, is repeated by the operator after the password.
    """
    if request.method in SAFE_METHODS:
        return web.Response(status=303, headers={"Location": _address(request.path_qs)})
    posted = await read_form(request, centre_of(request).config)
    if "HX-Request" in request.headers:
        back = request.headers.get("HX-Current-URL", "/")
        return web.Response(status=403, headers={"HX-Redirect": _address(_path_of(back))})
    if any(isinstance(value, web.FileField) for value in posted.values()):
        return web.Response(status=303, headers={"Location": _address("/")})
    hidden = [(name, str(value)) for name, value in _items(posted) if name not in (STEP_UP_FIELD, FIELD)]
    settle(request)  # this answers for the guard, which stands before the language is chosen
    form = FORM.blank()
    if STEP_UP_FIELD in posted:
        form.fail(_("The password is wrong."), STEP_UP_FIELD)
    return await _page(request, form, request.path_qs, hidden, 403)


async def show(request: web.Request) -> web.Response:
    """``GET /step-up?next=...``"""
    return await _page(request, FORM.blank(), PATH, [("next", local_path(request.query.get("next", "/")))])


async def give(request: web.Request) -> web.Response:
    """``POST /step-up``: back to where it was needed."""
    posted = await request.post()
    back = local_path(str(posted.get("next", "/")))
    form = FORM.bind(posted)
    if form.is_valid and not await login.give_again(
        centre_of(request), principal_of(request), form.value._password
    ):
        form.fail(_("The password is wrong."), STEP_UP_FIELD)
    if not form.is_valid:
        return await _page(request, form, PATH, [("next", back)], 422)
    raise web.HTTPSeeOther(back)


async def _page(
    request: web.Request,
    form: BoundForm[PasswordInput],
    action: str,
    hidden: list[tuple[str, str]],
    status: int = 200,
) -> web.Response:
    context = {"form": form, "action": action, "hidden": hidden}
    return await render(request, "security/step_up.html", context, status=status)


def _items(posted: object) -> list[tuple[str, object]]:
    return list(posted.items()) if hasattr(posted, "items") else []


def _address(back: str) -> str:
    return f"{PATH}?next={quote(local_path(back), safe='')}"


def _path_of(url: str) -> str:
    """Path and query of an address of ours."""
    _scheme, _mark, rest = url.partition("://")
    return "/" + rest.partition("/")[2] if rest else url


ROUTES: Final = [Route("GET", PATH, show, SIGNED_IN), Route("POST", PATH, give, SIGNED_IN)]

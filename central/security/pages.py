"""Signing in and out, the first set-up, and choosing a password by a one-time link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from central.centre import Centre, centre_of
from central.errors import InvalidInputError, TooManyError
from central.routes import PUBLIC, SIGNED_IN, Route
from central.security import first_run, links, login, operators, sessions, step_up
from central.security.guard import ADDRESS
from central.security.passwords import check_new_password
from central.security.principal import OPERATOR, principal_of
from central.web.catalogue import Language
from central.web.fields import CheckField, ChoiceField, HiddenField, PasswordField, TextField, ZoneField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, current, lazy, using
from central.web.pages import local_path
from central.web.render import render


@dataclass
class LoginInput:
    """The sign-in form."""

    number: str
    password: str
    next: str | None = None


LOGIN: Final = Form(
    LoginInput,
    TextField("number", lazy("Operator number"), length_max=login.NUMBER_CHARS_MAX, autocomplete="username"),
    PasswordField("password", lazy("Password")),
    HiddenField("next", "", is_required=False, length_max=1_000),
)


@dataclass
class CodeInput:
    """The second page of the sign-in, for those who use a phone app."""

    code: str
    pending: str
    next: str | None = None


CODE: Final = Form(
    CodeInput,
    TextField("code", lazy("Code from your phone"), length_max=10, autocomplete="one-time-code"),
    HiddenField("pending", "", length_max=200),
    HiddenField("next", "", is_required=False, length_max=1_000),
)


async def show_login(request: web.Request) -> web.StreamResponse:
    """``GET /login``; who is signed in already goes on at once."""
    wanted = local_path(request.query.get("next", "/"))
    if request.get(OPERATOR) is not None:
        return web.Response(status=303, headers={"Location": wanted})
    if await centre_of(request).db.read(first_run.is_due):
        return await render(request, "security/not_set_up.html")
    if "card" not in request.query:
        return await _login_page(request, LOGIN.blank(next=wanted))
    found = [number for hint in login.number_hints if (number := await hint(request))]
    notice = (
        ""
        if found
        else _("No operator’s card lies on the issuer of this desk. Lay it there, or type the number.")
    )
    return await _login_page(request, LOGIN.blank(next=wanted, number=next(iter(found), None)), notice=notice)


async def do_login(request: web.Request) -> web.StreamResponse:
    """``POST /login``"""
    centre, posted = centre_of(request), await request.post()
    form = LOGIN.bind(posted)
    proven = None
    if form.is_valid:
        try:
            proven = await login.check_password(
                centre, form.value.number, form.value.password, request[ADDRESS]
            )
        except TooManyError as error:
            form.fail(str(error))
            response = await _login_page(request, form, 429)
            response.headers["Retry-After"] = str(error.retry_after_s)
            return response
    if proven is None:
        if form.is_valid:
            form.fail(_("The operator number or the password is wrong."))
        return await _login_page(request, form, 422)
    wanted = local_path(form.value.next or "/")
    if proven.needs_code:
        pending = login.pending(centre, proven.operator_id)
        return await _code_page(request, CODE.blank(pending=pending, next=wanted))
    return await _signed_in(request, proven.operator_id, wanted)


async def do_code(request: web.Request) -> web.StreamResponse:
    """``POST /login/code``"""
    centre = centre_of(request)
    form = CODE.bind(await request.post())
    if not form.is_valid:
        return await _code_page(request, form, 422)
    operator_id = login.read_pending(centre, form.value.pending)
    try:
        fits = await login.check_code(centre, operator_id, form.value.code, request[ADDRESS])
    except TooManyError as error:
        form.fail(str(error))
        return await _code_page(request, form, 429)
    if not fits:
        form.fail(_("The code is wrong or has been used."), "code")
        return await _code_page(request, form, 422)
    return await _signed_in(request, operator_id, local_path(form.value.next or "/"))


async def _signed_in(
    request: web.Request, operator_id: int, wanted: str, how: str = "password"
) -> web.Response:
    """A new session; one that this browser had before ends."""
    centre = centre_of(request)
    agent = request.headers.get("User-Agent", "")
    former = request.cookies.get(sessions.cookie_name(centre.config))
    token = await centre.db.write(login.sign_in, centre, operator_id, request[ADDRESS], agent, how)
    if former and request.get(OPERATOR) is not None:
        number = principal_of(request).number
        await centre.db.write(sessions.end_session, sessions.hash_token(former), number)
    response = web.Response(status=303, headers={"Location": wanted})
    sessions.set_cookie(response, centre.config, token)
    return response


async def logout(request: web.Request) -> web.StreamResponse:
    """``POST /logout``: the session is over at the server, whatever becomes of the cookie."""
    centre, principal = centre_of(request), principal_of(request)

    def end() -> None:
        sessions.end_session(principal.token_hash, principal.number)
        centre.audit.record(principal.actor, "operators.sign_out", "operator", principal.id)

    await centre.db.write(end)
    response = web.Response(status=303, headers={"Location": "/login"})
    sessions.clear_cookie(response, centre.config)
    return response


async def login_by_link(request: web.Request) -> web.StreamResponse:
    """``GET /login/link?token=...``: asks for one press, so that a preview of the link does not use it up."""
    token = request.query.get("token", "")
    await centre_of(request).db.read(
        links.find_link, links.Purpose.LOGIN, token, centre_of(request).clock.now()
    )
    return await render(request, "security/login_link.html", {"token": token})


async def do_login_by_link(request: web.Request) -> web.StreamResponse:
    """``POST /login/link``"""
    centre = centre_of(request)
    token = str((await request.post()).get("token", ""))

    def use() -> int:
        return int(links.use_link(links.Purpose.LOGIN, token, centre.clock.now()).operator_id)

    return await _signed_in(request, await centre.db.write(use), "/", "link")


async def _login_page(
    request: web.Request, form: BoundForm[LoginInput], status: int = 200, notice: str = ""
) -> web.Response:
    context = {"form": form, "notice": notice, "takes_card": bool(login.number_hints)}
    return await render(request, "web/login.html", context, status=status)


async def _code_page(request: web.Request, form: BoundForm[CodeInput], status: int = 200) -> web.Response:
    return await render(request, "security/code.html", {"form": form}, status=status)


# -- the first set-up ------------------------------------------------------------------------------------------------


@dataclass
class SetupInput:
    """The set-up form."""

    number: str
    name: str
    password: str
    again: str
    language: str
    zone: str
    organisation: str
    site: str
    sample: bool


SETUP: Final = Form(
    SetupInput,
    TextField(
        "number",
        lazy("Operator number"),
        length_max=login.NUMBER_CHARS_MAX,
        hint=lazy("The number on your operator card, for example 0001. You sign in with it."),
        autocomplete="username",
    ),
    TextField("name", lazy("Your name"), length_max=60, autocomplete="name"),
    PasswordField("password", lazy("Password"), autocomplete="new-password"),
    PasswordField("again", lazy("The password once more"), autocomplete="new-password"),
    ChoiceField("language", lazy("Language"), choices={str(item): item.own_name for item in Language}),
    ZoneField("zone", lazy("Time zone")),
    TextField("organisation", lazy("Name of your organisation"), length_max=100),
    TextField("site", lazy("Name of the first estate"), length_max=100),
    CheckField(
        "sample",
        lazy("Load a sample estate"),
        hint=lazy("A few devices, access levels and people to try things with."),
    ),
)


async def show_setup(request: web.Request) -> web.StreamResponse:
    """``GET /setup?token=...``"""
    centre = centre_of(request)
    await centre.db.read(
        links.find_link, links.Purpose.SETUP, request.query.get("token", ""), centre.clock.now()
    )
    form = SETUP.blank(language=str(current().language), zone="Asia/Shanghai", number="0001")
    return await render(request, "web/setup.html", {"form": form})


async def do_setup(request: web.Request) -> web.StreamResponse:
    """``POST /setup?token=...``: makes the operator, signs them in and goes to the first steps."""
    centre, token = centre_of(request), request.query.get("token", "")
    now = centre.clock.now()
    await centre.db.read(links.find_link, links.Purpose.SETUP, token, now)
    form = SETUP.bind(await request.post())
    check_passwords(form, centre, str(form["number"].text))
    if not form.is_valid:
        return await render(request, "web/setup.html", {"form": form}, status=422)
    given = form.value
    wanted = first_run.FirstRun(
        given.number,
        given.name,
        await centre.hasher.hash(given.password),
        given.language,
        given.zone,
        given.organisation,
        given.site,
    )

    def do() -> int:
        links.use_link(links.Purpose.SETUP, token, now)
        operator_id = first_run.set_up(centre.audit, wanted, now, request[ADDRESS])
        if given.sample:
            for load in request.app[first_run.SAMPLES]:
                load(centre, now)
        return operator_id

    with using(Language(given.language)):  # the sample is in the language that was chosen
        operator_id = await centre.db.write(do)
    return await _signed_in(request, operator_id, "/first-steps")


def check_passwords(form: BoundForm[Any], centre: Centre, number: str) -> None:
    """Both are the same and good enough; what is not becomes an error at its field."""
    password, again = form["password"].text, form["again"].text
    if not form["password"].error:
        try:
            check_new_password(password, number, centre.config.security.password_length_min)
        except InvalidInputError as error:
            form.fail(str(error), "password")
    if password != again:
        form.fail(_("The two passwords differ."), "again")


# -- a new password by a one-time link --------------------------------------------------------------------------------


@dataclass
class PasswordInput:
    """A new password, twice."""

    password: str
    again: str


PASSWORD: Final = Form(
    PasswordInput,
    PasswordField("password", lazy("New password"), autocomplete="new-password"),
    PasswordField("again", lazy("The password once more"), autocomplete="new-password"),
)


async def show_password(request: web.Request) -> web.StreamResponse:
    """``GET /password?token=...``"""
    link_number = await _number_of_link(request)
    return await _password_page(request, PASSWORD.blank(), link_number)


async def do_password(request: web.Request) -> web.StreamResponse:
    """``POST /password?token=...``: the new password counts, every older session of the operator ends."""
    centre, token = centre_of(request), request.query.get("token", "")
    number = await _number_of_link(request)
    form = PASSWORD.bind(await request.post())
    check_passwords(form, centre, number)
    if not form.is_valid:
        return await _password_page(request, form, number, 422)
    hashed = await centre.hasher.hash(form.value.password)
    await centre.db.write(operators.set_password_by_link, centre, token, hashed, request[ADDRESS])
    return web.Response(status=303, headers={"Location": f"/login?number={quote(number)}"})


async def _number_of_link(request: web.Request) -> str:
    centre = centre_of(request)

    def find() -> str:
        link = links.find_link(links.Purpose.PASSWORD, request.query.get("token", ""), centre.clock.now())
        return str(link.operator.number)

    return await centre.db.read(find)


async def _password_page(
    request: web.Request, form: BoundForm[PasswordInput], number: str, status: int = 200
) -> web.Response:
    return await render(request, "security/password.html", {"form": form, "number": number}, status=status)


ROUTES: Final = [
    Route("GET", "/login", show_login, PUBLIC),
    Route("POST", "/login", do_login, PUBLIC),
    Route("POST", "/login/code", do_code, PUBLIC),
    Route("GET", "/login/link", login_by_link, PUBLIC),
    Route("POST", "/login/link", do_login_by_link, PUBLIC),
    Route("POST", "/logout", logout, SIGNED_IN),
    Route("GET", "/setup", show_setup, PUBLIC),
    Route("POST", "/setup", do_setup, PUBLIC),
    Route("GET", "/password", show_password, PUBLIC),
    Route("POST", "/password", do_password, PUBLIC),
    *step_up.ROUTES,
]

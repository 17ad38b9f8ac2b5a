"""What an operator does with the own account: password, language, the phone's code, sessions elsewhere."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import segno
from aiohttp import web
from markupsafe import Markup

from central import settings
from central.centre import Centre, centre_of
from central.errors import ConflictError, ForbiddenError, TooManyError
from central.parts import Apps
from central.routes import SIGNED_IN, Route
from central.security import login, operators, sessions, totp
from central.security.guard import ADDRESS
from central.security.model import Operator, Session
from central.security.pages import check_passwords
from central.security.principal import Principal, principal_of
from central.web.catalogue import Language
from central.web.fields import HiddenField, PasswordField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import SHELL, render, settle

_UNPROVEN: Final = "totp that no code has proven yet"


@dataclass
class PasswordInput:
    """The old password, and the new one twice."""

    old: str
    password: str
    again: str


PASSWORD: Final = Form(
    PasswordInput,
    PasswordField("old", lazy("Present password")),
    PasswordField("password", lazy("New password"), autocomplete="new-password"),
    PasswordField("again", lazy("The password once more"), autocomplete="new-password"),
)


@dataclass
class CodeInput:
    """A code of the phone that proves that the secret arrived there."""

    code: str
    sealed: str


CODE: Final = Form(
    CodeInput,
    TextField("code", lazy("Code from your phone"), length_max=10, autocomplete="one-time-code"),
    HiddenField("sealed", "", length_max=400),
)


async def show_account(request: web.Request) -> web.Response:
    """GET /account"""
    return await _account_page(request, PASSWORD.blank())


async def change_password(request: web.Request) -> web.Response:
    """POST /account/password"""
    settle(request)
    centre, me = centre_of(request), _operator(request)
    form = PASSWORD.bind(await request.post())
    check_passwords(form, centre, me.number)
    if form.is_valid:
        try:
            if await login.check_password(centre, me.number, form.value.old, request[ADDRESS]) is None:
                form.fail(_("The password is wrong."), "old")
        except TooManyError as error:
            form.fail(str(error))
    if not form.is_valid:
        return await _account_page(request, form, 422)
    hashed = await centre.hasher.hash(form.value.password)
    await centre.db.write(operators.change_password, centre, me, hashed)
    return _back()


async def end_other_sessions(request: web.Request) -> web.Response:
    """POST /account/sessions/end"""
    centre, me = centre_of(request), _operator(request)

    def end() -> None:
        count = sessions.end_all(Operator.get_by_id(me.id), but=me.token_hash)
        centre.audit.record(me.actor, "operators.sessions_end", "operator", me.id, after={"count": count})

    await centre.db.write(end)
    return _back()


async def new_code(request: web.Request) -> web.Response:
    """GET /account/code: a new secret as a picture and as text; nothing is stored until a code proves it."""
    settle(request)
    centre, me = centre_of(request), _operator(request)
    secret = totp.new_secret()
    sealed = base64.urlsafe_b64encode(centre.keys.seal(f"{_UNPROVEN} {me.id}", secret)).decode()
    return await _code_page(request, CODE.blank(sealed=sealed), secret)


async def save_code(request: web.Request) -> web.Response:
    """POST /account/code"""
    settle(request)
    centre, me = centre_of(request), _operator(request)
    form = CODE.bind(await request.post())
    try:
        sealed = base64.urlsafe_b64decode(form["sealed"].text.encode())
        secret = centre.keys.unseal(f"{_UNPROVEN} {me.id}", sealed)
    except Exception as error:
        raise ConflictError(_("This page is out of date. Load it again and repeat the step.")) from error
    step = totp.matching_step(secret, form["code"].text, centre.clock.now_ms(), 0)
    if form.is_valid and step is None:
        form.fail(_("The code is wrong. Is the clock of the phone right?"), "code")
    if not form.is_valid or step is None:
        return await _code_page(request, form, secret, 422)
    await centre.db.write(_store_code, centre, me, secret, step)
    return _back()


def _store_code(centre: Centre, me: Principal, secret: bytes, step: int) -> None:
    operator = Operator.get_by_id(me.id)
    operator.totp_sealed, operator.totp_step = centre.keys.seal(login.TOTP_PURPOSE, secret), step
    operator.save()
    centre.audit.record(me.actor, "operators.totp_set", "operator", me.id)


async def remove_code(request: web.Request) -> web.Response:
    """POST /account/code/remove"""
    centre, me = centre_of(request), _operator(request)

    def remove() -> None:
        operator = Operator.get_by_id(me.id)
        operator.totp_sealed, operator.totp_step = None, 0
        operator.save()
        centre.audit.record(me.actor, "operators.totp_remove", "operator", me.id)

    await centre.db.write(remove)
    return _back()


async def _account_page(
    request: web.Request, form: BoundForm[PasswordInput], status: int = 200
) -> web.Response:
    settle(request)
    centre, me = centre_of(request), _operator(request)

    def read() -> dict[str, Any]:
        rows = Session.select().where(Session.operator == me.id).order_by(Session.created_at.desc())
        found = [
            {
                "created_at": row.created_at,
                "seen_at": row.seen_at,
                "address": row.address,
                "agent": row.agent,
                "is_this": bytes(row.token_hash) == me.token_hash,
            }
            for row in rows
            if not sessions.is_over(row, centre.clock.now(), centre.config.security)
        ]
        return {"sessions": found, "has_code": Operator.get_by_id(me.id).totp_sealed is not None}

    context = await centre.db.read(read)
    return await render(request, "security/account.html", {"form": form, **context}, status=status)


async def _code_page(
    request: web.Request, form: BoundForm[CodeInput], secret: bytes, status: int = 200
) -> web.Response:
    name = await centre_of(request).db.read(settings.get, "organisation_name")
    uri = totp.enrolment_uri(secret, principal_of(request).number, name)
    picture = segno.make(uri, error="m").svg_inline(scale=4, border=4, dark="#000", light="#fff")
    context = {
        "form": form,
        "picture": Markup(picture),  # noqa: S704 (drawn by segno from our own address)
        "secret": base64.b32encode(secret).decode(),
    }
    return await render(request, "security/account_code.html", context, status=status)


def _operator(request: web.Request) -> Principal:
    """A program with a token has no account of this kind."""
    principal = principal_of(request)
    if principal.kind != "operator":
        raise ForbiddenError()
    return principal


def _back() -> web.Response:
    return web.Response(status=303, headers={"Location": "/account"})


async def _remember_language(request: web.Request, language: Language) -> None:
    """The language switch of every page is kept with the account."""
    centre, me = centre_of(request), principal_of(request)
    if me.language == language:
        return
    now: datetime = centre.clock.now()

    def put() -> None:
        Operator.update(language=str(language), changed_at=now).where(Operator.id == me.id).execute()
        before, after = {"language": me.language}, {"language": str(language)}
        centre.audit.record(me.actor, "operators.language", "operator", me.id, before, after)

    await centre.db.write(put)


def install(apps: Apps) -> None:
    """Keep the chosen language with the account."""
    apps.browsers[SHELL].remember_language = _remember_language


ROUTES: Final = [
    Route("GET", "/account", show_account, SIGNED_IN),
    Route("POST", "/account/password", change_password, SIGNED_IN),
    Route("POST", "/account/sessions/end", end_other_sessions, SIGNED_IN),
    Route("GET", "/account/code", new_code, SIGNED_IN, step_up=True),
    Route("POST", "/account/code", save_code, SIGNED_IN, step_up=True),
    Route("POST", "/account/code/remove", remove_code, SIGNED_IN, step_up=True),
]

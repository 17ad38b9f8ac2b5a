"""The page of the mail server and the SMS gateway: entered once for the whole centre, by who keeps the system."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from aiohttp import web

from central import settings
from central.centre import centre_of
from central.errors import InvalidInputError
from central.paging import service, ways
from central.paging.service import EMAIL
from central.paging.ways import Gateway, MailServer
from central.routes import Route
from central.security.principal import actor_of
from central.web.fields import ChoiceField, NoteField, NumberField, PasswordField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import render, settle
from central.webhooks import addresses

PATH: Final = "/alarms/messages/ways"
HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,60}:[ -~]{1,400}")
SECRET_HINT: Final = lazy("Empty: the one that was entered before stays.")


class MailForm(msgspec.Struct, kw_only=True):
    """The mail server as it is typed."""

    host: str | None
    port: int
    security: str
    sender: str | None
    user: str | None
    password: str | None


class GatewayForm(msgspec.Struct, kw_only=True):
    """The gateway as it is typed."""

    url: str | None
    kind: str
    body: str | None
    header: str | None
    expects: str | None
    secret: str | None


MAIL_FORM: Final = Form(
    MailForm,
    TextField(
        "host", lazy("Mail server"), is_required=False, length_max=253, hint=lazy("Empty: no mail is sent.")
    ),
    NumberField("port", lazy("Port"), least=1, most=65_535),
    ChoiceField(
        "security",
        lazy("Encryption"),
        choices={
            "tls": lazy("TLS from the beginning (usually port 465)"),
            "starttls": lazy("STARTTLS (usually port 587)"),
            "none": lazy("None: only for a server in the own house"),
        },
    ),
    TextField("sender", lazy("Sender address"), is_required=False, length_max=120),
    TextField("user", lazy("User name"), is_required=False, length_max=120),
    PasswordField(
        "password",
        lazy("Password of the mailbox"),
        is_required=False,
        autocomplete="new-password",
        hint=SECRET_HINT,
    ),
)
GATEWAY_FORM: Final = Form(
    GatewayForm,
    TextField(
        "url",
        lazy("Address of the SMS gateway"),
        is_required=False,
        length_max=addresses.URL_CHARS_MAX,
        is_wide=True,
        hint=lazy("Empty: no SMS is sent. {to}, {text} and {secret} are filled in, here and below."),
    ),
    ChoiceField(
        "kind",
        lazy("Form of the request"),
        choices={
            "get": lazy("GET: everything stands in the address"),
            "form": lazy("POST as a form"),
            "json": lazy("POST as JSON"),
        },
    ),
    NoteField("body", lazy("Body of the request"), is_required=False),
    TextField(
        "header",
        lazy("Header"),
        is_required=False,
        length_max=460,
        is_wide=True,
        hint=lazy("For example Authorization: Bearer {secret}"),
    ),
    TextField(
        "expects",
        lazy("A good answer contains"),
        is_required=False,
        hint=lazy("Many gateways answer 200 also when they refuse."),
    ),
    PasswordField(
        "secret",
        lazy("Secret of the gateway"),
        is_required=False,
        autocomplete="new-password",
        hint=SECRET_HINT,
    ),
)


def entered() -> dict[str, bool]:
    """Which ways there are. Inside ``db``."""
    return {"email": bool(settings.get(ways.MAIL)), "sms": bool(settings.get(ways.SMS))}


async def show(request: web.Request) -> web.Response:
    """GET /alarms/messages/ways"""
    return await _page(request, None, None)


async def save_mail(request: web.Request) -> web.Response:
    """POST /alarms/messages/ways/mail"""
    settle(request)
    centre = centre_of(request)
    form = MAIL_FORM.bind(await request.post())
    if form.is_valid:
        try:
            server = _mail_of(form.value)
        except InvalidInputError as error:
            form.fail(_(str(error)))
        else:
            given = (centre, actor_of(request), ways.MAIL, server, centre.clock.now())
            await centre.db.write(service.put_way, *given)
            raise web.HTTPSeeOther(f"{PATH}?saved=1")
    return await _page(request, form, None)


async def save_gateway(request: web.Request) -> web.Response:
    """POST /alarms/messages/ways/sms"""
    settle(request)
    centre = centre_of(request)
    form = GATEWAY_FORM.bind(await request.post())
    if form.is_valid:
        try:
            found = _gateway_of(form.value)
            if found is not None:
                plain = found.url
                for place in ("to", "text", "secret"):
                    plain = plain.replace("{" + place + "}", "0")
                await addresses.check(plain, addresses.networks(centre.config.webhooks.allow))
        except InvalidInputError as error:
            form.fail(_(str(error)))
        else:
            given = (centre, actor_of(request), ways.SMS, found, centre.clock.now())
            await centre.db.write(service.put_way, *given)
            raise web.HTTPSeeOther(f"{PATH}?saved=1")
    return await _page(request, None, form)


def _mail_of(value: MailForm) -> MailServer | None:
    if not value.host:
        return None
    if not HOST.fullmatch(value.host):
        raise InvalidInputError("This is not the name of a server.")
    if not value.sender or not EMAIL.fullmatch(value.sender):
        raise InvalidInputError("Enter the address that the mails come from.")
    if value.security == "none" and value.user:
        raise InvalidInputError("A password is not sent without encryption.")
    return MailServer(
        value.host, value.port, value.security, value.sender, value.user or "", value.password or ""
    )


def _gateway_of(value: GatewayForm) -> Gateway | None:
    if not value.url:
        return None
    everything = value.url + (value.body or "")
    if "{to}" not in everything or "{text}" not in everything:
        raise InvalidInputError("Say with {to} and {text} where number and text go.")
    if value.header and not HEADER.fullmatch(value.header):
        raise InvalidInputError("The header must be a name, a colon and a value.")
    return Gateway(
        value.url, value.kind, value.body or "", value.header or "", value.expects or "", value.secret or ""
    )


async def _page(
    request: web.Request, mail: BoundForm[MailForm] | None, gateway: BoundForm[GatewayForm] | None
) -> web.Response:
    settle(request)

    def read() -> tuple[dict[str, Any], dict[str, Any]]:
        return dict(settings.get(ways.MAIL)), dict(settings.get(ways.SMS))

    of_mail, of_gateway = await centre_of(request).db.read(read)
    has_password, has_secret = (bool(stored.pop("sealed", "")) for stored in (of_mail, of_gateway))
    failed = mail is not None or gateway is not None
    context = {
        "mail": mail or MAIL_FORM.blank(None, **({"port": 465, "security": "tls"} | of_mail)),
        "gateway": gateway or GATEWAY_FORM.blank(None, **({"kind": "json"} | of_gateway)),
        "has_password": has_password,
        "has_secret": has_secret,
        "saved": request.query.get("saved") == "1",
    }
    return await render(request, "paging/ways.html", context, status=422 if failed else 200)


ROUTES: Final[list[Route]] = [
    Route("GET", PATH, show, ("operators", "edit")),
    Route("POST", f"{PATH}/mail", save_mail, ("operators", "edit"), step_up=True),
    Route("POST", f"{PATH}/sms", save_gateway, ("operators", "edit"), step_up=True),
]

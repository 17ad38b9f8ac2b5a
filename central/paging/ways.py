"""The mail server and the SMS gateway of the centre: entered on a page, their secrets sealed with the centre's own key."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any, Final

import msgspec

from central import settings
from central.security.keys import Keys

MAIL: Final = "paging.mail"
SMS: Final = "paging.sms"
settings.DEFAULTS[MAIL] = {}
settings.DEFAULTS[SMS] = {}
_PURPOSE: Final = {MAIL: "paging mail password", SMS: "paging gateway secret"}


class MailServer(msgspec.Struct, frozen=True):
    """Where mail is handed in. ``security``: tls, starttls, or none for a server in the own house."""

    host: str
    port: int
    security: str
    sender: str
    user: str = ""
    password: str = ""


class Gateway(msgspec.Struct, frozen=True):
    """A web address that sends SMS. ``{to}``, ``{text}`` and ``{secret}`` are filled in, as the place needs it.

    ``kind``: get, form or json. ``header``: ``Name: value``, or empty. ``expects``: what a good answer contains.
    """

    url: str
    kind: str
    body: str = ""
    header: str = ""
    expects: str = ""
    secret: str = ""


def mail(keys: Keys) -> MailServer | None:
    """The mail server; None when none was entered. Inside ``db``."""
    stored = settings.get(MAIL)
    return MailServer(**_opened(keys, MAIL, stored, "password")) if stored else None


def gateway(keys: Keys) -> Gateway | None:
    """The SMS gateway; None when none was entered. Inside ``db``."""
    stored = settings.get(SMS)
    return Gateway(**_opened(keys, SMS, stored, "secret")) if stored else None


def put(keys: Keys, key: str, value: MailServer | Gateway | None, now: datetime) -> None:
    """Enter or forget one. Inside ``db.write``; the caller audits."""
    stored: dict[str, Any] = {} if value is None else msgspec.to_builtins(value)
    name = "password" if key == MAIL else "secret"
    if secret := stored.pop(name, ""):
        stored["sealed"] = base64.b64encode(keys.seal(_PURPOSE[key], secret.encode())).decode()
    settings.put(key, stored, now)


def with_secret_of(
    value: MailServer | Gateway | None, kept: MailServer | Gateway | None
) -> MailServer | Gateway | None:
    """A secret that was not typed anew stays, as long as it goes to the same place: else a page could lead it elsewhere."""
    match value, kept:
        case MailServer(password=""), MailServer() if (value.host, value.user) == (kept.host, kept.user):
            return msgspec.structs.replace(value, password=kept.password)
        case Gateway(secret=""), Gateway() if value.url == kept.url:
            return msgspec.structs.replace(value, secret=kept.secret)
    return value


def audited(key: str) -> dict[str, Any]:
    """What the audit trail says of it: everything but the secret, and whether there is one."""
    stored = dict(settings.get(key))
    return {**stored, "sealed": bool(stored.get("sealed"))} if stored else {}


def _opened(keys: Keys, key: str, stored: dict[str, Any], name: str) -> dict[str, Any]:
    values = dict(stored)
    sealed = values.pop("sealed", "")
    if sealed:
        values[name] = keys.unseal(_PURPOSE[key], base64.b64decode(sealed)).decode()
    return values

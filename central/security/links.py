"""One-time links: the first set-up, choosing a password, signing in without one (a command on the host).

The token stands in the address (``/setup?token=...``), works once, and ends after a while. Only its hash is stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from central.errors import NotFoundError
from central.security.model import OneTimeLink, Operator
from central.security.sessions import hash_token, new_token
from central.web.i18n import _


class Purpose(Enum):
    """What a link is for; the value is the path of its page."""

    SETUP = "/setup"
    PASSWORD = "/password"  # noqa: S105 (a path)
    LOGIN = "/login/link"


def make_link(purpose: Purpose, operator: Operator | None, now: datetime, valid_s: int) -> str:
    """Path and query of a new link; inside ``db.write``. Earlier links for the same purpose and operator are void."""
    assert (operator is None) == (purpose is Purpose.SETUP)
    OneTimeLink.delete().where(
        (OneTimeLink.purpose == purpose.name)
        & (OneTimeLink.operator.is_null() if operator is None else OneTimeLink.operator == operator)
    ).execute()
    token = new_token()
    OneTimeLink.create(
        token_hash=hash_token(token),
        purpose=purpose.name,
        operator=operator,
        expires_at=now + timedelta(seconds=valid_s),
    )
    return f"{purpose.value}?token={token}"


def find_link(purpose: Purpose, token: str, now: datetime) -> OneTimeLink:
    """The link that this token opens; inside ``db``.

    :raises NotFoundError: unknown, used, or over.
    """
    row = (
        OneTimeLink.select(OneTimeLink, Operator)
        .left_outer_join(Operator)
        .where((OneTimeLink.token_hash == hash_token(token)) & (OneTimeLink.purpose == purpose.name))
        .first()
    )
    if row is None or row.used_at is not None or row.expires_at <= now:
        raise NotFoundError(_("This link has been used already, or its time is over. Ask for a new one."))
    if row.operator_id is not None and row.operator.disabled_at is not None:
        raise NotFoundError(_("This link has been used already, or its time is over. Ask for a new one."))
    return row


def use_link(purpose: Purpose, token: str, now: datetime) -> OneTimeLink:
    """As :func:`find_link`, and the link is used up; inside ``db.write``."""
    link = find_link(purpose, token, now)
    link.used_at = now
    link.save()
    return link

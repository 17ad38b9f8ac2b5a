"""Sessions of signed-in operators: rows at the server, a random token in the browser.

The token has 256 bits; only its hash is stored. A session ends when it idles, at its absolute limit, on sign-out, when
the operator is disabled, and when roles or scope change.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from central.config import Config, SecurityConfig
from central.db import announce
from central.routes import Pair
from central.security.model import Operator, OperatorGrant, OperatorRole, Role, Session
from central.security.principal import Principal
from central.sites.model import Site
from central.sites.scope import Grant, Scope

TOKEN_BYTES: Final = 32
TOUCH_AFTER: Final = timedelta(seconds=60)
"""``seen_at`` is written at most this often."""
ENDED: Final = "session.ended"
"""Announced with the operator's number; open pages of that operator are cut off and ask again."""
_AGENT_CHARS_MAX: Final = 200


def hash_token(token: str) -> bytes:
    """What is stored of a token: SHA-256; the token itself is too random to guess. Takes whatever a header can hold."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def new_token() -> str:
    """256 random bits in URL-safe letters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def cookie_name(config: Config) -> str:
    """``__Host-session`` over TLS: never sent without it, never for another host or path."""
    return "__Host-session" if config.is_secure else "session"


def set_cookie(response: web.StreamResponse, config: Config, token: str) -> None:
    """Give the browser its session; the cookie ends with the browser, the session ends at the server."""
    response.set_cookie(
        cookie_name(config), token, path="/", secure=config.is_secure, httponly=True, samesite="Lax"
    )


def clear_cookie(response: web.StreamResponse, config: Config) -> None:
    """Take the cookie back."""
    response.del_cookie(cookie_name(config), path="/", secure=config.is_secure, httponly=True, samesite="Lax")


def open_session(operator: Operator, address: str, agent: str, now: datetime, config: SecurityConfig) -> str:
    """A new session; inside ``db.write``. Returns the token. The oldest sessions over the limit end."""
    token = new_token()
    Session.create(
        token_hash=hash_token(token),
        operator=operator,
        address=address,
        agent=agent[:_AGENT_CHARS_MAX],
        created_at=now,
        seen_at=now,
        password_at=now,
    )
    newest = (
        Session.select(Session.id)
        .where(Session.operator == operator)
        .order_by(Session.created_at.desc(), Session.id.desc())
        .limit(config.sessions_per_operator_max)
    )
    keep = [row.id for row in newest]
    Session.delete().where((Session.operator == operator) & Session.id.not_in(keep)).execute()
    Session.delete().where(
        (Session.created_at <= now - timedelta(seconds=config.session_absolute_s))
        | (Session.seen_at <= now - timedelta(seconds=config.session_idle_s))
    ).execute()
    return token


def find_principal(
    token_hash: bytes, address: str, now: datetime, config: SecurityConfig
) -> tuple[Principal, bool] | None:
    """Who this session belongs to, and whether ``seen_at`` is due for writing; inside ``db.read``.

    ``None`` when there is no such session, it is over, or its operator is disabled.
    """
    row = Session.select(Session, Operator).join(Operator).where(Session.token_hash == token_hash).first()
    if row is None or row.operator.disabled_at is not None or is_over(row, now, config):
        return None
    principal = describe(row.operator, address, token_hash, row.password_at)
    return principal, now - row.seen_at >= TOUCH_AFTER


def is_over(session: Session, now: datetime, config: SecurityConfig) -> bool:
    """Idle for too long, or older than a shift."""
    return bool(
        now - session.seen_at >= timedelta(seconds=config.session_idle_s)
        or now - session.created_at >= timedelta(seconds=config.session_absolute_s)
    )


def describe(
    operator: Operator, address: str = "", token_hash: bytes = b"", password_at: datetime | None = None
) -> Principal:
    """The operator with today's roles and scope; inside ``db``."""
    scope = scope_of_operator(operator)
    return Principal(
        kind="operator",
        id=operator.id,
        number=operator.number,
        name=operator.name,
        language=operator.language,
        permissions=permissions_of(operator),
        scope=scope,
        zone=_zone_of(scope),
        address=address,
        token_hash=token_hash,
        password_at=password_at,
    )


def _zone_of(scope: Scope) -> str:
    site_ids = {grant.site_id for grant in scope.grants}
    if len(site_ids) != 1 or None in site_ids:
        return ""
    return str(Site.get_by_id(site_ids.pop()).zone)


def permissions_of(operator: Operator) -> frozenset[Pair]:
    """Everything that the operator's roles give."""
    roles = Role.select(Role.permissions).join(OperatorRole).where(OperatorRole.operator == operator)
    return frozenset((sub_system, verb) for role in roles for sub_system, verb in role.permissions)


def scope_of_operator(operator: Operator) -> Scope:
    """The operator's estates and organisations."""
    rows = OperatorGrant.select().where(OperatorGrant.operator == operator)
    return Scope.of(Grant(row.site_id, row.organisation_id) for row in rows)


def touch(token_hash: bytes, now: datetime) -> None:
    """The session was used; inside ``db.write``."""
    Session.update(seen_at=now).where(Session.token_hash == token_hash).execute()


def password_given(token_hash: bytes, now: datetime) -> None:
    """The operator gave the password again; inside ``db.write``."""
    Session.update(password_at=now).where(Session.token_hash == token_hash).execute()


def end_session(token_hash: bytes, number: str) -> None:
    """Sign out; inside ``db.write``."""
    Session.delete().where(Session.token_hash == token_hash).execute()
    announce(ENDED, {"number": number})


def end_all(operator: Operator, but: bytes = b"") -> int:
    """End every session of an operator, except one; inside ``db.write``. Returns how many ended."""
    count = Session.delete().where((Session.operator == operator) & (Session.token_hash != but)).execute()
    announce(ENDED, {"number": operator.number})
    return int(count)

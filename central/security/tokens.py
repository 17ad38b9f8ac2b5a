"""Tokens by which other programs use the JSON API: hashed, scoped, revocable, limited in time if wished."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from central.audit import Audit
from central.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from central.routes import Pair
from central.security.model import ApiToken, Operator
from central.security.principal import Principal
from central.security.sessions import hash_token, new_token
from central.sites.scope import Grant, Scope
from central.web.i18n import _

PREFIX: Final = "oc_"
"""So that a secret scanner recognises one."""
HEADER: Final = "Authorization"


def bearer(header: str | None) -> str | None:
    """The token of an ``Authorization: Bearer oc_...`` header (RFC 6750), or ``None``."""
    scheme, _space, token = (header or "").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(PREFIX) and len(token) <= 100 else None


def find_integration(token: str, address: str, now: datetime) -> Principal | None:
    """The program that this token belongs to; inside ``db.read``. ``None``: unknown, revoked or over.

    A token never outlives the rights of whoever made it: it ends when that operator is disabled.
    """
    row = (
        ApiToken.select(ApiToken, Operator)
        .join(Operator)
        .where(ApiToken.token_hash == hash_token(token))
        .first()
    )
    if row is None or row.revoked_at is not None or row.created_by.disabled_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= now:
        return None
    return Principal(
        kind="integration",
        id=row.id,
        number=row.name,
        name="",
        language="en",
        permissions=frozenset((sub_system, verb) for sub_system, verb in row.permissions),
        scope=Scope.of(Grant(site_id, organisation_id) for site_id, organisation_id in row.grants),
        address=address,
        token_hash=bytes(row.token_hash),
    )


def create_token(
    audit: Audit,
    maker: Principal,
    name: str,
    permissions: Iterable[Pair],
    scope: Scope,
    expires_at: datetime | None,
    now: datetime,
    tokens_max: int,
) -> str:
    """A new token, shown once; inside ``db.write``.

    :raises ForbiddenError: it would have more rights than its maker.
    :raises ConflictError: the name is taken.
    """
    wanted = frozenset(permissions)
    if not maker.has_all_of(wanted, scope):
        raise ForbiddenError(_("Nobody can hand out more rights than they have."))
    if not wanted or not scope.grants:
        raise InvalidInputError(_("Choose at least one."))
    if ApiToken.select().where(ApiToken.revoked_at.is_null()).count() >= tokens_max:
        raise ConflictError(_("There are too many tokens. Revoke one that is no longer used."))
    if ApiToken.select().where(ApiToken.name == name).exists():
        raise ConflictError(_("This name is taken."))
    token = PREFIX + new_token()
    grants = sorted(([g.site_id, g.organisation_id] for g in scope.grants), key=str)
    row = ApiToken.create(
        name=name,
        token_hash=hash_token(token),
        permissions=sorted(wanted),
        grants=grants,
        created_by=maker.id,
        created_at=now,
        expires_at=expires_at,
    )
    after = {
        "name": name,
        "permissions": sorted(wanted),
        "grants": grants,
        "expires_at": str(expires_at or ""),
    }
    audit.record(maker.actor, "operators.token_create", "api_token", row.id, after=after)
    return token


def may_administer(maker: Principal, row: ApiToken) -> bool:
    """True when the token reaches no further than ``maker`` does."""
    scope = Scope.of(Grant(site_id, organisation_id) for site_id, organisation_id in row.grants)
    return maker.has_all_of(frozenset((a, b) for a, b in row.permissions), scope)


def revoke_token(audit: Audit, maker: Principal, token_id: int, now: datetime) -> None:
    """The program is out from its next request on; inside ``db.write``. Again is no change."""
    row = ApiToken.get_or_none(ApiToken.id == token_id)
    if row is None or not may_administer(maker, row):
        raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
    if row.revoked_at is not None:
        raise ConflictError(_("This token is revoked already."))
    row.revoked_at = now
    row.save()
    audit.record(maker.actor, "operators.token_revoke", "api_token", row.id, before={"name": row.name})

"""Who a request comes from: a signed-in operator or another program, with permissions and scope. A value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from aiohttp import web

from central.audit import Actor
from central.errors import SignInRequiredError
from central.routes import Open, Pair, Permission
from central.sites.scope import Scope

OPERATOR: Final = "operator"
"""``request["operator"]``: the :class:`Principal`, or ``None`` when nobody is signed in."""


@dataclass(frozen=True)
class Principal:
    """The one who asks."""

    kind: Literal["operator", "integration"]
    id: int
    number: str
    name: str
    language: str
    permissions: frozenset[Pair]
    scope: Scope
    zone: str = ""
    """Time zone of the one estate that this operator works for; empty when there are several."""
    address: str = ""
    token_hash: bytes = b""
    """Of the session or of the API token."""
    password_at: datetime | None = None
    """When an operator last gave the password in this session."""

    @property
    def actor(self) -> Actor:
        """What the audit trail says."""
        return Actor(self.kind, self.id, f"{self.number} {self.name}".strip(), self.address)

    def may(self, sub_system: str, verb: str, /) -> bool:
        """True when a role gives this permission."""
        return (sub_system, verb) in self.permissions

    def may_use(self, permission: Permission) -> bool:
        """True when a route with this permission is open to the one who asks."""
        if isinstance(permission, Open):
            return permission is not Open.NODE
        if isinstance(permission, frozenset):
            return not permission.isdisjoint(self.permissions)
        return permission in self.permissions

    def has_all_of(self, permissions: frozenset[Pair], scope: Scope) -> bool:
        """True when nothing of it goes beyond one's own: nobody hands out more than they have."""
        return permissions <= self.permissions and self.scope.contains(scope)


def principal_of(request: web.Request) -> Principal:
    """Who asks.

    :raises SignInRequiredError: nobody is signed in (only possible on a PUBLIC route).
    """
    principal: Principal | None = request.get(OPERATOR)
    if principal is None:
        raise SignInRequiredError("Please sign in.")
    return principal


def scope_of(request: web.Request) -> Scope:
    """Whose rows the one who asks may touch."""
    return principal_of(request).scope


def actor_of(request: web.Request) -> Actor:
    """Who asks, for the audit trail."""
    return principal_of(request).actor

"""What a route is: a method, a path, a handler and the permission that it declares.

Every sub-system package has ``ROUTES: list[Route]`` in its ``pages.py`` (HTML) and ``api.py`` (JSON, paths under
``/api/``). ``central.app`` collects them; it refuses to start when one has no valid permission or comes twice (I13).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, get_args

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SubSystem = Literal[
    "access",
    "patrol",
    "attendance",
    "purse",
    "parking",
    "fees",
    "cards",
    "keys",
    "losses",
    "people",
    "duty",
    "oversight",
    "figures",
    "personal",
    "nodes",
    "operators",
    "audit",
    "sites",
    "system",
]
Verb = Literal["view", "edit", "approve", "export"]
Pair = tuple[SubSystem, Verb]
SUB_SYSTEMS: Final[tuple[SubSystem, ...]] = get_args(SubSystem)
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)


class Open(Enum):
    """Who may use a route that needs no permission of a role."""

    PUBLIC = "public"
    """Anybody who reaches the browser listener (sign-in, static files, health)."""
    SIGNED_IN = "signed in"
    """Every signed-in operator, whatever the roles (home page, own password)."""
    NODE = "node"
    """Served on the node listener only; the handler itself proves who speaks (signed hello, session MAC)."""


PUBLIC: Final = Open.PUBLIC
SIGNED_IN: Final = Open.SIGNED_IN
NODE: Final = Open.NODE
AnyOf = frozenset[Pair]
"""One of these is enough: the handler itself asks for the one that its case needs."""
Permission = Pair | AnyOf | Open
METHODS: Final = ("GET", "POST", "PUT", "DELETE")
"""GET never changes anything; browsers change by POST, the JSON API by POST, PUT and DELETE."""


@dataclass(frozen=True)
class Route:
    """One entry of the router.

    ``step_up``: the operator must have given the password during the last ``security.step_up_s`` seconds, or, with
    ``step_up_lasts="shift"``, during the last ``security.step_up_shift_s`` (remote open: once a shift at a station).
    ``body_bytes_max``: a larger body than ``limits.body_bytes_max`` (uploads); ``None`` keeps that default.
    """

    method: str
    path: str
    handler: Handler
    permission: Permission
    step_up: bool = False
    step_up_lasts: Literal["task", "shift"] = "task"
    body_bytes_max: int | None = None

    @property
    def name(self) -> str:
        """``GET /people/{id}``: unique within one listener."""
        return f"{self.method} {self.path}"


def is_valid_permission(permission: object) -> bool:
    """True for a constant of :class:`Open`, a known (sub-system, verb) pair, or several of them."""
    if isinstance(permission, Open):
        return True
    if isinstance(permission, frozenset):
        return len(permission) > 1 and all(
            isinstance(pair, tuple) and is_valid_permission(pair) for pair in permission
        )
    return (
        isinstance(permission, tuple)
        and len(permission) == 2
        and permission[0] in SUB_SYSTEMS
        and permission[1] in VERBS
    )

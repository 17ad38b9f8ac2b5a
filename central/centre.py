"""The objects that every handler of the centre may use, built once in ``central.app``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from aiohttp import web

if TYPE_CHECKING:
    from central.audit import Audit
    from central.clock import Clock
    from central.config import Config
    from central.db import Database
    from central.health import Health
    from central.security.certificates import Authority
    from central.security.keys import Keys
    from central.security.passwords import Hasher


class Live(Protocol):
    """The feed to open pages (server-sent events)."""

    def publish(self, topic: str, payload: Mapping[str, Any]) -> None:
        """Send to every open page that listens to ``topic``. Called in the event loop; never blocks."""

    async def close(self) -> None:
        """Wake and end every open stream, so that the process can stop at once."""


@dataclass(frozen=True)
class Centre:
    """Everything with a life of its own in one centre process."""

    config: Config
    db: Database
    clock: Clock
    audit: Audit
    live: Live
    keys: Keys
    authority: Authority
    hasher: Hasher
    health: Health
    restart: Callable[[], None]
    """End this process in good order and start the same command again (30)."""


CENTRE: Final = web.AppKey("centre", Centre)
"""``request.app[CENTRE]``; present in both applications (browsers and nodes)."""


def centre_of(request: web.Request) -> Centre:
    """The centre that serves this request."""
    return request.app[CENTRE]

"""``GET /api/events/stream``: the events behind a cursor; waits for the next one when there is none yet (long poll)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.projection.batch import ALARMS, DOORS, EVENTS
from central.announce import LOOK_AGAIN
from central.centre import centre_of
from central.errors import InvalidInputError
from central.parts import Apps
from central.routes import Route
from central.security.principal import scope_of
from central.web.openapi import describes, send_json
from central.webhooks import stream
from central.webhooks.stream import KIND_TEXT, Cursor, Event

WAIT_S_MAX: Final = 20
LIMIT_MAX: Final = 500
WAITING_MAX: Final = 100
"""Programs that wait at once in one process; who comes beyond is answered at once."""
LOOK_EVERY_S: Final = 2.0
"""Another process may have stored something and its word be lost."""


class StreamBody(msgspec.Struct, frozen=True):
    """``next`` is the cursor to go on with, also when ``items`` is empty. ``restored``: items may have come before, by their id."""

    items: list[Event]
    next: str
    more: bool
    restored: bool


class Waiting:
    """Who waits for the next event."""

    def __init__(self) -> None:
        self._events: set[asyncio.Event] = set()
        self._is_over = False

    def wake(self, _payload: Any = None) -> None:
        """Something was stored."""
        for event in self._events:
            event.set()

    def end(self) -> None:
        """The centre stops: nobody waits any more."""
        self._is_over = True
        self.wake()

    async def until_told(self, until_s: float) -> bool:
        """True when something may have come; False when it is time to answer all the same."""
        left_s = until_s - asyncio.get_running_loop().time()
        if self._is_over or left_s <= 0 or len(self._events) >= WAITING_MAX:
            return False
        event = asyncio.Event()
        self._events.add(event)
        try:
            async with asyncio.timeout(min(left_s, LOOK_EVERY_S)):
                await event.wait()
        except TimeoutError:
            return True
        finally:
            self._events.discard(event)
        return not self._is_over


WAITING: Final = web.AppKey("stream_waiting", Waiting)


@describes(
    "Events behind a cursor, in the order in which they were stored",
    gives=StreamBody,
    query={
        "after": {
            "type": "string",
            "description": "a cursor, `start` for everything; without it: from now on",
        },
        "kinds": {"type": "string", "description": "kinds wanted, separated by commas; without it: all"},
        "wait": {"type": "integer", "minimum": 0, "maximum": WAIT_S_MAX},
        "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
    },
)
async def api_stream(request: web.Request) -> web.Response:
    """GET /api/events/stream"""
    db, query, scope = centre_of(request).db, request.query, scope_of(request)
    kinds = frozenset(query["kinds"].split(",")) if query.get("kinds") else frozenset(KIND_TEXT)
    if not kinds <= KIND_TEXT.keys():
        raise InvalidInputError("There is no such kind of event.")
    wait_s, limit = (
        _number(query.get("wait", "0"), 0, WAIT_S_MAX),
        _number(query.get("limit", "100"), 1, LIMIT_MAX),
    )
    if not (after := query.get("after", "")):
        cursor = await db.read(stream.head)
    else:
        cursor = Cursor(0, 0, 0) if after == "start" else stream.cursor_of(after)
    until_s = asyncio.get_running_loop().time() + wait_s
    is_restored = False
    while True:
        part = await db.read(stream.part, cursor, scope, kinds, limit)
        is_restored = is_restored or (part.is_restored and after != "start")
        cursor = part.next
        if part.events or (part.is_all and not await request.app[WAITING].until_told(until_s)):
            return send_json(StreamBody(part.events, cursor.text(), not part.is_all, is_restored))


def _number(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text[:6]) <= most):
        raise InvalidInputError(f"Must be a number from {least} to {most}.")
    return int(text[:6])


ROUTES: Final[list[Route]] = [Route("GET", "/api/events/stream", api_stream, ("access", "view"))]


def install(apps: Apps) -> None:
    """Wake who waits when something was stored, and when the centre stops."""
    waiting = Waiting()
    apps.browsers[WAITING] = waiting
    for topic in (EVENTS, ALARMS, DOORS, LOOK_AGAIN):
        apps.centre.db.subscribe(topic, waiting.wake)

    async def end(_app: web.Application) -> None:
        waiting.end()

    apps.browsers.on_shutdown.append(end)

"""The stream of one open page (server-sent events) out of the hub: ``GET /live?feed=...``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from central.errors import ForbiddenError, InvalidInputError
from central.routes import Pair
from central.web.fields import Choices
from central.web.hub import HUB, Feed, LiveHub, Payload, Show, Subscriber
from central.web.render import settle
from central.web.tables import Table

log = logging.getLogger(__name__)


async def serve_live(request: web.Request) -> web.StreamResponse:
    """``GET /live?feed=events%3Fdoor%3D3&feed=alarms``: one stream; event names are the positions of the feeds."""
    hub = request.app[HUB]
    settle(request)
    shows = await _open_feeds(request, hub)
    last_event_id = request.headers.get("Last-Event-ID") or request.query.get("last_event_id", "")
    subscriber = hub.subscribe(
        frozenset(t for feed, _show in shows for t in (feed.topic, *feed.also)),
        last_event_id[:64],
        request["operator"].number,
    )
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
    )
    try:
        async with asyncio.timeout(hub.limits.live_stream_s + hub.limits.live_heartbeat_s):
            await response.prepare(request)
            await _feed(response, hub, subscriber, shows)
    except TimeoutError:
        log.debug("a page did not read its stream to the end; it opens another")
        if request.transport is not None:
            request.transport.close()
    except ConnectionError:
        log.debug("a page closed its stream")
    finally:
        hub.unsubscribe(subscriber)
    return response


async def _open_feeds(request: web.Request, hub: LiveHub) -> list[tuple[Feed, Show]]:
    wanted = request.query.getall("feed", [])
    if not 1 <= len(wanted) <= hub.limits.live_subscriptions_max:
        raise InvalidInputError("The number of live feeds asked for is outside the limits.")
    operator = request["operator"]
    shows: list[tuple[Feed, Show]] = []
    for text in wanted:
        topic, _mark, parameters = text.partition("?")
        feed = hub.feeds.get(topic)
        if feed is None:
            raise InvalidInputError("There is no such live feed.")
        if operator is None or not operator.may_use(feed.permission):
            raise ForbiddenError("You may not see this live feed.")
        shows.append((feed, await feed.open(request, dict(_parameters(parameters)))))
    return shows


def _parameters(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text[:2_000], max_num_fields=50)
    except ValueError:
        raise InvalidInputError("There is no such live feed.") from None


async def _feed(
    response: web.StreamResponse, hub: LiveHub, subscriber: Subscriber, shows: list[tuple[Feed, Show]]
) -> None:
    """Send until the session ends, the hub closes or the stream is of age. Raises ConnectionError when the page is gone."""
    loop = asyncio.get_running_loop()
    of_age = loop.time() + hub.limits.live_stream_s
    await response.write(message("hello", hub.last_event_id))
    while not subscriber.is_ended and (left_s := of_age - loop.time()) > 0:
        if subscriber.is_lagging:
            await response.write(message("reset", hub.last_event_id))
            return
        if subscriber.queue:
            event = subscriber.queue.popleft()
            for position, (feed, show) in enumerate(shows):
                html = show(event.payload) if feed.takes(event.topic) else None
                if html:
                    await response.write(message(str(position), hub.event_id(event.number), html))
            continue
        subscriber.wake.clear()
        try:
            async with asyncio.timeout(min(hub.limits.live_heartbeat_s, left_s)):
                await subscriber.wake.wait()
        except TimeoutError:
            await response.write(b": still here\n\n")
    await response.write(message("ended", hub.last_event_id))


def message(name: str, event_id: str, data: str = "") -> bytes:
    """One server-sent event (WHATWG HTML, section 9.2.6): its id, its name, its text line by line."""
    lines = "".join(f"data: {line}\n" for line in (data or "-").splitlines())
    return f"id: {event_id}\nevent: {name}\n{lines}\n".encode()


def rows_feed(
    topic: str,
    permission: Pair,
    table: Table,
    row_of: Callable[[Payload], Any],
    may_see: Callable[[web.Request, Payload], bool],
    choices: Callable[[web.Request], Awaitable[Mapping[str, Choices]]] | None = None,
) -> Feed:
    """A feed whose events are new rows of a list, shown and filtered exactly as the list itself does.

    :param row_of: from the published payload to a row with the attributes that the columns and filters use.
    :param may_see: whether the operator's scope holds this event.
    :param choices: the choices of the list's filters, as the page passes them.
    """

    async def open_feed(request: web.Request, parameters: Mapping[str, str]) -> Show:
        view = table.view(parameters, await choices(request) if choices is not None else None)

        def show(payload: Payload) -> str | None:
            if not may_see(request, payload):
                return None
            row = row_of(payload)
            return str(table.row_html(row)) if view.matches(row) else None

        return show

    return Feed(topic, permission, open_feed)

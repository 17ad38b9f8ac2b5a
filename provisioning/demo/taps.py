"""The virtual tap page (虛擬刷卡): the demo process's own port; the production centre has no such route.

It drives the emulated chip, so a tap goes through the real driver, node and protocol. On loopback it is open; where the
demo is opened to the network, the key in its address is needed, and kept in a cookie.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from provisioning.demo.control import ControlLine
from provisioning.demo.processes import Child
from provisioning.demo.recent import Recent, in_words
from provisioning.demo.site import DemoCard, DemoDevice
from provisioning.errors import DemoError
from provisioning.texts import LANGUAGES, choose, translator

HERE: Final = Path(__file__).parent
QUEUE_MAX: Final = 1_000
COOKIE: Final = "taps"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ALLOWED: Final = frozenset(
    {
        "tap",
        "place",
        "remove",
        "fault",
        "mend",
        "input",
        "press",
        "walk",
        "force",
        "network",
        "clock",
        "power_off",
        "state",
    }
)


class DemoNode:
    """A node of the demo: its process, its control line, its description."""

    def __init__(self, device: DemoDevice, child: Child, line: ControlLine) -> None:
        self.device, self.child, self.line = device, child, line


class TapServer:
    """The page, its live stream, and the switch for each node."""

    def __init__(
        self,
        nodes: Mapping[str, DemoNode],
        cards: tuple[DemoCard, ...],
        centre_url: str,
        recent: Recent,
        key: str = "",
    ) -> None:
        """:param key: without it nobody gets in; empty: everybody does."""
        self._nodes = nodes
        self._recent = recent
        self._key = key
        self._cards = cards
        self._centre_url = centre_url
        self._watchers: set[asyncio.Queue[str]] = set()
        self._runner: web.AppRunner | None = None
        self._pages = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )

    async def start(self, host: str, port: int) -> None:
        """Listen."""
        app = web.Application(client_max_size=64 * 1024, middlewares=[self._guard])
        app.router.add_get("/", self._page)
        app.router.add_get("/events", self._events)
        app.router.add_post("/do", self._do)
        app.router.add_static("/static", HERE / "static")
        self._runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """End every open stream and the listener."""
        for queue in self._watchers:
            queue.put_nowait("")
        if self._runner is not None:
            await self._runner.cleanup()

    def tell(self, node: str, event: Mapping[str, Any]) -> None:
        """A change of a node, for every open page."""
        line = json.dumps({"node": node, **event})
        for queue in list(self._watchers):
            if queue.qsize() < QUEUE_MAX:
                queue.put_nowait(line)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who has the key, by the address once and by its cookie from then on."""
        given = request.query.get("key", "") or request.cookies.get(COOKIE, "")
        if self._key and not compare_digest(given.encode(), self._key.encode()):
            raise web.HTTPForbidden(text="The address needs its key: see where the demo was started.")
        response = await handler(request)
        if self._key and not response.prepared:
            response.set_cookie(COOKIE, self._key, httponly=True, samesite="Strict")
        return response

    async def _page(self, request: web.Request) -> web.Response:
        language = choose(request.query.get("lang", ""), request.headers.get("Accept-Language", ""))
        text = self._pages.get_template("taps.html").render(
            _=translator(language),
            language=language,
            languages=LANGUAGES,
            nodes=[node.device for node in self._nodes.values()],
            cards=self._cards,
            centre_url=self._centre_url,
        )
        return web.Response(
            text=text,
            content_type="text/html",
            headers={
                "Cache-Control": "no-store",
                "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
                "connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'",
            },
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue()
        for name, node in self._nodes.items():
            queue.put_nowait(json.dumps({"node": name, "event": "power", "on": node.line.is_connected}))
            for event in node.line.now.values():
                queue.put_nowait(json.dumps({"node": name, **event}))
        self._watchers.add(queue)
        language = choose(request.query.get("lang", ""), request.headers.get("Accept-Language", ""))
        following = asyncio.create_task(self._tell_recent(queue, language), name="recent events")
        try:
            while line := await queue.get():
                await response.write(f"data: {line}\n\n".encode())
        except ConnectionError:
            pass
        finally:
            self._watchers.discard(queue)
            following.cancel()
        return response

    async def _tell_recent(self, queue: asyncio.Queue[str], language: str) -> None:
        async for rows in self._recent.follow():
            queue.put_nowait(json.dumps({"event": "recent", "rows": in_words(rows, language)}))

    async def _do(self, request: web.Request) -> web.Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise web.HTTPForbidden(text="only from this page")
        try:
            asked = await request.json()
            node = self._nodes[asked.pop("node")]
            what = asked["do"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise web.HTTPBadRequest(text="node and do are needed") from error
        try:
            if what == "power_on":
                await node.child.start()
                return web.json_response({})
            if what not in ALLOWED:
                raise web.HTTPBadRequest(text="not known")
            return web.json_response(dict(await node.line.do(asked)))
        except DemoError as error:
            return web.json_response({"error": str(error)}, status=409)

"""A program that events are sent to: on loopback, and as unreliable as it is told to be."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

from aiohttp import web

from provisioning.demo.processes import HeldPort


class Receiver:
    """Takes POSTs. ``answers``: "ok", "500", "redirect" or "hang" (until ``stop``)."""

    def __init__(self) -> None:
        self.answers = "ok"
        self.secret = ""
        self.events: list[dict[str, Any]] = []
        """Those that were received, in order, with repetitions."""
        self.requests_count = 0
        self.followed_count = 0
        self.wrong_signatures = 0
        self.sms: list[tuple[str, str, str]] = []
        """What a gateway of this kind was asked to send: to, text, and the header that proves the sender."""
        self._held = HeldPort()
        self.port = self._held.number
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def sms_url(self) -> str:
        """Where it takes SMS."""
        return f"http://127.0.0.1:{self.port}/sms"

    @property
    def ids(self) -> list[str]:
        """Of what was received, each once."""
        return list(dict.fromkeys(event["id"] for event in self.events))

    async def start(self) -> None:
        """Listen, always on the same port: nobody else gets it meanwhile."""
        app = web.Application()
        app.router.add_post("/events", self._take)
        app.router.add_post("/sms", self._take_sms)
        app.router.add_route("*", "/elsewhere", self._follow)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()

    async def stop(self) -> None:
        """As if killed: nobody listens, open requests are broken off."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def close(self) -> None:
        """Nobody listens there any more."""
        self._held.close()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests_count += 1
        body = await request.read()
        if self.answers == "hang":
            await asyncio.sleep(3_600)
        if self.answers == "500":
            return web.Response(status=500)
        if self.answers == "redirect":
            return web.Response(status=307, headers={"Location": "/elsewhere"})
        if not self._is_signed(request.headers.get("X-Onecard-Signature", ""), body):
            self.wrong_signatures += 1
        self.events += json.loads(body)["events"]
        return web.Response(status=204)

    async def _take_sms(self, request: web.Request) -> web.Response:
        """As many gateways do: 200 in any case, and in the body whether it was taken."""
        asked = json.loads(await request.read())
        if self.answers != "ok":
            return web.json_response({"code": 1, "message": "no credit"})
        self.sms.append((asked["mobile"], asked["content"], request.headers.get("Authorization", "")))
        return web.json_response({"code": 0})

    async def _follow(self, _request: web.Request) -> web.Response:
        self.followed_count += 1
        return web.Response()

    def _is_signed(self, header: str, body: bytes) -> bool:
        """Worked out from the manual's words alone."""
        parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
        text = parts.get("t", "").encode() + b"." + body
        wanted = hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, parts.get("v1", ""))

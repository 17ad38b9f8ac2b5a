"""Another program beside a site: a token of its own with chosen permissions, and nothing but the JSON API."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from central.security.guard import STEP_UP_FIELD
from tests.support.site import EVERY, Site


class Program:
    """What it asks is answered with the status and the JSON (None for an empty answer)."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def get(self, path: str) -> tuple[int, Any]:
        """GET"""
        return await self._ask("GET", path)

    async def post(self, path: str, **body: Any) -> tuple[int, Any]:
        """POST of a JSON body; without one, of nothing."""
        return await self._ask("POST", path, json=body or None)

    async def upload(self, path: str, raw: bytes) -> tuple[int, Any]:
        """POST of a file."""
        return await self._ask("POST", path, data=raw)

    async def _ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with self._session.request(method, self._url + path, **more) as response:
            text = await response.text()
            return response.status, await response.json() if text else None


@asynccontextmanager
async def program(site: Site, *cells: str) -> AsyncIterator[Program]:
    """Make a token with these permissions (``access.view``) on the page, and use it."""
    page = await site.browser.get("/tokens")
    form = page.form("/tokens")
    fields = {"name": f"程序{site.next_number()}", "sites": EVERY, "organisations": EVERY}
    sent = [pair for pair in form.filled(**fields) if pair[0] != "cells"]
    sent += [("cells", cell) for cell in cells] + [(STEP_UP_FIELD, site.demo.password)]
    shown = await site.browser.post("/tokens", sent)
    token = re.search(r"oc_[A-Za-z0-9_-]{43}", shown.html)
    assert token is not None, shown.words[-600:]
    headers = {"Authorization": f"Bearer {token[0]}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield Program(site.demo.centre_url, session)

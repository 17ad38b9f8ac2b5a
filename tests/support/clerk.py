"""A clerk's script: issues one card after another at a desk, through the pages, and goes on where it was after any crash."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from provisioning.demo.browser import Browser, Page
from provisioning.errors import DemoError

LOOK_S = 0.05
PATIENCE_S = 60.0
Lay = Callable[[dict[str, Any]], Awaitable[None]]
Lift = Callable[[str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True)
class Task:
    """A card to be issued to a person."""

    uid: str
    card_no: str
    person: int
    kind: str = "classic1k"


@dataclass
class Desk:
    """A reader, as the pages and as a hand know it."""

    point: int
    lay: Lay
    lift: Lift


@dataclass
class Clerk:
    """Works through a list. Nothing is remembered but what the centre says.

    :ivar seconds: machine time of each card, from laying it down to the word that it is done.
    :ivar written: cards as they are after writing, by UID.
    """

    browser: Browser
    desk: Desk
    seconds: list[float] = field(default_factory=list)
    written: dict[str, dict[str, Any]] = field(default_factory=dict)
    retries: int = 0

    async def work(self, tasks: Sequence[Task], after: Callable[[int], Awaitable[None]]) -> None:
        """Every task that is not done already; ``after`` is called with the number of cards done so far."""
        for number, task in enumerate(tasks, 1):
            await self.issue(task)
            await after(number)

    async def issue(self, task: Task) -> None:
        """One card, in use when this returns.

        :raises DemoError: not within a minute.
        """
        began, card = time.monotonic(), {"kind": task.kind, "uid": task.uid}
        await self.desk.lay(card)
        while True:
            try:
                if not await self._is_issued(task):
                    await self._order(task)
                break
            except (DemoError, aiohttp.ClientError, TimeoutError, OSError) as error:
                self.retries += 1
                if time.monotonic() - began > PATIENCE_S:
                    raise DemoError(f"{task.card_no}: {error}") from error
                await asyncio.sleep(LOOK_S)
        self.seconds.append(time.monotonic() - began)
        self.written[task.uid] = await self.desk.lift(task.uid)

    async def _order(self, task: Task) -> None:
        """Choose the person, issue, and wait for the card; an order that waits already is gone on with."""
        order = await self._open_order()
        if order is None:
            path = f"/cards/issue?person={task.person}&reader={self.desk.point}"
            page = await self._until(path, lambda page: task.uid in page.html.replace(" ", ""))
            values = {"uid": task.uid, "card_no": task.card_no, "levels": "1", "card_class": ""}
            answer = await self.browser.post("/cards/issue", page.form("/cards/issue").filled(**values))
            order = answer.path
            if not order.startswith("/cards/orders/"):
                raise DemoError(f"{task.card_no} was not ordered: {answer.status} {answer.words[-1_500:]}")
        state = await self._until(f"{order}/state", lambda page: "Cancel" not in page.words.split())
        if "read back" not in state.words and "being committed" not in state.words:
            raise DemoError(f"{task.card_no}: {state.words}")
        await self._until(f"{order}/state", lambda page: "read back" in page.words)

    async def _open_order(self) -> str | None:
        page = await self.browser.get(f"/cards/desk/presented?reader={self.desk.point}")
        return next((link for link in page.links if link.startswith("/cards/orders/")), None)

    async def _is_issued(self, task: Task) -> bool:
        rows = (await self.browser.get(f"/cards?q={task.card_no}")).rows_of("cards")
        return bool(rows) and "In normal use" in rows[0].cells

    async def _until(self, path: str, is_so: Callable[[Page], bool]) -> Page:
        end = time.monotonic() + PATIENCE_S
        while True:
            page = await self.browser.get(path)
            if page.status != 200:
                raise DemoError(f"{path}: {page.status}")
            if is_so(page):
                return page
            if time.monotonic() > end:
                raise DemoError(f"{path} never said so: {page.words[-300:]}")
            await asyncio.sleep(LOOK_S)

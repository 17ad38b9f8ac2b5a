"""The story that `make demo ARGS=--headless-check` plays on a running site, through its pages and its emulated chips.

A resident opens the gate; the card is lost, reported, dead at every door; without the network a door decides alone and
its record arrives once. Every step prints one line with what was measured, and fails loudly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from edge.i18n import language_of
from provisioning.demo.browser import Browser, Page, Row
from provisioning.errors import DemoError
from provisioning.texts import translator

if TYPE_CHECKING:
    from provisioning.demo.__main__ import Demo

T = TypeVar("T")
WITHIN_S: Final = 20.0
JOINED_WITHIN_S: Final = 60.0
EVENTS: Final = "/access/events"
LOCK: Final = "lock.1"
RESIDENT, NEIGHBOUR, STRANGER = "04A1B2C3D4E5F6", "04A1B2C3D4E5F7", "A1B2C3D4"


async def until(look: Callable[[], Awaitable[T | None]], what: str, within_s: float = WITHIN_S) -> T:
    """The first answer that is not None.

    :raises DemoError: there was none in time.
    """
    deadline = time.monotonic() + within_s
    while (found := await look()) is None:
        if time.monotonic() > deadline:
            raise DemoError(f"{what}: not within {within_s:.0f} s")
        await asyncio.sleep(0.02)
    return found


class SiteTester:
    """Hands for a running site: taps at readers, eyes on locks, and a browser at the centre."""

    def __init__(self, demo: Demo, browser: Browser) -> None:
        self.demo, self.browser = demo, browser

    async def do(self, node: str, what: str, **more: Any) -> None:
        """Something at a device (``edge/emulated.py``)."""
        await self.demo.nodes[node].line.do({"do": what, **more})

    async def tap(self, node: str, uid: str, reader: int = 1) -> None:
        """Hold a card to a reader for a moment."""
        assert self.demo.site is not None
        kinds = {card.uid: card.kind for card in self.demo.site.cards}
        await self.do(node, "tap", reader=reader, card={"kind": kinds.get(uid, "classic1k"), "uid": uid})

    def last(self, node: str, line: str = LOCK) -> tuple[bool, int]:
        """Whether an output is on, and when it last changed (ms of the machine's clock)."""
        event = self.demo.nodes[node].line.now.get(f"output {line}")
        return (False, 0) if event is None else (bool(event["on"]), int(event["at_ms"]))

    async def until_lock(self, node: str, on: bool, line: str = LOCK) -> None:
        """Until the lock is driven, or at rest."""

        async def look() -> bool | None:
            return True if self.last(node, line)[0] is on else None

        await until(look, f"{node}: {line} {'on' if on else 'off'}")

    async def opens(self, node: str, uid: str) -> float:
        """Tap and see the door unlock; seconds until it did. The lock is at rest before and afterwards.

        :raises DemoError: it stayed shut.
        """
        await self.until_lock(node, False)
        began = time.monotonic()
        await self.tap(node, uid)
        await self.until_lock(node, True)
        return time.monotonic() - began

    async def shuts(self, node: str) -> None:
        """Walk through, and wait until the lock is at rest."""
        await self.do(node, "walk", unit=1, ms=200)
        await self.until_lock(node, False)

    async def is_refused(self, node: str, uid: str, query: str) -> Row:
        """Tap; the event as the centre has it, with the lock never driven.

        :raises DemoError: the lock moved, or no refusal arrived.
        """
        await self.until_lock(node, False)
        before = await self.count(query)
        rested = self.last(node)
        await self.tap(node, uid)
        row = await self.arrival(query, before)
        if self.last(node) != rested:
            raise DemoError(f"{node}: the lock moved for a card that is refused")
        return row

    async def events(self, query: str) -> list[Row]:
        """The newest door events of the centre's page that fit."""
        page = await self.browser.get(f"{EVENTS}?{query}")
        if page.status != 200:
            raise DemoError(f"{page.path}: {page.status}: {page.words[:300]}")
        return page.rows_of("events")

    async def count(self, query: str) -> int:
        """How many of them there are."""
        return len(await self.events(query))

    async def arrival(self, query: str, before: int) -> Row:
        """The event that has come since there were so many."""

        async def look() -> Row | None:
            rows = await self.events(query)
            return rows[0] if len(rows) > before else None

        return await until(look, f"{EVENTS}?{query}")

    async def card_page(self, card_no: str) -> Page:
        """The page of a card."""
        rows = (await self.browser.get(f"/cards?q={card_no}")).rows_of("cards")
        links = [link for row in rows for link in row.links if link.startswith("/cards/")]
        if not links:
            raise DemoError(f"the list of cards does not know {card_no}")
        return await self.browser.get(links[0])

    async def device_pages(self) -> dict[str, Page]:
        """The page of each device by its name on the network."""
        rows = (await self.browser.get("/devices")).rows_of("devices")
        pages = [await self.browser.get(row.links[0]) for row in rows]
        assert self.demo.site is not None
        return {
            device.name: page
            for device in self.demo.site.devices
            for page in pages
            if device.name in page.facts.values()
        }

    async def until_joined(self) -> None:
        """Until every device has sent records and holds everything that the centre has for it."""
        from provisioning.demo.reading import is_complete

        async def look() -> bool | None:
            pages = await self.device_pages()
            return True if pages and all(is_complete(page) for page in pages.values()) else None

        await until(look, "the devices join", JOINED_WITHIN_S)

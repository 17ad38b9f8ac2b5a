"""The story that `make demo ARGS=--headless-check` plays on a running site, through its pages and its emulated chips.

A resident opens the gate; the card is lost, reported, dead at every door; without the network a door decides alone and
its record arrives once. Every step prints one line with what was measured, and fails loudly.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from edge.core.presence import AGAIN_AFTER_MS
from edge.emulated_taps import TAP_MS
from edge.i18n import language_of
from edge.status import StatusError, ask
from provisioning.demo.browser import Browser, Page, Row
from provisioning.demo.patrol import GUARDS
from provisioning.errors import DemoError
from provisioning.texts import translator

if TYPE_CHECKING:
    from provisioning.demo.demo import Demo

T = TypeVar("T")
WITHIN_S: Final = 60.0
"""Each wait ends as soon as it is so; this only bounds it, on a busy machine too."""
JOINED_WITHIN_S: Final = 120.0
EVENTS: Final = "/access/events"
EVENT_WITHIN_S: Final = 1.0
APART_S: Final = TAP_MS / 1_000 + 1.0
AGAIN_AFTER_S: Final = TAP_MS / 1_000 + AGAIN_AFTER_MS / 1_000 + 1.0
AWAY_S: Final = AGAIN_AFTER_MS / 1_000 + 0.3
SETTLED_S: Final = 1.0
"""More than the half second for which a door takes an opening for part of the passage before."""
LOCK: Final = "lock.1"
RESIDENT, NEIGHBOUR, STRANGER = "04A1B2C3D4E5F6", "04A1B2C3D4E5F7", "A1B2C3D4"


async def until(look: Callable[[], Awaitable[T | None]], what: str, within_s: float = WITHIN_S) -> T:
    """The first answer that is neither None nor False; asked for again after a sixth of the time that it has taken so far.

    :raises DemoError: there was none in time.
    """
    began = time.monotonic()
    while (found := await look()) is None or found is False:
        waited_s = time.monotonic() - began
        if waited_s > within_s:
            raise DemoError(f"{what}: not within {within_s:.0f} s")
        await asyncio.sleep(min(max(0.02, waited_s / 6), 0.5))
    return found


class SiteTester:
    """Hands for a running site: taps at readers, eyes on locks, and a browser at the centre."""

    def __init__(self, demo: Demo, browser: Browser) -> None:
        self.demo, self.browser = demo, browser
        self.written: dict[str, Mapping[str, Any]] = {}
        """Cards with what an issuer has written on them, by UID."""
        self._tapped_at: dict[tuple[str, int, str], float] = {}

    async def do(self, node: str, what: str, **more: Any) -> Mapping[str, Any]:
        """Something at a device (``edge/emulated.py``); its answer."""
        return await self.demo.nodes[node].line.do({"do": what, **more})

    async def tap(self, node: str, uid: str, reader: int = 1) -> None:
        """Hold a card to a reader for a moment. Waits first: two at once are refused, the same at once is one showing."""
        assert self.demo.site is not None
        place, before = (node, reader, uid), (node, reader, "")
        free_at = max(
            self._tapped_at.get(place, 0.0) + AGAIN_AFTER_S, self._tapped_at.get(before, 0.0) + APART_S
        )
        await asyncio.sleep(max(0.0, free_at - time.monotonic()))
        if place in self._tapped_at:
            await self._until_away(node, uid, reader)
        kinds = {card.uid: card.kind for card in reversed(self.demo.site.cards)}  # the card, not its copy
        card = self.written.get(uid, {"kind": kinds.get(uid, "classic1k"), "uid": uid})
        await self.do(node, "tap", reader=reader, card=card)
        self._tapped_at[place] = self._tapped_at[before] = time.monotonic()

    async def _until_away(self, node: str, uid: str, reader: int) -> None:
        """Until a card has been away from a reader for so long that it is shown anew: a busy device lets its holder wait."""
        now = self.demo.nodes[node].line.now

        async def look() -> bool:
            there = now.get(f"cards {reader}", {"uids": (), "at_ms": 0})
            away_s = time.monotonic() - int(there["at_ms"]) / 1_000
            return uid not in there["uids"] and away_s > AWAY_S

        await until(look, f"{node}: {uid} is away")

    def tapped_at(self, node: str, reader: int = 1) -> float:
        """When a card was last held to a reader, by the monotonic clock."""
        return self._tapped_at[node, reader, ""]

    def last(self, node: str, line: str = LOCK) -> tuple[bool, int]:
        """Whether an output is on, and when it last changed (ms of the machine's clock)."""
        event = self.demo.nodes[node].line.now.get(f"output {line}")
        return (False, 0) if event is None else (bool(event["on"]), int(event["at_ms"]))

    async def until_lock(self, node: str, on: bool, line: str = LOCK) -> None:
        """Until the lock is driven, or at rest."""

        async def look() -> bool | None:
            return True if self.last(node, line)[0] is on else None

        await until(look, f"{node}: {line} {'on' if on else 'off'}")

    async def until_locked(self, node: str, line: str = LOCK, within_s: float = WITHIN_S) -> None:
        """Until the lock has been at rest for so long that nobody is under way, and an opening is no part of the passage before."""

        async def look() -> bool | None:
            is_on, at_ms = self.last(node, line)
            return True if not is_on and time.monotonic() - at_ms / 1_000 > SETTLED_S else None

        await until(look, f"{node}: {line} settled", within_s)

    async def opens(self, node: str, uid: str) -> float:
        """Tap and see the door unlock; seconds until it did. The lock is at rest before and afterwards.

        :raises DemoError: it stayed shut.
        """
        await self.until_lock(node, False)
        began = time.monotonic()
        await self.tap(node, uid)
        await self.until_lock(node, True)
        return time.monotonic() - began

    async def shuts(self, node: str) -> bool:
        """Walk through, and wait until the lock is at rest. False: it was at rest again before anybody walked."""
        walked = bool((await self.do(node, "walk", unit=1, ms=200))["opened"])
        await self.until_lock(node, False)
        return walked

    async def is_refused(self, node: str, uid: str, query: str) -> Row:
        """Tap; the event as the centre has it, with the lock never driven. The device is online.

        :raises DemoError: the lock moved, or no refusal arrived.
        """
        await self.until_lock(node, False)
        await self.until_uploaded(node)  # or an older event that is still on its way would pass for this one
        before = {row.id for row in await self.events(query)}
        rested = self.last(node)
        await self.tap(node, uid)

        async def look() -> Row | None:
            return next((row for row in await self.events(query) if row.id not in before), None)

        row = await until(look, f"{EVENTS}?{query}")
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

    async def status(self, node: str) -> Mapping[str, Any]:
        """What a device tells its installer of itself at this moment; empty while it is off."""
        try:
            return await asyncio.to_thread(ask, self.demo.nodes[node].line.data_dir / "status.sock")
        except StatusError:
            return {}

    async def until_status(self, node: str, is_so: Callable[[Mapping[str, Any]], bool], what: str) -> None:
        """Until a device that runs says so of itself."""

        async def look() -> bool:
            found = await self.status(node)
            return bool(found) and is_so(found)

        await until(look, f"{node}: {what}")

    async def until_uploaded(self, node: str) -> None:
        """Until the centre has every record of a device, as the device knows: the centre knows of the last one only what it was told."""
        await self.until_status(node, has_uploaded, "every record is at the centre")

    async def until_joined(self) -> None:
        """Until every device has sent records and holds everything that the centre has for it.

        Pages of devices that still wait are looked at alone, one after the other, before those of all.
        """
        waiting: list[str] = []

        async def look() -> bool | None:
            assert self.demo.site is not None
            for device in self.demo.site.devices:
                if not has_uploaded(await self.status(device.name)):
                    return None
            while waiting:
                if not has_everything(await self.browser.get(waiting[0])):
                    return None
                waiting.pop(0)
            pages = await self.device_pages()
            waiting.extend(page.path for page in pages.values() if not has_everything(page))
            return True if len(pages) == len(self.demo.site.devices) and not waiting else None

        await until(look, "the devices join", JOINED_WITHIN_S)

    async def report_lost(self, card_no: str) -> Page:
        """Report a card lost through the form of its page; the page that follows."""
        page = await self.card_page(card_no)
        return await self.browser.send(page, f"{page.path}/lose")

    async def until_dead(self, card_no: str) -> float:
        """Until every door has acknowledged that it refuses the card; seconds that it took."""
        began = time.monotonic()
        path = (await self.card_page(card_no)).path

        async def look() -> bool | None:
            page = await self.browser.get(
                f"{path}/delivery"
            )  # with a line for each door that would forget it
            return page.progress is not None and page.progress[0] == page.progress[1] > 0 and not page.rows

        await until(look, f"card {card_no} is refused everywhere")
        return time.monotonic() - began


def has_uploaded(status: Mapping[str, Any]) -> bool:
    """What a device says of itself: it is connected, and the centre has all that it has recorded."""
    if not status or status["link"]["state"] != "online":
        return False
    return bool(status["storage"]["acked_through"] >= status["storage"]["last_seq"])


def has_everything(page: Page) -> bool:
    """The page of a device says that nothing waits on either side and that its records are whole. Reads English."""
    received = [row.cells for row in page.rows if row.cells and row.cells[0].isdecimal()]
    waits = page.facts.get("Not delivered"), page.facts.get("Not uploaded")
    return waits == ("0", "0") and bool(received) and all(cells[4:6] == ["0", "Intact"] for cells in received)


async def play(demo: Demo, tell: Callable[[str], None]) -> None:
    """Play the story on a site that has come up; tells a line for each step.

    :raises DemoError: something did not come out as it must.
    """
    _ = translator(language_of().replace("_", "-"))

    def say(message: str, **values: object) -> None:
        tell("  ✓ " + _(message, **values))

    assert demo.site is not None
    async with Browser(demo.centre_url, "en") as browser:
        site = SiteTester(demo, browser)
        await browser.sign_in_by_link(demo.site.login_path)
        say("Signed in with the one-time link.")
        await site.until_joined()
        say("Every device has joined and holds its cards.")
        await _resident(site, say)
        await _lost(site, say)
        await _offline(site, say)
        await _stranger(site, say)
        await _guard(site, say)
    tell(_("Everything came out as it must."))


Say = Callable[..., None]


async def _resident(site: SiteTester, say: Say) -> None:
    query = "person=0101"
    before = await site.count(query)
    began = time.monotonic()
    opened_s = await site.opens("east-gate", RESIDENT)
    await site.arrival(query, before)
    arrived_s = time.monotonic() - began
    if arrived_s > EVENT_WITHIN_S:
        raise DemoError(f"the event was at the centre after {arrived_s:.1f} s, not within {EVENT_WITHIN_S} s")
    await site.shuts("east-gate")
    say("The resident's card opened the east gate after %(seconds)s s.", seconds=f"{opened_s:.2f}")
    say("The event was on the page %(seconds)s s after the tap.", seconds=f"{arrived_s:.2f}")


async def _lost(site: SiteTester, say: Say) -> None:
    await site.report_lost("00000101")
    seconds = await site.until_dead("00000101")
    say("The card is reported lost; every door refused it after %(seconds)s s.", seconds=f"{seconds:.2f}")
    await site.is_refused("east-gate", RESIDENT, "person=0101&result=denied")
    say("The lost card was shown at the east gate: refused, the lock did not move.")


async def _offline(site: SiteTester, say: Say) -> None:
    query = "person=0102"
    before = await site.count(query)
    await site.do("hall", "network", up=False)
    opened_s = await site.opens("hall", NEIGHBOUR)
    await site.shuts("hall")
    if await site.count(query) != before:
        raise DemoError("an event arrived although the network is cut")
    say("Without the network the hall opened after %(seconds)s s.", seconds=f"{opened_s:.2f}")
    await site.do("hall", "network", up=True)
    began = time.monotonic()
    await site.arrival(query, before)
    arrived_s = time.monotonic() - began
    await site.until_joined()  # nothing is on its way any more: whatever comes twice is there twice now
    if (count := await site.count(query)) != before + 1:
        raise DemoError(f"one tap without the network became {count - before} events")
    say(
        "With the network back its event arrived once, after %(seconds)s s; no gap, the chain is intact.",
        seconds=f"{arrived_s:.1f}",
    )


async def _stranger(site: SiteTester, say: Say) -> None:
    await site.is_refused("east-gate", STRANGER, "result=denied&reason=20")
    say("A stranger's card was refused.")
    await site.until_lock("east-gate", False)
    await site.do("east-gate", "press", unit=1)
    await site.until_lock("east-gate", True)
    say("The exit button opened the east gate.")


async def _guard(site: SiteTester, say: Say) -> None:
    node, line = "patrol", "buzzer.1"
    before = site.last(node, line)
    began = time.monotonic()
    await site.tap(node, GUARDS[0][7])

    async def heard() -> bool | None:
        return True if site.last(node, line) != before else None

    await until(heard, f"{node}: {line}")
    seconds = time.monotonic() - began
    await site.until_joined()
    say(
        "A guard's card was scanned at the patrol point and heard after %(seconds)s s.",
        seconds=f"{seconds:.2f}",
    )

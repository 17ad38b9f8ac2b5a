"""A site that tests share, as it is when nobody does anything: whatever a test that failed has left undone is done here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioning.demo.story import SiteTester
from provisioning.errors import DemoError

RESTS_WITHIN_S = 15.0
"""A lock is driven no longer after a card; after this somebody holds the door open."""


async def put_right(site: SiteTester) -> None:
    """Centre and devices run and are connected, clocks are right, readers and outputs whole and without cards, doors shut and locked.

    Costs a few local questions where all is so. What stands on pages (cards, alarms, settings of doors) is each test's own.
    """
    centre = site.demo.centre
    if not centre.is_running:
        await centre.start()
        await site.demo.centre_answers()
    for name in site.demo.nodes:
        await _runs(site, name)
    for name in site.demo.nodes:
        await _is_right(site, name)


async def _runs(site: SiteTester, name: str) -> None:
    node = site.demo.nodes[name]
    if not node.child.is_running:
        await site.demo.until(lambda: not node.line.is_connected, f"{name} is off")
        await node.child.start()
    await site.demo.until(lambda: node.line.is_connected, name)


async def _is_right(site: SiteTester, name: str) -> None:
    node = site.demo.nodes[name]
    for unit in range(1, len(node.device.readers) + 1):
        await site.do(name, "mend", reader=unit)
    now = (await node.line.do({"do": "state"}))["now"]
    for event in now:
        await _undo(site, name, event)
    status = await site.status(name)
    if not status or not _works(status):
        await site.do(name, "network", up=False)  # tried again at once, whatever the back-off has come to
        await site.do(name, "network", up=True)
        await site.until_status(name, _works, "it is connected and its readers work")
    for line in [event["line"] for event in now if event["event"] == "output"]:
        if line.startswith("lock."):
            await _locks(site, name, line)


def _works(status: Mapping[str, Any]) -> bool:
    is_whole = all(reader["state"] == "working" for reader in status["readers"])
    return is_whole and status["link"]["state"] == "online"


async def _undo(site: SiteTester, name: str, event: Mapping[str, Any]) -> None:
    if event["event"] == "switch":
        if not event["network"]:
            await site.do(name, "network", up=True)
        if event["shift_ms"]:
            await site.do(name, "clock", shift_ms=0)
    elif event["event"] == "cards" and event["uids"]:
        await site.do(name, "remove", reader=event["reader"])
    elif event["event"] == "input" and event["active"]:
        await site.do(name, "input", line=event["line"], active=False)


async def _locks(site: SiteTester, name: str, line: str) -> None:
    """A lock that is driven comes to rest, or whoever holds its door open takes that back; nobody is under way any more."""
    try:
        await site.until_locked(name, line, RESTS_WITHIN_S)
    except DemoError:
        for path in {link for link in (await site.browser.get("/doors")).links if _is_door(link)}:
            page = await site.browser.get(path)
            if any(form.action == f"{path}/mode" for form in page.forms):
                await site.browser.send(page, f"{path}/mode", mode="", reason="the test is over")
        await site.until_locked(name, line)


def _is_door(link: str) -> bool:
    return link.removeprefix("/doors/").isdecimal()

"""Tills at a running site: devices of their own, joined as processes and set up through the pages."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from edge.cache.store import ConfigStore
from edge.core.feedback import Pattern
from protocol.ids import uid_key
from protocol.records import BalanceRow
from provisioning.demo.browser import Browser, Page
from provisioning.demo.story import until
from tests.support.patrol import join_device, scan
from tests.support.site import Resident, Site

TILL_A, TILL_B = "canteen-a", "canteen-b"
LABEL: Final = {TILL_A: "食堂一号机", TILL_B: "食堂二号机"}
NUMBER: Final = {TILL_A: "41", TILL_B: "42"}
SHOP: Final = {TILL_A: "员工食堂", TILL_B: "小区便利店"}
LUNCH: Final = "午餐"
HEARD: Final = (
    Pattern.PAID,
    Pattern.UNDONE,
    Pattern.NO_MONEY,
    Pattern.DENIED,
    Pattern.UNKNOWN,
    Pattern.STORAGE_FAULT,
)


async def join_till(site: Site, name: str, price: str = "15.00") -> str:
    """A till that sells one meal all day, without a gap between two payments; the address of its page. Once per site."""
    is_new = name not in site.demo.nodes
    await join_device(site, name, LABEL[name], NUMBER[name], "till", ("收银台",))
    rows = (await site.browser.get("/tills")).rows_of("tills")
    path = next(row.links[0] for row in rows if LABEL[name] in row.cells)
    if is_new:
        await set_up(site, path, shop=SHOP[name], price_1=price)
    return path


async def set_up(site: Site, path: str, **values: str) -> Page:
    """Send the form of a till: its shop, one meal all day, and ``values``; the rest as it is."""
    given = {"name_1": LUNCH, "from_1": "00:00", "until_1": "00:00", "gap_s": "", **values}
    page = await site.send_form(path, "shop", **given)
    assert page.path == "/tills", page.words[-800:]
    await site.until_joined()
    return page


async def till_level(site: Site, *names: str) -> int:
    """An access level with these tills and the doors, always; its id."""
    page = await site.browser.get("/access/levels/new")
    labels = re.findall(r'<label for="(point_\d+)">([^<]*)</label>', page.html)
    others = [label for till, label in LABEL.items() if till not in names]
    ticked = {field: "1" for field, text in labels if not any(label in text for label in others)}
    name = f"食堂{site.next_number()}"
    await site.browser.send(page, "/access/levels/new", name=name, **ticked)
    rows = (await site.browser.get("/access/levels")).rows_of("levels")
    return next(int(row.links[0].rpartition("/")[2]) for row in rows if name in row.cells)


async def pay(site: Site, uid: str, till: str = TILL_A) -> Pattern:
    """Hold a card to a till; what was heard."""
    return await scan(site, uid, till, 1, HEARD)


async def undo(site: Site, uid: str, till: str = TILL_A) -> Pattern:
    """The cashier presses the key, then the card is held to the till; what was heard."""
    for active in (True, False):
        await site.do(till, "input", line="key_undo.1", active=active)
    return await pay(site, uid, till)


def held(site: Site, till: str, uid: str) -> BalanceRow | None:
    """What a till has been told of a card; from its medium."""
    medium = site.demo.folder / till / "data" / "config.db"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "config.db"
        source, target = sqlite3.connect(f"file:{medium}?mode=ro", uri=True), sqlite3.connect(copy)
        source.backup(target)
        source.close()
        target.close()
        store = ConfigStore(copy)
        row = store.open().balance(uid_key(bytes.fromhex(uid)))
        store.close()
    return row


async def until_told(site: Site, till: str, uid: str, fen: int) -> None:
    """Wait until the till knows that so much lies on the card."""

    async def look() -> bool:
        row = held(site, till, uid)
        return row is not None and row.balance_fen == fen

    await until(look, f"{till} never knew that {fen} fen lie on {uid}")


async def until_told_nothing(site: Site, till: str, uid: str) -> None:
    """Wait until the till does not know the card as one that may pay there."""

    async def look() -> bool:
        return held(site, till, uid) is None

    await until(look, f"{till} still knows {uid}")


async def purchases(site: Site, resident: Resident, query: str = "") -> list[dict[str, str]]:
    """The person's purchases at the centre, the oldest first, by the titles of the columns of the print view."""
    path = f"/tills/purchases/export?format=print&person={resident.person_no}{query}"
    printed = await site.browser.get(path)
    assert printed.status == 200, printed.words[:300]
    head = next((row.cells for row in printed.rows if "Result" in row.cells), [])
    lines = [row.cells for row in printed.rows if resident.person_no in row.cells]
    return [dict(zip(head, line, strict=True)) for line in reversed(lines)]


async def until_bought(site: Site, resident: Resident, *results: str) -> list[dict[str, str]]:
    """All purchases, once the centre has the last ones, with these results."""

    async def look() -> list[dict[str, str]] | None:
        lines = await purchases(site, resident)
        return lines if [line["Result"] for line in lines][-len(results) :] == list(results) else None

    return await until(look, f"{resident.person_no} has bought: {results}")


async def top_up(browser: Browser, resident: Resident, amount: str) -> Page:
    """Pay in at the desk; the page of the receipt."""
    path = f"/purse{resident.path}"
    return await browser.send(await browser.get(path), f"{path}/top-up", amount=amount)

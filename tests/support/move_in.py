"""What a move-in needs of a whole site: the unit list, the move-in, two desks, cards; for the acceptance test and the trial."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp

from provisioning.demo.browser import Page
from tests.support.second_desk import FIRST_LABEL, LABEL, join_second_desk, point_of
from tests.support.site import Site

BUSES = {"card-desk": "spi", "second-desk": "spi"}
BUILDINGS = ("5栋", "6栋")
PUT_IN = re.compile(r"Put it into the bag\. (\d{8}) → (\S+ \S+)")


async def import_units(site: Site, per_building: int) -> None:
    """The unit list through the import page."""
    form = (await site.browser.get("/units/import")).form("/units/import")
    rows = [f"{building},{number:03d}\r\n" for building in BUILDINGS for number in range(1, per_building + 1)]
    data = aiohttp.FormData()
    chosen = {name: form.options[name][-1] for name in ("organisation", "site")}
    for name, value in {**form.fields, **chosen}.items():
        if name != "file":
            data.add_field(name, value)
    data.add_field("file", ("楼栋,房号\r\n" + "".join(rows)).encode(), filename="units.csv")
    checked = await site.browser.post("/units/import", data)  # type: ignore[arg-type]  # a form with a file
    actions = [form.action for form in checked.forms if form.action.endswith("/apply")]
    assert actions, checked.words[-800:]
    await site.browser.send(checked, actions[0])


async def begin(site: Site, cards_per_unit: int = 1) -> str:
    """A class of which a unit may have so many cards, and the move-in; its path."""
    page = await site.browser.get("/cards/classes/new")
    fields = next(form.fields for form in page.forms if "active_max_count" in form.fields)
    made = await site.browser.post("/cards/classes/new", {**fields, "name": "入伙卡", "active": "1"})
    assert made.path == "/cards/classes", made.words[-600:]
    page = await site.browser.get("/units/limits")
    card_class = page.form("/units/limits").options["card_class"][-1]
    await site.browser.send(
        page, "/units/limits", card_class=card_class, unit_kind="home", cards_max=str(cards_per_unit)
    )
    form = (await site.browser.get("/move-ins/new")).form("/move-ins/new")
    given = {
        "csrf": form.fields["csrf"],
        "name": "一期",
        "organisation": form.options["organisation"][-1],
        "unit_kind": "home",
        "card_class": card_class,
        "cards_per_unit": str(cards_per_unit),
        "levels": "1",
    }
    pairs = [*given.items(), *(("buildings", building) for building in BUILDINGS)]
    made = await site.browser.post("/move-ins/new", pairs)
    assert re.fullmatch(r"/move-ins/\d+", made.path), made.words[-600:]
    return made.path


class PackingDesk:
    """A reader at which cards are packed, and who stands there."""

    def __init__(self, site: Site, node: str, state: str) -> None:
        self.site, self.node, self.state = site, node, state
        self.said: tuple[str, str] = ("", "")
        """Card and unit that the page named last."""

    @classmethod
    async def open(cls, site: Site, move_in: str, node: str, label: str) -> PackingDesk:
        reader = point_of(await site.browser.get(f"{move_in}/desk"), label)
        page = await site.browser.get(f"{move_in}/desk?reader={reader}")
        await site.browser.send(page, f"{move_in}/desk/begin")
        return cls(site, node, f"{move_in}/desk/state?reader={reader}")

    async def pack(self, card: dict[str, Any]) -> tuple[str, str]:
        """Lay a card down until the page says where it belongs; the card and its unit."""
        await self.site.lay(card, self.node)
        return await self.finish(card)

    async def finish(self, card: dict[str, Any]) -> tuple[str, str]:
        """The rest of it, the card lies there already."""
        page = await self.site.until_page(self.state, self._says_another, 60.0)
        await self.site.lift(card["uid"], self.node)
        self.said = self._said(page)
        return self.said

    async def pack_until_full(self, cards: Iterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """Pack cards of a stack that desks share, as long as a unit is left for this one; each that was packed."""
        while "All units have their cards." not in (await self.site.browser.get(self.state)).words:
            card = next(cards, None)
            if card is None:
                return
            await self.pack(card)
            yield card

    def _says_another(self, page: Page) -> bool:
        return self._said(page) not in (self.said, ("", ""))

    @staticmethod
    def _said(page: Page) -> tuple[str, str]:
        found = PUT_IN.search(page.words)
        return (found[1], found[2]) if found else ("", "")


def new_cards(site: Site, count: int) -> list[dict[str, Any]]:
    """Most can carry a credential; every fourth has a number only."""
    return [
        {"kind": "uid" if number % 4 == 3 else "classic1k", "uid": f"04E2{site.next_number():010X}"}
        for number in range(count)
    ]


async def two_desks(site: Site, move_in: str) -> list[PackingDesk]:
    """The desk of the site, and a second one that joins now."""
    second = await join_second_desk(site)
    return [
        await PackingDesk.open(site, move_in, "card-desk", FIRST_LABEL),
        await PackingDesk.open(site, move_in, second, LABEL),
    ]


async def restart_centre(site: Site) -> None:
    """Kill the centre, and start it again."""
    await site.demo.centre.kill()
    await site.demo.centre.start()
    await site.demo.centre_answers()

"""A move-in of a whole site: two desks pack cards for a list of units, the centre is killed on the way, owners sign."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import aiohttp
import pytest

from provisioning.demo.browser import Page
from tests.support.second_desk import LABEL, join_second_desk
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]

BUILDINGS = ("5栋", "6栋")
PER_BUILDING = 6
PUT_IN = re.compile(r"Put it into the bag\. (\d{8}) → (\S+ \S+)")


async def import_units(site: Site) -> None:
    """The list of units through the import page."""
    form = (await site.browser.get("/units/import")).form("/units/import")
    rows = [f"{building},{number:03d}\r\n" for building in BUILDINGS for number in range(1, PER_BUILDING + 1)]
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


async def begin(site: Site) -> str:
    """A class of which a unit may have one card, and the move-in; its path."""
    page = await site.browser.get("/cards/classes/new")
    fields = next(form.fields for form in page.forms if "active_max_count" in form.fields)
    made = await site.browser.post("/cards/classes/new", {**fields, "name": "入伙卡", "active": "1"})
    assert made.path == "/cards/classes", made.words[-600:]
    page = await site.browser.get("/units/limits")
    card_class = page.form("/units/limits").options["card_class"][-1]
    await site.browser.send(page, "/units/limits", card_class=card_class, unit_kind="home", cards_max="1")
    form = (await site.browser.get("/move-ins/new")).form("/move-ins/new")
    given = {
        "csrf": form.fields["csrf"],
        "name": "一期",
        "organisation": form.options["organisation"][-1],
        "unit_kind": "home",
        "card_class": card_class,
        "cards_per_unit": "1",
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
        page = await site.browser.get(f"{move_in}/desk")
        reader = next(
            value
            for value, text in re.findall(r'<option value="(\d+)"[^>]*>([^<]*)', page.html)
            if text.startswith(label)
        )
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


@pytest.mark.slow
@pytest.mark.requirement("U2")
async def test_two_desks_move_twelve_households_in_through_a_killed_centre(site: Site) -> None:
    """Seen when: the unit list is imported; two desks pack a card for each unit in the order of the list, the ones that can
    carry a credential written, with one beep each; a packed card opens nothing; the centre is killed while cards lie on
    both readers, and both desks go on where they were, no unit and no card twice; labels and receipt list name the packed
    units; after the signature the card opens the door; the page shows the progress of each building.

    Planted breaks that turn it red: ``packing.bag_of`` not marking the unit it takes; ``signing.sign`` without
    ``is_encoded``; ``put_in`` leaving the card with the desk's former unit.
    """
    await import_units(site)
    move_in = await begin(site)
    second = await join_second_desk(site)
    desks = [
        await PackingDesk.open(site, move_in, "card-desk", "发卡台"),
        await PackingDesk.open(site, move_in, second, LABEL),
    ]
    cards = new_cards(site, len(BUILDINGS) * PER_BUILDING)
    packed: list[tuple[str, str]] = []
    with site.hearing() as beeps:
        packed.append(await desks[0].pack(cards[0]))
        assert len(beeps) == 1
    for number in range(1, 4):
        packed.append(await desks[number % 2].pack(cards[number]))

    await site.is_refused("hall", cards[0]["uid"], "reason=20")
    await asyncio.gather(*(site.lay(card, desk.node) for desk, card in zip(desks, cards[4:6], strict=True)))
    await site.demo.centre.kill()
    await site.demo.centre.start()
    await site.demo.centre_answers()
    for desk, card in zip(desks, cards[4:6], strict=True):
        packed.append(await desk.finish(card))
    for number in range(6, len(cards), 2):
        packed += await asyncio.gather(desks[0].pack(cards[number]), desks[1].pack(cards[number + 1]))

    rows = [row.cells for row in (await site.browser.get(f"{move_in}/units?state=packed")).rows_of("bags")]
    units = [f"{building} {number:03d}" for building in BUILDINGS for number in range(1, PER_BUILDING + 1)]
    assert [f"{cells[1]} {cells[2]}" for cells in rows] == units
    assert sorted(unit for _card, unit in packed) == sorted(units)
    assert len({card for card, _unit in packed}) == len(units)

    for sheet in ("labels", "receipts"):
        page = await site.browser.get(move_in)
        csrf = page.form("/logout").fields["csrf"]
        paper = await site.browser.post(f"{move_in}/{sheet}", {"csrf": csrf, "building": "5栋"})
        assert all(card in paper.words for card, unit in packed if unit.startswith("5栋"))
        assert not any(card in paper.words for card, unit in packed if unit.startswith("6栋"))

    number = f"78{site.next_number():02d}"
    await site.enter_person(number)
    first = next(i for i, (_card, unit) in enumerate(packed) if unit == units[0])
    bags = await site.browser.get(f"{move_in}/units?q={units[0].replace(' ', '')}")
    bag = next(link for row in bags.rows_of("bags") for link in row.links if "/bags/" in link)
    await site.browser.send(await site.browser.get(bag), f"{bag}/sign", person=number)
    await site.until_joined()
    await site.opens("hall", cards[first]["uid"])
    await site.shuts("hall")
    progress = (await site.browser.get(move_in)).words
    assert "6 / 6 1 / 6" in progress
    assert "12 / 12 1 / 12" in progress

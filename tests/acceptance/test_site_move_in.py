"""A move-in of a whole site: two desks pack cards for a list of units, the centre is killed on the way, owners sign."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.move_in import (
    BUILDINGS,
    BUSES,
    begin,
    import_units,
    new_cards,
    restart_centre,
    two_desks,
)
from tests.support.site import Site

__all__ = ["BUSES"]
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]
PER_BUILDING, CARDS_PER_UNIT = 4, 2


@pytest.mark.slow
@pytest.mark.requirement("U2")
async def test_two_desks_move_eight_households_in_through_a_killed_centre(site: Site) -> None:
    """Seen when: the unit list is imported; two desks pack the cards of each unit in the order of the list, a unit at
    one desk, the cards that can carry a credential written, with one beep each; a packed card opens nothing; the centre is killed while cards lie on
    both readers, and both desks go on where they were, no unit and no card twice; labels and receipt list name the packed
    units; after the signature the card opens the door; the page shows the progress of each building.

    Planted break that turns it red: ``packing.bag_of`` not marking the unit it takes.
    """
    await import_units(site, PER_BUILDING)
    move_in = await begin(site, CARDS_PER_UNIT)
    desks = await two_desks(site, move_in)
    cards = new_cards(site, len(BUILDINGS) * PER_BUILDING * CARDS_PER_UNIT)
    packed: list[tuple[str, str]] = []
    """Number and unit of each card, in the order of ``cards``; the desks take turns."""
    with site.hearing() as beeps:
        packed.append(await desks[0].pack(cards[0]))
        await site.demo.until(lambda: bool(beeps), "the beep")
        await site.until_lock("card-desk", True, "led_red.1")  # the whole signal is over
        assert len(beeps) == 1
    for number in range(1, 4):
        packed.append(await desks[number % 2].pack(cards[number]))

    await site.is_refused("hall", cards[0]["uid"], "reason=20")
    await asyncio.gather(*(site.lay(card, desk.node) for desk, card in zip(desks, cards[4:6], strict=True)))
    await restart_centre(site)
    for desk, card in zip(desks, cards[4:6], strict=True):
        packed.append(await desk.finish(card))
    for number in range(6, len(cards), 2):
        packed += await asyncio.gather(desks[0].pack(cards[number]), desks[1].pack(cards[number + 1]))

    rows = [row.cells for row in (await site.browser.get(f"{move_in}/units?state=packed")).rows_of("bags")]
    units = [f"{building} {number:03d}" for building in BUILDINGS for number in range(1, PER_BUILDING + 1)]
    assert [f"{cells[1]} {cells[2]}" for cells in rows] == units
    assert sorted(unit for _card, unit in packed) == sorted(units * CARDS_PER_UNIT)
    assert len({card for card, _unit in packed}) == len(cards)
    assert len({(number % 2, unit) for number, (_card, unit) in enumerate(packed)}) == len(units)

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
    assert "4 / 4 1 / 4" in progress
    assert "8 / 8 1 / 8" in progress

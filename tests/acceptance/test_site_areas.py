"""Anti-passback over two devices: a card that went in at one door is refused at the door of another device, never for long where
that device cannot know better, and never on the way out.
"""

from __future__ import annotations

import pytest

from protocol.reasons import Reason
from provisioning.demo.browser import Page
from provisioning.demo.story import until
from tests.acceptance.test_site_door_rules import HARD, PATIENT, door_set, goes, new_area
from tests.support.site import Resident, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

EAST, HALL = "east-gate", "hall"


async def until_answer(site: Site, node: str, who: Resident, *, opens: bool) -> None:
    """Show the card, and do not go through, until the door answers so: what other devices know may still be on its way."""

    async def answers() -> bool | None:
        await site.until_locked(node)  # who is still under way would be let in again
        with site.hearing(node) as heard:
            await site.tap(node, who.uid)

            async def answered() -> bool | None:
                return True if heard else None

            await until(answered, f"{node} answers")
            return True if site.last(node)[0] is opens else None

    await until(answers, f"{node} {'opens' if opens else 'refuses'}")


async def until_inside(site: Site, who: Resident, area: str, basis: str) -> Page:
    """The page of those inside names him there, by that basis."""

    def is_there(page: Page) -> bool:
        return any({who.person_no, area, basis} <= set(row.cells) for row in page.rows_of("inside"))

    return await site.until_page(f"/occupancy?q={who.person_no}", is_there)


async def count(site: Site, who: Resident, reason: Reason) -> int:
    """Records of this answer to the card."""
    return await site.count(f"{who.query}&reason={int(reason)}")


@pytest.mark.requirement("B3")
async def test_a_card_that_went_in_at_one_device_is_refused_at_another_until_it_came_out(site: Site) -> None:
    """Seen when: in a hard area with the doors of two devices, a card that went in at the first is refused at the second; after its
    place was forgotten it goes in there, and is refused at the first; after it
    came out at the first it goes in at the second, and is refused at the first; whose place was forgotten stands apart on the page of
    those inside until he is known again; with the second cut off both let it in and
    the record says that the area was soft because cut off; with the network back it is refused again; the
    exit opens throughout.

    Planted breaks that turn it red: ``door_places.settle`` leaving out ``into``; ``publish.place_changed`` with no tag;
    ``door_places.cut_off`` always False; ``Completeness.others_at_ms`` always 0.
    """
    who = await site.resident()
    area = await new_area(site, "Court", HARD)
    async with door_set(site, "东门", inside=area, **PATIENT), door_set(site, "大堂", inside=area, **PATIENT):
        now = f"/access/areas/{area}/now"
        await goes(site, EAST, who)
        await until_answer(site, HALL, who, opens=False)
        page = await site.until_page(now, lambda page: page.facts.get("Inside, as the doors know it") == "1")
        assert page.facts["Just now"] == "As set: the devices know of each other"
        await site.browser.send(page, f"/access/areas/{area}/forget", card=who.card_no)
        apart = await site.browser.get(f"/occupancy?q={who.person_no}")
        assert (apart.rows_of("inside"), who.person_no in apart.words) == ([], True)
        await until_answer(site, HALL, who, opens=True)
        await goes(site, HALL, who)
        await until_inside(site, who, "Court", "The doors")
        await until_answer(site, EAST, who, opens=False)
        await goes(site, EAST, who, reader=2)
        await until_answer(site, HALL, who, opens=True)
        await goes(site, HALL, who)
        await until_answer(site, EAST, who, opens=False)
        try:
            await site.cut(HALL)
            await until_answer(site, HALL, who, opens=True)
            await until_answer(site, EAST, who, opens=True)
            await site.until_page(now, lambda page: "Soft: a device is cut off" in page.words)
            assert await count(site, who, Reason.GRANTED_PASSBACK_CUT_OFF) >= 1
        finally:
            await site.join(HALL)
        await site.arrival(f"{who.query}&reason={int(Reason.GRANTED_PASSBACK_CUT_OFF)}", 1)
        await until_answer(site, EAST, who, opens=False)
        await goes(site, EAST, who, reader=2)


@pytest.mark.requirement("B3")
async def test_the_limit_of_an_area_counts_over_two_devices_and_refuses_where_one_is_cut_off(
    site: Site,
) -> None:
    """Seen when: in an area for one with the doors of two devices, whoever went in at the first keeps the next one out at the
    second until he came out; the page of those inside names him by what the doors know, with the age of each device's word, as
    programs are told too; with the second cut off it lets nobody in and says so, and lets in and notes it once the area is
    set so; the page of the area says which; the records name the reasons.

    Planted breaks that turn it red: ``door_rules._inside`` without what was told; ``rows.sharing`` for anti-passback alone;
    ``rows.area_row`` without ``open_when_cut_off``.
    """
    one, two = await site.resident(), await site.resident()
    area = await new_area(site, "Lab", "0", occupancy_max="1")
    path = f"/access/areas/{area}"
    async with door_set(site, "东门", inside=area, **PATIENT), door_set(site, "大堂", inside=area, **PATIENT):
        await until_answer(site, HALL, two, opens=True)  # each device has heard of the other
        await until_answer(site, EAST, one, opens=True)
        await goes(site, EAST, one)
        await until_answer(site, HALL, two, opens=False)
        page = await until_inside(site, one, "Lab", "The doors")
        assert two.person_no not in (await site.browser.get("/occupancy")).words, (
            "he was let in and did not go"
        )
        assert [page.facts[label].startswith("As of ") for label in ("东门", "大堂")] == [True, True]
        await goes(site, EAST, one, reader=2)
        await until_answer(site, HALL, two, opens=True)
        assert (await site.browser.get(f"/occupancy?q={one.person_no}")).rows_of("inside") == []
        try:
            await site.cut(HALL)
            await until_answer(site, HALL, two, opens=False)
            cut_off = "Nobody is let in at devices that are cut off"
            await site.until_page(f"{path}/now", lambda page: page.facts.get("Limit just now") == cut_off)
            page = await site.browser.get("/occupancy")
            assert page.facts["大堂"].startswith("Cut off since 20"), page.facts
            devices = await site.browser.read("/api/occupancy/devices")
            assert {each["label"]: each["is_online"] for each in devices} == {"东门": True, "大堂": False}
            assert all(each["word_at"] for each in devices)
            for asked in ("9999", "none"):
                assert (await site.browser.get(f"/api/occupancy/devices?site={asked}")).status == 404
        finally:
            await site.join(HALL)
        for reason in (Reason.AREA_FULL, Reason.LIMIT_CUT_OFF):
            assert await count(site, two, reason) >= 1, reason
        form = (await site.browser.get(path)).form(path)
        await site.browser.post(path, form.filled(open_when_cut_off="1"))
        await site.until_joined()
        try:
            await site.cut(HALL)
            await until_answer(site, HALL, two, opens=True)
        finally:
            await site.join(HALL)
        await site.arrival(f"{two.query}&reason={int(Reason.GRANTED_LIMIT_CUT_OFF)}", 0)
    await site.browser.send(await site.browser.get(path), f"{path}/delete")

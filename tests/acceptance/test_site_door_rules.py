"""Rules of doors, set on pages and decided at the door without a network: anti-passback, two persons, first card,
duress, card and PIN."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from protocol.reasons import Reason
from provisioning.demo.story import until
from tests.support.site import Resident, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOFT, HARD, TIMED = "1", "2", "3"
_QUIET_S = 0.6
PATIENT = {"release_s": "12", "extended_release_s": "12"}
"""The lock waits long for those who walk through: it locks as soon as they have."""


async def door_path(site: Site, label: str) -> str:
    """The page of a door."""
    links = (await site.browser.get("/doors")).links
    for path in dict.fromkeys(link for link in links if link.removeprefix("/doors/").isdecimal()):
        if label in (await site.browser.get(path)).words:
            return path
    raise AssertionError(f"no door {label}")


@asynccontextmanager
async def door_set(site: Site, label: str, **values: str) -> AsyncIterator[str]:
    """A door with other settings, as they were again afterwards; its page."""
    path = f"{await door_path(site, label)}/edit"
    before = (await site.browser.get(path)).form(path).fields
    await site.browser.send(await site.browser.get(path), path, **values)
    await site.until_joined()
    try:
        yield path.removesuffix("/edit")
    finally:
        again: dict[str, str | list[str]] = {name: before.get(name, []) for name in values}
        await site.browser.send(await site.browser.get(path), path, **again)
        await site.until_joined()


async def new_area(site: Site, name: str, passback: str, **values: str) -> str:
    """The number of an area made on its page."""
    path = "/access/areas/new"
    await site.browser.send(await site.browser.get(path), path, name=name, passback=passback, **values)
    rows = (await site.browser.get("/access/areas")).rows_of("areas")
    (row,) = [row for row in rows if name in row.cells]
    return row.id.rpartition("-")[2]


async def knocks(site: Site, node: str, who: Resident) -> None:
    """Show the card and hear that it does not open: two readers of a door are read side by side, so what comes next waits."""
    with site.hearing(node) as heard:
        await site.tap(node, who.uid)
        await _quiet(heard, 1)


async def _quiet(heard: list[Any], beeps: int) -> None:
    """So many beeps at the least, and then no more."""

    async def answered() -> bool | None:
        return True if len(heard) >= beeps else None

    await until(answered, "the door answers")
    count = 0
    while len(heard) != count:
        count = len(heard)
        await asyncio.sleep(_QUIET_S)


async def goes(site: Site, node: str, who: Resident, reader: int = 1) -> None:
    """Show the card at one of the readers of a door and walk through."""
    await site.until_lock(node, False)
    await site.tap(node, who.uid, reader)
    await site.until_lock(node, True)
    assert await site.shuts(node), "the lock waits for him"


@pytest.mark.requirement("B3")
@pytest.mark.requirement("B6")
async def test_a_card_passed_back_is_refused_without_network_until_its_holder_came_out(site: Site) -> None:
    """Seen when: in a hard area, with the network cut, a card that went in is refused at the same reader, is let out, and is let
    in again; the centre learns all of it and says where the holder was; "what if" gives the same answer; after the operator
    had places forgotten the card goes in; in a soft area it is let in and the record says so, in a timed one it is
    refused for its minutes; the exit is never refused.

    Planted breaks that turn it red: ``door_places.settle`` not setting the place; ``rules.doors.judge`` asking
    ``out_of`` alone; ``rows.rule_rows`` leaving out ``reset_no``.
    """
    who = await site.resident()
    refused = f"{who.query}&reason={int(Reason.PASSBACK)}"
    area = await new_area(site, "Yard", HARD)
    async with door_set(site, "东门", inside=area, **PATIENT):
        await site.cut("east-gate")
        await goes(site, "east-gate", who)
        await knocks(site, "east-gate", who)
        await goes(site, "east-gate", who, reader=2)
        await goes(site, "east-gate", who)
        await knocks(site, "east-gate", who)
        await site.join("east-gate")
        page = await site.until_page(
            f"/access/events?{refused}", lambda page: len(page.rows_of("events")) == 2
        )
        link = next(link for link in page.rows_of("events")[0].links if link.startswith("/access/events/"))
        event = await site.browser.get(link)
        assert event.facts.get("Holder was in the area") == "Yard", event.words[-1500:]
        assert await site.count(f"{who.query}&result=granted") == 3

        answer = await site.browser.get(await _asked(site, "东门", who))
        assert "already inside" in answer.words

        path = f"/access/areas/{area}"
        await site.browser.send(await site.browser.get(path), f"{path}/reset")
        await site.until_joined()
        await goes(site, "east-gate", who)

        await site.browser.send(await site.browser.get(path), path, passback=SOFT)
        await site.until_joined()
        await goes(site, "east-gate", who)
        await site.arrival(f"{who.query}&reason={int(Reason.GRANTED_PASSBACK)}", 0)

        await site.browser.send(await site.browser.get(path), path, passback=TIMED, forget_min="60")
        await site.until_joined()
        await site.is_refused("east-gate", who.uid, refused)
    gone = await site.browser.send(await site.browser.get(path), f"{path}/delete")
    assert "Yard" not in gone.words


@pytest.mark.requirement("B3")
async def test_a_door_for_two_people_opens_for_the_second_one(site: Site) -> None:
    """Seen when: without network the first card moves no lock and hears its own signal, the same card once more neither, and
    the second person's opens; the records say who waited.

    Planted break that turns it red: ``rules.doors.judge`` without the comparison with the first holder.
    """
    one, two = await site.resident(), await site.resident()
    waiting = f"reason={int(Reason.SECOND_PERSON)}"
    async with door_set(site, "大堂", persons="2", **PATIENT):
        await site.cut("hall")
        rested = site.last("hall")
        await knocks(site, "hall", one)
        await knocks(site, "hall", one)
        assert site.last("hall") == rested
        await goes(site, "hall", two)
        await site.join("hall")
        await site.until_page(
            f"/access/events?{one.query}&{waiting}", lambda page: len(page.rows_of("events")) == 2
        )
        row = await site.arrival(f"{two.query}&result=granted", 0)
        assert two.card_no in row.cells
        answer = await site.browser.get(await _asked(site, "大堂", one))
        assert "15 seconds" in answer.words


@pytest.mark.requirement("B3")
async def test_a_door_stands_open_from_the_first_card_on(site: Site) -> None:
    """Seen when: with a schedule that always holds the door stays locked until a card is shown without network; then it is
    held open, and the page says so when the network is back; without the schedule it locks again.

    Planted break that turns it red: ``door_modes.first_card`` not adding the door; ``mode_in_force`` not asking ``waits``.
    """
    who = await site.resident()
    async with door_set(site, "大堂", unlock_schedule="1", first_card="1") as door:
        await site.until_lock("hall", False)
        await site.cut("hall")
        await site.tap("hall", who.uid)
        await site.until_lock("hall", True)
        await site.join("hall")
        await site.until_page(door, lambda page: "Held open by rule" in page.words)
        await site.until_lock("hall", True)
    await site.until_lock("hall", False)


DAYS = range(10)
"""Of the week, and the kinds of special days; of the last kind there is none here."""


async def new_schedule(site: Site, days: Iterable[int]) -> str:
    """The number of a schedule of these days, made on its page."""
    name, path = f"时段{site.next_number()}", "/access/schedules/new"
    ticks = {f"day_0_{day}": "1" for day in days}
    page = await site.browser.get(path)
    await site.browser.send(page, path, name=name, start_0="00:00", end_0="24:00", **ticks)
    (row,) = [row for row in (await site.browser.get("/access/schedules")).rows if name in row.cells]
    return row.links[0].rpartition("/")[2]


@pytest.mark.requirement("B3")
async def test_a_door_is_blocked_and_locked_in_the_hours_of_its_schedules(site: Site) -> None:
    """Seen when: with schedules set on its page a door that is held open is locked in the hours of locking, and cards open it; in
    the hours of blocking it refuses the card without a network, the exit button opens, and record and page say by which
    schedule; "what if" answers the same; a rule by hand stands above it, and giving that back blocks it again.
    A door without an exit button is warned of, and one that is alone in its interlock.

    Planted breaks that turn it red: ``rows.door_row`` without a schedule; ``explain.ask`` with the mode of the settings; ``in_force``
    with the schedule above the hand.
    """
    who = await site.resident()
    all_day, another_day = await new_schedule(site, DAYS), await new_schedule(site, DAYS[-1:])
    async with door_set(site, "大堂", unlock_schedule="1") as door:
        await site.until_lock("hall", True)
        edit = f"{door}/edit"
        await site.browser.send(
            await site.browser.get(edit), edit, lock_schedule=all_day, block_schedule=another_day
        )
        await site.until_lock("hall", False)
        await site.until_page(
            f"{door}/facts", lambda page: page.facts["Rule"].startswith("Locked by rule by schedule 时段")
        )
        await site.opens("hall", who.uid)
        await site.until_lock("hall", False)

        await site.browser.send(await site.browser.get(edit), edit, block_schedule=all_day, exit_fitted=[])
        await site.until_page(
            f"{door}/facts", lambda page: page.facts["Rule"].startswith("Blocked by schedule 时段")
        )
        assert "This door has no exit button" in (await site.browser.get(door)).words
        assert (await site.browser.get(edit)).words.count("Works among the doors of one device only") == 1
        await site.cut("hall")
        await knocks(site, "hall", who)
        await site.do("hall", "press", unit=1, ms=200)
        await site.until_lock("hall", True)
        await site.until_lock("hall", False)
        await site.join("hall")
        row = await site.arrival(f"{who.query}&reason={int(Reason.BLOCKED_BY_SCHEDULE)}", 0)
        assert "Door blocked at these hours" in " ".join(row.cells)
        (event,) = [link for link in row.links if link.startswith("/access/events/")]
        page = await site.browser.get(event)
        assert page.facts["Schedule"].startswith("时段")
        answer = await site.browser.get(await _asked(site, "大堂", who))
        assert "Come outside the hours in which the door is blocked" in answer.words

        await _by_hand(site, door, "0")
        await site.until_page(f"{door}/facts", lambda page: page.facts["Rule"] == "Normal")
        await site.opens("hall", who.uid)
        await site.until_lock("hall", False)
        await _by_hand(site, door, "")
        await site.until_page(
            f"{door}/facts", lambda page: page.facts["Rule"].startswith("Blocked by schedule 时段")
        )

        none = {"unlock_schedule": "", "lock_schedule": "", "block_schedule": ""}
        await site.browser.send(await site.browser.get(edit), edit, interlock="9", exit_fitted="1", **none)
        assert "No other door of this device has interlock 9" in (await site.browser.get(door)).words
        await site.browser.send(
            await site.browser.get(edit),
            edit,
            interlock="",
            unlock_schedule="1",
            lock_schedule="",
            block_schedule="",
        )
    await site.until_lock("hall", False)


async def _by_hand(site: Site, door: str, mode: str) -> None:
    """A rule by hand, or "" for back to the settings."""
    page = await site.browser.get(door)
    await site.browser.send(page, f"{door}/mode", mode=mode, reason="试验")


@pytest.mark.requirement("B3")
async def test_a_duress_card_opens_and_raises_a_silent_alarm(site: Site) -> None:
    """Seen when: the card of a class for duress opens the door as any other, and the alarm is on the page with its holder.

    Planted break that turns it red: ``cards.rows`` leaving the flag out; ``KINDS`` without it.
    """
    who = await site.resident(card_class=await site.card_class(duress="1"))
    await site.opens("hall", who.uid)
    await site.shuts("hall")
    await site.arrival(f"{who.query}&reason={int(Reason.GRANTED_UNDER_DURESS)}", 0)
    await site.until_page("/alarms", lambda page: "Duress card or PIN: silent alarm" in page.words)


@pytest.mark.requirement("B3")
async def test_a_full_area_lets_nobody_in_until_somebody_came_out(site: Site) -> None:
    """Seen when: without network, in an area for one, the second card is refused with its own reason, the first may go out, and
    then the second goes in; the records say so.

    Planted break that turns it red: ``rows.area_row`` without the limit; ``door_rules._inside`` empty.
    """
    one, two = await site.resident(), await site.resident()
    area = await new_area(site, "Archive", "0", occupancy_max="1")
    async with door_set(site, "东门", inside=area, **PATIENT):
        await site.cut("east-gate")
        await goes(site, "east-gate", one)
        await knocks(site, "east-gate", two)
        await goes(site, "east-gate", one, reader=2)
        await goes(site, "east-gate", two)
        await site.join("east-gate")
        await site.arrival(f"{two.query}&reason={int(Reason.AREA_FULL)}", 0)
        await site.arrival(f"{two.query}&reason={int(Reason.GRANTED)}", 0)
    path = f"/access/areas/{area}"
    await site.browser.send(await site.browser.get(path), f"{path}/delete")


@pytest.mark.requirement("B3")
async def test_a_card_that_needs_an_escort_opens_beside_one(site: Site) -> None:
    """Seen when: without network a card of such a class moves no lock alone, nor beside any other card; the card of a class
    that may escort lets in whoever waited for it, and after it the guest's opens too, and goes out alone; "what if" and the
    records say what was missing, and that the guest went in with the other.

    Planted break that turns it red: ``cards.rows`` without one of the flags; ``door_rules.escorts`` doing nothing;
    ``Effects._draft`` without ``along``.
    """
    guest = await site.resident(card_class=await site.card_class(needs_escort="1"))
    host = await site.resident(card_class=await site.card_class(may_escort="1"))
    async with door_set(site, "东门", **PATIENT):
        await site.cut("east-gate")
        rested = site.last("east-gate")
        await knocks(site, "east-gate", guest)
        assert site.last("east-gate") == rested
        await goes(site, "east-gate", host)
        await goes(site, "east-gate", guest)
        await goes(site, "east-gate", guest, reader=2)
        await site.join("east-gate")
    await site.arrival(f"{guest.query}&reason={int(Reason.ESCORT)}", 0)
    await site.arrival(f"{guest.query}&reason={int(Reason.GRANTED_ALONG)}", 0)
    await site.arrival(f"{guest.query}&reason={int(Reason.GRANTED)}", 0)
    assert "may escort" in (await site.browser.get(await _asked(site, "东门", guest))).words


@pytest.mark.requirement("B3")
@pytest.mark.requirement("B6")
async def test_in_its_hours_a_door_asks_for_the_pin_that_the_clerk_gave(site: Site) -> None:
    """Seen when: a PIN is drawn on the card's page, shown once and never again; without network the card alone moves no lock, a
    wrong PIN neither, card and PIN open, and the duress PIN opens too; a card without a PIN is refused with its own reason;
    the exit reader and the exit button ask for nothing; the records and the silent alarm with its holder arrive; "what if"
    says what is missing; a PIN set anew ends the old one; once the door asks no more the card alone opens.

    Planted breaks that turn it red: ``publish._publish_card`` without its ``PIN`` rows; ``_rescope`` without their tags;
    ``decide._pin`` answering NOT_ASKED; ``rows.rule_rows`` without ``duress_pin``.
    """
    who, other = await site.resident(), await site.resident()
    pin = await _draw_pin(site, who)
    assert pin not in (await site.browser.get(f"{who.path}/pin")).html
    async with door_set(site, "东门", pin_schedule="1", duress_pin="1", **PATIENT):
        await site.cut("east-gate")
        rested = site.last("east-gate")
        await knocks(site, "east-gate", who)
        await types(site, "east-gate", f"{(int(pin[0]) + 1) % 10}{pin[1:]}#")
        await knocks(site, "east-gate", other)
        assert site.last("east-gate") == rested
        await goes(site, "east-gate", who, reader=2)
        await site.do("east-gate", "press", unit=1)
        await site.until_lock("east-gate", True)
        await site.shuts("east-gate")
        for typed in (pin, f"{pin[:-1]}{(int(pin[-1]) + 1) % 10}"):
            await knocks(site, "east-gate", who)
            await site.do("east-gate", "keys", keys=f"{typed}#")
            await site.until_lock("east-gate", True)
            await site.shuts("east-gate")
        await site.join("east-gate")
        for reason, person in (
            (Reason.PIN_WRONG, who),
            (Reason.GRANTED, who),
            (Reason.GRANTED_UNDER_DURESS, who),
            (Reason.PIN_NOT_SET, other),
        ):
            await site.arrival(f"{person.query}&reason={int(reason)}", 0)
        alarm = "Duress card or PIN: silent alarm"
        await site.until_page("/alarms", lambda page: alarm in page.words and who.card_no in page.words)
        assert "within 10 seconds" in (await site.browser.get(await _asked(site, "东门", who))).words
        assert "Set a PIN" in (await site.browser.get(await _asked(site, "东门", other))).words

        again = await _draw_pin(site, who)
        await site.until_joined()
        await knocks(site, "east-gate", who)
        await types(site, "east-gate", f"{pin}#")
        await knocks(site, "east-gate", who)
        await site.do("east-gate", "keys", keys=f"{again}#")
        await site.until_lock("east-gate", True)
        await site.shuts("east-gate")
    await site.opens("east-gate", who.uid)
    await site.shuts("east-gate")


async def types(site: Site, node: str, keys: str) -> None:
    """Type what is refused, and hear that it was: three beeps, those of the digits run into one."""
    with site.hearing(node) as heard:
        await site.do(node, "keys", keys=keys)
        await _quiet(heard, 3)


async def _draw_pin(site: Site, who: Resident) -> str:
    """Have a PIN drawn on the page of the card; what is shown."""
    path = f"{who.path}/pin"
    page = await site.browser.send(await site.browser.get(path), path, digits="6")
    found = re.search(r'id="drawn-pin">(\d{6})<', page.html)
    assert found is not None, page.words[-600:]
    await site.until_joined()
    return found[1]


async def _asked(site: Site, label: str, who: Resident) -> str:
    """The page that answers what this card would get at the first reader of a door now."""
    readers = [
        link
        for link in (await site.browser.get(await door_path(site, label))).links
        if "/doors/readers/" in link
    ]
    now = (await site.browser.get("/access/ask")).forms[-1].fields
    return f"/access/ask?card={who.card_no}&reader={readers[0].split('/')[3]}&day={now['day']}&time=23:59"

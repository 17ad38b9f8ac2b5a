"""The move-in trial: two clerks at two desks issue cards side by side, one of the programs is killed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from provisioning.demo.browser import Browser
from tests.support.clerk import Clerk, Desk, Task
from tests.support.desktop_issuer import SerialChip, desktop, new_issuer, serial_chip, set_up
from tests.support.site import Site

SECONDS_MAX = 12.0
"""Machine time of one card (U2)."""
KINDS = ("classic1k", "desfire_ev2", "ntag424")


async def trial(site: Site, folder: Path, cards_count: int, seed: int) -> str:
    """Issue so many cards, kill the centre and the first desk once each way; what was seen.

    :raises AssertionError: a card is missing, was issued twice, carries nothing, or took too long.
    """
    random = Random(seed)
    people = [await site.enter_person(f"5{site.next_number():03d}") for _ in range(2)]
    prefix = random.randrange(0x100, 0xFFF)
    tasks = [
        Task(
            f"04{prefix:03X}{number:09X}",
            f"{prefix % 90 + 10}{number:06d}",
            people[number % 2],
            KINDS[number % 3],
        )
        for number in range(cards_count)
    ]
    async with _two_desks(site, folder) as clerks:
        killed_after, done = random.randrange(1, max(2, cards_count // 2)), 0

        async def after(_number: int) -> None:
            nonlocal done
            done += 1
            if done == killed_after:
                await site.demo.centre.kill()
                await site.demo.centre.start()
                await site.demo.centre_answers()

        await asyncio.gather(*(clerk.work(tasks[place::2], after) for place, clerk in enumerate(clerks)))
        for task in tasks:
            page = await site.card_page(task.card_no)
            acts = [row for row in page.rows if "Issue" in row.cells]
            assert (page.facts["Status"], len(acts)) == ("In normal use", 1), task
        written = clerks[0].written | clerks[1].written
        assert all(_has_contents(written[task.uid]) for task in tasks)
        seconds = sorted(clerks[0].seconds + clerks[1].seconds)
        assert seconds[-1] <= SECONDS_MAX + (PAUSE_S if killed_after else 0.0), seconds[-1]
        middle, longest = seconds[len(seconds) // 2], seconds[-1]
        return f"{cards_count} cards, seed {seed}: {middle:.1f} s a card, at most {longest:.1f} s"


PAUSE_S = 20.0
"""What a start of the centre may add to the cards that wait for it."""


def _has_contents(card: dict[str, Any]) -> bool:
    """Something was written: blocks, an application, or a file that differ from a card as delivered."""
    plain = {
        name: value for name, value in card.items() if name not in ("kind", "uid", "name", "atqa", "sak")
    }
    return any(plain.values())


@asynccontextmanager
async def _two_desks(site: Site, folder: Path) -> AsyncIterator[list[Clerk]]:
    async with serial_chip(folder / "trial-port") as chip:
        await set_up(site, port=str(chip.link))
        device, file = await new_issuer(site, folder)
        async with desktop(folder, "--config", str(file)) as program:
            await program.until(lambda text: str(chip.link) in text, site, "the second desk")
            points = await _points(site, device)
            async with (
                _clerk(site, _lan_desk(site, points[0])) as one,
                _clerk(site, _own(chip, points[1])) as two,
            ):
                yield [one, two]
        await set_up(site, port="COM1")


@asynccontextmanager
async def _clerk(site: Site, desk: Desk) -> AsyncIterator[Clerk]:
    async with Browser(site.demo.centre_url, "en") as browser:
        page = await browser.get("/login")
        await browser.send(page, "/login", number="0001", password=site.demo.password)
        yield Clerk(browser, desk)


async def _points(site: Site, device: int) -> tuple[int, int]:
    """Numbers of the readers of the demo's issuer and of this device, as the desk page offers them."""
    await set_up(site, issuer=str(device))
    form = next(form for form in (await site.browser.get("/cards/desk")).forms if "reader" in form.options)
    second = int(form.options["reader"][0])
    await set_up(site, issuer="")
    form = next(form for form in (await site.browser.get("/cards/desk")).forms if "reader" in form.options)
    return next(int(value) for value in form.options["reader"] if int(value) != second), second


def _lan_desk(site: Site, point: int) -> Desk:
    async def lift(uid: str) -> dict[str, Any]:
        return dict(await site.lift(uid))

    return Desk(point, site.lay, lift)


def _own(chip: SerialChip, point: int) -> Desk:
    async def lay(card: dict[str, Any]) -> None:
        await chip.do({"do": "place", "card": card})

    async def lift(uid: str) -> dict[str, Any]:
        return dict((await chip.do({"do": "remove", "uid": uid}))["card"])

    return Desk(point, lay, lift)

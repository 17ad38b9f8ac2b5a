"""The move-in trial: two clerks at two desks issue cards side by side, one of the programs is killed meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from provisioning.demo.browser import Browser
from provisioning.demo.control import ControlLine
from tests.support.clerk import Clerk, Desk, Task
from tests.support.second_desk import FIRST_LABEL, LABEL, join_second_desk, point_of
from tests.support.site import Site

SECONDS_MAX = 12.0
"""Machine time of one card (U2)."""
KINDS = ("classic1k", "desfire_ev2", "ntag424")


async def trial(site: Site, cards_count: int, seed: int) -> str:
    """Issue so many cards and kill the centre once meanwhile; what was seen.

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
    async with _two_desks(site) as clerks:
        killed_after, done = random.randrange(1, max(2, cards_count // 2)), 0

        async def after(_number: int) -> None:
            nonlocal done
            done += 1
            if done == killed_after:
                await site.demo.centre.kill()
                await site.demo.centre.start()
                await site.demo.centre_answers()

        await asyncio.gather(*(clerk.work(tasks[place::2], after) for place, clerk in enumerate(clerks)))
        seconds = sorted(clerks[0].seconds + clerks[1].seconds)
        middle, longest = seconds[len(seconds) // 2], seconds[-1]
        said = f"{cards_count} cards, seed {seed}: {middle:.1f} s a card, at most {longest:.1f} s"
        print(said, flush=True)  # it took an hour; looking at each card takes long too
        assert middle <= SECONDS_MAX, seconds
        await site.sign_in_again()  # nobody has used the operator's session meanwhile
        for task in tasks:
            page = await site.card_page(task.card_no)
            acts = [row for row in page.rows if "Issue" in row.cells]
            assert (page.facts["Status"], len(acts)) == ("In normal use", 1), task
        written = clerks[0].written | clerks[1].written
        assert all(_has_contents(written[task.uid]) for task in tasks)
        return said


def _has_contents(card: dict[str, Any]) -> bool:
    """Something was written: blocks, an application, or a file that differ from a card as delivered."""
    plain = {
        name: value for name, value in card.items() if name not in ("kind", "uid", "name", "atqa", "sak")
    }
    return any(plain.values())


@asynccontextmanager
async def _two_desks(site: Site) -> AsyncIterator[list[Clerk]]:
    """The demo's issuer, and a second one like it."""
    nodes = {"card-desk": FIRST_LABEL, await join_second_desk(site): LABEL}
    page = await site.browser.get("/cards/desk")
    one, two = (_desk(site.demo.nodes[node].line, point_of(page, label)) for node, label in nodes.items())
    async with _clerk(site, one) as here, _clerk(site, two) as there:
        yield [here, there]


@asynccontextmanager
async def _clerk(site: Site, desk: Desk) -> AsyncIterator[Clerk]:
    async with Browser(site.demo.centre_url, "en") as browser:
        page = await browser.get("/login")
        await browser.send(page, "/login", number="0001", password=site.demo.password)
        yield Clerk(browser, desk)


def _desk(line: ControlLine, point: int) -> Desk:
    async def lay(card: dict[str, Any]) -> None:
        await line.do({"do": "place", "card": card})

    async def lift(uid: str) -> dict[str, Any]:
        return dict((await line.do({"do": "remove", "uid": uid}))["card"])

    return Desk(point, lay, lift)

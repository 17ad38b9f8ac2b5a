"""Who sees whose: organisations that share an estate, head office, and the stations of the office."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import pytest

from provisioning.demo.browser import Browser
from provisioning.errors import DemoError
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTS = (
    "/people",
    "/cards",
    "/devices",
    "/access/events",
    "/access/hotlist",
    "/alarms",
    "/audit",
    "/operators",
)
FILES = (
    "/people/export",
    "/cards/export",
    "/devices/export",
    "/access/events/export",
    "/access/hotlist/export",
    "/alarms/export",
    "/audit/export",
)
APIS = ("/api/people", "/api/cards", "/api/events", "/api/hotlist", "/api/alarms")


async def enter(browser: Browser, path: str, **values: str) -> str:
    """Fill in the form of a page that enters something; the last number of the address that follows."""
    return (await browser.send(await browser.get(path), path, **values)).path.rpartition("/")[2]


async def all_of(browser: Browser) -> str:
    """Every list, every file and every answer of the API that this operator can get, as one text."""
    pages = [(await browser.get(path)).words for path in LISTS]
    files = [(await browser.get(f"{path}?format=csv")).html for path in FILES]
    return "\n".join([*pages, *files, *[str(await browser.read(path)) for path in APIS]])


async def furnish(site: Site, browser: Browser, name: str, number: int) -> str:
    """Their own person, card and device, entered at their own desk; the card is shown at a door and reported lost."""
    person_no, uid, card_no = f"8{number:03d}", f"04BB{number:010X}", f"8{number:07d}"
    fields = (await browser.get("/people/new")).form("/people/new")
    (organisation,) = [value for value in fields.options["organisation"] if value]
    place = {"site": fields.options["site"][-1], "organisation": organisation}
    person = await enter(
        browser, "/people/new", name=f"{name}住户", number=person_no, kind="tenant", active="1", **place
    )
    page = await browser.get(f"/cards/issue?person={person}")
    card = await browser.send(page, "/cards/issue", uid=uid, card_no=card_no, levels="1")
    await enter(
        browser,
        "/devices/new",
        name=f"{name}-gate",
        label=f"{name}门",
        number=str(600 + number),
        location=name,
        purpose="door",
        **place,
    )
    await site.until_joined()
    await site.opens("hall", uid)
    await site.shuts("hall")
    await browser.send(await browser.get(card.path), f"{card.path.partition('?')[0]}/lose")
    await site.is_refused("hall", uid, f"person={person_no}&reason=22")
    path = f"{card.path.partition('?')[0]}/replace"
    await browser.send(await browser.get(path), path, uid=f"{uid[:-4]}FF{uid[-2:]}", card_no=f"9{card_no}")
    await site.until_joined()
    await site.is_refused("hall", uid, "reason=26")  # nobody's any more, and still theirs
    return person


@pytest.mark.requirement("U1")
async def test_no_organisation_sees_anything_of_another(site: Site) -> None:
    """Seen when: two organisations of one estate enter people, cards and devices, their cards are shown and reported
    lost; each finds all of its own and nothing of the other's in lists, files, API, search and by address, nor does
    the organisation whose doors these are; it may change nothing of it and give nobody more than it has; head office finds both.

    Planted break that turns it red: ``Scope.condition`` without the organisation; ``Scope.get`` without the condition;
    ``Lookup.holder`` giving a card that is nobody's any more to the owner of the door.
    """
    names = ("aquila", "borealis")
    async with AsyncExitStack() as stack:
        browsers, people = {}, {}
        estate = (await site.browser.get("/people/new")).form("/people/new").options["site"][-1]
        for number, name in enumerate(names, 1):
            await enter(site.browser, "/organisations/new", name=name, active="1")
            (organisation,) = [
                row.links[0].rpartition("/")[2]
                for row in (await site.browser.get("/organisations")).rows_of("organisations")
                if name in row.cells
            ]
            browsers[name] = await stack.enter_async_context(
                site.operator("administrator", estate=estate, organisation=organisation)
            )
            people[name] = await furnish(site, browsers[name], name, number)
        every = await all_of(site.browser)
        owner = await stack.enter_async_context(
            site.operator("administrator", estate=estate, organisation="1")
        )
        assert not {"aquila", "borealis", "80000001", "80000002"} & set(re.split(r"\W+", await all_of(owner)))
        for name, other in (names, names[::-1]):
            seen, number = await all_of(browsers[name]), 1 + names.index(other)
            card_no, person_no = f"8{number:07d}", f"8{number:03d}"
            for word in (other, card_no):
                assert word not in seen, word
                assert word in every, word
            assert name in seen
            assert f"8{1 + names.index(name):07d}" in seen
            browser, person = browsers[name], people[other]
            assert other not in (await browser.get(f"/search?q={person_no}")).words
            assert (await browser.get(f"/people/{person}")).status == 404
            with pytest.raises(DemoError, match="404"):
                await browser.read(f"/api/people/{person}")
            own = (await browser.get(f"/people/{people[name]}/edit")).form(f"/people/{people[name]}/edit")
            assert (await browser.post(f"/people/{person}/edit", own.fields)).status == 404
            scopes = (await browser.get("/operators/new")).form("/operators/new").options
            assert "*" not in scopes["organisations"] + scopes["sites"]
            assert len(scopes["organisations"]) == 1

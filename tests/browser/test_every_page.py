"""Every page of the router, on the running sample site, in each language: accessible, inside the window, in order.

A new route is opened here by itself. Simplified Chinese is looked at in a window of a desk, English on a telephone at night;
both must fit into 360 px. Traditional Chinese has the same pages in signs of the same width, so it is read without a browser.

English stands in the place of the Chinese page, with its style sheets: its scripts are the same and have run. A second visit to
each page would cost as much as everything else here; `make soak` (properties) pays each of them.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from central.web.help import CHAPTERS, SECTIONS
from tests.support.browser import (
    AXE,
    AXE_OPTIONS,
    MEDIA_ONLY,
    NARROW,
    WIDE,
    axe_findings,
    open_page,
    sideways_px,
)
from tests.support.demo_site import PAPERS, DemoSite, page_paths
from tests.support.full_site import fill
from tests.support.thorough import THOROUGH

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
VIEWS: dict[str, dict[str, Any]] = {
    "zh-Hans": {"size": WIDE},
    "en": {"size": NARROW, "dark": True},
}
CHINESE, ENGLISH = VIEWS
VISITED = list(VIEWS) if THOROUGH else [CHINESE]
"""In these languages each page is opened; in the others it is laid out in its place."""
ON_A_TELEPHONE_AT_NIGHT = {
    "runOnly": {
        "type": "rule",
        "values": [
            "color-contrast",
            "target-size",
            "label-content-name-mismatch",
            "scrollable-region-focusable",
        ],
    },
    "resultTypes": ["violations"],
    "preload": MEDIA_ONLY,
}
OPTIONS: dict[str, dict[str, Any]] = {"zh-Hans": AXE_OPTIONS, "en": ON_A_TELEPHONE_AT_NIGHT}
"""Every rule once; the second time what depends on colours and sizes."""
FRAME = ("header.top", "nav.side")
FRAME_SEEN_AT = ("/", "/people", "/system")
"""Menu and head are the same on every page: looked at once for a part of the menu, not a thousand times."""
MORE = (
    "/access/events?person=nobody",
    "/access/openers?reader=1",
    "/access/openings?q=林",
    "/cards/issue?person=1",
    "/cards/2",
    "/cards/bulk/new?kind=add_levels",
    "/cards/bulk/new?q=00000102&kind=suspend",
    "/purse/cards/3",
    "/search?q=林",
)
"""The same pages with something else on them: nothing found, a person chosen, a lost card."""
FACTS = """() => ({
    lang: document.documentElement.lang,
    headings: document.querySelectorAll("h1").length,
    helps: document.querySelectorAll("a.help").length,
    empty: [document.title.split(" · ")[0], document.querySelector("h1")?.textContent].filter((t) => !t?.trim()).length,
})"""
INSTEAD = """async (language) => {
    const answer = await fetch(location.href, {headers: {"Accept-Language": language}});
    const other = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.documentElement.lang = other.documentElement.lang;
    document.title = other.title;
    document.body.replaceWith(other.body);
    return answer.status;
}"""
"""The page in another language in the place of the one that is shown."""
CHAPTER_OF = {
    "": "start",
    "first-steps": "start",
    "step-up": "operators",
    "search": "people",
    "people": "people",
    "visitors": "people",
    "units": "units",
    "hand-overs": "units",
    "plates": "units",
    "move-ins": "units",
    "permits": "units",
    "releases": "units",
    "cards": "cards",
    "night-loss": "cards",
    "faces": "faces",
    "stock": "cards",
    "purse": "purse",
    "tills": "tills",
    "devices": "devices",
    "doors": "doors",
    "access": "doors",
    "occupancy": "doors",
    "musters": "doors",
    "attendance": "attendance",
    "patrol": "patrol",
    "alarms": "alarms",
    "duty": "duty",
    "repairs": "duty",
    "oversight": "reports",
    "usage": "reports",
    "reports": "reports",
    "forms": "reports",
    "operators": "operators",
    "roles": "operators",
    "tokens": "operators",
    "audit": "operators",
    "account": "operators",
    "sites": "operators",
    "organisations": "operators",
    "keys": "system",
    "system": "system",
    "certificate": "system",
    "compliance": "reports",
    "webhooks": "operators",
}
"""Which chapter of the manual the "?" opens, by the first part of the address; hotlist and manual speak for themselves."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def full_site(demo_site: DemoSite) -> DemoSite:
    """The sample site with a record for each page of one."""
    await fill(demo_site)
    return demo_site


async def test_every_page_in_every_language(browser: Any, full_site: DemoSite, record_property: Any) -> None:
    """Planted breaks: two headings, a small target, a wide picture, an inline style, a page without its chapter."""
    found = await asyncio.gather(
        *(_walk(browser, full_site, language) for language in VISITED), _read(full_site, "zh-Hant")
    )
    complaints = [line for lines in found for line in lines]
    record_property("pages", len(page_paths()))
    assert not complaints, "\n" + "\n".join(complaints)


async def _walk(browser: Any, site: DemoSite, language: str) -> list[str]:
    wrong: list[str] = []
    helps: dict[str, list[str]] = defaultdict(list)
    async with open_page(
        browser, language=language, storage_state=site.cookies, quiet=False, **VIEWS[language]
    ) as page:
        await page.add_init_script(path=AXE)
        said: list[str] = []
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(f"script: {error}"))
        for path in (*page_paths(), *MORE):
            wrong += [f"{language} {path}: {w}" for w in await _look(page, site, path, language)]
            if path not in PAPERS:
                helps[await page.locator("a.help").get_attribute("href")].append(path)
            if VISITED == [CHINESE]:
                wrong += [f"{ENGLISH} {path}: {w}" for w in await _look_instead(page, path, ENGLISH)]
            wrong += [f"{language} {path}: {text}" for text in said]
            said.clear()
        for address, paths in helps.items():
            wrong += [f"{language} {path}: {w}" for path in paths for w in _wrong_chapter(path, address)]
            await page.goto(site.url + address)
            name, _hash, part = SECTIONS.get(address.removeprefix("/manual/"), "").partition("#")
            if name and not (page.url.endswith(f"#{part}") and await page.locator(f"h2#{part}").count() == 1):
                wrong.append(f"{language} {address}: opens {page.url}")
    return wrong


async def _read(site: DemoSite, language: str) -> list[str]:
    """The same without a browser: each page answers in its language, with one heading, a title and its help."""
    wrong: list[str] = []
    cookies = {cookie["name"]: cookie["value"] for cookie in site.cookies["cookies"]}
    async with aiohttp.ClientSession(site.url, headers={"Accept-Language": language}) as session:
        for path in (*page_paths(), *MORE):
            async with session.get(path, cookies=cookies) as answer:
                html = await answer.text()
            helps = len(re.findall(r'<a [^>]*class="help"', html))
            titles = [text.strip() for text in re.findall(r"<(?:title|h1)[^>]*>\s*([^<]*)", html)]
            facts = (
                answer.status,
                f'<html lang="{language}"' in html,
                len(re.findall(r"<h1\b", html)),
                helps,
                all(titles),
            )
            if facts != (200, True, 1, int(path not in PAPERS), True):
                wrong.append(f"{language} {path}: {facts}")
    return wrong


async def _look(page: Any, site: DemoSite, path: str, language: str) -> list[str]:
    """What is wrong with one page."""
    wrong = []
    answer = await page.goto(site.url + path)
    if answer.status != 200 or page.url.partition("?")[0] != site.url + path.partition("?")[0]:
        wrong.append(f"answers {answer.status} at {page.url}")
    wrong += await _frame(page, path, language)
    seen_in = VIEWS[language]["size"]
    # In both sizes, the one that the page before has left first: each change lays out and paints everything anew.
    for size in sorted({seen_in, NARROW}, key=lambda size: size[0] != page.viewport_size["width"]):
        await _resize(page, size)
        if size == seen_in:
            wrong += await axe_findings(page, OPTIONS[language], FRAME if path not in FRAME_SEEN_AT else ())
        if size == NARROW:
            wrong += await _too_wide(page)
    return wrong


async def _look_instead(page: Any, path: str, language: str) -> list[str]:
    """What is wrong with the page that is open, once it stands there in another language and at night."""
    await _resize(page, VIEWS[language]["size"])
    await page.emulate_media(color_scheme="dark")
    status = await page.evaluate(INSTEAD, language)
    wrong = [f"answers {status}"] if status != 200 else []
    wrong += await _frame(page, path, language)
    wrong += await axe_findings(page, OPTIONS[language], FRAME if path not in FRAME_SEEN_AT else ())
    wrong += await _too_wide(page)
    await page.emulate_media(color_scheme="light")
    return wrong


async def _frame(page: Any, path: str, language: str) -> list[str]:
    facts = await page.evaluate(FACTS)
    wanted = {"lang": language, "headings": 1, "helps": int(path not in PAPERS), "empty": 0}
    return [f"the frame of the page: {facts}"] if facts != wanted else []


async def _resize(page: Any, size: tuple[int, int]) -> None:
    if size[0] != page.viewport_size["width"]:
        await page.set_viewport_size({"width": size[0], "height": size[1]})


async def _too_wide(page: Any) -> list[str]:
    wider = await sideways_px(page)
    return [f"{wider} px wider than a window of {NARROW[0]}"] if wider > 0 else []


def _wrong_chapter(path: str, address: str) -> list[str]:
    first = path.lstrip("/").partition("?")[0].split("/")
    shown = address.removeprefix("/manual/")
    chapter = SECTIONS.get(shown, shown).partition("#")[0]
    if path.startswith("/manual/"):
        wanted = first[1]
    elif path.startswith("/access/hotlist"):
        wanted = "cards"
    else:
        wanted = CHAPTER_OF[first[0]]
    assert wanted in CHAPTERS
    return [] if chapter == wanted else [f"its help opens {shown}, not {wanted}"]

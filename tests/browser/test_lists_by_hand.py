"""Lists, forms and the frame of the pages as people use them: keyboard, no JavaScript, double clicks, language switch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from central.routes import PUBLIC, Route
from central.web.columns import MOMENT, MONEY, Column
from central.web.fields import LastDayField, PasswordField, TextField
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.forms import Form
from central.web.i18n import lazy
from central.web.lists import list_export, list_page
from central.web.render import render
from central.web.tables import Table
from tests.support.browser import PHONE, assert_accessible, assert_fits, expect, open_page, shoot
from tests.support.pages import Passage, Site, serve_pages

START = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
TABLE = Table(
    name="passages",
    title=lazy("Access events"),
    query=lambda scope: Passage.select(Passage.id, Passage.at, Passage.person, Passage.door, Passage.fen),
    key=Passage.id,
    sort="-at",
    columns=(
        Column("at", lazy("Time"), MOMENT, sort=Passage.at, sorts_down_first=True),
        Column("person", lazy("Person"), sort=Passage.person),
        Column("door", lazy("Door")),
        Column("fen", lazy("Amount"), MONEY, sort=Passage.fen, total=Passage.fen),
    ),
    filters=(
        TextFilter("q", lazy("Person"), where=lambda text: Passage.person == text),
        ChoiceFilter("door", lazy("Door"), field=Passage.door, choices={"east": "东门", "west": "西门"}),
        DayFilter("at", lazy("Day"), field=Passage.at),
    ),
)


@dataclass(frozen=True)
class Entry:
    operator: str
    password: str
    until_at: datetime | None


FORM = Form(
    Entry,
    TextField("operator", lazy("Operator"), autocomplete="username"),
    PasswordField("password", lazy("Name"), length_min=3),
    LastDayField("until_at", lazy("Last valid day"), is_required=False),
)
posted: list[str] = []


async def passages(request: web.Request) -> web.Response:
    return await list_page(request, TABLE, None, export_path="/passages/export")


async def export(request: web.Request) -> web.StreamResponse:
    return await list_export(request, TABLE, None)


async def login(request: web.Request) -> web.Response:
    if request.method == "GET":
        return await render(
            request, "web/login.html", {"form": FORM.blank(), "notice": "", "takes_card": False}
        )
    bound = FORM.bind(await request.post())
    posted.append(bound["operator"].text)
    if bound.is_valid:
        return web.Response(status=303, headers={"Location": "/passages"})
    return await render(
        request, "web/login.html", {"form": bound, "notice": "", "takes_card": False}, status=422
    )


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    routes = [
        Route("GET", "/passages", passages, ("access", "view")),
        Route("GET", "/passages/export", export, ("access", "export")),
        Route("GET", "/login", login, PUBLIC),
        Route("POST", "/login", login, PUBLIC),
    ]
    async with serve_pages(tmp_path, routes) as running:
        rows = [
            {
                "at": START + timedelta(minutes=n),
                "person": f"人 {n}",
                "door": ("east", "west")[n % 2],
                "fen": n * 100,
            }
            for n in range(120)
        ]
        await running.database.write(lambda: Passage.insert_many(rows).execute())
        yield running


def address(site: Site, path: str) -> str:
    return str(site.client.make_url(path))


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "without"])
async def test_filter_sort_and_page_work_with_and_without_javascript(
    browser: Any, site: Site, javascript: bool
) -> None:
    async with open_page(browser, language="en", javascript=javascript) as page:
        await page.goto(address(site, "/passages"))
        await page.get_by_label("Door", exact=True).select_option("east")
        if not javascript:
            await page.get_by_role("button", name="Search").click()
        await expect(page.get_by_text("60 rows")).to_be_visible()
        assert "door=east" in page.url
        await page.get_by_role("link", name="Time").click()
        await expect(page.locator("th[aria-sort=ascending]")).to_be_visible()
        assert "sort=at" in page.url
        assert "door=east" in page.url
        await page.get_by_role("link", name="Next page").click()
        await expect(page.locator("tbody tr")).to_have_count(10)
        await expect(page.locator("tbody tr").first).to_contain_text("人 100")
        await page.go_back()
        await expect(page.locator("tbody tr").first).to_contain_text("人 0")


async def test_a_wrong_filter_is_explained_at_its_field(browser: Any, site: Site) -> None:
    async with open_page(browser, language="en", quiet=False) as page:
        await page.goto(address(site, "/passages?at_from=2026-07-02&at_to=2026-07-01"))
        await expect(page.get_by_text("The last day lies before the first.")).to_be_visible()
        await assert_accessible(page)


async def test_slash_goes_to_the_search_field_and_escape_leaves_it(browser: Any, site: Site) -> None:
    async with open_page(browser, language="en") as page:
        await page.goto(address(site, "/passages"))
        await page.keyboard.press("/")
        field = page.get_by_label("Person")
        await expect(field).to_be_focused()
        await page.keyboard.type("人/1")
        await expect(field).to_have_value("人/1")
        await page.keyboard.press("Escape")
        await expect(field).not_to_be_focused()


async def test_the_language_switch_stays_on_the_page(browser: Any, site: Site) -> None:
    async with open_page(browser, language="zh-Hans") as page:
        await page.goto(address(site, "/passages?door=east"))
        await page.locator("#language").select_option("en")
        await expect(page.get_by_role("heading", name="Access events")).to_be_visible()
        assert page.url.endswith("/passages?door=east")
        assert await page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en"])
async def test_the_sign_in_page_keeps_what_was_typed_and_says_what_is_wrong(
    browser: Any, site: Site, language: str
) -> None:
    site.operator["operator"] = None
    async with open_page(browser, language=language, quiet=False) as page:
        await page.goto(address(site, "/login"))
        await shoot(page, f"login-{language}")
        await assert_accessible(page)
        await page.locator("#operator").fill("0001")
        await page.locator("#password").fill("x")
        await page.locator("main button[type=submit]").click()
        await expect(page.locator("#password[aria-invalid]")).to_be_visible()
        assert await page.locator("#operator").input_value() == "0001"
        assert await page.locator("#password").input_value() == ""
        await expect(page.locator("[data-focus]")).to_be_focused()
        await assert_accessible(page)
        await shoot(page, f"login-error-{language}")


async def test_a_second_click_does_not_send_a_form_twice(browser: Any, site: Site) -> None:
    posted.clear()
    async with open_page(browser) as page:
        await page.goto(address(site, "/login"))
        await page.locator("#operator").fill("0001")
        await page.locator("#password").fill("secret")
        await page.evaluate(
            "() => { const b = document.querySelector('main button[type=submit]'); b.click(); b.click(); }"
        )
        await page.wait_for_url("**/passages")
    assert posted == ["0001"]


async def test_a_question_opens_and_closes_by_keyboard(browser: Any, site: Site) -> None:
    async with open_page(browser, language="en") as page:
        await page.goto(address(site, "/patterns"))
        opener = page.get_by_role("button", name="Report lost: 0001000234").first
        await opener.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        await assert_accessible(page)
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(opener).to_be_focused()


@pytest.mark.parametrize("size", [PHONE, (360, 740)], ids=["500", "360"])
async def test_the_menu_opens_on_a_phone_without_javascript(browser: Any, site: Site, size: Any) -> None:
    async with open_page(browser, language="en", size=size, javascript=False) as page:
        await page.goto(address(site, "/passages"))
        await expect(page.locator("#menu")).to_be_hidden()
        await page.get_by_role("button", name="Menu").click()
        await page.get_by_role("link", name="Patterns").click()
        await page.wait_for_url("**/patterns")


async def test_a_list_fits_a_phone(browser: Any, site: Site) -> None:
    async with open_page(browser, language="en", size=(360, 740)) as page:
        await page.goto(address(site, "/passages"))
        await assert_fits(page)
        await assert_accessible(page)
        await shoot(page, "list-360")


async def test_the_print_view_becomes_pages_of_paper(browser: Any, site: Site, tmp_path: Path) -> None:
    async with open_page(browser, language="zh-Hans") as page:
        await page.goto(address(site, "/passages/export?format=print&door=east"))
        await assert_accessible(page)
        await shoot(page, "print")
        paper = await page.pdf(prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") + paper.count(b"/Type /Page/") >= 2

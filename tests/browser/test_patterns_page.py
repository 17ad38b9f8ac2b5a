"""The page with every widget: readable and usable in three languages, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.browser import NARROW, PHONE, WIDE, assert_accessible, assert_fits, open_page, shoot
from tests.support.pages import Site, serve_pages


@pytest_asyncio.fixture(loop_scope="session")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serve_pages(tmp_path, []) as running:
        yield running


@pytest.mark.parametrize(
    ("language", "size", "dark"),
    [
        ("zh-Hans", WIDE, False),
        ("zh-Hans", WIDE, True),
        ("zh-Hans", PHONE, False),
        ("zh-Hans", NARROW, True),
        ("zh-Hant", WIDE, False),
        ("en", WIDE, False),
        ("en", PHONE, True),
        ("en", NARROW, False),
    ],
)
async def test_every_widget_is_accessible(
    browser: Any, site: Site, language: str, size: Any, dark: bool
) -> None:
    async with open_page(browser, language=language, size=size, dark=dark) as page:
        await page.goto(str(site.client.make_url("/patterns")))
        await shoot(page, f"patterns-{language}-{size[0]}-{'dark' if dark else 'light'}")
        await assert_fits(page)
        await assert_accessible(page)

"""A real browser for tests: Debian's Chromium through Playwright, with axe for accessibility.

A page that logs an error, breaks the content security policy or asks for something that is not there fails its test.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "build" / "screens"
AXE = ROOT / "tests/browser/vendor/axe.min.js"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, PHONE, NARROW = (1280, 800), (500, 900), (360, 740)
MEDIA_ONLY: dict[str, Any] = {"assets": ["media"]}
"""axe would fetch every style sheet for rules that are not asked here, at a third of its cost."""
AXE_OPTIONS: dict[str, Any] = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "rules": {
        "target-size": {"enabled": True},
        "label-content-name-mismatch": {"enabled": True},
    },
    "resultTypes": ["violations"],
    "preload": MEDIA_ONLY,
}
_RUN_AXE = """async ([exclude, options]) =>
    (await window.axe.run(exclude.length ? {exclude} : document, options)).violations"""
"""The violations alone: what passed is a large part of the answer, and slow to carry over."""


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """One browser process."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(
    browser: Browser,
    *,
    language: str = "zh-Hans",
    size: tuple[int, int] = WIDE,
    dark: bool = False,
    javascript: bool = True,
    zone: str = "Asia/Shanghai",
    quiet: bool = True,
    **options: Any,
) -> AsyncIterator[Page]:
    """One tab in a fresh profile. With ``quiet`` the test fails when the page complained in any way."""
    context = await browser.new_context(
        locale={"zh-Hans": "zh-CN", "zh-Hant": "zh-TW"}.get(language, "en-GB"),
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
        timezone_id=zone,
        ignore_https_errors=True,
        **options,
    )
    context.set_default_timeout(15_000)
    page = await context.new_page()
    complaints: list[str] = []
    page.on(
        "console",
        lambda m: complaints.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    try:
        yield page
        if quiet:
            assert not complaints, complaints
    finally:
        await context.close()


async def axe_findings(
    page: Page, options: dict[str, Any] = AXE_OPTIONS, leave_out: Sequence[str] = ()
) -> list[str]:
    """Violations of WCAG 2.2 AA that axe can find on the page as it stands now, outside what the selectors name."""
    if not await page.evaluate("typeof window.axe !== 'undefined'"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = await page.evaluate(_RUN_AXE, [[[selector] for selector in leave_out], options])
    return [
        f"{v['id']} ({v['impact']}): {v['help']}: "
        + "; ".join(f"{n['target']} {n['any'][0]['message'] if n['any'] else ''}" for n in v["nodes"][:4])
        for v in violations
    ]


async def assert_accessible(page: Page) -> None:
    """The page violates nothing that axe knows of."""
    found = await axe_findings(page)
    assert not found, f"{page.url}\n" + "\n".join(found)


async def sideways_px(page: Page) -> int:
    """By how much the page is wider than its window: wide tables scroll in their own box."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(await page.evaluate(script))


async def assert_fits(page: Page) -> None:
    """The page does not scroll sideways."""
    wider = await sideways_px(page)
    assert wider <= 0, f"{page.url} is {wider} px wider than the window"


async def shoot(page: Page, name: str) -> Path:
    """A picture of the whole page under ``build/screens``."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    path = SCREENS / f"{name}.png"
    await page.screenshot(path=path, full_page=True)
    return path


def expect(target: Any) -> Any:
    """Playwright's waiting assertions, imported only where there is a browser."""
    from playwright.async_api import expect as playwright_expect

    return playwright_expect(target)

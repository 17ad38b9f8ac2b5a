"""Strings that other programs would obey, typed into every text field of every form: shown as text wherever they appear."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import pytest

from central.parts import collect
from central.routes import NODE, PUBLIC
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate
from tests.support.odd_requests import PARAMETER, fields_of
from tests.support.thorough import THOROUGH

MARK = "q7z"
"""In every payload, so that it is found again."""
PAYLOADS = (
    f"=<script>{MARK}()</script>\"'><img src=x onerror={MARK}>",
    f"@{MARK}\u202e\u2066'; DROP TABLE person;--",
    f"+{MARK}{{{{7*7}}}}{MARK}%(name)s%s%n",
    f"javascript:{MARK}%0d%0aSet-Cookie:{MARK}",
)
TYPED = re.compile(r'<(?:input(?=[^>]*type="text")|textarea)\b[^>]*?\bname="([^"]+)"')
NOT_HERE = {"/live", "/manual", "/setup", "/certificate/onecard-ca.crt"}


def pages() -> list[str]:
    return [
        route.path
        for route in collect().routes
        if route.method == "GET" and route.permission is not NODE and route.path not in NOT_HERE
    ]


def forms() -> list[str]:
    """Addresses that take a form, those of what is there already with number 1."""
    return [
        PARAMETER.sub("1", route.path)
        for route in collect().routes
        if route.method == "POST"
        and route.permission not in (NODE, PUBLIC)
        and not route.path.startswith(
            ("/api/", "/account", "/logout", "/step-up", "/system/restart", "/system/backup")
        )
    ]


async def fill_everything(browser: Browser) -> int:
    """Send every form with each payload in all of its text fields, and one by one where they limit each other.

    One by one, each field takes one payload, its neighbours others; in `make soak` each field takes every one.
    """
    taken = 0
    for address in forms():
        shown = await browser.get(address)
        if shown.status != 200:
            shown = await browser.get(address.rpartition("/")[0] or "/")
        names = [name for name in TYPED.findall(shown.text) if name != "csrf"]
        fields = fields_of(shown.text)
        for chosen, payload in turns(names):
            form = {
                **{name: value or "1" for name, value in fields.items()},
                **dict.fromkeys(chosen, payload),
            }
            answer = await browser.post(address, form)
            assert answer.status < 500, (address, chosen, answer)
            taken += answer.status == 303
            check_html(address, answer.text)
    return taken


def turns(names: list[str]) -> list[tuple[list[str], str]]:
    """What is typed into which fields at once."""
    together = [(names, payload) for payload in PAYLOADS]
    return together + [
        ([name], payload)
        for place, name in enumerate(names)
        for payload in (PAYLOADS if THOROUGH else [PAYLOADS[place % len(PAYLOADS)]])
    ]


def check_html(address: str, text: str) -> None:
    for payload in PAYLOADS:
        if any(letter in payload for letter in "<\"'"):
            assert payload not in text, address
    assert MARK + "49" not in text, f"{address}: a template was run"
    for link in re.findall(r'(?:href|src|action|hx-get|hx-post)="([^"]*)"', text):
        assert not link.startswith("javascript:"), address


async def test_nothing_that_was_typed_is_obeyed(
    running_centre: RunningCentre, caplog: pytest.LogCaptureFixture
) -> None:
    """Planted breaks: mark a cell of the table as safe; leave out the apostrophe in ``columns.neutral``."""
    estate = await Estate.make(running_centre)
    browser = await running_centre.as_role("administrator")
    await estate.issue(browser, "04A1B2C3D4E5F6", "A1")
    await estate.show("04A1B2C3D4E5F6")
    assert await fill_everything(browser) > 3 * len(PAYLOADS)
    seen = 0
    for path in pages():
        address = PARAMETER.sub("1", path)
        if path.endswith(("/export", "/export-full")):
            seen += check_csv((await browser.get(f"{address}?format=csv")).text)
            await check_xlsx(browser, f"{address}?format=xlsx")
            address += "?format=print"
        answer = await browser.get(address)
        assert answer.status < 500, (address, answer)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            check_html(address, answer.text)
            seen += MARK in answer.text
        elif answer.headers.get("Content-Type", "").startswith("text/tab-separated-values"):
            seen += check_csv(answer.text, "\t")
        assert MARK not in str({k: v for k, v in answer.headers.items() if k != "Location"}), address
    assert seen > 5, "the strings came through to pages and files"
    for record in caplog.records:
        assert "\r" not in record.getMessage()
        assert "\n" not in record.getMessage()


def check_csv(text: str, delimiter: str = ",") -> int:
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    cells = [cell for row in rows for cell in row if MARK in cell]
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]
    return len(cells)


async def check_xlsx(browser: Browser, address: str) -> None:
    async with browser.session.get(browser.centre.url + address, allow_redirects=False) as response:
        if response.status != 200:
            return
        book = zipfile.ZipFile(io.BytesIO(await response.read()))
    for name in book.namelist():
        text = book.read(name).decode("utf-8", "replace")
        assert "<f>" not in text, "no formula"
        assert "hyperlink" not in text or MARK not in text

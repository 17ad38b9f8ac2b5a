"""Every page speaks the reader's language and loads nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from central.web import assets
from central.web.i18n import choose


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "zh-Hans"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK;q=0.8,en;q=0.3", "zh-Hant"),
        ("zh-Hant-CN", "zh-Hant"),
        ("zh-Hans-HK", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("fr,de;q=0.5", "zh-Hans"),
        ("en;q=0,zh-TW;q=0.1", "zh-Hant"),
        ("en;q=abc, ;;,zh-TW", "zh-Hant"),
    ],
)
def test_the_browsers_wish_chooses_the_language(header: str, language: str) -> None:
    assert choose(header).value == language


async def test_operator_goes_before_cookie_before_browser(site) -> None:
    async def lang(**headers: str) -> str:
        text = await (await site.get("/patterns", headers=headers)).text()
        return re.search(r'<html lang="([^"]+)"', text).group(1)

    assert await lang(**{"Accept-Language": "en"}) == "en"
    assert await lang(**{"Accept-Language": "en", "Cookie": "language=zh-Hant"}) == "zh-Hant"
    site.operator["operator"].language = "zh-Hans"
    assert await lang(**{"Accept-Language": "en", "Cookie": "language=zh-Hant"}) == "zh-Hans"


async def test_switching_the_language_returns_to_the_page_and_never_leaves_the_site(site) -> None:
    answer = await site.client.post(
        "/language", data={"language": "en", "back": "/patterns?x=1"}, allow_redirects=False
    )
    assert (answer.status, answer.headers["Location"]) == (303, "/patterns?x=1")
    assert answer.cookies["language"].value == "en"
    for back in ("//evil.example/", "https://evil.example/", "/\\evil.example", "\r\nX: y"):
        answer = await site.client.post(
            "/language", data={"language": "xx", "back": back}, allow_redirects=False
        )
        assert answer.headers["Location"] == "/"
        assert "language" not in answer.cookies


async def test_a_page_has_no_inline_script_or_style_and_loads_only_from_here(site) -> None:
    """The strict content security policy would break such a page; planted break: a style attribute."""
    text = await (await site.get("/patterns")).text()
    assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|<style", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert addresses
    assert all(a.startswith(("/", "#", "?")) for a in addresses)
    for address in {a for a in addresses if a.startswith("/static/")}:
        answer = await site.get(address)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]


async def test_a_static_address_with_another_hash_is_not_found(site) -> None:
    good = assets.asset_url("app.css")
    assert (await site.get(good)).status == 200
    assert (await site.get(good.replace(assets.assets()["app.css"].digest, "0" * 12))).status == 404
    assert (await site.get("/static/0/../../pages.py")).status == 404


@pytest.mark.parametrize("status", [401, 403, 404, 409, 413, 422, 429, 500, 503])
async def test_an_error_page_says_what_to_do(site, status: int) -> None:
    from aiohttp.test_utils import make_mocked_request

    from central.web.pages import error_page

    request = make_mocked_request("GET", "/x", app=site.app, headers={"Accept-Language": "en"})
    request["operator"] = None
    answer = await error_page(request, status, reference="A1B2")
    assert answer.status == status
    assert "A1B2" in answer.text
    assert "Traceback" not in answer.text


def test_the_style_sheet_stays_small() -> None:
    """ux.md: own CSS of about 10 kB, as it travels."""
    import gzip

    css = (Path(assets.STATIC) / "app.css").read_bytes()
    assert len(gzip.compress(css)) < 10_000

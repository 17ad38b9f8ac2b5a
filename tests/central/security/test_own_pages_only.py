"""Changes come from our own pages only; every answer carries the headers that keep strangers out."""

from __future__ import annotations

import aiohttp
import pytest

from central.config import BrowserConfig
from central.security.headers import HEADERS
from central.security.origin import csrf_token, fits, is_same_origin, is_socket_allowed, own_origins
from central.sites.model import Site
from tests.support.centre import RunningCentre

OURS = own_origins("https", "card.example:8443", "https://card.example.com")
FORM = {"name": "New", "zone": "Asia/Shanghai"}


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://card.example:8443"}, False),
        ({"Origin": "https://card.example:8443"}, True),
        ({"Origin": "https://CARD.example:8443"}, True),
        ({"Origin": "https://card.example.com"}, True),
        ({"Origin": "https://card.example"}, False),
        ({"Origin": "http://card.example:8443"}, False),
        ({"Origin": "https://card.example:8443.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_where_a_change_may_come_from(headers: dict[str, str], good: bool) -> None:
    assert is_same_origin(headers, OURS) is good


def test_a_socket_needs_our_origin() -> None:
    assert is_socket_allowed({"Origin": "https://card.example.com"}, OURS)
    assert not is_socket_allowed({"Origin": "https://evil.example"}, OURS)
    assert not is_socket_allowed({}, OURS)


def test_a_token_belongs_to_one_session() -> None:
    key = bytes(32)
    assert fits(key, b"a", csrf_token(key, b"a"))
    assert not fits(key, b"b", csrf_token(key, b"a"))
    assert not fits(key, b"a", "")
    assert not fits(key, b"a", "é")


async def sites(running: RunningCentre) -> int:
    return await running.read(lambda: Site.select().count())


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, None),
        ({"Sec-Fetch-Site": "", "Origin": "https://evil.example"}, None),
        ({}, ""),
        ({}, "0" * 64),
    ],
)
async def test_another_site_changes_nothing(running_centre: RunningCentre, headers, token) -> None:
    """Planted break: return early from ``_check_origin`` for POST."""
    browser = await running_centre.as_role("administrator")
    form = FORM | ({"csrf": token} if token is not None else {})
    answer = await browser.post("/sites/new", form, headers=headers)
    assert answer.status == 403
    assert await sites(running_centre) == 1
    assert (await browser.post("/sites/new", FORM)).status == 303
    assert await sites(running_centre) == 2


async def test_another_operators_token_is_worth_nothing(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("administrator")
    other = await running_centre.as_role("administrator")
    assert (await browser.post("/sites/new", FORM | {"csrf": other.csrf})).status == 403


async def test_signing_in_needs_our_own_page_too(running_centre: RunningCentre) -> None:
    visitor = running_centre.visitor()
    form = {"number": "0001", "password": "x"}
    assert (await visitor.post("/login", form, headers={"Sec-Fetch-Site": "cross-site"})).status == 403


async def test_a_foreign_page_opens_no_socket(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("administrator")
    for headers in ({"Origin": "https://evil.example"}, {}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await browser.session.ws_connect(running_centre.url + "/live", headers=headers)
        assert caught.value.status == 403


@pytest.mark.parametrize(
    "path", ["/login", "/nowhere", "/static/x/app.css", "/api/health", "/healthz", "/people"]
)
async def test_every_answer_has_the_headers(running_centre: RunningCentre, path: str) -> None:
    answer = await running_centre.visitor().get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value, path
    assert "Python" not in str(answer.headers)


async def test_a_malformed_request_learns_no_version(running_centre: RunningCentre) -> None:
    import asyncio

    reader, writer = await asyncio.open_connection(*running_centre.server.browser_address)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n")
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    assert b"400" in answer.split(b"\r\n")[0]
    assert b"aiohttp" not in answer
    assert b"Python" not in answer


async def test_bodies_have_a_limit(running_centre: RunningCentre) -> None:
    browser = await running_centre.as_role("administrator")
    most = running_centre.centre.config.limits.body_bytes_max
    assert (await browser.post("/sites/new", FORM | {"note": "x" * most})).status == 413

    async def endless():
        for _ in range(1 + most // 65_536):
            yield b"x" * 65_536

    headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.request("POST", "/sites/new", data=endless(), headers=headers)
    assert answer.status == 413, "also without a length"
    assert await sites(running_centre) == 1


async def test_the_address_behind_a_proxy() -> None:
    from types import SimpleNamespace

    from central.security.guard import client_address

    def found(remote: str, forwarded: str, *proxies: str) -> str:
        request = SimpleNamespace(remote=remote, headers={"X-Forwarded-For": forwarded} if forwarded else {})
        config = SimpleNamespace(browsers=BrowserConfig(trusted_proxies=proxies))
        return client_address(request, config)

    assert found("10.0.0.1", "") == "10.0.0.1"
    assert found("10.0.0.1", "6.6.6.6") == "10.0.0.1", "nobody believes a stranger"
    assert found("10.0.0.1", "6.6.6.6, 1.2.3.4", "10.0.0.1") == "1.2.3.4"
    assert found("10.0.0.1", "1.2.3.4, 10.0.0.2", "10.0.0.1", "10.0.0.2") == "1.2.3.4"


async def test_the_device_listener_talks_to_no_browser(running_centre: RunningCentre) -> None:
    import ssl

    context = ssl.create_default_context(cadata=running_centre.centre.authority.pem.decode())
    async with aiohttp.ClientSession() as session:
        url = running_centre.node_url + "/node/sync"
        async with session.post(url, ssl=context, headers={"Origin": "https://x"}) as response:
            assert response.status == 403
        async with session.get(running_centre.node_url + "/login", ssl=context) as response:
            assert response.status == 404, "no page is served there"

"""One SMS through a web address whose form the administrator described: no maker's gateway is built in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import aiohttp

from central.paging.ways import Gateway
from central.webhooks import addresses

ANSWER_BYTES_MAX: Final = 4_096
KIND_TYPE: Final = {
    "form": "application/x-www-form-urlencoded; charset=utf-8",
    "json": "application/json; charset=utf-8",
}
PLACES: Final = ("to", "text", "secret")


def filled(template: str, values: dict[str, str], kind: str) -> str:
    """The template with its places filled, each escaped as the place needs it; other braces stay (JSON has many)."""
    for name in PLACES:
        value = values[name]
        if kind == "json":
            value = json.dumps(value, ensure_ascii=False)[1:-1]
        elif kind != "header":
            value = quote(value, safe="")
        template = template.replace("{" + name + "}", _hidden(value))
    return template.replace(_HIDE, "{")


_HIDE: Final = "\x00"


def _hidden(value: str) -> str:
    """A brace inside a value is no place."""
    return value.replace("{", _HIDE)


async def send(
    session: aiohttp.ClientSession,
    gateway: Gateway,
    allowed: Sequence[addresses.Network],
    to: str,
    text: str,
) -> tuple[bool, str]:
    """Ask the gateway; was it taken, and what did it say (without our secret)?

    :raises aiohttp.ClientError, OSError, ValueError, TimeoutError: there was no answer.
    """
    values = {"to": to, "text": text, "secret": gateway.secret}
    url = filled(gateway.url, values, "url")
    address = addresses.literal(url)
    if address and not addresses.is_allowed(address, allowed):
        return False, addresses.REFUSED.message
    headers = {}
    if gateway.header:
        name, _colon, value = gateway.header.partition(":")
        headers[name.strip()] = filled(value.strip(), values, "header")
    if gateway.kind in KIND_TYPE:
        headers["Content-Type"] = KIND_TYPE[gateway.kind]
        asking = session.post(
            url,
            data=filled(gateway.body, values, gateway.kind).encode(),
            headers=headers,
            allow_redirects=False,
        )
    else:
        asking = session.get(url, headers=headers, allow_redirects=False)
    async with asking as answer:
        said = (await answer.content.read(ANSWER_BYTES_MAX)).decode(errors="replace")
        taken = 200 <= answer.status < 300 and gateway.expects in said
        if gateway.secret:
            said = said.replace(gateway.secret, "…")
        return taken, f"HTTP {answer.status} {said}".strip()

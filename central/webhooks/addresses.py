"""To which addresses events may be sent: what an administrator entered, never this computer or its own neighbourhood.

Loopback, link-local, unspecified, multicast and reserved addresses and every address of this computer are refused, unless
``[webhooks] allow`` names their network. It is asked when the address is entered and again, of the very address that is connected
to, with each sending: a name may lead elsewhere tomorrow (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from central.errors import InvalidInputError
from central.web.i18n import lazy

URL_CHARS_MAX: Final = 500
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
REFUSED: Final = lazy(
    "This address leads to the centre itself or to a place that the configuration does not allow."
)


def networks(texts: Sequence[str]) -> list[Network]:
    """``[webhooks] allow``.

    :raises ValueError: one is no network.
    """
    return [ipaddress.ip_network(text) for text in texts]


def is_allowed(address: str, allowed: Sequence[Network]) -> bool:
    """May this IP address be connected to?"""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if any(ip.version == network.version and ip in network for network in allowed):
        return True
    if ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip.is_reserved:
        return False
    return not _is_ours(ip)


def _is_ours(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Only an address of this computer can be bound to."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True


def literal(url: str) -> str:
    """The IP address that stands in the URL itself, or empty for a name."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ""
    return host


async def check(url: str, allowed: Sequence[Network]) -> None:
    """Is this a URL that events may be sent to, as far as is known today?

    :raises InvalidInputError: it is not.
    """
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise InvalidInputError("This is not a web address.") from None
    is_whole = (
        parts.scheme in ("http", "https") and parts.hostname and not parts.username and not parts.fragment
    )
    if not is_whole or len(url) > URL_CHARS_MAX or any(c.isspace() for c in url):
        raise InvalidInputError(
            "Enter a web address that begins with https:// or http://, without a password."
        )
    if address := literal(url):
        if not is_allowed(address, allowed):
            raise InvalidInputError(REFUSED.message)
        return
    assert parts.hostname
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)
    except OSError:
        raise InvalidInputError("This name is not known.") from None
    if not all(is_allowed(str(entry[4][0]), allowed) for entry in found):
        raise InvalidInputError(REFUSED.message)


class GuardedResolver(AbstractResolver):
    """Names for the sender: an address that is not allowed is as if it did not exist."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """What the system knows, without what is not allowed."""
        loop = asyncio.get_running_loop()
        found: list[Any] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        results = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, _type, proto, _name, address in found
            if is_allowed(str(address[0]), self._allowed)
        ]
        if not results:
            raise OSError(REFUSED.message)
        return results

    async def close(self) -> None:
        """Nothing is held."""

"""Where the centre is found: on this machine, and from the other machines of its network."""

from __future__ import annotations

import socket
from typing import Final

from central.config import BrowserConfig

EVERYWHERE: Final = ("0.0.0.0", "::")
HERE: Final = ("127.0.0.1", "::1")


def addresses_of(browsers: BrowserConfig, host: str, port: int) -> list[str]:
    """What to type in a browser, with scheme and port: ``public_url`` where one is set; else on this machine first, then
    as others reach it."""
    if browsers.public_url:
        return [browsers.public_url]
    if host in EVERYWHERE:
        hosts = ["localhost", *reached_at(host)]
    else:
        hosts = ["localhost" if host in HERE else host]
    scheme = "http" if browsers.tls == "off" else "https"
    return [f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}" for host in hosts]


def reached_at(host: str) -> list[str]:
    """The addresses by which other machines reach who listens everywhere: 0.0.0.0 has no IPv6."""
    return [address for address in sorted(own_addresses()) if host == "::" or ":" not in address]


def own_addresses() -> set[str]:
    """The addresses by which other machines may reach this one, as far as the system tells. No packet is sent."""
    found: set[str] = set()
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 9))
                found.add(probe.getsockname()[0])
        except OSError:
            continue
    return found

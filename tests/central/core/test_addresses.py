"""Where people are told to find the centre."""

from __future__ import annotations

import pytest

from central import addresses
from central.config import BrowserConfig


@pytest.mark.parametrize(
    ("browsers", "host", "urls"),
    [
        (BrowserConfig(), "0.0.0.0", ["https://localhost:8443", "https://192.0.2.7:8443"]),
        (
            BrowserConfig(),
            "::",
            ["https://localhost:8443", "https://192.0.2.7:8443", "https://[2001:db8::7]:8443"],
        ),
        (BrowserConfig(tls="off"), "127.0.0.1", ["http://localhost:8443"]),
        (BrowserConfig(), "192.0.2.9", ["https://192.0.2.9:8443"]),
        (BrowserConfig(public_url="https://card.example.com"), "0.0.0.0", ["https://card.example.com"]),
    ],
)
def test_people_are_told_every_address_that_is_listened_on(
    browsers: BrowserConfig, host: str, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "own_addresses", lambda: {"2001:db8::7", "192.0.2.7"})
    assert addresses.addresses_of(browsers, host, 8443) == urls

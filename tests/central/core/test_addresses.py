"""Where people are told to find the centre."""

from __future__ import annotations

from pathlib import Path

import pytest

from central import addresses
from central.config import BrowserConfig, Config, NodeConfig
from central.sync import service


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


@pytest.mark.parametrize(
    ("nodes", "urls"),
    [
        (NodeConfig(), ["https://192.0.2.7:8444", "https://office:8444"]),
        (NodeConfig(listen="192.0.2.9:8444"), ["https://192.0.2.9:8444"]),
        (NodeConfig(names=("10.0.0.5",)), ["https://10.0.0.5:8444"]),
    ],
)
def test_devices_are_told_the_number_before_the_name(
    nodes: NodeConfig, urls: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody's network knows the name of a new server. Planted break: leave ``reached_at`` out of ``node_urls``."""
    monkeypatch.setattr(addresses, "own_addresses", lambda: {"2001:db8::7", "192.0.2.7"})
    monkeypatch.setattr(service.socket, "gethostname", lambda: "office")
    assert service.node_urls(Config(data=tmp_path, nodes=nodes)) == urls

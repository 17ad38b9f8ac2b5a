"""node.toml: every mistake is named at once, in the installer's language; an unknown key does not stop a door."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.config import NodeConfig, ReaderConfig, SerialConfig, check, load, parse_ticket
from edge.i18n import use_language
from edge.table_reader import ConfigError

SECRET = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    use_language("en")
    yield
    use_language("en")


def problems(values: dict[str, object], folder: Path = Path("/nowhere")) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(values, folder)
    return caught.value.problems


def test_a_name_is_enough_for_a_node_that_works_offline(tmp_path: Path) -> None:
    config = check({"name": "east-gate"}, tmp_path)
    assert config == NodeConfig("east-gate", tmp_path / "data")
    assert config.readers == (ReaderConfig(1, "spi"),)


def test_what_a_card_image_adds_is_known_and_a_newer_form_is_refused(tmp_path: Path) -> None:
    added = {"schema": 1, "site": "Riverside", "time_servers": ["10.0.0.5"], "network": {"method": "dhcp"}}
    assert check({"name": "east-gate", **added}, tmp_path).warnings == ()
    assert problems({"name": "east-gate", "schema": 2}) == ["schema: must be from 1 to 1"]


def test_a_unit_on_a_serial_line_needs_a_port_and_an_address_of_the_line(tmp_path: Path) -> None:
    line = check({"name": "hall-clock", "serial": {"port": "/dev/ttyUSB0", "address": 7}}, tmp_path).serial
    assert line == SerialConfig("/dev/ttyUSB0", 115_200, 7)
    assert len(problems({"name": "hall-clock", "serial": {"address": 248, "speed_baud": 300}})) == 3
    two_wires = {"name": "hall-clock", "serial": {"port": "/dev/ttyUSB0", "direction": "rts"}}
    assert check(two_wires, tmp_path).serial == SerialConfig("/dev/ttyUSB0", direction="rts")
    two_wires["serial"] = {"port": "/dev/ttyUSB0", "direction": "cts"}
    assert problems(two_wires) == ["serial.direction: cts is none of auto, rts, rts_low"]


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("PEM")
    (tmp_path / "node.toml").write_text(f"""
name = "east-gate"
data_dir = "/srv/onecard"
centre = ["https://10.0.0.5:8443", "https://backup:8443"]
ca_file = "ca.pem"
ticket = "T7K2.{SECRET}"
board = "pi-two-doors"
period_s = 60
language = "zh-Hant"
[[readers]]
bus = "spi"
device = 1
speed_hz = 4_000_000
[[readers]]
unit = 4
bus = "uart"
port = "/dev/ttyUSB0"
[emulator]
control = "127.0.0.1:7001"
""")
    config = load(tmp_path / "node.toml")
    assert config.data_dir == Path("/srv/onecard")
    assert (config.ca_pem, config.period_s, config.language) == ("PEM", 60, "zh_Hant")
    assert config.ticket is not None
    assert config.ticket.secret == bytes(range(32))
    assert SECRET not in repr(config)
    assert config.readers == (
        ReaderConfig(1, "spi", device=1, speed_hz=4_000_000),
        ReaderConfig(4, "uart", port="/dev/ttyUSB0"),
    )
    assert config.emulator is not None
    assert config.emulator.control == "127.0.0.1:7001"
    assert config.warnings == ()


def test_unknown_keys_are_warnings_with_their_place() -> None:
    config = check(
        {"name": "a", "colour": 1, "emulator": {"speed": 2}, "readers": [{"smell": 3}]}, Path("/x")
    )
    assert config.warnings == (
        "unknown key: colour",
        "unknown key: emulator.speed",
        "unknown key: readers[1].smell",
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["name is missing"]),
        ({"name": ""}, ["name is missing"]),
        ({"name": 7}, ["name: must be a text", "name is missing"]),
        ({"name": "ä" * 33}, ["name: longer than 64 bytes"]),
        ({"name": "a", "period_s": 1}, ["period_s: must be from 2 to 3600"]),
        ({"name": "a", "period_s": True}, ["period_s: must be a whole number"]),
        ({"name": "a", "centre": "https://x"}, ["centre: must be a list of texts"]),
        (
            {"name": "a", "centre": ["http://x"], "ca_pem": "p"},
            ["centre: http://x does not begin with https://"],
        ),
        (
            {"name": "a", "centre": ["https://x"]},
            ["a node with a centre needs ca_file or ca_pem: the certificate that came with its ticket"],
        ),
        ({"name": "a", "ca_file": "no.pem"}, ["ca_file: /nowhere/no.pem cannot be read"]),
        (
            {"name": "a", "ticket": "abc"},
            ["ticket: not a ticket, or cut short; copy it whole from the centre"],
        ),
        ({"name": "a", "release_key": "abcd"}, ["release_key: must be 32 bytes in base64url"]),
        ({"name": "a", "release_key": "?"}, ["release_key: must be 32 bytes in base64url"]),
        ({"name": "a", "language": "fr"}, ["language: fr is none of zh_Hans, zh_Hant, en"]),
        ({"name": "a", "readers": [{"bus": "i2c"}]}, ["readers[1].bus: i2c is none of spi, uart, emulator"]),
        (
            {"name": "a", "readers": [{"bus": "emulator"}]},
            ["readers[1]: an emulated reader needs the table [emulator]"],
        ),
        ({"name": "a", "readers": [{"unit": 2}, {"unit": 2}]}, ["readers: every unit once, at most 16"]),
        ({"name": "a", "readers": [{}, 5]}, ["readers: must be a list of tables"]),
        (
            {"name": "a", "emulator": {"control": "0.0.0.0:80"}},
            ["emulator.control: must be a loopback address with a port, or a path"],
        ),
    ],
)
def test_what_cannot_be_is_refused(values: dict[str, object], expected: list[str]) -> None:
    assert problems(values) == expected


def test_every_problem_is_named_at_once() -> None:
    assert len(problems({"period_s": 0, "language": "x", "ticket": "x"})) == 4


def test_problems_come_in_the_language_of_the_installer() -> None:
    use_language("zh_Hans")
    assert problems({}) == ["缺少 name"]
    use_language("zh_Hant")
    assert problems({"name": "a", "period_s": 1}) == ["period_s:必須在 2 到 3600 之間"]


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"x" * 300_000])
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "node.toml").write_bytes(content)
    with pytest.raises(ConfigError):
        load(tmp_path / "node.toml")
    with pytest.raises(ConfigError):
        load(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    "text", ["", ".", f".{SECRET}", f"id.{SECRET[:-2]}", f"id.{SECRET}AA", "id.!!!!", SECRET]
)
def test_a_ticket_that_was_cut_short(text: str) -> None:
    with pytest.raises(ValueError):
        parse_ticket(text)

"""The configuration file: everything optional, everything checked, nothing silently ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from central.config import CONFIG_FILE, load_config, split_address
from central.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    (folder / CONFIG_FILE).write_text(text, "utf-8")
    return folder


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load_config(tmp_path)
    assert config.database_url == f"sqlite:///{tmp_path}/onecard.db"
    assert config.browsers.keepalive_s == 15
    assert config.nodes.keepalive_s == 75
    assert config.is_secure


def test_a_file_and_the_command_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[browsers]\nlisten = "127.0.0.1:1"\nnames = ["card.example.com"]\n[security]\nstep_up_s = 60\n',
    )
    config = load_config(tmp_path, browsers={"listen": "[::1]:2"})
    assert config.browsers.listen == "[::1]:2"
    assert config.browsers.names == ("card.example.com",)
    assert config.security.step_up_s == 60


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[browsers]\nlisen = "x"', "browsers.lisen: unknown key, did you mean listen"),
        ("[browser]\n", "browser: unknown key, did you mean browsers"),
        ("browsers = 1", "browsers: expected a table"),
        ("[browsers]\nlisten = 8443", "browsers.listen: expected a text"),
        ('[browsers]\nlisten = "8443"', "browsers.listen: expected host:port"),
        ('[browsers]\nlisten = "host:99999"', "browsers.listen: expected host:port"),
        ('[browsers]\ntls = "maybe"', "browsers.tls: expected one of"),
        ('[browsers]\ntls = "supplied"', "browsers.certificate"),
        ('[browsers]\npublic_url = "card.example.com"', "browsers.public_url"),
        ("[browsers]\nnames = [1]", "browsers.names: expected a list of texts"),
        ("[security]\nstep_up_s = 1", "security.step_up_s: must lie between 30 and 3600"),
        ("[security]\nstep_up_s = true", "security.step_up_s: expected a whole number"),
        ("[security]\nsession_idle_s = 80000", "session_idle_s: cannot be longer"),
        ('[database]\nurl = "mysql://x"', "database.url must begin with"),
        ('data = "x"', "data: is given on the command line only"),
        ("[browsers", "centre.toml"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(write(tmp_path, text))
    assert words in str(caught.value)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_config(tmp_path, tmp_path / "nowhere.toml")


def test_addresses() -> None:
    assert split_address("x", "[::1]:80") == ("::1", 80)
    assert split_address("x", "0.0.0.0:0") == ("0.0.0.0", 0)

"""A USB stick: mounted while it is used, and what the light says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edge import stick
from edge.config import NodeConfig
from edge.first_boot.led import Pattern


def light(root: Path) -> Path:
    """A board's light, as the kernel shows it."""
    folder = root / "sys/class/leds/ACT"
    folder.mkdir(parents=True)
    (folder / "trigger").write_text("mmc0")
    return folder / "trigger"


def test_a_stick_is_mounted_served_and_let_go_before_the_light_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted break: show ``WAITING`` before the unmount."""
    place, trigger = tmp_path / "sda1", light(tmp_path)
    place.touch()
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(stick, "POINT", tmp_path / "point")
    monkeypatch.setattr(stick, "serve", lambda _config, folder: [str(folder)])

    def run(command: list[str]) -> None:
        seen.append((command[0], trigger.read_text()))

    def pulled(_seconds: float) -> None:
        seen.append(("pulled", trigger.read_text()))
        place.unlink()

    config = NodeConfig("lobby-clock", tmp_path)
    assert stick.at(config, place, tmp_path, run, pulled) == [str(tmp_path / "point")]
    busy, done = Pattern.PREPARING.value[0], Pattern.WAITING.value[0]
    assert seen == [("mount", busy), ("umount", busy), ("pulled", done)]
    assert trigger.read_text() == Pattern.DONE.value[0]
    assert not (tmp_path / "point").exists()


def test_the_text_names_what_is_plugged_in(tmp_path: Path) -> None:
    keypad = tmp_path / "input/by-path/platform-usb-0:1.2:1.0-event-kbd"
    keypad.parent.mkdir(parents=True)
    keypad.touch()
    (tmp_path / "input/by-path/platform-usb-0:1.3:1.0-event-mouse").touch()
    said = "\n".join(stick._wires(tmp_path))
    assert str(keypad) in said
    assert "mouse" not in said


def test_a_stick_that_cannot_be_mounted_is_told_of_by_the_light(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, trigger = tmp_path / "sda1", light(tmp_path)
    place.touch()
    monkeypatch.setattr(stick, "POINT", tmp_path / "point")

    def run(command: list[str]) -> None:
        raise subprocess.CalledProcessError(32, command, stderr=b"wrong fs type")

    with pytest.raises(OSError, match="wrong fs type"):
        stick.at(NodeConfig("lobby-clock", tmp_path), place, tmp_path, run)
    assert (trigger.read_text(), (tmp_path / "sys/class/leds/ACT/delay_on").read_text()) == ("timer", "1000")

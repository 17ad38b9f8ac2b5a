"""Keys out of the events of an input device, as the kernel writes them; the real thing is tried on hardware (docs/hardware-day.md)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from edge.keypad import evdev
from edge.keypad.evdev import EVENT, EvdevKeypad, keys_in


def event(code: int, value: int = 1, kind: int = 1) -> bytes:
    return EVENT.pack(1_700_000_000, 5, kind, code, value)


def test_an_event_is_as_long_as_the_kernel_says() -> None:
    """``struct input_event``: 24 bytes on a system of 64 bits, 16 on one of 32."""
    assert EVENT.size == (24 if os.sys.maxsize > 2**32 else 16)  # type: ignore[attr-defined]


def test_digits_of_every_kind_of_keypad() -> None:
    upper = b"".join(event(code) for code in (11, 2, 3, 4, 5, 6, 7, 8, 9, 10))
    block = b"".join(event(code) for code in (82, 79, 80, 81, 75, 76, 77, 71, 72, 73))
    phone = b"".join(event(0x200 + digit) for digit in range(10))
    for events in (upper, block, phone):
        assert "".join(keys_in(events)) == "0123456789"


def test_enter_and_clear_and_nothing_of_what_else_comes() -> None:
    """Keys let go (0) and held down (2), other kinds of events, letters, and a torn end."""
    events = event(96) + event(28) + event(0x20B) + event(55) + event(14) + event(1) + event(0x20A)
    noise = event(2, 0) + event(2, 2) + event(2, kind=4) + event(0, 0, 0) + event(30) + event(3)[:-1]
    assert "".join(keys_in(events + noise)) == "###****"


def test_keys_are_told_and_a_keypad_that_is_plugged_in_again_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe in place of the device: what it holds is read, its end is an error, and the path is opened again."""
    grabbed: list[int] = []
    monkeypatch.setattr(evdev, "grab", grabbed.append)
    monkeypatch.setattr(evdev, "AGAIN_S", 0.01)
    path = tmp_path / "event0"
    told: list[str] = []
    came = threading.Event()

    def pressed(key: str) -> None:
        told.append(key)
        came.set()

    keypad = EvdevKeypad(str(path))
    keypad.watch(pressed)
    try:
        for code in (2, 3):
            path.unlink(missing_ok=True)
            os.mkfifo(path)
            came.clear()
            with path.open("wb") as device:
                device.write(event(code))
            assert came.wait(20)
    finally:
        keypad.close()
    assert told == ["1", "2"]
    assert grabbed

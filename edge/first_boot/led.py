"""What the green light of the board says to the installer while no program of the node has the board yet."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final

_NAMES: Final = ("ACT", "led0")


class Pattern(Enum):
    """Trigger of the kernel's LED class, with milliseconds on and off where it is a timer."""

    PREPARING = ("timer", 100, 100)
    """Quick: the device is being set up."""
    WAITING = ("heartbeat", 0, 0)
    """Twice, pause: it is ready and waits for the centre."""
    FAILED = ("timer", 1_000, 1_000)
    """Slow: it needs a person; REPORT.txt on the card says why."""
    DONE = ("mmc0", 0, 0)
    """As ever: it lights when the card is read or written."""


def show(root: Path, pattern: Pattern) -> None:
    """Set the light; a board without one goes on in the dark."""
    trigger, on_ms, off_ms = pattern.value
    for name in _NAMES:
        folder = root / "sys/class/leds" / name
        if folder.is_dir():
            with suppress(OSError):
                (folder / "trigger").write_text(trigger)
                if on_ms:
                    (folder / "delay_on").write_text(str(on_ms))
                    (folder / "delay_off").write_text(str(off_ms))
            return

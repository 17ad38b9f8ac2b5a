"""What a keypad is for the node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Pressed = Callable[[str], None]
"""Told each key that is pressed: a digit, ``#`` or ``*``. May be called in any thread."""


class Keypad(Protocol):
    """A keypad beside a reader."""

    def watch(self, pressed: Pressed) -> None:
        """Begin; returns at once."""

    def close(self) -> None:
        """End, soon."""

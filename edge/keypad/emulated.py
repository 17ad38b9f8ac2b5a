"""A keypad whose keys the control line presses."""

from __future__ import annotations

from edge.keypad.base import Pressed


class EmulatedKeypad:
    """See the module."""

    def __init__(self) -> None:
        self._pressed: Pressed | None = None

    def watch(self, pressed: Pressed) -> None:
        """See ``base.Keypad``."""
        self._pressed = pressed

    def close(self) -> None:
        """See ``base.Keypad``."""
        self._pressed = None

    def press(self, keys: str) -> None:
        """Press these keys one after another."""
        for key in keys:
            if self._pressed is not None:
                self._pressed(key)

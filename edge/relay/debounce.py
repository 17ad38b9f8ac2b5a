"""Inputs that chatter: a state counts once it has stood still. Pure; the caller brings raw states and the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge.core.lines import InputLine, InputRole
from edge.relay.board import InputPin


class Debounce:
    """One input. ``state`` is None until it has stood still for the first time."""

    __slots__ = ("_candidate", "_debounce_ms", "_since_ms", "state")

    def __init__(self, debounce_ms: int) -> None:
        self.state: bool | None = None
        self._debounce_ms = debounce_ms
        self._candidate: bool | None = None
        self._since_ms = 0

    def sample(self, raw: bool, now_ms: int) -> bool:
        """Take a raw state; True when ``state`` is new by it. It stands still once it was the same for ``debounce_ms``."""
        if raw is not self._candidate:
            self._candidate, self._since_ms = raw, now_ms
        if raw is self.state or now_ms - self._since_ms < self._debounce_ms:
            return False
        self.state = raw
        return True


class InputBank:
    """All inputs of a board. Exit buttons are told before contacts: who pressed and opened in one move is no burglar."""

    def __init__(self, pins: Iterable[InputPin]) -> None:
        order = sorted(pins, key=lambda pin: pin.line.role is not InputRole.REX)
        self._inputs = [(pin, Debounce(pin.debounce_ms)) for pin in order]

    def poll(self, read: Callable[[InputPin], bool], now_ms: int) -> list[tuple[InputLine, bool]]:
        """Sample every input with ``read`` (True = active) and return those with a new state."""
        news: list[tuple[InputLine, bool]] = []
        for pin, debounce in self._inputs:
            raw = read(pin)
            if debounce.sample(raw, now_ms):
                news.append((pin.line, raw))
        return news

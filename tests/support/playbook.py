"""Conversations as tests (after mitmproxy's playbooks): ``>>`` goes in, ``<<`` must come out, in this order, nothing else.

    (
        Playbook(play)
        >> Heads(...)
        << Pull(...)
    ).check()

``play`` is given each input and returns everything that came out of it. A mismatch shows both conversations as a diff.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import unified_diff
from typing import Any, Self


class Playbook:
    """See the module. ``ANY`` may stand for an output that does not matter here."""

    def __init__(self, play: Callable[[Any], Iterable[Any]], show: Callable[[Any], str] = repr) -> None:
        self._play = play
        self._show = show
        self._expected: list[tuple[str, Any]] = []

    def __rshift__(self, given: Any) -> Self:
        self._expected.append((">>", given))
        return self

    def __lshift__(self, wanted: Any) -> Self:
        self._expected.append(("<<", wanted))
        return self

    def check(self) -> None:
        """Play it."""
        actual: list[tuple[str, Any]] = []
        for direction, value in self._expected:
            if direction == ">>":
                actual.append((">>", value))
                actual += [("<<", out) for out in self._play(value)]
        if not self._fits(actual):
            diff = unified_diff(
                self._text(self._expected), self._text(actual), "wanted", "played", lineterm="", n=99
            )
            raise AssertionError("\n" + "\n".join(diff))

    def _fits(self, actual: list[tuple[str, Any]]) -> bool:
        return len(actual) == len(self._expected) and all(
            wanted[0] == got[0] and (wanted[1] is ANY or wanted[1] == got[1])
            for wanted, got in zip(self._expected, actual, strict=True)
        )

    def _text(self, lines: list[tuple[str, Any]]) -> list[str]:
        return [f"{direction} {self._show(value)}" for direction, value in lines]


class _Any:
    def __repr__(self) -> str:
        return "ANY"


ANY = _Any()

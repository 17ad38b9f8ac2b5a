"""What a board is, for everybody who drives one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from edge.core.lines import InputLine, OutputLine
from edge.relay.board import BoardProfile

Changed = Callable[[InputLine, bool], object]


class Board(Protocol):
    """The wires of a node. Constructors do no I/O. *Rest* is what the wires do without current: a strike is locked, a
    magnet lets go, everything else is off.
    """

    profile: BoardProfile

    def open(self) -> None:
        """Take the pins, every output at rest in the same call that makes it an output: nothing glitches.

        :raises BoardError: a pin is not to be had; those already taken are given back at rest.
        """
        ...

    def set(self, line: OutputLine, on: bool) -> None:
        """Drive a line; it stays so. A line that the board does not have is passed over.

        :raises BoardError: the pin does not obey, or the board is not open.
        """
        ...

    def is_on(self, line: OutputLine) -> bool:
        """What the line was set to last; False for a line that the board does not have."""
        ...

    def sensed(self, line: OutputLine) -> bool:
        """What the pin of a line says, read back: differs from ``is_on`` where it does not obey. False without such a line.

        :raises BoardError: the pin cannot be read, or the board is not open.
        """
        ...

    def poll(self, now_ms: int) -> list[tuple[InputLine, bool]]:
        """Inputs whose debounced state is new since the last poll, exit buttons first; at first that is every input.

        :param now_ms: monotonic time.
        :raises BoardError: a pin cannot be read.
        """
        ...

    def watch(self, changed: Changed) -> None:
        """Poll from now on, by itself, and tell what is new; ``changed`` may be called from any thread."""
        ...

    def rest(self) -> None:
        """Every output at rest; tries each one even when others fail. Does nothing on a board that is not open.

        :raises BoardError: some did not obey.
        """
        ...

    def close(self) -> None:
        """Rest, and give the pins back in the state that they have at power-up. May be called twice and in any state;
        never raises.
        """
        ...

"""What the node measures of itself for the centre's compliance page (B10). Counts in memory; nobody waits for it.

Everything is a distance on one clock that nobody sets. What was counted since the start goes up with each status; the
centre adds what has grown, so a status that is lost costs nothing, and a restart costs what was counted since the last one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from protocol.facts import Entry, FactKind
from protocol.figures import UNCONNECTED, Figure, step_of

WAITING_MAX: Final = 2_000
"""Facts whose acknowledgement is awaited; what lies behind them was recorded without a connection for long."""
FIGURE_OF: Final = {
    FactKind.ALARM.value: Figure.ALARM,
    FactKind.ACCESS.value: Figure.EVENT,
    FactKind.EXIT.value: Figure.EVENT,
    FactKind.DOOR.value: Figure.EVENT,
    FactKind.COMMAND.value: Figure.EVENT,
}


class Stopwatch:
    """See the module. Lives on the loop."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, int], int] = {}
        self._waiting: deque[tuple[int, Figure, int]] = deque()
        self._connected_since_ms: int | None = None

    def readings(self) -> tuple[tuple[int, int, int], ...]:
        """(figure, step, count) since the start."""
        return tuple((figure, step, count) for (figure, step), count in self._counts.items())

    def took(self, figure: Figure, duration_ms: int) -> None:
        """Something was done in this time."""
        self._count(figure, step_of(duration_ms))

    def committed(self, entries: Sequence[Entry]) -> None:
        """These facts are durable, and on their way to the centre."""
        for entry in entries:
            figure = FIGURE_OF.get(entry.fact.kind)
            if figure is None:
                continue
            if len(self._waiting) >= WAITING_MAX:
                self._count(self._waiting.popleft()[1], UNCONNECTED)
            self._waiting.append((entry.fact.seq, figure, entry.fact.boottime_ms))

    def acknowledged(self, through: int, now_ms: int) -> None:
        """The centre holds the facts up to this one. ``now_ms``: boot time, as the facts are stamped."""
        since_ms = self._connected_since_ms
        while self._waiting and self._waiting[0][0] <= through:
            _, figure, at_ms = self._waiting.popleft()
            if since_ms is None or at_ms < since_ms:
                self._count(figure, UNCONNECTED)
            else:
                self.took(figure, now_ms - at_ms)

    def connection(self, is_up: bool, now_ms: int) -> None:
        """The centre can be reached from now on, or no more: facts from before are not what the link is measured by."""
        if not is_up:
            self._connected_since_ms = None
        elif self._connected_since_ms is None:
            self._connected_since_ms = now_ms

    def clock_told(self, wrong_by_ms: int, is_known: bool) -> None:
        """The centre told the time, and ours was wrong by so much; ``is_known``: we held it for known."""
        self._count(Figure.CLOCK, step_of(abs(wrong_by_ms)) if is_known else UNCONNECTED)

    def begun_anew(self) -> None:
        """Another outbox was begun: numbers start again."""
        self._waiting.clear()

    def _count(self, figure: Figure, step: int) -> None:
        key = (figure.value, step)
        self._counts[key] = self._counts.get(key, 0) + 1

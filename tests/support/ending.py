"""How long a program makes people wait at its end, whatever else the machine has to do meanwhile.

The kernel counts how long each process stood ready without being given a processor (``schedstat``). On an idle machine that is
nothing, and the seconds are those of the clock; on a busy one they are those that the program itself let pass: timers, locks,
children that it waited for, its own computing. Children end side by side, so the longest delay among them counts.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

LOOK_EVERY_S = 0.01


class Ending:
    """Made just before the signal; ``look`` often until the process has ended; then ``took_s``."""

    def __init__(self, pid: int) -> None:
        self._root, self._children = pid, _below(pid)
        self._first = {number: _delay_s(number) for number in (pid, *self._children)}
        self._last = dict(self._first)
        self._own_s = self._own_before_s = _delay_s(os.getpid())
        self._began = self._seen = time.monotonic()

    def look(self) -> None:
        """A process that has ended keeps what it had."""
        self._seen = time.monotonic()
        self._own_before_s, self._own_s = self._own_s, _delay_s(os.getpid())
        for number in self._last:
            self._last[number] = max(self._last[number], _delay_s(number))

    @property
    def took_s(self) -> float:
        """Until the last look, without what the scheduler took; of our own, what kept us from seeing the end."""
        delays = {number: last - self._first[number] for number, last in self._last.items()}
        others = max((delays[number] for number in self._children), default=0.0)
        ours = self._own_s - self._own_before_s
        return self._seen - self._began - delays[self._root] - others - ours


def _delay_s(pid: int) -> float:
    """How long the process has stood ready without a processor; 0 where the kernel does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _below(pid: int) -> list[int]:
    """Children, and theirs."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
    found = [pid]
    for number in found:
        found += [child for child, parent in parents.items() if parent == number]
    return found[1:]

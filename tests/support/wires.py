"""A serial line of pseudo terminals: one collector's end, several units' ends, and between them what real wires do.

Every byte passes one thread: at the rate of the line, with bits turned over, to everybody on the pair (units hear one another),
or to nobody while the plug is pulled.
"""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from contextlib import suppress
from random import Random

TICK_S = 0.005
REST_S = 0.1
"""A wire on which nobody speaks is looked at so often: whether it is still wanted."""


class Wires:
    """See the module. Use as a context."""

    def __init__(self, units: int, *, errors: float = 0.0, baud: int = 0, seed: int = 1) -> None:
        """
        :param errors: part of the bytes in which one bit is turned over.
        :param baud: bytes pass no faster than at this rate; 0: as fast as they come.
        """
        self._pairs = [os.openpty() for _ in range(units + 1)]
        for master, slave in self._pairs:
            tty.setraw(slave)
            os.set_blocking(master, False)
        self._errors, self._random = errors, Random(seed)
        self.baud = baud
        self._due = [0.0] * len(self._pairs)
        self.plugged = True
        self.heard: list[bytes] = []
        """What everybody on the pair could hear, when it is wanted: set ``listens``."""
        self.listens = False
        self.bytes_passed = self.bytes_hurt = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wires", daemon=True)

    def __enter__(self) -> Wires:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        for pair in self._pairs:
            for end in pair:
                os.close(end)

    @property
    def collector(self) -> str:
        """The port of the collector."""
        return os.ttyname(self._pairs[0][1])

    def unit(self, number: int) -> str:
        """The port of a unit, counted from 1."""
        return os.ttyname(self._pairs[number][1])

    def _run(self) -> None:
        masters = [master for master, _slave in self._pairs]
        while not self._over.is_set():
            now = time.monotonic()
            free = [master for number, master in enumerate(masters) if self._due[number] <= now]
            ready, _, _ = select.select(free, [], [], REST_S if len(free) == len(masters) else TICK_S)
            if not free:
                self._over.wait(TICK_S)
            for master in ready:
                number = masters.index(master)
                self._pass_on(number, master, masters)

    def _pass_on(self, number: int, master: int, masters: list[int]) -> None:
        bytes_per_s = self.baud / 10
        most = max(1, int(bytes_per_s * 4 * TICK_S)) if bytes_per_s else 4_096
        try:
            data = os.read(master, most)
        except OSError:
            return
        if bytes_per_s:
            self._due[number] = max(self._due[number], time.monotonic() - TICK_S) + len(data) / bytes_per_s
        self.bytes_passed += len(data)
        if self.listens and number == 0:
            self.heard.append(data)
        if not self.plugged:
            return
        data = self._hurt(data)
        for other, far in enumerate(masters):
            if other != number:
                self._write(far, data)

    def _hurt(self, data: bytes) -> bytes:
        if not self._errors:
            return data
        out = bytearray(data)
        for at in range(len(out)):
            if self._random.random() < self._errors:
                out[at] ^= 1 << self._random.randrange(8)
                self.bytes_hurt += 1
        return bytes(out)

    def _write(self, far: int, data: bytes) -> None:
        """Whoever does not listen (a program that is not running) loses what does not fit, as on real wires."""
        with suppress(BlockingIOError, OSError):
            os.write(far, data)

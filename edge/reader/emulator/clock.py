"""The time of one emulated chip, in microseconds.

Time is virtual: it moves only when somebody moves it (a bus access costs what it costs on the
wire, a test calls ``advance``). So a test of a 15 ms time-out takes no time at all and gives the
same result on every machine. For the demo, ``RealTimeClock`` also keeps pace with the computer.
"""

import time


class VirtualClock:
    """Microseconds since the emulated chip was powered; never goes back."""

    def __init__(self, start_us: int = 0) -> None:
        self._now_us = start_us

    def now_us(self) -> int:
        return self._now_us

    def advance(self, us: int) -> None:
        """Move time on by `us` microseconds (0 or more)."""
        if us < 0:
            raise ValueError("time does not go back")
        self._now_us = self.now_us() + us

    def monotonic(self) -> float:
        """Seconds, to stand in for ``time.monotonic`` in a driver under test."""
        return self.now_us() / 1_000_000

    def sleep_us(self, duration_us: int) -> None:
        """What a driver under test does instead of waiting: moves time."""
        self.advance(max(0, duration_us))

    def sleep(self, seconds: float) -> None:
        """``sleep_us`` in the unit of ``time.sleep``."""
        self.sleep_us(round(seconds * 1_000_000))


class RealTimeClock(VirtualClock):
    """The later of virtual time and real time since construction.

    A demo node polls a few times a second and sleeps between polls; its cards have to notice that
    real time passes. Bus accesses still cost at least their time on the wire.
    """

    def __init__(self) -> None:
        super().__init__()
        self._origin_ns = time.monotonic_ns()

    def now_us(self) -> int:
        real_us = (time.monotonic_ns() - self._origin_ns) // 1000
        self._now_us = max(self._now_us, real_us)
        return self._now_us

    def sleep_us(self, duration_us: int) -> None:
        time.sleep(max(0, duration_us) / 1_000_000)

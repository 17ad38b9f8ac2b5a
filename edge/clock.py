"""The one place of the package that reads clocks, and what a test or the demo puts in its place.

Wall clock: anybody may set it, and after a power cut it says anything. Boot time: the kernel's, nobody sets it, suspended
time included. What the two are worth is ``timekeeper``'s matter.
"""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Protocol


class MachineTime(Protocol):
    """The clocks of the machine a node runs on."""

    def wall_ms(self) -> int:
        """Time of day, milliseconds since 1970-01-01 UTC, as the machine believes it."""

    def boottime_ms(self) -> int:
        """Milliseconds since the kernel started."""

    def mono_ms(self) -> int:
        """Milliseconds of the clock that the event loop's timers follow."""

    def boot_id(self) -> str:
        """Another text for every start of the machine."""

    def set_from_rtc(self) -> bool:
        """True when the kernel took its time of day from a battery-backed chip at start."""

    def ntp_error_ms(self) -> int | None:
        """The bound of the error while NTP keeps the wall clock in step, else None."""


class SystemTime:
    """The real clocks of a Linux machine."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boottime_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def boot_id(self) -> str:
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""

    def set_from_rtc(self) -> bool:
        try:
            return Path("/sys/class/rtc/rtc0/hctosys").read_text().strip() == "1"
        except OSError:
            return False

    def ntp_error_ms(self) -> int | None:
        from edge.ntp import (
            synchronised_error_us,
        )  # ctypes is slow to import and not needed for the first decision

        error_us = synchronised_error_us()
        return None if error_us is None else error_us // 1_000 + 1


class DesktopTime:
    """The clocks of an ordinary computer. Suspended time does not count as boot time; the centre's answers correct that."""

    def __init__(self) -> None:
        self._boot_id = str(uuid.uuid4())

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def boottime_ms(self) -> int:
        return self.mono_ms()

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000

    def boot_id(self) -> str:
        return self._boot_id

    def set_from_rtc(self) -> bool:
        return True

    def ntp_error_ms(self) -> int | None:
        return None


class EmulatedTime:
    """The clocks of an emulated board: it was switched on when this was made, has no battery, and can be set wrong."""

    def __init__(self, real: MachineTime, boot_id: str) -> None:
        self._real = real
        self._boot_id = boot_id
        self._started_ms = real.boottime_ms()
        self.shift_ms = 0
        """How far its wall clock is from the real one."""

    def wall_ms(self) -> int:
        return self._real.wall_ms() + self.shift_ms

    def boottime_ms(self) -> int:
        return self._real.boottime_ms() - self._started_ms

    def mono_ms(self) -> int:
        return self._real.mono_ms()

    def boot_id(self) -> str:
        return self._boot_id

    def set_from_rtc(self) -> bool:
        return False

    def ntp_error_ms(self) -> int | None:
        return None


class FakeTime:
    """Clocks that stand still until they are moved."""

    def __init__(
        self, wall_ms: int = 1_800_000_000_000, boottime_ms: int = 20_000, boot_id: str = "boot-1"
    ) -> None:
        self.wall = wall_ms
        self.boottime = boottime_ms
        self.id = boot_id
        self.rtc = False
        self.ntp: int | None = None

    def advance(self, ms: int) -> None:
        """Let time pass."""
        assert ms >= 0, "only jump() goes back"
        self.wall += ms
        self.boottime += ms

    def jump(self, ms: int) -> None:
        """Set the wall clock on or back."""
        self.wall += ms

    def power_cycle(self, wall_ms: int) -> None:
        """The machine was switched off and on; without a battery its wall clock says whatever it says."""
        self.wall, self.boottime = wall_ms, 20_000
        self.id = f"{self.id}+"

    def wall_ms(self) -> int:
        return self.wall

    def boottime_ms(self) -> int:
        return self.boottime

    def mono_ms(self) -> int:
        return self.boottime

    def boot_id(self) -> str:
        return self.id

    def set_from_rtc(self) -> bool:
        return self.rtc

    def ntp_error_ms(self) -> int | None:
        return self.ntp

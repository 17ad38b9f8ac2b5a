"""How the machine and its parts are: read now and then, kept for whoever asks, so that asking costs nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

UNKNOWN_TEMPERATURE_C: Final = -128
HOT_C: Final = 80
"""A Raspberry Pi throttles itself at this temperature."""
COOL_C: Final = 75
"""Below this it is well again: the gap keeps an alarm from flickering."""


class Machine:
    """Temperature and memory of the machine that the node runs on."""

    def __init__(
        self,
        thermal: Path = Path("/sys/class/thermal/thermal_zone0/temp"),
        memory: Path = Path("/proc/self/statm"),
    ) -> None:
        self._thermal = thermal
        self._memory = memory
        self.temperature_c = UNKNOWN_TEMPERATURE_C
        self.memory_mib = 0
        self.is_hot = False

    def look(self) -> bool:
        """Read anew; True when it became hot or cool again. These files are in memory: reading does not wait."""
        self.temperature_c = self._read_temperature()
        self.memory_mib = self._read_memory()
        was_hot = self.is_hot
        self.is_hot = self.temperature_c >= (COOL_C if was_hot else HOT_C)
        return self.is_hot != was_hot

    def _read_temperature(self) -> int:
        try:
            return max(-127, min(200, round(int(self._thermal.read_text()) / 1_000)))
        except (OSError, ValueError):
            return UNKNOWN_TEMPERATURE_C

    def _read_memory(self) -> int:
        try:
            pages = int(self._memory.read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024)

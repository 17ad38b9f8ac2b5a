"""How the machine and its parts are: read now and then, kept for whoever asks, so that asking costs nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from protocol.facts import Supply

UNKNOWN_TEMPERATURE_C: Final = -128
HOT_C: Final = 80
"""A Raspberry Pi throttles itself at this temperature."""
COOL_C: Final = 75
"""Below this it is well again: the gap keeps an alarm from flickering."""

BATTERY_LOW_PERCENT: Final = 15


class Machine:
    """Temperature and memory of the machine that the node runs on."""

    def __init__(
        self,
        thermal: Path = Path("/sys/class/thermal/thermal_zone0/temp"),
        memory: Path = Path("/proc/self/statm"),
        supplies: Path = Path("/sys/class/power_supply"),
        sensors: Path = Path("/sys/class/hwmon"),
    ) -> None:
        self._thermal = thermal
        self._memory = memory
        self._supplies = supplies
        self._sensors = sensors
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

    def supply(self) -> tuple[Supply, int]:
        """What it runs on, and how full its battery is in percent (-1: it has none, or does not tell)."""
        percent = -1
        discharging = False
        for folder in sorted(self._supplies.glob("*")):
            if _text(folder / "type") == "Battery":
                percent = _number(folder / "capacity", -1)
                discharging = _text(folder / "status") == "Discharging"
        sensors = [folder for folder in self._sensors.glob("*") if _text(folder / "name") == "rpi_volt"]
        if any(_number(folder / "in0_lcrit_alarm", 0) for folder in sensors):
            return Supply.LOW, percent
        if percent < 0:
            return (Supply.MAINS if sensors else Supply.UNKNOWN), -1
        if not discharging:
            return Supply.MAINS, percent
        return (Supply.LOW if percent <= BATTERY_LOW_PERCENT else Supply.BATTERY), percent

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


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, ValueError):
        return ""


def _number(file: Path, otherwise: int) -> int:
    try:
        return int(_text(file))
    except ValueError:
        return otherwise

"""A GPIO chip in memory that stands where the ``lgpio`` module is, so that the *real* rpi-lgpio runs on any computer.

``install()`` before anything imports ``RPi.GPIO``; rpi-lgpio also wants ``RPI_LGPIO_REVISION=c03114`` (a Pi 4) in the
environment. With ``state_file`` the pins outlive the process, as real ones do: a second process finds them as the first
left them, and ``drivings`` shows what has ever been driven.

The model: a pin is free, an input with a resistor, or an output with a level. A pin given back (also by the death of its
process) keeps being driven, which is the worst case of what kernels do. Lines are owned by one process.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

PIN_COUNT: Final = 54
GPIO_BUSY: Final = -79
NOT_ALLOCATED: Final = -80
_IN, _OUT = 0x100, 0x200
_PULL_UP, _PULL_DOWN, _PULL_NONE = 0x20, 0x40, 0x80
_PULLED_UP_AT_RESET_MAX: Final = 8


@dataclass(slots=True)
class Pin:
    """One pin. ``owner`` is the process that holds it, 0 when nobody does."""

    mode: int = 0
    pull: int = 0
    level: int = 0
    owner: int = 0


@dataclass(slots=True)
class Chip:
    """The pins, what the outside does to them, and every level that was ever driven as (pin, level)."""

    pins: list[Pin]
    outside: dict[int, int] = field(default_factory=dict)
    drivings: list[tuple[int, int]] = field(default_factory=list)
    failing: set[int] = field(default_factory=set)
    """Pins that answer every call with an error."""
    state_file: Path | None = None

    @classmethod
    def at_power_up(cls, state_file: Path | None = None) -> Chip:
        """As the data sheet says: all inputs, 0-8 pulled up, the others down."""
        pulls = [_PULL_UP if pin <= _PULLED_UP_AT_RESET_MAX else _PULL_DOWN for pin in range(PIN_COUNT)]
        chip = cls([Pin(pull=pull) for pull in pulls], state_file=state_file)
        if state_file is not None and state_file.exists():
            import json

            stored = json.loads(state_file.read_text())
            chip.pins = [Pin(*values) for values in stored["pins"]]
            chip.drivings = [(pin, level) for pin, level in stored["drivings"]]
        return chip

    def level(self, number: int) -> int:
        """The level on a pin: driven by us, by the outside, or by its resistor."""
        pin = self.pins[number]
        if pin.mode & _OUT:
            return pin.level
        return self.outside.get(number, 1 if pin.pull & _PULL_UP else 0)

    def drive(self, number: int, level: int) -> None:
        """Somebody drives a pin."""
        self.pins[number].level = level
        self.drivings.append((number, level))
        self.save()

    def save(self) -> None:
        """Write the pins down for the next process."""
        if self.state_file is not None:
            rows = [(pin.mode, pin.pull, pin.level, pin.owner) for pin in self.pins]
            import json

            self.state_file.write_text(json.dumps({"pins": rows, "drivings": self.drivings}))

    def take(self, number: int) -> bool:
        """Make this process the owner; False when another living one is."""
        pin = self.pins[number]
        if pin.owner not in (0, os.getpid()) and _is_alive(pin.owner):
            return False
        pin.owner = os.getpid()
        return True


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def install(state_file: Path | None = None) -> Chip:
    """Put a fresh chip behind the module name ``lgpio`` and return it."""
    chip = Chip.at_power_up(state_file)
    sys.modules["lgpio"] = module(chip)
    return chip


def module(chip: Chip) -> ModuleType:
    """The functions and constants of ``lgpio`` that rpi-lgpio uses, over this chip."""
    lgpio = ModuleType("lgpio")

    def claim_input(_handle: int, number: int, flags: int = 0) -> int:
        if number in chip.failing or not chip.take(number):
            return GPIO_BUSY
        pin = chip.pins[number]
        pin.mode = _IN
        pin.pull = flags & (_PULL_UP | _PULL_DOWN | _PULL_NONE) or pin.pull
        chip.save()
        return 0

    def claim_output(_handle: int, number: int, level: int = 0, flags: int = 0) -> int:
        if number in chip.failing or not chip.take(number):
            return GPIO_BUSY
        pin = chip.pins[number]
        pin.mode, pin.pull = _OUT, flags & (_PULL_UP | _PULL_DOWN | _PULL_NONE)
        chip.drive(number, int(level))
        return 0

    def free(_handle: int, number: int) -> int:
        pin = chip.pins[number]
        if pin.owner != os.getpid():
            return NOT_ALLOCATED
        pin.owner = 0
        chip.save()
        return 0

    def read(_handle: int, number: int) -> int:
        return NOT_ALLOCATED if number in chip.failing else chip.level(number)

    def write(_handle: int, number: int, level: int) -> int:
        pin = chip.pins[number]
        if number in chip.failing or pin.owner != os.getpid() or not pin.mode & _OUT:
            return NOT_ALLOCATED
        chip.drive(number, int(level))
        return 0

    def get_mode(_handle: int, number: int) -> int:
        pin = chip.pins[number]
        kernel = 0x2 if pin.mode & _OUT else 0
        return kernel | pin.pull | (pin.mode if pin.owner == os.getpid() else 0)

    def refuse_edges(*_arguments: Any) -> int:
        raise AssertionError("edge detection fails on kernels from 6.6 on")

    functions: dict[str, Any] = {
        "SET_PULL_UP": _PULL_UP,
        "SET_PULL_DOWN": _PULL_DOWN,
        "SET_PULL_NONE": _PULL_NONE,
        "GPIO_BUSY": GPIO_BUSY,
        "RISING_EDGE": 1,
        "FALLING_EDGE": 2,
        "BOTH_EDGES": 3,
        "error": type("error", (Exception,), {}),
        "error_text": lambda code: {GPIO_BUSY: "GPIO busy", NOT_ALLOCATED: "GPIO not allocated"}[code],
        "gpiochip_open": lambda _number: 0,
        "gpiochip_close": lambda _handle: 0,
        "gpio_get_chip_info": lambda _handle: (0, PIN_COUNT, "fake", "fake"),
        "gpio_claim_input": claim_input,
        "gpio_claim_output": claim_output,
        "gpio_claim_alert": refuse_edges,
        "gpio_set_debounce_micros": refuse_edges,
        "callback": refuse_edges,
        "gpio_free": free,
        "gpio_read": read,
        "gpio_write": write,
        "gpio_get_mode": get_mode,
        "tx_pwm": lambda *_arguments: 0,
    }
    for name, value in functions.items():
        setattr(lgpio, name, value)
    return lgpio

"""Board profiles: which wire is on which pin, as data (``boards/*.toml``). A profile that could open a door is refused.

A profile is a TOML file::

    title = "Relay board, one door, one SPI reader"
    spi = true                       # GPIO 7-11 belong to the reader
    [outputs]
    "lock.1"   = { pin = 17, active = "high", lock = "fail_secure" }
    "buzzer.1" = { pin = 22, active = "high" }
    [inputs]
    "contact.1" = { pin = 5, active = "high", pull = "up", debounce_ms = 50 }

``pin`` is a BCM number. ``active`` of an output is the level that *energises* what hangs on it; of an input the level that
means "active" (door open, button pressed, fire). ``lock`` says what current does: ``fail_secure`` (a strike) opens with
current, ``fail_safe`` (a magnet) holds with current. A magnet on a relay's NC contact opens when the relay is energised:
to the node it is ``fail_secure``.

*Rest is always without current.* So the rest state equals what a power cut gives, and what the pin's reset pull gives
before any program runs: GPIO 0-8 are pulled up at reset, 9-27 down (BCM2835 ARM Peripherals, table 6-31; RP1 the same).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.i18n import _
from edge.relay.errors import ProfileError
from protocol.limits import UNITS_MAX

FOLDER: Final = Path(__file__).parent / "boards"
PINS: Final = range(2, 28)
"""GPIO 0 and 1 read the ID chip of a HAT at boot; above 27 nothing is on the header."""
PULLED_UP_AT_RESET_MAX: Final = 8
SPI_PINS: Final = range(7, 12)
UART_PINS: Final = frozenset({14, 15})
I2C_PINS: Final = frozenset({2, 3})
DEBOUNCE_MS_DEFAULT: Final = 50
DEBOUNCE_MS_RANGE: Final = range(1, 1_001)
FILE_MAX_BYTES: Final = 64 * 1024
_LINE: Final = re.compile(r"([a-z_]+)(?:\.([1-9]))?")


class LockKind(Enum):
    """What current does to the lock."""

    FAIL_SECURE = "fail_secure"
    FAIL_SAFE = "fail_safe"


class Pull(Enum):
    """The pin's own resistor."""

    UP = "up"
    DOWN = "down"
    OFF = "off"


class OutputPin(Struct, frozen=True):
    """A driven pin. ``energised_level`` is 0 or 1."""

    line: OutputLine
    pin: int
    energised_level: int
    lock: LockKind | None = None

    @property
    def rest_level(self) -> int:
        """The level without current."""
        return 1 - self.energised_level

    @property
    def reset_level(self) -> int:
        """The level that the pin's own resistor gives it before any program runs."""
        return 1 if self.pin <= PULLED_UP_AT_RESET_MAX else 0

    @property
    def on_at_rest(self) -> bool:
        """What the line is at rest: off, but a magnet without current has let the door go."""
        return self.lock is LockKind.FAIL_SAFE

    def level(self, on: bool) -> int:
        """The level that makes the line on (for a lock: released) or off."""
        return self.rest_level if on is self.on_at_rest else self.energised_level


class InputPin(Struct, frozen=True):
    """A sensed pin. ``active_level`` is 0 or 1."""

    line: InputLine
    pin: int
    active_level: int
    pull: Pull
    debounce_ms: int = DEBOUNCE_MS_DEFAULT


class BoardProfile(Struct, frozen=True):
    """A checked profile."""

    name: str
    title: str
    outputs: tuple[OutputPin, ...]
    inputs: tuple[InputPin, ...]

    @property
    def lock_units(self) -> frozenset[int]:
        """The units that have a lock output."""
        return frozenset(pin.line.unit for pin in self.outputs if pin.line.role is OutputRole.LOCK)


def shipped() -> list[str]:
    """Names of the profiles that come with the program."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> BoardProfile:
    """The profile of that name, or in the file of that path (when it ends in ``.toml``).

    :raises ProfileError: there is none, or it must not be used.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in shipped():
        problem = _("there is no such board profile; known are %(known)s", known=", ".join(shipped()))
        raise ProfileError(name, [problem])
    try:
        with path.open("rb") as file:
            text = file.read(FILE_MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(name, [_("the board profile cannot be read: %(error)s", error=error)]) from None
    return parse(text, path.stem)


def parse(text: str, name: str) -> BoardProfile:
    """The profile in a TOML text.

    :raises ProfileError: with every reason why it must not be used.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(name, [_("not valid TOML: %(error)s", error=error)]) from None
    reading = _Reading()
    outputs = [reading.output(key, row) for key, row in reading.rows(values, "outputs")]
    inputs = [reading.input(key, row) for key, row in reading.rows(values, "inputs")]
    driven = [pin for pin in outputs if pin is not None]
    sensed = [pin for pin in inputs if pin is not None]
    for key in values.keys() - {"title", "spi", "uart", "i2c", "outputs", "inputs"}:
        reading.problem(_("%(key)s is no key of a board profile", key=key))
    reading.check_pins(values, [*driven, *sensed])
    if reading.problems:
        raise ProfileError(name, reading.problems)
    return BoardProfile(name, str(values.get("title", name)), tuple(driven), tuple(sensed))


class _Reading:
    """Reads the tables and gathers every problem."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def rows(self, values: Mapping[str, Any], table: str) -> list[tuple[str, Mapping[str, Any]]]:
        found = values.get(table, {})
        if not isinstance(found, dict) or not all(isinstance(row, dict) for row in found.values()):
            self.problem(_("%(key)s must be a table of pins", key=table))
            return []
        return list(found.items())

    def output(self, key: str, row: Mapping[str, Any]) -> OutputPin | None:
        role, unit = self._line(key, OutputRole)
        self._only(key, row, {"pin", "active", "lock"})
        pin, level = self._pin(key, row), self._level(key, row)
        kind = self._choice(key, row, "lock", LockKind) if "lock" in row else None
        if role is None or pin is None or level is None:
            return None
        if (role is OutputRole.LOCK) != ("lock" in row):
            self.problem(
                _("%(key)s: lock = fail_secure or fail_safe belongs to locks, and only there", key=key)
            )
            return None
        made = OutputPin(OutputLine(role, unit), pin, level, kind)
        at_reset = made.reset_level
        if role is not OutputRole.READER_RESET and at_reset != made.rest_level:
            self.problem(
                _(
                    "%(key)s: GPIO %(pin)s is pulled %(pull)s at power-up and would switch it on; "
                    "use a pin of the other pull (0-8 up, 9-27 down) or the other polarity",
                    key=key,
                    pin=pin,
                    pull="up" if at_reset else "down",
                )
            )
        return made

    def input(self, key: str, row: Mapping[str, Any]) -> InputPin | None:
        role, unit = self._line(key, InputRole)
        self._only(key, row, {"pin", "active", "pull", "debounce_ms"})
        pin, level, pull = self._pin(key, row), self._level(key, row), self._choice(key, row, "pull", Pull)
        debounce_ms = row.get("debounce_ms", DEBOUNCE_MS_DEFAULT)
        if type(debounce_ms) is not int or debounce_ms not in DEBOUNCE_MS_RANGE:
            self.problem(_("%(key)s: debounce_ms must be 1 to 1000", key=key))
            return None
        if role is None or pin is None or level is None or pull is None:
            return None
        return InputPin(InputLine(role, unit), pin, level, pull, debounce_ms)

    def check_pins(self, values: Mapping[str, Any], pins: list[OutputPin | InputPin]) -> None:
        """Every pin once, and none that belongs to something else."""
        taken: dict[int, str] = {}
        for used in pins:
            if used.pin in taken:
                self.problem(
                    _(
                        "GPIO %(pin)s is used twice: by %(one)s and %(other)s",
                        pin=used.pin,
                        one=taken[used.pin],
                        other=used.line,
                    )
                )
            taken[used.pin] = str(used.line)
            for bus, reserved in (("spi", SPI_PINS), ("uart", UART_PINS), ("i2c", I2C_PINS)):
                if values.get(bus) is True and used.pin in reserved:
                    self.problem(
                        _(
                            "%(key)s: GPIO %(pin)s belongs to the %(bus)s bus",
                            key=used.line,
                            pin=used.pin,
                            bus=bus,
                        )
                    )

    def _line(self, key: str, roles: type[OutputRole] | type[InputRole]) -> tuple[Any, int]:
        match = _LINE.fullmatch(key)
        names = {role.value: role for role in roles}
        if match is None or match[1] not in names or int(match[2] or 1) > UNITS_MAX:
            self.problem(_("%(key)s: no such line; known are %(known)s", key=key, known=", ".join(names)))
            return None, 1
        return names[match[1]], int(match[2] or 1)

    def _only(self, key: str, row: Mapping[str, Any], known: set[str]) -> None:
        for other in sorted(row.keys() - known):
            self.problem(_("%(key)s: %(other)s is not known here", key=key, other=other))

    def _pin(self, key: str, row: Mapping[str, Any]) -> int | None:
        pin = row.get("pin")
        if type(pin) is not int or pin not in PINS:
            self.problem(_("%(key)s: pin must be a GPIO number from 2 to 27", key=key))
            return None
        return pin

    def _level(self, key: str, row: Mapping[str, Any]) -> int | None:
        level = {"high": 1, "low": 0}.get(str(row.get("active")))
        if level is None:
            self.problem(_("%(key)s: active must be high or low", key=key))
        return level

    def _choice(self, key: str, row: Mapping[str, Any], name: str, kinds: type[Enum]) -> Any:
        values = {kind.value: kind for kind in kinds}
        found = values.get(row.get(name))
        if found is None:
            self.problem(
                _(
                    "%(key)s: %(value)s is none of %(known)s",
                    key=f"{key}.{name}",
                    value=row.get(name),
                    known=", ".join(values),
                )
            )
        return found

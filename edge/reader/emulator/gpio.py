"""A stand-in for ``RPi.GPIO`` that knows the pins of emulated readers: reset out, interrupt in.

Other pins are plain latches: an output keeps its level, an input reads its pull. (Relays are tested
through the real rpi-lgpio; this module is for drivers of readers.)
"""

import types
from collections.abc import Callable, Iterable

from edge.reader.emulator.chip import Chip

BOARD, BCM = 10, 11
OUT, IN = 0, 1
LOW, HIGH = 0, 1
PUD_OFF, PUD_DOWN, PUD_UP = 20, 21, 22
RISING, FALLING, BOTH = 31, 32, 33

BOARD_TO_BCM = {
    3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24, 19: 10, 21: 9, 22: 25,
    23: 11, 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12, 33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21,
}  # fmt: skip
"""The 40-pin header."""

Callback = Callable[[int], object]


class FakeGpio(types.ModuleType):
    """The module object that stands in ``sys.modules`` for ``RPi.GPIO``."""

    BOARD, BCM, OUT, IN, LOW, HIGH = BOARD, BCM, OUT, IN, LOW, HIGH
    PUD_OFF, PUD_DOWN, PUD_UP, RISING, FALLING, BOTH = PUD_OFF, PUD_DOWN, PUD_UP, RISING, FALLING, BOTH
    VERSION = "0.7.1"
    RPI_INFO = {"TYPE": "emulated"}

    def __init__(self, reset_pins: dict[int, Chip], irq_pins: dict[int, Chip]) -> None:
        super().__init__("RPi.GPIO", "emulated pins")
        self._reset_pins = reset_pins
        self._irq_pins = irq_pins
        self._mode: int | None = None
        self._direction: dict[int, int] = {}
        self._level: dict[int, int] = {}
        self._listening: list[tuple[int, Chip, Callable[[bool], None]]] = []

    # Numbers

    def setmode(self, mode: int) -> None:
        if mode not in (BOARD, BCM):
            raise ValueError("An invalid mode was passed to setmode()")
        if self._mode not in (None, mode):
            raise ValueError("A different mode has already been set!")
        self._mode = mode

    def getmode(self) -> int | None:
        return self._mode

    def setwarnings(self, enabled: bool) -> None:
        """Nothing warns here."""

    def _pin(self, channel: int) -> int:
        if self._mode is None:
            raise RuntimeError(
                "Please set pin numbering mode using GPIO.setmode(GPIO.BOARD) or GPIO.setmode(GPIO.BCM)"
            )
        pin = BOARD_TO_BCM.get(channel, -1) if self._mode == BOARD else channel
        if not 0 <= pin <= 27:
            raise ValueError("The channel sent is invalid on a Raspberry Pi")
        return pin

    def _pins(self, channels: int | Iterable[int]) -> list[int]:
        return [self._pin(channel) for channel in ([channels] if isinstance(channels, int) else channels)]

    # Levels

    def setup(
        self,
        channel: int | Iterable[int],
        direction: int,
        pull_up_down: int = PUD_OFF,
        initial: int | None = None,
    ) -> None:
        for pin in self._pins(channel):
            self._direction[pin] = direction
            if direction == OUT:
                self._drive(pin, self._level.get(pin, LOW) if initial is None else initial)
            else:
                self._level[pin] = LOW if pull_up_down == PUD_DOWN else HIGH
                self._release(pin)

    def output(self, channel: int | Iterable[int], value: int | Iterable[int]) -> None:
        pins = self._pins(channel)
        values = [value] * len(pins) if isinstance(value, int) else list(value)
        for pin, level in zip(pins, values, strict=True):
            if self._direction.get(pin) != OUT:
                raise RuntimeError("The GPIO channel has not been set up as an OUTPUT")
            self._drive(pin, level)

    def input(self, channel: int) -> int:
        pin = self._pin(channel)
        if pin not in self._direction:
            raise RuntimeError("You must setup() the GPIO channel first")
        chip = self._irq_pins.get(pin)
        if chip is not None:
            chip.settle()
            return int(chip.irq_pin)
        return self._level.get(pin, LOW)

    def _drive(self, pin: int, level: int) -> None:
        self._level[pin] = HIGH if level else LOW
        chip = self._reset_pins.get(pin)
        if chip is not None:
            chip.hold_reset(not level)

    def _release(self, pin: int) -> None:
        """An input does not drive; the reader board's own pull-up lets the chip run."""
        chip = self._reset_pins.get(pin)
        if chip is not None and chip.held_in_reset:
            chip.hold_reset(False)

    def cleanup(self, channel: int | Iterable[int] | None = None) -> None:
        if self._mode is None:
            return
        pins = list(self._direction) if channel is None else self._pins(channel)
        for pin in pins:
            self._forget_edges(pin)
            self._direction.pop(pin, None)
            self._level.pop(pin, None)
            self._release(pin)
        if channel is None:
            self._mode = None

    # Edges

    def add_event_detect(
        self, channel: int, edge: int, callback: Callback | None = None, bouncetime: int = 0
    ) -> None:
        """Only interrupt pins of readers have edges."""
        pin = self._pin(channel)
        chip = self._irq_pins.get(pin)
        if chip is None or callback is None:
            return
        call = callback

        def changed(level: bool) -> None:
            if edge == BOTH or edge == (RISING if level else FALLING):
                call(channel)

        chip.on_irq_pin.append(changed)
        self._listening.append((pin, chip, changed))

    def remove_event_detect(self, channel: int) -> None:
        self._forget_edges(self._pin(channel))

    def _forget_edges(self, pin: int) -> None:
        for entry in [entry for entry in self._listening if entry[0] == pin]:
            self._listening.remove(entry)
            entry[1].on_irq_pin.remove(entry[2])

    def reset(self) -> None:
        """Give everything back, as the end of the process would."""
        self.cleanup()

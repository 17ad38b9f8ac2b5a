"""MFRC522 on a serial line (data sheet 8.1.3), through pyserial. The one file of the reader that imports it.

Law of this file: the chip echoes the address byte of every write, and nothing else comes unasked; a wrong or missing byte is
a ``BusError``, after which ``mend`` finds the chip again. Accesses are sent in batches, because one round trip over a USB
converter costs more than all the bytes in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import serial

from edge.reader.errors import BusError

try:
    import termios

    _LINE_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, ValueError, termios.error)
except ImportError:  # Windows
    _LINE_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, ValueError)  # type: ignore[no-redef, misc]

RESET_BAUD: Final = 9_600
SPEED_CODES: Final = {
    7_200: 0xFA,
    9_600: 0xEB,
    14_400: 0xDA,
    19_200: 0xCB,
    38_400: 0xAB,
    57_600: 0x9A,
    115_200: 0x7A,
    128_000: 0x74,
    230_400: 0x5A,
    460_800: 0x3A,
    921_600: 0x1C,
    1_228_800: 0x15,
}
"""SerialSpeedReg by rate (table 9)."""
ANSWER_S: Final = 0.1
"""Patience for a batch beyond its time on the wire; a USB converter holds bytes back for up to 16 ms."""
FIND_S: Final = 0.03
"""The same while the rate of the chip is being tried out."""
FIND_TRIES: Final = (b"", b"", b"\x55", b"")
"""What is sent before each try: 55 is what a chip wants to see first after a power-down (8.6.2). A chip that was awake
takes it for half a write, which the try after it completes."""
SLOWER: Final = (115_200, 9_600)
"""Rates to fall back to when converter or cable cannot do the configured one."""

_READ: Final = 0x80
_FIFO: Final = 0x09
_FIFO_SIZE: Final = 64
_COMMAND: Final = 0x01
_WATER_LEVEL: Final = 0x0B
_SERIAL_SPEED: Final = 0x1F
_TEST_PIN_EN: Final = 0x33
_MARKS: Final = (0x2A, 0x15)
"""Values of WaterLevelReg that tell a chip from noise."""


class UartBus:
    """A Transport.

    :param port: as the system calls it: ``/dev/serial0``, ``/dev/ttyUSB0``, ``COM1``. Never guessed: configuration.
    :param baud: the rate to work at, one of ``SPEED_CODES``; the chip itself always starts at 9,600.
    """

    def __init__(self, port: str, baud: int = 115_200) -> None:
        if baud not in SPEED_CODES:
            raise ValueError(f"the chip has no rate of {baud} baud; it has {sorted(SPEED_CODES)}")
        self._port = port
        self._baud = baud
        self._goal = baud
        self._serial: Any = None

    @property
    def baud(self) -> int:
        """The rate that is worked at, or aimed at: the configured one unless line or converter cannot do it."""
        return self._goal

    def open(self) -> None:
        """Open the port and find the chip.

        :raises BusError: no such port, or no chip behind it.
        """
        self.close()
        self._goal = self._baud
        try:
            # exclusive: two programs on one line would both see nothing but wrong echoes
            self._serial = serial.Serial(
                self._port,
                RESET_BAUD,
                timeout=ANSWER_S,
                write_timeout=1.0,
                exclusive=True if os.name == "posix" else None,
            )
        except _LINE_ERRORS as error:
            raise BusError(f"{self._port} cannot be opened: {error}") from error
        self._find()

    def close(self) -> None:
        """Give the port back."""
        line, self._serial = self._serial, None
        if line is not None:
            with suppress(*_LINE_ERRORS):
                line.close()

    def after_reset(self) -> None:
        """The chip is back at 9,600 baud: find it there and agree on the working rate again."""
        self._find(RESET_BAUD)

    def mend(self) -> None:
        """Find the chip at any rate; when the port itself is in doubt, open it anew.

        :raises BusError: there is still nothing.
        """
        if self._serial is None:
            self.open()
            return
        try:
            self._find()
        except BusError:
            self.close()  # an adapter that was unplugged comes back as another device behind the same name
            raise

    def read(self, reg: int) -> int:
        """One round trip."""
        return self.read_many((reg,))[0]

    def write(self, reg: int, value: int) -> None:
        """One round trip."""
        self.write_many(((reg, value),))

    def read_many(self, regs: Sequence[int]) -> bytes:
        """Addresses in a row, values in a row (8.1.3.3)."""
        return self._trade(bytes(_READ | reg for reg in regs), len(regs))

    def write_many(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Pairs in a row; each address must come back."""
        echo = bytes(reg for reg, _ in pairs)
        answer = self._trade(bytes(byte for pair in pairs for byte in pair), len(echo))
        if answer != echo:
            self._flush()
            raise BusError(f"{self._port}: the chip echoed {answer.hex()}, not {echo.hex()}")

    def read_fifo(self, count: int) -> bytes:
        """One round trip."""
        assert 1 <= count <= _FIFO_SIZE, "the FIFO has 64 bytes"
        return self.read_many([_FIFO] * count)

    def write_fifo(self, data: bytes) -> None:
        """One round trip."""
        assert 1 <= len(data) <= _FIFO_SIZE, "the FIFO has 64 bytes"
        self.write_many([(_FIFO, byte) for byte in data])

    # --- finding the chip -----------------------------------------------------------------------------------------

    def _find(self, *bauds: int) -> None:
        """Find the rate at which the chip answers, then go to the working rate."""
        line = self._line()
        for baud in bauds or dict.fromkeys((line.baudrate, self._goal, 115_200, RESET_BAUD)):
            if self._answers_at(baud):
                break
        else:
            if bauds or not self._reset_by_dtr() or not self._answers_at(RESET_BAUD):
                raise BusError(f"{self._port}: no chip answers")
        self.write(_TEST_PIN_EN, 0x00)  # the lines MX and DTRQ are not for us
        if line.baudrate == self._goal:
            return
        # The echo still comes at the old rate.
        self.write(_SERIAL_SPEED, SPEED_CODES[self._goal])
        if not self._answers_at(self._goal):
            failed, self._goal = self._goal, next((rate for rate in SLOWER if rate < self._goal), self._goal)
            raise BusError(f"{self._port}: the chip does not answer at {failed} baud")

    def _answers_at(self, baud: int) -> bool:
        line = self._line()
        try:
            line.baudrate = baud
            line.timeout = FIND_S
            for before in FIND_TRIES:
                self._flush()
                if before:
                    line.write(before)
                    line.read(len(before) + 1)
                if self._recognised():
                    return True
        except _LINE_ERRORS as error:
            raise BusError(f"{self._port}: {error}") from error
        return False

    def _recognised(self) -> bool:
        """Does a register keep two values? The first read also ends a write that was left half done."""
        line = self._line()
        line.write(bytes((_READ | _COMMAND,)))
        if len(line.read(1)) != 1:
            return False
        for mark in _MARKS:
            line.write(bytes((_WATER_LEVEL, mark, _READ | _WATER_LEVEL)))
            if line.read(2) != bytes((_WATER_LEVEL, mark)):
                return False
        return True

    def _reset_by_dtr(self) -> bool:
        """Boards that have RST on the DTR line; False when the port has no such line."""
        line = self._line()
        try:
            line.dtr = True
            time.sleep(0.001)
            line.dtr = False
        except _LINE_ERRORS:
            return False
        time.sleep(0.05)
        return True

    # --- bytes ----------------------------------------------------------------------------------------------------

    def _trade(self, data: bytes, count: int) -> bytes:
        line = self._line()
        try:
            stray_count = line.in_waiting
            line.timeout = ANSWER_S + 20 * len(data) / line.baudrate
            line.write(data)
            answer: bytes = line.read(count)
        except _LINE_ERRORS as error:
            raise BusError(f"{self._port}: {error}") from error
        if stray_count or len(answer) != count:
            self._flush()
            raise BusError(f"{self._port}: {stray_count + len(answer)} bytes came, not {count}")
        return answer

    def _flush(self) -> None:
        with suppress(*_LINE_ERRORS):
            self._line().reset_input_buffer()

    def _line(self) -> Any:
        if self._serial is None:
            raise BusError(f"{self._port} is not open")
        return self._serial

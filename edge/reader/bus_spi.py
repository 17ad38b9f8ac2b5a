"""SPI through the ``mfrc522`` package (0.0.7), used as a register transport only. The one file that imports it.

Why so little of it: its card layer spins 2,000 times on an empty field, reads four bytes of a UID and checks no CRC
(reader.md 1.2). Its quirks that reach down to here: the constructor talks to the chip and to the GPIO, every instance adds a
log handler, ``Close_MFRC522`` resets every pin of the process, relays included, and so is never called.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any, Final

from edge.reader.errors import BusError

SPEED_HZ: Final = 4_000_000
"""The chip takes 10 MHz (data sheet 8.1.2); 4 MHz forgives long wires."""
BCM: Final = 11
"""Pin numbers are Broadcom's, as in the rest of the program."""
_READ: Final = 0x80
_FIFO: Final = 0x09
_FIFO_SIZE: Final = 64


def _address(reg: int) -> int:
    return reg << 1 & 0x7E


class SpiBus:
    """A Transport.

    :param bus: number of the SPI controller, as in ``/dev/spidev<bus>.<device>``.
    :param reset_pin: BCM number of the chip's RST pin. The package sets it high; we drive it ourselves (``ResetLine``).
        It must be given even when it is not wired: the package's default is the UART's receive pin.
    """

    def __init__(self, bus: int = 0, device: int = 0, reset_pin: int = 25, speed_hz: int = SPEED_HZ) -> None:
        self._bus = bus
        self._device = device
        self._reset_pin = reset_pin
        self._speed_hz = speed_hz
        self._spi: Any = None

    def open(self) -> None:
        """Open the device.

        :raises BusError: there is no such device, or the package or the GPIO library cannot be used here.
        """
        self.close()
        logger = logging.getLogger("mfrc522Logger")
        handlers = list(logger.handlers)
        try:
            import mfrc522

            with warnings.catch_warnings():
                # The reset pin is already ours: that is as it should be.
                warnings.simplefilter("ignore", RuntimeWarning)
                package = mfrc522.MFRC522(
                    bus=self._bus,
                    device=self._device,
                    spd=self._speed_hz,
                    pin_mode=BCM,
                    pin_rst=self._reset_pin,
                )
        except Exception as error:  # each GPIO library has its own way of saying that there is no board
            raise BusError(f"SPI {self._bus}.{self._device} cannot be opened: {error}") from error
        finally:
            logger.handlers[:] = handlers
        self._spi = package.spi

    def close(self) -> None:
        """Close the device and leave every pin alone."""
        spi, self._spi = self._spi, None
        if spi is not None:
            spi.close()

    def after_reset(self) -> None:
        """SPI has nothing to agree on."""

    def mend(self) -> None:
        """A new file handle: all that can be done about this wire."""
        self.open()

    def read(self, reg: int) -> int:
        """One transfer of two bytes."""
        return self._transfer([_address(reg) | _READ, 0])[1]

    def write(self, reg: int, value: int) -> None:
        """One transfer of two bytes."""
        self._transfer([_address(reg), value])

    def read_many(self, regs: Sequence[int]) -> bytes:
        """One transfer: the chip answers each address while it takes the next (data sheet 8.1.2.1)."""
        answer = self._transfer([*(_address(reg) | _READ for reg in regs), 0])
        return bytes(answer[1:])

    def write_many(self, pairs: Sequence[tuple[int, int]]) -> None:
        """One transfer each: a longer one would write everything to the first address (8.1.2.2)."""
        for reg, value in pairs:
            self.write(reg, value)

    def read_fifo(self, count: int) -> bytes:
        """One transfer."""
        assert 1 <= count <= _FIFO_SIZE, "the FIFO has 64 bytes"
        return self.read_many([_FIFO] * count)

    def write_fifo(self, data: bytes) -> None:
        """One transfer."""
        assert 1 <= len(data) <= _FIFO_SIZE, "the FIFO has 64 bytes"
        self._transfer([_address(_FIFO), *data])

    def _transfer(self, data: list[int]) -> list[int]:
        if self._spi is None:
            raise BusError(f"SPI {self._bus}.{self._device} is not open")
        try:
            answer: list[int] = self._spi.xfer2(data)
        except (OSError, ValueError, TypeError) as error:
            raise BusError(f"SPI {self._bus}.{self._device}: {error}") from error
        return answer

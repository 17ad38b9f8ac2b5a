"""A serial port of this machine, read by a thread of its own: what an event loop cannot wait for on every system.

Used at both ends of a line: by a unit, and by the collector at a clerk's PC. On two wires (RS-485) one side speaks at a time, and
most converters turn round by themselves; for those that do not, the line RTS says who speaks: by the kernel's driver where it
can (TIOCSRS485, Linux; on Windows RTS_CONTROL_TOGGLE), else from here, which holds the line a little longer than the bytes take.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, Final

import serial
from serial import rs485

from edge.link.errors import LinkError

try:
    import termios

    _LINE_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, ValueError, TypeError, termios.error)
except ImportError:  # Windows
    _LINE_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, ValueError, TypeError)  # type: ignore[no-redef, misc]

LOOK_EVERY_S: Final = 0.5
"""How long the thread waits in one read; it notices by then that it is to end."""
WRITE_WITHIN_S: Final = 5.0


class Direction(Enum):
    """What turns a converter for two wires round to send."""

    AUTO = "auto"
    """It does it by itself, or there are four wires."""
    RTS = "rts"
    """RTS active while we send."""
    RTS_LOW = "rts_low"
    """RTS inactive while we send."""


class _TurnedByRts(rs485.RS485):
    """RTS from here; whatever becomes of a write, the others are let speak afterwards."""

    def write(self, data: bytes) -> None:
        """See ``serial.Serial``; returns once everything has left."""
        try:
            super().write(data)
        finally:
            self.rts = self.rs485_mode.rts_level_for_rx


def _opened(name: str, speed_baud: int, direction: Direction) -> Any:
    """:raises OSError: and the others of ``_LINE_ERRORS``: it cannot be opened."""
    options: dict[str, Any] = {
        "baudrate": speed_baud,
        "timeout": LOOK_EVERY_S,
        "write_timeout": WRITE_WITHIN_S,
    }
    if direction is Direction.AUTO:
        return serial.Serial(name, **options)
    active = direction is Direction.RTS
    settings = rs485.RS485Settings(rts_level_for_tx=active, rts_level_for_rx=not active)
    for kind in (serial.Serial, _TurnedByRts):
        port = kind(**options)
        port.rts = settings.rts_level_for_rx  # before it is open: opening a port speaks to nobody
        port.port = name
        port.open()
        try:
            port.rs485_mode = settings
        except (ValueError, OSError, NotImplementedError):  # this driver cannot
            port.close()
        else:
            break
    return port


class SerialPort:
    """An open port. ``arrived`` is called in the loop when bytes came, or the port was lost."""

    def __init__(
        self,
        name: str,
        speed_baud: int,
        arrived: Callable[[], None],
        direction: Direction = Direction.AUTO,
    ) -> None:
        """
        :param name: as the system calls it: ``/dev/ttyUSB0``, ``COM3``.
        :param direction: of two wires, where the converter does not turn round by itself.
        :raises LinkError: it cannot be opened.
        """
        self.name = name
        self._arrived = arrived
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._problem = ""
        self._is_over = False
        try:
            self._port = _opened(name, speed_baud, direction)
            self._port.reset_input_buffer()
        except _LINE_ERRORS as error:
            raise LinkError(f"{name}: {error}") from error
        self._thread = threading.Thread(target=self._read, name=f"port {name}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._is_over:
            try:
                data = self._port.read(1)
                if data:
                    data += self._port.read(self._port.in_waiting)
            except _LINE_ERRORS as error:
                self._post(b"", str(error) or type(error).__name__)
                return
            if data:
                self._post(data, "")

    def _post(self, data: bytes, problem: str) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._take_in, data, problem)

    def _take_in(self, data: bytes, problem: str) -> None:
        self._came += data
        self._problem = self._problem or problem
        self._arrived()

    def take(self) -> bytes:
        """What has come since the last call.

        :raises LinkError: the port is lost.
        """
        data, self._came = bytes(self._came), bytearray()
        if not data and self._problem:
            raise LinkError(f"{self.name}: {self._problem}")
        return data

    async def write(self, data: bytes) -> None:
        """Returns once the system has taken it.

        :raises LinkError: the port is lost, or takes nothing.
        """
        try:
            await asyncio.to_thread(self._port.write, data)
        except _LINE_ERRORS as error:
            raise LinkError(f"{self.name}: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """Give the port back; what was not sent yet never is. In a thread: a system may wait long for a line that takes nothing."""
        self._is_over = True
        await asyncio.shield(asyncio.to_thread(self._close))

    def _close(self) -> None:
        for step in (self._port.cancel_read, self._port.cancel_write, self._port.reset_output_buffer):
            with suppress(*_LINE_ERRORS):
                step()
        self._thread.join(2 * LOOK_EVERY_S)
        with suppress(*_LINE_ERRORS):
            self._port.close()

"""A serial port of this machine, read by a thread of its own: what an event loop cannot wait for on every system.

Used at both ends of a line: by a unit, and by the collector at a clerk's PC.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import serial

from edge.link.errors import LinkError

try:
    import termios

    _LINE_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, ValueError, TypeError, termios.error)
except ImportError:  # Windows
    _LINE_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, ValueError, TypeError)  # type: ignore[no-redef, misc]

LOOK_EVERY_S: Final = 0.5
"""How long the thread waits in one read; it notices by then that it is to end."""
WRITE_WITHIN_S: Final = 5.0


class SerialPort:
    """An open port. ``arrived`` is called in the loop when bytes came, or the port was lost."""

    def __init__(self, name: str, speed_baud: int, arrived: Callable[[], None]) -> None:
        """
        :param name: as the system calls it: ``/dev/ttyUSB0``, ``COM3``.
        :raises LinkError: it cannot be opened.
        """
        self.name = name
        self._arrived = arrived
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._problem = ""
        self._is_over = False
        try:
            self._port: Any = serial.Serial(
                name, speed_baud, timeout=LOOK_EVERY_S, write_timeout=WRITE_WITHIN_S
            )
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

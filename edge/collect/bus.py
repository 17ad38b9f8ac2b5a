"""Turns over a serial line, from the PC's side: says something to one unit, and hears it out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from edge.link.port import Direction, SerialPort
from protocol.errors import MalformedError
from protocol.framing import Deframer
from protocol.line import BLOCK_LENGTH, CREDIT_MAX, Primary, read_piece

ANSWER_S: Final = 0.3
"""Patience with a unit beyond the time that the bytes take on the wire."""
QUIET_S: Final = 0.05
QUIET_TRIES: Final = 20
"""A line that is never quiet is spoken on all the same: something is answered, or it is told that nothing is."""
TURN_S: Final = 0.4
"""All units of a line together speak so long in each direction: a question about the time is answered within two seconds."""
SLOWNESS: Final = 8
"""A turn may take so many times as long as its bytes do at the speed of the line; then it is over, whatever comes."""
_BITS_PER_BYTE: Final = 10


class Bus:
    """See the module."""

    def __init__(self, name: str, speed_baud: int, direction: Direction = Direction.AUTO) -> None:
        """:raises LinkError: the port cannot be opened."""
        self._arrived = asyncio.Event()
        self._port = SerialPort(name, speed_baud, self._arrived.set, direction)
        self._bytes_per_s = speed_baud / _BITS_PER_BYTE
        self._deframer = Deframer()
        self._is_disturbed = True

    def credit(self, units_count: int) -> int:
        """Pieces for one turn, when so many units share the line."""
        pieces = self._bytes_per_s * TURN_S / BLOCK_LENGTH / max(1, units_count)
        return max(1, min(CREDIT_MAX, int(pieces)))

    async def turn(self, primary: Primary, units_count: int, took: Callable[[bytes], None]) -> bool:
        """One turn of a unit; ``took`` is given its frames. False when it did not answer to the end, or does not come to one.

        :raises LinkError: the port is lost.
        """
        if self._is_disturbed:
            await self._until_quiet()
        credit = left_count = self.credit(units_count)
        data = primary.to_send(credit)
        await self._port.write(data)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + len(data) / self._bytes_per_s + ANSWER_S
        end_s = until_s + ANSWER_S + (len(data) + credit * BLOCK_LENGTH) / self._bytes_per_s * SLOWNESS
        while left_count > 0 and (left_s := min(until_s, end_s) - loop.time()) > 0:
            came = await self._hear(left_s)
            if came:
                until_s = loop.time() + ANSWER_S
            for plain in self._deframer.feed(came):
                with suppress(MalformedError):
                    piece = read_piece(plain)
                    if left_count <= 0:
                        break
                    left_count -= piece.answer
                    is_back, frame = primary.receive(piece)
                    if frame is not None:
                        took(frame)
                    if is_back:
                        return True
        primary.silent()
        self._is_disturbed = True
        return False

    async def _hear(self, within_s: float) -> bytes:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._arrived.wait()
        self._arrived.clear()
        return self._port.take()

    async def _until_quiet(self) -> None:
        """Whoever was late has finished: his answer would be taken for one to the next turn, and two would speak at once."""
        for _ in range(QUIET_TRIES):
            if not await self._hear(QUIET_S):
                break
        self._deframer.feed(b"\x00")
        self._is_disturbed = False

    async def farewell(self, primary: Primary) -> None:
        """Tell a unit that it is done; its answer is of no interest.

        :raises LinkError: the port is lost.
        """
        await self._port.write(primary.farewell())
        await asyncio.sleep(ANSWER_S)
        self._port.take()

    @property
    def rejected_count(self) -> int:
        """What came off the line and was no piece."""
        return self._deframer.rejected_count

    async def close(self) -> None:
        """Give the port back."""
        await self._port.close()

"""One connection to the centre's node listener, for the frames of one unit. It sees what passes and can change none of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from edge.link.errors import LinkError
from edge.link.https import Https
from edge.link.tls import centre_context
from edge.link.websocket import LiveLine
from protocol.envelope import packets, split
from protocol.errors import ProtocolError


class Carrier:
    """See the module. ``came`` is called in the loop when frames came, or the connection was lost."""

    def __init__(self, urls: Sequence[str], ca_pem: str, came: Callable[[], None]) -> None:
        """:param urls: addresses of the centre, tried in turn."""
        self._urls, self._ca_pem, self._came = urls, ca_pem, came
        self._up: deque[bytes] = deque()
        self._has_up = asyncio.Event()
        self._down: deque[bytes] = deque()
        self.problem = ""
        """Why the connection is over; empty while it is not."""
        self._task = asyncio.create_task(self._run(), name="carrier")

    def put(self, frame: bytes) -> None:
        """A frame for the centre."""
        self._up.append(frame)
        self._has_up.set()

    def take(self) -> list[bytes]:
        """The frames that have come from the centre."""
        frames = list(self._down)
        self._down.clear()
        return frames

    async def close(self) -> None:
        """Let go of the connection."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        problem = "no address"
        for url in self._urls:
            try:
                async with Https(url, centre_context(self._ca_pem, check_dates=True)) as https:
                    line = await LiveLine.open(https)
                    try:
                        await self._carry(line)
                    finally:
                        await line.close()
            except (LinkError, ProtocolError) as error:
                problem = str(error)
        self.problem = problem
        self._came()

    async def _carry(self, line: LiveLine) -> None:
        """:raises LinkError: the connection is lost."""
        sender = asyncio.create_task(self._send(line), name="carrier-sender")
        try:
            while True:
                self._down.extend(split(await line.receive()))
                self._came()
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError, LinkError):
                await sender

    async def _send(self, line: LiveLine) -> None:
        while True:
            await self._has_up.wait()
            self._has_up.clear()
            frames = list(self._up)
            self._up.clear()
            for packet in packets(frames):
                await line.send(packet)

"""A TCP line between a node and a centre that does what bad networks do. Faults are switched; bytes are real."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum


class Fault(Enum):
    """What the line does with connections from now on."""

    NONE = "none"
    REFUSE = "refuse"
    BLACK_HOLE = "black hole"
    """Taken, and never answered."""
    SLOW = "slow"
    """A few bytes at a time."""
    CUT_REQUEST = "cut request"
    """Cut once the handshake is over and a request has begun."""
    CUT_RESPONSE = "cut response"
    """The request arrives whole; its answer is cut."""
    FLAP = "flap"
    """Every other connection is refused, the others are cut soon."""


TLS_UP = 2_000
"""More than a client sends before its first request is under way."""
SLOW_BYTES = 200


class BadLine:
    """``url`` leads to ``target`` through the fault that is set."""

    def __init__(self, target: str) -> None:
        self.port = int(target.rpartition(":")[2])
        self.fault = Fault.NONE
        self.met = 0
        """Connections that had the fault."""
        self.hit = asyncio.Event()
        """Set with each of them."""
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"https://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut_all(self) -> None:
        """Whatever is open now is cut."""
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self.fault
        if fault is not Fault.NONE:
            self.met += 1
            self.hit.set()
        if fault is Fault.REFUSE or (fault is Fault.FLAP and self.met % 2):
            writer.transport.abort()
            return
        self._writers.add(writer)
        if fault is Fault.BLACK_HOLE:
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.add(far_writer)
        up_most = TLS_UP if fault in (Fault.CUT_REQUEST, Fault.FLAP) else None
        tasks = [
            asyncio.create_task(self._pump(reader, far_writer, fault, up_most)),
            asyncio.create_task(self._pump(far_reader, writer, fault, None, is_answer=True)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, far_writer):
            end.transport.abort()
            self._writers.discard(end)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault,
        most: int | None,
        *,
        is_answer: bool = False,
    ) -> None:
        passed = 0
        with suppress(ConnectionError):
            while data := await reader.read(SLOW_BYTES if fault is Fault.SLOW else 65_536):
                if is_answer and fault is Fault.CUT_RESPONSE and passed > TLS_UP:
                    return  # the handshake went through; this is an answer
                writer.write(data if most is None else data[: most - passed])
                await writer.drain()
                passed += len(data)
                if most is not None and passed >= most:
                    return

"""The way to the centre for a unit without a network: a serial line that a collector asks it on, by its address.

The unit speaks when it is asked, and takes whoever asks for a carrier of frames: only what the centre signed is believed,
only what the unit signed goes out. A plug that is pulled ends the conversation and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from edge.config import SerialConfig
from edge.link.errors import LinkError
from edge.link.port import Direction, SerialPort
from edge.link.way import LinkState, Route, Way
from protocol.line import Closed, Frame, LineEffect, Opened, Secondary, pieces_in
from protocol.node_peer import Lost, NodePeer, PeerEffect
from protocol.uplink import SERIAL, Acked

ANSWER_MAX_S: Final = 2.0
"""A unit speaks no longer than this in one turn, whatever it is told that it may."""
OPEN_AGAIN_S: Final = 2.0
"""A port that is not there (a USB plug) is tried again after this."""


class _Line:
    """The port with the unit's end of the conversation."""

    def __init__(self, config: SerialConfig, now_ms: Callable[[], int], wakeup: asyncio.Event) -> None:
        self._now_ms, self._wakeup = now_ms, wakeup
        self._port = SerialPort(config.port, config.speed_baud, wakeup.set, Direction(config.direction))
        self.end = Secondary(config.address, pieces_in(ANSWER_MAX_S, config.speed_baud))

    def effects(self) -> list[LineEffect]:
        """What has come.

        :raises LinkError: the port is lost.
        """
        now_ms = self._now_ms()
        return [*self.end.receive(self._port.take(), now_ms), *self.end.check(now_ms)]

    async def answer(self) -> None:
        """Take the turn, if it was given."""
        if self.end.has_turn:
            await self._port.write(self.end.to_send())

    async def wait(self, due_ms: int | None) -> None:
        """Until something comes, or ``due_ms``."""
        due = [at_ms for at_ms in (due_ms, self.end.next_timer()) if at_ms is not None]
        timeout_s = max(0, min(due) - self._now_ms()) / 1_000 if due else None
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._wakeup.wait()
        self._wakeup.clear()

    async def close(self) -> None:
        await self._port.close()


class SerialLink(Way):
    """See the module."""

    def __init__(
        self,
        config: SerialConfig,
        peer: NodePeer,
        handle: Callable[[PeerEffect], None],
        now_ms: Callable[[], int],
        on_state: Callable[[LinkState], None] = lambda _state: None,
    ) -> None:
        """See ``Way``."""
        super().__init__(peer, handle, now_ms, on_state)
        self._config = config

    async def run(self) -> None:
        """Answer whoever asks, until cancelled."""
        while True:
            problem = "unplugged"
            try:
                if self._network_up:
                    await self._serve()
            except LinkError as error:
                problem = str(error)
            self.peer.disconnected()
            self._tell(Route.NONE, self._config.port, problem)
            await asyncio.sleep(OPEN_AGAIN_S)

    async def _serve(self) -> None:
        """:raises LinkError: the port is lost, or not there."""
        line = _Line(self._config, self._now_ms, self._wakeup)
        try:
            self._tell(Route.NONE, self._config.port)
            while self._network_up:
                for effect in line.effects():
                    self._take(effect)
                if line.end.is_open:
                    self._converse(line.end)
                await line.answer()
                await line.wait(self.peer.next_timer())
        finally:
            await line.close()

    def _take(self, effect: LineEffect) -> None:
        now_ms = self._now_ms()
        match effect:
            case Opened():
                self.peer.connected(now_ms, live=True, pace=SERIAL)
                self._tell(Route.SERIAL, self._config.port)
            case Closed():
                self.peer.disconnected()
                self._tell(Route.NONE, self._config.port)
            case Frame(frame):
                for told in self.peer.receive(frame, now_ms):
                    self._handle(told)
                    if isinstance(told, Acked) and not self.peer.uplink.unsent_count:
                        self.peer.poll_now(now_ms)  # so that the centre hears at once that these were all

    def _converse(self, end: Secondary) -> None:
        now_ms = self._now_ms()
        if end.is_assembling:
            self.peer.downlink.arriving(now_ms)
        for effect in self.peer.check(now_ms):
            self._handle(effect)
            if isinstance(effect, Lost):  # the collector is there, the centre behind it is not
                self.peer.connected(now_ms, live=True, pace=SERIAL)
        for frame in self.peer.frames_to_send(now_ms):
            end.put(frame)


async def send_enrol_by_serial(config: SerialConfig, frame: bytes, now_ms: Callable[[], int]) -> bytes:
    """Wait for a collector, and carry a request to join to the centre behind it; the frame of its answer.

    :raises LinkError: the port is lost, or not there.
    """
    line = _Line(config, now_ms, asyncio.Event())
    try:
        while True:
            for effect in line.effects():
                if isinstance(effect, Opened):
                    line.end.put(frame)
                elif isinstance(effect, Frame):
                    return effect.frame
            await line.answer()
            await line.wait(None)
    finally:
        await line.close()

"""The way to the centre: which route is used, when it is tried again, and what the node hears of it.

    live     a WebSocket carries everything
    https    it could not be opened: packets are posted, and the WebSocket is tried again after a while
    none     no centre was reached: again after a back-off with jitter, over all addresses in turn

One task, ``run``, owns the connection; the peer is touched only by it and by the loop that runs it. Nothing here waits
for the network on behalf of a door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from edge.link.errors import LinkError, NoLiveRouteError
from edge.link.https import ENROL_PATH, SYNC_PATH, Https
from edge.link.tls import CentreContext, centre_context
from edge.link.way import LinkState, Route, Way
from edge.link.websocket import LiveLine
from protocol.backoff import delay_ms
from protocol.envelope import join, packets, split
from protocol.errors import ProtocolError
from protocol.node_peer import ClockSample, Lost, NodePeer, PeerEffect

RETRY_FIRST_MS: Final = 1_000
RETRY_MAX_MS: Final = 30_000
"""A thousand nodes are back within this after the centre was away, and not all at once."""
LIVE_AGAIN_MS: Final = 60_000
"""On HTTPS, the WebSocket is tried again after this."""
STEADY_MS: Final = 10_000
"""A route that held this long was a good one: the back-off starts anew."""


class LinkConfig(msgspec.Struct, frozen=True):
    """``urls``: ``https://host:port`` of the centre, tried in turn. ``ca_pem``: the pinned CA."""

    urls: tuple[str, ...]
    ca_pem: str


class Link(Way):
    """See the module."""

    def __init__(
        self,
        config: LinkConfig,
        peer: NodePeer,
        handle: Callable[[PeerEffect], None],
        now_ms: Callable[[], int],
        clock_is_trusted: Callable[[], bool],
        jitter: Callable[[], float],
        on_state: Callable[[LinkState], None] = lambda _state: None,
    ) -> None:
        """
        :param jitter: 0..1, a new number at each call.
        """
        super().__init__(peer, handle, now_ms, on_state)
        self._config = config
        self._clock_is_trusted = clock_is_trusted
        self._jitter = jitter
        self._url_number = 0
        self._attempt = 0

    @property
    def network_up(self) -> bool:
        """See ``Way``; a cable that is back is tried at once."""
        return self._network_up

    @network_up.setter
    def network_up(self, up: bool) -> None:
        self._attempt = 0
        self._network_up = up
        self.wake()

    # -- the one task -------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep in touch with the centre until cancelled."""
        while True:
            if not self._network_up or not self._config.urls:
                self._tell(
                    Route.NONE, "", "the network is switched off" if self._config.urls else "no centre"
                )
                await self._wait(None)
                continue
            began_ms = self._now_ms()
            problem = await self._one_address(self._config.urls[self._url_number % len(self._config.urls)])
            if problem is None:
                continue
            self._tell(Route.NONE, "", problem)
            if self._now_ms() - began_ms >= STEADY_MS:
                self._attempt = 0
            else:
                self._url_number += 1
            if self._network_up:
                wait_ms = delay_ms(
                    self._attempt, self._jitter(), first_ms=RETRY_FIRST_MS, max_ms=RETRY_MAX_MS
                )
                self._attempt += 1
                await self._pause(wait_ms)

    async def _one_address(self, url: str) -> str | None:
        """Use one address until it fails; why it did, or None when another route is to be tried there."""
        try:
            context = centre_context(self._config.ca_pem, check_dates=self._clock_is_trusted())
            async with Https(url, context) as https:
                try:
                    await self._live(https)
                except NoLiveRouteError as error:
                    await self._posting(https, str(error))
        except LinkError as error:
            return str(error)
        finally:
            self.peer.disconnected()
        return None

    async def _live(self, https: Https) -> None:
        """:raises LinkError: the line is lost."""
        line = await LiveLine.open(https)
        reader = asyncio.ensure_future(self._read(line, https.context))
        reader.add_done_callback(lambda _: self._wakeup.set())
        try:
            self.peer.connected(self._now_ms(), live=True)
            self._tell(Route.LIVE, https.url)
            while self._network_up:
                for packet in packets(self.peer.frames_to_send(self._now_ms())):
                    await line.send(packet)
                await self._wait(self._due_ms())
                if reader.done():
                    reader.result()
                for effect in self.peer.check(self._now_ms()):
                    self._handle(effect)
                    if isinstance(effect, Lost):
                        raise LinkError(f"{https.url} answers no more")
        finally:
            reader.cancel()
            await asyncio.wait({reader})
            if not reader.cancelled():
                reader.exception()  # told already, or of no interest any more
            await line.close()

    async def _read(self, line: LiveLine, context: CentreContext) -> None:
        while True:
            self._take(await line.receive(), context)
            self._wakeup.set()

    async def _posting(self, https: Https, problem: str) -> None:
        """Poll over HTTPS until it is time to try the WebSocket again.

        :raises LinkError: a packet did not get through.
        """
        until_ms = self._now_ms() + int(LIVE_AGAIN_MS * (0.5 + self._jitter()))
        self.peer.connected(self._now_ms(), live=False)
        while self._network_up and self._now_ms() < until_ms:
            frames = self.peer.frames_to_send(self._now_ms())
            for packet in packets(frames):
                self._take(await https.post(SYNC_PATH, packet), https.context)
                self._tell(Route.HTTPS, https.url, problem)
            if not frames:
                await self._wait(min(until_ms, self._due_ms() or until_ms))

    def _take(self, packet: bytes, context: CentreContext) -> None:
        try:
            frames = split(packet)
        except ProtocolError as error:
            raise LinkError(f"the centre sent {error}") from error
        for frame in frames:
            for effect in self.peer.receive(frame, self._now_ms()):
                if isinstance(effect, ClockSample) and not context.dates_checked:
                    context.check_dates(effect.sample.utc_ms)
                    context.dates_checked = True
                self._handle(effect)

    # -- waiting ------------------------------------------------------------------------------------------------

    def _due_ms(self) -> int | None:
        return self.peer.next_timer()

    async def _wait(self, due_ms: int | None) -> None:
        """Until something is to be done, or ``due_ms``."""
        timeout_s = None if due_ms is None else max(0, due_ms - self._now_ms()) / 1_000
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):  # wait_for loses a cancellation in Python 3.11
                await self._wakeup.wait()
        self._wakeup.clear()

    async def _pause(self, wait_ms: int) -> None:
        """Before the next attempt: new facts do not shorten it, a switch of the network does."""
        until_ms = self._now_ms() + wait_ms
        was_up = self._network_up
        while self._now_ms() < until_ms and self._network_up == was_up:
            await self._wait(until_ms)


async def send_enrol(config: LinkConfig, frame: bytes, *, clock_is_trusted: bool) -> bytes:
    """Carry a request to join to the first centre address that answers; the frame of its answer.

    :raises LinkError: none did.
    """
    problem = LinkError("no centre is named in node.toml")
    for url in config.urls:
        try:
            async with Https(url, centre_context(config.ca_pem, check_dates=clock_is_trusted)) as https:
                frames = split(await https.post(ENROL_PATH, join([frame])))
                if len(frames) == 1:
                    return frames[0]
                problem = LinkError(f"{url} gave {len(frames)} answers")
        except (LinkError, ProtocolError) as error:
            problem = error if isinstance(error, LinkError) else LinkError(f"{url}: {error}")
    raise problem

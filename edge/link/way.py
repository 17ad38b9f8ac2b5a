"""A way to the centre: what every one of them has, whatever carries the frames."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum

import msgspec

from protocol.node_peer import NodePeer, PeerEffect


class Route(Enum):
    """How the centre is reached."""

    NONE = "none"
    HTTPS = "https"
    LIVE = "live"
    SERIAL = "serial"


class LinkState(msgspec.Struct, frozen=True):
    """For the status page. ``problem``: why there is no (live) route, empty when there is one."""

    route: Route
    url: str
    since_ms: int
    problem: str = ""


class Way(ABC):
    """One task, ``run``, owns the connection; ``peer`` is touched only by it and by the loop that runs it."""

    def __init__(
        self,
        peer: NodePeer,
        handle: Callable[[PeerEffect], None],
        now_ms: Callable[[], int],
        on_state: Callable[[LinkState], None],
    ) -> None:
        """
        :param handle: is given every effect, in order, in the loop's thread; must not block.
        :param now_ms: the node's boot time, the same that the peer is told.
        :param on_state: is told when the route changes.
        """
        self.peer = peer
        self._handle = handle
        self._now_ms = now_ms
        self._on_state = on_state
        self._wakeup = asyncio.Event()
        self._network_up = True
        self.state = LinkState(Route.NONE, "", now_ms())

    @abstractmethod
    async def run(self) -> None:
        """Keep in touch with the centre until cancelled."""

    def wake(self) -> None:
        """Something is to be sent: facts were recorded, rows applied, or a poll is wanted."""
        self._wakeup.set()

    def sync_now(self) -> None:
        """Poll as soon as the way allows (an operator or the schedule asks for it)."""
        self.peer.poll_now(self._now_ms())
        self.wake()

    @property
    def network_up(self) -> bool:
        """The switch of the demo: False cuts the node off as a pulled cable or plug does."""
        return self._network_up

    @network_up.setter
    def network_up(self, up: bool) -> None:
        self._network_up = up
        self.wake()

    def _tell(self, route: Route, url: str, problem: str = "") -> None:
        if (route, url, problem) != (self.state.route, self.state.url, self.state.problem):
            self.state = LinkState(route, url, self._now_ms(), problem)
            self._on_state(self.state)

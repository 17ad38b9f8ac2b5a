"""A device in this process: the node's half of the engines, its rows and facts in memory, packets handed to a hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.clock import FakeClock
from central.sync import tickets
from central.sync.endpoints import HUB
from central.sync.hub import Hub
from central.sync.links import Link
from central.sync.storage import read_heads
from protocol import enrolment
from protocol.downlink import HotlistWanted
from protocol.ids import Stream
from protocol.messages import Enrol
from protocol.node_peer import Identity, NodePeer
from protocol.records import Change
from protocol.uplink import Purge
from tests.protocol.memory_stores import CountingRandom, MemoryNode, MemoryOutbox, Status, private_key
from tests.support.centre import RunningCentre


class Place(Protocol):
    """Where devices join: a centre of whatever kind."""

    hub: Hub
    clock: FakeClock
    centre_key: Ed25519PublicKey

    async def announced(self) -> None:
        """Until the hub has been told of all that was published."""


class WholeCentre:
    """The hub of a running centre."""

    def __init__(self, running: RunningCentre) -> None:
        self.running = running
        self.hub: Hub = running.server.apps.nodes[HUB]
        self.clock = running.clock
        self.centre_key = running.centre.keys.signing.public_key()

    async def announced(self) -> None:
        while self.hub.storage.heads("") != await self.running.read(read_heads):
            pass  # each look lets the loop run

    async def ticket(self, device_id: int, number: int = 1) -> tuple[str, bytes]:
        secret, name = bytes([number]) * 32, f"ticket-{device_id}-{number}"
        await self.running.write(tickets.make_ticket, device_id, name, secret, self.clock.now())
        return name, secret


class Node:
    """A device that keeps its rows and facts in memory."""

    def __init__(self, site: Place, name: str, key_number: int = 9) -> None:
        self.site, self.name, self.key = site, name, private_key(key_number)
        self.board = "board"
        self.store, self.outbox = MemoryNode(name), MemoryOutbox()
        self.status = Status()
        self.random = CountingRandom(key_number * 1_000_000)
        self.peer: NodePeer | None = None
        self.answers: list[object] = []

    async def join(self, ticket: tuple[str, bytes]) -> object:
        """Enrol; returns the centre's answer, and opens the conversation if it is one."""
        ticket_id, secret = ticket
        request = Enrol(
            ticket_id,
            self.name,
            enrolment.raw_public(self.key),
            self.board,
            b"",
            self.outbox.salt,
            self.random(16),
        )
        frame = enrolment.write_enrol(request, secret, self.key)
        frames, _ = await self.site.hub.packet([frame], address="10.0.0.77")
        answer = enrolment.read_answer(frames[0], secret, request)
        if hasattr(answer, "node_epoch"):
            identity = Identity(answer.node, answer.node_epoch, self.key, self.site.centre_key)
            self.peer = NodePeer(identity, self.status, self.store.downlink, self.outbox, self.random)
        return answer

    @property
    def now_ms(self) -> int:
        return int(self.site.clock.monotonic() * 1_000)

    async def talk(self, seconds: float = 60.0) -> None:
        """Exchange packets until nothing is left to say, over so much of moved time."""
        assert self.peer is not None
        await self.site.announced()
        self.peer.connected(self.now_ms, live=False)
        end = self.site.clock.monotonic() + seconds
        while self.site.clock.monotonic() < end:
            await self.exchange()
            self.site.clock.advance(s=5)
        self.peer.disconnected()

    async def exchange(self, hub: Hub | None = None, wake: Callable[[], None] | None = None) -> Link | None:
        """Packets to and fro, in this moment, until nothing is left to say; the session that they were of.

        :param hub: of another process of the centre than the site's own.
        """
        assert self.peer is not None
        quiet, link = 0, None
        while quiet < 2:
            up = self.peer.frames_to_send(self.now_ms)
            if not up:
                quiet += 1
                continue
            down, found = await (hub or self.site.hub).packet(up, wake)
            link = found or link
            for frame in down:
                self.take(frame)
        return link

    def take(self, frame: bytes) -> None:
        assert self.peer is not None
        for effect in self.peer.receive(frame, self.now_ms):
            self.answers.append(effect)
            if hasattr(effect, "streams"):
                self.store.apply(effect, self.now_ms)
            elif isinstance(effect, HotlistWanted):
                self.store.downlink.report_hotlist(
                    [
                        Change(kind, key, body)
                        for (stream, kind, key), body in self.store.disk.items()
                        if stream is Stream.RESTRICTIONS
                    ]
                )
            elif isinstance(effect, Purge):
                self.outbox.purge(effect.through)

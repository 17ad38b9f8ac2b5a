"""A hub over a real database, and devices that speak to it through the node's half of the engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.announce import Listener
from central.backup_record import Backup
from central.clock import FakeClock
from central.sync import model, publish, tickets
from central.sync.hub import Hub
from central.sync.storage import read_heads
from protocol import enrolment
from protocol.messages import Enrol
from protocol.node_peer import Identity, NodePeer
from protocol.uplink import Purge
from tests.protocol.memory_stores import CountingRandom, MemoryNode, MemoryOutbox, Status, private_key
from tests.support.estate import Estate

CENTRE_KEY = private_key(1)


class Site:
    """An estate, its hub, and as many devices as a test wants."""

    def __init__(self, directory: Path, url: str) -> None:
        self.estate = Estate(directory, url)
        self.estate.write(self._more)
        self.db, self.clock = self.estate.db, FakeClock()
        self.hub = Hub(
            self.db, self.clock, CENTRE_KEY, bytes(32), CountingRandom(1_000), self.clock.monotonic
        )

    def _more(self) -> None:
        for table in (model.QuarantinedFact, model.Ticket, Backup):
            table.create_table(safe=True)
        publish.everything_changed(self.estate.site)

    async def announced(self) -> None:
        """Until the hub has been told of all that was published (PostgreSQL brings it back by itself)."""
        async with asyncio.timeout(10):
            while self.hub.storage.heads("") != await self.db.read(read_heads):
                pass  # each look lets the loop run

    def ticket(self, device_id: int, number: int = 1) -> tuple[str, bytes]:
        secret = bytes([number]) * 32
        name = f"ticket-{device_id}-{number}"
        self.estate.write(tickets.make_ticket, device_id, name, secret, self.clock.now())
        return name, secret


class Node:
    """A device that keeps its rows and facts in memory."""

    def __init__(self, site: Site, name: str, key_number: int = 9) -> None:
        self.site, self.name, self.key = site, name, private_key(key_number)
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
            "board",
            b"",
            self.outbox.salt,
            self.random(16),
        )
        frames, _ = await self.site.hub.packet([enrolment.write_enrol(request, secret, self.key)])
        answer = enrolment.read_answer(frames[0], secret, request)
        if hasattr(answer, "node_epoch"):
            identity = Identity(self.name, answer.node_epoch, self.key, CENTRE_KEY.public_key())
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
            quiet = 0
            while quiet < 2:
                up = self.peer.frames_to_send(self.now_ms)
                if not up:
                    quiet += 1
                    continue
                down, _ = await self.site.hub.packet(up)
                for frame in down:
                    self.take(frame)
            self.site.clock.advance(s=5)
        self.peer.disconnected()

    def take(self, frame: bytes) -> None:
        assert self.peer is not None
        for effect in self.peer.receive(frame, self.now_ms):
            self.answers.append(effect)
            if hasattr(effect, "streams"):
                self.store.apply(effect, self.now_ms)
            elif isinstance(effect, Purge):
                self.outbox.purge(effect.through)


@pytest.fixture
async def site(tmp_path: Path, database_url: str) -> AsyncIterator[Site]:
    made = Site(tmp_path, database_url)
    made.db._writer.start()  # ``open`` without the migrations: the estate has made its tables
    if made.db.kind == "postgresql":
        made.db._listener = Listener(database_url, made.db._deliver)
        made.db._listener.start()
        async with asyncio.timeout(10):
            await made.db._listener.ready.wait()
    await made.hub.start()
    yield made
    await made.hub.stop()
    if made.db._listener is not None:
        await made.db._listener.stop()
    made.estate.close()

"""A hub over a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.announce import Listener
from central.clock import FakeClock
from central.sync import publish, tickets
from central.sync.hub import Hub
from central.sync.storage import read_heads
from tests.protocol.memory_stores import CountingRandom, private_key
from tests.support.estate import Estate
from tests.support.hub_node import Node

__all__ = ["Node", "Site", "site"]

CENTRE_KEY = private_key(1)


class Site:
    """An estate, its hub, and as many devices as a test wants."""

    def __init__(self, directory: Path, url: str) -> None:
        self.estate = Estate(directory, url)
        self.estate.write(self._more)
        self.db, self.clock = self.estate.db, FakeClock()
        self.centre_key = CENTRE_KEY.public_key()
        self.hub = Hub(
            self.db, self.clock, CENTRE_KEY, bytes(32), CountingRandom(1_000), self.clock.monotonic
        )

    def _more(self) -> None:
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


@pytest.fixture
async def site(tmp_path: Path, database_url: str) -> AsyncIterator[Site]:
    made = Site(tmp_path, database_url)
    made.db._writer.start()  # ``open`` without the migrations: the estate has made its tables
    if made.db.kind == "postgresql":
        made.db._listener = Listener(database_url, made.db._deliver)
        await made.db._listener.start()
    await made.hub.start()
    yield made
    await made.hub.stop()
    if made.db._listener is not None:
        await made.db._listener.stop()
    made.estate.close()

"""A file of the centre, given to a running node: old ones are refused also after the medium failed, and doors decide meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from edge.cache.store import ConfigStore
from edge.configuration import Configuration
from edge.correspondence import Correspondence, Host
from edge.identity import IdentityFiles, Member
from edge.load import LoadError, load
from protocol.bundle import seal_bundle, write_bundle
from protocol.downlink import NodeDownlink
from protocol.enrolment import raw_public
from protocol.ids import Stream, uid_key
from protocol.node_peer import Identity, NodePeer
from protocol.reasons import Reason
from protocol.records import RestrictionRow, Revisions, put
from protocol.unit_box import box_key_of
from tests.protocol.memory_stores import CountingRandom, MemoryCentre, MemoryOutbox, Status, private_key

CENTRE = private_key(1)
MEMBER = Member("gate", 1, raw_public(CENTRE), b"", "gate", 30, b"", "T")


def lost(number: int) -> Any:
    return put(uid_key(number.to_bytes(4, "big")), RestrictionRow(Reason.CARD_LOST, 1, 5))


class Unit:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.centre = MemoryCentre(CENTRE)
        self.files = IdentityFiles(folder)
        self.executor = ThreadPoolExecutor(1)

    async def start(self) -> None:
        store = ConfigStore(self.folder / "config.db")
        self.configuration = Configuration(store, self.executor, lambda: 0)
        self.configuration.open()
        await self.configuration.load()
        downlink = NodeDownlink("gate", self.configuration.revisions, self.configuration.digests)
        identity = Identity("gate", 1, self.files.key(), CENTRE.public_key())
        self.peer = NodePeer(identity, Status(), downlink, MemoryOutbox(), CountingRandom())
        self.correspondence = Correspondence(cast(Host, None), self.configuration, MEMBER, downlink)

    def stick(self, name: str, parts_count: int = 1) -> Path:
        frames = [
            frame
            for stream in Stream
            for part in range(parts_count)
            if (frame := self.centre.snapshot_part("gate", stream, 0, part)) is not None
        ]
        path = self.folder / name
        path.write_bytes(
            seal_bundle(write_bundle(frames), box_key_of(raw_public(self.files.key())), bytes(range(32)))
        )
        return path

    async def load(self, path: Path) -> dict[str, Any]:
        return await load(path, self.files, self.peer, self.correspondence, lambda: 1_000)


@pytest.fixture
async def unit(tmp_path: Path) -> AsyncIterator[Unit]:
    made = Unit(tmp_path)
    await made.start()
    yield made
    made.configuration.close()
    made.executor.shutdown()


async def test_last_months_stick_is_refused_after_the_configuration_was_put_aside(unit: Unit) -> None:
    """Planted break: ``edge.load`` not giving ``highest`` to the peer."""
    unit.centre.publish(Stream.RESTRICTIONS, lost(1))
    old = unit.stick("old")
    unit.centre.publish(Stream.RESTRICTIONS, lost(2))
    newer = unit.stick("newer")
    await unit.load(newer)
    unit.configuration.close()
    for path in unit.folder.glob("config.db*"):
        path.write_bytes(b"no database" * 1_000)
    await unit.start()
    assert unit.peer.downlink.stored == Revisions()
    with pytest.raises(LoadError):
        await unit.load(old)
    assert unit.configuration.view.restricted() == {}
    assert await unit.load(newer) == {"restrictions": 2, "access": 0}


async def test_the_loop_goes_on_while_many_rows_are_taken_in(unit: Unit) -> None:
    """Planted break: ``load`` without ``sleep(0)`` between the parts."""
    unit.centre.publish(Stream.RESTRICTIONS, *(lost(number) for number in range(20_001)))
    path = unit.stick("many", parts_count=5)
    turns = 0
    was_read = asyncio.Event()
    read_file = unit.peer.read_file

    def counted(frames: Any) -> Any:
        found = read_file(frames)
        loop.call_soon_threadsafe(was_read.set)
        return found

    async def count() -> None:
        nonlocal turns
        await was_read.wait()
        while unit.configuration.revisions == Revisions():
            turns += not unit.peer.downlink._lanes[Stream.RESTRICTIONS].applying
            await asyncio.sleep(0)

    loop = asyncio.get_running_loop()
    unit.peer.read_file = counted  # type: ignore[method-assign]
    counting = asyncio.create_task(count())
    await unit.load(path)
    await counting
    assert turns >= 5, "the loop had a turn after each part"

"""A finished backup is told to every device, signed, while its session stays open: whoever made it, in whatever process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from central.access.model import Door
from central.nodes.service import DeviceInput, create
from central.sync.model import Enrolment
from protocol.facts import AccessFact, encode_body
from protocol.reasons import Reason
from protocol.records import Revisions
from protocol.uplink import Purge
from tests.support.centre import run_centre
from tests.support.centre_process import command
from tests.support.hub_node import Node, WholeCentre

PASSPHRASE = {"ONECARD_BACKUP_PASSPHRASE": "a long passphrase"}


@pytest.fixture
async def centre(tmp_path: Path, database_url: str) -> AsyncIterator[WholeCentre]:
    data = tmp_path / "centre"
    url = "" if database_url.startswith("sqlite") else database_url
    async with run_centre(data, database_url=url) as running:
        if url:  # for the commands beside it
            (data / "centre.toml").write_text(f'[database]\nurl = "{url}"\n')
        yield WholeCentre(running)


async def joined(centre: WholeCentre, name: str, number: int) -> Node:
    """A device with one door that has joined and sent three facts."""
    given = DeviceInput(site=1, organisation=1, name=name, number=number, label=name)
    device = await centre.running.write(create, given, centre.clock.now())
    door = await centre.running.read(lambda: Door.get(Door.device == device.id).id)
    node = Node(centre, name, number)
    await node.join(await centre.ticket(device.id, number))
    for _ in range(3):
        kind, body = encode_body(AccessFact(door, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 0)))
        node.outbox.add(int(kind), body)
    await node.talk(10)
    return node


async def open_session(centre: WholeCentre, node: Node, wake: asyncio.Event | None) -> None:
    await centre.announced()
    node.peer.connected(node.now_ms, live=wake is not None)
    assert await node.exchange(wake=wake.set if wake is not None else None) is not None


def purges(node: Node) -> list[int]:
    return [effect.through for effect in node.answers if isinstance(effect, Purge)]


async def back_up(centre: WholeCentre, name: str) -> None:
    """The command, in a process of its own, beside the running centre."""
    data = centre.running.centre.config.data
    done = await asyncio.to_thread(
        lambda: command("backup", str(data.parent / name), "--data", str(data), environment=PASSPHRASE)
    )
    assert done.returncode == 0, done.stderr


async def test_a_backup_by_a_command_reaches_open_sessions(centre: WholeCentre) -> None:
    """Planted breaks: leave ``announce`` out of ``record_backup`` (PostgreSQL); out of ``_watch_file`` the look (SQLite)."""
    live, polling = await joined(centre, "east-gate", 1), await joined(centre, "west-gate", 2)
    wake = asyncio.Event()
    await open_session(centre, live, wake)
    await open_session(centre, polling, None)
    assert purges(live) == purges(polling) == []
    (link,) = [
        link for link in centre.hub._links.values() if link.peer is centre.hub.sessions.of_node("east-gate")
    ]

    wake.clear()
    await back_up(centre, "first")
    async with asyncio.timeout(20):
        while not purges(live):
            await wake.wait()
            wake.clear()
            for frame in await centre.hub.frames_to_send(link):
                live.take(frame)
    assert purges(live) == [3], "at once where a connection is open"
    assert live.outbox.first_seq == 4

    centre.clock.advance(s=30)
    await polling.exchange()
    assert purges(polling) == [3], "with the next poll where there is none"
    received = await centre.running.read(lambda: {row.received_through for row in Enrolment.select()})
    assert received == {3}


async def test_a_backup_tells_no_more_than_it_holds(centre: WholeCentre) -> None:
    """Planted break: tell ``received_through`` instead of the mark of the copy."""
    node = await joined(centre, "east-gate", 1)
    wake = asyncio.Event()
    await open_session(centre, node, wake)
    (link,) = centre.hub._links.values()
    await back_up(centre, "first")
    kind, body = encode_body(AccessFact(1, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 0)))
    node.outbox.add(int(kind), body)
    async with asyncio.timeout(20):
        while not purges(node):
            await wake.wait()
            wake.clear()
            for frame in await centre.hub.frames_to_send(link):
                node.take(frame)
            await node.exchange(wake=wake.set)
    assert purges(node) == [3]
    assert node.peer.uplink.acked == 4

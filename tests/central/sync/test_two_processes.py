"""Two processes of one centre on one PostgreSQL database: a device and a browser may be at either of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from central.access.command_rules import CommandKind, CommandState
from central.access.commands import Wish, ask
from central.access.model import AccessEvent, AccessPoint, Door, DoorCommand
from central.audit import SYSTEM
from central.cards.model import CardIssue
from central.cards.rules import Disable, Holding
from central.nodes.service import DeviceInput, create
from central.sync import publish
from central.sync.model import DeviceStatus, StoredFact
from central.sync.storage import read_heads
from protocol.facts import AccessFact, encode_body
from protocol.ids import uid_key
from protocol.node_peer import CommandReceived
from protocol.reasons import Reason
from protocol.records import Revisions
from tests.support.centre import run_centre
from tests.support.estate import card_row
from tests.support.hub_node import Node, WholeCentre

pytestmark = pytest.mark.postgres
UID = bytes.fromhex("04A1B2C3D4E5F6")
DEADLINE_S = 20


class Pair:
    """Processes A and B, and one door with a device that joined at A."""

    def __init__(self, a: WholeCentre, b: WholeCentre) -> None:
        self.a, self.b = a, b
        self.device = self.door = 0

    async def make(self) -> Node:
        given = DeviceInput(site=1, organisation=1, name="east-gate", number=1, label="East gate")
        self.device = (await self.a.running.write(create, given, self.a.clock.now())).id
        self.door = await self.a.running.read(lambda: Door.get().id)
        node = Node(self.a, "east-gate")
        await node.join(await self.a.ticket(self.device))
        await self.a.announced()
        await self.b.announced()
        return node

    def advance(self, seconds: float) -> None:
        for centre in (self.a, self.b):
            centre.clock.advance(s=seconds)

    async def is_online(self) -> bool:
        for centre in (self.a, self.b):
            await centre.hub.look_for_silence()
        return await self.a.running.read(lambda: DeviceStatus.get().online)


@pytest.fixture
async def pair(tmp_path: Path, postgres_url: str) -> AsyncIterator[Pair]:
    async with run_centre(tmp_path / "a", database_url=postgres_url) as first:
        (tmp_path / "b").mkdir(mode=0o700)
        shutil.copytree(tmp_path / "a" / "keys", tmp_path / "b" / "keys")
        async with run_centre(tmp_path / "b", database_url=postgres_url, set_up=False) as second:
            yield Pair(WholeCentre(first), WholeCentre(second))


async def live_at(centre: WholeCentre, node: Node, wake: asyncio.Event) -> None:
    node.peer.connected(node.now_ms, live=True)
    assert await node.exchange(centre.hub, wake.set) is not None


async def woken(centre: WholeCentre, node: Node, wake: asyncio.Event) -> None:
    """What the process says by itself, once; and what follows from it."""
    async with asyncio.timeout(DEADLINE_S):
        await wake.wait()
    wake.clear()
    peer = centre.hub.sessions.of_node("east-gate")
    for frame in await centre.hub.frames_to_send(centre.hub._links[peer.session]):
        node.take(frame)
    await node.exchange(centre.hub, wake.set)


def record(node: Node, reason: Reason = Reason.UNKNOWN_CARD) -> None:
    kind, body = encode_body(AccessFact(1, reason, Revisions(1, 1, 1, 0)))
    node.outbox.add(int(kind), body, uid_key(UID))


def lose_a_card() -> None:
    card = card_row(
        site=1,
        organisation=1,
        card_no="1",
        uid=UID,
        issue_no=1,
        holding=Holding.IN_USE.value,
        reasons=[Disable.LOST.value],
        dead_since=datetime(2026, 1, 2, tzinfo=UTC),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        changed_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    CardIssue.create(card=card.id, issue_no=1, issued_at=datetime(2020, 1, 1, tzinfo=UTC))
    publish.card_changed(card.id)


async def test_a_change_made_at_one_process_reaches_a_device_at_the_other_at_once(pair: Pair) -> None:
    """Planted break: leave ``pg_notify`` out of ``Database._run_checked``."""
    node, wake = await pair.make(), asyncio.Event()
    await live_at(pair.b, node, wake)
    wake.clear()
    await pair.a.running.write(lose_a_card)
    heads = await pair.a.running.read(read_heads)
    async with asyncio.timeout(DEADLINE_S):
        while node.store.view.revisions.restrictions < heads.restrictions:
            await woken(pair.b, node, wake)
    assert uid_key(UID) in {key for _, _, key in node.store.disk}


async def test_a_browser_at_one_process_sees_facts_that_arrived_at_the_other(pair: Pair) -> None:
    node = await pair.make()
    browser = await pair.a.running.as_role("administrator")
    async with browser.session.get(pair.a.running.url + "/live?feed=monitor") as stream:
        assert stream.status == 200
        assert b"hello" in await stream.content.readuntil(b"\n\n")
        point = await pair.a.running.read(lambda: AccessPoint.get().id)
        kind, body = encode_body(AccessFact(point, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 0)))
        node.outbox.add(int(kind), body, uid_key(UID))
        node.peer.connected(node.now_ms, live=False)
        await node.exchange(pair.b.hub)
        async with asyncio.timeout(DEADLINE_S):
            said = b""
            while b"East gate" not in said:
                said = await stream.content.readuntil(b"\n\n")


async def test_a_device_whose_packets_go_to_either_process_loses_and_doubles_nothing(pair: Pair) -> None:
    """A session is of one process; at the other one the device greets anew. Seen when: ten turns, every fact here once."""
    node = await pair.make()
    node.peer.connected(node.now_ms, live=False)
    for turn in range(10):
        record(node)
        centre = (pair.a, pair.b)[turn % 2]
        pair.advance(30)
        assert await node.exchange(centre.hub) is not None
        assert node.peer.uplink.unsent_count == 0, turn
    seqs = await pair.b.running.read(
        lambda: [row.seq for row in StoredFact.select().order_by(StoredFact.seq)]
    )
    assert seqs == list(range(1, 11))
    assert await pair.b.running.read(lambda: AccessEvent.select().count()) == 10


async def test_the_same_facts_at_both_processes_at_once_are_stored_once(pair: Pair) -> None:
    """A device that is connected twice: each process has a session and gets the same batch in the same moment."""
    node = await pair.make()
    for _ in range(20):
        record(node)
    other = Node(pair.b, "east-gate")
    other.outbox, other.store = node.outbox, node.store
    other.peer = type(node.peer)(
        node.peer._identity, node.status, node.store.downlink, node.outbox, other.random
    )
    batches = []
    for one, centre in ((node, pair.a), (other, pair.b)):
        one.peer.connected(one.now_ms, live=False)
        down, _ = await centre.hub.packet(one.peer.frames_to_send(one.now_ms))
        for frame in down:
            one.take(frame)
        batches.append(one.peer.frames_to_send(one.now_ms))
        assert len(batches[-1]) > 1, "a poll, and the facts"
    await asyncio.gather(pair.a.hub.packet(batches[0]), pair.b.hub.packet(batches[1]))
    pair.advance(30)
    await node.exchange(pair.a.hub)
    seqs = await pair.a.running.read(
        lambda: [row.seq for row in StoredFact.select().order_by(StoredFact.seq)]
    )
    assert seqs == list(range(1, 21))
    assert await pair.a.running.read(lambda: AccessEvent.select().count()) == 20
    assert node.peer.uplink.unsent_count == 0


async def test_a_process_that_a_device_has_left_does_not_call_it_offline(pair: Pair) -> None:
    """Planted breaks: leave out the session in ``status.gone``, and ``OPENED``; mark everything offline when a process starts."""
    node = await pair.make()
    node.peer.connected(node.now_ms, live=False)
    await node.exchange(pair.a.hub)
    assert await pair.is_online()
    for _ in range(5):
        pair.advance(30)
        await node.exchange(pair.b.hub)
        assert await pair.is_online()
    await pair.a.hub.stop()
    await pair.a.hub.start()
    assert await pair.is_online(), "a process that starts knows nothing of the others' devices"
    pair.advance(130)
    assert not await pair.is_online()


async def test_a_command_asked_for_at_one_process_is_sent_by_the_other(pair: Pair) -> None:
    """Planted break: leave out ``OPENED``: the process that the device has left would say that it did not come in time."""
    node, wake = await pair.make(), asyncio.Event()
    node.peer.connected(node.now_ms, live=False)
    await node.exchange(pair.a.hub)
    node.peer.disconnected()
    await live_at(pair.b, node, wake)
    async with asyncio.timeout(DEADLINE_S):
        while pair.a.hub.sessions.of_node("east-gate") is not None:
            await pair.a.running.read(lambda: None)  # each look lets the loop run
    wake.clear()

    def open_door() -> int:
        return ask(
            Door.get(),
            Wish(CommandKind.OPEN, "visitor"),
            SYSTEM,
            pair.a.running.centre.audit,
            pair.a.clock.now(),
        )

    number = await pair.a.running.write(open_door)
    await woken(pair.b, node, wake)
    received = [effect.command.command_id for effect in node.answers if isinstance(effect, CommandReceived)]
    assert received == [number]
    async with asyncio.timeout(DEADLINE_S):
        while await pair.a.running.read(lambda: DoorCommand.get().state) == CommandState.QUEUED.value:
            pass
    assert await pair.a.running.read(lambda: DoorCommand.get().state) == CommandState.SENT.value

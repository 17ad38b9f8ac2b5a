"""What a poll and a batch of facts cost, counted in statements and commits, not in time (performance.md)."""

from __future__ import annotations

import asyncio
import threading

import pytest

from central.engines import NotesChanges
from central.nodes.service import DeviceInput, create
from central.sync.model import StoredFact
from protocol.facts import AccessFact, encode_body
from protocol.reasons import Reason
from protocol.records import Revisions
from tests.central.sync.conftest import Node, Site
from tests.central.sync.test_hub_and_nodes import enrolled, give_card

MANY = 40


def record(node: Node, count: int = 1) -> None:
    for _ in range(count):
        kind, body = encode_body(AccessFact(1, Reason.UNKNOWN_CARD, Revisions(1, 1, 1, 0)))
        node.outbox.add(int(kind), body)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement of every engine, in order; not the BEGIN and COMMIT around them."""
    found: list[str] = []
    run = NotesChanges.execute_sql

    def execute_sql(self: NotesChanges, sql: str, params: object = None) -> object:
        if not sql.startswith(("BEGIN", "SELECT set_config")):
            found.append(sql)
        return run(self, sql, params)

    monkeypatch.setattr(NotesChanges, "execute_sql", execute_sql)
    return found


async def polled(site: Site, node: Node, statements: list[str]) -> list[str]:
    """The statements of one poll with nothing new."""
    site.clock.advance(s=31)
    frames = node.peer.frames_to_send(node.now_ms)
    assert len(frames) == 1, "the poll and nothing else"
    statements.clear()
    answers, link = await site.hub.packet(frames)
    made = list(statements)
    assert link is not None
    for frame in answers:
        node.take(frame)
    return made


async def test_a_poll_with_nothing_new_costs_the_same_whatever_there_is(
    site: Site, statements: list[str]
) -> None:
    """Planted break: look for the device's rows, or count its facts, when it polls."""
    node = await enrolled(site)
    await node.talk(10)
    node.peer.connected(node.now_ms, live=False)
    await node.exchange()
    few = await polled(site, node, statements)
    assert len(few) <= 4, "where the device stands is written twice a minute at most, by its key"

    def more() -> None:
        for number in range(3, MANY):
            create(
                DeviceInput(
                    site=site.estate.site,
                    organisation=site.estate.organisation,
                    name=f"gate-{number}",
                    number=number,
                    label=f"Gate {number}",
                ),
                site.clock.now(),
            )

    site.estate.write(more)
    for number in range(MANY):
        give_card(site, bytes([4, 9, 9, 9, 9, 9, number]))
    record(node, 3 * MANY)
    await node.talk(10)
    node.peer.connected(node.now_ms, live=False)
    await node.exchange()
    many = await polled(site, node, statements)
    assert many == few
    for sql in many:
        assert "WHERE" in sql
        assert "COUNT" not in sql


async def test_a_poll_soon_after_another_asks_the_database_nothing(site: Site, statements: list[str]) -> None:
    node = await enrolled(site)
    await node.talk(10)
    node.peer.connected(node.now_ms, live=True)
    await node.exchange(wake=lambda: None)
    site.clock.advance(s=31)
    await node.exchange(wake=lambda: None)
    site.clock.advance(s=6)
    frames = node.peer.frames_to_send(node.now_ms)
    assert frames, "a ping is due every five seconds"
    statements.clear()
    await site.hub.packet(frames, lambda: None)
    assert statements == []


async def test_facts_of_many_devices_share_one_commit(site: Site) -> None:
    """Planted break: ``write`` for ``write_grouped`` in ``Hub._store``."""
    nodes = [await enrolled(site), await enrolled(site, "desk", 8)]
    packets = []
    for node in nodes:
        node.peer.connected(node.now_ms, live=False)
        await node.exchange()
        record(node, 5)
        packets.append(node.peer.frames_to_send(node.now_ms))
    commits: list[int] = []
    engine, blocker = site.db._write_engine, threading.Event()
    commit = engine.commit
    engine.commit = lambda: commits.append(1) or commit()
    held = asyncio.ensure_future(site.db.write(blocker.wait, 20))
    handing = [asyncio.ensure_future(site.hub.packet(frames)) for frames in packets]
    async with asyncio.timeout(20):
        while site.db.waiting_count < len(nodes):
            await site.db.read(lambda: None)  # each look lets the loop run
    blocker.set()
    await asyncio.gather(held, *handing)
    engine.commit = commit
    assert site.estate.read(lambda: StoredFact.select().count()) == 10
    assert len(commits) == 2, "the one that was under way, and one for all facts"

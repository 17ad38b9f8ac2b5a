"""What the hub must not do for a stranger, for a device that was replaced, or for a session that ends meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from central.errors import StorageError
from central.nodes import service
from central.sync import ingest
from central.sync.model import Enrolment, QuarantinedFact, StoredFact
from protocol.envelope import is_session_frame, peek
from protocol.errors import StateError
from protocol.messages import MessageKind, RemoteOpen
from protocol.reasons import Reason
from tests.central.sync.conftest import Node, Site
from tests.central.sync.test_hub_and_nodes import access_fact, enrolled


async def session_of(site: Site, node: Node) -> Any:
    """The node is connected; its session at the hub."""
    await node.talk(10)
    peer = site.hub.sessions.of_node(node.name)
    assert peer is not None
    return site.hub._links[peer.session]


async def facts_of(node: Node, site: Site, reason: Reason = Reason.UNKNOWN_CARD) -> list[bytes]:
    """The signed frames of a new fact, as the node sends them."""
    kind, body = access_fact(site, reason)
    node.outbox.add(kind, body)
    assert node.peer is not None
    node.peer.connected(node.now_ms, live=False)
    for _ in range(10):
        frames = node.peer.frames_to_send(node.now_ms)
        facts = [f for f in frames if not is_session_frame(f) and peek(f).kind == MessageKind.FACT_BATCH]
        if facts:
            return facts
        down, _link = await site.hub.packet(frames)
        for frame in down:
            node.take(frame)
        site.clock.advance(s=5)
    raise AssertionError("no facts were sent")


@pytest.mark.parametrize("damage", ["signature", "repeated"])
async def test_what_waits_for_a_device_is_not_given_to_who_only_names_it(site: Site, damage: str) -> None:
    """Planted break: answer with ``frames_to_send`` whatever ``_receive`` says."""
    node = await enrolled(site)
    facts = await facts_of(node, site)
    await site.hub.packet(facts)
    link = await session_of(site, node)
    link.published = True
    site.hub.storage.refresh(site.hub.storage.heads("").with_(1, 999))
    frame = facts[0] if damage == "repeated" else facts[0][:-1] + bytes([facts[0][-1] ^ 1])
    woken: list[int] = []
    answers, found = await site.hub.packet([frame], lambda: woken.append(1))
    assert answers == []
    assert found is None
    assert link.wake is None, "nor does its connection become the device's"
    assert await site.hub.frames_to_send(link), "what waits still waits for the device itself"


async def test_a_replaced_device_that_goes_on_does_not_push_out_its_successor(site: Site) -> None:
    """Planted break: one table of sessions for both."""
    old = await enrolled(site)
    await old.talk(10)
    new = await enrolled(site, key_number=7)
    link = await session_of(site, new)
    old.peer.poll_now(old.now_ms)
    await old.talk(40)
    assert site.hub.is_open(link)
    assert site.hub.sessions.of_node("east-gate") is link.peer
    site.hub.command("east-gate", RemoteOpen(1, "east-gate", bytes(16), 0, 1))


async def test_closing_an_enrolment_anywhere_ends_its_session_here(site: Site) -> None:
    """Planted break: do not subscribe to ``tickets.CLOSED``. Another process may have revoked it."""
    node = await enrolled(site)
    link = await session_of(site, node)
    woken = asyncio.Event()
    link.wake = woken.set
    await site.db.write(service.revoke, site.estate.gate_device, site.clock.now())
    async with asyncio.timeout(10):
        await woken.wait()
    assert not site.hub.is_open(link)
    with pytest.raises(StateError):
        site.hub.command("east-gate", RemoteOpen(1, "east-gate", bytes(16), 0, 1))
    assert not site.hub.is_online("east-gate")


async def test_facts_under_way_when_a_device_is_revoked_are_quarantined(site: Site) -> None:
    """Planted break: leave out the look at ``closed_at`` in ``ingest.store``."""
    node = await enrolled(site)
    frames = await facts_of(node, site)
    await site.db.write(_close_silently, site)
    await site.hub.packet(frames)
    assert site.estate.read(lambda: StoredFact.select().count()) == 0
    site.hub.revoke("east-gate")
    await node.talk(120)
    assert site.estate.read(lambda: StoredFact.select().count()) == 0
    assert site.estate.read(lambda: QuarantinedFact.select().count()) == 1


async def test_a_session_pushed_out_while_its_frame_is_read_does_not_come_back(site: Site) -> None:
    """Planted break: carry out the effects without asking whether the session is open."""
    node = await enrolled(site)
    assert node.peer is not None
    node.peer.connected(node.now_ms, live=False)
    hello = node.peer.frames_to_send(node.now_ms)
    for frame in (await site.hub.packet(hello))[0]:
        node.take(frame)
    site.clock.advance(s=5)
    first = node.peer.frames_to_send(node.now_ms)
    real = site.hub._db.read

    async def read(fn: Callable[..., Any], *args: Any) -> Any:
        found = await real(fn, *args)
        if getattr(fn, "__name__", "") == "receive":
            site.hub.revoke("east-gate")
        return found

    site.hub._db.read = read  # type: ignore[method-assign]
    await site.hub.packet(first)
    site.hub._db.read = real  # type: ignore[method-assign]
    assert not site.hub.is_online("east-gate")
    assert site.hub.sessions.of_node("east-gate") is None


@pytest.mark.parametrize("error", [StorageError("full"), RuntimeError("ours")])
async def test_facts_that_could_not_be_stored_are_taken_the_next_time(
    site: Site, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted break: call ``store_failed`` only when the position can be read."""
    node = await enrolled(site)
    frames = await facts_of(node, site)
    real_write, real_read = site.hub._db.write_grouped, site.hub._db.read

    async def broken(fn: Callable[..., Any], *args: Any) -> Any:
        raise error

    async def read(fn: Callable[..., Any], *args: Any) -> Any:
        if fn is ingest.position:
            raise StorageError("full")
        return await real_read(fn, *args)

    monkeypatch.setattr(site.hub._db, "write_grouped", broken)
    monkeypatch.setattr(site.hub._db, "read", read)
    try:
        await site.hub.packet(frames)
    except RuntimeError:
        pass
    monkeypatch.setattr(site.hub._db, "write_grouped", real_write)
    monkeypatch.setattr(site.hub._db, "read", real_read)
    await site.hub.packet(frames)
    assert site.estate.read(lambda: StoredFact.select().count()) == 1


async def test_a_command_asked_for_while_the_engine_is_at_work_is_not_lost(site: Site) -> None:
    """Planted break: give it to the engine at once, which may be replacing its queue in another thread."""
    node = await enrolled(site)
    link = await session_of(site, node)
    told: list[tuple[int, bool]] = []
    site.hub.on_command.append(lambda number, was_sent: told.append((number, was_sent)))
    async with link.lock:
        site.hub.command("east-gate", RemoteOpen(1, "east-gate", bytes(16), 0, 1))
        assert not link.peer._commands
    assert site.hub.next_timer_s(link) is not None
    site.clock.advance(s=30)
    await site.hub.frames_to_send(link)
    assert told == [(1, False)], "it expired and somebody was told"


def _close_silently(site: Site) -> None:
    """As another process on the same database does it, its announcement still under way."""
    Enrolment.update(closed_at=site.clock.now()).where(Enrolment.device == site.estate.gate_device).execute()

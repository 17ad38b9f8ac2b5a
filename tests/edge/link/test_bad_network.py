"""Eight kinds of bad network between the node's real link and the centre's halves: nothing lost, nothing twice (I4, I16)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from edge.link import https
from protocol.envelope import join, split
from protocol.facts import Entry
from protocol.ids import Stream
from protocol.uplink import NodeUplink
from tests.edge.link.test_routes_to_the_centre import YEAR_2000, YEAR_2100, Site
from tests.protocol.memory_stores import MemoryCentre
from tests.support.bad_line import BadLine, Fault

FACTS = 40


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Site]:
    monkeypatch.setattr(https, "CONNECT_WITHIN_S", 0.5)
    monkeypatch.setattr(https, "ANSWER_WITHIN_S", 1)
    site = Site(tmp_path)
    yield site
    await site.stop()


async def arrived(site: Site, pushes: int = 120) -> None:
    """Push time until everything is where it belongs; each step waits for what the link does, not for time.

    :raises AssertionError: it is not there after so many steps.
    """

    def done() -> bool:
        rows = site.centre.rows
        return rows.received_through == site.outbox.last_seq and site.node.view.revisions == rows.revisions

    for _ in range(pushes):
        site.push(61_000)
        with suppress(TimeoutError):
            await site.centre.until(done, within_s=0.5)
            return
    raise AssertionError(f"not there after {pushes} steps")


def check_once(site: Site) -> None:
    received = site.centre.rows.facts
    assert sorted(received) == list(range(1, site.outbox.last_seq + 1))
    assert [received[seq].hash for seq in sorted(received)] == [entry.hash for entry in site.outbox.entries]
    assert not site.centre.rows.forked


async def go_through(site: Site, fault: Fault, live: bool, pushes: int = 120) -> None:
    """Facts and rows on a line with the fault, then on a good one: each is there, once.

    :raises AssertionError: something is lost, doubled or changed.
    """
    site.centre.gives_live = live
    await site.centre.start(site.authority.server_context(site.folder, YEAR_2000, YEAR_2100))
    line = BadLine(site.centre.url)
    await line.start()
    try:
        site.link_to((line.url,))
        await arrived(site)
        line.fault = fault
        line.cut_all()
        site.centre.rows.publish(Stream.ACCESS)
        site.add_facts(FACTS)
        async with asyncio.timeout(60):
            while line.met < 3:
                site.push(61_000)
                line.hit.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await line.hit.wait()
                if fault is Fault.SLOW and line.met:
                    break  # it is slow, and goes on
        line.fault = Fault.NONE
        line.cut_all()
        await arrived(site, pushes)
        check_once(site)
    finally:
        await line.stop()


@pytest.mark.parametrize("live", [True, False], ids=["websocket", "https"])
@pytest.mark.parametrize(
    "fault", [fault for fault in Fault if fault is not Fault.NONE], ids=lambda f: f.value
)
async def test_a_bad_line_loses_and_doubles_nothing(site: Site, fault: Fault, live: bool) -> None:
    """Planted break: let ``Link`` take what it has handed to a broken connection for sent."""
    await go_through(site, fault, live)


@pytest.mark.parametrize("kind", ["duplicate", "reorder"])
async def test_packets_that_come_twice_or_in_disorder(site: Site, kind: str) -> None:
    random, real = Random(3), site.centre.sync
    site.centre.gives_live = False

    async def sync(request: web.Request) -> web.StreamResponse:
        frames = list(split(await request.read()))
        if kind == "duplicate" and random.random() < 0.5:
            request._read_bytes = join([*frames, *frames])
            await real(request)  # the answer is lost on the way; the same comes again
        elif kind == "reorder":
            random.shuffle(frames)
            request._read_bytes = join(frames)
        return await real(request)

    site.centre.sync = sync  # type: ignore[method-assign]
    await site.start()
    for _ in range(4):
        site.centre.rows.publish(Stream.ACCESS)
        site.add_facts(FACTS)
        await arrived(site)
    check_once(site)


def sends_nothing_again(patch: pytest.MonkeyPatch) -> None:
    """The device takes what it has handed to a broken connection for sent."""
    real = NodeUplink._rewind

    def rewind(self: NodeUplink) -> None:
        sent = self._sent, self._sent_head
        real(self)
        self._sent, self._sent_head = max(sent, (self._sent, self._sent_head))

    patch.setattr(NodeUplink, "_rewind", rewind)


def loses_one_of_seven(patch: pytest.MonkeyPatch) -> None:
    """The centre answers for facts that it does not keep."""
    real = MemoryCentre.store

    def store(self: MemoryCentre, entries: Sequence[Entry]) -> None:
        real(self, entries)
        self.facts = {seq: entry for seq, entry in self.facts.items() if seq % 7}

    patch.setattr(MemoryCentre, "store", store)


@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        (sends_nothing_again, Fault.CUT_REQUEST),
        (loses_one_of_seven, Fault.FLAP),
    ],
)
async def test_a_missing_guard_is_found(
    site: Site, monkeypatch: pytest.MonkeyPatch, plant: Callable[[pytest.MonkeyPatch], None], fault: Fault
) -> None:
    """The negative control: with a guard taken away the same run fails."""
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        await go_through(site, fault, live=False, pushes=10)

"""Files of units keep the promises of the sync: nothing doubled (I4), nothing skipped (I3), both sides of a fork (I11)."""

from __future__ import annotations

from typing import Any

import pytest

from central.audit import AuditEntry
from central.nodes.model import Device
from central.rounds.model import PatrolScan
from central.sites.scope import HEAD_OFFICE
from central.sync.model import CatchUp, Enrolment, QuarantinedFact, StoredFact
from central.units import batches, commands
from central.units.rules import Act
from protocol import columns
from protocol.bundle import seal_bundle, write_bundle
from protocol.decide import Trust
from protocol.envelope import write_signed
from protocol.facts import ClockFact, FactKind, ScanFact, ScanResult, encode_body
from protocol.ids import Stream
from protocol.limits import FACTS_PER_BATCH_MAX
from protocol.messages import Hello
from protocol.records import Revisions
from protocol.session import share_of
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE
from tests.support.hub_node import Node, WholeCentre
from tests.support.wand import upload

pytestmark = pytest.mark.asyncio


class Unit:
    """A patrol unit in this process: joined, then away."""

    def __init__(self, running: RunningCentre) -> None:
        self.running = running
        self.place = WholeCentre(running)
        self.node = Node(self.place, "wand")

    async def join(self) -> None:
        def make() -> int:
            return int(
                Device.create(
                    site=SITE,
                    organisation=ORGANISATION,
                    name="wand",
                    number=7,
                    label="巡更棒",
                    roles=["patrol"],
                    created_at=self.running.clock.now(),
                ).id
            )

        self.device = await self.running.write(make)
        await self.node.join(await self.place.ticket(self.device))
        await self.node.talk(10)

    def scan(self, at_ms: int) -> None:
        kind, body = encode_body(ScanFact(1, 5, ScanResult.PLAN_UNKNOWN, Revisions()))
        self.node.outbox.add(kind, body, at_ms=at_ms)

    def anchor(self, at_ms: int, utc_ms: int) -> None:
        kind, body = encode_body(ClockFact("centre", utc_ms, at_ms, 0, 5))
        self.node.outbox.add(kind, body, at_ms=at_ms, clock=Trust.NONE)

    def file(self, after: int = 0, until: int | None = None, *, word_at_ms: int | None = None) -> bytes:
        outbox = self.node.outbox
        entries = outbox.entries[after:until]
        key, epoch = self.node.key, 1
        frames = []
        if word_at_ms is not None:
            hello = Hello(
                (1,), "wand", epoch, Revisions(), (), 1, outbox.last_seq, outbox.head, 1, word_at_ms, "0", (),
                Trust.TRUSTED, share_of(bytes(range(32))), bytes(16),
            )  # fmt: skip
            frames.append(write_signed(hello, key, sender="wand", epoch=epoch, counter=0))
        before = outbox.hash_at(after) or bytes(16)
        for start in range(0, len(entries), FACTS_PER_BATCH_MAX):
            part = entries[start : start + FACTS_PER_BATCH_MAX]
            batch = columns.pack(epoch, before, part)
            frames.append(write_signed(batch, key, sender="wand", epoch=epoch, counter=part[-1].fact.seq))
            before = part[-1].hash
        return self.sealed(frames)

    def sealed(self, frames: list[bytes]) -> bytes:
        return seal_bundle(write_bundle(frames), self.running.centre.keys.box_public, bytes([5]) * 32)

    async def bring(self, raw: bytes) -> batches.Brought:
        secret = self.running.centre.keys.box.private_bytes_raw()
        frames = batches.frames_in(raw, secret)
        now = self.running.clock.now()
        return await self.running.write(batches.bring, HEAD_OFFICE, frames, now, lambda *_what: None)

    async def stored(self) -> tuple[list[int], int]:
        def read() -> tuple[list[int], int]:
            seqs = [row.seq for row in StoredFact.select().order_by(StoredFact.seq)]
            return seqs, PatrolScan.select().count()

        return await self.running.read(read)


@pytest.fixture
async def unit(running_centre: RunningCentre) -> Unit:
    found = Unit(running_centre)
    await found.join()
    return found


async def test_a_file_again_and_the_network_after_it_change_nothing(unit: Unit) -> None:
    for number in range(1, 5):
        unit.scan(number * 1_000)
    first = await unit.bring(unit.file(until=3))
    assert (first.new_count, first.known_count) == (3, 0)
    again = await unit.bring(unit.file())
    assert (again.new_count, again.known_count) == (1, 3)
    twice = await unit.bring(unit.file())
    assert (twice.new_count, twice.known_count, twice.apart_count) == (0, 4, 0)
    unit.scan(9_000)
    await unit.node.talk(20)
    assert await unit.stored() == ([1, 2, 3, 4, 5], 5)
    assert unit.node.peer is not None
    assert unit.node.peer.uplink.acked == 5


async def test_a_gap_is_refused_whole(unit: Unit) -> None:
    for number in range(1, 5):
        unit.scan(number * 1_000)
    with pytest.raises(batches.ConflictError):
        await unit.bring(unit.file(after=2))
    assert await unit.stored() == ([], 0)


async def test_two_records_under_one_number_are_both_kept(unit: Unit) -> None:
    unit.scan(1_000)
    await unit.bring(unit.file())
    unit.node.outbox.entries.clear()
    unit.scan(2_000)
    forked = await unit.bring(unit.file())
    assert (forked.new_count, forked.apart_count) == (0, 1)

    def read() -> tuple[int, bool]:
        return QuarantinedFact.select().count(), Enrolment.get(Enrolment.device == unit.device).forked

    assert await unit.running.read(read) == (1, True)
    assert (await unit.stored())[0] == [1]


async def test_a_contradiction_that_fills_several_batches_is_kept_whole(unit: Unit) -> None:
    """Planted break: take the second batch for one behind a gap, and the evidence back with it."""
    for number in range(1, 4):
        unit.scan(number * 1_000)
    await unit.bring(unit.file())
    unit.node.outbox.entries.clear()
    for number in range(1, 1_010):
        unit.scan(50_000 + number * 1_000)
    forked = await unit.bring(unit.file())
    assert forked.apart_count > 500
    assert await unit.running.read(lambda: Enrolment.get(Enrolment.device == unit.device).forked)


async def test_what_does_not_come_from_the_unit_is_refused(unit: Unit) -> None:
    """Planted break: ``peek`` in place of ``open_signed``."""
    unit.scan(1_000)
    outbox = unit.node.outbox
    batch = columns.pack(1, bytes(16), outbox.entries)
    stranger = Node(unit.place, "wand", 8).key
    for frames in (
        [write_signed(batch, stranger, sender="wand", epoch=1, counter=1)],
        [write_signed(batch, unit.node.key, sender="other", epoch=1, counter=1)],
        [],
        [b"junk"],
    ):
        with pytest.raises(batches.InvalidInputError):
            await unit.bring(unit.sealed(frames))
    with pytest.raises(batches.InvalidInputError):
        batches.frames_in(unit.file(), bytes(range(1, 33)))
    assert await unit.stored() == ([], 0)


async def test_a_replaced_units_records_are_set_aside(unit: Unit) -> None:
    from central.sync import tickets

    unit.scan(1_000)
    await unit.running.write(tickets.close_epochs, unit.device, unit.running.clock.now())
    found = await unit.bring(unit.file())
    assert (found.new_count, found.apart_count) == (0, 1)
    assert await unit.stored() == ([], 0)


async def test_the_watermark_moves_by_corrected_time_only(unit: Unit) -> None:
    def through() -> tuple[int, int]:
        row = Enrolment.get(Enrolment.device == unit.device)
        return row.uploaded_through_ms, CatchUp.select().count()

    before, _count = await unit.running.read(through)
    unit.running.clock.advance(s=3_600)
    start_ms = unit.running.clock.now_ms() - 600_000
    unit.node.outbox.add(FactKind.SCAN, encode_body(ScanFact(1, 5, ScanResult.PLAN_UNKNOWN, Revisions()))[1],
                         at_ms=1_000, clock=Trust.NONE)  # fmt: skip
    unsure = await unit.bring(unit.file(word_at_ms=50_000))
    assert unsure.catch_up is None, "a boot without a sure clock says nothing"
    assert (await unit.running.read(through))[0] == before
    unit.anchor(2_000, start_ms)
    await unit.bring(unit.file())
    assert await unit.running.read(through) == (start_ms, 1), "up to the last record"
    sure = await unit.bring(unit.file(word_at_ms=302_000))
    assert await unit.running.read(through) == (start_ms + 300_000, 2), "up to when the file was written"
    assert sure.new_count == 0
    await unit.bring(unit.file(word_at_ms=9_000_000))
    assert (await unit.running.read(through))[0] == unit.running.clock.now_ms(), "never beyond now"


async def test_a_load_sends_every_stream_whole(unit: Unit, centre_client: Browser) -> None:
    """Planted break: ``changes_since`` without its look at ``restrictions_since``."""
    storage: Any = unit.place.hub.storage
    held = {stream: storage.heads("wand").of(stream) for stream in (Stream.RESTRICTIONS, Stream.ACCESS)}

    def ask() -> None:
        devices = [Device.get_by_id(unit.device)]
        from central.audit import SYSTEM

        commands.ask(devices, Act.LOAD, SYSTEM, unit.running.centre.audit, unit.running.clock.now())

    await unit.running.write(ask)
    for stream, revision in held.items():
        changes = await unit.running.read(storage.changes_since, "wand", stream, revision)
        assert changes is None, f"{stream.name} comes as a snapshot"
    await unit.node.talk(20)
    for stream in held:
        newest = storage.heads("wand").of(stream)
        changes = await unit.running.read(storage.changes_since, "wand", stream, newest)
        assert changes is not None


async def test_a_contradiction_is_kept_and_said_on_the_page_too(unit: Unit, centre_client: Browser) -> None:
    """Planted break: ``act_on_many`` not called, so that the commit is refused."""
    unit.scan(1_000)
    first = await upload(centre_client, unit.file(), "a.onecard")
    assert first.status == 303
    assert "Records taken in: 1" in (await centre_client.get(first.headers["Location"])).text
    unit.node.outbox.entries.clear()
    unit.scan(2_000)
    forked = await upload(centre_client, unit.file(), "b.onecard")
    assert "set aside" in (await centre_client.get(forked.headers["Location"])).text
    actions = await unit.running.read(lambda: [row.action for row in AuditEntry.select()])
    assert actions.count("units.bring") == 2
    assert "nodes.records_differ" in actions

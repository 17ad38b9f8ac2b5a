"""A reader that heals itself (B4): every fault that can be injected, seen from the events and from the counters."""

from __future__ import annotations

import pytest

from edge.reader.base import CardPresented, CardRemoved, ReaderFault, ReaderRecovered
from edge.reader.emulator.cards import Card
from edge.reader.emulator.faults import BrownOut, FrozenIrq, LostChip, fault_from_dict
from edge.reader.healing import Ladder, Rung

UID = bytes.fromhex("04A1B2C3D4E5F6")
POLL_US_MAX = 600_000
"""No poll is longer, whatever happens: the worker must be able to stop within a second."""
ALL_FAULTS = [
    {"kind": "lost", "value": 0xFF},
    {"kind": "lost", "value": 0x00},
    {"kind": "brown_out"},
    {"kind": "brown_out", "after": 7, "count": 20},
    {"kind": "version", "value": 0x00},
    {"kind": "version", "value": 0xFF},
    {"kind": "version", "value": 0x12},
    {"kind": "overheated"},
    {"kind": "bit_errors", "bits": 1},
    {"kind": "bit_errors", "bits": 2, "byte": 2},
    {"kind": "frozen_irq"},
    {"kind": "late", "delay_us": 300},
    {"kind": "late"},
    {"kind": "noise"},
    {"kind": "noise", "data": "0400"},
    {"kind": "noise", "bits": 3},
]


def kinds(events) -> list[str]:
    return [type(event).__name__ for event in events]


@pytest.mark.requirement("B4")
@pytest.mark.parametrize("value", [0xFF, 0x00])
def test_a_dead_chip_is_told_of_within_5_s_and_comes_back_without_a_power_cycle(bench, value: int) -> None:
    """Planted break: ``Ladder._climb`` never setting ``faulted``: no alarm."""
    bench.seconds(2)
    dead = LostChip(value)
    dead.start(bench.chip)
    since_ms = bench.clock.now_us() // 1_000
    events = bench.seconds(5)
    assert kinds(events) == ["ReaderFault"]
    assert events[0].at_ms - since_ms <= 5_000
    assert bench.reader.health().faulted
    assert bench.seconds(60) == [], "one fault is told of once"
    dead.stop()
    assert kinds(bench.seconds(3)) == ["ReaderRecovered"]
    assert not bench.reader.health().faulted
    assert kinds(bench.show(Card(UID))) == ["CardPresented"]


@pytest.mark.requirement("B4")
@pytest.mark.parametrize(("healed_by", "rung"), [("soft", Rung.SOFT), ("hard", Rung.HARD)])
def test_the_weakest_repair_that_helps_is_enough_and_nobody_is_alarmed(
    bench, healed_by: str, rung: Rung
) -> None:
    """Planted break: leaving HARD out of ``healing.NEXT``."""
    FrozenIrq(healed_by=healed_by).start(bench.chip)
    assert bench.seconds(3) == []
    assert bench.chip.faults == []
    health = bench.reader.health()
    assert health.chip_error_count >= 1
    assert (health.hard_reset_count > 0) is (rung is Rung.HARD)
    assert kinds(bench.show(Card(UID))) == ["CardPresented"]


@pytest.mark.requirement("B4")
def test_a_chip_that_a_brown_out_reset_silently_reads_again_within_seconds(bench) -> None:
    """It still answers every access, with antenna and timer off. Planted break: ``Ladder.due`` never true."""
    bench.show(Card(UID))
    bench.field.clear()
    bench.seconds(1)
    bench.chip.lose_power()
    assert bench.seconds(2) == []
    assert kinds(bench.show(Card(UID))) == ["CardPresented"]


def test_an_antenna_that_was_switched_off_is_switched_on_again(bench) -> None:
    bench.chip.write(0x14, 0x80)
    bench.field.place(Card(UID))
    assert kinds(bench.seconds(2)) == ["CardPresented"]
    assert bench.reader.health().soft_reset_count == 1


@pytest.mark.parametrize(("register", "value"), [(0x2A, 0x00), (0x2B, 0x00), (0x26, 0x18)])
def test_the_canary_finds_every_register_that_matters(bench, register: int, value: int) -> None:
    bench.chip.write(register, value)
    assert bench.seconds(2) == []
    assert bench.reader.health().soft_reset_count == 1
    assert bench.chip.read(register) != value


@pytest.mark.parametrize("data", ALL_FAULTS, ids=lambda data: "-".join(map(str, data.values())))
@pytest.mark.parametrize("card_present", [False, True])
def test_every_fault_passes_and_leaves_a_reader_that_reads(bench, data: dict, card_present: bool) -> None:
    card = Card(UID)
    fault = fault_from_dict(data)
    events = bench.show(card) if card_present else []
    fault.start(bench.chip)
    events += bench.seconds(12)
    fault.stop()
    events += bench.seconds(5)
    bench.field.clear()
    events += bench.seconds(5)
    events += bench.show(Card(UID))
    events += bench.seconds(1)
    names = kinds(events)
    assert names.count("ReaderFault") == names.count("ReaderRecovered")
    stays = [event for event in events if isinstance(event, CardPresented | CardRemoved)]
    assert {event.uid for event in stays} == {UID}
    assert kinds(stays) == ["CardPresented", "CardRemoved"] * (len(stays) // 2) + ["CardPresented"]
    assert bench.longest_poll_us <= POLL_US_MAX


def test_every_single_access_may_be_the_one_at_which_the_power_dips(new_bench) -> None:
    """A crash at every point of a presentation: the card is told of, once, or not yet."""
    for after in range(0, 160, 3):
        bench = new_bench()
        bench.poll(2)
        BrownOut(after=after).start(bench.chip)
        bench.field.place(Card(UID))
        events = bench.seconds(4)
        assert kinds(events) == ["CardPresented"], after
        assert events[0].uid == UID


def test_a_card_that_lies_there_during_a_fault_is_told_of_anew(bench) -> None:
    bench.show(Card(UID))
    dead = LostChip()
    dead.start(bench.chip)
    assert kinds(bench.seconds(4)) == ["CardRemoved", "ReaderFault"]
    dead.stop()
    assert kinds(bench.seconds(3)) == ["ReaderRecovered", "CardPresented"]


def test_a_chip_that_is_dead_from_the_start(new_bench) -> None:
    bench = new_bench()
    bench.reader.close()
    dead = LostChip(0x00)
    dead.start(bench.chip)
    bench.reader.open()
    assert kinds(bench.seconds(5)) == ["ReaderFault"]
    dead.stop()
    assert kinds(bench.seconds(3)) == ["ReaderRecovered"]


def test_without_a_reset_pin_the_ladder_still_ends_and_recovers(new_bench) -> None:
    bench = new_bench(reset_wired=False)
    dead = LostChip()
    dead.start(bench.chip)
    assert kinds(bench.seconds(5)) == ["ReaderFault"]
    dead.stop()
    assert kinds(bench.seconds(3)) == ["ReaderRecovered"]
    assert bench.reader.health().hard_reset_count == 0


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (0x91, "known 0x91"),
        (0x92, "known 0x92"),
        (0x88, "clone 0x88"),
        (0x12, "clone 0x12"),
        (0xB2, "clone 0xb2"),
        (0x42, "unknown 0x42"),
    ],
)
def test_copies_of_the_chip_read_cards_and_are_named(new_bench, version: int, name: str) -> None:
    bench = new_bench(version=version)
    assert kinds(bench.show(Card(UID))) == ["CardPresented"]
    assert bench.reader.health().chip == name


def test_an_idle_reader_is_set_up_anew_every_ten_minutes(bench) -> None:
    bench.clock.advance(599_000_000)
    bench.poll()
    assert bench.reader.health().idle_reset_count == 0
    bench.clock.advance(1_000_000)
    bench.poll()
    assert bench.reader.health().idle_reset_count == 1
    bench.show(Card(UID))
    bench.clock.advance(601_000_000)
    bench.poll()
    assert bench.reader.health().idle_reset_count == 1, "a card in the field is not disturbed"


def test_a_relapse_starts_one_rung_higher_until_the_fault_is_told() -> None:
    ladder = Ladder()
    for rung in (Rung.SOFT, Rung.HARD, Rung.FIELD):
        assert not ladder.trouble(1_000)
        assert ladder.rung is rung
        assert not ladder.worked(2_000)
    assert ladder.trouble(3_000)
    assert ladder.faulted
    assert not ladder.due(3_000)
    assert ladder.due(3_000 + 500_000)
    assert ladder.worked(600_000)
    assert not ladder.faulted


def test_trouble_long_after_a_repair_starts_at_the_bottom() -> None:
    ladder = Ladder()
    ladder.trouble(0)
    ladder.failed(0)
    ladder.worked(1)
    assert not ladder.trouble(5_000_001)
    assert ladder.rung is Rung.SOFT


def test_fault_and_recovery_alternate(bench) -> None:
    events = []
    for _ in range(4):
        dead = LostChip()
        dead.start(bench.chip)
        events += bench.seconds(6)
        dead.stop()
        events += bench.seconds(6)
    assert [type(event) for event in events] == [ReaderFault, ReaderRecovered] * 4

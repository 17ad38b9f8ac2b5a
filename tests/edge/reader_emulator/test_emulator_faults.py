"""Every fault does what it says, can be stopped, counts its effects, and is mended by its kind of reset."""

from __future__ import annotations

import pytest

from edge.reader.emulator import Card, ClassicCard
from edge.reader.emulator.faults import (
    KINDS,
    BitErrors,
    BrownOut,
    FrozenIrq,
    LateAnswers,
    LostChip,
    Noise,
    Overheated,
    Unplugged,
    WrongVersion,
    fault_from_dict,
)
from tests.support.slow_reader import with_crc

UID = bytes.fromhex("04A1B2C3")


@pytest.mark.parametrize("value", [0xFF, 0x00])
def test_a_lost_chip_reads_the_same_everywhere_and_hears_nothing(rig, value: int) -> None:
    fault = LostChip(value)
    fault.start(rig.chip)
    assert {rig.bus.read(register) for register in range(0x40)} == {value}
    rig.bus.write(0x26, 0x70)
    fault.stop()
    assert rig.bus.read(0x26) == 0x48


def test_a_fault_ends_after_it_has_acted_as_often_as_was_said(rig) -> None:
    LostChip(0x00, count=2).start(rig.chip)
    assert [rig.bus.read(0x37) for _ in range(3)] == [0x00, 0x00, 0x92]
    assert rig.chip.faults == []


@pytest.mark.parametrize(
    ("healed_by", "after_soft", "after_hard"), [(None, 1, 1), ("soft", 0, 0), ("hard", 1, 0)]
)
def test_resets_mend_what_they_can(rig, healed_by: str | None, after_soft: int, after_hard: int) -> None:
    FrozenIrq(healed_by=healed_by).start(rig.chip)
    rig.bus.write(0x01, 0x0F)
    assert len(rig.chip.faults) == after_soft
    rig.chip.hold_reset(True)
    rig.chip.hold_reset(False)
    assert len(rig.chip.faults) == after_hard


def test_a_soft_reset_does_not_reach_a_lost_chip(rig) -> None:
    LostChip(healed_by="soft").start(rig.chip)
    rig.bus.write(0x01, 0x0F)
    assert rig.chip.faults
    rig.chip.hold_reset(True)
    assert not rig.chip.faults


def test_a_brown_out_leaves_a_chip_that_answers_but_finds_nobody(rig) -> None:
    """The silent death of the field reports: antenna off, timer never fires, registers as after power-up."""
    rig.place(Card(UID))
    assert rig.reader.request()
    BrownOut(after=3).start(rig.chip)
    assert [rig.bus.read(0x14) for _ in range(5)] == [0x83, 0x83, 0x83, 0x80, 0x80]
    assert not rig.field.on
    assert rig.bus.read(0x37) == 0x92
    heard = rig.reader.send(b"\x26", 7, polls=3_000)
    assert heard.com_irq & 0x61 == 0, "no answer, no timer: only a deadline of the driver ends this"
    rig.reader.start()
    assert rig.reader.request()


@pytest.mark.parametrize("value", [0x88, 0x12, 0xB2, 0x91, 0x92])
def test_clones_tell_other_versions(rig, value: int) -> None:
    fault = WrongVersion(value)
    fault.start(rig.chip)
    assert rig.bus.read(0x37) == value
    fault.stop()
    assert rig.bus.read(0x37) == 0x92


def test_a_hot_chip_switches_its_antenna_off_and_says_why(rig) -> None:
    rig.place(Card(UID))
    fault = Overheated()
    fault.start(rig.chip)
    assert rig.bus.read(0x06) & 0x40
    assert rig.reader.send(b"\x26", 7, polls=2_000).silent
    rig.bus.write(0x01, 0x0C)
    assert rig.bus.read(0x06) & 0x40, "no command clears it"
    rig.bus.write(0x08, 0x80)
    assert rig.bus.read(0x06) & 0x40, "nor does the host while it lasts"
    fault.stop()
    rig.bus.write(0x08, 0x80)
    assert not rig.bus.read(0x06) & 0x40
    rig.clock.advance(5_000)
    assert rig.reader.request()


@pytest.mark.parametrize(("bits", "error"), [(1, 0x02), (2, 0x00)])
def test_one_wrong_bit_breaks_parity_two_only_the_check_sum(rig, bits: int, error: int) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    BitErrors(bits, byte=5, count=1).start(rig.chip)
    heard = rig.reader.command(0x30, 4)
    assert heard.error == error
    assert with_crc(heard.data[:16]) != heard.data
    assert rig.reader.read_block(4) == bytes(16)


def test_with_frozen_interrupts_commands_end_unnoticed(rig) -> None:
    rig.place(Card(UID))
    fault = FrozenIrq()
    fault.start(rig.chip)
    heard = rig.reader.send(b"\x26", 7, polls=2_000)
    assert heard.com_irq == 0
    assert heard.data == b"\x04\x00"
    fault.stop()
    assert rig.reader.send(b"\x52", 7).com_irq == 0x45


def test_late_answers_come_after_the_timer_and_spoil_the_next_question(rig) -> None:
    rig.place(Card(UID))
    LateAnswers(30_000, count=1).start(rig.chip)
    heard = rig.reader.send(b"\x26", 7)
    assert heard.com_irq & 0x21 == 0x01
    rig.clock.advance(40_000)
    assert rig.bus.read(0x04) & 0x20
    assert rig.bus.read_fifo(2) == b"\x04\x00"


def test_noise_answers_where_no_card_is(rig) -> None:
    Noise(count=1).start(rig.chip)
    assert not rig.reader.send(b"\x26", 7).silent
    Noise(data="0400", count=1).start(rig.chip)
    assert rig.reader.request() == b"\x04\x00"
    assert rig.reader.request() == b""


def test_an_unplugged_reader_is_lost_on_a_bus_too(rig) -> None:
    fault = Unplugged()
    fault.start(rig.chip)
    assert rig.bus.read(0x37) == 0xFF
    fault.stop()
    assert rig.bus.read(0x37) == 0x92


@pytest.mark.parametrize("kind", KINDS)
def test_faults_can_be_named_started_and_stopped(rig, kind: str) -> None:
    fault = fault_from_dict({"kind": kind})
    fault.start(rig.chip)
    assert fault.active
    assert fault.to_dict()["kind"] == kind
    fault.stop()
    fault.stop()
    assert not fault.active
    assert rig.bus.read(0x37) == 0x92


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_that_was_started_twice_is_over_when_both_are_stopped(rig, kind: str) -> None:
    first, second = fault_from_dict({"kind": kind}), fault_from_dict({"kind": kind})
    first.start(rig.chip)
    second.start(rig.chip)
    first.stop()
    second.stop()
    rig.reader.start()
    assert (rig.bus.read(0x37), rig.bus.read(0x14), rig.field.on) == (0x92, 0x83, True)


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "gremlins"},
        {},
        {"kind": "lost", "colour": 1},
        {"kind": "lost", "value": 256},
        {"kind": "lost", "value": "255"},
        {"kind": "lost", "count": -1},
        {"kind": "frozen_irq", "healed_by": "prayer"},
        {"kind": "bit_errors", "bits": 9},
        {"kind": "noise", "data": "zz"},
    ],
    ids=str,
)
def test_impossible_faults_are_refused(data: dict) -> None:
    with pytest.raises(ValueError):
        fault_from_dict(data)

"""Whatever a driver does to the chip and a person to the field, the emulator neither fails nor hangs."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.reader.emulator import Card, Chip, ClassicCard, EmulatorBus, MagicCard
from edge.reader.emulator.faults import KINDS, fault_from_dict

BYTE = st.integers(0, 255)
COMMANDS = st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x04, 0x07, 0x08, 0x0C, 0x0E, 0x0F])
STEP = st.one_of(
    st.tuples(st.just("read"), BYTE),
    st.tuples(st.just("write"), st.integers(0, 0x3F), BYTE),
    st.tuples(st.just("write"), st.just(0x01), COMMANDS),
    st.tuples(st.just("write"), st.just(0x0D), BYTE),
    st.tuples(st.just("fifo"), st.binary(max_size=70)),
    st.tuples(st.just("drain"), st.integers(0, 70)),
    st.tuples(st.just("wait"), st.integers(0, 20_000)),
    st.tuples(st.just("frame"), st.sampled_from([b"\x26", b"\x52", b"\x93\x20", b"\x30\x04", b"\x40"]), st.integers(0, 7)),
    st.tuples(st.just("place"), st.integers(0, 2)),
    st.tuples(st.just("remove"), st.integers(0, 2), st.integers(0, 5_000)),
    st.tuples(st.just("fault"), st.sampled_from(sorted(KINDS))),
    st.tuples(st.just("reset"), st.booleans()),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, max_size=60))
def test_random_traffic_never_breaks_the_chip(steps: list[tuple]) -> None:
    chip = Chip()
    bus = EmulatorBus(chip)
    uid = bytes.fromhex("04A1B2C3")
    cards = [Card(uid), ClassicCard(uid), MagicCard(bytes.fromhex("05A1B2C3"))]
    for register, value in ((0x15, 0x40), (0x14, 0x83), (0x2A, 0x80), (0x2D, 0x40)):
        bus.write(register, value)
    for step in steps:
        before_us = chip.clock.now_us()
        match step:
            case ("read", register):
                bus.read(register)
            case ("write", register, value):
                bus.write(register, value)
            case ("fifo", data):
                bus.write_fifo(data)
            case ("drain", count):
                bus.read_fifo(count)
            case ("wait", us):
                chip.clock.advance(us)
            case ("frame", data, bits):
                bus.write(0x01, 0x0C)
                bus.write_fifo(data)
                bus.write(0x0D, 0x80 | bits)
            case ("place", index):
                chip.field.place(cards[index])
            case ("remove", index, later_us):
                chip.field.remove(cards[index], at_us=before_us + later_us)
            case ("fault", kind):
                if len(chip.faults) < 4:
                    fault_from_dict({"kind": kind}).start(chip)
            case ("reset", held):
                chip.hold_reset(held)
        assert chip.clock.now_us() >= before_us
        assert len(chip.fifo) <= 64
        assert all(0 <= value <= 255 for value in chip.registers())
    for fault in list(chip.faults):
        fault.stop()
    chip.hold_reset(True)
    chip.hold_reset(False)
    assert bus.read(0x37) == 0x92
    assert bus.read(0x26) == 0x48

"""What a Transport promises, and what a reader does on it, alike on every wire."""

from __future__ import annotations

import pytest

from edge.reader.base import CardPresented, CardRemoved, ReaderFault, ReaderRecovered, SeveralCards
from edge.reader.errors import AuthenticationFailed, BusError
from edge.reader.registers import Command, Reg

FLUSH = 0x80
PLAIN_REGISTERS = (Reg.WATER_LEVEL, Reg.MOD_WIDTH, Reg.T_RELOAD_H, Reg.T_RELOAD_L)


def test_a_register_keeps_what_was_written(rig) -> None:
    rig.bus.open()
    for value in (0x00, 0x15, 0x3F):
        rig.bus.write(Reg.WATER_LEVEL, value)
        assert rig.bus.read(Reg.WATER_LEVEL) == value
    assert rig.bus.read(Reg.VERSION) == 0x92


def test_many_accesses_are_the_same_as_one_by_one(rig) -> None:
    rig.bus.open()
    rig.bus.write_many([(reg, number + 1) for number, reg in enumerate(PLAIN_REGISTERS)])
    assert rig.bus.read_many(PLAIN_REGISTERS) == bytes((1, 2, 3, 4))
    assert [rig.bus.read(reg) for reg in PLAIN_REGISTERS] == [1, 2, 3, 4]
    assert rig.bus.read_many((Reg.WATER_LEVEL,)) == bytes((1,))


def test_writes_happen_in_order(rig) -> None:
    rig.bus.open()
    rig.bus.write_many([(Reg.WATER_LEVEL, value) for value in (9, 3, 7)])
    assert rig.bus.read(Reg.WATER_LEVEL) == 7


@pytest.mark.parametrize("count", [1, 2, 64])
def test_the_fifo_gives_back_what_it_took(rig, count: int) -> None:
    rig.bus.open()
    rig.bus.write(Reg.FIFO_LEVEL, FLUSH)
    data = bytes(range(255, 255 - count, -1))
    rig.bus.write_fifo(data)
    assert rig.bus.read(Reg.FIFO_LEVEL) == count
    assert rig.bus.read_fifo(count) == data
    assert rig.bus.read(Reg.FIFO_LEVEL) == 0


def test_after_a_reset_the_chip_is_found_again(rig) -> None:
    rig.bus.open()
    rig.bus.write(Reg.MOD_WIDTH, 0x11)
    rig.bus.write(Reg.COMMAND, Command.SOFT_RESET)
    rig.bus.after_reset()
    assert rig.bus.read(Reg.MOD_WIDTH) == 0x26


def test_a_closed_transport_says_so_and_can_be_opened_again(rig) -> None:
    rig.bus.close()
    with pytest.raises(BusError):
        rig.bus.read(Reg.VERSION)
    rig.bus.open()
    rig.bus.open()
    rig.bus.close()
    rig.bus.close()
    with pytest.raises(BusError):
        rig.bus.write(Reg.WATER_LEVEL, 1)
    rig.bus.mend()
    assert rig.bus.read(Reg.VERSION) == 0x92


@pytest.mark.parametrize("uid", ["1A2B3C4D", "04A1B2C3D4E5F6", "040102030405060708AA"])
def test_a_card_comes_and_goes(rig, uid: str) -> None:
    rig.reader.open()
    rig.place(uid)
    (event,) = rig.poll_until(CardPresented)
    assert event.uid.hex().upper() == uid
    rig.command(do="clear")
    (event,) = rig.poll_until(CardRemoved)
    assert event.uid.hex().upper() == uid


def test_two_cards_are_told_apart(rig) -> None:
    rig.reader.open()
    rig.place("1A2B3C4D")
    rig.place("1A2B3C5D")
    events = rig.poll_until(SeveralCards)
    assert {uid.hex().upper() for uid in events[-1].uids} == {"1A2B3C4D", "1A2B3C5D"}


def test_a_conversation_with_a_classic_card(rig) -> None:
    rig.reader.open()
    rig.place("1A2B3C4D", "classic1k")
    (event,) = rig.poll_until(CardPresented)

    def spend(session) -> int:
        session.classic.authenticate(4, b"\xff" * 6)
        session.classic.write_value(4, 1_000)
        session.classic.decrement(4, 300)
        session.classic.transfer(4)
        return session.classic.read_value(4)

    assert rig.reader.transact(event.uid, spend) == 700
    with pytest.raises(AuthenticationFailed):
        rig.reader.transact(event.uid, lambda session: session.classic.authenticate(4, bytes(6)))
    assert rig.reader.transact(event.uid, spend) == 700


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "brown_out", "after": 11},
        {"kind": "bit_errors", "count": 5},
        {"kind": "noise", "count": 3},
        {"kind": "frozen_irq", "healed_by": "soft"},
        {"kind": "dropped_echo", "count": 1},
        {"kind": "doubled_echo", "count": 1},
        {"kind": "late", "delay_us": 2_000, "count": 2},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_passing_fault_costs_no_card(rig, fault: dict) -> None:
    rig.reader.open()
    rig.command(do="fault", fault=fault)
    rig.place("04A1B2C3D4E5F6")
    (event,) = rig.poll_until(CardPresented)
    assert event.uid.hex().upper() == "04A1B2C3D4E5F6"


@pytest.mark.requirement("B4")
@pytest.mark.parametrize("fault", [{"kind": "lost"}, {"kind": "unplugged"}], ids=lambda fault: fault["kind"])
def test_a_reader_that_is_lost_is_told_of_and_comes_back(rig, fault: dict) -> None:
    """Planted break: ``Ladder._climb`` never setting ``faulted``."""
    rig.reader.open()
    rig.command(do="fault", fault=fault)
    (event,) = rig.poll_until(ReaderFault)
    assert event.reason
    rig.command(do="stop")
    rig.place("04A1B2C3D4E5F6")
    events = rig.poll_until(ReaderRecovered, CardPresented)
    assert [type(event) for event in events] == [ReaderRecovered, CardPresented]

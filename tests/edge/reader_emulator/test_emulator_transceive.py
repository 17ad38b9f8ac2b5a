"""Frames between the chip and a card: framing, CRC, parity, collisions, errors, time."""

from __future__ import annotations

import pytest

from edge.reader.emulator import Card, ClassicCard
from edge.reader.emulator.faults import BitErrors
from tests.support.slow_reader import with_crc

UID = bytes.fromhex("04A1B2C3")
ANTICOLLISION = b"\x93\x20"


def test_a_request_is_answered_with_two_bytes(rig) -> None:
    rig.place(Card(UID, atqa=0x0344))
    heard = rig.reader.send(b"\x26", 7)
    assert (heard.data, heard.bit_count, heard.error) == (b"\x44\x03", 16, 0)
    assert heard.com_irq & 0x60 == 0x60


def test_an_empty_field_ends_in_the_timer_and_nothing_else(rig) -> None:
    heard = rig.reader.send(b"\x26", 7)
    assert heard.silent
    assert heard.com_irq & 0x51 == 0x41
    assert heard.bit_count == 0


def test_request_and_answer_take_the_time_of_the_standard(rig) -> None:
    """REQA and ATQA: 0.37 ms by frame lengths and frame delay."""
    rig.place(Card(UID))
    for register, value in ((0x0A, 0x80), (0x0D, 0x07), (0x01, 0x0C)):
        rig.bus.write(register, value)
    rig.bus.write_fifo(b"\x26")
    rig.bus.write(0x04, 0x7F)
    rig.bus.write(0x0D, 0x87)
    start_us = rig.clock.now_us()
    while not rig.chip.com_irq & 0x20:
        rig.clock.advance(1)
        rig.chip.settle()
    assert rig.clock.now_us() - start_us == pytest.approx(370, abs=5)


def test_transceive_waits_for_start_send_and_stays_active(rig) -> None:
    rig.place(Card(UID))
    rig.bus.write(0x0D, 0x07)
    rig.bus.write(0x01, 0x0C)
    rig.bus.write_fifo(b"\x26")
    rig.clock.advance(10_000)
    assert rig.bus.read(0x0A) == 1
    rig.bus.write(0x0D, 0x87)
    rig.clock.advance(10_000)
    assert rig.bus.read(0x0A) == 2
    assert rig.bus.read(0x01) == 0x0C
    assert rig.bus.read(0x0D) == 0x07


def test_the_timer_stops_after_the_fifth_bit(rig) -> None:
    rig.place(Card(UID))
    assert not rig.reader.send(b"\x26", 7).silent
    rig.clock.advance(100_000)
    assert not rig.bus.read(0x04) & 0x01


@pytest.mark.parametrize(
    ("register", "value"),
    [(0x14, 0x80), (0x15, 0x00), (0x12, 0x10), (0x13, 0x10)],
    ids=["antenna off", "no 100 % ASK", "other speed out", "other speed in"],
)
def test_a_card_hears_nothing_when_the_radio_is_not_set_up(rig, register: int, value: int) -> None:
    rig.place(Card(UID))
    rig.bus.write(register, value)
    rig.clock.advance(10_000)
    assert rig.reader.send(b"\x26", 7, polls=1_000).silent


def test_without_a_field_the_transmitter_does_not_even_start(rig) -> None:
    """ModeReg.TxWaitRF: no TxIRq and no timer either, a driver needs a deadline of its own."""
    rig.bus.write(0x14, 0x80)
    heard = rig.reader.send(b"\x26", 7, polls=2_000)
    assert heard.com_irq & 0x61 == 0


def test_a_switched_off_receiver_hears_nothing(rig) -> None:
    rig.place(Card(UID))
    for register, value in ((0x0D, 0x07), (0x04, 0x7F), (0x01, 0x2C)):
        rig.bus.write(register, value)
    rig.bus.write_fifo(b"\x26")
    rig.bus.write(0x0D, 0x87)
    rig.clock.advance(20_000)
    assert rig.bus.read(0x04) & 0x61 == 0x41


def test_the_chip_appends_and_checks_the_crc_itself(rig) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.request()
    part = rig.reader.send(ANTICOLLISION).data
    rig.bus.write(0x12, 0x80)
    rig.bus.write(0x13, 0x80)
    heard = rig.reader.send(b"\x93\x70" + part)
    assert (heard.data, heard.error) == (b"\x08", 0)


def test_a_wrong_crc_is_an_error_only_when_the_chip_checks_it(rig) -> None:
    rig.place(ClassicCard(UID))
    for checking, error in ((0x00, 0x00), (0x80, 0x04)):
        assert rig.reader.wake_up() or rig.reader.wake_up()
        part = rig.reader.send(ANTICOLLISION).data
        rig.bus.write(0x13, checking)
        BitErrors(bits=2, count=1).start(rig.chip)
        heard = rig.reader.send(with_crc(b"\x93\x70" + part))
        rig.bus.write(0x13, 0x00)
        assert heard.error == error


def test_a_four_bit_answer_has_no_crc(rig) -> None:
    rig.place(ClassicCard(UID))
    rig.reader.select(UID)
    rig.bus.write(0x13, 0x80)
    heard = rig.reader.command(0x30, 4)
    assert heard.error == 0x04
    assert (heard.data, heard.bit_count) == (b"\x04", 4)


def test_a_flipped_bit_is_a_parity_error(rig) -> None:
    rig.place(Card(UID))
    BitErrors(count=1).start(rig.chip)
    heard = rig.reader.send(b"\x26", 7)
    assert heard.error == 0x02
    assert heard.com_irq & 0x22 == 0x22


def test_errors_are_gone_with_the_next_command(rig) -> None:
    rig.place(Card(UID))
    BitErrors(count=1).start(rig.chip)
    assert rig.reader.send(b"\x26", 7).error
    assert rig.reader.send(b"\x52", 7).error == 0


def test_without_parity_the_ninth_bits_are_data(rig) -> None:
    rig.place(Card(UID))
    rig.bus.write(0x1D, 0x10)
    assert rig.reader.send(b"\x26", 7).bit_count == 18


def test_a_wrong_alignment_is_noticed(rig) -> None:
    """The card sends 36 bits after the 4 it was told; a reader that does not align sees broken parity."""
    rig.place(Card(UID))
    rig.reader.request()
    heard = rig.reader.send(b"\x93\x24" + bytes([UID[0] & 0x0F]), 4, 0)
    assert heard.error & 0x02


def test_alignment_puts_the_rest_of_a_split_byte_in_its_place(rig) -> None:
    rig.place(Card(UID))
    rig.reader.request()
    heard = rig.reader.send(b"\x93\x33" + UID[:1] + bytes([UID[1] & 0x07]), 3, 3)
    assert heard.error == 0
    assert heard.data == bytes([UID[1] & 0xF8]) + UID[2:] + bytes([0xD4])
    assert heard.bit_count == 29


FIRST, SECOND = bytes.fromhex("05A1B2C3"), bytes.fromhex("0DA1B2C3")  # differ in bit 3
LATE = bytes.fromhex("05A1B2C3"), bytes.fromhex("05A1B2E3")  # differ in bit 29


@pytest.mark.parametrize("coll_pos", ["nxp", "absolute"])
def test_the_first_collision_is_counted_from_one(new_rig, coll_pos: str) -> None:
    rig = new_rig(coll_pos=coll_pos)
    rig.place(Card(FIRST), Card(SECOND))
    rig.reader.request()
    heard = rig.reader.send(ANTICOLLISION)
    assert heard.error & 0x08
    assert heard.collision == 4


@pytest.mark.parametrize(("coll_pos", "position"), [("nxp", 30 - 16), ("absolute", 30)])
def test_after_known_bits_the_two_readings_of_the_data_sheet_differ(
    new_rig, coll_pos: str, position: int
) -> None:
    rig = new_rig(coll_pos=coll_pos)
    rig.place(*(Card(uid) for uid in LATE))
    rig.reader.request()
    heard = rig.reader.send(b"\x93\x43" + LATE[0][:2] + bytes([LATE[0][2] & 7]), 3, 3)
    assert heard.collision == position


@pytest.mark.parametrize(("byte", "position"), [(3, 0x00), (4, 0x20)])
def test_bit_32_reads_as_zero_and_later_ones_are_out_of_range(rig, byte: int, position: int) -> None:
    """Two cards that differ in the last bit of the UID, or (by a wrong check byte) only after it."""
    other = bytearray(UID)
    other[3] ^= 0x80
    second = Card(bytes(other))
    if byte == 4:
        second = Card(UID)
        second.levels = [UID + b"\x00"]
    rig.place(Card(UID), second)
    rig.reader.request()
    heard = rig.reader.send(ANTICOLLISION)
    assert heard.error & 0x08
    assert heard.collision & 0x3F == position


def test_bits_after_a_collision_are_cleared_unless_told_otherwise(rig) -> None:
    rig.place(Card(FIRST), Card(SECOND))
    rig.reader.request()
    assert rig.reader.send(ANTICOLLISION).data == bytes([0x05, 0, 0, 0, 0])
    rig.bus.write(0x0E, 0x80)
    assert rig.reader.request() or rig.reader.request()
    heard = rig.reader.send(ANTICOLLISION)
    assert heard.data[:4] == SECOND


def test_a_card_removed_during_its_answer_leaves_a_stump(rig) -> None:
    card = Card(UID)
    rig.place(card)
    rig.reader.request()
    rig.field.remove(card, at_us=rig.clock.now_us() + 700)
    heard = rig.reader.send(ANTICOLLISION)
    assert 0 < heard.bit_count < 40
    assert not heard.silent


def test_writing_the_fifo_between_question_and_answer_is_an_error(rig) -> None:
    rig.place(Card(UID))
    for register, value in ((0x0D, 0x07), (0x01, 0x0C)):
        rig.bus.write(register, value)
    rig.bus.write_fifo(b"\x26")
    rig.bus.write(0x0D, 0x87)
    rig.clock.advance(130)
    rig.bus.write_fifo(b"\x00")
    assert rig.bus.read(0x06) == 0x80


def test_a_frame_longer_than_the_fifo_can_be_fed_while_it_is_sent(rig) -> None:
    for register, value in ((0x0D, 0x00), (0x01, 0x0C)):
        rig.bus.write(register, value)
    rig.bus.write_fifo(bytes(64))
    rig.bus.write(0x0D, 0x80)
    rig.clock.advance(1_000)
    rig.bus.write_fifo(bytes(8))
    assert rig.bus.read(0x06) == 0
    rig.clock.advance(20_000)
    assert rig.bus.read(0x0A) == 0
    assert rig.chip.sent_bits == 72 * 8


def test_transmit_ends_by_itself_and_receive_takes_the_answer(rig) -> None:
    rig.place(Card(UID))
    rig.bus.write(0x0D, 0x07)
    rig.bus.write_fifo(b"\x26")
    rig.bus.write(0x04, 0x7F)
    rig.bus.write(0x01, 0x04)
    while not rig.bus.read(0x04) & 0x40:
        pass
    assert rig.bus.read(0x01) == 0x00
    rig.bus.write(0x01, 0x08)
    rig.clock.advance(1_000)
    assert rig.bus.read(0x04) & 0x30 == 0x30
    assert rig.bus.read_fifo(2) == b"\x04\x00"


def test_with_rx_multiple_the_error_byte_follows_and_the_receiver_stays(rig) -> None:
    rig.place(Card(UID))
    rig.bus.write(0x13, 0x04)
    heard = rig.reader.send(b"\x26", 7)
    assert heard.data == b"\x04\x00\x00"
    assert rig.bus.read(0x01) == 0x0C

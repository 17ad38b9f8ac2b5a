"""The package mfrc522 0.0.7 on the emulated chip: proof that it is a chip and not a mirror of our driver.

Its known defects are part of the proof: they show on the emulator as they do on a real chip.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from edge.reader.emulator import Card, ClassicCard
from edge.reader.emulator.spi import Installation, install

UID = bytes.fromhex("04A1B2C3")
KEY = [0xFF] * 6
OK, ERROR = 0, 2


@pytest.fixture
def board() -> Iterator[Installation]:
    with install() as installation:
        yield installation
    logging.getLogger("mfrc522Logger").handlers.clear()


@pytest.fixture
def reader(board: Installation):
    import mfrc522

    reader = mfrc522.MFRC522()
    board.chip.clock.advance(5_000)
    return reader


@pytest.fixture
def card(board: Installation, reader) -> ClassicCard:
    card = ClassicCard(UID)
    board.chip.field.place(card)
    board.chip.clock.advance(5_000)
    return card


def select(reader) -> list[int]:
    assert reader.MFRC522_Request(reader.PICC_REQIDL) == (OK, 16)
    status, uid = reader.MFRC522_Anticoll()
    assert status == OK
    assert reader.MFRC522_SelectTag(uid) == 0x08
    return uid


def test_it_finds_a_card_and_its_check_byte(reader, card: ClassicCard) -> None:
    assert select(reader) == [*UID, 0x04 ^ 0xA1 ^ 0xB2 ^ 0xC3]


def test_it_reads_and_writes_a_block(reader, card: ClassicCard) -> None:
    uid = select(reader)
    assert reader.MFRC522_Auth(reader.PICC_AUTHENT1A, 8, KEY, uid) == OK
    reader.MFRC522_Write(8, list(range(16)))
    assert reader.MFRC522_Read(8) == list(range(16))
    assert card.memory.blocks[8] == bytes(range(16))
    reader.MFRC522_StopCrypto1()


def test_its_simple_interface_reads_back_what_it_wrote(board: Installation, card: ClassicCard) -> None:
    import mfrc522

    simple = mfrc522.SimpleMFRC522()
    board.chip.clock.advance(5_000)
    written_id, _ = simple.write("emulated")
    assert simple.read() == (written_id, "emulated".ljust(48))


def test_a_wrong_key_shows_in_the_status_register_only(reader, card: ClassicCard) -> None:
    uid = select(reader)
    reader.MFRC522_Auth(reader.PICC_AUTHENT1A, 8, [0] * 6, uid)
    assert not reader.Read_MFRC522(reader.Status2Reg) & 0x08


def test_it_computes_the_crc_on_the_chip(reader) -> None:
    assert reader.CalulateCRC([0x50, 0x00]) == [0x57, 0xCD]


def test_an_empty_field_costs_it_2000_reads_of_one_register(board: Installation, reader) -> None:
    """It ignores TimerIRq and spins; on the emulator as on the chip."""
    counted = 0
    spi_read = reader.Read_MFRC522

    def counting(register: int) -> int:
        nonlocal counted
        counted += register == reader.CommIrqReg
        return spi_read(register)

    reader.Read_MFRC522 = counting
    assert reader.MFRC522_Request(reader.PICC_REQIDL)[0] == ERROR
    assert counted == 2001


def test_a_seven_byte_uid_is_more_than_it_can_do(board: Installation, reader) -> None:
    board.chip.field.place(Card(bytes.fromhex("04A1B2C3D4E5F6")))
    board.chip.clock.advance(5_000)
    reader.MFRC522_Request(reader.PICC_REQIDL)
    assert reader.MFRC522_Anticoll() == (OK, [0x88, 0x04, 0xA1, 0xB2, 0x9F])


def test_two_cards_are_an_error_to_it(board: Installation, reader, card: ClassicCard) -> None:
    board.chip.field.place(ClassicCard(bytes.fromhex("05A1B2C3")))
    board.chip.clock.advance(5_000)
    reader.MFRC522_Request(reader.PICC_REQIDL)
    assert reader.MFRC522_Anticoll() == (ERROR, [])


def test_a_card_gone_during_a_write_makes_it_fail(board: Installation, reader, card: ClassicCard) -> None:
    uid = select(reader)
    reader.MFRC522_Auth(reader.PICC_AUTHENT1A, 8, KEY, uid)
    board.chip.field.clear()
    with pytest.raises(IndexError):
        reader.MFRC522_Write(8, list(range(16)))


def test_closing_releases_the_pins(board: Installation, reader) -> None:
    reader.Close_MFRC522()
    assert board.gpio.getmode() is None
    assert not board.chip.held_in_reset

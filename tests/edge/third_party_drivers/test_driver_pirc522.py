"""The package pi-rc522 2.3.0 on the emulated chip, including its wait on the interrupt pin."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from edge.reader.emulator import Card, Chip, ClassicCard, Field, RealTimeClock
from edge.reader.emulator.spi import Installation, Wiring, install

UID = bytes.fromhex("04A1B2C3")
KEY = [0xFF] * 6


@pytest.fixture
def board() -> Iterator[Installation]:
    with install() as installation:
        yield installation


@pytest.fixture
def reader(board: Installation):
    import pirc522

    reader = pirc522.RFID()
    board.chip.field.place(ClassicCard(UID))
    board.chip.clock.advance(5_000)
    return reader


def test_it_finds_selects_authenticates_writes_and_reads(board: Installation, reader) -> None:
    assert reader.request() == (False, 16)
    failed, uid = reader.anticoll()
    assert (failed, bytes(uid[:4])) == (False, UID)
    assert reader.select_tag(uid) is False
    assert reader.card_auth(reader.auth_a, 10, KEY, uid) is False
    assert reader.write(10, list(range(16))) is False
    assert reader.read(10) == (False, list(range(16)))
    reader.stop_crypto()
    assert board.chip.field.cards[0].memory.blocks[10] == bytes(range(16))


def test_a_wrong_key_fails(reader) -> None:
    reader.request()
    _, uid = reader.anticoll()
    reader.select_tag(uid)
    assert reader.card_auth(reader.auth_a, 10, [0] * 6, uid) is True


def test_its_utilities_change_a_trailer_and_the_card_obeys_it(reader) -> None:
    reader.request()
    _, uid = reader.anticoll()
    util = reader.util()
    util.set_tag(uid)
    util.auth(reader.auth_a, KEY)
    access = util.get_access_bits((0, 0, 0, 0), (0, 0, 0, 1), (0, 0, 0, 1))
    assert not util.write_trailer(1, (1, 2, 3, 4, 5, 6), access, 0x69, (6, 5, 4, 3, 2, 1))
    util.deauth()
    assert reader.request()[0], "an active card answers every second request"
    assert not reader.request()[0]
    _, uid = reader.anticoll()
    reader.select_tag(uid)
    assert reader.card_auth(reader.auth_a, 4, KEY, uid) is True
    reader.request()
    reader.anticoll()
    reader.select_tag(uid)
    assert reader.card_auth(reader.auth_a, 4, [1, 2, 3, 4, 5, 6], uid) is False


def test_it_joins_two_cascade_levels_by_a_select_that_the_card_rejects_or_not(
    board: Installation, reader
) -> None:
    """It selects level 1 and collides with level 2 correctly; only SELECT of level 2 is missing."""
    board.chip.field.clear()
    board.chip.field.place(Card(bytes.fromhex("04A1B2C3D4E5F6")))
    board.chip.clock.advance(5_000)
    assert reader.read_id() == list(bytes.fromhex("04A1B2C3D4E5F6"))


def test_its_halt_forgets_the_check_sum_so_the_card_is_not_halted(board: Installation, reader) -> None:
    reader.request()
    _, uid = reader.anticoll()
    reader.select_tag(uid)
    reader.halt()
    assert reader.request() == (False, 16), "a halted card would not answer REQA"


def test_it_wakes_by_the_interrupt_pin() -> None:
    """Real time: the driver waits for an edge of pin IRQ, which follows the end of an answer."""
    chip = Chip(Field(RealTimeClock()))
    with install(Wiring(chip, call_us=50)):
        import pirc522

        reader = pirc522.RFID()
        chip.field.place(ClassicCard(UID))
        waiting = threading.Thread(target=reader.wait_for_tag, daemon=True)
        waiting.start()
        waiting.join(timeout=30)
        assert not waiting.is_alive()


def test_a_chip_held_in_reset_does_not_answer(board: Installation, reader) -> None:
    from RPi import GPIO

    GPIO.output(22, GPIO.LOW)
    assert reader.dev_read(0x37) == 0x00
    GPIO.output(22, GPIO.HIGH)
    assert reader.dev_read(0x37) == 0x92

"""A card taken away at any moment: the block holds the old, the new, or something in between, never anything else."""

from __future__ import annotations

import pytest

from edge.reader.emulator import ClassicCard
from edge.reader.emulator.mifare_classic import PROGRAM_US
from edge.reader.emulator.mifare_value import decode_value, encode_value
from edge.reader.emulator.tearing import tear_new, tear_old
from tests.support.slow_reader import CardTalk, with_crc

UID = bytes.fromhex("04A1B2C3")
OLD, NEW = encode_value(1_000, 4), encode_value(900, 4)


def card_with_value(**arguments) -> tuple[ClassicCard, CardTalk]:
    card = ClassicCard(UID, **arguments)
    card.memory.blocks[4] = OLD
    talk = CardTalk(card)
    talk.select()
    assert talk.authenticate(4)
    return card, talk


def write_and_tear(after_us: int, **arguments) -> bytes:
    """Power is lost `after_us` after the last bit of the data."""
    card, talk = card_with_value(**arguments)
    assert talk.command(0xA0, 4) == (b"\x0a", 4)
    written_us = talk.now_us
    talk.frame(with_crc(NEW))
    card.power_down(written_us + after_us)
    return card.memory.blocks[4]


def test_at_every_microsecond_of_a_write_each_bit_is_old_erased_or_new() -> None:
    history = [write_and_tear(after_us) for after_us in range(PROGRAM_US + 100)]
    assert history[0] == OLD
    assert history[-1] == NEW
    for block in set(history):
        assert all(seen & ~(old | new) == 0 for seen, old, new in zip(block, OLD, NEW, strict=True))
    kinds = {
        "old": OLD in history,
        "new": NEW in history,
        "invalid": None in [decode_value(b) for b in history],
    }
    assert kinds == {"old": True, "new": True, "invalid": True}


def test_the_history_goes_from_old_through_erased_to_new_and_never_back() -> None:
    history = [write_and_tear(after_us) for after_us in range(0, PROGRAM_US + 1, 50)]
    changes = [block for index, block in enumerate(history) if index == 0 or block != history[index - 1]]
    assert len(changes) == len(set(changes))
    assert bytes(16) in changes


@pytest.mark.parametrize(("tear", "result"), [(tear_old, OLD), (tear_new, NEW)])
def test_a_test_can_choose_the_outcome(tear, result: bytes) -> None:
    assert write_and_tear(PROGRAM_US // 2, tear=tear) == result


def test_between_the_two_parts_of_a_write_nothing_has_happened() -> None:
    card, talk = card_with_value()
    assert talk.command(0xA0, 4) == (b"\x0a", 4)
    card.power_down(talk.now_us)
    assert card.memory.blocks[4] == OLD


def test_the_acknowledgement_comes_when_the_block_is_safe() -> None:
    card, talk = card_with_value()
    assert talk.command(0xA0, 4) == (b"\x0a", 4)
    written_us = talk.now_us
    assert talk.frame(with_crc(NEW)) == (b"\x0a", 4)
    card.power_down(talk.now_us)
    assert talk.now_us > written_us + PROGRAM_US
    assert card.memory.blocks[4] == NEW


def test_a_transfer_is_torn_like_a_write() -> None:
    results = set()
    for after_us in range(0, PROGRAM_US + 200, 100):
        card, talk = card_with_value()
        assert talk.count(0xC0, 4, 100)
        started_us = talk.now_us
        talk.transfer(4)
        card.power_down(started_us + after_us)
        results.add(card.memory.blocks[4])
    assert {OLD, NEW} < results


def test_while_it_programs_the_card_hears_nothing() -> None:
    _, talk = card_with_value()
    assert talk.command(0xA0, 4) == (b"\x0a", 4)
    written_us = talk.now_us
    talk.frame(with_crc(NEW))
    talk.now_us = written_us + PROGRAM_US // 2
    assert talk.command(0x30, 4) is None
    talk.now_us = written_us + PROGRAM_US + 1_000
    assert talk.read(4) == NEW


@pytest.mark.parametrize("after_us", range(0, 8_000, 250))
def test_through_the_chip_a_torn_write_is_never_acknowledged_unless_it_stands(rig, after_us: int) -> None:
    card = ClassicCard(UID)
    card.memory.blocks[4] = OLD
    rig.place(card)
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    rig.field.remove(card, at_us=rig.clock.now_us() + after_us)
    acknowledged = rig.reader.write_block(4, NEW)
    if acknowledged:
        assert card.memory.blocks[4] == NEW
    rig.reader.stop_crypto()
    rig.clock.advance(10_000)
    rig.place(card)
    rig.reader.select(UID)
    assert rig.reader.authenticate(4, UID)
    assert rig.reader.read_block(4) == card.memory.blocks[4]

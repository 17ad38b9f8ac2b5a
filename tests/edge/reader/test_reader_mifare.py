"""Conversations with MIFARE Classic cards; after every error the next conversation works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge.reader.access_bits import TRANSPORT, decode_access
from edge.reader.base import CardSession
from edge.reader.emulator.cards import Card
from edge.reader.emulator.faults import BitErrors
from edge.reader.emulator.mifare_classic import ClassicCard
from edge.reader.errors import (
    AuthenticationFailed,
    CardCorrupted,
    CardDataError,
    CardError,
    CardRefused,
    CardSilent,
)
from edge.reader.mifare import Key, MifareClassic, encode_value

FACTORY = b"\xff" * 6
KEY_A = bytes.fromhex("A0A1A2A3A4A5")
KEY_B = bytes.fromhex("B0B1B2B3B4B5")
DATA = bytes(range(16))
PURSE = (0b110, 0b110, 0b110, 0b011)
"""Read and decrement with any key, write and increment with key B; key B manages the trailer."""


@pytest.fixture(params=["1A2B3C4D", "04A1B2C3D4E5F6"])
def card(request: pytest.FixtureRequest, bench) -> ClassicCard:
    card = ClassicCard(bytes.fromhex(request.param))
    bench.show(card)
    return card


@pytest.fixture
def talk(bench, card: ClassicCard) -> Callable[[Callable[[MifareClassic], Any]], Any]:
    """One conversation with the card."""

    def run(operation: Callable[[MifareClassic], Any]) -> Any:
        def with_session(session: CardSession) -> Any:
            return operation(session.classic)

        return bench.reader.transact(card.uid, with_session)

    return run


def opened(block: int, operation: Callable[[MifareClassic], Any], key: bytes = FACTORY, which: Key = Key.A):
    def run(classic: MifareClassic) -> Any:
        classic.authenticate(block, key, which)
        return operation(classic)

    return run


def test_what_was_written_is_read(talk, card) -> None:
    talk(opened(4, lambda classic: classic.write(5, DATA)))
    assert card.memory.blocks[5] == DATA
    assert talk(opened(4, lambda classic: classic.read(5))) == DATA


def test_several_sectors_in_one_conversation(talk) -> None:
    def run(classic: MifareClassic) -> list[bytes]:
        blocks = []
        for block in (1, 5, 60):
            classic.authenticate(block, FACTORY)
            blocks.append(classic.read(block))
        return blocks

    assert talk(run) == [bytes(16)] * 3


def test_a_wrong_key_is_refused_and_the_right_one_works_afterwards(talk, bench) -> None:
    for _ in range(3):
        with pytest.raises(AuthenticationFailed):
            talk(opened(4, lambda classic: classic.read(4), key=KEY_A))
        assert talk(opened(4, lambda classic: classic.read(4))) == bytes(16)
    assert bench.seconds(1) == []


def test_a_card_that_has_no_keys_fails_the_authentication(bench) -> None:
    plain = Card(bytes.fromhex("0A0B0C0D"))
    bench.show(plain)
    with pytest.raises(AuthenticationFailed):
        bench.reader.transact(plain.uid, lambda session: session.classic.authenticate(4, FACTORY))
    assert bench.seconds(1) == []


def test_reading_without_authentication_is_refused(talk) -> None:
    with pytest.raises(CardError):
        talk(lambda classic: classic.read(4))
    assert talk(opened(4, lambda classic: classic.read(4))) == bytes(16)


def test_another_sector_than_the_opened_one_is_refused(talk) -> None:
    with pytest.raises(CardRefused) as refused:
        talk(opened(4, lambda classic: classic.read(8)))
    assert refused.value.code in (0x0, 0x4)
    assert talk(opened(8, lambda classic: classic.read(8))) == bytes(16)


def test_values_count_up_and_down_and_are_copied(talk) -> None:
    def run(classic: MifareClassic) -> list[int]:
        classic.write_value(4, 1_000)
        seen = [classic.read_value(4)]
        classic.decrement(4, 300)
        classic.transfer(4)
        seen.append(classic.read_value(4))
        classic.increment(4, 50)
        classic.transfer(4)
        seen.append(classic.read_value(4))
        classic.restore(4)
        classic.transfer(5)
        seen.append(classic.read_value(5))
        return seen

    assert talk(opened(4, run)) == [1_000, 700, 750, 750]


def test_nothing_is_debited_before_the_transfer(talk, card) -> None:
    talk(opened(4, lambda classic: classic.write_value(4, 1_000)))
    talk(opened(4, lambda classic: classic.decrement(4, 300)))
    assert card.memory.blocks[4] == encode_value(1_000)


def test_counting_on_a_block_that_holds_no_value_is_refused(talk) -> None:
    talk(opened(4, lambda classic: classic.write(4, DATA)))
    with pytest.raises(CardRefused):
        talk(opened(4, lambda classic: classic.decrement(4, 1)))
    with pytest.raises(CardDataError):
        talk(opened(4, lambda classic: classic.read_value(4)))


def test_a_new_trailer_brings_its_keys_and_rights(talk, card) -> None:
    talk(opened(4, lambda classic: classic.write_trailer(7, KEY_A, PURSE, KEY_B)))
    assert decode_access(card.memory.blocks[7][6:9]) == PURSE
    talk(opened(4, lambda classic: classic.write_value(4, 500), KEY_B, Key.B))
    with pytest.raises(CardRefused):
        talk(opened(4, lambda classic: classic.increment(4, 1), KEY_A))
    with pytest.raises(AuthenticationFailed):
        talk(opened(4, lambda classic: classic.read(4)))

    def spend(classic: MifareClassic) -> int:
        classic.decrement(4, 1)
        classic.transfer(4)
        return classic.read_value(4)

    assert talk(opened(4, spend, KEY_A)) == 499


def test_dangerous_writes_are_our_own_mistakes(talk, card) -> None:
    before = list(card.memory.blocks)
    for operation in (
        lambda classic: classic.write(0, DATA),
        lambda classic: classic.write(7, DATA),
        lambda classic: classic.write_trailer(6, KEY_A, TRANSPORT, KEY_B),
        lambda classic: classic.write_trailer(7, KEY_A, (0, 0, 0, 0b111), KEY_B),
    ):
        with pytest.raises(AssertionError):
            talk(opened(4, operation))
    assert card.memory.blocks == before


def test_damaged_answers_are_errors_and_pass(talk, bench) -> None:
    def damaged(classic: MifareClassic) -> bytes:
        classic.authenticate(4, FACTORY)
        BitErrors(bits=2, byte=6, count=1).start(bench.chip)
        return classic.read(4)

    with pytest.raises(CardCorrupted):
        talk(damaged)
    assert talk(opened(4, lambda classic: classic.read(4))) == bytes(16)


def test_a_card_that_leaves_in_the_middle_is_silent(talk, bench, card) -> None:
    def leave(classic: MifareClassic) -> None:
        classic.authenticate(4, FACTORY)
        bench.field.remove(card)
        classic.write(4, DATA)

    with pytest.raises(CardSilent):
        talk(leave)
    assert [type(event).__name__ for event in bench.seconds(1)] == ["CardRemoved"]
    assert [type(event).__name__ for event in bench.show(card)] == ["CardPresented"]
    assert talk(opened(4, lambda classic: classic.read(4))) == bytes(16)


def test_a_card_torn_away_during_transfer_raises_doubt_not_success(talk, bench, card) -> None:
    """Torn at any moment of DECREMENT and TRANSFER: success is reported only when the new value stands on the card."""
    talk(opened(4, lambda classic: classic.write_value(4, 1_000)))
    outcomes = set()
    for delay_us in range(0, 26_000, 500):
        card.memory.blocks[4] = encode_value(1_000)

        def spend(classic: MifareClassic, delay_us: int = delay_us) -> None:
            classic.authenticate(4, FACTORY)
            bench.field.remove(card, bench.clock.now_us() + delay_us)
            classic.decrement(4, 300)
            classic.transfer(4)

        try:
            talk(spend)
            done = True
        except CardError:
            done = False
        bench.seconds(1)
        stored = card.memory.blocks[4]
        assert not done or stored == encode_value(700)
        outcomes.add((done, stored == encode_value(700)))
        bench.show(card)
    assert (False, False) in outcomes
    assert (True, True) in outcomes


@pytest.mark.parametrize("broken", ["the key", "the access bits"])
def test_inside_a_session_a_sector_that_does_not_open_is_noticed(talk, card, broken: str) -> None:
    """The chip's sign of a session still stands from the sector before; it must not be taken for the new one's."""
    trailer = bytearray(card.memory.blocks[11])
    if broken == "the key":
        trailer[0] ^= 1
    else:
        trailer[6] ^= 1
    card.memory.blocks[11] = bytes(trailer)

    def run(classic: MifareClassic) -> None:
        classic.authenticate(4, FACTORY)
        with pytest.raises(AuthenticationFailed):
            classic.authenticate(8, FACTORY)

    talk(run)
    assert talk(opened(4, lambda classic: classic.read(5))) == bytes(16)

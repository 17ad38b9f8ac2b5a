"""Blocks of ISO/IEC 14443-4 between our driver and an emulated card: chaining, lost blocks, extensions, and the way out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.reader.base import CardPresented, CardRemoved, CardSession, Proof
from edge.reader.emulator.isodep_card import IsoDepCard, Link, Result
from edge.reader.errors import CardCorrupted, CardError, CardSilent
from edge.reader.isodep import Ats, parse_ats
from tests.edge.reader.conftest import Bench

UID = bytes.fromhex("04A1B2C3D4E5F6")


class Echo(IsoDepCard):
    """Answers a command with the command backwards; the first byte says how often."""

    work_us = 1_000
    seen_count = 0

    def apply(self, command: bytes, at_us: int) -> Result:
        self.seen_count += 1
        return Result(command[::-1] * (command[0] if command else 1), self.work_us)


@pytest.fixture
def card(bench: Bench) -> Echo:
    card = Echo(UID)
    bench.show(card)
    return card


@pytest.fixture
def talk(bench: Bench, card: Echo) -> Callable[..., list[bytes]]:
    """One conversation of several commands."""

    def run(*commands: bytes) -> list[bytes]:
        def operation(session: CardSession) -> list[bytes]:
            session.isodep.activate()
            return [session.isodep.exchange(command) for command in commands]

        return bench.reader.transact(UID, operation)

    return run


def is_still_there(bench: Bench) -> bool:
    return not [event for event in bench.poll(30) if isinstance(event, CardRemoved | CardPresented)]


@pytest.mark.parametrize(
    ("ats", "expected"),
    [
        ("01", Ats(32, 4833, 0, b"")),
        ("067577810280", Ats(64, 77329, 604, b"\x80")),
        ("067777710280", Ats(128, 38664, 604, b"\x80")),
        ("0208", Ats(256, 4833, 0, b"")),
        ("0420F0AA", Ats(16, 4833, 0, b"\xaa")),
    ],
)
def test_an_ats_is_understood(ats: str, expected: Ats) -> None:
    """DESFire EV1 and NTAG 424 DNA among them; an exponent of 15 is reserved and counts as the default."""
    assert parse_ats(bytes.fromhex(ats)) == expected


@pytest.mark.parametrize("ats", ["", "05", "0275", "0678"])
def test_a_wrong_ats_is_refused(ats: str) -> None:
    with pytest.raises(CardCorrupted):
        parse_ats(bytes.fromhex(ats))


def test_commands_and_answers(talk) -> None:
    assert talk(b"\x01abc", b"\x01", b"\x02xy") == [b"cba\x01", b"\x01", b"yx\x02yx\x02"]


@pytest.mark.parametrize("length", [1, 60, 61, 62, 122, 123, 300])
@pytest.mark.parametrize("fsci", [0, 2, 5, 8])
def test_long_commands_and_answers_are_chained(bench, length: int, fsci: int) -> None:
    card = Echo(UID, link=Link(fsci=fsci))
    bench.show(card)
    command = bytes((2,)) + bytes(index % 251 for index in range(length - 1))

    def operation(session: CardSession) -> bytes:
        session.isodep.activate()
        return session.isodep.exchange(command)

    assert bench.reader.transact(UID, operation) == command[::-1] * 2


def test_a_card_that_asks_for_time_gets_it(talk, card) -> None:
    card.wtx_count = 3
    assert talk(b"\x01ab", b"\x01cd") == [b"ba\x01", b"dc\x01"]


def test_a_card_slower_than_its_waiting_time_asks_by_itself(bench) -> None:
    card = Echo(UID, link=Link(fwi=4))
    card.work_us = 30_000
    bench.show(card)

    def operation(session: CardSession) -> bytes:
        session.isodep.activate()
        return session.isodep.exchange(b"\x01ab")

    assert bench.reader.transact(UID, operation) == b"ba\x01"


def test_a_card_that_never_ends_asking_is_given_up(talk, card, bench) -> None:
    card.wtx_count = 10_000
    with pytest.raises(CardError):
        talk(b"\x01ab")
    card.wtx_count = 0
    assert is_still_there(bench)
    assert bench.longest_poll_us < 1_000_000


LONG = bytes((3,)) + bytes(range(150))


@pytest.mark.parametrize("fault", ["deaf_to", "mute_at", "garbled_at"])
@pytest.mark.parametrize("index", range(14))
@pytest.mark.parametrize("wtx_count", [0, 1])
def test_any_single_lost_block_is_repaired(talk, card, fault: str, index: int, wtx_count: int) -> None:
    """And the application has seen each command once: a repeated block is not a repeated command."""
    card.wtx_count = wtx_count
    talk(b"\x01")
    seen_before = card.seen_count
    first = card.heard_count if fault == "deaf_to" else card.sent_count
    skip = 0 if fault == "deaf_to" else 1  # the first thing sent is the ATS
    setattr(card, fault, {first + skip + index})
    assert talk(LONG, b"\x01ab") == [LONG[::-1] * 3, b"ba\x01"]
    assert card.seen_count == seen_before + 2


@settings(max_examples=60, deadline=None)
@given(
    deaf=st.sets(st.integers(0, 60), max_size=6),
    mute=st.sets(st.integers(1, 60), max_size=6),
    garbled=st.sets(st.integers(1, 60), max_size=6),
)
def test_several_lost_blocks_end_in_the_right_answer_or_an_error(deaf, mute, garbled) -> None:
    from edge.reader.emulator.chip import Chip

    bench = Bench(Chip())
    bench.reader.open()
    card = Echo(UID)
    bench.show(card)
    card.deaf_to, card.mute_at, card.garbled_at = deaf, mute, garbled

    def operation(session: CardSession) -> bytes:
        session.isodep.activate()
        return session.isodep.exchange(LONG)

    try:
        assert bench.reader.transact(UID, operation) == LONG[::-1] * 3
    except CardError:
        pass
    card.deaf_to, card.mute_at, card.garbled_at = set(), set(), set()
    assert card.seen_count <= 1
    assert bench.reader.transact(UID, operation) == LONG[::-1] * 3


def test_after_a_conversation_the_card_is_still_known(talk, bench) -> None:
    talk(b"\x01ab")
    assert is_still_there(bench)


@pytest.mark.parametrize("lost", [range(100, 102), range(100, 200)], ids=["once more", "for good"])
def test_a_card_that_does_not_confirm_its_leave_loses_its_power(talk, card, bench, lost: range) -> None:
    card.deaf_to = {card.heard_count + 1 + index - 100 for index in lost}
    assert talk(b"\x01ab") == [b"ba\x01"]
    card.deaf_to = set()
    assert not card.in_layer_4
    assert is_still_there(bench)


def test_a_card_without_layer_4_says_so_by_silence(bench) -> None:
    from edge.reader.emulator.cards import Card

    bench.show(Card(UID))
    with pytest.raises(CardSilent):
        bench.reader.transact(UID, lambda session: session.isodep.activate())
    assert is_still_there(bench)


@pytest.mark.parametrize("after_us", range(0, 30_000, 500))
def test_a_card_taken_away_at_any_moment_is_noticed(talk, card, bench, after_us: int) -> None:
    bench.field.remove(card, bench.clock.now_us() + after_us)
    try:
        talk(LONG)
    except CardError:
        pass
    assert [type(event) for event in bench.poll(10)] == [CardRemoved]
    assert len(bench.show(card)) == 1
    assert talk(b"\x01ab") == [b"ba\x01"]


def test_a_conversation_while_the_card_is_verified(new_bench) -> None:
    def verify(session: CardSession) -> Proof:
        session.isodep.activate()
        return Proof(credential_id=session.isodep.exchange(b"\x02abc"))

    bench = new_bench(verify=verify)
    (event,) = bench.show(Echo(UID))
    assert event.proof.credential_id == b"cba\x02cba\x02"
    assert is_still_there(bench)

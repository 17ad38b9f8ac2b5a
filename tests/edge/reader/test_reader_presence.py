"""Arrivals and departures: what a reader tells about the cards in its field."""

from __future__ import annotations

import random

import pytest

from edge.reader.base import CARDS_IN_FIELD_MAX, CardPresented, CardRemoved, Proof, SeveralCards
from edge.reader.emulator.cards import Card, RandomUidCard
from edge.reader.emulator.faults import BitErrors, BrownOut, Fault, Noise
from edge.reader.emulator.mifare_classic import ClassicCard, MagicCard
from edge.reader.errors import AuthenticationFailed, CardSilent
from edge.reader.presence import MISSES_MAX
from protocol.ids import Tier

UID4 = bytes.fromhex("1A2B3C4D")
UID7 = bytes.fromhex("04A1B2C3D4E5F6")
UID10 = bytes.fromhex("040102030405060708AA")


@pytest.mark.parametrize(
    ("uid", "atqa", "sak"),
    [(UID4, 0x0004, 0x08), (UID7, 0x0044, 0x08), (UID7, 0x0344, 0x20), (UID10, 0x0084, 0x20)],
)
def test_a_card_is_told_of_once_with_its_whole_uid(bench, uid: bytes, atqa: int, sak: int) -> None:
    card = Card(uid, atqa=atqa, sak=sak)
    (event,) = bench.show(card)
    assert event == CardPresented(uid, atqa, sak, at_ms=event.at_ms)
    assert bench.seconds(3) == []


def test_a_card_that_left_is_told_of_once_and_may_come_again(bench) -> None:
    card = Card(UID7)
    for _ in range(3):
        assert [type(event) for event in bench.show(card)] == [CardPresented]
        bench.field.remove(card)
        (event,) = bench.seconds(2)
        assert event == CardRemoved(UID7, event.at_ms)


def test_a_short_gap_is_not_a_departure(bench) -> None:
    card = Card(UID4)
    bench.show(card)
    bench.field.remove(card)
    assert bench.poll(2) == []
    bench.field.place(card)
    assert bench.seconds(1) == []


def test_garbled_answers_are_presence(bench) -> None:
    bench.show(Card(UID4))
    fault = BitErrors()
    fault.start(bench.chip)
    assert bench.seconds(2) == []
    fault.stop()
    assert bench.seconds(2) == []


def test_noise_does_not_hold_a_card_for_ever(bench) -> None:
    card = Card(UID4)
    bench.show(card)
    bench.field.remove(card)
    Noise(bits=18).start(bench.chip)
    assert [type(event) for event in bench.seconds(5)] == [CardRemoved]


def test_noise_is_no_card(bench) -> None:
    for data in ("0400", "00000000", "FF", ""):
        fault = Noise(data=data, seed=3)
        fault.start(bench.chip)
        assert bench.seconds(1) == []
        fault.stop()
    assert [type(event) for event in bench.show(Card(UID4))] == [CardPresented]


@pytest.mark.parametrize("byte", range(5))
@pytest.mark.parametrize("bits", [1, 2])
def test_a_damaged_answer_never_gives_another_uid(bench, bits: int, byte: int) -> None:
    BitErrors(bits=bits, byte=byte, count=4).start(bench.chip)
    bench.field.place(Card(UID7))
    events = bench.seconds(1)
    assert [event.uid for event in events] == [UID7]


@pytest.mark.parametrize("coll_pos", ["nxp", "absolute"])
def test_two_cards_together_are_one_event_with_both(new_bench, coll_pos: str) -> None:
    bench = new_bench(coll_pos=coll_pos)
    (event,) = bench.show(Card(UID4), Card(UID7))
    assert isinstance(event, SeveralCards)
    assert set(event.uids) == set(event.joined) == {UID4, UID7}
    assert bench.seconds(1) == []


def test_a_second_card_joins_the_first(bench) -> None:
    bench.show(Card(UID4))
    (event,) = bench.show(Card(UID7))
    assert isinstance(event, SeveralCards)
    assert event.uids == (UID4, UID7)
    assert event.joined == (UID7,)


def test_a_card_that_is_left_alone_is_told_of_alone_and_only_once(bench) -> None:
    first, second = Card(UID4), Card(UID7)
    bench.show(first, second)
    bench.field.remove(first)
    gone, left = bench.poll(MISSES_MAX)
    assert gone == CardRemoved(UID4, gone.at_ms)
    assert isinstance(left, CardPresented)
    assert (left.uid, left.left_alone) == (UID7, True)
    assert bench.seconds(2) == []
    assert [type(event) for event in bench.show(first)] == [SeveralCards]
    bench.field.remove(first)
    assert [type(event) for event in bench.seconds(2)] == [CardRemoved]
    bench.field.remove(second)
    assert [type(event) for event in bench.seconds(2)] == [CardRemoved]


def test_cards_that_leave_together_are_not_told_of_alone(bench) -> None:
    first, second = Card(UID4), Card(UID7)
    bench.show(first, second)
    bench.field.remove(first)
    bench.poll()
    bench.field.remove(second)
    assert [type(event) for event in bench.seconds(2)] == [CardRemoved] * 2


def test_a_card_that_takes_the_place_of_another_in_the_middle_of_a_poll_is_alone(bench) -> None:
    """Found by a poll that had found the other one there still."""
    first = Card(UID4)
    bench.show(first)
    seen: list[object] = []
    for after_us in range(0, 30_000, 500):
        bench.field.place(first)
        bench.seconds(1)
        now_us = bench.clock.now_us()
        swap_us = (now_us // 100_000 + 1) * 100_000 + after_us
        second = Card(UID7)
        bench.field.remove(first, swap_us)
        bench.field.place(second, swap_us)
        seen += [type(event) for event in bench.poll(4) if not isinstance(event, CardRemoved)]
        bench.field.remove(second)
        bench.poll(4)
        assert seen == [CardPresented], after_us
        seen.clear()


def test_the_silence_of_a_chip_that_was_reset_is_no_departure(bench) -> None:
    """A brown-out leaves the antenna off until the canary looks, up to a second later; the card lies there all the while."""
    bench.show(Card(UID4))
    for _ in range(11):
        BrownOut().start(bench.chip)
        assert bench.seconds(6.1) == []
    assert bench.reader.health().soft_reset_count >= 11


def test_a_card_swapped_between_two_polls_is_presented_alone(bench) -> None:
    first = Card(UID4)
    bench.show(first)
    bench.field.remove(first)
    events = bench.show(Card(UID7))
    assert [type(event) for event in events] == [CardRemoved, CardPresented]
    assert bench.seconds(1) == []


@pytest.mark.parametrize("coll_pos", ["nxp", "absolute"])
@pytest.mark.parametrize("seed", range(12))
def test_up_to_eight_cards_are_told_apart_whatever_coll_pos_means(
    new_bench, coll_pos: str, seed: int
) -> None:
    source = random.Random(seed)
    bench = new_bench(coll_pos=coll_pos)
    uids = set()
    while len(uids) < source.randint(2, CARDS_IN_FIELD_MAX):
        # Similar UIDs, as of one delivery: collisions late in the frame, where the two readings differ.
        uids.add(
            bytes((4,)) + source.choice((b"\x11\x22", b"\x11\x23")) + source.randbytes(source.choice((1, 4)))
        )
    (event,) = bench.show(*(Card(uid) for uid in uids))
    assert set(event.uids) == uids
    assert not event.more


def test_more_than_eight_cards_are_said_to_be_more(bench) -> None:
    (event,) = bench.show(*(Card(bytes((4, 1, 2, number))) for number in range(12)))
    assert len(event.uids) == CARDS_IN_FIELD_MAX
    assert event.more


class DamagedOnce(Fault):
    """Turns two bits of the answer with this number, which only a check sum notices."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def on_answers(self, answers, at_us):
        if answers:
            self.number -= 1
            if self.number == -1:
                for answer in answers:
                    answer.bits = bytes(bit ^ (place in (3, 4)) for place, bit in enumerate(answer.bits))
        return answers


@pytest.mark.parametrize("number", range(16))
def test_one_damaged_answer_costs_neither_a_poll_nor_a_card(bench, number: int) -> None:
    DamagedOnce(number).start(bench.chip)
    events = bench.show(Card(UID7))
    assert [event.uid for event in events] == [UID7]


@pytest.mark.parametrize("number", range(30))
def test_of_two_cards_none_is_told_of_alone_because_of_one_damaged_answer(bench, number: int) -> None:
    DamagedOnce(number).start(bench.chip)
    (event,) = bench.show(Card(UID4), Card(UID7))
    assert set(event.uids) == {UID4, UID7}


def test_a_copy_with_a_back_door_is_marked(bench) -> None:
    (event,) = bench.show(MagicCard(UID4))
    assert event.clone_suspected
    bench.field.clear()
    bench.seconds(1)
    (event,) = bench.show(ClassicCard(UID4))
    assert not event.clone_suspected


def test_a_card_with_random_uids_does_not_multiply_when_another_joins(bench) -> None:
    hiding = RandomUidCard(1)
    bench.show(hiding)
    events = bench.show(Card(UID7))
    several = [event for event in events if isinstance(event, SeveralCards)]
    assert len(several) == 1
    assert set(several[0].uids) == {hiding.uid, UID7}


def test_what_a_card_proves_is_told_with_it(new_bench) -> None:
    def verify(session) -> Proof:
        try:
            session.classic.authenticate(4, b"\xff" * 6)
        except AuthenticationFailed:
            return Proof()
        return Proof(Tier.CLASSIC_MAC, credential_id=session.classic.read(4)[:8], issue_no=3)

    bench = new_bench(verify=verify)
    (event,) = bench.show(ClassicCard(UID4))
    assert event.proof == Proof(Tier.CLASSIC_MAC, bytes(8), 3)
    assert bench.seconds(1) == []
    bench.field.clear()
    bench.seconds(1)
    (event,) = bench.show(Card(UID7))
    assert event.proof == Proof()
    assert bench.seconds(1) == []


def test_a_card_that_leaves_while_it_proves_itself_is_not_told_of(new_bench) -> None:
    card = ClassicCard(UID4)

    def verify(session) -> Proof:
        bench.field.remove(card)
        session.classic.read(4)
        return Proof(Tier.CLASSIC_MAC)

    bench = new_bench(verify=verify)
    assert bench.show(card) == []
    assert bench.seconds(1) == []


def test_a_conversation_with_a_card_that_is_not_there(bench) -> None:
    with pytest.raises(CardSilent):
        bench.reader.transact(UID4, lambda session: session.uid)
    assert [type(event) for event in bench.show(Card(UID4))] == [CardPresented]


def test_conversation_with_one_of_several_cards(bench) -> None:
    cards = [ClassicCard(UID4), ClassicCard(UID7)]
    bench.show(*cards)
    for card in cards:
        card.memory.blocks[1] = card.uid.ljust(16, b"\0")

    def read(session) -> bytes:
        session.classic.authenticate(1, b"\xff" * 6)
        return session.classic.read(1)

    for card in cards:
        assert bench.reader.transact(card.uid, read).rstrip(b"\0") == card.uid
    assert bench.seconds(1) == []

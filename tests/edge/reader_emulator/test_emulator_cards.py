"""Cards of ISO/IEC 14443-3 type A: states, cascade levels, several cards, power."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.reader.emulator import Card, Chip, ClassicCard, EmulatorBus, RandomUidCard
from edge.reader.emulator.air import encode
from edge.reader.emulator.cards import HOME, TRANSITIONS, Heard, State
from tests.support.slow_reader import CardTalk, SlowReader, with_crc

UIDS = {
    4: bytes.fromhex("04A1B2C3"),
    7: bytes.fromhex("04A1B2C3D4E5F6"),
    10: bytes.fromhex("04A1B2C3D4E5F6071829"),
}
HLTA = with_crc(b"\x50\x00")
SELECT = with_crc(bytes.fromhex("9370") + UIDS[4] + bytes([0xD4]))
STIMULI = {
    "REQA": (b"\x26", 7),
    "WUPA": (b"\x52", 7),
    "anticollision": (b"\x93\x20", None),
    "SELECT": (SELECT, None),
    "HLTA": (HLTA, None),
    "read": (with_crc(b"\x30\x04"), None),
}
EXPECTED = {  # state: answered stimuli and the state after each; all others lead home in silence
    State.IDLE: {"REQA": State.READY, "WUPA": State.READY},
    State.READY: {"anticollision": State.READY, "SELECT": State.ACTIVE},
    State.ACTIVE: {"HLTA": State.HALT, "read": State.IDLE},
    State.HALT: {"WUPA": State.READY_STAR},
    State.READY_STAR: {"anticollision": State.READY_STAR, "SELECT": State.ACTIVE_STAR},
    State.ACTIVE_STAR: {"HLTA": State.HALT, "read": State.HALT},
}
ROAD = {
    State.IDLE: [],
    State.READY: ["REQA"],
    State.ACTIVE: ["REQA", "SELECT"],
    State.HALT: ["REQA", "SELECT", "HLTA"],
    State.READY_STAR: ["REQA", "SELECT", "HLTA", "WUPA"],
    State.ACTIVE_STAR: ["REQA", "SELECT", "HLTA", "WUPA", "SELECT"],
}


@pytest.mark.parametrize(("state", "stimulus"), list(itertools.product(EXPECTED, STIMULI)))
def test_every_state_answers_what_the_standard_says_and_nothing_else(state: State, stimulus: str) -> None:
    card = ClassicCard(UIDS[4])
    talk = CardTalk(card)
    for step in ROAD[state]:
        talk.frame(*STIMULI[step])
    assert card.state is state
    answer = talk.frame(*STIMULI[stimulus])
    expected = EXPECTED[state].get(stimulus)
    assert card.state is (expected or HOME[state])
    assert (answer is not None) == (expected is not None and stimulus != "HLTA")


def test_the_table_is_complete_and_home_is_stable() -> None:
    assert set(TRANSITIONS) == set(State) == set(HOME)
    assert all(HOME[home] is home for home in HOME.values())
    reached = {state for row in TRANSITIONS.values() for state in row.values()}
    assert reached == set(State) - {State.OFF, State.IDLE}
    assert {heard for row in TRANSITIONS.values() for heard in row} == set(Heard)


@pytest.mark.parametrize("uid", UIDS.values(), ids=lambda uid: f"{len(uid)} bytes")
def test_a_uid_of_every_length_is_found_over_its_cascade_levels(rig, uid: bytes) -> None:
    rig.place(Card(uid, sak=0x20))
    assert rig.reader.request() == (0x0004, 0x0044, 0x0084)[(len(uid) - 4) // 3].to_bytes(2, "little")
    rig.reader.request()
    assert rig.reader.find_all() == [uid]


def test_the_first_level_of_a_long_uid_is_the_cascade_tag_and_says_that_more_follows(rig) -> None:
    rig.place(Card(UIDS[7]))
    rig.reader.request()
    part = rig.reader.send(b"\x93\x20").data
    assert part == b"\x88" + UIDS[7][:3] + bytes([0x88 ^ 0x04 ^ 0xA1 ^ 0xB2])
    assert rig.reader.select_part(0, part).data[:1] == b"\x04"


@pytest.mark.parametrize(
    ("kind", "length", "atqa", "sak"),
    [
        ("classic1k", 4, 0x0004, 0x08),
        ("classic1k", 7, 0x0044, 0x08),
        ("classic4k", 4, 0x0002, 0x18),
        ("classic4k", 7, 0x0042, 0x18),
        ("classic_mini", 4, 0x0004, 0x09),
    ],
)
def test_classic_cards_say_what_they_are(rig, kind: str, length: int, atqa: int, sak: int) -> None:
    rig.place(ClassicCard(UIDS[length], kind=kind))
    assert rig.reader.request() == atqa.to_bytes(2, "little")
    rig.reader.request()
    rig.reader.request()
    assert rig.reader.select(UIDS[length]) == sak


@pytest.mark.parametrize(
    "uid", ["0102", "88A1B2C3", "0102038804050607", "01020388040506", "01020388040506070809"]
)
def test_impossible_uids_are_refused(uid: str) -> None:
    with pytest.raises(ValueError):
        Card(bytes.fromhex(uid))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("length", [4, 7, 10])
def test_cards_that_differ_in_one_bit_each_are_all_found(rig, count: int, length: int) -> None:
    uids = []
    for index in range(count):
        uid = bytearray(UIDS[length])
        uid[-1 - index % 4] ^= 1 << index
        uids.append(bytes(uid))
    rig.place(*(Card(uid) for uid in uids))
    assert sorted(rig.reader.find_all()) == sorted(uids)
    assert rig.reader.request() == b""


UID = st.one_of(*(st.binary(min_size=size, max_size=size) for size in (4, 7, 10))).filter(
    lambda uid: 0x88 not in uid
)


@settings(max_examples=40, deadline=None)
@given(uids=st.lists(UID, min_size=1, max_size=6, unique=True))
def test_any_cards_are_all_found(uids: list[bytes]) -> None:
    chip = Chip()
    reader = SlowReader(EmulatorBus(chip))
    for uid in uids:
        chip.field.place(Card(uid, atqa=0x0004))
    reader.start()
    assert sorted(reader.find_all()) == sorted(uids)


def test_cards_with_different_atqa_collide_in_it(rig) -> None:
    rig.place(Card(UIDS[4]), Card(UIDS[7]))
    assert rig.reader.send(b"\x26", 7).error & 0x08


def test_two_cards_with_the_same_uid_look_like_one(rig) -> None:
    rig.place(Card(UIDS[4]), Card(UIDS[4]))
    assert rig.reader.find_all() == [UIDS[4]]


def test_a_halted_card_hears_only_wake_up(rig) -> None:
    rig.place(Card(UIDS[4]))
    rig.reader.find_all()
    assert rig.reader.request() == b""
    assert rig.reader.wake_up() == b"\x04\x00"


def test_a_selected_card_answers_every_second_request(rig) -> None:
    """The request sends it home in silence: the trap of drivers that never halt."""
    rig.place(Card(UIDS[4]))
    rig.reader.select(UIDS[4])
    assert [bool(rig.reader.wake_up()) for _ in range(4)] == [False, True, False, True]


def test_switching_the_antenna_off_forgets_halt(rig) -> None:
    rig.place(Card(UIDS[4]))
    rig.reader.find_all()
    rig.bus.write(0x14, 0x80)
    rig.bus.write(0x14, 0x83)
    rig.clock.advance(1_000)
    assert rig.reader.request()


@pytest.mark.parametrize(("startup_us", "heard"), [(300, True), (5_000, False)])
def test_a_card_needs_time_to_start(rig, startup_us: int, heard: bool) -> None:
    card = Card(UIDS[4])
    card.startup_us = startup_us
    rig.field.place(card)
    rig.clock.advance(600)
    assert bool(rig.reader.request()) is heard


@pytest.mark.parametrize(("request_code", "carrier_periods"), [(0x26, 1172), (0x52, 1236)])
def test_the_frame_delay_depends_on_the_last_bit(request_code: int, carrier_periods: int) -> None:
    """REQA ends in a 0, WUPA in a 1 (ISO/IEC 14443-3, 6.2.1.1)."""
    card = Card(UIDS[4])
    card.power_up(0)
    answer = card.hear(encode(bytes([request_code]), 7), 10_000)
    assert answer.start_us - 10_000 == pytest.approx(carrier_periods / 13.56, abs=1)


def test_cards_come_and_go_when_planned(rig) -> None:
    card = Card(UIDS[4])
    now_us = rig.clock.now_us()
    rig.field.place(card, at_us=now_us + 50_000)
    rig.field.remove(card, at_us=now_us + 100_000)
    seen = []
    while rig.clock.now_us() < now_us + 150_000:
        seen.append((rig.clock.now_us() - now_us, bool(rig.reader.wake_up())))
    present = [at_us for at_us, there in seen if there]
    assert 50_000 <= present[0] < 60_000
    assert 90_000 <= present[-1] < 100_000


def test_a_random_uid_is_new_after_each_power_up_and_the_same_in_between(rig) -> None:
    rig.place(RandomUidCard(seed=1))
    found = []
    for _ in range(3):
        uid, _ = rig.reader.find_one()
        rig.reader.halt()
        rig.reader.select(uid)
        found.append(uid)
        rig.bus.write(0x14, 0x80)
        rig.bus.write(0x14, 0x83)
        rig.clock.advance(1_000)
    assert len(set(found)) == 3
    assert all(uid[0] == 0x08 for uid in found)


@pytest.mark.parametrize(
    "frame",
    [b"\x93", b"\x93\x70" + UIDS[4], b"\x93\x71", b"\x93\x1f", b"\x95\x20", b"\x93\x20\x04", b"\x93\x28\x00"],
    ids=lambda frame: frame.hex(),
)
def test_malformed_anticollision_sends_the_card_home(frame: bytes) -> None:
    card = Card(UIDS[4])
    talk = CardTalk(card)
    talk.frame(b"\x26", 7)
    assert talk.frame(frame) is None
    assert card.state is State.IDLE


def test_a_select_with_a_wrong_check_sum_is_not_answered() -> None:
    talk = CardTalk(Card(UIDS[4]))
    talk.frame(b"\x26", 7)
    assert talk.frame(SELECT[:-1] + b"\x00") is None

"""Frames: what is signed, what a session lets through, and that nothing is parsed before its seal was checked."""

from __future__ import annotations

from hashlib import shake_128

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import codec, envelope
from protocol.envelope import (
    CENTRE,
    Channel,
    is_session_frame,
    join,
    open_signed,
    packets,
    peek,
    split,
    write_signed,
)
from protocol.errors import (
    LimitError,
    MalformedError,
    ProtocolError,
    ReplayError,
    SignatureError,
    UnknownMessageError,
    VersionError,
)
from protocol.ids import Stream
from protocol.limits import ENVELOPE_MAX, FRAMES_PER_PACKET_MAX, PACKET_MAX
from protocol.messages import BackedUp, Delta, Message, MessageKind, Ping, Pong
from protocol.records import Change
from protocol.seals import Seal
from tests.protocol.memory_stores import private_key

KEY, OTHER_KEY = private_key(1), private_key(2)
WORD = BackedUp("gate", 1, 9, bytes(16), 5)
NONCE = bytes(16)


def word() -> bytes:
    return write_signed(WORD, KEY, sender=CENTRE, epoch=7, counter=9)


def ends() -> tuple[Channel, Channel]:
    up, down = bytes([1]) * 32, bytes([2]) * 32
    node = Channel(b"session1", up, down, is_node=True)
    return node, Channel(b"session1", down, up, is_node=False)


def test_a_signed_frame_says_who_and_what_and_can_be_checked_by_anyone() -> None:
    header, message = open_signed(word(), KEY.public_key())
    assert message == WORD
    assert (header.sender, header.epoch, header.counter, header.seal) == ("", 7, 9, Seal.CENTRE)
    assert peek(word()) == header


def test_every_single_bit_is_covered_by_the_signature() -> None:
    frame = word()
    for bit in range(8 * len(frame)):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError):
            open_signed(bytes(changed), KEY.public_key())


def test_another_key_is_refused_before_the_body_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted break: decode in ``open_signed`` before ``verify``."""
    monkeypatch.setattr(codec, "decode", lambda kind, body: pytest.fail("parsed before it was checked"))
    with pytest.raises(SignatureError):
        open_signed(word(), OTHER_KEY.public_key())
    node, centre = ends()
    frame = bytearray(node.write(Ping(NONCE, 1)))
    frame[-1] ^= 1
    with pytest.raises(SignatureError):
        centre.open(bytes(frame))


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_is_named_as_such(version: int) -> None:
    with pytest.raises(VersionError):
        peek(bytes([version]) + word()[1:])


def test_frames_that_are_cut_or_have_something_behind_them_are_malformed() -> None:
    for length in range(len(word())):
        with pytest.raises(MalformedError):
            peek(word()[:length])
    with pytest.raises(MalformedError):
        peek(word() + b"\x00")
    with pytest.raises(LimitError):
        peek(bytes(ENVELOPE_MAX + 1))


def test_a_node_may_not_speak_for_the_centre() -> None:
    """A node's key under seal NODE, with a kind that only the centre may sign."""
    body = codec.encode(WORD)
    name = b"gate"
    start = envelope._START.pack(1, Seal.NODE, MessageKind.BACKED_UP, len(name)) + name
    unsigned = start + envelope._SIGNED.pack(1, 9, len(body)) + body
    frame = unsigned + OTHER_KEY.sign(envelope.SIGNED_CONTEXT + unsigned)
    with pytest.raises(SignatureError):
        open_signed(frame, OTHER_KEY.public_key())


def test_a_signed_frame_of_an_unknown_kind_is_told_apart() -> None:
    body = b"\x00\x90"
    unsigned = envelope._START.pack(1, Seal.CENTRE, 999, 0) + envelope._SIGNED.pack(1, 9, len(body)) + body
    with pytest.raises(UnknownMessageError):
        open_signed(unsigned + KEY.sign(envelope.SIGNED_CONTEXT + unsigned), KEY.public_key())


def test_a_frame_longer_than_the_limit_is_not_written() -> None:
    rows = tuple(
        Change(10, key, shake_128(key).digest(3_500)) for key in map(str.encode, map(str, range(1_500)))
    )
    with pytest.raises(LimitError):  # what looks random does not compress
        write_signed(
            Delta("gate", Stream.ACCESS, 1, 1, 2, 3, b"", rows), KEY, sender=CENTRE, epoch=1, counter=2
        )


# -- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_carries_messages_both_ways() -> None:
    node, centre = ends()
    assert centre.open(node.write(Ping(NONCE, 1))) == Ping(NONCE, 1)
    assert node.open(centre.write(Pong(1, 2))) == Pong(1, 2)
    assert is_session_frame(node.write(Ping(NONCE, 1)))
    assert not is_session_frame(word())


def test_a_frame_counts_once() -> None:
    node, centre = ends()
    frame = node.write(Ping(NONCE, 1))
    centre.open(frame)
    with pytest.raises(ReplayError):
        centre.open(frame)


def test_frames_may_overtake_each_other_within_the_window() -> None:
    node, centre = ends()
    frames = [node.write(Ping(NONCE, number)) for number in range(envelope.REPLAY_WINDOW + 1)]
    centre.open(frames[-1])
    with pytest.raises(ReplayError):
        centre.open(frames[0])  # just outside the window
    for frame in reversed(frames[1:-1]):
        centre.open(frame)
    for frame in frames[1:]:
        with pytest.raises(ReplayError):
            centre.open(frame)


@given(st.lists(st.integers(0, 3_000), max_size=60))
def test_the_window_never_lets_a_frame_through_twice(order: list[int]) -> None:
    _, centre = ends()
    taken: set[int] = set()
    for counter in order:
        try:
            centre._see(counter + 1)
        except ReplayError:
            assert counter in taken or counter <= max(taken) - envelope.REPLAY_WINDOW
        else:
            assert counter not in taken
            taken.add(counter)


def test_a_frame_does_not_come_back_to_its_sender() -> None:
    """Each direction has a key of its own, so a reflected frame is no frame."""
    node, _ = ends()
    with pytest.raises(SignatureError):
        node.open(node.write(Ping(NONCE, 1)))


def test_a_side_says_only_what_is_its_own_to_say() -> None:
    _, centre = ends()
    rogue = Channel(b"session1", bytes([1]) * 32, bytes([2]) * 32, is_node=True)
    with pytest.raises(MalformedError):
        centre.open(rogue.write(Pong(1, 2)))


def test_another_session_is_refused() -> None:
    node, _ = ends()
    other = Channel(b"session2", bytes([2]) * 32, bytes([1]) * 32, is_node=False)
    with pytest.raises(SignatureError):
        other.open(node.write(Ping(NONCE, 1)))


def test_every_single_bit_of_a_session_frame_is_covered() -> None:
    node, centre = ends()
    frame = node.write(Ping(NONCE, 1))
    for bit in range(8 * len(frame)):
        changed = bytearray(frame)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError):
            centre.open(bytes(changed))
    assert centre.open(frame) == Ping(NONCE, 1)


def test_configuration_under_a_session_seal_is_our_own_mistake() -> None:
    node, _ = ends()
    message: Message = WORD
    with pytest.raises(AssertionError):
        node.write(message)


# -- packets --------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=300), max_size=FRAMES_PER_PACKET_MAX))
def test_frames_come_out_of_a_packet_as_they_went_in(frames: list[bytes]) -> None:
    assert split(join(frames)) == frames


def test_many_frames_go_in_several_packets() -> None:
    frames = [bytes([n % 256]) * 9 for n in range(3 * FRAMES_PER_PACKET_MAX + 1)]
    made = list(packets(frames))
    assert len(made) == 4
    assert [frame for packet in made for frame in split(packet)] == frames
    large = [bytes(ENVELOPE_MAX)] * 3
    assert all(len(packet) <= PACKET_MAX for packet in packets(large))
    assert list(packets([])) == []


@pytest.mark.parametrize("packet", [b"\x00", b"\x00\x00\x00\x01", b"\x00\x00\x00\x02a", b"\xff\xff\xff\xff"])
def test_a_packet_that_is_cut_is_malformed(packet: bytes) -> None:
    with pytest.raises(MalformedError):
        split(packet)


def test_a_packet_has_limits() -> None:
    with pytest.raises(LimitError):
        split(bytes(PACKET_MAX + 1))
    with pytest.raises(LimitError):
        split(join([b""] * (FRAMES_PER_PACKET_MAX + 1)))

"""What travels through the air: published check sums, parity, and the frame lengths of the data sheet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.reader.emulator.air import (
    CARD_FRAME_ETU,
    COLLISION,
    READER_FRAME_ETU,
    decode,
    encode,
    encrypt,
    etu_us,
)
from edge.reader.emulator.crc import crc_a, reverse_bits
from tests.support.slow_reader import crc_a as reference_crc_a


@pytest.mark.parametrize(
    ("data", "check"),
    [
        ("5000", "57CD"),
        ("3000", "02A8"),
        ("E050", "BCA5"),
        ("E080", "3173"),
        ("0000", "A01E"),
        ("1234", "26CF"),
    ],
)
def test_crc_a_gives_the_published_values(data: str, check: str) -> None:
    assert crc_a(bytes.fromhex(data)).hex().upper() == check


@given(st.binary(max_size=64))
def test_crc_a_by_table_equals_the_shift_register_of_the_standard(data: bytes) -> None:
    assert crc_a(data) == reference_crc_a(data)


def test_bits_reverse() -> None:
    assert [reverse_bits(byte) for byte in (0x01, 0x80, 0x26, 0xFF)] == [0x80, 0x01, 0x64, 0xFF]


@given(st.binary(min_size=1, max_size=64))
def test_a_frame_comes_back_as_it_was_sent(data: bytes) -> None:
    heard = decode(encode(data))
    assert (heard.data, heard.bit_count, heard.parity_ok) == (data, len(data) * 8, True)


@given(st.binary(min_size=1, max_size=20), st.data())
def test_any_single_wrong_bit_is_a_parity_error(data: bytes, draw: st.DataObject) -> None:
    bits = bytearray(encode(data))
    bits[draw.draw(st.integers(0, len(bits) - 1))] ^= 1
    assert not decode(bytes(bits)).parity_ok


def test_a_request_has_seven_bits_and_no_parity() -> None:
    assert encode(b"\x26", 7) == bytes([0, 1, 1, 0, 0, 1, 0])


def test_parity_is_odd() -> None:
    """HLTA with its check sum, 50 00 57 CD: two, no, five and five ones."""
    bits = encode(bytes.fromhex("500057CD"))
    assert [bits[index * 9 + 8] for index in range(4)] == [1, 1, 0, 0]


def test_a_split_byte_keeps_the_parity_of_the_whole_byte() -> None:
    assert encode(b"\x93\x20")[4:] == encode(b"\x93\x20", skip=4)


def test_a_collision_is_no_valid_bit() -> None:
    bits = bytearray(encode(b"\x00"))
    bits[3] = COLLISION
    assert not decode(bytes(bits)).parity_ok


@pytest.mark.parametrize(
    ("bits", "overhead", "length_us"),
    [
        (len(encode(bytes(4))), READER_FRAME_ETU, 368),
        (len(encode(bytes(18))), CARD_FRAME_ETU, 1548),
        (len(encode(bytes(18))), READER_FRAME_ETU, 1558),
        (len(encode(b"\x0a", 4)), CARD_FRAME_ETU, 57),
    ],
)
def test_frames_last_as_long_as_the_card_data_sheet_says(bits: int, overhead: int, length_us: int) -> None:
    """MF1S50YYX_V1, tables of command timings (the ACK is given as 59 us there, two more than the bits take)."""
    assert etu_us(bits + overhead) == pytest.approx(length_us, abs=1)


@given(st.binary(min_size=1, max_size=20), st.integers(0, 2**64 - 1))
def test_a_session_is_heard_by_its_ends_only(data: bytes, session: int) -> None:
    sent = encrypt(encode(data), session)
    assert encrypt(sent, session) == encode(data)
    assert sent != encode(data)


@given(st.integers(0, 2**64 - 1))
def test_a_forgotten_cipher_never_lets_a_request_through(session: int) -> None:
    heard = decode(encrypt(encode(b"\x26", 7), session)).data[0]
    assert heard not in (0x26, 0x52)

"""Check sums, access bits and value blocks: published vectors and laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.reader.access_bits import TRANSPORT, decode_access, encode_access
from edge.reader.crc import crc_a
from edge.reader.errors import CardDataError
from edge.reader.mifare import decode_value, encode_value, trailer_of


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
def test_crc_a_vectors(data: str, check: str) -> None:
    assert crc_a(bytes.fromhex(data)) == bytes.fromhex(check)


def test_value_block_of_the_data_sheet() -> None:
    block = bytes.fromhex("87D612007829EDFF87D6120011EE11EE")
    assert encode_value(1_234_567, 17) == block
    assert decode_value(block) == (1_234_567, 17)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 255))
def test_a_value_survives_its_block(value: int, address: int) -> None:
    assert decode_value(encode_value(value, address)) == (value, address)


@given(st.integers(0, 15), st.integers(1, 255))
def test_any_changed_byte_of_a_value_block_is_noticed(place: int, change: int) -> None:
    block = bytearray(encode_value(-1, 4))
    block[place] ^= change
    with pytest.raises(CardDataError):
        decode_value(bytes(block))


@pytest.mark.parametrize(
    ("conditions", "stored"),
    [(TRANSPORT, "FF0780"), ((0b110, 0b110, 0b110, 0b011), "08778F")],
)
def test_access_bits_vectors(conditions: tuple[int, int, int, int], stored: str) -> None:
    assert encode_access(conditions) == bytes.fromhex(stored)
    assert decode_access(bytes.fromhex(stored)) == conditions


@given(st.binary(min_size=3, max_size=3))
def test_access_bits_are_refused_or_round_trip(stored: bytes) -> None:
    try:
        conditions = decode_access(stored)
    except CardDataError:
        return
    assert encode_access(conditions) == stored


@given(st.tuples(*[st.integers(0, 7)] * 4), st.integers(0, 23))
def test_one_flipped_access_bit_is_always_noticed(conditions: tuple[int, int, int, int], place: int) -> None:
    wrong = bytearray(encode_access(conditions))
    wrong[place // 8] ^= 1 << place % 8
    with pytest.raises(CardDataError):
        decode_access(bytes(wrong))


@pytest.mark.parametrize(("block", "trailer"), [(0, 3), (4, 7), (63, 63), (127, 127), (128, 143), (255, 255)])
def test_trailer_of_small_and_large_sectors(block: int, trailer: int) -> None:
    assert trailer_of(block) == trailer

"""Read keys on their way: sealed for one unit; everything else, and what older centres send, passes as it is."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import SignatureError
from protocol.ids import uid_key
from protocol.records import Change, IssuerKeyRow, Kind, PinRow, ReadKeyRow, delete, put
from protocol.sealed_keys import open_card_keys, open_row, seal_card_keys, seal_row
from protocol.unit_box import box_key_of, box_secret_of

SEED = bytes(range(32))
PUBLIC = box_key_of(Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw())
SECRET = box_secret_of(SEED)
SEALED = 64
ROW = put(0x0203, ReadKeyRow(b"sixteen bytes 16"))


def test_a_read_key_is_sealed_and_opened() -> None:
    sealed = seal_row(ROW, PUBLIC, bytes(31) + b"\x01")
    assert (sealed.kind, sealed.key) == (ROW.kind, ROW.key)
    assert b"sixteen" not in sealed.body
    assert open_row(sealed, SECRET) == ROW


def test_the_proofs_of_a_pin_are_sealed_and_opened() -> None:
    row = put(
        uid_key(b"card"), PinRow(b"two proofs of 16 bytes, side by "[:32].ljust(32, b"."), bytes(16), 13)
    )
    sealed = seal_row(row, PUBLIC, bytes(31) + b"\x02")
    assert b"two proofs" not in sealed.body
    assert open_row(sealed, SECRET) == row
    with pytest.raises(SignatureError):
        open_row(Change(row.kind, uid_key(b"othr"), sealed.body), SECRET)


@pytest.mark.parametrize("row", [put(1, IssuerKeyRow(bytes(32))), delete(Kind.READ_KEY, 0x0203)])
def test_other_rows_pass_as_they_are(row: Change) -> None:
    assert seal_row(row, PUBLIC, bytes(32)) == row
    assert open_row(row, SECRET) == row


@pytest.mark.parametrize("row", [ROW, Change(Kind.READ_KEY, ROW.key, b"rubbish")])
def test_a_row_in_the_clear_is_left_to_whoever_reads_rows(row: Change) -> None:
    assert open_row(row, SECRET) == row


@given(at=st.integers(0, SEALED - 1), bit=st.integers(0, 7))
def test_what_was_touched_is_refused(at: int, bit: int) -> None:
    """Also a row that was put under another zone's number. Planted break: ``decrypt`` without the row's key."""
    sealed = seal_row(ROW, PUBLIC, bytes(31) + b"\x01")
    touched = bytearray(sealed.body)
    touched[-SEALED + at] ^= 1 << bit
    for row in (Change(ROW.kind, ROW.key, bytes(touched)), Change(ROW.kind, b"\0\0\1\3", sealed.body)):
        with pytest.raises(SignatureError):
            open_row(row, SECRET)


@given(
    keys=st.binary(min_size=1, max_size=300), uid=st.binary(min_size=4, max_size=10), at=st.integers(0, 500)
)
def test_the_keys_of_a_card_are_for_this_device_and_this_card(keys: bytes, uid: bytes, at: int) -> None:
    """Planted break: the UID left out of the seal; the person of read keys used for both."""
    sealed = seal_card_keys(keys, uid, PUBLIC, bytes(31) + b"\x01")
    assert open_card_keys(sealed, uid, SECRET) == keys
    touched = bytearray(sealed)
    touched[at % len(sealed)] ^= 1
    other = box_secret_of(bytes(32))
    for wrong in (
        (bytes(touched), uid, SECRET),
        (sealed, uid + b"\0", SECRET),
        (sealed, uid, other),
        (b"", uid, SECRET),
    ):
        with pytest.raises(SignatureError):
            open_card_keys(*wrong)
    as_row = Change(
        Kind.READ_KEY, uid, seal_row(Change(Kind.READ_KEY, uid, ROW.body), PUBLIC, bytes(31) + b"\x01").body
    )
    with pytest.raises(SignatureError):
        open_card_keys(as_row.body[-SEALED:], uid, SECRET)

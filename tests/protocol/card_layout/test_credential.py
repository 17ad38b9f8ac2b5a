"""A credential counts only on the card, the medium and by the key that it was signed for."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from protocol.card_layout.credential import (
    SLOT_LENGTH,
    Credential,
    Medium,
    decode,
    encode,
    newest,
    seq_of,
    sign,
    verify,
)
from protocol.errors import LimitError, MalformedError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
UID = bytes.fromhex("04A1B2C3D4E5F6")
ISSUED = Credential(b"\1\2\3\4\5\6\7\x08", 3, 7, 0b101, "00012345", 1_700_000_000, 1_800_000_000, 2)
SLOT = sign(ISSUED, Medium.CLASSIC, UID, KEY)


def test_the_bytes_on_the_card_never_change() -> None:
    assert encode(ISSUED).hex() == (
        "010200070003000501020304050607083030303132333435" + "6553f100" + "6b49d200"
    )
    assert len(SLOT) == SLOT_LENGTH == 96


credentials = st.builds(
    Credential,
    st.binary(min_size=8, max_size=8),
    st.integers(0, 0xFFFF),
    st.integers(1, 0xFFFF),
    st.integers(1, 0xFFFF),
    st.text("0123456789ABC-", max_size=8),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
)


@given(credentials)
def test_what_was_encoded_is_decoded(credential: Credential) -> None:
    assert decode(encode(credential)) == credential


@given(st.binary(min_size=32, max_size=32))
def test_any_bytes_are_a_credential_or_malformed(body: bytes) -> None:
    for candidate in (body, b"\x01" + body[1:]):
        try:
            credential = decode(candidate)
        except MalformedError:
            continue
        assert encode(credential) == candidate


@pytest.mark.parametrize("seq", [0, 0x10000])
def test_a_sequence_that_has_run_out_is_refused(seq: int) -> None:
    with pytest.raises(LimitError):
        encode(Credential(bytes(8), 1, seq))


def test_a_longer_printed_number_keeps_its_end() -> None:
    assert decode(encode(Credential(bytes(8), 1, 1, card_no="HQ-2026-00012345"))).card_no == "00012345"


def test_its_zones_are_numbers() -> None:
    assert ISSUED.zone_numbers == (0, 2)


def test_a_signed_credential_is_believed() -> None:
    assert verify(SLOT, Medium.CLASSIC, UID, {2: PUBLIC}) == ISSUED


@pytest.mark.parametrize(
    ("medium", "uid", "keys"),
    [
        (Medium.DESFIRE, UID, {2: PUBLIC}),
        (Medium.CLASSIC, UID[:-1] + b"\0", {2: PUBLIC}),
        (Medium.CLASSIC, UID[:4], {2: PUBLIC}),
        (Medium.CLASSIC, UID, {1: PUBLIC}),
        (Medium.CLASSIC, UID, {2: bytes(32)}),
        (Medium.CLASSIC, UID, {2: b"short"}),
        (Medium.CLASSIC, UID, {}),
    ],
    ids=[
        "other medium",
        "copied to another card",
        "shorter uid",
        "other generation",
        "other key",
        "no key",
        "none",
    ],
)
def test_elsewhere_it_is_worth_nothing(medium: Medium, uid: bytes, keys: dict[int, bytes]) -> None:
    assert verify(SLOT, medium, uid, keys) is None


@pytest.mark.parametrize("place", range(SLOT_LENGTH))
def test_any_changed_byte_voids_it(place: int) -> None:
    changed = bytearray(SLOT)
    changed[place] ^= 0x10
    assert verify(bytes(changed), Medium.CLASSIC, UID, {2: PUBLIC}) is None


def slot(seq: int) -> bytes:
    return sign(Credential(bytes(8), 1, seq), Medium.CLASSIC, UID, KEY)


@pytest.mark.parametrize(
    ("slots", "seq"),
    [
        ((slot(4), slot(5)), 5),
        ((slot(5), slot(4)), 5),
        ((slot(4), bytes(SLOT_LENGTH)), 4),
        ((slot(4), slot(5)[:50] + bytes(46)), 4),
        ((b"\x01\x00\xff\xff" + slot(4)[4:], slot(3)), 3),
    ],
    ids=["B newer", "A newer", "B never written", "B torn", "A torn to a high number"],
)
def test_the_valid_slot_with_the_highest_sequence_counts(slots: tuple[bytes, ...], seq: int) -> None:
    found = newest(slots, Medium.CLASSIC, UID, {0: PUBLIC})
    assert found is not None
    assert found.seq == seq


def test_a_card_without_a_valid_slot_has_no_credential() -> None:
    assert newest((bytes(SLOT_LENGTH), b"\xff" * SLOT_LENGTH), Medium.CLASSIC, UID, {0: PUBLIC}) is None
    assert seq_of(bytes(SLOT_LENGTH)) == 0


@pytest.mark.parametrize("cut", range(SLOT_LENGTH))
def test_a_write_torn_at_any_byte_leaves_the_other_slot(cut: int) -> None:
    old, older, new = slot(8), slot(7), slot(9)
    torn = new[:cut] + older[cut:]
    found = newest((old, torn), Medium.CLASSIC, UID, {0: PUBLIC})
    assert found is not None
    assert found.seq == 8

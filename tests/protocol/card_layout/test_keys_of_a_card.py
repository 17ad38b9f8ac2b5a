"""AES, CMAC and diversified keys, by published vectors: RFC 4493 section 4 and NXP AN10922."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.card_layout import aes
from protocol.card_layout.keys import Purpose, card_key, classic_key, diversify

RFC_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
AN10922_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
UID = bytes.fromhex("04A1B2C3D4E5F6")


def test_subkeys_of_rfc_4493() -> None:
    assert [key.hex() for key in aes.subkeys(RFC_KEY)] == [
        "fbeed618357133667c85e08f7236a8de",
        "f7ddac306ae266ccf90bc11ee46d513b",
    ]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_cmac_of_rfc_4493(length: int, expected: str) -> None:
    assert aes.cmac(RFC_KEY, RFC_MESSAGE[:length]).hex() == expected


@given(st.binary(max_size=100))
def test_what_is_padded_comes_back(data: bytes) -> None:
    padded = aes.pad(data)
    assert len(padded) % 16 == 0
    assert len(padded) > len(data)
    assert aes.unpad(padded) == data


@pytest.mark.parametrize("data", ["", "00" * 16, "80" + "00" * 16, "11" * 16])
def test_what_was_not_padded_is_found(data: str) -> None:
    assert aes.unpad(bytes.fromhex(data)) is None


def test_an10922_subkeys_and_diversified_key() -> None:
    assert aes.subkeys(AN10922_KEY)[0].hex().startswith("fbc9f75c")
    diversification = bytes.fromhex("04782E21801D803042F54E585020416275")
    assert diversify(AN10922_KEY, diversification).hex() == "a8dd63a3b89d54b37ca802473fda9175"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (1, "281049D52ECBC8F60961993D34DE3D54"),
        (7, "E8B7F67C78C34AF1446E331EF7E6D3FF"),
        (15, "5A3C7F6F0687F24F82DEE7EDA0970D08"),
        (16, "FEED9FBD36CDB16819A72D30BCF9240B"),
        (31, "21C28CD89BB3147F66C7DBD4851CAB20"),
    ],
)
def test_inputs_of_every_length_are_padded_to_two_blocks(length: int, expected: str) -> None:
    """Another implementation's results over 00 01 02 ...; the trap is the plain CMAC of a short input."""
    diversification = bytes(range(length))
    assert diversify(AN10922_KEY, diversification).hex().upper() == expected
    if length < 16:
        assert aes.cmac(AN10922_KEY, b"\x01" + diversification).hex().upper() != expected


def test_every_card_application_purpose_and_sector_has_its_own_key() -> None:
    keys = {
        card_key(AN10922_KEY, uid, aid, purpose, number)
        for uid in (UID, UID[:4], b"\x05" + UID[1:])
        for aid in (0xF481C0, 0xF481C1)
        for purpose in Purpose
        for number in (0, 1, 2)
    }
    assert len(keys) == 3 * 2 * 2 * 3


def test_the_key_of_a_sector_is_the_front_of_the_aes_key() -> None:
    whole = card_key(AN10922_KEY, UID, 0xF481C0, Purpose.READ, 5)
    assert classic_key(AN10922_KEY, UID, 0xF481C0, Purpose.READ, 5) == whole[:6]

"""Emulated cards with a credential, put together from the numbers of the layout and not by the issuing code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.reader.access_bits import encode_access
from edge.reader.emulator.cards import Card
from edge.reader.emulator.desfire_card import DesfireCard
from edge.reader.emulator.mifare_classic import ClassicCard
from edge.reader.emulator.ntag424_card import Ntag424Card
from edge.reader.emulator.picc import Application, DataFile
from protocol.card_layout import places
from protocol.card_layout.credential import SLOT_LENGTH, Credential, Medium, sign
from protocol.card_layout.door_keys import DoorKeys, ReadKey
from protocol.card_layout.keys import Purpose, card_key, classic_key

UID: Final = bytes.fromhex("04A1B2C3D4E5F6")
ISSUER: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC: Final = ISSUER.public_key().public_bytes_raw()
OLD_READ: Final = ReadKey(0, 1, bytes(range(16)))
READ: Final = ReadKey(0, 2, bytes(range(16, 32)))
OTHER_ZONE: Final = ReadKey(1, 1, bytes(range(32, 48)))
ISSUER_KEY: Final = bytes(range(48, 64))
KEYS: Final = DoorKeys((READ, OLD_READ), {0: PUBLIC})
ISSUED: Final = Credential(b"\1\2\3\4\5\6\7\x08", 3, 7, 0b1, "00012345")
KINDS: Final = (
    "classic1k",
    "classic4k",
    "classic_mini",
    "desfire_ev1",
    "desfire_ev2",
    "desfire_ev3",
    "ntag424",
)
AES_KINDS: Final = KINDS[3:]


def medium_of(kind: str) -> Medium:
    return (
        Medium.CLASSIC
        if kind.startswith("classic")
        else Medium.NTAG424
        if kind == "ntag424"
        else Medium.DESFIRE
    )


def blank_card(kind: str, uid: bytes = UID) -> Card:
    """A card as delivered."""
    if kind.startswith("classic"):
        return ClassicCard(uid, kind=kind)
    return Ntag424Card(uid) if kind == "ntag424" else DesfireCard(uid, kind=kind)


def slots_of(kind: str, credentials: Sequence[Credential], uid: bytes, key: Ed25519PrivateKey) -> list[bytes]:
    """Slots A and B; one that has no credential is blank."""
    made = [sign(item, medium_of(kind), uid, key) for item in credentials]
    return [*made, bytes(SLOT_LENGTH)][:2]


def issued_card(
    kind: str,
    *credentials: Credential,
    uid: bytes = UID,
    read_key: ReadKey = READ,
    signer: Ed25519PrivateKey = ISSUER,
    signed_uid: bytes | None = None,
) -> Card:
    """A card with these credentials in its slots (a DESFire has one, the first).

    signed_uid: the card that the signature is for, when it is not this one.
    """
    slots = slots_of(kind, credentials or (ISSUED,), signed_uid or uid, signer)
    return card_with_slots(kind, slots, uid=uid, read_key=read_key)


def card_with_slots(kind: str, slots: Sequence[bytes], *, uid: bytes = UID, read_key: ReadKey = READ) -> Card:
    """A card whose slots hold these bytes."""
    card = blank_card(kind, uid)
    aid = places.aid_of(read_key.zone)
    if isinstance(card, ClassicCard):
        for slot, content in enumerate(slots):
            blocks = places.slot_blocks(read_key.zone, slot)
            for index, block in enumerate(blocks):
                card.memory.blocks[block] = content[index * 16 : index * 16 + 16]
            for sector in places.slot_sectors(read_key.zone, slot):
                card.memory.blocks[sector * 4 + 3] = (
                    classic_key(read_key.key, uid, aid, Purpose.READ, sector)
                    + encode_access(places.CREDENTIAL_ACCESS)
                    + b"\x69"
                    + classic_key(ISSUER_KEY, uid, aid, Purpose.ISSUER, sector)
                )
        return card
    keys = [card_key(ISSUER_KEY, uid, aid, Purpose.ISSUER), card_key(read_key.key, uid, aid, Purpose.READ)]
    if isinstance(card, DesfireCard):
        file = DataFile(slots[0], 3, places.FILE_RIGHTS, backup=True)
        card.applications[aid] = Application(keys, 0x09, files={places.DESFIRE_FILE: file})
        return card
    assert isinstance(card, Ntag424Card)
    card.application.keys[:2] = keys
    content = bytearray(256)
    for offset, slot_content in zip(places.NTAG_SLOT_OFFSETS, slots, strict=True):
        content[offset : offset + SLOT_LENGTH] = slot_content
    card.application.files[places.NTAG_FILE] = DataFile(bytes(content), 3, places.FILE_RIGHTS)
    return card

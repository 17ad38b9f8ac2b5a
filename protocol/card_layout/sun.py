"""SUN of the NTAG 424 DNA: what a patrol tag adds to its address at every reading (NXP AN12196, section 3).

It proves that the tag itself was read, once more than before; it does not prove *when*: whoever reads the tag may use the
result later. Hence for checkpoints, not for doors; and a counter that is not higher than the last one is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

import msgspec

from protocol.card_layout import aes

PICC_DATA_LENGTH: Final = 16
MAC_LENGTH: Final = 8
_TAG: Final = 0xC7
"""UID and counter are there, and the UID has seven bytes."""
_SV2: Final = bytes.fromhex("3CC300010080")


class Sun(msgspec.Struct, frozen=True):
    """A reading: the tag, and how often it has been read."""

    uid: bytes
    counter: int


def verify(
    picc_data: bytes,
    mac: bytes,
    meta_key: bytes,
    file_key: Callable[[bytes], bytes],
    mac_input: bytes = b"",
) -> Sun | None:
    """The reading that this enciphered data and its MAC prove; None when they prove nothing.

    :param meta_key: deciphers the data; one for all tags of a site, because the UID is inside.
    :param file_key: UID -> the key of that tag.
    :param mac_input: what the tag covers besides, from the address; empty in our set-up.
    """
    if len(picc_data) != PICC_DATA_LENGTH or len(mac) != MAC_LENGTH:
        return None
    plain = aes.decrypt(meta_key, picc_data)
    if plain[0] != _TAG:
        return None
    uid, counter = plain[1:8], plain[8:11]
    session_key = aes.cmac(file_key(uid), _SV2 + uid + counter)
    if not hmac.compare_digest(aes.cmac(session_key, mac_input)[1::2], mac):
        return None
    return Sun(uid, int.from_bytes(counter, "little"))

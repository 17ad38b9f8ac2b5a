"""The master key of a site's cards: a file beside the centre's other keys, never in the database, printed once.

Every key that is on a card or at a door comes from it by HKDF, with purpose and version: who holds the master (the centre,
and the sheet of paper in the safe) can make all of them again; who holds one of them learns nothing of the others.
"""

from __future__ import annotations

import secrets
from base64 import b32decode, b32encode
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from central.errors import InvalidInputError, StorageError
from central.security.keys import write_private
from protocol.limits import READ_KEY_LENGTH

FILE: Final = "card-master.key"
MASTER_BYTES: Final = 32
_CHECK_BYTES: Final = 3
_GROUP: Final = 4
_MISREAD: Final = str.maketrans("018", "OIB")
"""Digits that the alphabet of the printed code does not have, and the letters that they were read for."""


@dataclass(frozen=True)
class CardMaster:
    """Thirty-two bytes, and all that follows from them."""

    secret: bytes

    def read_key(self, zone: int, version: int) -> bytes:
        """Sixteen bytes for the doors of a zone."""
        return self._derive(f"read {zone} {version}", READ_KEY_LENGTH)

    def issuer_key(self, version: int) -> bytes:
        """Sixteen bytes for issuing devices."""
        return self._derive(f"issuer {version}", READ_KEY_LENGTH)

    def signing_key(self, generation: int) -> Ed25519PrivateKey:
        """Signs credentials; never leaves the centre."""
        return Ed25519PrivateKey.from_private_bytes(self._derive(f"signing {generation}", MASTER_BYTES))

    @property
    def fingerprint(self) -> str:
        """Tells masters apart without telling anything of them; may stand in the database."""
        return self._derive("fingerprint", 8).hex()

    def printed(self) -> str:
        """The master as it is printed for the safe: groups of four, with a check for misreading."""
        text = b32encode(self.secret + _check(self.secret)).decode().rstrip("=")
        return " ".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))

    def _derive(self, purpose: str, length: int) -> bytes:
        return HKDF(hashes.SHA256(), length, None, f"onecard cards {purpose}".encode()).derive(self.secret)


def parse_printed(text: str) -> CardMaster:
    """The master that someone has typed off the sheet.

    :raises InvalidInputError: a letter is missing or wrong.
    """
    plain = "".join(text.upper().split()).replace("-", "").translate(_MISREAD)
    try:
        content = b32decode(plain + "=" * (-len(plain) % 8))
    except ValueError:
        content = b""
    secret, check = content[:MASTER_BYTES], content[MASTER_BYTES:]
    if len(secret) != MASTER_BYTES or check != _check(secret):
        raise InvalidInputError("The code is not complete, or a letter was misread.")
    return CardMaster(secret)


def create(folder: Path) -> CardMaster:
    """A new master, at first run.

    :raises StorageError: there is one already, or it cannot be written.
    """
    return store(folder, CardMaster(secrets.token_bytes(MASTER_BYTES)))


def store(folder: Path, master: CardMaster) -> CardMaster:
    """Put a master (a new one, or the printed one) where there is none.

    :raises StorageError: there is one already, or it cannot be written.
    """
    path = folder / FILE
    try:
        if path.exists():
            raise StorageError(f"{path} is there already; no card would be readable with another one")
        write_private(path, master.secret)
    except OSError as error:
        raise StorageError(f"{path}: {error}") from error
    return master


def load(folder: Path) -> CardMaster | None:
    """The master in this folder; None when there is none.

    :raises StorageError: the file cannot be read, or does not hold one.
    """
    path = folder / FILE
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: {error}") from error
    if len(secret) != MASTER_BYTES:
        raise StorageError(f"{path} does not hold a card master key")
    return CardMaster(secret)


def _check(secret: bytes) -> bytes:
    return blake2b(secret, digest_size=_CHECK_BYTES, person=b"onecard printed").digest()

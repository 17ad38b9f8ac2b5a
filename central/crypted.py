"""A stream encrypted with a passphrase: scrypt for the key, AES-256-GCM in chunks (the STREAM construction).

    MAGIC 8 | salt 16 | then chunks of up to 1 MiB, each with its 16-byte tag

The nonce of a chunk is its number, and one byte that is 1 in the last chunk only: a stream that was shortened, continued,
or whose chunks were moved fails at the first wrong chunk.
"""

from __future__ import annotations

import secrets
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from central.errors import BackupError
from central.web.i18n import _

MAGIC: Final = b"onecard\x01"
SALT_BYTES: Final = 16
CHUNK_BYTES: Final = 1 << 20
TAG_BYTES: Final = 16
_SCRYPT: Final = {"n": 2**16, "r": 8, "p": 1}


def is_crypted(stream: BinaryIO) -> bool:
    """True when the stream begins as one of ours; it is left after the mark."""
    return stream.read(len(MAGIC)) == MAGIC


def encrypt(source: BinaryIO, target: BinaryIO, passphrase: str) -> None:
    """Everything that ``source`` still holds."""
    salt = secrets.token_bytes(SALT_BYTES)
    target.write(MAGIC + salt)
    cipher, number = _cipher(passphrase, salt), 0
    chunk = source.read(CHUNK_BYTES)
    while True:
        following = source.read(CHUNK_BYTES)
        target.write(cipher.encrypt(_nonce(number, not following), chunk, MAGIC))
        if not following:
            return
        chunk, number = following, number + 1


def decrypt(source: BinaryIO, target: BinaryIO, passphrase: str) -> None:
    """The inverse. What reached ``target`` before an error is not to be used.

    :raises BackupError: wrong passphrase, or the stream was changed or cut.
    """
    if not is_crypted(source):
        raise BackupError(_("This file is not a backup of this program."))
    salt = source.read(SALT_BYTES)
    cipher, number = _cipher(passphrase, salt), 0
    chunk = source.read(CHUNK_BYTES + TAG_BYTES)
    while True:
        following = source.read(CHUNK_BYTES + TAG_BYTES)
        try:
            target.write(cipher.decrypt(_nonce(number, not following), chunk, MAGIC))
        except (InvalidTag, ValueError) as error:
            raise BackupError(_("The passphrase is wrong, or the backup is damaged.")) from error
        if not following:
            return
        chunk, number = following, number + 1


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, **_SCRYPT).derive(passphrase.encode()))

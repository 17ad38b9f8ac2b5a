"""AES-128 as cards use it: CBC without padding, and CMAC (NIST SP 800-38B, RFC 4493)."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK: Final = 16
ZERO_BLOCK: Final = bytes(BLOCK)
_R: Final = 0x87
"""The polynomial of the field with 2**128 elements (RFC 4493, 2.3)."""


def encrypt(key: bytes, data: bytes, iv: bytes = ZERO_BLOCK) -> bytes:
    """CBC over whole blocks."""
    encryptor = Cipher(AES128(key), CBC(iv)).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def decrypt(key: bytes, data: bytes, iv: bytes = ZERO_BLOCK) -> bytes:
    """CBC over whole blocks."""
    decryptor = Cipher(AES128(key), CBC(iv)).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def pad(data: bytes, length: int = 0) -> bytes:
    """``data``, a one bit, and zeros: to the next whole block, or to ``length`` bytes (ISO/IEC 9797-1, method 2)."""
    length = length or len(data) // BLOCK * BLOCK + BLOCK
    return (data + b"\x80").ljust(length, b"\0")


def unpad(data: bytes) -> bytes | None:
    """What ``pad`` was given; None when there is no such padding in the last block."""
    plain = data.rstrip(b"\0")
    return plain[:-1] if plain[-1:] == b"\x80" and len(data) - len(plain) < BLOCK else None


def subkeys(key: bytes) -> tuple[bytes, bytes]:
    """K1 for a last block that is whole, K2 for one that was padded (RFC 4493, 2.3)."""
    first = _double(encrypt(key, ZERO_BLOCK))
    return first, _double(first)


def cmac(key: bytes, message: bytes, iv: bytes = ZERO_BLOCK) -> bytes:
    """Sixteen bytes. ``iv`` is zero but for DESFire EV1, which chains the CMACs of a session."""
    k1, k2 = subkeys(key)
    if message and len(message) % BLOCK == 0:
        return masked_cbc(key, message, k1, iv)
    return masked_cbc(key, pad(message), k2, iv)


def masked_cbc(key: bytes, blocks: bytes, mask: bytes, iv: bytes = ZERO_BLOCK) -> bytes:
    """The last block of CBC over ``blocks``, the last of which is masked: what CMAC is made of."""
    return encrypt(key, blocks[:-BLOCK] + xor(blocks[-BLOCK:], mask), iv)[-BLOCK:]


def xor(one: bytes, other: bytes) -> bytes:
    """Byte by byte; both have one length."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _double(block: bytes) -> bytes:
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number = number & ((1 << 128) - 1) ^ _R
    return number.to_bytes(BLOCK, "big")

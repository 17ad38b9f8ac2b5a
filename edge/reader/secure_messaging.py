"""Secure messaging of DESFire and NTAG 424 DNA: session keys, enciphered and MACed commands and answers. Pure; no card here.

``Ev2Session`` is what AuthenticateEV2First opens (NXP AN12343, AN12196), ``Ev1Session`` what AuthenticateAES opens
(DESFire EV1). A session that finds a wrong MAC is over; the card has to be authenticated anew.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import Final, Protocol
from zlib import crc32

from edge.reader.errors import CardCorrupted
from protocol.card_layout import aes

OK: Final = 0x00
MAC_LENGTH: Final = 8
CRC_LENGTH: Final = 4
CHANGE_KEY: Final = 0xC4
COUNTER_MAX: Final = 0xFFFF


class Mode(IntEnum):
    """How a file's contents travel, by the card's own numbers."""

    PLAIN = 0
    MAC = 1
    FULL = 3


class Session(Protocol):
    """One authenticated conversation."""

    def command(self, code: int, header: bytes, data: bytes, mode: Mode) -> bytes:
        """What follows the command code on the wire. ``header`` is never enciphered."""
        ...

    def answer(self, wire: bytes, mode: Mode, length: int | None = 0) -> bytes:
        """The ``length`` bytes that a successful answer carries; None when any length will do.

        :raises CardCorrupted: a wrong MAC, check sum or length.
        """
        ...

    def change_key(self, number: int, new: bytes, version: int, old: bytes | None) -> bytes:
        """What follows the code of ChangeKey; ``old`` is None for the key of this session."""
        ...


def card_crc(data: bytes) -> bytes:
    """CRC-32 as the card counts it: without the final inversion, low byte first."""
    return (crc32(data) ^ 0xFFFFFFFF).to_bytes(CRC_LENGTH, "little")


def ev2_keys(key: bytes, rnd_a: bytes, rnd_b: bytes) -> tuple[bytes, bytes]:
    """Session keys for enciphering and for MACs."""
    context = rnd_a[:2] + aes.xor(rnd_a[2:8], rnd_b[:6]) + rnd_b[6:] + rnd_a[8:]
    enciphering, mac = bytes.fromhex("A55A00010080"), bytes.fromhex("5AA500010080")
    return aes.cmac(key, enciphering + context), aes.cmac(key, mac + context)


def ev1_key(rnd_a: bytes, rnd_b: bytes) -> bytes:
    """The one session key of AuthenticateAES."""
    return rnd_a[:4] + rnd_b[:4] + rnd_a[12:] + rnd_b[12:]


class Ev2Session:
    """Keys, transaction identifier and command counter."""

    def __init__(self, enciphering_key: bytes, mac_key: bytes, identifier: bytes, counter: int = 0) -> None:
        self._enciphering_key = enciphering_key
        self._mac_key = mac_key
        self._identifier = identifier
        self._counter = counter

    def command(self, code: int, header: bytes, data: bytes, mode: Mode) -> bytes:
        """See ``Session``."""
        assert self._counter < COUNTER_MAX, "a session of ours is short"
        if mode is Mode.FULL and data:
            data = aes.encrypt(self._enciphering_key, aes.pad(data), self._iv(b"\xa5\x5a"))
        payload = header + data
        return payload if mode is Mode.PLAIN else payload + self._mac(code, payload)

    def answer(self, wire: bytes, mode: Mode, length: int | None = 0) -> bytes:
        """See ``Session``."""
        self._counter += 1
        if mode is Mode.PLAIN:
            data = wire
        else:
            data, mac = wire[:-MAC_LENGTH], wire[-MAC_LENGTH:]
            if not hmac.compare_digest(mac, self._mac(OK, data)):
                raise CardCorrupted("an answer with a wrong MAC")
            if mode is Mode.FULL and data:
                data = self._decrypted(data)
        if length is not None and len(data) != length:
            raise CardCorrupted(f"an answer of {len(data)} bytes instead of {length}")
        return data

    def change_key(self, number: int, new: bytes, version: int, old: bytes | None) -> bytes:
        """See ``Session``."""
        if old is None:
            data = new + bytes((version,))
        else:
            data = aes.xor(new, old) + bytes((version,)) + card_crc(new)
        return self.command(CHANGE_KEY, bytes((number,)), data, Mode.FULL)

    def _decrypted(self, data: bytes) -> bytes:
        if len(data) % aes.BLOCK:
            raise CardCorrupted("enciphered data that are not whole blocks")
        plain = aes.unpad(aes.decrypt(self._enciphering_key, data, self._iv(b"\x5a\xa5")))
        if plain is None:
            raise CardCorrupted("enciphered data without padding")
        return plain

    def _iv(self, label: bytes) -> bytes:
        block = label + self._identifier + self._counter.to_bytes(2, "little")
        return aes.encrypt(self._enciphering_key, block.ljust(aes.BLOCK, b"\0"))

    def _mac(self, code: int, payload: bytes) -> bytes:
        text = bytes((code,)) + self._counter.to_bytes(2, "little") + self._identifier + payload
        return aes.cmac(self._mac_key, text)[1::2]


class Ev1Session:
    """One key, and one running IV that every command and every answer moves on."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._iv = aes.ZERO_BLOCK

    def command(self, code: int, header: bytes, data: bytes, mode: Mode) -> bytes:
        """See ``Session``."""
        text = bytes((code,)) + header + data
        if mode is Mode.FULL and data:
            return header + self._encrypted(data + card_crc(text))
        mac = self._cmac(text)
        return header + data + (mac if mode is Mode.MAC and data else b"")

    def answer(self, wire: bytes, mode: Mode, length: int | None = 0) -> bytes:
        """See ``Session``."""
        if mode is Mode.FULL and length:
            if not wire or len(wire) % aes.BLOCK:
                raise CardCorrupted("enciphered data that are not whole blocks")
            plain = aes.decrypt(self._key, wire, self._iv)
            self._iv = wire[-aes.BLOCK :]
            data, crc = plain[:length], plain[length : length + CRC_LENGTH]
            if crc != card_crc(data + bytes((OK,))):
                raise CardCorrupted("an answer with a wrong check sum")
            return data
        data, mac = wire[:-MAC_LENGTH], wire[-MAC_LENGTH:]
        if not hmac.compare_digest(mac, self._cmac(data + bytes((OK,)))) or length not in (None, len(data)):
            raise CardCorrupted("an answer with a wrong MAC")
        return data

    def change_key(self, number: int, new: bytes, version: int, old: bytes | None) -> bytes:
        """See ``Session``."""
        header = bytes((number,))
        data = (new if old is None else aes.xor(new, old)) + bytes((version,))
        tail = b"" if old is None else card_crc(new)
        return header + self._encrypted(data + card_crc(bytes((CHANGE_KEY,)) + header + data) + tail)

    def _encrypted(self, data: bytes) -> bytes:
        wire = aes.encrypt(self._key, data.ljust(-(-len(data) // aes.BLOCK) * aes.BLOCK, b"\0"), self._iv)
        self._iv = wire[-aes.BLOCK :]
        return wire

    def _cmac(self, text: bytes) -> bytes:
        self._iv = aes.cmac(self._key, text, self._iv)
        return self._iv[:MAC_LENGTH]

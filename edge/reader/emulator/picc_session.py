"""The card's end of an authenticated conversation: EV1 (running IV) and EV2 (counter). Written from the data sheets, with
other building blocks than the reader's end, so that one mistake does not cancel another."""

from dataclasses import dataclass, field
from zlib import crc32

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.cmac import CMAC

PLAIN, MACED, FULL = 0, 1, 3


class IntegrityError(Exception):
    """A command whose MAC, check sum or padding is wrong: status 1E."""


def cbc(key: bytes, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
    cipher = Cipher(AES(key), CBC(iv))
    worker = cipher.decryptor() if decrypt else cipher.encryptor()
    return worker.update(data) + worker.finalize()


def plain_cmac(key: bytes, text: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(text)
    return mac.finalize()


def jam_crc(data: bytes) -> bytes:
    return (0xFFFFFFFF - crc32(data)).to_bytes(4, "little")


def rotated(challenge: bytes) -> bytes:
    return challenge[1:] + challenge[:1]


def without_padding(data: bytes) -> bytes:
    end = data.rfind(b"\x80")
    if end < len(data) - 16 or end < 0 or any(data[end + 1 :]):
        raise IntegrityError
    return data[:end]


@dataclass
class Ev2:
    """AuthenticateEV2First: keys from both challenges, four bytes of identity, a counter of commands."""

    key_number: int
    enciphering: bytes
    mac: bytes
    identity: bytes
    counter: int = 0

    @classmethod
    def begin(cls, number: int, key: bytes, rnd_a: bytes, rnd_b: bytes, identity: bytes) -> "Ev2":
        # Bits from the top: 16 of A, 48 of A xor 48 of B, 80 of B, 64 of A.
        a, b = int.from_bytes(rnd_a, "big"), int.from_bytes(rnd_b, "big")
        number_mixed = a >> 112
        number_mixed = number_mixed << 48 | (a >> 64 & (1 << 48) - 1) ^ b >> 80
        number_mixed = number_mixed << 80 | b & (1 << 80) - 1
        number_mixed = number_mixed << 64 | a & (1 << 64) - 1
        mixed = number_mixed.to_bytes(26, "big")
        return cls(
            number,
            plain_cmac(key, b"\xa5\x5a\x00\x01\x00\x80" + mixed),
            plain_cmac(key, b"\x5a\xa5\x00\x01\x00\x80" + mixed),
            identity,
        )

    def _tag(self, first: int, rest: bytes) -> bytes:
        whole = plain_cmac(
            self.mac, bytes([first]) + self.counter.to_bytes(2, "little") + self.identity + rest
        )
        return bytes(whole[place] for place in range(1, 16, 2))

    def _iv(self, label: bytes) -> bytes:
        block = label + self.identity + self.counter.to_bytes(2, "little") + bytes(8)
        return cbc(self.enciphering, bytes(16), block)

    def wire_length(self, mode: int, data_length: int) -> int:
        """Bytes behind the header that a command with that much data has."""
        if mode == PLAIN:
            return data_length
        return (data_length if mode == MACED or not data_length else (data_length // 16 + 1) * 16) + 8

    def take(self, code: int, header: bytes, rest: bytes, mode: int) -> bytes:
        """The data of a command."""
        if mode == PLAIN:
            return rest
        body, tag = rest[:-8], rest[-8:]
        if len(rest) < 8 or tag != self._tag(code, header + body):
            raise IntegrityError
        if mode == MACED or not body:
            return body
        if len(body) % 16:
            raise IntegrityError
        return without_padding(cbc(self.enciphering, self._iv(b"\xa5\x5a"), body, decrypt=True))

    def give(self, data: bytes, mode: int) -> bytes:
        """An answer, status 00."""
        self.counter += 1
        if mode == PLAIN:
            return data
        if mode == FULL and data:
            padded = data + b"\x80" + bytes(-(len(data) + 1) % 16)
            data = cbc(self.enciphering, self._iv(b"\x5a\xa5"), padded)
        return data + self._tag(0, data)

    def new_key(self, plain: bytes, old: bytes | None) -> tuple[bytes, int]:
        """Key and version out of ChangeKey; ``old`` is None for the session's own key."""
        if old is None:
            if len(plain) != 17:
                raise IntegrityError
            return plain[:16], plain[16]
        key = bytes(one ^ other for one, other in zip(plain, old, strict=False))
        if len(plain) != 21 or plain[17:] != jam_crc(key):
            raise IntegrityError
        return key, plain[16]


@dataclass
class Ev1:
    """AuthenticateAES: one key; every command and answer moves the IV on."""

    key_number: int
    key: bytes
    iv: bytes = field(default=bytes(16))

    @classmethod
    def begin(cls, number: int, rnd_a: bytes, rnd_b: bytes) -> "Ev1":
        return cls(number, b"".join((rnd_a[0:4], rnd_b[0:4], rnd_a[12:16], rnd_b[12:16])))

    def _cmac(self, text: bytes) -> bytes:
        """CMAC that starts from the running IV, block by block."""
        subkey = int.from_bytes(cbc(self.key, bytes(16), bytes(16)), "big")
        whole = bool(text) and len(text) % 16 == 0
        for _ in range(1 if whole else 2):
            subkey = (subkey << 1 ^ (0x87 if subkey >> 127 else 0)) & (1 << 128) - 1
        if not whole:
            text += b"\x80" + bytes(-(len(text) + 1) % 16)
        state = int.from_bytes(self.iv, "big")
        for at in range(0, len(text), 16):
            state ^= int.from_bytes(text[at : at + 16], "big")
            if at + 16 == len(text):
                state ^= subkey
            state = int.from_bytes(cbc(self.key, bytes(16), state.to_bytes(16, "big")), "big")
        self.iv = state.to_bytes(16, "big")
        return self.iv

    def wire_length(self, mode: int, data_length: int) -> int:
        if mode == PLAIN or not data_length:
            return data_length
        return data_length + 8 if mode == MACED else (data_length + 4 + 15) // 16 * 16

    def take(self, code: int, header: bytes, rest: bytes, mode: int) -> bytes:
        start = bytes([code]) + header
        if mode == FULL and rest:
            return self._decrypted(rest, start)
        if mode == MACED and rest:
            body, tag = rest[:-8], rest[-8:]
            if len(rest) < 8 or self._cmac(start + body)[:8] != tag:
                raise IntegrityError
            return body
        self._cmac(start + rest)
        return rest

    def _decrypted(self, rest: bytes, start: bytes) -> bytes:
        """Data before its check sum: where it ends shows only by the check sum, for zeros are the padding."""
        if len(rest) % 16:
            raise IntegrityError
        plain = cbc(self.key, self.iv, rest, decrypt=True)
        self.iv = rest[-16:]
        for length in range(max(0, len(plain) - 19), len(plain) - 3):
            data, check = plain[:length], plain[length : length + 4]
            if check == jam_crc(start + data) and not any(plain[length + 4 :]):
                return data
        raise IntegrityError

    def take_key(self, number: int, rest: bytes, old: bytes | None) -> tuple[bytes, int]:
        """Key and version out of ChangeKey."""
        if len(rest) != 32:
            raise IntegrityError
        plain = cbc(self.key, self.iv, rest, decrypt=True)
        self.iv = rest[-16:]
        if plain[17:21] != jam_crc(bytes([0xC4, number]) + plain[:17]):
            raise IntegrityError
        if old is None:
            return plain[:16], plain[16]
        key = bytes(one ^ other for one, other in zip(plain, old, strict=False))
        if plain[21:25] != jam_crc(key):
            raise IntegrityError
        return key, plain[16]

    def give(self, data: bytes, mode: int) -> bytes:
        if mode == FULL and data:
            text = data + jam_crc(data + b"\x00")
            wire = cbc(self.key, self.iv, text + bytes(-len(text) % 16))
            self.iv = wire[-16:]
            return wire
        return data + self._cmac(data + b"\x00")[:8]

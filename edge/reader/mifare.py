"""MIFARE Classic: authentication, blocks and values (NXP MF1S50 data sheet). The card has been selected before.

Law of this file: any error ends the conversation; the card must be woken and selected again, which the next poll or the
next ``transact`` does. Trailers are written by ``write_trailer`` only, because a wrong one locks its sector for good.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from edge.reader.access_bits import ACCESS_BITS_CAN_CHANGE, decode_access, encode_access
from edge.reader.crc import crc_a, with_crc
from edge.reader.errors import CardCorrupted, CardDataError, CardRefused, CardSilent
from edge.reader.iso14443 import ACK
from edge.reader.mfrc522 import Mfrc522
from edge.reader.radio import Answer

BLOCK_SIZE: Final = 16
BLOCKS_MAX: Final = 256
SMALL_SECTORS: Final = 32
"""Sectors of four blocks; those behind them (4K cards only) have sixteen."""

READ_TIMEOUT_US: Final = 5_000
WRITE_TIMEOUT_US: Final = 10_000
VALUE_TIMEOUT_US: Final = 5_000


class Key(IntEnum):
    """Which key of the sector, by its command."""

    A = 0x60
    B = 0x61


class Operation(IntEnum):
    """Value operations, by their command."""

    DECREMENT = 0xC0
    INCREMENT = 0xC1
    RESTORE = 0xC2


_READ: Final = 0x30
_WRITE: Final = 0xA0
_TRANSFER: Final = 0xB0


def trailer_of(block: int) -> int:
    """The block that holds the keys and access bits of the sector of ``block``."""
    return block | 3 if block < SMALL_SECTORS * 4 else block | 15


def encode_value(value: int, address: int = 0) -> bytes:
    """A value block: three times the value, four times the address byte (data sheet 8.6.2.1).

    :param value: -2**31 to 2**31 - 1.
    """
    plain = value.to_bytes(4, "little", signed=True)
    inverted = bytes(byte ^ 0xFF for byte in plain)
    tail = bytes((address, address ^ 0xFF)) * 2
    return plain + inverted + plain + tail


def decode_value(block: bytes) -> tuple[int, int]:
    """(value, address byte).

    :raises CardDataError: when the copies do not agree.
    """
    value = int.from_bytes(block[:4], "little", signed=True)
    if len(block) != BLOCK_SIZE or block != encode_value(value, block[12]):
        raise CardDataError("not a value block")
    return value, block[12]


class MifareClassic:
    """The blocks of the selected card."""

    def __init__(self, chip: Mfrc522, uid: bytes) -> None:
        self._chip = chip
        self._uid = uid

    def authenticate(self, block: int, key: bytes, which: Key = Key.A) -> None:
        """Open the sector of ``block``.

        :param key: six bytes.
        :raises AuthenticationFailed: wrong key, or the card is gone.
        """
        self._chip.authenticate(which, block, key, self._uid[-4:])

    def read(self, block: int) -> bytes:
        """Sixteen bytes; key A of a trailer reads as zeros.

        :raises CardRefused: the access bits do not allow it.
        """
        answer = self._chip.transceive(
            with_crc(bytes((_READ, block))), timeout_us=READ_TIMEOUT_US, expect_bytes=BLOCK_SIZE + 2
        )
        _raise_nak(answer)
        if len(answer.data) != BLOCK_SIZE + 2 or crc_a(answer.data[:BLOCK_SIZE]) != answer.data[BLOCK_SIZE:]:
            raise CardCorrupted("a block with a wrong check sum")
        return answer.data[:BLOCK_SIZE]

    def write(self, block: int, data: bytes) -> None:
        """Write a data block. Not verified: read it back where it matters.

        :raises CardRefused: the access bits do not allow it.
        :raises CardSilent: the card left; whether it has written is not known.
        """
        assert 0 < block < BLOCKS_MAX, "block 0 is the manufacturer's"
        assert block != trailer_of(block), "a trailer is written by write_trailer"
        self._write(block, data)

    def write_trailer(
        self,
        block: int,
        key_a: bytes,
        conditions: tuple[int, int, int, int],
        key_b: bytes,
        user_byte: int = 0x69,
        *,
        final: bool = False,
    ) -> None:
        """Give a sector its keys and access bits, and read the bits back.

        :param conditions: C1 C2 C3 of the three data blocks (or block groups) and of the trailer, each 0 to 7.
        :param final: allows conditions that nobody can ever change again.
        :raises CardDataError: the card holds other access bits than were written.
        """
        assert block == trailer_of(block), "not a trailer"
        assert len(key_a) == len(key_b) == 6, "a key has 6 bytes"
        assert final or conditions[3] in ACCESS_BITS_CAN_CHANGE, "these access bits would be for ever"
        access = encode_access(conditions)
        assert decode_access(access) == conditions, "access bits that do not decode lock the sector for good"
        self._write(block, key_a + access + bytes((user_byte,)) + key_b)
        stored = self.read(block)[6:10]
        if stored != access + bytes((user_byte,)):
            raise CardDataError(f"the trailer of block {block} reads {stored.hex()}")

    def read_value(self, block: int) -> int:
        """The value of a value block.

        :raises CardDataError: the block has not the form of one.
        """
        return decode_value(self.read(block))[0]

    def write_value(self, block: int, value: int, address: int = 0) -> None:
        """Make a block a value block."""
        self.write(block, encode_value(value, address))

    def increment(self, block: int, amount: int) -> None:
        """Value of ``block`` plus ``amount`` into the card's transfer buffer; nothing is stored before ``transfer``."""
        self._to_buffer(Operation.INCREMENT, block, amount)

    def decrement(self, block: int, amount: int) -> None:
        """Value of ``block`` minus ``amount`` into the transfer buffer."""
        self._to_buffer(Operation.DECREMENT, block, amount)

    def restore(self, block: int) -> None:
        """Value of ``block`` into the transfer buffer."""
        self._to_buffer(Operation.RESTORE, block, 0)

    def transfer(self, block: int) -> None:
        """Store the transfer buffer.

        :raises CardSilent: the card left; whether it has stored is in doubt: select it again and read.
        """
        self._acknowledged(with_crc(bytes((_TRANSFER, block))), WRITE_TIMEOUT_US)

    def _write(self, block: int, data: bytes) -> None:
        assert len(data) == BLOCK_SIZE, "a block has 16 bytes"
        self._acknowledged(with_crc(bytes((_WRITE, block))), READ_TIMEOUT_US)
        self._acknowledged(with_crc(data), WRITE_TIMEOUT_US)

    def _to_buffer(self, operation: Operation, block: int, amount: int) -> None:
        assert 0 <= amount < 1 << 31, "an amount is not negative"
        self._acknowledged(with_crc(bytes((operation, block))), VALUE_TIMEOUT_US)
        try:
            answer = self._chip.transceive(
                with_crc(amount.to_bytes(4, "little")), timeout_us=VALUE_TIMEOUT_US
            )
        except CardSilent:
            return  # silence is consent here
        _raise_nak(answer)
        raise CardCorrupted("an answer where the card must keep silent")

    def _acknowledged(self, frame: bytes, timeout_us: int) -> None:
        answer = self._chip.transceive(frame, timeout_us=timeout_us, expect_bytes=1)
        _raise_nak(answer)
        if answer.bit_count != 4:
            raise CardCorrupted(f"an acknowledgement of {answer.bit_count} bits")


def _raise_nak(answer: Answer) -> None:
    if answer.bit_count == 4 and answer.data[0] & 0x0F != ACK:
        raise CardRefused(answer.data[0] & 0x0F)

"""Blocks of ISO/IEC 14443-4: activation, chaining both ways, repair of lost blocks, waiting time, deselection.

Law of this file: after any ``CardError`` the card is where only ``deselect``, or failing that a new field, gets it out;
``Presence`` does that. Frames fit the chip's FIFO of 64 bytes with their check sum, whatever the card could take.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from edge.reader.crc import crc_a, with_crc
from edge.reader.errors import CardCollision, CardCorrupted, CardError, CardSilent
from edge.reader.mfrc522 import Mfrc522
from edge.reader.registers import FIFO_SIZE

RATS: Final = b"\xe0\x50"
"""FSDI 5: this reader takes frames of 64 bytes; no CID."""
FRAME_SIZES: Final = (16, 24, 32, 40, 48, 64, 96, 128, 256)
"""FSC by FSCI; what is reserved counts as 256."""
BLOCK_OVERHEAD: Final = 3
"""Protocol byte and check sum."""
_UNIT_US: Final = 256 * 16 / 13.56
"""FWT and SFGT with exponent 0."""
FWI_DEFAULT: Final = 4
EXPONENT_MAX: Final = 14
ACTIVATION_US: Final = 5_300
"""65536/fc and the reader's tolerance: how long a card may take for its ATS, and for the answer to DESELECT."""
TOLERANCE_US: Final = 3_700
"""49152/fc on top of FWT."""
WAIT_US_MAX: Final = 600_000
"""A card that asks for more than this for one block is not waited for: a door has to answer."""
EXCHANGE_US_MAX: Final = 1_000_000
"""One command with everything that belongs to it."""
TRIES_MAX: Final = 4
DESELECT_TRIES: Final = 2
ANSWER_MAX: Final = 4_096

_I: Final = 0x02
_R_ACK: Final = 0xA2
_R_NAK: Final = 0xB2
_S_DESELECT: Final = 0xC2
_S_WTX: Final = 0xF2
_CHAINING: Final = 0x10
_NUMBER: Final = 0x01


class Ats(Struct, frozen=True):
    """What the card says of itself when it is activated.

    :ivar frame_size: FSC: the longest frame it takes, with protocol byte and check sum.
    :ivar waiting_us: FWT: silence before an answer counts as lost.
    :ivar guard_us: SFGT: pause that it needs before the first block.
    """

    frame_size: int = 32
    waiting_us: int = round(_UNIT_US * 2**FWI_DEFAULT)
    guard_us: int = 0
    historical: bytes = b""


def parse_ats(data: bytes) -> Ats:
    """ATS without check sum.

    :raises CardCorrupted: its length byte does not fit.
    """
    if not data or data[0] != len(data):
        raise CardCorrupted("an ATS of a wrong length")
    if len(data) == 1:
        return Ats()
    form, place = data[1], 2
    fields = {}
    for bit in (0x10, 0x20, 0x40):
        if form & bit:
            if place >= len(data):
                raise CardCorrupted("an ATS that is cut short")
            fields[bit] = data[place]
            place += 1
    times = fields.get(0x20, FWI_DEFAULT << 4)
    waiting, guard = times >> 4, times & 0x0F
    return Ats(
        FRAME_SIZES[min(form & 0x0F, len(FRAME_SIZES) - 1)],
        round(_UNIT_US * 2 ** (waiting if waiting <= EXPONENT_MAX else FWI_DEFAULT)),
        round(_UNIT_US * 2**guard) if 0 < guard <= EXPONENT_MAX else 0,
        data[place:],
    )


class IsoDep:
    """The selected card, spoken to in blocks.

    :ivar active: True from RATS until the card was deselected or ``lost`` was called.
    """

    def __init__(self, chip: Mfrc522) -> None:
        self.active = False
        self.ats = Ats()
        self._chip = chip
        self._number = 0
        self._deadline_us = 0

    def activate(self) -> Ats:
        """RATS, once after SELECT; again it gives what the card said then.

        :raises CardError: no usable ATS.
        """
        if self.active:
            return self.ats
        self.active = True  # even if the ATS is lost: the card may have heard us
        self.ats = parse_ats(self._frame(RATS, ACTIVATION_US))
        self._number = 0
        self._chip.ticks.sleep_us(self.ats.guard_us)
        return self.ats

    def exchange(self, data: bytes) -> bytes:
        """One command and its answer, cut into blocks as need be.

        :raises CardError: silence or nonsense that repetition did not cure.
        """
        assert self.active, "RATS comes first"
        self._deadline_us = self._chip.ticks.now_us() + EXCHANGE_US_MAX
        size = min(FIFO_SIZE, self.ats.frame_size) - BLOCK_OVERHEAD
        parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for part in parts[:-1]:
            answer = self._deliver(bytes((_I | _CHAINING | self._number,)) + part, _R_NAK)
            if not _is_ack(answer):
                raise CardCorrupted("no acknowledgement of a part")
            self._number ^= 1
        answer = self._deliver(bytes((_I | self._number,)) + parts[-1], _R_NAK)
        result = bytearray()
        while True:
            if not _is_information(answer) or answer[0] & _NUMBER != self._number:
                raise CardCorrupted(f"block {answer[:1].hex()} where information was due")
            self._number ^= 1
            result += answer[1:]
            if not answer[0] & _CHAINING:
                return bytes(result)
            if len(result) > ANSWER_MAX:
                raise CardCorrupted("an answer without end")
            answer = self._deliver(bytes((_R_ACK | self._number,)), _R_ACK)

    def deselect(self) -> bool:
        """Send the card to state HALT; False when it did not say that it went."""
        self.active = False
        for _ in range(DESELECT_TRIES):
            try:
                if self._frame(bytes((_S_DESELECT,)), ACTIVATION_US) == bytes((_S_DESELECT,)):
                    return True
            except CardError:
                continue
        return False

    def lost(self) -> None:
        """The field was switched off: the card knows nothing of a conversation any more."""
        self.active = False

    def _deliver(self, block: bytes, repair: int) -> bytes:
        """The card's answer to a block, after repairs and extensions of time (rules 1 to 8 of 7.5.4).

        :param repair: what to send when the answer was lost: R(NAK), or R(ACK) while the card is chaining.
        """
        sent, wait_us = block, self.ats.waiting_us
        failure: CardError = CardCorrupted("the blocks do not follow each other")
        tries = 0
        while tries < TRIES_MAX:
            try:
                answer = self._frame(sent, wait_us)
            except (CardSilent, CardCorrupted, CardCollision) as error:
                failure = error
                tries += 1
                sent, wait_us = bytes((repair | self._number,)), self.ats.waiting_us
                continue
            if answer[0] == _S_WTX and len(answer) == 2:
                factor = answer[1] & 0x3F
                wait_us = self.ats.waiting_us * max(1, factor)
                if factor > 59 or wait_us > WAIT_US_MAX:
                    raise CardCorrupted(f"the card asks for {factor} times its waiting time")
                sent = bytes((_S_WTX, factor))
            elif _is_ack(answer) and answer[0] & _NUMBER != self._number:
                # It has not got the block at all.
                tries += 1
                sent, wait_us = block, self.ats.waiting_us
            else:
                return answer
        raise failure

    def _frame(self, block: bytes, wait_us: int) -> bytes:
        left_us = self._deadline_us - self._chip.ticks.now_us()
        if block[0] not in (RATS[0], _S_DESELECT) and left_us <= 0:
            raise _Exhausted("the card takes too long over one command")
        answer = self._chip.transceive(
            with_crc(block), timeout_us=min(wait_us, WAIT_US_MAX) + TOLERANCE_US, expect_bytes=BLOCK_OVERHEAD
        )
        data = answer.data
        if answer.last_bits or len(data) < BLOCK_OVERHEAD or crc_a(data[:-2]) != data[-2:]:
            raise CardCorrupted("a block with a wrong check sum")
        return data[:-2]


class _Exhausted(CardError):
    """The time for one command is over; not repaired by repetition."""


def _is_information(block: bytes) -> bool:
    return block[0] & 0xEE == _I


def _is_ack(block: bytes) -> bool:
    return len(block) == 1 and block[0] & 0xFE == _R_ACK

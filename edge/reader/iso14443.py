"""Finding and naming cards: request, anticollision over three cascade levels, select, halt (ISO/IEC 14443-3 type A).

Law of this file: a UID is believed only when its BCC and the CRC of the answer to its SELECT are right. Where a collision
was is believed only as far as both readings of the chip's CollPos agree (see ``_nearest_collision``).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from edge.reader.crc import crc_a, with_crc
from edge.reader.errors import CardCollision, CardCorrupted, CardError, CardSilent
from edge.reader.mfrc522 import Mfrc522
from edge.reader.radio import Answer

REQA: Final = 0x26
WUPA: Final = 0x52
HLTA: Final = b"\x50\x00"
SELECT_CODES: Final = (0x93, 0x95, 0x97)
CASCADE_TAG: Final = 0x88
SAK_CASCADE: Final = 0x04
UID_BITS: Final = 40
"""Bits of one cascade level: four bytes and their BCC."""

REQUEST_TIMEOUT_US: Final = 400
"""A card answers REQA, WUPA and anticollision 91 us after the frame, to the bit; four times that is silence."""
SELECT_TIMEOUT_US: Final = 1_000
HALT_TIMEOUT_US: Final = 400
"""The standard listens for 1 ms, but cards that object do it after 91 us like any answer; a missed halt shows itself:
the card answers the next REQA once more."""
PROBE_TRIES_MAX: Final = 3
BACK_DOOR: Final = 0x40
"""Seven bits that copies of the "Gen1a" kind acknowledge and genuine cards ignore (reader.md section 5)."""
ACK: Final = 0x0A


class Selected(Struct, frozen=True):
    """A card in state ACTIVE."""

    uid: bytes
    sak: int


class Iso14443a:
    """Type A frames through a chip."""

    def __init__(self, chip: Mfrc522) -> None:
        self.chip = chip

    def request(self) -> int:
        """REQA: call the cards that were not halted. ATQA, or 0 when different ones collided.

        :raises CardSilent: nobody is there.
        :raises CardCorrupted: somebody is, but could not be understood.
        """
        return self._call(REQA)

    def wake_up(self) -> int:
        """WUPA: as ``request``, and the halted ones too."""
        return self._call(WUPA)

    def _call(self, command: int) -> int:
        self.chip.plain()
        answer = self.chip.transceive(
            bytes((command,)),
            last_bits=7,
            timeout_us=REQUEST_TIMEOUT_US,
            expect_bytes=2,
            allow_collision=True,
        )
        if answer.collision is not None:
            return 0
        if answer.bit_count != 16:
            raise CardCorrupted(f"an ATQA of {answer.bit_count} bits")
        return int.from_bytes(answer.data, "little")

    def select_any(self) -> Selected:
        """After a call was answered: find one of the cards that answered and select it.

        :raises CardError: none could be selected.
        """
        uid = b""
        for code in SELECT_CODES:
            part = self._resolve(code)
            sak = self._select_part(code, part[:4])
            if not sak & SAK_CASCADE:
                if part[0] == CASCADE_TAG:
                    raise CardCorrupted("a cascade tag in the last part of a UID")
                return Selected(uid + part[:4], sak)
            if part[0] != CASCADE_TAG:
                raise CardCorrupted("an incomplete UID without a cascade tag")
            uid += part[1:4]
        raise CardCorrupted("a UID of more than three parts")

    def select(self, uid: bytes) -> int:
        """After a call was answered: select the card with this UID; its SAK. Other cards fall silent.

        :raises CardSilent: it is not there.
        """
        parts = uid_parts(uid)
        sak = 0
        for index, (code, part) in enumerate(zip(SELECT_CODES, parts, strict=False)):
            sak = self._select_part(code, part)
            if bool(sak & SAK_CASCADE) != (index < len(parts) - 1):
                raise CardCorrupted("the SAK does not fit the length of the UID")
        return sak

    def halt(self) -> bool:
        """HLTA: the selected card sleeps until WUPA or a new field. True when it kept silent, as it must."""
        return self._is_silent(with_crc(HLTA), 0)

    def obeys_back_door(self) -> bool:
        """After ``halt``: does the card answer what only a copy answers? It is halted again afterwards."""
        try:
            answer = self.chip.transceive(bytes((BACK_DOOR,)), last_bits=7, timeout_us=REQUEST_TIMEOUT_US)
        except CardError:
            return False
        self.halt()
        return answer.bit_count == 4 and answer.data[0] & 0x0F == ACK

    def _is_silent(self, frame: bytes, last_bits: int) -> bool:
        try:
            self.chip.transceive(frame, last_bits=last_bits, timeout_us=HALT_TIMEOUT_US)
        except CardSilent:
            return True
        except CardError:
            return False
        return False

    def _select_part(self, code: int, part: bytes) -> int:
        bcc = part[0] ^ part[1] ^ part[2] ^ part[3]
        frame = with_crc(bytes((code, 0x70)) + part + bytes((bcc,)))
        answer = self.chip.transceive(frame, timeout_us=SELECT_TIMEOUT_US, expect_bytes=3)
        if answer.bit_count != 24 or crc_a(answer.data[:1]) != answer.data[1:]:
            raise CardCorrupted("a SAK with a wrong check sum")
        return answer.data[0]

    def _resolve(self, code: int) -> bytes:
        """One part of a UID, four bytes and BCC. Every step knows at least one bit more, so it ends."""
        bits = 0
        known = 0
        guessed = False
        for _ in range(2 * UID_BITS):
            try:
                answer = self._probe(code, bits, known)
            except CardSilent:
                if not guessed:
                    raise
                # Nobody has a one there: whoever is left has a zero.
                bits &= ~(1 << (known - 1))
                guessed = False
                continue
            start = known // 8 * 8
            received = int.from_bytes(answer.data, "little") << start
            if answer.collision is None:
                if start + answer.bit_count != UID_BITS:
                    raise CardCorrupted(f"a UID of {start + answer.bit_count} bits")
                bits = _merge(bits, received, known, UID_BITS)
                part = bits.to_bytes(5, "little")
                if part[0] ^ part[1] ^ part[2] ^ part[3] != part[4]:
                    raise CardCorrupted("a UID with a wrong BCC")
                return part
            place = _nearest_collision(answer, known)
            bits = _merge(bits, received, known, place) | 1 << place
            known = place + 1
            guessed = True
            if known >= UID_BITS:
                break
        raise CardCollision("the cards could not be told apart")

    def _probe(self, code: int, bits: int, known: int) -> Answer:
        """Ask those whose UID part begins with the ``known`` bits for the rest; corrupted answers are asked again."""
        whole, rest = divmod(known, 8)
        count = whole + (1 if rest else 0)
        prefix = (bits & ((1 << known) - 1)).to_bytes(5, "little")[:count]
        frame = bytes((code, (2 + whole) << 4 | rest)) + prefix
        for attempt in range(PROBE_TRIES_MAX):
            try:
                return self.chip.transceive(
                    frame,
                    last_bits=rest,
                    rx_align=rest,
                    timeout_us=REQUEST_TIMEOUT_US,
                    expect_bytes=5 - whole,
                    allow_collision=True,
                )
            except CardCorrupted:
                if attempt == PROBE_TRIES_MAX - 1:
                    raise
        raise AssertionError("the loop returns or raises")


def _merge(bits: int, received: int, first: int, last: int) -> int:
    """``bits`` with the places ``first`` up to, not including, ``last`` taken from ``received``."""
    mask = ((1 << last) - 1) & ~((1 << first) - 1)
    return (bits & ~mask) | (received & mask)


def _nearest_collision(answer: Answer, known: int) -> int:
    """The first place, counted from 0, at which the cards may differ.

    NXP's own software counts CollPos from the first byte of the received frame, others from the first bit of the UID;
    the data sheet can be read either way. The nearer of the two is right or harmless: up to there every bit received is
    good under both readings, and if the cards agree at that place, a wrong guess meets silence and is turned round.
    """
    assert answer.collision is not None, "asked only after a collision"
    absolute = answer.collision - 1
    in_frame = known // 8 * 8 + absolute
    possible = [place for place in (absolute, in_frame) if known <= place < UID_BITS]
    return min(possible) if answer.collision and possible else known


def uid_parts(uid: bytes) -> tuple[bytes, ...]:
    """The UID as the cascade levels carry it, each four bytes, tags included."""
    assert len(uid) in (4, 7, 10), "a UID has 4, 7 or 10 bytes"
    tag = bytes((CASCADE_TAG,))
    if len(uid) == 4:
        return (uid,)
    if len(uid) == 7:
        return (tag + uid[:3], uid[3:])
    return (tag + uid[:3], tag + uid[3:6], uid[6:])

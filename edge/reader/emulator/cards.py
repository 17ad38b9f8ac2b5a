"""A card of ISO/IEC 14443-3 type A: states, anticollision over three cascade levels, power.

Law of this file: what is not in ``TRANSITIONS`` leads home, silently. Home is IDLE, or HALT for a
card that was woken from HALT (the states with a star). What a card does once it is selected is the
business of a subclass (``command``); a layer-4 card answers RATS there.
"""

import random
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from edge.reader.emulator.air import Bits, Decoded, decode, encode, encrypt
from edge.reader.emulator.crc import crc_a

REQA = 0x26
WUPA = 0x52
HLTA = b"\x50\x00"
CASCADE_TAG = 0x88
SELECT_CODES = (0x93, 0x95, 0x97)
SAK_UID_INCOMPLETE = 0x04
FRAME_DELAY_US = {0: 86, 1: 91}
"""Frame delay time by the last bit of the reader: 1172/fc or 1236/fc."""


class State(Enum):
    OFF = auto()
    IDLE = auto()
    READY = auto()
    ACTIVE = auto()
    HALT = auto()
    READY_STAR = auto()
    ACTIVE_STAR = auto()


class Heard(Enum):
    REQUEST = auto()
    WAKE_UP = auto()
    ANTICOLLISION = auto()
    """Or SELECT of an upper part of the UID: in any case the bits sent are ours."""
    SELECT = auto()
    COMMAND = auto()
    HALT = auto()
    BACK_DOOR = auto()
    """Only counterfeit cards know it."""


TRANSITIONS: dict[State, dict[Heard, State]] = {
    State.OFF: {},
    State.IDLE: {Heard.REQUEST: State.READY, Heard.WAKE_UP: State.READY, Heard.BACK_DOOR: State.ACTIVE},
    State.READY: {Heard.ANTICOLLISION: State.READY, Heard.SELECT: State.ACTIVE},
    State.ACTIVE: {Heard.COMMAND: State.ACTIVE, Heard.HALT: State.HALT},
    State.HALT: {Heard.WAKE_UP: State.READY_STAR, Heard.BACK_DOOR: State.ACTIVE_STAR},
    State.READY_STAR: {Heard.ANTICOLLISION: State.READY_STAR, Heard.SELECT: State.ACTIVE_STAR},
    State.ACTIVE_STAR: {Heard.COMMAND: State.ACTIVE_STAR, Heard.HALT: State.HALT},
}
HOME = {
    State.OFF: State.OFF,
    State.IDLE: State.IDLE,
    State.READY: State.IDLE,
    State.ACTIVE: State.IDLE,
    State.HALT: State.HALT,
    State.READY_STAR: State.HALT,
    State.ACTIVE_STAR: State.HALT,
}


@dataclass
class Answer:
    """Bits that a card puts on the air from `start_us` on; `cut_us` when it lost power in between."""

    start_us: int
    bits: Bits
    cut_us: int | None = None


@dataclass(frozen=True)
class Reply:
    """What a command makes the card do: bits to send (none: understood, but silent)."""

    bits: Bits = b""
    delay_us: int = 0
    """Beyond the frame delay time, e.g. to program the EEPROM."""
    leave: bool = False
    """Answer, then fall back to IDLE or HALT, as after a NAK."""


def with_crc(data: bytes) -> Bits:
    return encode(data + crc_a(data))


def nibble(value: int) -> Bits:
    """The four-bit frames of MIFARE: ACK (0xA) and NAK."""
    return encode(bytes([value]), 4)


def cascade_levels(uid: bytes) -> list[bytes]:
    """The four UID bytes of each level, each followed by its check byte (BCC)."""
    if len(uid) == 4:
        parts = [uid]
    elif len(uid) == 7:
        parts = [bytes([CASCADE_TAG]) + uid[:3], uid[3:]]
    elif len(uid) == 10:
        parts = [bytes([CASCADE_TAG]) + uid[:3], bytes([CASCADE_TAG]) + uid[3:6], uid[6:]]
    else:
        raise ValueError("a UID has 4, 7 or 10 bytes")
    if parts[-1][0] == CASCADE_TAG or (len(uid) == 10 and uid[3] == CASCADE_TAG):
        raise ValueError("0x88 is the cascade tag and cannot stand there in a UID")
    return [part + bytes([part[0] ^ part[1] ^ part[2] ^ part[3]]) for part in parts]


class Card:
    """A card that has a UID and nothing else; the base of the others.

    uid: 4, 7 or 10 bytes; atqa: 16 bits, sent low byte first; sak: the answer to the last SELECT.
    name: what people call it (a card with a random UID has no other handle); the radio ignores it.
    """

    startup_us = 300
    """From field on to the first request that is heard; ISO/IEC 14443-3 allows up to 5,000."""
    kind = "uid"
    default_atqa = {4: 0x0004, 7: 0x0044, 10: 0x0084}
    default_sak = 0x00

    def __init__(self, uid: bytes, *, atqa: int | None = None, sak: int | None = None) -> None:
        self.uid = uid
        self.levels = cascade_levels(uid)
        self.atqa = self.default_atqa[len(uid)] if atqa is None else atqa
        self.sak = self.default_sak if sak is None else sak
        self.name = ""
        self.state = State.OFF
        self.session: int | None = None
        self._level = 0
        self._ready_us = 0

    def show_uid(self, uid: bytes) -> None:
        """Answer with this UID from now on."""
        self.uid = uid
        self.levels = cascade_levels(uid)

    # Power

    def power_up(self, at_us: int) -> None:
        if self.state is State.OFF:
            self.state = State.IDLE
            self._ready_us = at_us + self.startup_us

    def power_down(self, at_us: int) -> None:
        """The field is gone, at any moment: everything volatile is lost."""
        self.state = State.OFF
        self.session = None

    def busy(self, at_us: int) -> bool:
        """True while the card is occupied and hears nothing."""
        return at_us < self._ready_us

    # Radio

    def hear(self, bits: Bits, at_us: int) -> Answer | None:
        """A frame of the reader that ended at `at_us`; the answer, if there is one."""
        if self.state is State.OFF or self.busy(at_us) or not bits:
            return None
        session = self.session
        frame = decode(encrypt(bits, session))
        heard, reply = self._understand(frame, at_us)
        if heard is None or reply.leave:
            self.state = HOME[self.state]
        else:
            self.state = TRANSITIONS[self.state].get(heard, HOME[self.state])
        if self.state not in (State.ACTIVE, State.ACTIVE_STAR):
            self.session = None
            self.left_active()
        if not reply.bits:
            return None
        start_us = at_us + FRAME_DELAY_US[bits[-1]] + reply.delay_us
        return Answer(start_us, encrypt(reply.bits, session))

    def _understand(self, frame: Decoded, at_us: int) -> tuple[Heard | None, Reply]:
        silent = Reply()
        if self.state in (State.ACTIVE, State.ACTIVE_STAR):
            if frame.parity_ok and frame.data == HLTA + crc_a(HLTA):
                return Heard.HALT, silent
            reply = self.command(frame, at_us)
            return (None, silent) if reply is None else (Heard.COMMAND, reply)
        if self.state in (State.READY, State.READY_STAR):
            return self._anticollision(frame)
        request = frame.data[0] if frame.bit_count == 7 else None
        if request == WUPA or (request == REQA and self.state is State.IDLE):
            self._level = 0
            heard = Heard.WAKE_UP if request == WUPA else Heard.REQUEST
            return heard, Reply(encode(self.atqa.to_bytes(2, "little")))
        back_door = self.back_door(frame)
        if back_door is not None:
            return back_door
        return None, silent

    def _anticollision(self, frame: Decoded) -> tuple[Heard | None, Reply]:
        """SEL, NVB and as many bits of the UID as NVB says (ISO/IEC 14443-3, 6.5.3)."""
        silent: tuple[None, Reply] = (None, Reply())
        data, bit_count = frame.data, frame.bit_count
        if not frame.parity_ok or bit_count < 16 or data[0] != SELECT_CODES[self._level]:
            return silent
        valid_bits = (data[1] >> 4) * 8 + (data[1] & 0x0F)
        mine = self.levels[self._level]
        if data[1] == 0x70:
            if bit_count != 72 or data[2:7] != mine or data[7:9] != crc_a(data[:7]):
                return silent
            if self._level + 1 < len(self.levels):
                self._level += 1
                return Heard.ANTICOLLISION, Reply(with_crc(bytes([SAK_UID_INCOMPLETE])))
            return Heard.SELECT, Reply(with_crc(bytes([self.sak])))
        if valid_bits != bit_count or not 16 <= valid_bits < 56 or data[1] & 0x0F > 7:
            return silent
        known = valid_bits - 16
        if encode(data[2:], known) != encode(mine, known):
            return silent
        return Heard.ANTICOLLISION, Reply(encode(mine, skip=known))

    # For subclasses

    def command(self, frame: Decoded, at_us: int) -> Reply | None:
        """A frame in the ACTIVE state that is not HLTA; None when the card does not know it."""
        return None

    def back_door(self, frame: Decoded) -> tuple[Heard | None, Reply] | None:
        """A frame in IDLE or HALT that is no request; None when there is no back door."""
        return None

    def left_active(self) -> None:
        """The card is not (or no longer) selected."""

    # As data

    def to_dict(self) -> dict[str, Any]:
        """Everything that outlives a loss of power, as JSON values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid.hex().upper(),
            "atqa": self.atqa,
            "sak": self.sak,
        }


class RandomUidCard(Card):
    """A card that hides: a new UID 08xxxxxx at each power-up, as phones and some DESFire cards do."""

    kind = "random"

    def __init__(self, seed: int = 0, *, atqa: int | None = None, sak: int | None = None) -> None:
        super().__init__(b"\x08\x00\x00\x00", atqa=atqa, sak=sak)
        self._source = random.Random(seed)
        self.seed = seed

    def power_up(self, at_us: int) -> None:
        if self.state is State.OFF:
            self.show_uid(b"\x08" + self._source.randbytes(3))
        super().power_up(at_us)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "seed": self.seed}

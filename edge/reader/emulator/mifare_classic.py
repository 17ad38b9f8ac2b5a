"""MIFARE Classic cards (MF1S50YYX_V1 and MF1S70YYX_V1 data sheets): Mini, 1K, 4K and a counterfeit.

Law of this file: whatever is refused is answered with a NAK and ends the session; the card is then
in IDLE or HALT and has to be selected again.
"""

import random
from dataclasses import dataclass
from enum import Enum
from typing import Any

from edge.reader.emulator.air import Decoded, encode
from edge.reader.emulator.cards import Card, Heard, Reply, nibble, with_crc
from edge.reader.emulator.commands import key_proof, session_of
from edge.reader.emulator.crc import crc_a
from edge.reader.emulator.mifare_memory import LAYOUTS, Memory, manufacturer_block, sector_of
from edge.reader.emulator.mifare_value import decode_value, encode_value
from edge.reader.emulator.tearing import Tear, tear_like_eeprom

ACK = 0x0A
NAK_OPERATION = 0x0
NAK_TRANSMISSION = 0x1
NAK_BUFFER_INVALID = 0x4
"""Added to both NAK codes while the transfer buffer holds nothing."""
PROGRAM_US = 3_500
"""Writing one block; the data sheet allows 10 ms for the acknowledgement."""


class Op(Enum):
    AUTH_A = 0x60
    AUTH_B = 0x61
    READ = 0x30
    WRITE = 0xA0
    DECREMENT = 0xC0
    INCREMENT = 0xC1
    RESTORE = 0xC2
    TRANSFER = 0xB0


VALUE_OPS = (Op.DECREMENT, Op.INCREMENT, Op.RESTORE)
SIGN = {Op.DECREMENT: -1, Op.INCREMENT: 1, Op.RESTORE: 0}


@dataclass(frozen=True)
class Challenge:
    """The first pass of an authentication is done; the card waits for the reader's proof."""

    sector: int
    which: str
    nonce: bytes


@dataclass(frozen=True)
class Session:
    sector: int
    which: str
    usable: bool
    """False after key B was used though it can be read: the card then refuses every access."""


@dataclass(frozen=True)
class Programming:
    """A block is being written; `Memory` holds the new content already, a loss of power tears it."""

    block: int
    old: bytes
    new: bytes
    start_us: int


class ClassicCard(Card):
    """A genuine card; `kind` is one of ``classic1k``, ``classic4k``, ``classic_mini``.

    tear: what a block holds when the card is taken away while it is written.
    """

    kind = "classic1k"
    layout = "classic1k"

    def __init__(
        self,
        uid: bytes,
        *,
        kind: str | None = None,
        atqa: int | None = None,
        sak: int | None = None,
        tear: Tear = tear_like_eeprom,
    ) -> None:
        self.kind = self.kind if kind is None else kind
        layout = LAYOUTS[self.kind if self.kind in LAYOUTS else self.layout]
        if len(uid) not in layout.atqa:
            raise ValueError("a MIFARE Classic card has a UID of 4 or 7 bytes")
        super().__init__(
            uid, atqa=layout.atqa[len(uid)] if atqa is None else atqa, sak=layout.sak if sak is None else sak
        )
        self.memory = Memory(layout.sector_count, manufacturer_block(uid, self.sak, self.atqa))
        self.tear = tear
        self._source = random.Random(uid)
        self._challenge: Challenge | None = None
        self._granted: Session | None = None
        self._second_part: tuple[Op, int] | None = None
        self._buffer: tuple[int, int] | None = None
        self._programming: Programming | None = None

    # Power and EEPROM

    def busy(self, at_us: int) -> bool:
        programming = self._programming
        if programming is not None and at_us < programming.start_us + PROGRAM_US:
            return True
        self._programming = None
        return super().busy(at_us)

    def power_down(self, at_us: int) -> None:
        programming = self._programming
        if programming is not None and at_us < programming.start_us + PROGRAM_US:
            progress = max(0.0, (at_us - programming.start_us) / PROGRAM_US)
            self.memory.blocks[programming.block] = self.tear(programming.old, programming.new, progress)
        self._programming = None
        super().power_down(at_us)
        self.left_active()

    def _program(self, block: int, new: bytes, at_us: int) -> Reply:
        self._programming = Programming(block, self.memory.blocks[block], new, at_us)
        self.memory.blocks[block] = new
        return Reply(nibble(ACK), delay_us=PROGRAM_US)

    def left_active(self) -> None:
        self._challenge = None
        self._granted = None
        self._second_part = None
        self._buffer = None

    # Commands

    def _nak(self, code: int) -> Reply:
        return Reply(nibble(code | (0 if self._buffer is not None else NAK_BUFFER_INVALID)), leave=True)

    def command(self, frame: Decoded, at_us: int) -> Reply | None:
        if self._challenge is not None:
            return self._third_pass(frame, self._challenge)
        if frame.bit_count < 8:
            return None  # a request, or what a forgotten cipher makes of one
        body, check = frame.data[:-2], frame.data[-2:]
        intact = frame.parity_ok and frame.bit_count % 8 == 0 and len(body) >= 1 and crc_a(body) == check
        if not intact:
            return self._nak(NAK_TRANSMISSION) if self._may_talk() else None
        if self._second_part is not None:
            op, block = self._second_part
            self._second_part = None
            return self._finish(op, block, body, at_us)
        try:
            op = Op(body[0])
        except ValueError:
            return self._nak(NAK_OPERATION) if self._may_talk() else None
        if len(body) != 2:
            return self._nak(NAK_OPERATION)
        if op in (Op.AUTH_A, Op.AUTH_B):
            return self._first_pass("A" if op is Op.AUTH_A else "B", body[1])
        if not self._may_access(body[1]):
            return self._nak(NAK_OPERATION)
        return self._begin(op, body[1], at_us)

    def _may_talk(self) -> bool:
        return self._granted is not None

    def _may_access(self, block: int) -> bool:
        granted = self._granted
        return granted is not None and granted.usable and sector_of(block) == granted.sector

    def _readable(self, block: int) -> bytes | None:
        return None if self._granted is None else self.memory.readable(block, self._granted.which)

    def _writable(self, block: int, new: bytes) -> bytes | None:
        return None if self._granted is None else self.memory.writable(block, self._granted.which, new)

    def _may_count(self, op: Op, block: int) -> bool:
        """INCREMENT has its own right; DECREMENT, RESTORE and TRANSFER share one."""
        rights = self.memory.data_rights(block)
        if rights is None or self._granted is None or block == 0:
            return False
        return self._granted.which in (rights.increment if op is Op.INCREMENT else rights.decrement)

    def _first_pass(self, which: str, block: int) -> Reply | None:
        self._granted = None
        self._buffer = None
        sector = sector_of(block)
        if block >= len(self.memory.blocks) or self.memory.conditions(sector) is None:
            return None
        self._challenge = Challenge(sector, which, self._source.randbytes(4))
        self.session = (
            None  # an authentication inside a session ends that one; only this answer is still in it
        )
        return Reply(encode(self._challenge.nonce))

    def _third_pass(self, frame: Decoded, challenge: Challenge) -> Reply | None:
        self._challenge = None
        self.session = None
        proof = key_proof(self.memory.key(challenge.sector, challenge.which), self.uid, challenge.nonce)
        if not frame.parity_ok or frame.bit_count != 64 or frame.data != proof[:8]:
            return None
        rights = self.memory.trailer_rights(challenge.sector)
        usable = rights is not None and not (challenge.which == "B" and rights.read_key_b)
        self._granted = Session(challenge.sector, challenge.which, usable)
        self.session = session_of(proof)
        return Reply(encode(proof[8:12]))

    def _begin(self, op: Op, block: int, at_us: int) -> Reply:
        """The first part of a command, or all of READ and TRANSFER."""
        if op is Op.READ:
            content = self._readable(block)
            return self._nak(NAK_OPERATION) if content is None else Reply(with_crc(content))
        if op is Op.WRITE:
            allowed = self._writable(block, bytes(16)) is not None
        elif op is Op.TRANSFER:
            allowed = self._may_count(op, block) and self._buffer is not None
            if allowed and self._buffer is not None:
                return self._program(block, encode_value(*self._buffer), at_us)
        else:
            allowed = self._may_count(op, block) and decode_value(self.memory.blocks[block]) is not None
        if not allowed:
            return self._nak(NAK_OPERATION)
        self._second_part = (op, block)
        return Reply(nibble(ACK))

    def _finish(self, op: Op, block: int, body: bytes, at_us: int) -> Reply:
        """The second part: the data of WRITE, or the operand (which is not acknowledged)."""
        if op is Op.WRITE:
            new = self._writable(block, body) if len(body) == 16 else None
            return self._nak(NAK_OPERATION) if new is None else self._program(block, new, at_us)
        held = decode_value(self.memory.blocks[block])
        if len(body) != 4 or held is None:
            return self._nak(NAK_OPERATION)
        value, address = held
        self._buffer = (value + SIGN[op] * int.from_bytes(body, "little"), address)
        return Reply()

    # As data

    def to_dict(self) -> dict[str, Any]:
        """`blocks`: contents that differ from the factory's, by block number."""
        changed = {
            str(number): block.hex().upper()
            for number, (block, factory) in enumerate(
                zip(self.memory.blocks, self.memory.factory, strict=True)
            )
            if block != factory
        }
        return {**super().to_dict(), "blocks": changed}


class MagicCard(ClassicCard):
    """A "gen1a" counterfeit: 40 (7 bits) and 43 open every block, block 0 included, without a key."""

    kind = "magic1k"

    def __init__(self, uid: bytes, *, atqa: int | None = None, sak: int | None = None) -> None:
        super().__init__(uid, atqa=atqa, sak=sak)
        self._knocked = False
        self._open = False

    def back_door(self, frame: Decoded) -> tuple[Heard | None, Reply] | None:
        if frame.bit_count == 7 and frame.data == b"\x40":
            self._knocked = True
            return None, Reply(nibble(ACK))
        if self._knocked and frame.bit_count == 8 and frame.data == b"\x43":
            self._knocked = False
            self._open = True
            return Heard.BACK_DOOR, Reply(nibble(ACK))
        self._knocked = False
        return None

    def left_active(self) -> None:
        super().left_active()
        self._open = False

    def _may_talk(self) -> bool:
        return self._open or super()._may_talk()

    def _may_access(self, block: int) -> bool:
        return block < len(self.memory.blocks) if self._open else super()._may_access(block)

    def _readable(self, block: int) -> bytes | None:
        return self.memory.blocks[block] if self._open else super()._readable(block)

    def _writable(self, block: int, new: bytes) -> bytes | None:
        return new if self._open else super()._writable(block, new)

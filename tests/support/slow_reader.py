"""A reader written straight from ISO/IEC 14443-3 and the data sheets, for tests of the emulator only.

It shares no code with our driver, and it is slow on purpose: it polls, and it finds colliding bits
by trying them, without believing CollReg.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.reader.emulator.air import decode, encode, encrypt
from edge.reader.emulator.cards import Card
from edge.reader.emulator.commands import key_proof, session_of

FACTORY_KEY = b"\xff" * 6


def crc_a(data: bytes) -> bytes:
    """ISO/IEC 14443-3 annex B, bit by bit as the standard draws it."""
    register = 0x6363
    for byte in data:
        for place in range(8):
            feedback = (register ^ (byte >> place)) & 1
            register >>= 1
            if feedback:
                register ^= 0x8408
    return bytes([register & 0xFF, register >> 8])


def with_crc(data: bytes) -> bytes:
    return data + crc_a(data)


@dataclass
class Heard:
    """What the chip says after a frame; no bits for silence."""

    data: bytes
    bit_count: int
    error: int
    collision: int
    com_irq: int

    @property
    def silent(self) -> bool:
        return not self.com_irq & 0x20


class SlowReader:
    """Talks to cards through a chip on a register bus."""

    def __init__(self, bus) -> None:
        self.bus = bus

    def start(self) -> None:
        """Soft reset, a timer of 5.3 ms, 100 % ASK, antenna on."""
        for register, value in (
            (0x01, 0x0F), (0x2A, 0x80), (0x2B, 0xA9), (0x2C, 0x00), (0x2D, 0xD2), (0x15, 0x40), (0x11, 0x3D),
            (0x0E, 0x00), (0x14, 0x83),
        ):  # fmt: skip
            self.bus.write(register, value)
        self.bus.chip.clock.advance(5_000)

    def send(self, data: bytes, last_bits: int = 0, align: int = 0, *, polls: int = 5_000) -> Heard:
        """One frame and its answer, until the receiver or the timer says so."""
        bus = self.bus
        bus.write(0x01, 0x00)
        bus.write(0x04, 0x7F)
        bus.write(0x0A, 0x80)
        bus.write_fifo(data)
        bus.write(0x0D, align << 4 | last_bits)
        bus.write(0x01, 0x0C)
        bus.write(0x0D, 0x80 | align << 4 | last_bits)
        for _ in range(polls):
            irq = bus.read(0x04)
            if irq & 0x21:
                break
        level = bus.read(0x0A)
        rest = bus.read(0x0C) & 7
        data = bus.read_fifo(level) if level else b""
        return Heard(data, level * 8 - (8 - rest if rest else 0) - align, bus.read(0x06), bus.read(0x0E), irq)

    def request(self) -> bytes:
        return self.send(b"\x26", 7).data

    def wake_up(self) -> bytes:
        return self.send(b"\x52", 7).data

    # Anticollision

    def _all_home(self) -> None:
        """A frame that nobody understands: whoever is READY or ACTIVE goes back to IDLE or HALT."""
        self.send(b"\x00", 7)

    def _ask(self, level: int, known: list[int]) -> Heard:
        """SEL and NVB with `known` bits of the UID of this level."""
        whole, rest = divmod(len(known), 8)
        uid_bytes = bytearray((len(known) + 7) // 8)
        for place, bit in enumerate(known):
            uid_bytes[place >> 3] |= bit << (place & 7)
        return self.send(bytes([(0x93, 0x95, 0x97)[level], (2 + whole) << 4 | rest]) + uid_bytes, rest, rest)

    def select_part(self, level: int, part: bytes) -> Heard:
        """SELECT of one cascade level; `part` is four UID bytes and BCC."""
        return self.send(with_crc(bytes([(0x93, 0x95, 0x97)[level], 0x70]) + part))

    def _climb(self, parts: list[bytes]) -> None:
        self._all_home()
        assert self.request(), "cards were there a moment ago"
        for level, part in enumerate(parts):
            self.select_part(level, part)

    def _find_part(self, parts: list[bytes]) -> bytes:
        """The four UID bytes and BCC of one of the cards at the level after `parts`."""
        level = len(parts)
        known: list[int] = []
        while True:
            self._climb(parts)
            heard = self._ask(level, known)
            if heard.silent and known:
                assert known[-1] == 1, "a card collided and is gone"
                known[-1] = 0
            elif heard.error & 0x08:
                known.append(1)
            else:
                assert not heard.silent, "cards were there a moment ago"
                assert heard.error == 0, f"error {heard.error:#x}"
                bits = known + [
                    (heard.data[place >> 3] >> (place & 7)) & 1
                    for place in range(len(known) % 8, len(heard.data) * 8)
                ]
                part = bytes(
                    sum(bits[index * 8 + place] << place for place in range(8))
                    for index in range(len(bits) // 8)
                )
                assert part[0] ^ part[1] ^ part[2] ^ part[3] == part[4], "BCC"
                return part

    def find_one(self) -> tuple[bytes, int]:
        """UID and SAK of one card in IDLE; it is selected then."""
        parts: list[bytes] = []
        while True:
            part = self._find_part(parts)
            self._climb(parts)
            heard = self.select_part(len(parts), part)
            assert heard.data[1:] == crc_a(heard.data[:1]), "check sum of SAK"
            parts.append(part)
            if not heard.data[0] & 0x04:
                break
        uid = b"".join(part[1:4] if part is not parts[-1] else part[:4] for part in parts)
        return uid, heard.data[0]

    def find_all(self) -> list[bytes]:
        """The UIDs of all cards in IDLE, each halted after it was found."""
        found = []
        self._all_home()
        while self.request():
            found.append(self.find_one()[0])
            self.halt()
        return found

    def select(self, uid: bytes) -> int:
        """Wake the cards and select the one with this UID; its SAK."""
        self._all_home()
        assert self.wake_up(), "nobody there"
        pieces = [uid] if len(uid) == 4 else [b"\x88" + uid[:3], uid[3:]]
        if len(uid) == 10:
            pieces = [b"\x88" + uid[:3], b"\x88" + uid[3:6], uid[6:]]
        for level, piece in enumerate(pieces):
            heard = self.select_part(level, piece + bytes([piece[0] ^ piece[1] ^ piece[2] ^ piece[3]]))
            assert not heard.silent, f"no answer to SELECT {level + 1}"
        return heard.data[0]

    def halt(self) -> None:
        assert self.send(with_crc(b"\x50\x00")).silent, "HLTA is never answered"

    # MIFARE Classic

    def authenticate(self, block: int, uid: bytes, key: bytes = FACTORY_KEY, which: str = "A") -> bool:
        bus = self.bus
        bus.write(0x01, 0x00)
        bus.write(0x04, 0x7F)
        bus.write(0x0A, 0x80)
        bus.write(0x0D, 0x00)
        bus.write_fifo(bytes([0x60 if which == "A" else 0x61, block]) + key + uid[-4:])
        bus.write(0x01, 0x0E)
        for _ in range(5_000):
            if bus.read(0x04) & 0x11:
                break
        return bool(bus.read(0x08) & 0x08)

    def stop_crypto(self) -> None:
        self.bus.write(0x08, 0x00)

    def command(self, *data: int) -> Heard:
        return self.send(with_crc(bytes(data)))

    def read_block(self, block: int) -> bytes | None:
        heard = self.command(0x30, block)
        return (
            heard.data[:16] if heard.bit_count == 144 and heard.data[16:] == crc_a(heard.data[:16]) else None
        )

    def write_block(self, block: int, content: bytes) -> bool:
        if self.command(0xA0, block).data != b"\x0a":
            return False
        return self.slow_command(content).data == b"\x0a"

    def slow_command(self, data: bytes) -> Heard:
        """With a time-out of 10 ms, as WRITE and TRANSFER need."""
        self.bus.write(0x2D, 0xF0)
        self.bus.write(0x2C, 0x01)
        try:
            return self.send(with_crc(data))
        finally:
            self.bus.write(0x2C, 0x00)
            self.bus.write(0x2D, 0xD2)


class CardTalk:
    """Talks to one card without a chip; time is a number."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.now_us = 0
        self.session: int | None = None
        card.power_up(0)
        self.now_us = 10_000

    def frame(self, data: bytes, bit_count: int | None = None) -> tuple[bytes, int] | None:
        """What the card answers: bytes and number of bits; None for silence."""
        answer = self.card.hear(encrypt(encode(data, bit_count), self.session), self.now_us)
        if answer is None:
            self.now_us += 1_000
            return None
        self.now_us = answer.start_us + 2_000
        heard = decode(encrypt(answer.bits, self.session))
        return heard.data, heard.bit_count

    def command(self, *data: int) -> tuple[bytes, int] | None:
        return self.frame(with_crc(bytes(data)))

    def select(self) -> None:
        self.session = None
        if self.frame(b"\x52", 7) is None:
            assert self.frame(b"\x52", 7) is not None, "no answer to WUPA"
        for level, part in enumerate(self.card.levels):
            assert self.frame(with_crc(bytes([(0x93, 0x95, 0x97)[level], 0x70]) + part)) is not None

    def authenticate(self, block: int, key: bytes = FACTORY_KEY, which: str = "A") -> bool:
        nonce = self.command(0x60 if which == "A" else 0x61, block)
        if nonce is None or nonce[1] != 32:
            return False
        self.session = None
        proof = key_proof(key, self.card.uid, nonce[0])
        if self.frame(proof[:8]) != (proof[8:12], 32):
            return False
        self.session = session_of(proof)
        return True

    def read(self, block: int) -> bytes | None:
        heard = self.command(0x30, block)
        return heard[0][:16] if heard is not None and heard[1] == 144 else None

    def write(self, block: int, content: bytes) -> bool:
        return self.command(0xA0, block) == (b"\x0a", 4) and self.frame(with_crc(content)) == (b"\x0a", 4)

    def count(self, operation: int, block: int, operand: int) -> bool:
        """DECREMENT (C0), INCREMENT (C1) or RESTORE (C2) into the transfer buffer."""
        if self.command(operation, block) != (b"\x0a", 4):
            return False
        return self.frame(with_crc(operand.to_bytes(4, "little"))) is None

    def transfer(self, block: int) -> bool:
        return self.command(0xB0, block) == (b"\x0a", 4)

"""A card of ISO/IEC 14443-4: what a chip with applications has under them. Behaviour of the *card's* side (7.5.3, 7.5.4).

``wtx_count``, ``deaf_to``, ``mute_at`` and ``garbled_at`` are there to be set by a test or a demo: extensions of time that
it asks for before each answer, and the blocks, counted from 0, that it does not hear, does not send, or sends broken.
"""

from dataclasses import dataclass, replace

from edge.reader.emulator.air import Bits, Decoded, etu_us
from edge.reader.emulator.cards import FRAME_DELAY_US, Answer, Card, Heard, Reply, State, with_crc
from edge.reader.emulator.crc import crc_a

FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)
UNIT_US = 256 * 16 / 13.56
BLOCK_US = 80
"""What the card needs for a block beyond the frame delay."""


@dataclass(frozen=True)
class Link:
    """What the ATS says; by default that of a DESFire EV1."""

    fsci: int = 5
    fwi: int = 8
    sfgi: int = 1
    historical: bytes = b"\x80"

    @property
    def ats(self) -> bytes:
        body = bytes((0x70 | self.fsci, 0x77, self.fwi << 4 | self.sfgi, 0x02)) + self.historical
        return bytes((len(body) + 1,)) + body

    @property
    def waiting_us(self) -> int:
        return round(UNIT_US * 2**self.fwi)

    @property
    def frame_size(self) -> int:
        return FRAME_SIZES[self.fsci]


@dataclass(frozen=True)
class Result:
    """What an application answers and how long it works on it."""

    data: bytes
    work_us: int = 1_000


class IsoDepCard(Card):
    """Turns blocks into commands for ``apply``, and its results into blocks."""

    kind = "isodep"
    default_atqa = {4: 0x0304, 7: 0x0344, 10: 0x0384}
    default_sak = 0x20

    def __init__(
        self, uid: bytes, *, atqa: int | None = None, sak: int | None = None, link: Link | None = None
    ) -> None:
        super().__init__(uid, atqa=atqa, sak=sak)
        self.link = Link() if link is None else link
        self.wtx_count = 0
        self.deaf_to: set[int] = set()
        self.mute_at: set[int] = set()
        self.garbled_at: set[int] = set()
        self.heard_count = 0
        self.sent_count = 0
        self._selected_4 = False
        self._busy_until_us = 0
        self._forget()

    def _forget(self) -> None:
        self._number = 1
        self._frame_max = 0
        self._incoming = b""
        self._outgoing = b""
        self._last: tuple[bytes, int] = (b"", 0)
        self._waiting: Result | None = None
        self._extensions_left = 0

    # For subclasses

    def apply(self, command: bytes, at_us: int) -> Result:
        """A whole command of the application layer."""
        return Result(b"\x6d\x00")

    def reset_application(self) -> None:
        """The card was deselected or lost power: whoever was authenticated is no more."""

    # Under way

    def busy(self, at_us: int) -> bool:
        return at_us < self._busy_until_us or super().busy(at_us)

    def power_down(self, at_us: int) -> None:
        super().power_down(at_us)
        self._leave_layer_4()
        self._busy_until_us = 0

    def _leave_layer_4(self) -> None:
        self._selected_4 = False
        self._forget()
        self.reset_application()

    def left_active(self) -> None:
        if self._selected_4:
            self._leave_layer_4()

    def hear(self, bits: Bits, at_us: int) -> Answer | None:
        """As any card; besides, it is deaf while it works."""
        answer = super().hear(bits, at_us)
        if answer is not None and self._selected_4:
            self._busy_until_us = max(self._busy_until_us, answer.start_us)
        return answer

    def _understand(self, frame: Decoded, at_us: int) -> tuple[Heard | None, Reply]:
        if not self._selected_4:
            return super()._understand(frame, at_us)
        body, check = frame.data[:-2], frame.data[-2:]
        index, self.heard_count = self.heard_count, self.heard_count + 1
        whole = frame.parity_ok and frame.bit_count % 8 == 0 and len(body) >= 1 and crc_a(body) == check
        if not whole or index in self.deaf_to or len(frame.data) > self.link.frame_size:
            return Heard.COMMAND, Reply()
        if body == b"\xc2":
            return Heard.HALT, self._air_reply(b"\xc2", BLOCK_US)
        block = self._answer_to(body, at_us)
        if block is None:
            return Heard.COMMAND, Reply()
        self._last = block
        return Heard.COMMAND, self._air_reply(*block)

    def _air_reply(self, block: bytes, delay_us: int) -> Reply:
        index, self.sent_count = self.sent_count, self.sent_count + 1
        if index in self.mute_at:
            return Reply()
        bits = with_crc(block)
        if index in self.garbled_at:
            bits = bits[:3] + bytes((bits[3] ^ 1,)) + bits[4:]
        return Reply(bits, delay_us=delay_us)

    def command(self, frame: Decoded, at_us: int) -> Reply | None:
        """RATS, the only thing that a selected card of this kind knows besides HLTA."""
        body, check = frame.data[:-2], frame.data[-2:]
        if not frame.parity_ok or len(body) != 2 or body[0] != 0xE0 or crc_a(body) != check:
            return None
        if body[1] & 0x0F == 15:
            return None
        self._forget()
        self._frame_max = FRAME_SIZES[min(body[1] >> 4, 8)]
        self._selected_4 = True
        guard_us = round(UNIT_US * 2**self.link.sfgi) if self.link.sfgi else 0
        reply = self._air_reply(self.link.ats, BLOCK_US)
        self._busy_until_us = at_us + FRAME_DELAY_US[1] + BLOCK_US + etu_us(len(reply.bits)) + guard_us
        return reply

    # Blocks

    def _answer_to(self, body: bytes, at_us: int) -> tuple[bytes, int] | None:
        first = body[0]
        if first & 0xEE == 0x02:
            return self._on_information(first, body[1:], at_us)
        if first & 0xEE == 0xA2 and len(body) == 1:
            return self._on_response(first)
        if first == 0xF2 and len(body) == 2 and self._waiting is not None:
            return self._proceed()
        return None

    def _on_information(self, first: int, data: bytes, at_us: int) -> tuple[bytes, int] | None:
        self._number ^= 1
        if first & 1 != self._number:
            self._number ^= 1
            return None
        self._incoming += data
        if first & 0x10:
            return bytes((0xA2 | self._number,)), BLOCK_US
        command, self._incoming = self._incoming, b""
        self._waiting = self.apply(command, at_us)
        self._extensions_left = self.wtx_count
        return self._proceed()

    def _proceed(self) -> tuple[bytes, int]:
        """Ask for more time, or begin to answer."""
        result = self._waiting
        assert result is not None, "there is a result to send"
        if self._extensions_left or result.work_us > self.link.waiting_us:
            self._extensions_left = max(0, self._extensions_left - 1)
            done_us = min(result.work_us, self.link.waiting_us // 2)
            self._waiting = replace(result, work_us=result.work_us - done_us)
            return b"\xf2\x02", done_us
        self._waiting = None
        self._outgoing = result.data
        return self._next_part(result.work_us)

    def _next_part(self, delay_us: int) -> tuple[bytes, int]:
        room = self._frame_max - 3
        part, self._outgoing = self._outgoing[:room], self._outgoing[room:]
        more = 0x10 if self._outgoing else 0
        return bytes((0x02 | more | self._number,)) + part, delay_us

    def _on_response(self, first: int) -> tuple[bytes, int] | None:
        is_nak = bool(first & 0x10)
        if first & 1 == self._number:
            return self._last[0], BLOCK_US
        if is_nak:
            return bytes((0xA2 | self._number,)), BLOCK_US
        if self._outgoing:
            self._number ^= 1
            return self._next_part(BLOCK_US)
        return None

    @property
    def in_layer_4(self) -> bool:
        """True between RATS and DESELECT."""
        return self._selected_4 and self.state in (State.ACTIVE, State.ACTIVE_STAR)

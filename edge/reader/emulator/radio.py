"""The transmitter and the receiver of the chip as sequences in time.

Each function here is a generator run by the chip: it yields the moment (microseconds) at which it
wants to go on, or None to wait until something is done to the chip. A new command drops the
generator wherever it stands, as the hardware does.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge.reader.emulator import crc
from edge.reader.emulator import registers as r
from edge.reader.emulator.air import (
    BYTE_OF,
    COLLISION,
    READER_FRAME_ETU,
    Bits,
    encode,
    encrypt,
    etu_us,
    odd_parity,
)
from edge.reader.emulator.cards import Answer
from edge.reader.emulator.field import superpose, superpose_some
from edge.reader.emulator.registers import Reg

if TYPE_CHECKING:
    from edge.reader.emulator.core import ChipCore

Steps = Generator[int | None, None, None]

# Status2Reg.ModemState
MODEM_IDLE = 0
MODEM_WAIT_START = 1
MODEM_TX_WAIT = 2
MODEM_TRANSMITTING = 3
MODEM_RX_WAIT = 4
MODEM_WAIT_DATA = 5
MODEM_RECEIVING = 6


def transmit(chip: "ChipCore") -> Generator[int | None, None, list[Answer]]:
    """Send what is in the FIFO, including what the host adds meanwhile; returns the cards' answers."""
    chip.modem = MODEM_TX_WAIT
    while chip.reg[Reg.MODE] & r.TX_WAIT_RF and not chip.field.on:
        yield None
    chip.modem = MODEM_TRANSMITTING
    start_us = chip.at_us
    parity = not chip.reg[Reg.MF_RX] & r.PARITY_DISABLE
    bits = bytearray()
    check = crc.CRC_A_PRESET
    last_bits = 0
    chip.sent_bits = 0
    while len(chip.fifo):
        byte = chip.fifo_get()
        last_bits = 0 if len(chip.fifo) else chip.reg[Reg.BIT_FRAMING] & 0x07
        bits += _put_byte(byte, last_bits or 8, parity)
        chip.sent_bits += last_bits or 8
        check = crc.update(check, bytes([byte]))
        yield start_us + etu_us(1 + len(bits))
        if last_bits:
            break
    if chip.reg[Reg.TX_MODE] & r.CRC_EN and not last_bits:
        for byte in check.to_bytes(2, "little"):
            bits += _put_byte(byte, 8, parity)
    return (yield from send(chip, bytes(bits), start_us, tell=True))


def _put_byte(byte: int, bit_count: int, parity: bool) -> Bits:
    bits = encode(bytes([byte]), bit_count)
    return bits if parity else bits[:8]


def send(
    chip: "ChipCore", bits: Bits, start_us: int, *, tell: bool
) -> Generator[int | None, None, list[Answer]]:
    """The end of a frame: the cards hear it, TxIRq (if `tell`) and the automatic timer follow."""
    yield start_us + etu_us(len(bits) + READER_FRAME_ETU)
    if tell:
        chip.raise_com(r.IRQ_TX)
    if chip.reg[Reg.T_MODE] & r.T_AUTO:
        chip.start_timer()
    chip.modem = MODEM_RX_WAIT
    return chip.exchange(encrypt(bits, chip.session))


@dataclass
class Received:
    """One frame as the receiver took it: bits packed from `RxAlign` on, without parity."""

    data: bytearray = field(default_factory=bytearray)
    bit_count: int = 0
    """Bits received, not counting those skipped by RxAlign."""
    errors: int = 0


def listen(
    chip: "ChipCore", answers: list[Answer], *, align: int = 0, fifo: bool = False
) -> Generator[int | None, None, Received]:
    """Receive one frame; waits for ever when nobody answers. With `fifo`, bytes go there as they come."""
    chip.modem = MODEM_WAIT_DATA
    while not answers or chip.reg[Reg.COMMAND] & r.RCV_OFF or not chip.field.on:
        yield None
    start_us = min(answer.start_us for answer in answers)
    yield start_us + etu_us(1)
    if superpose(answers, 0) is None:
        while True:  # the card was gone before it could answer
            yield None
    chip.modem = MODEM_RECEIVING
    chip.error &= ~r.RECEIVER_ERRORS
    chip.coll_position = None
    frame = _Receiver(chip, align, fifo)
    position = 0
    while True:
        yield start_us + etu_us(1 + position + 1)
        if superpose(answers, position) is None:
            break
        group = 4 if position == 0 else 5 if position == 4 else 9
        yield start_us + etu_us(1 + position + group)
        present = superpose_some(answers, position, group)
        frame.take_group(encrypt(present, chip.session, position))
        position += len(present)
        if position == 4 and not chip.reg[Reg.RX_MODE] & r.RX_MULTIPLE and chip.reg[Reg.T_MODE] & r.T_AUTO:
            chip.stop_timer()  # the 5th bit: start bit and 4 data bits
        if len(present) < group:
            break
    yield start_us + etu_us(position + 2)
    return frame.finish()


class _Receiver:
    """Packs bits into bytes, checks parity, notes the first collision, holds back the CRC."""

    def __init__(self, chip: "ChipCore", align: int, fifo: bool) -> None:
        self._chip = chip
        self._align = align
        self._fifo = fifo
        self._check_crc = bool(chip.reg[Reg.RX_MODE] & r.CRC_EN) and fifo
        self._parity_off = bool(chip.reg[Reg.MF_RX] & r.PARITY_DISABLE) and fifo
        self._keep_after = bool(chip.reg[Reg.COLL] & r.VALUES_AFTER_COLL)
        self._byte = 0
        self._place = align
        self._parity_next = False
        self._collided = False
        self._result = Received()
        self._passed_on = 0

    def take_group(self, bits: Bits) -> None:
        """Bits in the order of the air; a whole good byte with its parity is taken at once."""
        if not (self._place or self._parity_next or self._parity_off or self._collided):
            byte = BYTE_OF.get(bits)
            if byte is not None:
                self._result.data.append(byte)
                self._result.bit_count += 8
                self._pass_on(keep=2 if self._check_crc else 0)
                return
        for bit in bits:
            self._take(bit)

    def _take(self, bit: int) -> None:
        if self._parity_next:
            self._parity_next = False
            first_of_split = len(self._result.data) == 1 and self._align
            wrong = bit == COLLISION or bit != odd_parity(self._result.data[-1])
            if wrong and not first_of_split and not self._collided:
                self._fail(r.PARITY_ERR)
            return
        if bit == COLLISION and not self._collided:
            self._collided = True
            self._chip.note_collision(self._align + self._result.bit_count, self._result.bit_count)
            self._fail(r.COLL_ERR)
        if self._collided:
            bit = min(bit, 1) if self._keep_after else 0
        self._byte |= bit << self._place
        self._place += 1
        self._result.bit_count += 1
        if self._place == 8:
            self._result.data.append(self._byte)
            self._byte = self._place = 0
            self._parity_next = not self._parity_off
            self._pass_on(keep=2 if self._check_crc else 0)

    def _pass_on(self, keep: int) -> None:
        while self._fifo and len(self._result.data) - self._passed_on > keep:
            self._chip.fifo_put(self._result.data[self._passed_on])
            self._passed_on += 1

    def _fail(self, error: int) -> None:
        self._result.errors |= error
        if self._fifo:
            self._chip.fail(error)

    def finish(self) -> Received:
        data, rest = self._result.data, self._place
        if self._check_crc:
            if rest or len(data) < 2:
                self._fail(r.CRC_ERR)
                self._pass_on(keep=0)
            elif crc.crc_a(bytes(data[:-2])) != bytes(data[-2:]):
                self._fail(r.CRC_ERR)
        if rest:
            data.append(self._byte)
            self._pass_on(keep=0)
        if self._fifo:
            self._chip.rx_last_bits = rest
        return self._result


def receive(chip: "ChipCore", answers: list[Answer]) -> Steps:
    """One reception into the FIFO (or, with RxMultiple, one after the other), ending in RxIRq."""
    while True:
        align = (chip.reg[Reg.BIT_FRAMING] >> 4) & 0x07
        mode = chip.reg[Reg.RX_MODE]
        frame = yield from listen(chip, answers, align=align, fifo=True)
        answers = []
        if mode & r.RX_NO_ERR and frame.bit_count < 4:
            continue
        if mode & r.RX_MULTIPLE:
            chip.fifo_put(chip.error)
        chip.raise_com(r.IRQ_RX)
        if not mode & r.RX_MULTIPLE:
            return

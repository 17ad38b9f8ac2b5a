"""The commands of CommandReg as sequences in time (data sheet chapter 10); see radio.py for how."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge.reader.emulator import crc, selftest
from edge.reader.emulator.air import encode
from edge.reader.emulator.fifo import SIZE
from edge.reader.emulator.radio import (
    MODEM_WAIT_START,
    Received,
    Steps,
    listen,
    receive,
    send,
    transmit,
)
from edge.reader.emulator.registers import IRQ_CRC, MSB_FIRST, PROTOCOL_ERR, Reg

if TYPE_CHECKING:
    from edge.reader.emulator.core import ChipCore

IDLE = 0x00
MEM = 0x01
GENERATE_RANDOM_ID = 0x02
CALC_CRC = 0x03
TRANSMIT = 0x04
NO_CMD_CHANGE = 0x07
RECEIVE = 0x08
TRANSCEIVE = 0x0C
MF_AUTHENT = 0x0E
SOFT_RESET = 0x0F
MEM_SIZE = 25
CRC_BYTE_US = 1
RANDOM_ID_US = 10
SELF_TEST_US = 500
"""None of these times is in the data sheet; a driver has to wait for the interrupt or the FIFO level."""


def mem(chip: "ChipCore") -> Steps:
    """With an empty FIFO the buffer goes there, otherwise 25 bytes of the FIFO go into the buffer."""
    if not len(chip.fifo):
        for byte in chip.mem:
            chip.fifo_put(byte)
        return
    for place in range(MEM_SIZE):
        while not len(chip.fifo):
            yield None
        chip.mem[place] = chip.fifo_get()


def generate_random_id(chip: "ChipCore") -> Steps:
    """Ten random bytes into the start of the internal buffer."""
    yield chip.at_us + RANDOM_ID_US
    chip.mem[:10] = chip.random.randbytes(10)


def calc_crc(chip: "ChipCore") -> Steps:
    """Runs until another command; every byte that comes into the FIFO is added."""
    if chip.reg[Reg.AUTO_TEST] & 0x0F == selftest.ENABLED:
        yield chip.at_us + SELF_TEST_US
        clean = not any(chip.mem) and chip.fifo.get_all() == b"\x00"
        for byte in selftest.result(chip.version, clean=clean)[:SIZE]:
            chip.fifo_put(byte)
        return
    value = crc.PRESETS[chip.reg[Reg.MODE] & 0x03]
    msb_first = bool(chip.reg[Reg.MODE] & MSB_FIRST)
    while True:
        chip.crc_ready = False
        while len(chip.fifo):
            byte = chip.fifo_get()
            value = crc.update(value, bytes([crc.reverse_bits(byte) if msb_first else byte]))
            yield chip.at_us + CRC_BYTE_US
        high, low = value >> 8, value & 0xFF
        if msb_first:
            high, low = crc.reverse_bits(high), crc.reverse_bits(low)
        chip.crc_result = (high << 8) | low
        chip.crc_ready = True
        chip.raise_div(IRQ_CRC)
        while not len(chip.fifo):
            yield None


def transmit_only(chip: "ChipCore") -> Steps:
    while not len(chip.fifo):
        yield None
    chip.unheard = yield from transmit(chip)


def receive_only(chip: "ChipCore") -> Steps:
    """Takes the answer to what Transmit has sent, if its start is still to come."""
    answers = [answer for answer in chip.unheard if answer.start_us >= chip.at_us]
    yield from receive(chip, answers)


def transceive(chip: "ChipCore") -> Steps:
    """StartSend, transmit, receive, and again; only another command ends it."""
    while True:
        chip.modem = MODEM_WAIT_START
        while not (chip.start_send and len(chip.fifo)):
            yield None
        chip.start_send = False
        answers = yield from transmit(chip)
        yield from receive(chip, answers)


def mf_authent(chip: "ChipCore") -> Steps:
    """The three passes of MIFARE Classic, with a stand-in for the cipher (see ``key_proof``).

    A silent card leaves the command waiting for ever. The four bytes of each answer that do not
    come as expected end it with ProtocolErr.
    """
    if len(chip.fifo) < 12:
        while True:
            yield None
    arguments = chip.fifo.get_all()
    code, block, key, uid = arguments[0], arguments[1], arguments[2:8], arguments[8:12]
    request = bytes([code, block])
    answers = yield from send(chip, encode(request + crc.crc_a(request)), chip.at_us, tell=False)
    nonce = yield from listen(chip, answers)
    chip.session = None
    if _four_bytes(nonce) is None:
        chip.fail(PROTOCOL_ERR)
        return
    proof = key_proof(key, uid, bytes(nonce.data))
    answers = yield from send(chip, encode(proof[:8]), chip.at_us, tell=False)
    token = yield from listen(chip, answers)
    if _four_bytes(token) != proof[8:12]:
        chip.fail(PROTOCOL_ERR)
        return
    chip.session = session_of(proof)


def _four_bytes(frame: Received) -> bytes | None:
    return bytes(frame.data) if frame.bit_count == 32 and not frame.errors else None


def key_proof(key: bytes, uid: bytes, nonce: bytes) -> bytes:
    """Stands in for Crypto1: both ends compute the same bytes exactly if key and UID are the same."""
    return hashlib.sha256(b"emulated authentication" + key + uid[-4:] + nonce).digest()


def session_of(proof: bytes) -> int:
    """The number that names the cipher of the session which this proof has opened."""
    return int.from_bytes(proof[16:24], "big")


COMMANDS: dict[int, Callable[["ChipCore"], Steps]] = {
    MEM: mem,
    GENERATE_RANDOM_ID: generate_random_id,
    CALC_CRC: calc_crc,
    TRANSMIT: transmit_only,
    RECEIVE: receive_only,
    TRANSCEIVE: transceive,
    MF_AUTHENT: mf_authent,
}

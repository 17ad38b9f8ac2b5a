"""The MFRC522 and its copies: reset, set-up, exchange of one frame, authentication. Cards are ``iso14443`` and ``mifare``.

Law of this file: every wait has a deadline on the monotonic clock; every doubt about the chip is a ``ChipError`` and
every doubt about the wire a ``BusError``, which ``healing`` takes care of. Sections are of the NXP data sheet Rev 3.9.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

from edge.reader.base import ResetLine, Ticks, Transport
from edge.reader.errors import (
    AuthenticationFailed,
    BusError,
    CardCollision,
    CardCorrupted,
    CardSilent,
    ChipError,
)
from edge.reader.radio import FRAME_DELAY_US, Answer, frame_us
from edge.reader.registers import (
    ANTENNA_OFF,
    ANTENNA_ON,
    COLLISION_POSITION,
    COLLISION_POSITION_INVALID,
    COMMAND_POWER_DOWN,
    FIFO_FLUSH,
    FIFO_SIZE,
    MF_CRYPTO1_ON,
    RX_LAST_BITS,
    START_SEND,
    Command,
    Err,
    Irq,
    Reg,
)
from edge.reader.versions import ChipClass, classify

TIMER_STEP_US: Final = 25
"""One count of the chip's timer with TPrescaler = 169: (2 * 169 + 1) / 13.56 MHz (section 8.5)."""
TIMER_US_MAX: Final = 0x10000 * TIMER_STEP_US

RESET_PULSE_US: Final = 1_000
RESET_SETTLE_US: Final = 50_000
START_LIMIT_US: Final = 100_000
"""How long the oscillator may take after a reset before the chip counts as dead."""
FIELD_PAUSE_US: Final = 6_000
"""Field off, and then on before the first frame: cards have 5 ms to forget and 5 ms to start (ISO/IEC 14443-3)."""
LOOK_AGAIN_US: Final = 100
"""Pause between two looks at the interrupt register, at first."""
LOOK_AGAIN_SHARE: Final = 16
"""Later the pause is this part of the wait so far: a card that calculates for long must not cost a thousand looks."""
COMMAND_SLACK_US: Final = 100_000
"""What a command may take beyond its time on the air: slow wires, a busy machine. Then the chip is at fault."""
AUTHENTICATION_US: Final = 2_060
"""Time on the air of the three passes."""
AUTHENTICATION_LIMIT_US: Final = 5_000

RF_CFG_33_DB: Final = 0x48
_MOD_WIDTH: Final = 0x26
_T_MODE: Final = 0x80
"""TAuto: the timer starts when a frame has been sent and stops with the fifth bit received."""
_T_PRESCALER: Final = 169
_CARD_DOUBTS: Final = Err.PROTOCOL | Err.PARITY | Err.CRC | Err.BUFFER_OVERFLOW


class Mfrc522:
    """The chip behind a Transport. No I/O before ``soft_reset`` or ``hard_reset``; safe to call from any thread.

    :param reset: holds the chip in reset while called with True; None when the pin is not wired.
    :param rf_cfg: RFCfgReg; 0x48 is 33 dB, more gain brings errors rather than range (reader.md section 2).
    """

    def __init__(
        self,
        bus: Transport,
        ticks: Ticks,
        reset: ResetLine | None = None,
        rf_cfg: int = RF_CFG_33_DB,
    ) -> None:
        self.bus = bus
        self.ticks = ticks
        self.lock = threading.RLock()
        self.version = 0
        self._reset = reset
        self._rf_cfg = rf_cfg
        self._reload: int | None = None

    # --- bringing the chip up -------------------------------------------------------------------------------------

    def soft_reset(self) -> None:
        """Reset by command and set up anew.

        :raises ChipError: when the chip does not start or does not keep its set-up.
        """
        with self.lock:
            with suppress(BusError):  # the reset may swallow its own echo; a dead wire shows in after_reset
                self.bus.write(Reg.COMMAND, Command.SOFT_RESET)
            self.bus.after_reset()
            self._set_up()

    def hard_reset(self) -> bool:
        """Reset by the RST pin and set up anew; False when the pin is not wired.

        :raises ChipError: as ``soft_reset``.
        """
        if self._reset is None:
            return False
        with self.lock:
            self._reset(True)
            self.ticks.sleep_us(RESET_PULSE_US)
            self._reset(False)
            self.ticks.sleep_us(RESET_SETTLE_US)
            self.bus.after_reset()
            self._set_up()
        return True

    def cycle_field(self) -> None:
        """Switch the field off and on: every card forgets what it was told."""
        with self.lock:
            self.bus.write(Reg.TX_CONTROL, ANTENNA_OFF)
            self.ticks.sleep_us(FIELD_PAUSE_US)
            self.bus.write(Reg.TX_CONTROL, ANTENNA_ON)
            self.ticks.sleep_us(FIELD_PAUSE_US)

    def field_off(self) -> None:
        """Switch the field off, for a reader that is taken out of use."""
        with self.lock:
            self.bus.write(Reg.TX_CONTROL, ANTENNA_OFF)

    def check(self) -> None:
        """The canary: does the chip still have the set-up that it was given?

        A brown-out leaves a chip that answers every access, with its antenna off and its timer dead: without this
        look it would report an empty field for ever (reader.md section 2).

        :raises ChipError: when it was reset behind our back, is gone, or is too hot.
        """
        reload = self._reload if self._reload is not None else 0
        expected = (
            (Reg.TX_CONTROL, 0x03, 0x03),
            (Reg.T_MODE, 0xFF, _T_MODE),
            (Reg.T_PRESCALER, 0xFF, _T_PRESCALER),
            (Reg.T_RELOAD_H, 0xFF, reload >> 8),
            (Reg.T_RELOAD_L, 0xFF, reload & 0xFF),
            (Reg.RF_CFG, 0x70, self._rf_cfg & 0x70),
            (Reg.MOD_WIDTH, 0xFF, _MOD_WIDTH),
        )
        with self.lock:
            version, error, *values = self.bus.read_many(
                (Reg.VERSION, Reg.ERROR, *(reg for reg, _, _ in expected))
            )
        if classify(version) is ChipClass.DEAD:
            raise ChipError(f"the chip does not answer: version reads {version:02x}")
        if classify(self.version) is ChipClass.KNOWN and version != self.version:
            raise ChipError(f"the version changed from {self.version:02x} to {version:02x}: the wire is bad")
        if error & Err.TEMPERATURE:
            raise ChipError("the chip is too hot and has switched its antenna off")
        for (reg, mask, wanted), value in zip(expected, values, strict=True):
            if value & mask != wanted:
                raise ChipError(f"{reg.name} reads {value:02x}, not {wanted:02x}: the chip was reset")

    def _set_up(self) -> None:
        deadline = self.ticks.now_us() + START_LIMIT_US
        while True:
            late = self.ticks.now_us() > deadline
            state = self.bus.read(Reg.COMMAND)
            if not state & COMMAND_POWER_DOWN:
                break
            if late:
                raise ChipError(f"the chip does not start: CommandReg reads {state:02x}")
            self.ticks.sleep_us(1_000)
        self.version = self.bus.read(Reg.VERSION)
        self._reload = 0
        self.bus.write_many(
            (
                (Reg.TX_MODE, 0x00),
                (Reg.RX_MODE, 0x00),
                (Reg.MOD_WIDTH, _MOD_WIDTH),
                (Reg.T_MODE, _T_MODE),
                (Reg.T_PRESCALER, _T_PRESCALER),
                (Reg.T_RELOAD_H, 0x00),
                (Reg.T_RELOAD_L, 0x00),
                (Reg.TX_ASK, 0x40),  # 100 % modulation, what type A needs
                (Reg.MODE, 0x3D),  # CRC preset 6363, transmit only with the field on
                (Reg.RF_CFG, self._rf_cfg),
                (Reg.COLL, 0x00),  # bits behind a collision read 0
                (Reg.TX_CONTROL, ANTENNA_ON),
            )
        )
        self.ticks.sleep_us(FIELD_PAUSE_US)
        self.check()

    # --- one frame ------------------------------------------------------------------------------------------------

    def plain(self) -> None:
        """Before a REQA or WUPA: no cipher, no CRC unit, 106 kbit/s, whatever went before."""
        with self.lock:
            self.bus.write_many(
                (
                    (Reg.STATUS2, 0x00),
                    (Reg.TX_MODE, 0x00),
                    (Reg.RX_MODE, 0x00),
                    (Reg.MOD_WIDTH, _MOD_WIDTH),
                )
            )

    def transceive(
        self,
        data: bytes,
        *,
        timeout_us: int,
        expect_bytes: int = 0,
        last_bits: int = 0,
        rx_align: int = 0,
        allow_collision: bool = False,
    ) -> Answer:
        """Send a frame and take the answer.

        :param data: 1 to 64 bytes, with their CRC where the frame has one.
        :param timeout_us: silence after the frame before it counts as no answer.
        :param expect_bytes: usual length of the answer, which sets the time of the first look; 0 expects silence.
        :param last_bits: bits of the last byte to send, 0 for all.
        :param rx_align: place in the first byte received of the first bit received.
        :raises CardSilent: no answer.
        :raises CardCorrupted: an answer with wrong parity or form.
        :raises CardCollision: several different answers, unless ``allow_collision``.
        :raises ChipError, BusError: the reader, not the card.
        """
        assert 1 <= len(data) <= FIFO_SIZE, "a frame fits into the FIFO"
        framing = rx_align << 4 | last_bits
        sent_us = frame_us(len(data) * 8 - ((8 - last_bits) if last_bits else 0))
        wait_us = FRAME_DELAY_US + frame_us(expect_bytes * 8) if expect_bytes else timeout_us
        with self.lock:
            self._prepare(data, timeout_us)
            self.bus.write_many(
                (
                    (Reg.BIT_FRAMING, framing),
                    (Reg.COMMAND, Command.TRANSCEIVE),
                    (Reg.BIT_FRAMING, framing | START_SEND),
                )
            )
            irq = self._wait(Irq.RX | Irq.IDLE, sent_us + wait_us, timeout_us)
            if not irq & Irq.RX:
                if irq & Irq.TIMER:
                    raise CardSilent("no answer")
                raise ChipError("the exchange ended by itself")
            return self._received(allow_collision)

    def authenticate(self, command: int, block: int, key: bytes, uid: bytes) -> None:
        """Three-pass authentication of MIFARE Classic; afterwards the chip enciphers every frame (10.3.1.9).

        :param command: 0x60 for key A, 0x61 for key B.
        :param uid: the four bytes that the cipher takes: the last four of the UID.
        :raises AuthenticationFailed: wrong key or silent card; the cipher is off again and the card must be selected anew.
        """
        assert len(key) == 6, "a key has 6 bytes"
        assert len(uid) == 4, "the cipher takes 4 bytes of the UID"
        with self.lock:
            self._prepare(bytes((command, block)) + key + uid, AUTHENTICATION_LIMIT_US)
            self.bus.write(Reg.COMMAND, Command.MF_AUTHENT)
            irq = self._wait(Irq.IDLE, AUTHENTICATION_US, AUTHENTICATION_LIMIT_US)
            status, error = self.bus.read_many((Reg.STATUS2, Reg.ERROR))
            # The bit must be set: drivers that trust the interrupt accept every key of a silent card. The command must have
            # ended well too: inside a session the bit still stands from the sector before.
            if not (status & MF_CRYPTO1_ON and irq & Irq.IDLE) or error & Err.PROTOCOL:
                self.stop_crypto()
                raise AuthenticationFailed(f"block {block} does not take this key")

    def stop_crypto(self) -> None:
        """End the command and the cipher; only software clears it (9.3.1.9)."""
        with self.lock:
            self.bus.write_many(((Reg.COMMAND, Command.IDLE), (Reg.STATUS2, 0x00)))

    def _prepare(self, data: bytes, timeout_us: int) -> None:
        reload = max(0, -(-min(timeout_us, TIMER_US_MAX) // TIMER_STEP_US) - 1)
        writes: list[tuple[int, int]] = [
            (Reg.COMMAND, Command.IDLE),
            (Reg.COM_IRQ, Irq.ALL),
            (Reg.FIFO_LEVEL, FIFO_FLUSH),
        ]
        if reload != self._reload:
            writes += [(Reg.T_RELOAD_H, reload >> 8), (Reg.T_RELOAD_L, reload & 0xFF)]
        self.bus.write_many(writes)
        self._reload = reload
        self.bus.write_fifo(data)

    def _wait(self, done: int, first_look_us: int, timeout_us: int) -> int:
        """The interrupt register, once it shows one of ``done`` or that the timer has run out."""
        start_us = self.ticks.now_us()
        deadline = start_us + first_look_us + timeout_us + COMMAND_SLACK_US
        self.ticks.sleep_us(first_look_us)
        while True:
            late = self.ticks.now_us() > deadline
            irq = self.bus.read(Reg.COM_IRQ)
            if irq & ~Irq.ALL:
                raise ChipError(f"the interrupt register reads {irq:02x}")
            if irq & (done | Irq.TIMER):
                return irq
            if late:
                raise ChipError(f"the command does not end: interrupts {irq:02x}")
            waited_us = self.ticks.now_us() - start_us
            self.ticks.sleep_us(max(LOOK_AGAIN_US, waited_us // LOOK_AGAIN_SHARE))

    def _received(self, allow_collision: bool) -> Answer:
        error, level, control, coll = self.bus.read_many((Reg.ERROR, Reg.FIFO_LEVEL, Reg.CONTROL, Reg.COLL))
        if error & (Err.TEMPERATURE | Err.WRITE):
            raise ChipError(f"the chip reports error {error:02x}")
        if level > FIFO_SIZE:
            raise ChipError(f"the FIFO holds {level} bytes")
        collision: int | None = None
        if error & Err.COLLISION:
            if not allow_collision:
                raise CardCollision("several cards answered")
            collision = 0 if coll & COLLISION_POSITION_INVALID else (coll & COLLISION_POSITION or 32)
        elif error & _CARD_DOUBTS:
            raise CardCorrupted(f"the chip reports error {error:02x}")
        if not level:
            if collision is None:
                raise CardCorrupted("an answer without content")
            return Answer(b"", 0, collision)
        return Answer(self.bus.read_fifo(level), control & RX_LAST_BITS, collision)

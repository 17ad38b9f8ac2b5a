"""The MFRC522 at register level (NXP data sheet Rev 3.9), as an independent peer for drivers.

The chip does nothing by itself: whoever looks at it first brings it up to the clock (``settle``),
which runs the command's sequence, the timer and the planned moves of cards in the order of their
times. All of it is deterministic under a virtual clock.
"""

import random
from typing import Literal

from edge.reader.emulator import commands
from edge.reader.emulator.cards import Answer
from edge.reader.emulator.clock import VirtualClock
from edge.reader.emulator.faults import Fault
from edge.reader.emulator.field import Field
from edge.reader.emulator.fifo import SIZE, Fifo
from edge.reader.emulator.radio import MODEM_IDLE, MODEM_RECEIVING, MODEM_RX_WAIT, MODEM_WAIT_DATA, Steps
from edge.reader.emulator.registers import (
    BUFFER_OVFL,
    COLL_POS_NOT_VALID,
    COUNT,
    DIV_IRQ_BITS,
    FLUSH_BUFFER,
    FORCE_100_ASK,
    IRQ_ERR,
    IRQ_HI_ALERT,
    IRQ_IDLE,
    IRQ_LO_ALERT,
    IRQ_TIMER,
    MF_CRYPTO1_ON,
    POWER_DOWN,
    RCV_OFF,
    RESET,
    SET1,
    SPEED,
    START_SEND,
    T_AUTO_RESTART,
    T_PRESCAL_EVEN,
    T_START_NOW,
    T_STOP_NOW,
    TEMP_ERR,
    TEMP_SENS_CLEAR,
    TX_RF_EN,
    WR_ERR,
    WRITABLE,
    Reg,
)
from edge.reader.emulator.timer import Timer

WAKE_US = 38
"""1024 clocks of 27.12 MHz (data sheet 8.6.2); the start-up time of the crystal is left out."""
AFTER_RESET_COM_IRQ = IRQ_IDLE | IRQ_LO_ALERT

CollPosMode = Literal["nxp", "absolute"]


class Chip:
    """One chip with its antenna.

    version: VersionReg, 0x92 for a genuine chip of version 2.0.
    coll_pos: how CollReg counts the position of a collision when RxAlign is used. Sources disagree:
        "nxp" counts within the received, aligned frame (NXP's library), "absolute" from the first
        bit of the UID (miguelbalboa/rfid). A driver has to cope with both.
    """

    def __init__(
        self,
        field: Field | None = None,
        *,
        version: int = 0x92,
        coll_pos: CollPosMode = "nxp",
        seed: int = 0,
    ) -> None:
        self.field = Field(VirtualClock()) if field is None else field
        self.clock = self.field.clock
        self.lock = self.field.lock
        self.version = version
        self.coll_pos: CollPosMode = coll_pos
        self.random = random.Random(seed)
        self.faults: list[Fault] = []
        self.mem = bytearray(commands.MEM_SIZE)
        self.held_in_reset = False
        self.hot = False
        self.at_us = self.clock.now_us()
        self._settling = False
        self.field.settle = self.settle
        self._reset()

    # Reset and power

    def _reset(self) -> None:
        """All registers to their reset values; the 25-byte buffer is kept."""
        self.reg = bytearray(RESET)
        self.reg[Reg.COMMAND] = RCV_OFF
        self.reg[Reg.COLL] = 0x80
        self.fifo = Fifo()
        self.timer = Timer()
        self.com_irq = AFTER_RESET_COM_IRQ
        self.div_irq = 0
        self.error = TEMP_ERR if self.hot else 0
        self.session: int | None = None
        self.modem = MODEM_IDLE
        self.rx_last_bits = 0
        self.coll_position: int | None = None
        self.sent_bits = 0
        self.start_send = False
        self.crc_result = 0xFFFF
        self.crc_ready = True
        self.unheard: list[Answer] = []
        self.awake_us = self.at_us + WAKE_US
        self._steps: Steps | None = None
        self._step_us: int | None = None
        self._switch_field()

    def hold_reset(self, held: bool) -> None:
        """Pin NRSTPD: True holds the chip in hard power-down, letting go resets it."""
        with self.lock:
            self.settle()
            if held or self.held_in_reset:
                self._reset()
            self.held_in_reset = held

    def lose_power(self) -> None:
        """A supply dip: everything is as after power-up, and nobody is told."""
        with self.lock:
            self.settle()
            self.mem = bytearray(commands.MEM_SIZE)
            self._reset()

    def _switch_field(self) -> None:
        powered = not self.reg[Reg.COMMAND] & POWER_DOWN and not self.hot
        self.field.switch(bool(self.reg[Reg.TX_CONTROL] & TX_RF_EN) and powered, self.at_us)

    # Time

    def settle(self) -> None:
        """Bring the chip, its timer and its field up to the clock."""
        with self.lock:
            if self._settling:
                return
            self._settling = True
            try:
                self._run_until(self.clock.now_us())
            finally:
                self._settling = False

    def _run_until(self, now_us: int) -> None:
        while True:
            moments = (self.field.next_us(), self.timer.expires_us, self._step_us)
            due = [moment for moment in moments if moment is not None and moment <= now_us]
            if not due:
                break
            moment = min(due)
            self.at_us = max(self.at_us, moment)
            if self.field.next_us() == moment:
                self.field.settle_until(moment)
            elif self.timer.expires_us == moment:
                self.timer.expire(restart=bool(self.reg[Reg.T_MODE] & T_AUTO_RESTART))
                self.raise_com(IRQ_TIMER)
            else:
                self._step()
        self.at_us = max(self.at_us, now_us)

    def _step(self) -> None:
        assert self._steps is not None, "a moment without a sequence"
        self._step_us = None
        try:
            wish_us = next(self._steps)
        except StopIteration:
            self._end_command()
            return
        self._step_us = None if wish_us is None else max(wish_us, self.at_us)

    def _poke(self) -> None:
        """Something was done to the chip: a sequence that waits for it looks again."""
        if self._steps is not None and self._step_us is None:
            self._step()

    def start_timer(self) -> None:
        prescaler = (self.reg[Reg.T_MODE] & 0x0F) << 8 | self.reg[Reg.T_PRESCALER]
        reload = self.reg[Reg.T_RELOAD_H] << 8 | self.reg[Reg.T_RELOAD_L]
        even = bool(self.reg[Reg.DEMOD] & T_PRESCAL_EVEN) and self.version == 0x92
        self.timer.start(self.at_us, prescaler, reload, even=even)

    def stop_timer(self) -> None:
        self.timer.stop(self.at_us)

    # Interrupts and errors

    def raise_com(self, bits: int) -> None:
        self.com_irq |= bits

    def raise_div(self, bits: int) -> None:
        self.div_irq |= bits

    def fail(self, bits: int) -> None:
        self.error |= bits
        self.raise_com(IRQ_ERR)

    @property
    def irq(self) -> bool:
        """True while an enabled interrupt request stands (Status1Reg.IRq)."""
        com = self.com_irq & self.reg[Reg.COM_I_EN] & 0x7F
        return bool(com or self.div_irq & self.reg[Reg.DIV_I_EN] & DIV_IRQ_BITS)

    @property
    def irq_pin(self) -> bool:
        """The level of pin IRQ, with ComIEnReg.IRqInv applied."""
        return self.irq != bool(self.reg[Reg.COM_I_EN] & 0x80)

    # FIFO, as the chip's own machines use it

    def _alerts(self) -> int:
        level = self.reg[Reg.WATER_LEVEL]
        high = IRQ_HI_ALERT if SIZE - len(self.fifo) <= level else 0
        return high | (IRQ_LO_ALERT if len(self.fifo) <= level else 0)

    def fifo_put(self, byte: int) -> None:
        if not self.fifo.put(byte):
            self.fail(BUFFER_OVFL)
        self.raise_com(self._alerts())

    def fifo_get(self) -> int:
        byte = self.fifo.get()
        self.raise_com(self._alerts())
        return byte

    # Radio

    def exchange(self, bits: bytes) -> list[Answer]:
        """The cards hear a frame, if it is modulated as ISO/IEC 14443 A at 106 kbit/s demands."""
        modulated = self.reg[Reg.TX_ASK] & FORCE_100_ASK
        other_speed = (self.reg[Reg.TX_MODE] | self.reg[Reg.RX_MODE]) & SPEED
        return self.field.exchange(bits, self.at_us) if modulated and not other_speed else []

    def note_collision(self, aligned: int, received: int) -> None:
        """The first collision of a frame, by data bits before it with and without RxAlign."""
        known = max(0, self.sent_bits - 16)
        self.coll_position = (aligned if self.coll_pos == "nxp" else known + received) + 1

    # Host side

    def read(self, address: int) -> int:
        """A register as the host reads it."""
        with self.lock:
            self.settle()
            return self._read(address & (COUNT - 1))

    def write(self, address: int, value: int) -> None:
        """A register as the host writes it."""
        with self.lock:
            self.settle()
            if not self.held_in_reset:
                self._write(address & (COUNT - 1), value & 0xFF)

    def _fifo_blocked(self) -> bool:
        authenticating = self.reg[Reg.COMMAND] & 0x0F == commands.MF_AUTHENT
        return authenticating or self.modem in (MODEM_RX_WAIT, MODEM_WAIT_DATA, MODEM_RECEIVING)

    def _read(self, address: int) -> int:
        if self.held_in_reset:
            return 0x00
        match address:
            case Reg.COMMAND:
                return self.reg[address] | (POWER_DOWN if self.at_us < self.awake_us else 0)
            case Reg.COM_IRQ:
                return self.com_irq
            case Reg.DIV_IRQ:
                return self.div_irq
            case Reg.ERROR:
                return self.error
            case Reg.STATUS1:
                ready = 0x20 if self.crc_ready else 0
                ok = 0x40 if self.crc_ready and self.crc_result == 0 else 0
                running = 0x08 if self.timer.running else 0
                alerts = self._alerts() >> 2
                return ok | ready | (0x10 if self.irq else 0) | running | alerts
            case Reg.STATUS2:
                return self.reg[address] | (MF_CRYPTO1_ON if self.session is not None else 0) | self.modem
            case Reg.FIFO_DATA:
                return 0 if self.reg[Reg.COMMAND] & 0x0F == commands.MF_AUTHENT else self.fifo_get()
            case Reg.FIFO_LEVEL:
                return len(self.fifo)
            case Reg.CONTROL:
                return 0x10 | self.rx_last_bits
            case Reg.COLL:
                position = self.coll_position
                valid = position is not None and position <= 32
                return self.reg[address] | ((position or 0) & 0x1F if valid else COLL_POS_NOT_VALID)
            case Reg.CRC_RESULT_H:
                return self.crc_result >> 8
            case Reg.CRC_RESULT_L:
                return self.crc_result & 0xFF
            case Reg.T_COUNTER_H:
                return self.timer.value(self.at_us) >> 8
            case Reg.T_COUNTER_L:
                return self.timer.value(self.at_us) & 0xFF
            case Reg.VERSION:
                return self.version
            case _:
                return self.reg[address]

    def _write(self, address: int, value: int) -> None:
        match address:
            case Reg.COMMAND:
                self._command(value)
            case Reg.COM_IRQ:
                bits = value & 0x7F
                self.com_irq = self.com_irq | bits if value & SET1 else self.com_irq & ~bits
            case Reg.DIV_IRQ:
                bits = value & DIV_IRQ_BITS
                self.div_irq = self.div_irq | bits if value & SET1 else self.div_irq & ~bits
            case Reg.STATUS2:
                if not value & MF_CRYPTO1_ON:
                    self.session = None
                if value & TEMP_SENS_CLEAR and not self.hot:
                    self.error &= ~TEMP_ERR
            case Reg.FIFO_DATA:
                if self._fifo_blocked():
                    self.fail(WR_ERR)
                else:
                    self.fifo_put(value)
            case Reg.FIFO_LEVEL:
                if value & FLUSH_BUFFER:
                    self.fifo.clear()
                    self.error &= ~BUFFER_OVFL
                    self.raise_com(self._alerts())
            case Reg.CONTROL:
                if value & T_STOP_NOW:
                    self.stop_timer()
                elif value & T_START_NOW:
                    self.start_timer()
            case Reg.BIT_FRAMING:
                self.start_send = (
                    bool(value & START_SEND) and self.reg[Reg.COMMAND] & 0x0F == commands.TRANSCEIVE
                )
        keep = WRITABLE[address]
        if keep:
            self.reg[address] = (self.reg[address] & ~keep) | (value & keep)
        if address == Reg.TX_CONTROL:
            self._switch_field()
        self._poke()

    def _command(self, value: int) -> None:
        was_down = self.reg[Reg.COMMAND] & POWER_DOWN
        code = value & 0x0F
        if code == commands.SOFT_RESET:
            self._reset()
            return
        if code == commands.NO_CMD_CHANGE:
            code = self.reg[Reg.COMMAND] & 0x0F
        else:
            self._steps = None
            self._step_us = None
            self.modem = MODEM_IDLE
            self.start_send = False
            self.error &= TEMP_ERR | BUFFER_OVFL
        self.reg[Reg.COMMAND] = (value & (RCV_OFF | POWER_DOWN)) | code
        if was_down and not value & POWER_DOWN:
            self.awake_us = self.at_us + WAKE_US
        self._switch_field()
        if self._steps is not None or code == commands.IDLE:
            return
        sequence = commands.COMMANDS.get(code)
        if sequence is None:
            self._end_command()
            return
        self._steps = sequence(self)
        self._step()

    def _end_command(self) -> None:
        """A command has ended by itself (or does not exist): back to Idle, and IdleIRq says so."""
        self._steps = None
        self._step_us = None
        self.modem = MODEM_IDLE
        self.reg[Reg.COMMAND] &= 0xF0
        self.raise_com(IRQ_IDLE)

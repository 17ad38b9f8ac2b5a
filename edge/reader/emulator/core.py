"""What goes on inside the emulated chip: time, power, interrupts, FIFO, antenna.

The chip does nothing by itself: whoever looks at it first brings it up to the clock (``settle``),
which runs the command's sequence, the timer and the planned moves of cards in the order of their
times. All of it is deterministic under a virtual clock.
"""

import random
from collections.abc import Callable
from typing import Literal

from edge.reader.emulator import commands
from edge.reader.emulator import registers as r
from edge.reader.emulator.cards import Answer
from edge.reader.emulator.clock import VirtualClock
from edge.reader.emulator.faults import Fault, Reset
from edge.reader.emulator.field import Field
from edge.reader.emulator.fifo import SIZE, Fifo
from edge.reader.emulator.radio import MODEM_IDLE, Steps
from edge.reader.emulator.registers import Reg
from edge.reader.emulator.timer import Timer

WAKE_US = 38
"""1024 clocks of 27.12 MHz (data sheet 8.6.2); the start-up time of the crystal is left out."""
AFTER_RESET_COM_IRQ = r.IRQ_IDLE | r.IRQ_LO_ALERT

_COM_I_EN, _DIV_I_EN, _WATER_LEVEL = int(Reg.COM_I_EN), int(Reg.DIV_I_EN), int(Reg.WATER_LEVEL)
"""What is looked at with each access, as plain numbers."""

CollPosMode = Literal["nxp", "absolute"]


class ChipCore:
    """Everything but the registers as the host sees them (``chip.Chip``).

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
        self._version = version
        self.coll_pos: CollPosMode = coll_pos
        self.random = random.Random(seed)
        self.faults: list[Fault] = []
        self.mem = bytearray(commands.MEM_SIZE)
        self.held_in_reset = False
        self.at_us = self.clock.now_us()
        self._settling = False
        self.field.settle = self.settle
        self.on_irq_pin: list[Callable[[bool], None]] = []
        """Called with the new level of pin IRQ when it changes (pull-up: open drain is not modelled)."""
        self._irq_pin = False
        self.reset("hard")
        self._irq_pin = self.irq_pin

    @property
    def version(self) -> int:
        """VersionReg: what the chip is, or what a fault makes of it."""
        told = [fault.version for fault in self.faults if fault.version is not None]
        return told[-1] if told else self._version

    @property
    def hot(self) -> bool:
        """Above the temperature limit: the antenna drivers are off."""
        return any(fault.hot for fault in self.faults)

    # Reset and power

    def reset(self, kind: Reset) -> None:
        """All registers to their reset values; the 25-byte buffer is kept."""
        for fault in list(self.faults):
            fault.on_reset(kind)
        self.reg = bytearray(r.RESET)
        self.reg[Reg.COMMAND] = r.RCV_OFF
        self.reg[Reg.COLL] = 0x80
        self.fifo = Fifo()
        self.timer = Timer()
        self.com_irq = AFTER_RESET_COM_IRQ
        self.div_irq = 0
        self.error = r.TEMP_ERR if self.hot else 0
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
        self.switch_field()

    def hold_reset(self, held: bool) -> None:
        """Pin NRSTPD: True holds the chip in hard power-down, letting go resets it."""
        with self.lock:
            self.settle()
            if held or self.held_in_reset:
                self.reset("hard")
            self.held_in_reset = held

    def lose_power(self) -> None:
        """A supply dip: everything is as after power-up, and nobody is told."""
        with self.lock:
            self.settle()
            self.mem = bytearray(commands.MEM_SIZE)
            self.reset("hard")

    def switch_field(self) -> None:
        powered = not self.reg[Reg.COMMAND] & r.POWER_DOWN and not self.hot
        self.field.switch(bool(self.reg[Reg.TX_CONTROL] & r.TX_RF_EN) and powered, self.at_us)

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
            moves_us, expires_us, step_us = self.field.next_us(), self.timer.expires_us, self._step_us
            moment = now_us + 1
            if step_us is not None and step_us < moment:
                moment = step_us
            if expires_us is not None and expires_us < moment:
                moment = expires_us
            if moves_us is not None and moves_us < moment:
                moment = moves_us
            if moment > now_us:
                break
            if moment > self.at_us:
                self.at_us = moment
            if moves_us == moment:
                self.field.settle_until(moment)
            elif expires_us == moment:
                self.timer.expire(restart=bool(self.reg[Reg.T_MODE] & r.T_AUTO_RESTART))
                self.raise_com(r.IRQ_TIMER)
            else:
                self._step()
            self.watch_irq_pin()
        self.at_us = max(self.at_us, now_us)

    def _step(self) -> None:
        assert self._steps is not None, "a moment without a sequence"
        self._step_us = None
        try:
            wish_us = next(self._steps)
        except StopIteration:
            self.end_command()
            return
        self._step_us = None if wish_us is None else max(wish_us, self.at_us)

    def end_command(self) -> None:
        """A command has ended by itself (or does not exist): back to Idle, and IdleIRq says so."""
        self._steps = None
        self._step_us = None
        self.modem = MODEM_IDLE
        self.reg[Reg.COMMAND] &= 0xF0
        self.raise_com(r.IRQ_IDLE)

    def begin_command(self, code: int) -> None:
        """Start the sequence of a command; one that does not exist ends at once."""
        sequence = commands.COMMANDS.get(code)
        if sequence is None:
            self.end_command()
            return
        self._steps = sequence(self)
        self._step()

    def drop_command(self) -> None:
        """The host interrupts whatever is going on."""
        self._steps = None
        self._step_us = None
        self.modem = MODEM_IDLE
        self.start_send = False

    def poke(self) -> None:
        """Something was done to the chip: a sequence that waits for it looks again."""
        if self._steps is not None and self._step_us is None:
            self._step()

    def start_timer(self) -> None:
        prescaler = (self.reg[Reg.T_MODE] & 0x0F) << 8 | self.reg[Reg.T_PRESCALER]
        reload = self.reg[Reg.T_RELOAD_H] << 8 | self.reg[Reg.T_RELOAD_L]
        even = bool(self.reg[Reg.DEMOD] & r.T_PRESCAL_EVEN) and self.version == 0x92
        self.timer.start(self.at_us, prescaler, reload, even=even)

    def stop_timer(self) -> None:
        self.timer.stop(self.at_us)

    # Interrupts and errors

    def _passed(self, bits: int) -> int:
        for fault in list(self.faults):
            bits = fault.on_interrupt(bits)
        return bits

    def raise_com(self, bits: int) -> None:
        """Set bits of ComIrqReg."""
        self.com_irq |= self._passed(bits) if self.faults else bits

    def raise_div(self, bits: int) -> None:
        """Set bits of DivIrqReg."""
        self.div_irq |= self._passed(bits) if self.faults else bits

    def fail(self, bits: int) -> None:
        self.error |= bits
        self.raise_com(r.IRQ_ERR)

    @property
    def irq(self) -> bool:
        """True while an enabled interrupt request stands (Status1Reg.IRq)."""
        reg = self.reg
        com = self.com_irq & reg[_COM_I_EN] & 0x7F
        return bool(com or self.div_irq & reg[_DIV_I_EN] & r.DIV_IRQ_BITS)

    @property
    def irq_pin(self) -> bool:
        """The level of pin IRQ, with ComIEnReg.IRqInv applied."""
        return self.irq != (self.reg[_COM_I_EN] >= 0x80)

    def watch_irq_pin(self) -> None:
        """Tell the listeners when the pin has changed."""
        level = self.irq_pin
        if level != self._irq_pin:
            self._irq_pin = level
            for listener in list(self.on_irq_pin):
                listener(level)

    # FIFO, as the chip's own machines use it

    def alerts(self) -> int:
        """HiAlert and LoAlert, in the bits of ComIrqReg."""
        level, filled = self.reg[_WATER_LEVEL], len(self.fifo)
        high = r.IRQ_HI_ALERT if SIZE - filled <= level else 0
        return high | (r.IRQ_LO_ALERT if filled <= level else 0)

    def fifo_put(self, byte: int) -> None:
        if not self.fifo.put(byte):
            self.fail(r.BUFFER_OVFL)
        self.raise_com(self.alerts())

    def fifo_get(self) -> int:
        byte = self.fifo.get()
        self.raise_com(self.alerts())
        return byte

    # Radio

    def exchange(self, bits: bytes) -> list[Answer]:
        """The cards hear a frame, if it is modulated as ISO/IEC 14443 A at 106 kbit/s demands."""
        modulated = self.reg[Reg.TX_ASK] & r.FORCE_100_ASK
        other_speed = (self.reg[Reg.TX_MODE] | self.reg[Reg.RX_MODE]) & r.SPEED
        answers = self.field.exchange(bits, self.at_us) if modulated and not other_speed else []
        for fault in list(self.faults):
            answers = fault.on_answers(answers, self.at_us)
        return answers

    def note_collision(self, aligned: int, received: int) -> None:
        """The first collision of a frame, by data bits before it with and without RxAlign."""
        known = max(0, self.sent_bits - 16)
        self.coll_position = (aligned if self.coll_pos == "nxp" else known + received) + 1

"""The MFRC522 at register level (NXP data sheet Rev 3.9), as an independent peer for drivers.

This file is the chip as its host sees it: what each register reads and what writing it does.
"""

from edge.reader.emulator import commands
from edge.reader.emulator import registers as r
from edge.reader.emulator.core import WAKE_US, ChipCore
from edge.reader.emulator.radio import MODEM_RECEIVING, MODEM_RX_WAIT, MODEM_WAIT_DATA, MODEM_WAIT_START
from edge.reader.emulator.registers import Reg


class Chip(ChipCore):
    """One chip with its antenna. `read` and `write` cost no time: the bus in front of it does that."""

    def read(self, address: int) -> int:
        """A register as the host reads it."""
        with self.lock:
            self._accessed()
            address &= r.COUNT - 1
            value = self._read(address)
            for fault in list(self.faults):
                value = fault.on_read(address, value)
            return value

    def write(self, address: int, value: int) -> None:
        """A register as the host writes it."""
        with self.lock:
            self._accessed()
            address &= r.COUNT - 1
            wanted: int | None = value & 0xFF
            for fault in list(self.faults):
                wanted = None if wanted is None else fault.on_write(address, wanted)
            if wanted is not None and not self.held_in_reset:
                self._write(address, wanted)
                self.watch_irq_pin()

    def registers(self) -> list[int]:
        """All 64 registers as the host would read them now, without the effects of reading (FIFO: 0)."""
        with self.lock:
            self.settle()
            return [0 if address == Reg.FIFO_DATA else self._read(address) for address in range(r.COUNT)]

    def _accessed(self) -> None:
        self.settle()
        for fault in list(self.faults):
            fault.on_access(self)

    def _fifo_blocked(self) -> bool:
        authenticating = self.reg[Reg.COMMAND] & 0x0F == commands.MF_AUTHENT
        return authenticating or self.modem in (MODEM_RX_WAIT, MODEM_WAIT_DATA, MODEM_RECEIVING)

    def _read(self, address: int) -> int:
        if self.held_in_reset:
            return 0x00
        match address:
            case Reg.COMMAND:
                return self.reg[address] | (r.POWER_DOWN if self.at_us < self.awake_us else 0)
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
                alerts = self.alerts() >> 2
                return ok | ready | (0x10 if self.irq else 0) | running | alerts
            case Reg.STATUS2:
                return self.reg[address] | (r.MF_CRYPTO1_ON if self.session is not None else 0) | self.modem
            case Reg.FIFO_DATA:
                return 0 if self.reg[Reg.COMMAND] & 0x0F == commands.MF_AUTHENT else self.fifo_get()
            case Reg.FIFO_LEVEL:
                return len(self.fifo)
            case Reg.CONTROL:
                return 0x10 | self.rx_last_bits
            case Reg.COLL:
                position = self.coll_position
                valid = position is not None and position <= 32
                return self.reg[address] | ((position or 0) & 0x1F if valid else r.COLL_POS_NOT_VALID)
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
                self.com_irq = self.com_irq | bits if value & r.SET1 else self.com_irq & ~bits
            case Reg.DIV_IRQ:
                bits = value & r.DIV_IRQ_BITS
                self.div_irq = self.div_irq | bits if value & r.SET1 else self.div_irq & ~bits
            case Reg.STATUS2:
                if not value & r.MF_CRYPTO1_ON:
                    self.session = None
                if value & r.TEMP_SENS_CLEAR and not self.hot:
                    self.error &= ~r.TEMP_ERR
            case Reg.FIFO_DATA:
                if self._fifo_blocked():
                    self.fail(r.WR_ERR)
                else:
                    self.fifo_put(value)
            case Reg.FIFO_LEVEL:
                if value & r.FLUSH_BUFFER:
                    self.fifo.clear()
                    self.error &= ~r.BUFFER_OVFL
                    self.raise_com(self.alerts())
            case Reg.CONTROL:
                if value & r.T_STOP_NOW:
                    self.stop_timer()
                elif value & r.T_START_NOW:
                    self.start_timer()
            case Reg.BIT_FRAMING:
                self.start_send = bool(value & r.START_SEND) and self.modem == MODEM_WAIT_START
        keep = r.WRITABLE[address]
        if keep:
            self.reg[address] = (self.reg[address] & ~keep) | (value & keep)
        if address == Reg.TX_CONTROL:
            self.switch_field()
        self.poke()

    def _command(self, value: int) -> None:
        was_down = self.reg[Reg.COMMAND] & r.POWER_DOWN
        code = value & 0x0F
        if code == commands.SOFT_RESET:
            self.reset("soft")
            return
        same = code == commands.NO_CMD_CHANGE
        if same:
            code = self.reg[Reg.COMMAND] & 0x0F
        else:
            self.drop_command()
            self.error &= r.TEMP_ERR | r.BUFFER_OVFL
        self.reg[Reg.COMMAND] = (value & (r.RCV_OFF | r.POWER_DOWN)) | code
        if was_down and not value & r.POWER_DOWN:
            self.awake_us = self.at_us + WAKE_US
        self.switch_field()
        if not same and code != commands.IDLE:
            self.begin_command(code)

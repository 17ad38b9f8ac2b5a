"""The chip on a bus in the same process: what a driver needs, with the time that SPI would take."""

from edge.reader.emulator.chip import Chip
from edge.reader.emulator.registers import Reg


class EmulatorBus:
    """A RegisterBus. One byte takes `byte_us` (8 us: SPI at 1 MHz), an access two, a burst one more per byte."""

    def __init__(self, chip: Chip, byte_us: int = 8) -> None:
        self.chip = chip
        self.byte_us = byte_us

    def read(self, reg: int) -> int:
        self.chip.clock.advance(2 * self.byte_us)
        return self.chip.read(reg)

    def write(self, reg: int, value: int) -> None:
        self.chip.clock.advance(2 * self.byte_us)
        self.chip.write(reg, value)

    def read_fifo(self, count: int) -> bytes:
        self.chip.clock.advance(self.byte_us)
        taken = bytearray()
        for _ in range(count):
            self.chip.clock.advance(self.byte_us)
            taken.append(self.chip.read(Reg.FIFO_DATA))
        return bytes(taken)

    def write_fifo(self, data: bytes) -> None:
        self.chip.clock.advance(self.byte_us)
        for byte in data:
            self.chip.clock.advance(self.byte_us)
            self.chip.write(Reg.FIFO_DATA, byte)

"""The chip's UART (data sheet 8.1.3) as bytes in, bytes out; the line itself is in ``pty_port``.

An address byte has bit 7 set to read, and the register in bits 5 to 0 (not shifted, unlike SPI). A
read is answered with the value; a write is echoed with its address byte, before its data byte comes.
"""

from edge.reader.emulator.chip import Chip
from edge.reader.emulator.registers import COUNT, Reg

TOLERANCE = 0.04
"""Eight data bits survive a speed that is off by this much."""
BITS_PER_BYTE = 10
CLOCK_HZ = 27_120_000


def baud_of(serial_speed: int) -> int:
    """The speed that a value of SerialSpeedReg stands for (data sheet tables 9 and 10).

    The equation printed in the data sheet for BR_T0 = 0 divides by BR_T0 + 1; its own table of
    values needs BR_T1 + 1.
    """
    t0, t1 = serial_speed >> 5, serial_speed & 0x1F
    return round(CLOCK_HZ / (t1 + 1) if t0 == 0 else CLOCK_HZ / ((t1 + 33) * 2 ** (t0 - 1)))


class UartPort:
    """Between a host at some speed and the chip at the speed of its SerialSpeedReg."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self._write_to: int | None = None
        self._noise = 0

    def receive(self, data: bytes, host_baud: int) -> bytes:
        """The host has sent `data` at `host_baud`; returns what the chip sends while it does."""
        out = bytearray()
        with self.chip.lock:
            for byte in data:
                out += self._one(byte, host_baud)
        return bytes(out)

    def _one(self, byte: int, host_baud: int) -> bytes:
        chip = self.chip
        baud = baud_of(chip.registers()[Reg.SERIAL_SPEED])
        chip.clock.advance(round(BITS_PER_BYTE * 1_000_000 / max(host_baud, 1)))
        if self._write_to is not None:
            # The line has no time of its own: a host that changes its speed after the data byte may
            # have done so before we looked. An address at the right speed vouches for its data.
            address, self._write_to = self._write_to, None
            chip.write(address, byte)
            return b""
        if abs(host_baud - baud) > TOLERANCE * baud:
            return self._garbled(byte)
        address = byte & (COUNT - 1)
        if byte & 0x80:
            value = chip.read(address)
            chip.clock.advance(round(BITS_PER_BYTE * 1_000_000 / baud))
            return self._sent(bytes([value]), echo=False)
        self._write_to = address
        return self._sent(bytes([byte]), echo=True)

    def _sent(self, data: bytes, *, echo: bool) -> bytes:
        for fault in list(self.chip.faults):
            data = fault.on_serial(data, echo=echo)
        return data

    def _garbled(self, byte: int) -> bytes:
        """At different speeds most bytes have no stop bit and are ignored by the chip.

        Every third one is taken for some read, whose answer is as garbled for the host. What is
        never taken for a write, unlike in reality, is noise: a test would not know what it did.
        """
        self._noise += 1
        return bytes([(byte * 0x5D + self._noise) & 0xFF]) if self._noise % 3 == 0 else b""

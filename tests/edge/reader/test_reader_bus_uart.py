"""The serial line: rates, recovery, unplugging. The chip is another process on a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from edge.reader.base import CardPresented, ReaderFault, ReaderRecovered
from edge.reader.bus_uart import SPEED_CODES, UartBus
from edge.reader.errors import BusError
from edge.reader.registers import Reg
from tests.support.readers import EmulatorProcess, UartRig


@pytest.fixture
def process(tmp_path: Path) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path) as process:
        yield process


@pytest.mark.parametrize("baud", sorted(SPEED_CODES))
def test_every_rate_of_the_chip_can_be_agreed_on(process: EmulatorProcess, baud: int) -> None:
    bus = UartBus(str(process.link), baud)
    bus.open()
    assert bus.baud == baud
    assert process.command(do="registers")["registers"][Reg.SERIAL_SPEED] == SPEED_CODES[baud]
    assert bus.read(Reg.VERSION) == 0x92
    bus.close()


def test_a_chip_that_was_left_at_any_common_rate_is_found(process: EmulatorProcess) -> None:
    for left_at in (9_600, 115_200, 1_228_800):
        first = UartBus(str(process.link), left_at)
        first.open()
        first.close()
        again = UartBus(str(process.link), 1_228_800)
        again.open()
        assert again.read(Reg.VERSION) == 0x92
        again.write(Reg.SERIAL_SPEED, SPEED_CODES[9_600])
        again.close()


def test_a_write_that_was_left_half_done_is_overcome(process: EmulatorProcess) -> None:
    with serial.Serial(str(process.link), 9_600, timeout=5) as line:
        line.write(bytes((Reg.WATER_LEVEL,)))
        assert line.read(1) == bytes((Reg.WATER_LEVEL,))
    bus = UartBus(str(process.link))
    bus.open()
    assert bus.read(Reg.VERSION) == 0x92
    bus.close()


@pytest.mark.parametrize("kind", ["dropped_echo", "doubled_echo"])
def test_a_wrong_echo_is_an_error_and_mending_ends_it(process: EmulatorProcess, kind: str) -> None:
    bus = UartBus(str(process.link))
    bus.open()
    process.command(do="fault", fault={"kind": kind, "count": 1})
    with pytest.raises(BusError):
        bus.write_many([(Reg.WATER_LEVEL, 1), (Reg.MOD_WIDTH, 0x26), (Reg.T_RELOAD_L, 3)])
    bus.mend()
    bus.write(Reg.WATER_LEVEL, 2)
    assert bus.read(Reg.WATER_LEVEL) == 2
    bus.close()


def test_a_byte_that_nobody_asked_for_is_an_error(process: EmulatorProcess) -> None:
    """Taken for the next answer, it would shift every later one."""
    bus = UartBus(str(process.link))
    bus.open()
    process.command(do="fault", fault={"kind": "doubled_echo", "count": 1})
    bus.write(Reg.WATER_LEVEL, 1)
    with pytest.raises(BusError):
        bus.read(Reg.VERSION)
    assert bus.read(Reg.VERSION) == 0x92
    bus.close()


def test_a_silent_line_is_no_chip(process: EmulatorProcess) -> None:
    bus = UartBus(str(process.link))
    process.command(do="fault", fault={"kind": "lost", "value": 0})
    with pytest.raises(BusError, match="no chip answers"):
        bus.open()
    process.command(do="stop")
    bus.mend()
    assert bus.read(Reg.VERSION) == 0x92
    bus.close()


def test_a_port_that_does_not_exist_is_named_in_the_error() -> None:
    bus = UartBus("COM1")
    with pytest.raises(BusError, match="COM1"):
        bus.open()
    with pytest.raises(BusError, match="COM1"):
        bus.read(Reg.VERSION)


def test_a_rate_that_the_chip_has_not_is_a_mistake_of_configuration() -> None:
    with pytest.raises(ValueError, match="1000000"):
        UartBus("COM1", 1_000_000)


def test_two_programs_cannot_share_a_line(process: EmulatorProcess) -> None:
    bus = UartBus(str(process.link))
    bus.open()
    with pytest.raises(BusError):
        UartBus(str(process.link)).open()
    bus.close()


class SlowConverter(serial.Serial):
    """A converter that cannot do more than 115,200 baud: what it sends faster never arrives."""

    repaired = False

    def write(self, data: bytes) -> int:
        return len(data) if self.baudrate > 115_200 and not self.repaired else super().write(data)


def test_a_rate_that_the_cable_cannot_do_falls_back(
    process: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.reader.bus_uart.serial.Serial", SlowConverter)
    bus = UartBus(str(process.link), 1_228_800)
    with pytest.raises(BusError, match="1228800"):
        bus.open()
    # Nobody can talk to the chip now until it is reset; the next access stands for the RST pin.
    process.command(do="fault", fault={"kind": "brown_out"})
    monkeypatch.setattr(SlowConverter, "repaired", True)
    bus.mend()
    assert bus.baud == 115_200
    assert bus.read(Reg.VERSION) == 0x92
    bus.close()


@pytest.mark.requirement("B4")
def test_a_line_that_is_pulled_out_and_plugged_in_again(tmp_path: Path) -> None:
    """Planted break: ``mend`` not opening the port anew."""
    rig = UartRig(tmp_path, 1_228_800)
    try:
        rig.reader.open()
        for _ in range(2):
            rig.command(do="fault", fault={"kind": "unplugged"})
            rig.poll_until(ReaderFault)
            rig.command(do="stop")
            rig.poll_until(ReaderRecovered)
            rig.place("1A2B3C4D")
            rig.poll_until(CardPresented)
            rig.command(do="clear")
    finally:
        rig.reader.close()
        rig.stop()

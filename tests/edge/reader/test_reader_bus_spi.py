"""SPI through the real mfrc522 package: its quirks do not reach us, and bursts are bursts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.reader.bus_spi import SPEED_HZ, SpiBus
from edge.reader.emulator.spi import FakeSpiDev
from edge.reader.errors import BusError
from edge.reader.registers import Reg
from tests.support.readers import RESET_PIN, SpiRig

RELAY_PIN = 17


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SpiRig]:
    rig = SpiRig(tmp_path)
    try:
        yield rig
    finally:
        rig.reader.close()
        rig.stop()


@pytest.fixture
def transfers(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What went over the wire."""
    seen: list[list[int]] = []
    original = FakeSpiDev.xfer2

    def spy(self: FakeSpiDev, data: list[int], *more: int) -> list[int]:
        seen.append(list(data))
        return original(self, data, *more)

    monkeypatch.setattr(FakeSpiDev, "xfer2", spy)
    return seen


def test_nothing_is_touched_before_open(transfers: list[list[int]]) -> None:
    SpiBus()
    assert transfers == []


def test_opening_sets_speed_and_leaves_no_log_handler(rig: SpiRig) -> None:
    before = list(logging.getLogger("mfrc522Logger").handlers)
    for _ in range(3):
        rig.bus.open()
    assert logging.getLogger("mfrc522Logger").handlers == before
    assert rig.bus._spi.max_speed_hz == SPEED_HZ


def test_closing_leaves_the_relay_pin_alone(rig: SpiRig) -> None:
    rig.gpio.setup(RELAY_PIN, rig.gpio.OUT, initial=1)
    rig.reader.open()
    rig.reader.close()
    assert rig.gpio.input(RELAY_PIN) == 1
    assert rig.gpio.getmode() == rig.gpio.BCM


def test_only_the_reset_pin_given_is_driven(rig: SpiRig) -> None:
    """The package's own default in this numbering would be the receive pin of the UART."""
    rig.bus.open()
    rig.gpio.output(RESET_PIN, 1)
    with pytest.raises(RuntimeError):
        rig.gpio.output(15, 1)


def test_a_burst_is_one_transfer(rig: SpiRig, transfers: list[list[int]]) -> None:
    rig.bus.open()
    rig.bus.write(Reg.FIFO_LEVEL, 0x80)
    transfers.clear()
    rig.bus.write_fifo(bytes(range(64)))
    assert rig.bus.read_fifo(64) == bytes(range(64))
    rig.bus.read_many((Reg.ERROR, Reg.FIFO_LEVEL, Reg.CONTROL))
    assert len(transfers) == 3
    assert transfers[2] == [0x8C, 0x94, 0x98, 0x00]


def test_a_missing_device_is_a_bus_error_that_names_it(rig: SpiRig) -> None:
    with pytest.raises(BusError, match=r"SPI 1\.1"):
        SpiBus(1, 1).open()


def test_without_a_board_opening_is_a_bus_error() -> None:
    with pytest.raises(BusError, match=r"SPI 0\.0"):
        SpiBus().open()


def test_a_failing_transfer_is_a_bus_error(rig: SpiRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.bus.open()

    def fail(*_: object) -> list[int]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(FakeSpiDev, "xfer2", fail)
    with pytest.raises(BusError, match="Input/output"):
        rig.bus.read(Reg.VERSION)

"""Two wires (RS-485): RTS lets one side speak, by the kernel where its driver can, else by us; and nobody is shut out afterwards."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Iterator

import pytest
import serial

from edge.collect.bus import Bus
from edge.config import SerialConfig
from edge.link import port
from edge.link.errors import LinkError
from edge.link.port import Direction, SerialPort
from edge.link.serial_line import _Line

SPEED_BAUD = 115_200


@pytest.fixture
def line() -> Iterator[str]:
    """A port of this machine whose driver knows neither RS-485 nor RTS."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What pyserial does with the port: RTS as it would be, writes, and that they have left."""
    found: list[str] = []
    write, flush = serial.Serial.write, serial.Serial.flush

    def rts(self: serial.Serial) -> None:
        found.append("rts" if self._rts_state else "no rts")

    def written(self: serial.Serial, data: bytes) -> int:
        found.append("write")
        return int(write(self, data))

    def left(self: serial.Serial) -> None:
        flush(self)
        found.append("left")

    monkeypatch.setattr(serial.Serial, "_update_rts_state", rts)
    monkeypatch.setattr(serial.Serial, "_update_dtr_state", lambda _self: None)
    monkeypatch.setattr(serial.Serial, "write", written)
    monkeypatch.setattr(serial.Serial, "flush", left)
    return found


@pytest.mark.parametrize(
    ("direction", "speaks", "listens"),
    [(Direction.RTS, "rts", "no rts"), (Direction.RTS_LOW, "no rts", "rts")],
)
async def test_rts_is_turned_for_a_write_and_back_once_it_has_left(
    line: str, events: list[str], direction: Direction, speaks: str, listens: str
) -> None:
    """Also while the port is opened nobody else's turn is disturbed. Planted breaks: ``port.rts`` set after ``open``; no ``flush``."""
    opened = SerialPort(line, SPEED_BAUD, lambda: None, direction)
    assert set(events) == {listens}
    events.clear()
    await opened.write(b"frame")
    assert events[:4] == [speaks, "write", "left", listens]
    assert set(events[4:]) <= {listens}
    await opened.close()


async def test_a_write_that_fails_gives_the_line_back(
    line: str, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted break: ``_TurnedByRts.write`` without its ``finally``."""
    opened = SerialPort(line, SPEED_BAUD, lambda: None, Direction.RTS)

    def fails(_self: serial.Serial, _data: bytes) -> int:
        raise serial.SerialTimeoutException("takes nothing")

    monkeypatch.setattr(serial.Serial, "write", fails)
    with pytest.raises(LinkError):
        await opened.write(b"frame")
    assert events[-1] == "no rts"
    await opened.close()


async def test_a_driver_that_can_is_left_to_do_it(
    line: str, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted break: ``_opened`` taking ``_TurnedByRts`` at once."""
    asked: list[bool] = []

    def set_mode(_self: serial.Serial, settings: serial.rs485.RS485Settings) -> None:
        asked.append(settings.rts_level_for_tx)

    monkeypatch.setattr(serial.Serial, "_set_rs485_mode", set_mode)
    opened = SerialPort(line, SPEED_BAUD, lambda: None, Direction.RTS)
    assert asked == [True]
    events.clear()
    await opened.write(b"frame")
    assert events == ["write"]
    await opened.close()


async def test_a_converter_that_turns_itself_is_left_alone(line: str, events: list[str]) -> None:
    opened = SerialPort(line, SPEED_BAUD, lambda: None)
    events.clear()
    await opened.write(b"frame")
    assert events == ["write"]
    await opened.close()


async def test_both_ends_of_a_line_turn_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector and the unit. Planted breaks: ``Bus`` or ``_Line`` not passing the direction on."""
    taken: list[Direction] = []
    real = port._opened

    def opened(name: str, speed_baud: int, direction: Direction) -> object:
        taken.append(direction)
        return real(name, speed_baud, Direction.AUTO)

    monkeypatch.setattr(port, "_opened", opened)
    bus = Bus(line, SPEED_BAUD, Direction.RTS)
    await bus.close()
    unit = _Line(SerialConfig(line, SPEED_BAUD, 1, "rts_low"), lambda: 0, asyncio.Event())
    await unit.close()
    assert taken == [Direction.RTS, Direction.RTS_LOW]

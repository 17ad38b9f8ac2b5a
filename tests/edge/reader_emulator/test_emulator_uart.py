"""The UART of the chip: its protocol in memory, and the emulator as a process behind pyserial."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from edge.reader.emulator import Chip
from edge.reader.emulator.faults import DoubledEcho, DroppedEcho
from edge.reader.emulator.uart import UartPort, baud_of

SPEEDS = {
    0xFA: 7_200, 0xEB: 9_600, 0xDA: 14_400, 0xCB: 19_200, 0xAB: 38_400, 0x9A: 57_600, 0x7A: 115_200,
    0x74: 128_000, 0x5A: 230_400, 0x3A: 460_800, 0x1C: 921_600, 0x15: 1_228_800,
}  # fmt: skip


@pytest.mark.parametrize(("code", "baud"), SPEEDS.items())
def test_the_speeds_of_the_data_sheet(code: int, baud: int) -> None:
    """Its own table allows an error of 1.5 percent."""
    assert baud_of(code) == pytest.approx(baud, rel=0.015)


@pytest.fixture
def port() -> UartPort:
    return UartPort(Chip())


def test_a_read_is_answered_with_the_value(port: UartPort) -> None:
    assert port.receive(bytes([0x80 | 0x37]), 9_600) == b"\x92"


def test_reads_can_be_sent_ahead(port: UartPort) -> None:
    assert port.receive(bytes([0x80 | 0x37, 0x80 | 0x26, 0x80 | 0x37]), 9_600) == bytes([0x92, 0x48, 0x92])


def test_a_write_is_echoed_before_its_data_comes(port: UartPort) -> None:
    assert port.receive(b"\x26", 9_600) == b"\x26"
    assert port.chip.read(0x26) == 0x48
    assert port.receive(b"\x70", 9_600) == b""
    assert port.chip.read(0x26) == 0x70


def test_there_is_no_burst(port: UartPort) -> None:
    assert port.receive(b"\x09a\x09b", 9_600) == b"\x09\x09"
    assert [port.chip.read(0x09), port.chip.read(0x09)] == list(b"ab")


def test_a_byte_takes_its_time_on_the_line(port: UartPort) -> None:
    start_us = port.chip.clock.now_us()
    port.receive(bytes([0xB7]), 9_600)
    assert port.chip.clock.now_us() - start_us == pytest.approx(2 * 1_042, abs=20)


def test_at_another_speed_nothing_is_written_and_answers_are_noise(port: UartPort) -> None:
    before = port.chip.registers()
    heard = port.receive(bytes([0x80 | 0x37] * 30), 115_200)
    assert len(heard) < 30
    assert heard != b"\x92" * len(heard)
    port.receive(bytes([0x26, 0x70] * 10), 115_200)
    assert port.chip.registers()[0x26] == before[0x26]


def test_the_speed_changes_after_the_echo_and_falls_back_with_a_soft_reset(port: UartPort) -> None:
    assert port.receive(bytes([0x1F, 0x7A]), 9_600) == b"\x1f"
    assert port.receive(bytes([0xB7]), 115_200) == b"\x92"
    assert port.receive(bytes([0x01, 0x0F]), 115_200) == b"\x01"
    assert port.receive(bytes([0xB7]), 9_600) == b"\x92"


@pytest.mark.parametrize(("fault", "echo"), [(DroppedEcho, b""), (DoubledEcho, b"\x26\x26")])
def test_an_echo_can_be_lost_or_doubled_once(port: UartPort, fault: type, echo: bytes) -> None:
    fault(count=1).start(port.chip)
    assert port.receive(bytes([0xB7]), 9_600) == b"\x92", "reads have no echo"
    assert port.receive(bytes([0x26, 0x70]), 9_600) == echo
    assert port.receive(bytes([0x26, 0x70]), 9_600) == b"\x26"
    assert port.chip.read(0x26) == 0x70


# As a process


class Process:
    """The emulator in another process, with its control connection."""

    def __init__(self, folder: Path, control: str) -> None:
        self.link = folder / "reader"
        arguments = ["uart", "--link", str(self.link), "--control", control]
        self.child = subprocess.Popen(
            [sys.executable, "-m", "edge.reader.emulator", *arguments], stdout=subprocess.PIPE, text=True
        )
        ready = json.loads(self.child.stdout.readline())
        assert ready["link"] == str(self.link)
        if isinstance(ready["control"], int):
            self._socket = socket.create_connection(("127.0.0.1", ready["control"]))
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(ready["control"])
        self._lines = self._socket.makefile("rw")

    def ask(self, do: str, **fields) -> dict:
        return self.raw(json.dumps({"do": do, **fields}))

    def raw(self, line: str) -> dict:
        self._lines.write(line + "\n")
        self._lines.flush()
        return json.loads(self._lines.readline())

    def open(self, baud: int = 9_600) -> serial.Serial:
        return serial.Serial(str(self.link), baud, timeout=5)

    def close(self) -> int:
        self._lines.close()
        self._socket.close()
        self.child.terminate()
        self.child.stdout.close()
        return self.child.wait(timeout=20)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, "0")
    yield process
    process.close()


def read(line: serial.Serial, register: int) -> int:
    line.write(bytes([0x80 | register]))
    return line.read(1)[0]


def write(line: serial.Serial, register: int, value: int) -> None:
    line.write(bytes([register, value]))
    assert line.read(1) == bytes([register])


def test_a_host_reads_and_writes_over_a_serial_device(process: Process) -> None:
    with process.open() as line:
        assert read(line, 0x37) == 0x92
        write(line, 0x26, 0x70)
        assert read(line, 0x26) == 0x70
        assert process.ask("registers")["registers"][0x26] == 0x70


@pytest.mark.parametrize(("code", "baud"), [(0x7A, 115_200), (0x15, 1_228_800)])
def test_host_and_chip_change_their_speed_together(process: Process, code: int, baud: int) -> None:
    with process.open() as line:
        write(line, 0x1F, code)
        line.baudrate = baud
        assert read(line, 0x37) == 0x92
        write(line, 0x01, 0x0F)
        line.baudrate = 9_600
        assert read(line, 0x37) == 0x92


def test_at_the_wrong_speed_the_host_hears_noise_or_nothing(process: Process) -> None:
    with process.open(115_200) as line:
        line.write(bytes([0xB7] * 12))
        line.timeout = 0.3
        heard = line.read(12)
        assert len(heard) < 12
        assert set(heard) != {0x92}
        line.timeout = 5
        line.baudrate = 9_600
        line.reset_input_buffer()
        assert read(line, 0x37) == 0x92


def test_a_card_is_found_over_the_line(process: Process) -> None:
    assert process.ask("place", card={"kind": "classic1k", "uid": "04A1B2C3"})["ok"]
    with process.open() as line:
        for register, value in (
            (0x15, 0x40),
            (0x14, 0x83),
            (0x2A, 0x80),
            (0x2B, 0xA9),
            (0x2C, 0x03),
            (0x2D, 0xE8),
        ):
            write(line, register, value)
        for register, value in ((0x04, 0x7F), (0x0D, 0x07), (0x01, 0x0C), (0x09, 0x26), (0x0D, 0x87)):
            write(line, register, value)
        while not (irq := read(line, 0x04)) & 0x21:
            pass
        assert irq & 0x20
        assert [read(line, 0x09), read(line, 0x09)] == [0x04, 0x00]


def test_a_pulled_plug_is_an_error_and_a_new_device_comes_back(process: Process) -> None:
    line = process.open()
    process.ask("fault", fault={"kind": "unplugged"})
    assert not os.path.lexists(process.link)
    with pytest.raises((serial.SerialException, OSError)):
        read(line, 0x37)
    line.close()
    process.ask("stop", kind="unplugged")
    with process.open() as line:
        assert read(line, 0x37) == 0x92


def test_garbage_on_the_control_line_is_answered_and_survived(process: Process) -> None:
    assert process.raw("{not json")["ok"] is False
    assert process.raw("[1, 2]")["ok"] is False
    assert process.ask("ping")["ok"]


def test_it_takes_its_device_and_socket_away_when_it_ends(tmp_path: Path) -> None:
    process = Process(tmp_path, str(tmp_path / "control"))
    assert process.ask("ping")["ok"]
    assert process.close() == 0
    assert list(tmp_path.iterdir()) == []

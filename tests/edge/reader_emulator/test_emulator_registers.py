"""The chip without a card: registers, FIFO, interrupts, timer, CRC, commands that end by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.reader.emulator import Chip, EmulatorBus
from edge.reader.emulator.selftest import RESULTS
from edge.reader.emulator.spi import transfer
from tests.support.slow_reader import crc_a

RESET_VALUES = {
    0x01: 0x20, 0x02: 0x80, 0x03: 0x00, 0x04: 0x14, 0x05: 0x00, 0x06: 0x00, 0x07: 0x21, 0x08: 0x00, 0x0A: 0x00,
    0x0B: 0x08, 0x0C: 0x10, 0x0D: 0x00, 0x11: 0x3F, 0x12: 0x00, 0x13: 0x00, 0x14: 0x80, 0x15: 0x00, 0x16: 0x10,
    0x17: 0x84, 0x18: 0x84, 0x19: 0x4D, 0x1C: 0x62, 0x1D: 0x00, 0x1F: 0xEB, 0x21: 0xFF, 0x22: 0xFF, 0x24: 0x26,
    0x26: 0x48, 0x27: 0x88, 0x28: 0x20, 0x29: 0x20, 0x2A: 0x00, 0x2B: 0x00, 0x2C: 0x00, 0x2D: 0x00, 0x33: 0x80,
    0x36: 0x40, 0x37: 0x92,
}  # fmt: skip
READ_ONLY = (0x06, 0x07, 0x21, 0x22, 0x2E, 0x2F, 0x37)
IRQ_CRC = 0x04


@pytest.mark.parametrize(("register", "value"), RESET_VALUES.items())
def test_registers_have_the_reset_values_of_the_data_sheet(
    bus: EmulatorBus, register: int, value: int
) -> None:
    assert bus.read(register) == value


def test_a_soft_reset_brings_all_of_them_back_but_keeps_the_25_bytes(bus: EmulatorBus) -> None:
    bus.write_fifo(bytes(range(25)))
    bus.write(0x01, 0x01)
    for register in range(0x40):
        if register not in (0x01, 0x09):
            bus.write(register, 0x55)
    bus.write(0x01, 0x0F)
    bus.chip.clock.advance(100)
    assert {register: bus.read(register) for register in RESET_VALUES} == RESET_VALUES
    bus.write(0x01, 0x01)
    assert bus.read_fifo(25) == bytes(range(25))


@pytest.mark.parametrize("register", READ_ONLY)
def test_read_only_registers_stay_as_they_are(bus: EmulatorBus, register: int) -> None:
    before = bus.read(register)
    bus.write(register, before ^ 0xFF)
    assert bus.read(register) == before


def test_power_down_reads_back_until_the_oscillator_runs_again(bus: EmulatorBus) -> None:
    bus.write(0x14, 0x83)
    assert bus.chip.field.on
    bus.write(0x01, 0x10)
    assert bus.read(0x01) & 0x10
    assert not bus.chip.field.on
    bus.write(0x01, 0x00)
    assert bus.read(0x01) & 0x10
    bus.chip.clock.advance(40)
    assert not bus.read(0x01) & 0x10
    assert bus.chip.field.on


def test_a_chip_held_in_reset_is_dead_and_comes_back_as_new(bus: EmulatorBus) -> None:
    bus.write(0x26, 0x70)
    bus.chip.hold_reset(True)
    assert bus.read(0x37) == 0x00
    bus.write(0x26, 0x70)
    bus.chip.hold_reset(False)
    assert bus.read(0x26) == 0x48


# FIFO


def test_the_fifo_keeps_order_and_counts(bus: EmulatorBus) -> None:
    bus.write_fifo(b"abc")
    assert bus.read(0x0A) == 3
    assert bus.read_fifo(3) == b"abc"
    assert bus.read(0x0A) == 0


def test_the_65th_byte_is_lost_and_only_a_flush_clears_that(bus: EmulatorBus) -> None:
    bus.write_fifo(bytes(range(65)))
    assert bus.read(0x0A) == 64
    assert bus.read(0x06) == 0x10
    bus.write(0x01, 0x00)
    assert bus.read(0x06) == 0x10
    bus.write(0x0A, 0x80)
    assert (bus.read(0x0A), bus.read(0x06)) == (0, 0)


@pytest.mark.parametrize(("level", "low", "high"), [(8, 1, 0), (9, 0, 0), (55, 0, 0), (56, 0, 1)])
def test_alerts_follow_the_water_level(bus: EmulatorBus, level: int, low: int, high: int) -> None:
    bus.write_fifo(bytes(level))
    assert bus.read(0x07) & 0x03 == high << 1 | low


def test_the_low_alert_is_remembered_until_it_is_cleared(bus: EmulatorBus) -> None:
    bus.write_fifo(bytes(20))
    assert bus.read(0x04) & 0x04
    bus.write(0x04, 0x04)
    assert not bus.read(0x04) & 0x04
    bus.read_fifo(12)
    assert bus.read(0x04) & 0x04


# Interrupts


def test_bit_7_decides_whether_marked_interrupt_bits_are_set_or_cleared(bus: EmulatorBus) -> None:
    bus.write(0x04, 0x80 | 0x61)
    assert bus.read(0x04) == 0x75
    bus.write(0x04, 0x41)
    assert bus.read(0x04) == 0x34
    bus.write(0x05, 0x80 | 0xFF)
    assert bus.read(0x05) == 0x14
    bus.write(0x05, 0x04)
    assert bus.read(0x05) == 0x10


def test_the_pin_follows_enabled_requests_and_can_be_inverted(bus: EmulatorBus) -> None:
    levels: list[bool] = []
    bus.chip.on_irq_pin.append(levels.append)
    bus.write(0x04, 0x7F)
    bus.write(0x02, 0x80 | 0x20)
    assert bus.chip.irq_pin
    bus.write(0x04, 0x80 | 0x20)
    assert bus.read(0x07) & 0x10
    assert not bus.chip.irq_pin
    bus.write(0x02, 0x20)
    assert bus.chip.irq_pin
    assert levels == [False, True]


def test_idle_by_the_host_raises_no_idle_interrupt_but_an_unknown_command_does(bus: EmulatorBus) -> None:
    bus.write(0x04, 0x7F)
    bus.write(0x01, 0x00)
    assert not bus.read(0x04) & 0x10
    bus.write(0x01, 0x0D)
    assert bus.read(0x04) & 0x10
    assert bus.read(0x01) == 0x00


def test_no_command_change_leaves_the_command_running(bus: EmulatorBus) -> None:
    bus.write(0x01, 0x0C)
    bus.write(0x01, 0x27)
    assert bus.read(0x01) == 0x2C


# Timer


@pytest.mark.parametrize(
    ("prescaler", "reload", "even", "period_us"),
    [
        (0xD3E, 30, 0, 15_504),  # mfrc522 0.0.7
        (0x0A9, 1000, 0, 25_025),  # miguelbalboa/rfid
        (0x0A9, 1000, 0x10, 25_099),
        (0, 0, 0, 0),
    ],
)
def test_the_timer_runs_as_long_as_the_formula_says(
    bus: EmulatorBus, prescaler: int, reload: int, even: int, period_us: int
) -> None:
    start_us = _start_timer(bus, prescaler, reload, even)
    bus.chip.clock.advance(max(0, period_us - 5))
    bus.chip.settle()
    assert bus.chip.com_irq & 0x01 == 0 or period_us == 0
    bus.chip.clock.advance(10)
    bus.chip.settle()
    assert bus.chip.com_irq & 0x01
    assert not bus.read(0x07) & 0x08
    assert bus.chip.clock.now_us() - start_us == pytest.approx(period_us, abs=50)


def _start_timer(bus: EmulatorBus, prescaler: int, reload: int, even: int = 0, mode: int = 0) -> int:
    for register, value in (
        (0x2A, mode | prescaler >> 8), (0x2B, prescaler & 0xFF), (0x2C, reload >> 8), (0x2D, reload & 0xFF),
        (0x19, 0x4D | even), (0x04, 0x7F), (0x0C, 0x40),
    ):  # fmt: skip
        bus.write(register, value)
    return bus.chip.clock.now_us()


def test_version_1_has_no_even_prescaler() -> None:
    bus = EmulatorBus(Chip(version=0x91))
    _start_timer(bus, 0x0A9, 1000, 0x10)
    assert bus.chip.timer.expires_us - bus.chip.clock.now_us() == 25_025


def test_the_counter_counts_down_and_stops_where_it_is(bus: EmulatorBus) -> None:
    _start_timer(bus, 0x0A9, 1000)
    bus.chip.clock.advance(12_500)
    bus.write(0x0C, 0x80)
    value = bus.read(0x2E) << 8 | bus.read(0x2F)
    assert value == pytest.approx(500, abs=2)
    bus.chip.clock.advance(100_000)
    assert bus.read(0x2E) << 8 | bus.read(0x2F) == value
    assert not bus.read(0x04) & 0x01


def test_an_auto_restarting_timer_expires_again_and_again(bus: EmulatorBus) -> None:
    _start_timer(bus, 0x0A9, 1000, mode=0x10)
    for _ in range(3):
        bus.chip.clock.advance(25_025)
        assert bus.read(0x04) & 0x01
        bus.write(0x04, 0x01)
    assert bus.read(0x07) & 0x08


# CRC


@given(data=st.binary(min_size=1, max_size=64))
def test_the_coprocessor_computes_crc_a(data: bytes) -> None:
    bus = EmulatorBus(Chip())
    bus.write(0x11, 0x3D)
    bus.write_fifo(data)
    bus.write(0x05, IRQ_CRC)
    bus.write(0x01, 0x03)
    while not bus.read(0x05) & IRQ_CRC:
        pass
    assert bytes([bus.read(0x22), bus.read(0x21)]) == crc_a(data)
    assert bus.read(0x0A) == 0


@pytest.mark.parametrize(("preset", "result"), [(0, 0x0000), (1, 0x6363), (2, 0xA671), (3, 0xFFFF)])
def test_without_data_the_result_is_the_preset(bus: EmulatorBus, preset: int, result: int) -> None:
    bus.write(0x11, 0x3C | preset)
    bus.write(0x01, 0x03)
    assert bus.read(0x21) << 8 | bus.read(0x22) == result


def test_calc_crc_goes_on_until_it_is_stopped(bus: EmulatorBus) -> None:
    bus.write(0x11, 0x3D)
    bus.write(0x01, 0x03)
    bus.write_fifo(b"\x12")
    bus.write_fifo(b"\x34")
    bus.chip.clock.advance(10)
    assert bytes([bus.read(0x22), bus.read(0x21)]) == bytes.fromhex("26CF")
    assert bus.read(0x01) == 0x03
    bus.write(0x01, 0x00)
    bus.write_fifo(b"\x00")
    bus.chip.clock.advance(10)
    assert bytes([bus.read(0x22), bus.read(0x21)]) == bytes.fromhex("26CF")


# Other commands


def test_random_id_fills_ten_bytes_of_the_buffer(bus: EmulatorBus) -> None:
    bus.write(0x04, 0x7F)
    bus.write(0x01, 0x02)
    bus.chip.clock.advance(100)
    assert bus.read(0x04) & 0x10
    bus.write(0x01, 0x01)
    buffer = bus.read_fifo(25)
    assert any(buffer[:10])
    assert buffer[10:] == bytes(15)


@pytest.mark.parametrize("version", [0x90, 0x91, 0x92, 0x88])
def test_the_self_test_gives_the_table_of_the_version(version: int) -> None:
    assert _self_test(EmulatorBus(Chip(version=version))) == RESULTS[version]


def test_the_tables_begin_as_the_data_sheet_prints_them() -> None:
    assert RESULTS[0x91][:8].hex() == "00c637d532b7575c"
    assert RESULTS[0x92][:8].hex() == "00eb66ba57bf2395"
    assert {len(table) for table in RESULTS.values()} == {64}


def test_a_counterfeit_fails_the_self_test() -> None:
    assert _self_test(EmulatorBus(Chip(version=0x12))) not in RESULTS.values()


def test_a_self_test_without_clearing_the_buffer_fails() -> None:
    assert _self_test(EmulatorBus(Chip()), buffer=b"\x01" * 25) != RESULTS[0x92]


def _self_test(bus: EmulatorBus, buffer: bytes = bytes(25)) -> bytes:
    """Data sheet 16.1.1."""
    bus.write(0x01, 0x0F)
    bus.write_fifo(buffer)
    bus.write(0x01, 0x01)
    bus.write(0x36, 0x09)
    bus.write_fifo(b"\x00")
    bus.write(0x01, 0x03)
    bus.chip.clock.advance(1_000)
    assert bus.read(0x0A) == 64
    return bus.read_fifo(64)


# SPI


def test_spi_reads_a_chain_of_addresses(bus: EmulatorBus) -> None:
    assert transfer(bus.chip, bytes([0xEE, 0x80 | 0x26 << 1, 0x00]), 8)[1:] == bytes([0x92, 0x48])


def test_spi_reads_the_fifo_by_repeating_its_address_and_not_one_byte_more(bus: EmulatorBus) -> None:
    bus.write_fifo(b"wxyz")
    assert transfer(bus.chip, bytes([0x92] * 3 + [0x00]), 8)[1:] == b"wxy"
    assert bus.read(0x0A) == 1


def test_spi_writes_a_burst_to_one_register(bus: EmulatorBus) -> None:
    transfer(bus.chip, b"\x12abc", 8)
    assert bus.read_fifo(3) == b"abc"


def test_spi_takes_eight_microseconds_per_byte_at_1_mhz(bus: EmulatorBus) -> None:
    start_us = bus.chip.clock.now_us()
    transfer(bus.chip, bytes(10), 8)
    assert bus.chip.clock.now_us() - start_us == 80

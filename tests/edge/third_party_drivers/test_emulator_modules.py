"""The stand-ins for spidev and RPi.GPIO: they come and go cleanly and refuse what the real ones refuse."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from edge.reader.emulator import Chip
from edge.reader.emulator.spi import Wiring, install


def test_the_real_modules_come_back() -> None:
    import RPi

    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("RPi", "spidev")}
    with install():
        import spidev
        from RPi import GPIO

        assert GPIO.RPI_INFO["TYPE"] == "emulated"
        assert spidev.__doc__ == "emulated chips"
        assert sys.modules["RPi"] is not RPi
    after = {name: module for name, module in sys.modules.items() if name.split(".")[0] in ("RPi", "spidev")}
    assert after == before
    assert importlib.util.find_spec("RPi").origin == RPi.__spec__.origin


def test_drivers_are_imported_anew_on_both_sides() -> None:
    with install():
        import mfrc522 as first

        assert "mfrc522" in sys.modules
    assert "mfrc522" not in sys.modules
    with install():
        import mfrc522 as second

        assert second is not first


def test_installing_twice_is_a_mistake_and_uninstalling_twice_is_none() -> None:
    installation = install()
    with pytest.raises(RuntimeError):
        installation.install()
    installation.uninstall()
    installation.uninstall()


def test_two_readers_hang_on_one_bus() -> None:
    first, second = Chip(version=0x91), Chip(version=0x92)
    with install(Wiring(first), Wiring(second, device=1, reset_pin=23, irq_pin=None)):
        import spidev

        versions = []
        for device in (0, 1):
            with spidev.SpiDev(0, device) as bus:
                versions.append(bus.xfer2([0xEE, 0])[1])
        assert versions == [0x91, 0x92]


def test_what_is_not_wired_cannot_be_opened_or_used() -> None:
    with install():
        import spidev

        bus = spidev.SpiDev()
        with pytest.raises(FileNotFoundError):
            bus.open(1, 0)
        with pytest.raises(OSError):
            bus.xfer2([0])


def test_pins_behave_as_on_a_board() -> None:
    with install() as installation:
        from RPi import GPIO

        with pytest.raises(RuntimeError):
            GPIO.setup(25, GPIO.OUT)
        GPIO.setmode(GPIO.BCM)
        with pytest.raises(ValueError):
            GPIO.setmode(GPIO.BOARD)
        with pytest.raises(ValueError):
            GPIO.setup(99, GPIO.OUT)
        with pytest.raises(RuntimeError):
            GPIO.output(25, 1)
        GPIO.setup(25, GPIO.OUT, initial=GPIO.LOW)
        assert installation.chip.held_in_reset
        GPIO.cleanup(25)
        assert not installation.chip.held_in_reset
        GPIO.setup(17, GPIO.IN, pull_up_down=GPIO.PUD_UP)
        assert GPIO.input(17) == GPIO.HIGH


def test_the_board_numbers_of_the_header_are_the_same_pins() -> None:
    with install() as installation:
        from RPi import GPIO

        GPIO.setmode(GPIO.BOARD)
        GPIO.setup(22, GPIO.OUT, initial=GPIO.LOW)
        assert installation.chip.held_in_reset

"""What only pins can show: levels, glitches, failures (I9). Through the real rpi-lgpio, over a fake chip."""

from __future__ import annotations

import threading

import pytest

from edge.core.lines import InputLine, InputRole, OutputLine, OutputRole
from edge.relay import board as boards
from edge.relay.board import BoardProfile
from edge.relay.errors import BoardError

LOCK = OutputLine(OutputRole.LOCK)


@pytest.fixture
def gpio_board(pins, profile: BoardProfile):
    chip, gpio = pins
    board = gpio.GpioBoard(profile)
    yield chip, board
    board.close()


def test_no_pin_is_energised_by_opening_or_closing(gpio_board, profile: BoardProfile) -> None:
    """Planted break: drive the level after making the pin an output (setup without ``initial``)."""
    chip, board = gpio_board
    board.open()
    board.close()
    rest = {pin.pin: pin.rest_level for pin in profile.outputs}
    assert chip.drivings
    assert all(level == rest[pin] for pin, level in chip.drivings)


def test_the_level_follows_the_polarity(gpio_board, profile: BoardProfile) -> None:
    chip, board = gpio_board
    board.open()
    for pin in profile.outputs:
        for on in (True, False):
            board.set(pin.line, on)
            energised = chip.pins[pin.pin].level == pin.energised_level
            assert energised is (on is not pin.on_at_rest)


def test_a_pin_that_does_not_obey_is_found_by_reading_it_back(gpio_board, profile: BoardProfile) -> None:
    """Planted break: ``sensed`` answering what was set last."""
    chip, board = gpio_board
    board.open()
    board.set(LOCK, True)
    pin = next(pin for pin in profile.outputs if pin.line == LOCK)
    chip.pins[pin.pin].level = pin.level(False)  # a short circuit holds it
    assert board.is_on(LOCK)
    assert not board.sensed(LOCK)


def test_a_closed_board_leaves_its_pins_as_they_are_at_power_up(gpio_board, profile: BoardProfile) -> None:
    chip, board = gpio_board
    before = [(pin.mode, chip.level(number)) for number, pin in enumerate(chip.pins)]
    board.open()
    board.set(LOCK, True)
    board.close()
    for pin in profile.outputs:
        assert not chip.pins[pin.pin].mode & 0x200
        assert chip.level(pin.pin) == before[pin.pin][1]


def test_rest_tries_every_pin_even_when_one_does_not_obey(gpio_board, profile: BoardProfile) -> None:
    chip, board = gpio_board
    board.open()
    for pin in profile.outputs:
        board.set(pin.line, not pin.on_at_rest)
    first = profile.outputs[0]
    chip.failing.add(first.pin)
    with pytest.raises(BoardError):
        board.rest()
    assert all(chip.pins[pin.pin].level == pin.rest_level for pin in profile.outputs if pin is not first)


def test_a_pin_that_is_not_to_be_had_leaves_the_others_at_rest(gpio_board, profile: BoardProfile) -> None:
    chip, board = gpio_board
    last = profile.outputs[-1]
    chip.failing.add(last.pin)
    with pytest.raises(BoardError, match="not to be had"):
        board.open()
    with pytest.raises(BoardError):
        board.set(LOCK, True)
    assert not any(chip.pins[pin.pin].mode & 0x200 for pin in profile.outputs)


def test_inputs_that_cannot_be_read_end_the_process_rather_than_go_unheard(pins) -> None:
    chip, gpio = pins
    profile = boards.load("pi-one-door")
    faults: list[BaseException] = []
    told = threading.Event()

    def fault(error: BaseException) -> None:
        faults.append(error)
        told.set()

    board = gpio.GpioBoard(profile, fault)
    board.open()
    chip.failing.add(next(pin.pin for pin in profile.inputs if pin.line == InputLine(InputRole.REX)))
    board.watch(lambda _line, _active: None)
    try:
        assert told.wait(20)
        assert isinstance(faults[0], BoardError)
    finally:
        board.close()


def test_a_listener_that_fails_ends_the_process_too(pins) -> None:
    _chip, gpio = pins
    faults: list[BaseException] = []
    told = threading.Event()
    board = gpio.GpioBoard(boards.load("pi-one-door"), lambda error: (faults.append(error), told.set()))
    board.open()

    def broken(_line: InputLine, _active: bool) -> None:
        raise RuntimeError("the loop is gone")

    board.watch(broken)
    try:
        assert told.wait(20)
        assert str(faults[0]) == "the loop is gone"
    finally:
        board.close()


def test_the_pins_of_others_are_left_alone(pins) -> None:
    """``GPIO.cleanup()`` without channels would reset every pin of the process."""
    chip, gpio = pins
    board = gpio.GpioBoard(boards.load("pi-bare"))
    gpio.GPIO.setmode(gpio.GPIO.BCM)
    gpio.GPIO.setup(26, gpio.GPIO.OUT, initial=1)
    board.open()
    board.close()
    assert chip.pins[26].mode & 0x200
    assert chip.pins[26].level == 1

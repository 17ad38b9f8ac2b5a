"""The picture of a board's wiring: every pin of the profile once, at the pin of the header that belongs to its GPIO."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from edge.relay import board
from provisioning.texts import LANGUAGES, translator
from provisioning.wiring.drawing import draw
from provisioning.wiring.header import (
    FIVE_VOLT_PINS,
    GROUND_PINS,
    PIN_OF_GPIO,
    THREE_VOLT_PINS,
    TITLES,
    wires_of,
)


def plain(message: str, **values: object) -> str:
    return message % values if values else message


def test_every_board_that_a_device_can_have_has_a_picture() -> None:
    assert {*TITLES, "simulated"} == set(board.shipped())


def test_header_has_forty_pins_each_once() -> None:
    pins = [*PIN_OF_GPIO.values(), *FIVE_VOLT_PINS, *THREE_VOLT_PINS, *GROUND_PINS, 27, 28]
    assert sorted(pins) == list(range(1, 41))


@pytest.mark.parametrize("name", sorted(TITLES))
def test_every_wire_of_the_profile_is_drawn(name: str) -> None:
    """Planted break: ``wires_of`` without the inputs."""
    profile = board.load(name)
    wires = wires_of(profile, plain)
    drawn = {wire.gpio for wire in wires}
    assert {pin.pin for pin in profile.outputs} | {pin.pin for pin in profile.inputs} <= drawn
    for wire in wires:
        assert wire.gpio < 0 or wire.pin == PIN_OF_GPIO[wire.gpio]
    pins = [wire.pin for wire in wires]
    assert len(set(pins)) == len(pins), "two wires on one pin"


@pytest.mark.parametrize("language", LANGUAGES)
def test_picture_is_one_drawing_without_script(language: str) -> None:
    _ = translator(language)
    text = draw("A & B", wires_of(board.load("pi-two-doors"), _), _)
    root = ElementTree.fromstring(text)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg",
        "title",
        "rect",
        "text",
        "circle",
        "line",
    }
    assert "style=" not in text

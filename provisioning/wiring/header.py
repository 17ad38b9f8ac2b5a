"""The 40 pins of a Raspberry Pi's header, and what of a device hangs on each of them. No drawing here."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from edge.core.lines import InputRole, OutputRole
from edge.relay.board import FOLDER, BoardProfile, InputPin, OutputPin
from provisioning.texts import N_

PINS_COUNT: Final = 40
PIN_OF_GPIO: Final = {
    2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 7: 26, 8: 24, 9: 21, 10: 19, 11: 23, 12: 32, 13: 33, 14: 8, 15: 10,
    16: 36, 17: 11, 18: 12, 19: 35, 20: 38, 21: 40, 22: 15, 23: 16, 24: 18, 25: 22, 26: 37, 27: 13,
}  # fmt: skip
"""Raspberry Pi documentation, "GPIO and the 40-pin header": the same on every model with 40 pins."""
FIVE_VOLT_PINS: Final = (2, 4)
THREE_VOLT_PINS: Final = (1, 17)
GROUND_PINS: Final = (6, 9, 14, 20, 25, 30, 34, 39)

ROLES: Final[dict[OutputRole | InputRole, str]] = {
    OutputRole.LOCK: N_("lock relay, door %(n)s"),
    OutputRole.BUZZER: N_("buzzer, reader %(n)s"),
    OutputRole.LED_GREEN: N_("green light, reader %(n)s"),
    OutputRole.LED_RED: N_("red light, reader %(n)s"),
    OutputRole.SIREN: N_("siren"),
    OutputRole.READER_RESET: N_("reader %(n)s: RST"),
    InputRole.CONTACT: N_("door contact, door %(n)s"),
    InputRole.REX: N_("exit button, door %(n)s"),
    InputRole.TAMPER: N_("case contact"),
    InputRole.ALL_WELL: N_("button: all is well"),
    InputRole.FAULT: N_("button: something is broken"),
    InputRole.HELP: N_("button: help"),
    InputRole.KEY_IN: N_("key: coming"),
    InputRole.KEY_OUT: N_("key: going"),
    InputRole.KEY_UNDO: N_("key: take the last payment back"),
    InputRole.FIRE: N_("fire alarm contact"),
}
TITLES: Final = {
    "pi-bare": N_("Raspberry Pi, single low-level relay module"),
    "pi-one-door": N_("Raspberry Pi, relay board, one door with a strike"),
    "pi-one-door-magnet": N_("Raspberry Pi, relay board, one door with a magnet"),
    "pi-two-doors": N_("Raspberry Pi, relay board, two doors"),
}
"""Boards that a device can have; what each is called."""
_LEVELS: Final = (N_("on when low"), N_("on when high"))


class Wire(Struct, frozen=True):
    """One wire. ``kind`` groups colours: out, in, reader, power, ground, clock; ``gpio`` -1 where there is none."""

    pin: int
    text: str
    kind: str
    gpio: int = -1


def wires_of(profile: BoardProfile, _: Callable[..., str]) -> list[Wire]:
    """Every wire of a device with this board, by pin."""
    found = [_line(pin, _) for pin in profile.outputs] + [_line(pin, _) for pin in profile.inputs]
    if tomllib.loads((FOLDER / f"{profile.name}.toml").read_text("utf-8")).get("spi"):
        readers = _("all readers")
        found += [
            Wire(1, _("readers: 3.3 V, never 5 V"), "power"),
            Wire(PIN_OF_GPIO[10], f"{readers}: MOSI", "reader", 10),
            Wire(PIN_OF_GPIO[9], f"{readers}: MISO", "reader", 9),
            Wire(PIN_OF_GPIO[11], f"{readers}: SCK", "reader", 11),
            Wire(25, f"{readers}: GND", "ground"),
            Wire(PIN_OF_GPIO[8], _("reader %(n)s: SDA (chip select)", n=1), "reader", 8),
            Wire(PIN_OF_GPIO[7], _("reader %(n)s: SDA (chip select)", n=2), "reader", 7),
        ]
    used = {wire.pin for wire in found}
    if not used & {3, 5}:
        found += [Wire(3, _("clock chip: SDA"), "clock", 2), Wire(5, _("clock chip: SCL"), "clock", 3)]
    found.append(Wire(2, _("relay board: 5 V"), "power"))
    found.append(Wire(6, _("relay board, contacts and buttons: GND"), "ground"))
    return sorted(found, key=lambda wire: wire.pin)


def _line(pin: OutputPin | InputPin, _: Callable[..., str]) -> Wire:
    text = _(ROLES.get(pin.line.role, str(pin.line)), n=pin.line.unit)
    if isinstance(pin, OutputPin):
        return Wire(PIN_OF_GPIO[pin.pin], f"{text} ({_(_LEVELS[pin.energised_level])})", "out", pin.pin)
    return Wire(PIN_OF_GPIO[pin.pin], text, "in", pin.pin)

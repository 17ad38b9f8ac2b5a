"""The picture: the header in the middle, odd pins with their wires to the left, even ones to the right. SVG 1.1, no script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from provisioning.wiring.header import (
    FIVE_VOLT_PINS,
    GROUND_PINS,
    PIN_OF_GPIO,
    PINS_COUNT,
    THREE_VOLT_PINS,
    Wire,
)

WIDTH: Final = 720
_ROW: Final = 26
_TOP: Final = 54
_MIDDLE: Final = WIDTH / 2
_FROM_MIDDLE: Final = 16
_RADIUS: Final = 8
_WIRE: Final = 74
COLOURS: Final = {
    "out": "#b3261e",
    "in": "#1a5fb4",
    "reader": "#7b3fa0",
    "clock": "#7a5c00",
    "power": "#c2410c",
    "ground": "#333333",
}
_FREE: Final = "#9a9a9a"


def draw(title: str, wires: Sequence[Wire], _: Callable[..., str]) -> str:
    """The picture of these wires."""
    warning = _("Pin 1 is at the end with the SD card; power off before wiring")
    height = _TOP + _ROW * PINS_COUNT // 2 + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_MIDDLE}" y="20" text-anchor="middle" font-size="15" font-weight="bold" fill="#111111">'
        f"{escape(title)}</text>",
        f'<text x="{_MIDDLE}" y="38" text-anchor="middle" fill="#444444">{escape(warning)}</text>',
        f'<rect x="{_MIDDLE - 34}" y="{_TOP - 5}" width="68" height="{_ROW * 20 + 4}" rx="4" fill="#e8e8e8"/>',
    ]
    for pin in range(1, PINS_COUNT + 1):
        parts += _pin(pin, [wire for wire in wires if wire.pin == pin])
    return "".join([*parts, "</svg>"]) + "\n"


def _pin(pin: int, wires: Sequence[Wire]) -> list[str]:
    side = -1 if pin % 2 else 1
    x, y = _MIDDLE + side * _FROM_MIDDLE, _TOP + _ROW * ((pin - 1) // 2) + _ROW / 2
    anchor = "end" if side < 0 else "start"
    colour = COLOURS[wires[0].kind] if wires else _FREE
    parts = [
        f'<circle cx="{x}" cy="{y}" r="{_RADIUS}" fill="{colour}"/>',
        f'<text x="{x}" y="{y + 3.5}" text-anchor="middle" font-size="10" fill="#ffffff">{pin}</text>',
    ]
    start, end = x + side * _RADIUS, x + side * (_RADIUS + _WIRE)
    if wires:
        parts.append(f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="{colour}" stroke-width="2"/>')
        text = " / ".join(wire.text for wire in wires)
        parts.append(
            f'<text x="{end + side * 6}" y="{y + 4.5}" text-anchor="{anchor}" fill="#111111">{escape(text)}</text>'
        )
    parts.append(
        f'<text x="{x + side * 14}" y="{y - 3}" text-anchor="{anchor}" font-size="10" fill="#555555">'
        f"{_name_of(pin)}</text>"
    )
    return parts


def _name_of(pin: int) -> str:
    if pin in FIVE_VOLT_PINS:
        return "5 V"
    if pin in THREE_VOLT_PINS:
        return "3.3 V"
    if pin in GROUND_PINS:
        return "GND"
    gpio = next((gpio for gpio, at in PIN_OF_GPIO.items() if at == pin), None)
    return "ID" if gpio is None else f"GPIO{gpio}"

"""Slips for receipt printers of 58 and 80 mm: the layout, and the ESC/POS bytes of it (U9). Pure.

Source of the commands: EPSON ESC/POS reference (ESC @, ESC a, ESC E, GS !, ESC d, GS V) and its Chinese-character
commands (FS &, FS !), which printers sold in China share. Texts are GB 18030; a character that takes one byte is one
column wide, every other one two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

COLUMNS: Final = {58: 32, 80: 48}
"""Columns of font A by paper width in millimetres."""

_RESET: Final = b"\x1b@"
_CHINESE_ON: Final = b"\x1c&"
_LEFT, _CENTRE = b"\x1ba\x00", b"\x1ba\x01"
_BOLD_OFF, _BOLD_ON = b"\x1bE\x00", b"\x1bE\x01"
_SMALL, _BIG = b"\x1d!\x00\x1c!\x00", b"\x1d!\x11\x1c!\x0c"
_FEED_AND_CUT: Final = b"\x1bd\x04\x1dVB\x00"


@dataclass(frozen=True)
class Line:
    """A line of text; ``big`` is twice as wide and high."""

    text: str
    big: bool = False
    centred: bool = False
    bold: bool = False


@dataclass(frozen=True)
class Pair:
    """A name and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class Rule:
    """A line across the paper."""


Part = Line | Pair | Rule


@dataclass(frozen=True)
class Slip:
    """What stands on one slip, from top to bottom."""

    parts: tuple[Part, ...]


def clean(text: str) -> str:
    """The text without anything that a printer could take for a command."""
    return "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)


def width(text: str) -> int:
    """Columns that the text takes."""
    return sum(1 if len(c.encode("gb18030")) == 1 else 2 for c in text)


def wrap(text: str, columns: int) -> list[str]:
    """The text in lines of at most so many columns; a word that fits on a line is not broken."""
    lines: list[str] = [""]
    for word in _words(text):
        if width(lines[-1]) + width(word.rstrip()) > columns and lines[-1]:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        for c in word:
            if width(lines[-1] + c) > columns:
                lines.append("")
            lines[-1] += c
    return [line.rstrip() for line in lines]


def layout(slip: Slip, paper_mm: int) -> list[Line]:
    """Every part as lines that fit the paper. ``paper_mm`` is a key of ``COLUMNS``."""
    columns = COLUMNS[paper_mm]
    found: list[Line] = []
    for part in slip.parts:
        if isinstance(part, Rule):
            found.append(Line("-" * columns))
        elif isinstance(part, Pair):
            found += [Line(text) for text in wrap(f"{clean(part.name)}: {clean(part.value)}", columns)]
        else:
            room = columns // 2 if part.big else columns
            found += [Line(text, part.big, part.centred, part.bold) for text in wrap(clean(part.text), room)]
    return found


def escpos(lines: Iterable[Line]) -> bytes:
    """The bytes for the printer: everything is set for each line, so that nothing is left over from another program."""
    out = [_RESET, _CHINESE_ON]
    for line in lines:
        out += [
            _CENTRE if line.centred else _LEFT,
            _BOLD_ON if line.bold else _BOLD_OFF,
            _BIG if line.big else _SMALL,
            line.text.encode("gb18030"),
            b"\n",
        ]
    return b"".join([*out, _FEED_AND_CUT])


def _words(text: str) -> list[str]:
    """Words with the blanks behind them; a Chinese character is a word of its own."""
    words: list[str] = []
    for c in text:
        joins = words and width(c) == 1 and width(words[-1][-1]) == 1 and not words[-1].endswith(" ")
        if joins or (c == " " and words):
            words[-1] += c
        else:
            words.append(c)
    return words

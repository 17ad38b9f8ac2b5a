"""A receipt printer of its own making: takes ESC/POS bytes and says what stands on the paper, or why it would be spoilt.

Written from the command tables (EPSON ESC/POS; FS & and FS ! of printers with Chinese characters), not from our encoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PrintedLine:
    """One line on the paper."""

    text: str
    width: int
    height: int
    is_bold: bool
    is_centred: bool


@dataclass
class Printer:
    """A printer with so many columns of its normal font."""

    columns: int
    lines: list[PrintedLine] = field(default_factory=list)
    is_cut: bool = False
    _chinese: bool = False
    _bold: bool = False
    _centred: bool = False
    _latin_size: tuple[int, int] = (1, 1)
    _chinese_size: tuple[int, int] = (1, 1)
    _text: str = ""
    _used: int = 0
    _sizes: set[tuple[int, int]] = field(default_factory=set)

    def take(self, raw: bytes) -> Printer:
        """Print everything.

        :raises AssertionError: a command that it does not know, a character it cannot print, a line that does not fit.
        """
        at = 0
        while at < len(raw):
            assert not self.is_cut, "it goes on behind the cut"
            at += self._step(raw[at:])
        assert not self._text, "the last line was never printed"
        return self

    def _step(self, raw: bytes) -> int:
        """Do one command or take one character; how many bytes it took."""
        match raw[:2]:
            case b"\x1b@":
                self._chinese, self._bold, self._centred = False, False, False
                self._latin_size = self._chinese_size = (1, 1)
                return 2
            case b"\x1c&":
                self._chinese = True
                return 2
            case b"\x1ba":
                self._centred = {0: False, 1: True}[raw[2]]
                return 3
            case b"\x1bE":
                self._bold = bool(raw[2] & 1)
                return 3
            case b"\x1d!":
                self._latin_size = (raw[2] >> 4) + 1, (raw[2] & 15) + 1
                return 3
            case b"\x1c!":
                self._chinese_size = (2 if raw[2] & 4 else 1), (2 if raw[2] & 8 else 1)
                return 3
            case b"\x1bd":
                self.lines += [PrintedLine("", 1, 1, False, False)] * raw[2]
                return 3
            case b"\x1dV":
                assert raw[2] == 66, raw[:4]
                self.is_cut = True
                return 4
        return self._character(raw)

    def _character(self, raw: bytes) -> int:
        if raw[0] == 0x0A:
            self._line()
            return 1
        if 0x20 <= raw[0] < 0x7F:
            self._put(chr(raw[0]), 1, self._latin_size)
            return 1
        assert self._chinese, f"no Chinese is switched on: {raw[:4]!r}"
        assert raw[0] >= 0x81, f"nothing that can be printed: {raw[:4]!r}"
        length = 4 if 0x30 <= raw[1] <= 0x39 else 2
        self._put(raw[:length].decode("gb18030"), 2, self._chinese_size)
        return length

    def _put(self, text: str, columns: int, size: tuple[int, int]) -> None:
        self._text += text
        self._used += columns * size[0]
        self._sizes.add(size)
        assert self._used <= self.columns, f"does not fit: {self._text!r}"

    def _line(self) -> None:
        assert len(self._sizes) <= 1, f"letters of several sizes: {self._text!r}"
        width, height = self._sizes.pop() if self._sizes else (1, 1)
        self.lines.append(PrintedLine(self._text, width, height, self._bold, self._centred))
        self._text, self._used = "", 0


def printed(raw: bytes, columns: int) -> list[PrintedLine]:
    """What stands on the paper; it was cut."""
    printer = Printer(columns).take(raw)
    assert printer.is_cut
    return printer.lines

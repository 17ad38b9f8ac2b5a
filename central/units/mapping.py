"""How a file of another maker's patrol unit is read: which column is what, how times are written. Knows no database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from central.errors import InvalidInputError
from central.web.columns import neutral
from central.web.fold import fold
from central.web.i18n import LazyText, _, lazy
from central.web.importing import REASON, ImportRow, ReadTable
from central.web.sheets import read_cells, write_csv

ROWS_MAX: Final = 10_000
NO_COLUMN: Final = -1
TIME_FORMATS: Final[dict[str, str]] = {
    "%Y-%m-%d %H:%M:%S": "2026-11-29 22:05:30",
    "%Y-%m-%d %H:%M": "2026-11-29 22:05",
    "%Y/%m/%d %H:%M:%S": "2026/11/29 22:05:30",
    "%Y/%m/%d %H:%M": "2026/11/29 22:05",
    "%Y%m%d%H%M%S": "20261129220530",
    "%Y%m%d %H%M%S": "20261129 220530",
    "%Y%m%d %H:%M:%S": "20261129 22:05:30",
    "%y-%m-%d %H:%M:%S": "26-11-29 22:05:30",
    "%d/%m/%Y %H:%M:%S": "29/11/2026 22:05:30",
    "%d/%m/%Y %H:%M": "29/11/2026 22:05",
    "%m/%d/%Y %H:%M:%S": "11/29/2026 22:05:30",
    "%d.%m.%Y %H:%M:%S": "29.11.2026 22:05:30",
}
"""How a time may be written, with an example for people."""
ENCODINGS: Final[dict[str, LazyText | str]] = {
    "": lazy("Found out"),
    "utf-8-sig": "UTF-8",
    "gb18030": "GB18030",
}
FIELDS: Final[dict[str, LazyText]] = {
    "time": lazy("Time of the scan"),
    "date": lazy("Date, if it has a column of its own"),
    "place": lazy("Checkpoint or location card"),
    "guard": lazy("Guard or card"),
    "unit": lazy("Patrol unit"),
}
_GUESSES: Final[dict[str, tuple[str, ...]]] = {
    "time": (
        "巡检时间",
        "巡更时间",
        "打卡时间",
        "刷卡时间",
        "读卡时间",
        "时间",
        "time",
        "datetime",
        "timestamp",
    ),
    "date": ("日期", "巡更日期", "date"),
    "place": (
        "巡更点",
        "巡检点",
        "网点编号",
        "地点",
        "地点卡",
        "地点卡号",
        "地点编号",
        "地点名称",
        "checkpoint",
        "location",
        "place",
        "point",
    ),
    "guard": (
        "巡更员",
        "巡检员",
        "人员",
        "人员卡",
        "人员卡号",
        "人员编号",
        "姓名",
        "卡号",
        "guard",
        "card",
        "person",
    ),
    "unit": ("巡更器", "巡更棒", "巡更棒号", "机号", "设备号", "棒号", "unit", "device", "reader", "wand"),
}


class Mapping(msgspec.Struct, frozen=True):
    """Columns count from 0; ``NO_COLUMN`` for none. ``unit_id``: the device that wrote the file, where no column says it."""

    time: int = NO_COLUMN
    date: int = NO_COLUMN
    place: int = NO_COLUMN
    guard: int = NO_COLUMN
    unit: int = NO_COLUMN
    time_format: str = "%Y-%m-%d %H:%M:%S"
    encoding: str = ""
    has_headings: bool = True
    unit_id: int = 0

    def column(self, name: str) -> int:
        """The column of a field."""
        return int(getattr(self, name))


def cells_of(raw: bytes, encoding: str, rows_max: int = ROWS_MAX + 1) -> list[tuple[int, list[str]]]:
    """The rows of a file.

    :raises InvalidInputError: no table of short texts, too large, or not in that encoding.
    """
    if encoding and not raw.startswith(b"PK"):
        try:
            raw = raw.decode(encoding).encode()
        except UnicodeDecodeError:
            raise InvalidInputError("The file is not written in this encoding.") from None
    return read_cells(raw, rows_max=rows_max)


def guess(rows: Sequence[tuple[int, list[str]]]) -> Mapping:
    """A mapping by the headings of a file and by how its times look."""
    first = [fold(cell) for cell in rows[0][1]] if rows else []
    found: dict[str, Any] = {}
    for name, words in _GUESSES.items():
        known = [fold(word) for word in words]
        places = [at for at, cell in enumerate(first) if cell in known and at not in found.values()]
        if places:
            found[name] = min(places, key=lambda at: known.index(first[at]))
    mapping = Mapping(**found, has_headings=bool(found))
    for _line, cells in rows[1:4]:
        text = time_text(mapping, cells)
        for time_format in TIME_FORMATS:
            try:
                instant(text, time_format, ZoneInfo("UTC"))
            except ValueError:
                continue
            return msgspec.structs.replace(mapping, time_format=time_format)
    return mapping


def time_text(mapping: Mapping, cells: Sequence[str]) -> str:
    """What a row says of its time: date and time together."""
    parts = [_cell(cells, mapping.date), _cell(cells, mapping.time)]
    return " ".join(part for part in parts if part)


def read(raw: bytes, mapping: Mapping, zone: ZoneInfo) -> ReadTable:
    """The rows of a file with ``at``, ``place``, ``guard`` and ``unit`` as they stand there, and what is wrong with each.

    :raises InvalidInputError: as :func:`cells_of`; a column that is needed was not chosen.
    """
    for name in ("time", "place", "guard"):
        if mapping.column(name) == NO_COLUMN:
            raise InvalidInputError(_("Say which column is this: %(name)s", name=FIELDS[name]))
    lines = cells_of(raw, mapping.encoding)
    if not lines:
        raise InvalidInputError("The file has no rows.")
    widest = max(len(cells) for _line, cells in lines)
    headings = [str(number) for number in range(1, widest + 1)]
    if mapping.has_headings:
        headings = lines[0][1]
        lines = lines[1:]
    titles = {name: str(title) for name, title in FIELDS.items()}
    rows = []
    for line, cells in lines:
        row = ImportRow(line, cells, titles=titles)
        row.values = {name: _cell(cells, mapping.column(name)) for name in ("place", "guard", "unit")}
        for name in ("place", "guard"):
            if not row.values[name]:
                row.wrong(_("Required."), name)
        try:
            row.values["at"] = instant(time_text(mapping, cells), mapping.time_format, zone)
        except ValueError:
            example = TIME_FORMATS.get(mapping.time_format, mapping.time_format)
            row.wrong(_("This is no time like %(example)s.", example=example), "time")
        rows.append(row)
    return ReadTable(headings, rows, [])


def instant(text: str, time_format: str, zone: ZoneInfo) -> datetime:
    """The instant of a time on the wall of the estate; of two that read alike the first.

    :raises ValueError: it is not written like that, or the clocks skipped it.
    """
    wall = datetime.strptime(text, time_format).replace(tzinfo=zone)
    found = wall.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
        raise ValueError("the clocks skipped this time")
    return found - timedelta(microseconds=found.microsecond)


def failed(table: ReadTable) -> bytes:
    """The wrong rows as CSV, with a column that says what is wrong."""
    lines = [[*table.headings, str(REASON)]]
    for row in table.rows:
        if not row.is_good:
            said = "; ".join(f"{m.column}: {m.message}" if m.column else m.message for m in row.mistakes)
            padded = [*row.cells, *[""] * (len(table.headings) - len(row.cells))]
            lines.append([*padded[: len(table.headings)], said])
    return write_csv([[neutral(cell) for cell in line] for line in lines])


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if 0 <= at < len(cells) else ""

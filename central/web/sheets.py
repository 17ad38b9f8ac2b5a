"""The cells of a file that somebody uploaded: CSV (UTF-8 with or without a byte order mark, GB18030) or XLSX.

Every cell is a text; numbers and dates of spreadsheets are written as people write them. An XLSX file is an archive
that can claim anything about its size, so its parts and its cell addresses are looked at before it is read.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import python_calamine

from central.errors import InvalidInputError
from central.web.columns import FORMULA_STARTS

FILE_BYTES_MAX: Final = 4 * 2**20
"""The largest file that is taken, where nothing else is said."""
UNPACKED_BYTES_MAX: Final = 64 * 2**20
"""The largest that an XLSX file may be when unpacked."""
COLUMNS_MAX: Final = 60
_CHUNK_BYTES: Final = 2**16
BOM: Final = "\ufeff"
_XLSX_START: Final = b"PK\x03\x04"
_ADDRESS: Final = re.compile(rb"""\sr\s*=\s*["']\$?([A-Za-z]{0,3})\$?([0-9]{1,9})["']""")
_DELIMITERS: Final = ",;\t"


def read_cells(
    raw: bytes, *, rows_max: int, columns_max: int = COLUMNS_MAX, bytes_max: int = FILE_BYTES_MAX
) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, each with its number in the file, from 1.

    :raises InvalidInputError: too large, too many rows or columns, neither CSV nor XLSX.
    """
    if len(raw) > bytes_max:
        raise InvalidInputError("The file is too large.")
    lines = _read_xlsx(raw, rows_max, columns_max) if raw.startswith(_XLSX_START) else _read_csv(raw)
    rows = [
        (number, [_plain(cell) for cell in cells])
        for number, cells in enumerate(lines, start=1)
        if any(cell.strip() for cell in cells)
    ]
    if len(rows) > rows_max:
        raise InvalidInputError("The file has too many rows. Please split it.")
    if any(len(cells) > columns_max for _number, cells in rows):
        raise InvalidInputError("The file has too many columns.")
    return rows


def decode_text(raw: bytes) -> str:
    """The text of a file: UTF-8 with or without BOM, else GB18030, as spreadsheets in China save it.

    :raises InvalidInputError: neither.
    """
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidInputError("The file is neither UTF-8 nor GB18030 text.")


def write_csv(lines: list[list[str]]) -> bytes:
    """UTF-8 with a byte order mark, CRLF."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(lines)
    return (BOM + buffer.getvalue()).encode()


def write_xlsx(lines: list[list[str]]) -> bytes:
    """One sheet of texts."""
    buffer = io.BytesIO()
    import xlsxwriter  # as the process starts, nobody needs it yet

    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    sheet, text = book.add_worksheet(), book.add_format({"num_format": "@"})
    sheet.set_column(0, COLUMNS_MAX, 16, text)
    for at, line in enumerate(lines):
        for place, cell in enumerate(line):
            sheet.write_string(at, place, cell, text)
    book.close()
    return buffer.getvalue()


def _plain(cell: str) -> str:
    """Without the apostrophe that our own files put before what would start a formula."""
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].lstrip().startswith(FORMULA_STARTS) else text


def _read_csv(raw: bytes) -> list[list[str]]:
    text = decode_text(raw)
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise InvalidInputError("The file is not a table of short texts.") from None


def _read_xlsx(raw: bytes, rows_max: int, columns_max: int) -> list[list[str]]:
    try:
        _check_archive(raw, rows_max, columns_max)
        book = python_calamine.load_workbook(io.BytesIO(raw))
        sheet = book.get_sheet_by_index(0)
        return [[_text(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
    except (
        python_calamine.CalamineError,
        zipfile.BadZipFile,
        NotImplementedError,  # a compression that zipfile does not know
        RuntimeError,  # parts of the archive are encrypted
        zlib.error,
        EOFError,
        OSError,
    ):
        raise InvalidInputError("The file cannot be read as an XLSX spreadsheet.") from None


def _check_archive(raw: bytes, rows_max: int, columns_max: int) -> None:
    room = UNPACKED_BYTES_MAX
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for part in archive.infolist():
            part.file_size = (
                2 * UNPACKED_BYTES_MAX
            )  # what the archive claims does not count: it is read to its end
            is_sheet, xml = part.filename.startswith("xl/worksheets/"), bytearray()
            with archive.open(part) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    room -= len(chunk)
                    if room < 0:
                        raise InvalidInputError("The file is too large.")
                    if is_sheet:
                        xml += chunk
            _check_addresses(bytes(xml), rows_max, columns_max)


def _check_addresses(xml: bytes, rows_max: int, columns_max: int) -> None:
    """One cell at the far end of a sheet would make a table of billions of cells."""
    rows = columns = 0
    for letters, digits in _ADDRESS.findall(xml):
        rows, columns = max(rows, int(digits)), max(columns, _column_number(letters))
    if rows > 2 * rows_max + 1_000:  # empty lines between are no rows
        raise InvalidInputError("The file has too many rows. Please split it.")
    if columns > columns_max:
        raise InvalidInputError("The file has too many columns.")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - ord("A") + 1
    return number


def _text(value: Any) -> str:
    """A cell as people write it: 13800000000.0 is a telephone number, a date has no time."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time(0):
        return value.date().isoformat()
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)

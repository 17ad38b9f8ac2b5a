"""Files and print views out of a list: CSV for programs, XLSX for people, a page for the printer.

Rows are read in chunks by key, so that neither memory nor the database is held by a long export.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from central.centre import centre_of
from central.web import formats, i18n
from central.web.columns import Column, neutral
from central.web.cursors import cursor_of
from central.web.i18n import Text, _
from central.web.render import SHELL, render
from central.web.tables import View, without_place

BOM = "\ufeff"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def exported(view: View) -> list[Column]:
    """The columns of a file."""
    return [c for c in view.table.columns if c.is_exported]


async def chunks(request: web.Request, view: View, scope: Any) -> AsyncIterator[list[Any]]:
    """Every filtered row, some thousand at a time, in the order of the page."""
    database, size = centre_of(request).db, view.table.limits.export_chunk_rows
    start = None
    while True:
        rows = await database.read(view.rows, scope, start, size)
        if rows:
            yield rows
        if len(rows) < size:
            return
        start = cursor_of(rows[-1])


def file_name(request: web.Request, view: View, ending: str) -> str:
    """``events-20261123-140509.csv``."""
    now = formats.local(centre_of(request).clock.now())
    return f"{view.table.name}-{now:%Y%m%d-%H%M%S}.{ending}"


def attachment(name: str) -> str:
    """The Content-Disposition header of a download (RFC 6266)."""
    return f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name)}"


async def send_csv(request: web.Request, view: View, scope: Any) -> web.StreamResponse:
    """UTF-8 with a byte order mark, so that spreadsheet programs read Chinese; CRLF, RFC 4180."""
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": attachment(file_name(request, view, "csv")),
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(request)
    columns = exported(view)
    await response.write((BOM + _csv_text([[str(c.title) for c in columns]])).encode())
    async for rows in chunks(request, without_place(view), scope):
        text = _csv_text([[c.format.csv(c.raw(row)) for c in columns] for row in rows])
        await response.write(text.encode("utf-8"))
    await response.write_eof()
    return response


def _csv_text(rows: list[list[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()


@dataclass(frozen=True)
class Head:
    """What stands above a printed list and on the second sheet of a spreadsheet: whose it is, what of, by whom, when."""

    organisation: str
    filters: list[tuple[str, str]]
    printed_by: str
    printed_at: datetime
    zone: str
    totals: dict[str, Any]
    """By column name."""
    groups: list[tuple[Text, list[tuple[str, int]]]]


async def head_of(request: web.Request, view: View, scope: Any) -> Head:
    """The head for this request and this view."""
    database, operator = centre_of(request).db, request.get("operator")
    return Head(
        request.app[SHELL].organisation(request),
        [(str(bound.filter.title), bound.words) for bound in view.active],
        f"{operator.number} {operator.name}" if operator is not None else _("nobody"),
        centre_of(request).clock.now(),
        i18n.current().zone.key,
        await database.read(view.totals, scope),
        await database.read(view.group_counts, scope),
    )


async def send_xlsx(request: web.Request, view: View, scope: Any) -> web.StreamResponse:
    """A spreadsheet with real numbers and dates; texts can never become formulas or links."""
    with tempfile.TemporaryDirectory(prefix="onecard-export-") as folder:
        path = Path(folder) / "export.xlsx"
        sheet = Sheet(path, view)
        async for rows in chunks(request, without_place(view), scope):
            await asyncio.to_thread(sheet.add, rows)
        head = await head_of(request, view, scope)
        await asyncio.to_thread(sheet.close, head)
        response = web.StreamResponse(
            headers={
                "Content-Type": XLSX_TYPE,
                "Content-Disposition": attachment(file_name(request, view, "xlsx")),
                "Cache-Control": "no-store",
                "Content-Length": str(path.stat().st_size),
            }
        )
        await response.prepare(request)
        with path.open("rb") as file:
            while block := await asyncio.to_thread(file.read, 256 * 1024):
                await response.write(block)
        await response.write_eof()
    return response


def sheet_name(title: str) -> str:
    """The title as a spreadsheet takes it for a sheet: at most 31 characters, none that a formula would misread."""
    return "".join(" " if c in "[]:*?/\\'" else c for c in title).strip()[:31]


class Sheet:
    """One worksheet, written row by row with constant memory; a second one says what it is. One thread at a time."""

    def __init__(self, path: Path, view: View) -> None:
        self.title, self.columns = str(view.table.title), exported(view)
        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        import xlsxwriter  # as the process starts, nobody needs it yet

        self.book = xlsxwriter.Workbook(str(path), options)
        self.sheet = self.book.add_worksheet(sheet_name(self.title))
        self.bold = self.book.add_format({"bold": True})
        self.formats = [
            self.book.add_format({"num_format": c.format.excel}) if c.format.excel else None
            for c in self.columns
        ]
        for at, column in enumerate(self.columns):
            self.sheet.set_column(at, at, 20 if column.format.excel else 16)
            self.sheet.write_string(0, at, str(column.title), self.bold)
        self.sheet.freeze_panes(1, 0)
        self.next_row = 1

    def add(self, rows: list[Any]) -> None:
        """Append rows."""
        for row in rows:
            for at, column in enumerate(self.columns):
                value = column.format.cell(column.raw(row))
                if value is not None and value != "":
                    self.sheet.write(self.next_row, at, value, self.formats[at])
            self.next_row += 1

    def close(self, head: Head) -> None:
        """Add the sheet about this file, and write it."""
        about = self.book.add_worksheet(_("About this file"))
        about.set_column(0, 1, 32)
        titles = {c.name: str(c.title) for c in self.columns}
        lines: list[tuple[str, Any]] = [
            (head.organisation, self.title),
            *(head.filters or [(_("Filters"), _("no filters"))]),
            (_("Printed by"), head.printed_by),
            (_("Printed at"), f"{formats.moment(head.printed_at)} ({head.zone})"),
            (_("Rows"), self.next_row - 1),
            *((f"{_('Total')}: {titles[name]}", value) for name, value in head.totals.items()),
            *((f"{title}: {value}", count) for title, counts in head.groups for value, count in counts),
        ]
        for at, (name, value) in enumerate(lines):
            about.write_string(at, 0, neutral(name), self.bold)
            about.write(at, 1, neutral(value) if isinstance(value, str) else value)
        self.book.close()


async def send_print(request: web.Request, view: View, scope: Any) -> web.StreamResponse:
    """A page for the printer: organisation, filters, operator, time; the browser adds page x / y."""
    rows: list[Any] = []
    async for part in chunks(request, without_place(view), scope):
        rows.extend(part)
    head = await head_of(request, view, scope)
    context = {"view": view, "columns": exported(view), "rows": rows, "head": head}
    return await render(request, "web/print.html", context)


WRITERS: dict[str, Callable[[web.Request, View, Any], Awaitable[web.StreamResponse]]] = {
    "csv": send_csv,
    "xlsx": send_xlsx,
    "print": send_print,
}

"""Anonymous figures of use for management: by door, till and time clock, hour and weekday, without any name (U15)."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError, NotFoundError
from central.people.dossier import Section, workbook
from central.people.inputs import row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.usage.counting import SOURCES, heat, places
from central.usage.rules import DAYS_MAX, DAYS_MIN, LEVELS, PEOPLE_MIN, STEP, Cell
from central.web.columns import neutral
from central.web.days import FieldError, parse_day
from central.web.exports import BOM, XLSX_TYPE, attachment
from central.web.formats import local, weekday
from central.web.i18n import _, current, lazy
from central.web.nav import NavItem
from central.web.render import render, settle

SPAN_DAYS: Final = 27
"""Four whole weeks."""
MONDAY: Final = date(2024, 1, 1)


@dataclass(frozen=True)
class Asked:
    """What the address says."""

    kind: str
    place: int | None
    first: date
    last: date


def _asked(request: web.Request) -> Asked:
    """
    :raises InvalidInputError: no such kind or days, or too few or too many of them.
    """
    query, yesterday = request.query, local(centre_of(request).clock.now()).date() - timedelta(days=1)
    kind = query.get("kind") or "door"
    try:
        last = parse_day(query["to"]) if query.get("to") else yesterday
        first = parse_day(query["from"]) if query.get("from") else last - timedelta(days=SPAN_DAYS)
    except FieldError as error:
        raise InvalidInputError(str(error)) from None
    days = (last - first).days + 1
    if kind not in SOURCES:
        raise InvalidInputError("There is no such choice.")
    if not DAYS_MIN <= days <= DAYS_MAX:
        raise InvalidInputError("Choose 7 days at least and 92 at most.")
    return Asked(kind, row_id(query.get("place", "")), first, last)


async def _read(request: web.Request, asked: Asked) -> dict[str, Any]:
    scope, zone = scope_of(request), current().zone

    def read() -> dict[str, Any]:
        found = places(scope, asked.kind, asked.first, asked.last)
        chosen = next((place for place in found if place.id == asked.place), None)
        if asked.place is not None and chosen is None:
            raise NotFoundError("There is no such record, or it belongs to another organisation.")
        cells = heat(scope, asked.kind, asked.place, asked.first, asked.last, zone)
        return {"places": found, "chosen": chosen, "cells": cells}

    return await centre_of(request).db.read(read)


def _days() -> list[str]:
    return [weekday(MONDAY + timedelta(days=number)) for number in range(7)]


async def show(request: web.Request) -> web.Response:
    """GET /usage"""
    settle(request)
    asked = _asked(request)
    context = await _read(request, asked)
    context |= {
        "asked": asked,
        "sources": SOURCES,
        "days": _days(),
        "people_min": PEOPLE_MIN,
        "step": STEP,
        "levels": LEVELS,
    }
    return await render(request, "usage/show.html", context)


async def export(request: web.Request) -> web.Response:
    """GET /usage/export?format=csv|xlsx: the same figures, a row for each place or hour."""
    settle(request)
    asked, file_format = _asked(request), request.query.get("format", "csv")
    if file_format not in ("csv", "xlsx"):
        raise InvalidInputError("There is no such file format.")
    found = await _read(request, asked)
    centre, actor = centre_of(request), actor_of(request)
    filters = {"kind": asked.kind, "from": asked.first.isoformat(), "until": asked.last.isoformat()}

    def write() -> None:
        rows = len(found["places"]) + 7 * 24
        centre.audit.record(
            actor,
            "figures.export",
            "list",
            "usage",
            after={"filters": filters, "format": file_format, "rows": rows},
        )

    await centre.db.write(write)
    sections = [
        Section(
            SOURCES[asked.kind].title,
            (lazy("Place"), lazy("Times used")),
            [(place.label, place.cell.text) for place in found["places"]],
        ),
        Section(
            lazy("By weekday and hour"),
            (lazy("Place"), lazy("Weekday"), lazy("Hour"), lazy("Times used")),
            _hours(found["chosen"].label if found["chosen"] else _("All"), found["cells"]),
        ),
    ]
    name = f"usage-{asked.kind}-{asked.first}-{asked.last}.{file_format}"
    headers = {"Content-Disposition": attachment(name), "Cache-Control": "no-store"}
    if file_format == "xlsx":
        body = await asyncio.to_thread(workbook, sections)
        return web.Response(body=body, content_type=XLSX_TYPE, headers=headers)
    return web.Response(text=_csv(sections), content_type="text/csv", charset="utf-8", headers=headers)


def _hours(label: str, cells: list[list[Cell]]) -> list[Sequence[Any]]:
    return [
        (label, day, f"{hour:02d}:00", cell.text)
        for day, row in zip(_days(), cells, strict=True)
        for hour, cell in enumerate(row)
    ]


def _csv(sections: list[Section]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    for section in sections:
        writer.writerow([str(heading) for heading in section.headings])
        writer.writerows([neutral(str(cell)) for cell in row] for row in section.rows)
        writer.writerow([])
    return BOM + out.getvalue()


NAV: Final = [NavItem("reports", lazy("Figures of use"), "/usage", order=70)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/usage", show, ("figures", "view")),
    Route("GET", "/usage/export", export, ("figures", "export")),
]

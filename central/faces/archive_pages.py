"""The archive copy of card faces: choose a period, load the file."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import InvalidInputError
from central.faces.archive import Entry, write_archive
from central.faces.archive_paper import Label
from central.faces.fonts import typeface
from central.faces.jobs import Reader
from central.faces.model import FaceBatch, FacePrint
from central.faces.worker import apart
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.web.catalogue import Language
from central.web.exports import attachment
from central.web.fields import FirstDayField, LastDayField
from central.web.formats import day, last_day, moment
from central.web.forms import BoundForm, Form
from central.web.i18n import _, current, lazy
from central.web.render import SHELL, render, settle

CARDS_MAX: Final = 1_000
"""Cards of one archive: about a minute of drawing, some hundred megabytes."""
_BLOCK_BYTES: Final = 256 * 1024


class PeriodForm(msgspec.Struct, kw_only=True):
    """From when to when; ``until`` is the exclusive end."""

    start: datetime
    until: datetime


FORM: Final = Form(
    PeriodForm, FirstDayField("start", lazy("First day")), LastDayField("until", lazy("Last day"))
)


async def choose_period(request: web.Request) -> web.Response:
    """GET /faces/archive"""
    settle(request)
    today: date = centre_of(request).clock.now().astimezone(current().zone).date()
    first = datetime(today.year, today.month, 1, tzinfo=current().zone)
    now = datetime(today.year, today.month, today.day, 23, 59, 59, tzinfo=current().zone)
    return await _page(request, FORM.blank(start=first, until=now))


async def load_archive(request: web.Request) -> web.StreamResponse:
    """POST /faces/archive: the file, checked after it was written."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    form = FORM.bind(await request.post())
    if not form.is_valid:
        return await _page(request, form, status=422)
    try:
        entries = await centre.db.read(read_entries, scope, form.value.start, form.value.until)
    except InvalidInputError as error:
        form.fail(_(str(error)))
        return await _page(request, form, status=422)
    now = centre.clock.now()
    label = _label(request, form.value, len(entries), now)
    with tempfile.TemporaryDirectory(prefix="onecard-archive-") as folder:
        path = Path(folder) / "faces.zip"
        await apart(write_archive, path, entries, centre.keys.signing, now, label)
        about = {
            "from": form.value.start.isoformat(),
            "until": form.value.until.isoformat(),
            "cards": len(entries),
        }

        def write() -> None:
            centre.audit.record(actor, "cards.face_archive", "list", "faces", after=about)

        await centre.db.write(write)
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/zip",
                "Content-Disposition": attachment(f"card-faces-{now:%Y%m%d-%H%M%S}.zip"),
                "Content-Length": str(path.stat().st_size),
                "Cache-Control": "no-store",
            }
        )
        await response.prepare(request)
        with path.open("rb") as file:
            while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
                await response.write(block)
        await response.write_eof()
    return response


def _label(request: web.Request, period: PeriodForm, cards_count: int, now: datetime) -> Label:
    """What is printed and kept with the disc."""
    setting = current()
    facts = (
        (_("Organisation"), request.app[SHELL].organisation(request)),
        (_("Period"), f"{day(period.start)} – {last_day(period.until)}"),
        (_("Cards"), str(cards_count)),
        (_("Made at"), moment(now)),
        (_("Made by"), actor_of(request).name),
    )
    headings = (_("File"), _("Card number"), _("Printed at"), _("Printed by"), "SHA-256")
    blanks = (_("Number of the disc or drive"), _("Burned by, on"), _("Read back by, on"))
    face = typeface("TC" if setting.language is Language.ZH_HANT else "SC")
    return Label(
        _("Archive copy of card faces"),
        facts,
        _("Checksum of register.csv"),
        headings,
        blanks,
        face,
        setting.zone,
    )


def read_entries(scope: Scope, start: datetime, until: datetime) -> list[Entry]:
    """The cards printed in this period that the operator may see, in the order of printing. Inside ``db.read``.

    :raises InvalidInputError: none, or too many for one file.
    """
    prints = scope.filter(FacePrint.select(FacePrint, FaceBatch).join(FaceBatch), FaceBatch)
    prints = prints.where((FaceBatch.made_at >= start) & (FaceBatch.made_at < until)).order_by(FacePrint.id)
    found = list(prints.limit(CARDS_MAX + 1))
    if not found:
        raise InvalidInputError("No card face was printed in this period.")
    if len(found) > CARDS_MAX:
        raise InvalidInputError("More than 1,000 cards: choose a shorter period.")
    reader = Reader()
    return [
        Entry(
            reader.again(one),
            (one.front_digest, one.back_digest),
            one.version.template.name,
            one.version.version,
            one.batch.made_at,
            one.batch.operator_name,
        )
        for one in found
    ]


async def _page(request: web.Request, form: BoundForm[PeriodForm], status: int = 200) -> web.Response:
    return await render(request, "faces/archive.html", {"form": form}, status=status)


ROUTES: Final[list[Route]] = [
    Route("GET", "/faces/archive", choose_period, ("cards", "export")),
    Route("POST", "/faces/archive", load_archive, ("cards", "export"), step_up=True),
]

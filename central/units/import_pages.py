"""Bringing records in (U18): the file that a unit wrote, or another maker's file with a column mapper."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from central.audit import SYSTEM, act_on_many
from central.centre import Centre, centre_of
from central.db import current_transaction
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.imports import runs
from central.imports.importer import Place
from central.imports.model import ImportRun, ImportState
from central.imports.pages import STATE_WORDS, shown_of
from central.nodes.model import Device
from central.people.inputs import one_line, path_id, row_id
from central.people.table import organisations_in, sites_in
from central.rounds.judging import Without, judgement
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.sync.model import CatchUp
from central.units import batches
from central.units import mapping as mapper
from central.units.kinds import unit_ids
from central.units.model import BroughtFile, BroughtMark, ColumnMapping, MappedImport
from central.units.scan_import import NAME, ScanImporter
from central.units.words import RESULT_WORDS
from central.web.exports import attachment
from central.web.i18n import _
from central.web.render import render, settle
from central.web.sheets import FILE_BYTES_MAX

SHOWN_MAX: Final = 50
PREVIEW_ROWS: Final = 6
_NAME_CHARS_MAX: Final = 100
_HALF_DAY_MS: Final = 12 * 3_600_000
_LOOK_BACK_MS: Final = 62 * 24 * 3_600_000
ONE: Final = r"/patrol/units/import/{id:\d+}"


# -- the file ---------------------------------------------------------------------------------------------------------


async def start(request: web.Request, problem: str = "") -> web.Response:
    """GET /patrol/units/import: choose a file; what was brought so far."""
    settle(request)
    scope = scope_of(request)

    def read() -> dict[str, Any]:
        brought = BroughtFile.select(BroughtFile, Device).join(Device).order_by(BroughtFile.id.desc())
        imports = ImportRun.select().where(ImportRun.kind == NAME).order_by(ImportRun.id.desc())
        return {
            "sites": sites_in(scope),
            "organisations": organisations_in(scope),
            "brought": list(scope.filter(brought.limit(SHOWN_MAX), BroughtFile)),
            "imports": list(scope.filter(imports.limit(SHOWN_MAX), ImportRun)),
        }

    context = await centre_of(request).db.read(read)
    context |= {"problem": problem, "states": STATE_WORDS}
    return await render(request, "units/bring.html", context, status=422 if problem else 200)


async def upload(request: web.Request) -> web.Response:
    """POST /patrol/units/import: a unit's own file is taken at once; of another maker's the columns are asked first."""
    settle(request)
    posted = await request.post()
    file = posted.get("file")
    if not isinstance(file, web.FileField) or not file.filename:
        return await start(request, _("Choose a file first."))
    name = one_line(file.filename, _NAME_CHARS_MAX) or "file"
    with file.file:
        raw = await asyncio.to_thread(file.file.read, batches.FILE_BYTES_MAX + 1)
    try:
        if raw.startswith(batches.SEALED):
            number = await _bring(request, raw, name)
            path = f"/patrol/units/brought/{number}"
        else:
            place = Place(
                row_id(str(posted.get("site", ""))) or 0, row_id(str(posted.get("organisation", ""))) or 0
            )
            number = await _keep(request, raw, name, place)
            path = f"/patrol/units/import/{number}/columns"
    except (ConflictError, InvalidInputError) as error:
        return await start(request, _(str(error)))
    raise web.HTTPSeeOther(path)


async def _bring(request: web.Request, raw: bytes, name: str) -> int:
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    if len(raw) > batches.FILE_BYTES_MAX:
        raise InvalidInputError("The file is too large.")
    frames = await asyncio.to_thread(batches.frames_in, raw, centre.keys.box.private_bytes_raw())
    digest = hashlib.sha256(raw).hexdigest()

    def write() -> int:
        now = centre.clock.now()
        found = batches.bring(scope, frames, now, lambda *what: _note(centre, *what))
        row = BroughtFile.create(
            site=found.device.site_id,
            organisation=found.device.organisation_id,
            device=found.device.id,
            node_epoch=found.node_epoch,
            file_name=name,
            sha256=digest,
            operator_id=actor.id,
            operator_name=actor.name,
            brought_at=now,
            first_seq=found.first_seq,
            last_seq=found.last_seq,
            new_count=found.new_count,
            known_count=found.known_count,
            apart_count=found.apart_count,
            through_at=found.through_at,
            catch_up=found.catch_up,
        )
        act_on_many(
            current_transaction().audit_rows_count
        )  # a contradiction, a visit proved late: rows of their own
        centre.audit.record(
            actor,
            "units.bring",
            "device",
            found.device.id,
            after={
                "file": name,
                "sha256": digest,
                "new": found.new_count,
                "unchanged": found.known_count,
                "wrong": found.apart_count,
            },
            site_id=found.device.site_id,
            organisation_id=found.device.organisation_id,
        )
        return int(row.id)

    return await centre.db.write(write)


def _note(centre: Centre, action: str, device: Device, detail: str) -> None:
    centre.audit.record(
        SYSTEM,
        action,
        "device",
        device.id,
        after=detail,
        site_id=device.site_id,
        organisation_id=device.organisation_id,
    )


async def show_brought(request: web.Request) -> web.Response:
    """GET /patrol/units/brought/{id}: what the file brought, and which visits stand differently by it."""
    settle(request)
    centre, scope, number = centre_of(request), scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        row = scope.get(BroughtFile, number)
        changed = changes(scope, row.device_id, row.catch_up, centre.clock.now_ms())
        return {"row": row, "device": row.device, "changed": changed}

    return await render(request, "units/brought.html", await centre.db.read(read))


def changes(
    scope: Scope, device_id: int, catch_up: CatchUp | None, now_ms: int
) -> list[tuple[str, str, int]]:
    """(result before, result now, how many visits) of what a late batch changed; inside ``db.read``."""
    if catch_up is None:
        return []
    without = Without.of(catch_up)
    span = (
        max(without.begins_ms, without.ends_ms - _LOOK_BACK_MS) - _HALF_DAY_MS,
        without.ends_ms + _HALF_DAY_MS,
    )
    site_id = Device.get_by_id(device_id).site_id
    after = judgement(scope, site_id, *span, now_ms)
    before = judgement(scope, site_id, *span, now_ms, without=without)
    counts: dict[tuple[Any, Any], int] = {}
    for old, new in zip(before.visits, after.visits, strict=True):
        if old.result != new.result:
            counts[old.result, new.result] = counts.get((old.result, new.result), 0) + 1
    return [
        (str(RESULT_WORDS[old]), str(RESULT_WORDS[new]), count)
        for (old, new), count in sorted(counts.items())
    ]


# -- another maker's ---------------------------------------------------------------------------------------------------


async def _keep(request: web.Request, raw: bytes, name: str, place: Place) -> int:
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    if len(raw) > FILE_BYTES_MAX:
        raise InvalidInputError("The file is too large.")
    if not scope.allows(place.site_id, place.organisation_id) or not place.site_id:
        raise InvalidInputError("Choose an estate and an organisation first.")
    guessed = mapper.guess(await asyncio.to_thread(mapper.cells_of, raw, ""))

    def write() -> int:
        run = ImportRun.create(
            kind=NAME,
            site=place.site_id,
            organisation=place.organisation_id,
            operator_id=actor.id,
            operator_name=actor.name,
            uploaded_at=centre.clock.now(),
            file_name=name,
            sha256=hashlib.sha256(raw).hexdigest(),
            content=raw,
        )
        MappedImport.create(run=run, mapping=msgspec.to_builtins(guessed))
        runs.record(centre.audit, actor, "imports.check", run)
        return int(run.id)

    return await centre.db.write(write)


def _run(scope: Scope, number: int) -> tuple[ImportRun, mapper.Mapping, ZoneInfo]:
    run = scope.get(ImportRun, number)
    if run.kind != NAME:
        raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
    row = MappedImport.get_by_id(run.id)
    return run, msgspec.convert(row.mapping, mapper.Mapping), ZoneInfo(Site.get_by_id(run.site_id).zone)


async def columns(request: web.Request, problem: str = "") -> web.Response:
    """GET /patrol/units/import/{id}/columns: which column is what."""
    settle(request)
    scope, number = scope_of(request), path_id(request)
    wanted = row_id(request.query.get("saved", ""))

    def read() -> dict[str, Any]:
        run, found, _zone = _run(scope, number)
        saved = [
            row for row in scope.filter(ColumnMapping.select(), ColumnMapping) if row.site_id == run.site_id
        ]
        chosen = next((row for row in saved if row.id == wanted), None)
        if chosen is not None:
            found = msgspec.convert(chosen.mapping, mapper.Mapping)
        units = Device.select().where((Device.site == run.site_id) & Device.id.in_(sorted(unit_ids())))
        return {
            "run": run,
            "content": bytes(run.content or b""),
            "mapping": found,
            "saved": saved,
            "chosen": chosen,
            "units": list(scope.filter(units.order_by(Device.number), Device)),
        }

    context = await centre_of(request).db.read(read)
    if context["run"].state != ImportState.CHECKED.value:
        raise web.HTTPSeeOther(f"/patrol/units/import/{number}")
    try:
        rows = await asyncio.to_thread(mapper.cells_of, context.pop("content"), context["mapping"].encoding)
    except InvalidInputError as error:
        rows, problem = [], _(str(error))
    context |= {
        "rows": rows[:PREVIEW_ROWS],
        "width": max((len(cells) for _line, cells in rows[:PREVIEW_ROWS]), default=0),
        "fields": mapper.FIELDS,
        "formats": mapper.TIME_FORMATS,
        "encodings": mapper.ENCODINGS,
        "problem": problem,
    }
    return await render(request, "units/columns.html", context, status=422 if problem else 200)


def _mapping_of(posted: Any) -> mapper.Mapping:
    def column(name: str) -> int:
        text = str(posted.get(name, ""))
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 3 else mapper.NO_COLUMN

    time_format, encoding = str(posted.get("time_format", "")), str(posted.get("encoding", ""))
    if time_format not in mapper.TIME_FORMATS or encoding not in mapper.ENCODINGS:
        raise InvalidInputError("There is no such way to write a time or a text.")
    return mapper.Mapping(
        **{name: column(name) for name in mapper.FIELDS},
        time_format=time_format,
        encoding=encoding,
        has_headings=posted.get("has_headings") == "1",
        unit_id=row_id(str(posted.get("unit_id", ""))) or 0,
    )


async def check(request: web.Request) -> web.Response:
    """POST /patrol/units/import/{id}/columns: the dry run; the mapping is kept under a name, if one is given."""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    posted = await request.post()
    run, _old, zone = await centre.db.read(_run, scope, number)
    if run.content is None:
        raise web.HTTPSeeOther(f"/patrol/units/import/{number}")
    name = one_line(posted.get("name", ""), _NAME_CHARS_MAX)
    try:
        mapping = _mapping_of(posted)
        importer = ScanImporter(mapping, zone)
        table = await asyncio.to_thread(importer.layout.read, bytes(run.content))

        def write() -> None:
            current = _run(scope, number)[0]
            if current.state != ImportState.CHECKED.value:
                raise ConflictError("This file was imported already.")
            found = runs.check(importer, Place(current.site_id, current.organisation_id), table)
            for count, value in found.counts.items():
                setattr(current, f"{count}_count", value)
            current.mistakes = [
                [m.line, m.column, m.message] for m in table.mistakes[: runs.MISTAKES_SHOWN_MAX]
            ]
            current.failed = importer.layout.failed(table) if found.counts["wrong"] else None
            current.save()
            plain = msgspec.to_builtins(mapping)
            MappedImport.update(mapping=plain).where(MappedImport.run == current.id).execute()
            if name:
                _save(current, name, plain, actor.name, centre)
            runs.record(centre.audit, actor, "imports.check", current)

        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await columns(request, _(str(error)))
    raise web.HTTPSeeOther(f"/patrol/units/import/{number}")


def _save(run: ImportRun, name: str, mapping: dict[str, Any], made_by: str, centre: Centre) -> None:
    now = centre.clock.now()
    ColumnMapping.insert(
        site=run.site_id,
        organisation=run.organisation_id,
        name=name,
        mapping=mapping,
        made_at=now,
        made_by=made_by,
    ).on_conflict(
        conflict_target=[ColumnMapping.site, ColumnMapping.organisation, ColumnMapping.name],
        update={ColumnMapping.mapping: mapping, ColumnMapping.made_at: now, ColumnMapping.made_by: made_by},
    ).execute()


async def show(request: web.Request, problem: str = "") -> web.Response:
    """GET /patrol/units/import/{id}: what the file would do, or has done."""
    settle(request)
    centre, scope, number = centre_of(request), scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        run, mapping, zone = _run(scope, number)
        now_ms = centre.clock.now_ms()
        found = []
        if run.state == ImportState.DONE.value:
            for mark in BroughtMark.select().where(BroughtMark.run == run.id):
                found += changes(scope, mark.device_id, mark.catch_up, now_ms)
        importer = ScanImporter(mapping, zone)
        return shown_of(importer, run, centre.clock.now()) | {"changed": found}

    context = await centre.db.read(read)
    context["problem"] = problem
    return await render(request, "units/import.html", context, status=422 if problem else 200)


async def apply(request: web.Request) -> web.Response:
    """POST /patrol/units/import/{id}/apply"""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    only_good = (await request.post()).get("rows") == "good"
    run, mapping, zone = await centre.db.read(_run, scope, number)
    if run.content is None:
        return await show(request, _("This file was imported already."))
    importer = ScanImporter(mapping, zone)
    try:
        table = await asyncio.to_thread(importer.layout.read, bytes(run.content))

        def write() -> None:
            current, now_mapping, _zone = _run(scope, number)
            if now_mapping != mapping:
                raise ConflictError("The data changed since this file was checked. Please upload it again.")
            runs.apply(centre.audit, actor, importer, current, table, only_good, centre.clock.now())

        await centre.db.write(write)
    except (ConflictError, InvalidInputError) as error:
        return await show(request, _(str(error)))
    raise web.HTTPSeeOther(f"/patrol/units/import/{number}")


async def undo(request: web.Request) -> web.Response:
    """POST /patrol/units/import/{id}/undo: roll it back as one act."""
    settle(request)
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)

    def write() -> None:
        run, mapping, zone = _run(scope, number)
        runs.undo(centre.audit, actor, ScanImporter(mapping, zone), run, centre.clock.now())

    try:
        await centre.db.write(write)
    except ConflictError as error:
        return await show(request, _(str(error)))
    raise web.HTTPSeeOther(f"/patrol/units/import/{number}")


async def failed(request: web.Request) -> web.Response:
    """GET /patrol/units/import/{id}/failed.csv"""
    run, _mapping, _zone = await centre_of(request).db.read(_run, scope_of(request), path_id(request))
    if run.failed is None:
        raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": attachment(f"{NAME}-{run.id}-failed.csv"),
        "Cache-Control": "no-store",
    }
    return web.Response(body=bytes(run.failed), headers=headers)


ROUTES: Final[list[Route]] = [
    Route("GET", "/patrol/units/import", start, ("patrol", "edit")),
    Route(
        "POST",
        "/patrol/units/import",
        upload,
        ("patrol", "edit"),
        body_bytes_max=batches.FILE_BYTES_MAX + 16_384,
    ),
    Route("GET", r"/patrol/units/brought/{id:\d+}", show_brought, ("patrol", "view")),
    Route("GET", ONE, show, ("patrol", "edit")),
    Route("GET", ONE + "/columns", columns, ("patrol", "edit")),
    Route("POST", ONE + "/columns", check, ("patrol", "edit")),
    Route("GET", ONE + "/failed.csv", failed, ("patrol", "edit")),
    Route("POST", ONE + "/apply", apply, ("patrol", "edit")),
    Route("POST", ONE + "/undo", undo, ("patrol", "edit")),
]

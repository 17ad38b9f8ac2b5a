"""The JSON API of an import, the same for everything that can be imported: send a file, look, import, roll back.

The file is the body of the request, as it is; everything that the form of the page asks stands in the address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.imports import runs
from central.imports.importer import Importer
from central.imports.model import ImportRun
from central.imports.taking import carry_out, choices_of, get_run, take, take_back
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import scope_of
from central.web.i18n import _
from central.web.lists import UNPROCESSABLE, list_json
from central.web.openapi import describes, send_json
from central.web.openapi import read_json as read_body
from central.web.render import settle
from central.web.tables import Table


class ImportMistake(msgspec.Struct, frozen=True):
    """What is wrong with one line of the file, and in which column; an empty column is the whole line."""

    line: int
    column: str
    message: str


class ImportChange(msgspec.Struct, frozen=True):
    """What would change. Line 0: because it stands in no line of the file."""

    line: int
    name: str
    words: str


class ImportCounts(msgspec.Struct, frozen=True):
    """What the lines of the file do; ``removed``: lose everything that this kind of import gives."""

    new: int
    changed: int
    removed: int
    unchanged: int
    wrong: int


class ImportBody(msgspec.Struct, frozen=True, kw_only=True):
    """An import. ``mistakes`` and ``changes`` are the first 200 of each; ``ignored``: headings that belong to no column.

    ``removing``: how many lose everything because they stand in no line; importing asks for that number, unless it is 0.
    ``followed_at``: the page where it is carried out, where that takes its time or waits for a second operator.
    """

    id: int
    state: Literal["checked", "done", "undone"]
    site: int
    organisation: int | None
    file_name: str
    sha256: str
    operator_name: str
    uploaded_at: datetime
    done_at: datetime | None
    undone_at: datetime | None
    counts: ImportCounts
    removing: int
    ignored: list[str]
    mistakes: list[ImportMistake]
    changes: list[ImportChange]
    followed_at: str


class ImportApply(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """``rows``: ``all``, and one wrong line keeps everything out; or ``good``. ``removing`` as it was shown."""

    rows: Literal["all", "good"]
    removing: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None


class ImportFailed(msgspec.Struct, frozen=True):
    """The wrong lines with what is wrong, as CSV; empty when there are none."""

    csv: str


Handling = Callable[[web.Request], Awaitable[web.StreamResponse]]
FILE_TYPES: Final = ("text/csv", "text/tab-separated-values", "application/octet-stream")


def import_api_routes(importer: Importer, table: Table) -> list[Route]:
    """The routes of one import, under its ``api_path``."""
    path, permission = importer.api_path, importer.permission
    one, name, title = path + r"/{id:\d+}", importer.name, importer.name.replace("_", " ")
    query: dict[str, dict[str, Any]] = {field.name: {"type": "string"} for field in importer.form.fields}
    query["name"] = {"type": "string", "description": "what the file is called"}

    @describes(f"Imports so far: {title}", rows=table)
    async def api_list(request: web.Request) -> web.StreamResponse:
        return await list_json(request, table, scope_of(request))

    @describes(
        f"Send a file and see what it would do: {title}",
        query=query,
        file_types=FILE_TYPES,
        gives=ImportBody,
        status=201,
    )
    async def api_take(request: web.Request) -> web.StreamResponse:
        settle(request)
        raw = await request.read()
        form = importer.form.bind(request.query, await choices_of(request, importer))
        if not form.is_valid:
            errors = {field.name: field.error for field in form.fields if field.error}
            body = {"code": "invalid_input", "message": _("Please correct the form."), "fields": errors}
            return web.json_response({"error": body}, status=UNPROCESSABLE)
        run_id = await take(request, importer, form.value, raw, request.query.get("name", ""))
        return await _answer(request, importer, run_id, 201)

    @describes(f"Read an import: {title}", gives=ImportBody)
    async def api_show(request: web.Request) -> web.StreamResponse:
        return await _answer(request, importer, path_id(request))

    @describes(f"Import what was checked: {title}", takes=ImportApply, gives=ImportBody)
    async def api_apply(request: web.Request) -> web.StreamResponse:
        settle(request)
        given = await read_body(request, ImportApply)
        await carry_out(request, importer, given.rows == "good", given.removing)
        return await _answer(request, importer, path_id(request))

    @describes(f"Roll an import back: {title}", gives=ImportBody)
    async def api_undo(request: web.Request) -> web.StreamResponse:
        settle(request)
        await take_back(request, importer)
        return await _answer(request, importer, path_id(request))

    @describes(f"Read the wrong lines of an import: {title}", gives=ImportFailed)
    async def api_failed(request: web.Request) -> web.StreamResponse:
        run = await centre_of(request).db.read(get_run, importer, scope_of(request), path_id(request))
        return send_json(ImportFailed(bytes(run.failed or b"").decode("utf-8-sig")))

    for handler in (api_list, api_take, api_show, api_apply, api_undo, api_failed):
        handler.__name__ = f"{handler.__name__}_{name}"  # what the document calls the operation
    return [
        Route("GET", path, api_list, permission),
        Route("POST", path, api_take, permission, body_bytes_max=importer.layout.bytes_max + 1),
        Route("GET", one, api_show, permission),
        Route("GET", one + "/failed", api_failed, permission),
        Route("POST", one + "/apply", api_apply, permission),
        Route("POST", one + "/undo", api_undo, permission),
    ]


async def _answer(
    request: web.Request, importer: Importer, run_id: int, status: int = 200
) -> web.StreamResponse:
    run = await centre_of(request).db.read(get_run, importer, scope_of(request), run_id)
    return send_json(_body(importer, run), status=status)


def _body(importer: Importer, run: ImportRun) -> ImportBody:
    return ImportBody(
        id=run.id,
        state=run.state,
        site=run.site_id,
        organisation=run.organisation_id,
        file_name=run.file_name,
        sha256=run.sha256,
        operator_name=run.operator_name,
        uploaded_at=run.uploaded_at,
        done_at=run.done_at,
        undone_at=run.undone_at,
        counts=ImportCounts(**runs.shown_counts(run)),
        removing=importer.asks_again(run),
        ignored=list(run.ignored),
        mistakes=[ImportMistake(*one) for one in run.mistakes],
        changes=[ImportChange(*one) for one in run.changes or ()],
        followed_at=run.followed_at,
    )

"""The pages of an import, the same for everything that can be imported: template, upload, dry run, import, roll-back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.imports import runs
from central.imports.importer import Importer, Place
from central.imports.model import ImportRun, ImportState
from central.people.inputs import one_line, path_id
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, Column, WordFormat
from central.web.exports import XLSX_TYPE, attachment
from central.web.fields import ChoiceField, Choices
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.render import render, settle
from central.web.sheets import FILE_BYTES_MAX
from central.web.tables import Table

STATE_WORDS: Final = {
    ImportState.CHECKED.value: lazy("Checked, not imported"),
    ImportState.DONE.value: lazy("Imported"),
    ImportState.UNDONE.value: lazy("Rolled back"),
}
_FILE_NAME_CHARS_MAX: Final = 100


class UploadForm(msgspec.Struct, kw_only=True):
    """Whose rows the file holds."""

    organisation: str
    site: str


FORM: Final = Form(
    UploadForm,
    ChoiceField("organisation", lazy("Organisation")),
    ChoiceField("site", lazy("Estate")),
)


def import_routes(importer: Importer) -> list[Route]:
    """The routes of one import; add them to the ROUTES of the sub-system."""
    pages = _Pages(importer)
    path, permission = importer.path, importer.permission
    one = path + r"/{id:\d+}"
    return [
        Route("GET", path, pages.start, permission),
        Route("POST", path, pages.upload, permission, body_bytes_max=FILE_BYTES_MAX + 16_384),
        Route("GET", path + "/template.csv", pages.template_csv, permission),
        Route("GET", path + "/template.xlsx", pages.template_xlsx, permission),
        Route("GET", one, pages.show, permission),
        Route("GET", one + "/failed.csv", pages.failed, permission),
        Route("POST", one + "/apply", pages.apply, permission),
        Route("POST", one + "/undo", pages.undo, permission),
    ]


class _Pages:
    def __init__(self, importer: Importer) -> None:
        self.importer = importer
        self.table = _table(importer)

    async def start(self, request: web.Request) -> web.Response:
        choices = await _choices(request)
        first = {name: next(iter(options), "") for name, options in choices.items()}
        return await self._start(request, FORM.blank(choices, **first))

    async def upload(self, request: web.Request) -> web.Response:
        settle(request)
        posted = await request.post()
        form = FORM.bind(posted, await _choices(request))
        file = posted.get("file")
        if not isinstance(file, web.FileField) or not file.filename:
            form.fail(_("Choose a file first."))
        if not form.is_valid:
            return await self._start(request, form)
        assert isinstance(file, web.FileField)
        centre, actor, scope = centre_of(request), actor_of(request), scope_of(request)
        place = Place(int(form.value.site), int(form.value.organisation))
        if not scope.allows(place.site_id, place.organisation_id):
            form.fail(_("You may not enter people of this organisation in this estate."))
            return await self._start(request, form)
        name = one_line(file.filename, _FILE_NAME_CHARS_MAX) or "file"
        try:
            with file.file:
                raw = await asyncio.to_thread(file.file.read, FILE_BYTES_MAX + 1)
            table = await asyncio.to_thread(self.importer.layout.read, raw)
        except InvalidInputError as error:
            form.fail(_(str(error)))
            return await self._start(request, form)
        found = await centre.db.read(runs.check, self.importer, place, table)
        run_id = await centre.db.write(
            runs.keep, centre.audit, actor, self.importer, place, raw, name, found, centre.clock.now()
        )
        raise web.HTTPSeeOther(f"{self.importer.path}/{run_id}")

    async def show(self, request: web.Request) -> web.Response:
        return await self._show(request)

    async def apply(self, request: web.Request) -> web.Response:
        centre, actor, scope = centre_of(request), actor_of(request), scope_of(request)
        settle(request)
        posted = await request.post()
        run = await centre.db.read(self._get, scope, path_id(request))
        if run.content is None:
            return await self._show(request, problem=_("This file was imported already."))
        try:
            table = await asyncio.to_thread(self.importer.layout.read, bytes(run.content))
            only_good = posted.get("rows") == "good"

            def write() -> None:
                now = centre.clock.now()
                current = self._get(scope, run.id)
                runs.apply(centre.audit, actor, self.importer, current, table, only_good, now)

            await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            return await self._show(request, problem=_(str(error)))
        raise web.HTTPSeeOther(f"{self.importer.path}/{run.id}")

    async def undo(self, request: web.Request) -> web.Response:
        centre, actor, scope = centre_of(request), actor_of(request), scope_of(request)
        settle(request)
        run_id = path_id(request)

        def write() -> None:
            run = self._get(scope, run_id)
            runs.undo(centre.audit, actor, self.importer, run, centre.clock.now())

        try:
            await centre.db.write(write)
        except ConflictError as error:
            return await self._show(request, problem=_(str(error)))
        raise web.HTTPSeeOther(f"{self.importer.path}/{run_id}")

    async def failed(self, request: web.Request) -> web.Response:
        run = await centre_of(request).db.read(self._get, scope_of(request), path_id(request))
        if run.failed is None:
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        return _file(
            bytes(run.failed), f"{self.importer.name}-{run.id}-failed.csv", "text/csv; charset=utf-8"
        )

    async def template_csv(self, request: web.Request) -> web.Response:
        settle(request)
        raw = self.importer.layout.template_csv()
        return _file(raw, f"{self.importer.name}.csv", "text/csv; charset=utf-8")

    async def template_xlsx(self, request: web.Request) -> web.Response:
        settle(request)
        raw = self.importer.layout.template_xlsx()
        return _file(raw, f"{self.importer.name}.xlsx", XLSX_TYPE)

    def _get(self, scope: Scope, run_id: int) -> ImportRun:
        run: ImportRun = scope.get(ImportRun, run_id)
        if run.kind != self.importer.name:
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        return run

    async def _start(self, request: web.Request, form: BoundForm[UploadForm]) -> web.Response:
        context = {"form": form, "importer": self.importer, "rows_max": self.importer.layout.rows_max}
        response = await list_page(
            request, self.table, scope_of(request), template="imports/start.html", context=context
        )
        if not form.is_valid:
            response.set_status(422)
        return response

    async def _show(self, request: web.Request, problem: str = "") -> web.Response:
        settle(request)
        centre, scope = centre_of(request), scope_of(request)

        def read() -> dict[str, Any]:
            run = self._get(scope, path_id(request))
            return {"run": run, "site_name": run.site.name, "organisation_name": run.organisation.name}

        context = await centre.db.read(read)
        context |= {
            "importer": self.importer,
            "problem": problem,
            "has_failed": context["run"].failed is not None,
            "can_undo": runs.can_undo(context["run"], centre.clock.now()),
            "state": STATE_WORDS[context["run"].state],
        }
        return await render(request, "imports/show.html", context, status=422 if problem else 200)


def _table(importer: Importer) -> Table:
    def query(scope: Scope) -> Any:
        rows = (
            ImportRun.select(
                ImportRun.id,
                ImportRun.uploaded_at,
                ImportRun.file_name,
                ImportRun.operator_name,
                ImportRun.state,
                ImportRun.new_count,
                ImportRun.changed_count,
                ImportRun.wrong_count,
                Site.name.alias("site_name"),
                Organisation.name.alias("organisation_name"),
            )
            .join(Site)
            .switch(ImportRun)
            .join(Organisation)
            .where(ImportRun.kind == importer.name)
        )
        return scope.filter(rows, ImportRun)

    to_run: Callable[[Any], str] = lambda row: f"{importer.path}/{row.id}"  # noqa: E731
    return Table(
        name="imports",
        title=lazy("Imports so far"),
        query=query,
        key=ImportRun.id,
        sort="-uploaded_at",
        columns=(
            Column("uploaded_at", lazy("Time"), MOMENT, sort=ImportRun.uploaded_at, href=to_run),
            Column("file_name", lazy("File"), CODE),
            Column("operator_name", lazy("Operator")),
            Column("state", lazy("Status"), WordFormat(STATE_WORDS)),
            Column("new_count", lazy("New"), NUMBER),
            Column("changed_count", lazy("Differs"), NUMBER),
            Column("wrong_count", lazy("Wrong"), NUMBER),
            Column("organisation_name", lazy("Organisation")),
            Column("site_name", lazy("Estate"), is_shown=False),
        ),
        empty=lazy("Nothing has been imported yet."),
    )


async def _choices(request: web.Request) -> Mapping[str, Choices]:
    scope = scope_of(request)

    def read() -> dict[str, Choices]:
        return {
            "organisation": {str(number): name for number, name in organisations_in(scope)},
            "site": {str(number): name for number, name in sites_in(scope)},
        }

    return await centre_of(request).db.read(read)


def _file(raw: bytes, name: str, content_type: str) -> web.Response:
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": attachment(name),
        "Cache-Control": "no-store",
    }
    return web.Response(body=raw, headers=headers)

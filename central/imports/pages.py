"""The pages of an import, the same for everything that can be imported: template, upload, dry run, import, roll-back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError, NotFoundError
from central.imports import runs
from central.imports.api import import_api_routes
from central.imports.importer import Importer, Place
from central.imports.model import ImportRun, ImportState
from central.imports.taking import carry_out, choices_of, get_run, take, take_back
from central.people.inputs import path_id, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, Column, WordFormat
from central.web.exports import XLSX_TYPE, attachment
from central.web.forms import BoundForm
from central.web.i18n import _, lazy
from central.web.importing import Layout
from central.web.lists import list_page
from central.web.render import render, settle
from central.web.tables import Table

STATE_WORDS: Final = {
    ImportState.CHECKED.value: lazy("Checked, not imported"),
    ImportState.DONE.value: lazy("Imported"),
    ImportState.UNDONE.value: lazy("Rolled back"),
}


def import_routes(importer: Importer) -> list[Route]:
    """The routes of one import; add them to the ROUTES of the sub-system."""
    pages = _Pages(importer)
    path, permission = importer.path, importer.permission
    one = path + r"/{id:\d+}"
    return [
        Route("GET", path, pages.start, permission),
        Route("POST", path, pages.upload, permission, body_bytes_max=importer.layout.bytes_max + 16_384),
        Route("GET", path + "/template.csv", pages.template_csv, permission),
        Route("GET", path + "/template.xlsx", pages.template_xlsx, permission),
        Route("GET", one, pages.show, permission),
        Route("GET", one + "/failed.csv", pages.failed, permission),
        Route("POST", one + "/apply", pages.apply, permission),
        Route("POST", one + "/undo", pages.undo, permission),
        *(import_api_routes(importer, pages.table) if importer.api_path else ()),
    ]


class _Pages:
    def __init__(self, importer: Importer) -> None:
        self.importer = importer
        self.table = _table(importer)

    async def start(self, request: web.Request) -> web.Response:
        choices = await choices_of(request, self.importer)
        first = {name: next(iter(options), "") for name, options in choices.items()}
        return await self._start(request, self.importer.form.blank(choices, **first))

    async def upload(self, request: web.Request) -> web.Response:
        settle(request)
        posted = await request.post()
        form = self.importer.form.bind(posted, await choices_of(request, self.importer))
        file = posted.get("file")
        if not isinstance(file, web.FileField) or not file.filename:
            form.fail(_("Choose a file first."))
        if not form.is_valid:
            return await self._start(request, form)
        assert isinstance(file, web.FileField)
        with file.file:
            raw = await asyncio.to_thread(file.file.read, self.importer.layout.bytes_max + 1)
        try:
            run_id = await take(request, self.importer, form.value, raw, file.filename)
        except InvalidInputError as error:
            form.fail(_(str(error)))
            return await self._start(request, form)
        raise web.HTTPSeeOther(f"{self.importer.path}/{run_id}")

    async def show(self, request: web.Request) -> web.Response:
        return await self._show(request)

    async def apply(self, request: web.Request) -> web.Response:
        settle(request)
        posted = await request.post()
        only_good, removing = posted.get("rows") == "good", row_id(str(posted.get("removing", "")))
        try:
            await carry_out(request, self.importer, only_good, removing)
        except (ConflictError, InvalidInputError) as error:
            return await self._show(request, problem=_(str(error)))
        raise web.HTTPSeeOther(f"{self.importer.path}/{path_id(request)}")

    async def undo(self, request: web.Request) -> web.Response:
        settle(request)
        try:
            await take_back(request, self.importer)
        except (ConflictError, InvalidInputError) as error:
            return await self._show(request, problem=_(str(error)))
        raise web.HTTPSeeOther(f"{self.importer.path}/{path_id(request)}")

    async def failed(self, request: web.Request) -> web.Response:
        run = await centre_of(request).db.read(get_run, self.importer, scope_of(request), path_id(request))
        if run.failed is None:
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        return _file(
            bytes(run.failed), f"{self.importer.name}-{run.id}-failed.csv", "text/csv; charset=utf-8"
        )

    async def template_csv(self, request: web.Request) -> web.Response:
        layout = await self._layout(request)
        return _file(layout.template_csv(), f"{self.importer.name}.csv", "text/csv; charset=utf-8")

    async def template_xlsx(self, request: web.Request) -> web.Response:
        layout = await self._layout(request)
        return _file(layout.template_xlsx(), f"{self.importer.name}.xlsx", XLSX_TYPE)

    async def _layout(self, request: web.Request) -> Layout:
        """The columns for the operator's first estate."""
        settle(request)
        centre, who = centre_of(request), principal_of(request)

        def read() -> Layout:
            site = next((number for number, _name in sites_in(who.scope)), 0)
            return self.importer.layout_of(Place(site, 0, who, centre.clock.now()))

        return await centre.db.read(read)

    async def _start(self, request: web.Request, form: BoundForm[Any]) -> web.Response:
        layout = self.importer.layout
        context = {
            "form": form,
            "importer": self.importer,
            "rows_max": layout.rows_max,
            "megabytes_max": layout.bytes_max // 2**20,
        }
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
            run = get_run(self.importer, scope, path_id(request))
            return shown_of(self.importer, run, centre.clock.now())

        context = await centre.db.read(read) | {"problem": problem}
        return await render(request, "imports/show.html", context, status=422 if problem else 200)


def shown_of(importer: Importer, run: ImportRun, now: datetime) -> dict[str, Any]:
    """What the page of one import shows; inside ``db.read``."""
    everyone = run.organisation_id is None
    return {
        "run": run,
        "importer": importer,
        "site_name": run.site.name,
        "organisation_name": _("All organisations") if everyone else run.organisation.name,
        "option_facts": importer.option_facts(run.options),
        "has_failed": run.failed is not None,
        "can_undo": runs.can_undo(run, now),
        "state": STATE_WORDS[run.state],
        "asked": importer.asks_again(run),
        "is_whole": importer.needs_every_row(run.options),
    }


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
                ImportRun.removed_count,
                ImportRun.unchanged_count,
                ImportRun.wrong_count,
                Site.name.alias("site_name"),
                Organisation.name.alias("organisation_name"),
            )
            .join(Site)
            .switch(ImportRun)
            .left_outer_join(Organisation)
            .where(ImportRun.kind == importer.name)
        )
        return scope.filter(rows, ImportRun)

    words = importer.words
    to_run: Callable[[Any], str] = lambda row: f"{importer.path}/{row.id}"  # noqa: E731
    return Table(
        name="imports",
        title=lazy("Imports so far"),
        query=query,
        key=ImportRun.id,
        sort="-uploaded_at",
        columns=(
            Column("id", lazy("Record number"), NUMBER, is_shown=False),
            Column("uploaded_at", lazy("Time"), MOMENT, sort=ImportRun.uploaded_at, href=to_run),
            Column("file_name", lazy("File"), CODE),
            Column("operator_name", lazy("Operator")),
            Column("state", lazy("Status"), WordFormat(STATE_WORDS)),
            Column("new_count", words["new"], NUMBER),
            Column("changed_count", words["changed"], NUMBER),
            Column("removed_count", words["removed"], NUMBER, is_shown=importer.removes),
            Column("unchanged_count", words["unchanged"], NUMBER, is_shown=False),
            Column("wrong_count", words["wrong"], NUMBER),
            Column("organisation_name", lazy("Organisation")),
            Column("site_name", lazy("Estate"), is_shown=False),
        ),
        empty=lazy("Nothing has been imported yet."),
    )


def _file(raw: bytes, name: str, content_type: str) -> web.Response:
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": attachment(name),
        "Cache-Control": "no-store",
    }
    return web.Response(body=raw, headers=headers)

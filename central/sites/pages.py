"""Pages of estates (項目處) and organisations (使用單位)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from aiohttp import web

from central.centre import centre_of
from central.errors import CentralError
from central.routes import Handler, Route
from central.security.principal import principal_of, scope_of
from central.sites import service
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import LONG, YES, Column
from central.web.fields import CheckField, NoteField, TextField, ZoneField
from central.web.filters import TextFilter
from central.web.forms import BoundForm, Form
from central.web.i18n import Text, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table


@dataclass
class SiteInput:
    """The form of an estate."""

    name: str
    zone: str
    note: str | None
    active: bool


@dataclass
class OrganisationInput:
    """The form of an organisation."""

    name: str
    note: str | None
    active: bool


_SITE_NAME: Final = TextField("name", lazy("Estate"), length_max=100)
_ORGANISATION_NAME: Final = TextField("name", lazy("Organisation"), length_max=100)
_NOTE: Final = NoteField("note", lazy("Note"), is_required=False)
_ACTIVE: Final = CheckField("active", lazy("In use"))
SITE_FORM: Final = Form(SiteInput, _SITE_NAME, ZoneField("zone", lazy("Time zone")), _NOTE, _ACTIVE)
ORGANISATION_FORM: Final = Form(OrganisationInput, _ORGANISATION_NAME, _NOTE, _ACTIVE)


def _table(name: str, title: Text, one: Text, model: Any, path: str, *columns: Column) -> Table:
    def query(scope: Scope) -> Any:
        return scope.filter(model.select(), model)

    def link(row: Any) -> str:
        return f"{path}/{row.id}"

    return Table(
        name=name,
        title=title,
        query=query,
        key=model.id,
        sort="name",
        columns=(
            Column("name", one, sort=model.name, href=link),
            *columns,
            Column("note", lazy("Note"), LONG),
            Column("active", lazy("In use"), YES),
        ),
        filters=(TextFilter("q", one, where=lambda text: model.name.contains(text)),),
    )


SITES: Final = _table(
    "sites", lazy("Estates"), lazy("Estate"), Site, "/sites", Column("zone", lazy("Time zone"))
)
ORGANISATIONS: Final = _table(
    "organisations", lazy("Organisations"), lazy("Organisation"), Organisation, "/organisations"
)


@dataclass(frozen=True)
class Kind:
    """What the pages of one of the two need to know."""

    path: str
    model: Any
    table: Table
    form: Form[Any]
    save: Any
    new_title: Text


SITE: Final = Kind("/sites", Site, SITES, SITE_FORM, service.save_site, lazy("New estate"))
ORGANISATION: Final = Kind(
    "/organisations",
    Organisation,
    ORGANISATIONS,
    ORGANISATION_FORM,
    service.save_organisation,
    lazy("New organisation"),
)


def _list(kind: Kind) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        context = {"new_path": f"{kind.path}/new", "new_title": kind.new_title}
        return await list_page(
            request, kind.table, scope_of(request), template="sites/list.html", context=context
        )

    return handle


def _new(kind: Kind) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        settle(request)
        if request.method == "POST":
            return await _save(request, kind, None)
        initial: dict[str, Any] = {"zone": "Asia/Shanghai"} if kind is SITE else {}
        return await _page(request, kind, kind.form.blank(active=True, **initial))

    return handle


def _edit(kind: Kind) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        settle(request)
        row_id = int(request.match_info["id"])
        row = await centre_of(request).db.read(scope_of(request).get, kind.model, row_id)
        if request.method == "POST":
            return await _save(request, kind, row_id)
        return await _page(request, kind, kind.form.show(row), row_id)

    return handle


async def _save(request: web.Request, kind: Kind, row_id: int | None) -> web.Response:
    centre, form = centre_of(request), kind.form.bind(await request.post())
    if form.is_valid:
        values = asdict(form.value)
        values["note"] = values["note"] or ""
        try:
            who = principal_of(request)
            await centre.db.write(kind.save, centre.audit, centre.clock, who, row_id, values)
            return web.Response(status=303, headers={"Location": kind.path})
        except CentralError as error:
            form.fail(str(error))
    return await _page(request, kind, form, row_id, 422)


async def _page(
    request: web.Request, kind: Kind, form: BoundForm[Any], row_id: int | None = None, status: int = 200
) -> web.Response:
    title = kind.new_title if row_id is None else form["name"].text
    context = {"form": form, "title": title, "path_back": kind.path}
    return await render(request, "sites/edit.html", context, status=status)


def _routes(kind: Kind) -> list[Route]:
    one = kind.path + r"/{id:\d{1,9}}"
    return [
        Route("GET", kind.path, _list(kind), ("sites", "view")),
        Route("GET", f"{kind.path}/new", _new(kind), ("sites", "edit")),
        Route("POST", f"{kind.path}/new", _new(kind), ("sites", "edit")),
        Route("GET", one, _edit(kind), ("sites", "edit")),
        Route("POST", one, _edit(kind), ("sites", "edit")),
    ]


NAV: Final = [
    NavItem("system", lazy("Estates"), "/sites", order=30),
    NavItem("system", lazy("Organisations"), "/organisations", order=35),
]
ROUTES: Final = _routes(SITE) + _routes(ORGANISATION)

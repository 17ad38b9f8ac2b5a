"""Templates of pre-printed forms: the list, and what a template is for. The editor is in ``editor_pages``."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.desk import by_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.faces.layout import mm
from central.forms import service
from central.forms.kinds import KINDS
from central.forms.layout import PAPERS_UM
from central.forms.log_pages import kind_title
from central.forms.model import FormTemplate
from central.forms.places import place_choices
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat
from central.web.fields import CheckField, ChoiceField, Choices, TextField
from central.web.forms import Form
from central.web.i18n import LazyText, _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table

_PAPER_NOTES: Final[dict[str, LazyText]] = {
    "241x140": lazy("fan-fold, in two"),
    "241x93": lazy("fan-fold, in three"),
    "241x280": lazy("fan-fold, whole"),
    "190x140": lazy("narrow fan-fold"),
    "210x297": lazy("A4"),
    "210x148": lazy("A5 across"),
}
assert _PAPER_NOTES.keys() == PAPERS_UM.keys()


def _query(scope: Scope) -> Any:
    return (
        FormTemplate.select(
            FormTemplate.id,
            FormTemplate.name,
            FormTemplate.kind,
            FormTemplate.version,
            FormTemplate.active,
            FormTemplate.changed_at,
            Organisation.name.alias("organisation_name"),
            Site.name.alias("site_name"),
        )
        .join(Site)
        .switch(FormTemplate)
        .left_outer_join(Organisation)
        .where(scope.shared_condition(FormTemplate))
    )


TEMPLATES: Final = Table(
    name="forms",
    title=lazy("Pre-printed forms"),
    query=_query,
    key=FormTemplate.id,
    sort="name",
    columns=(
        Column(
            "name",
            lazy("Pre-printed form"),
            sort=FormTemplate.name,
            href=lambda row: f"/forms/templates/{row.id}",
        ),
        Column("kind", lazy("Kind of paper"), value=lambda row: kind_title(row.kind)),
        Column(
            "organisation_name",
            lazy("Organisation"),
            value=lambda row: row.organisation_name or _("Every organisation"),
        ),
        Column("version", lazy("Version"), NUMBER),
        Column("changed_at", lazy("Changed"), MOMENT),
        Column(
            "active", lazy("Status"), StatusFormat("enabled"), value=lambda row: "yes" if row.active else "no"
        ),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy("A form says where on pre-printed multi-part paper each thing is printed."),
    empty_href="/forms/templates/new",
    empty_action=lazy("New form"),
)


class SettingsForm(msgspec.Struct, kw_only=True):
    """What a template is for, as it is typed."""

    name: str
    site: str
    organisation: str | None
    active: bool


class NewForm(SettingsForm, kw_only=True):
    """And what it is, which stays."""

    kind: str
    paper: str


_FIELDS: Final = (
    TextField("name", lazy("Pre-printed form"), length_max=60),
    ChoiceField("site", lazy("Estate")),
    ChoiceField(
        "organisation",
        lazy("Organisation"),
        is_required=False,
        hint=lazy("Empty: every organisation of the estate."),
    ),
    CheckField("active", lazy("In use")),
)
SETTINGS: Final = Form(SettingsForm, *_FIELDS)
NEW: Final = Form(
    NewForm,
    *_FIELDS[:-1],
    ChoiceField("kind", lazy("Kind of paper")),
    ChoiceField(
        "paper", lazy("Size of the paper"), hint=lazy("Width x height in mm; it can be changed later.")
    ),
    _FIELDS[-1],
)


def _new_choices() -> dict[str, Choices]:
    return {
        "kind": {kind.code: kind.title for kind in KINDS.values()},
        "paper": {
            code: f"{mm(size[0])} x {mm(size[1])} mm · {_PAPER_NOTES[code]}"
            for code, size in PAPERS_UM.items()
        },
    }


async def list_templates(request: web.Request) -> web.Response:
    """GET /forms/templates"""
    action = ("/forms/templates/new", _("New form"))
    context = {"action": action if principal_of(request).may("cards", "approve") else None}
    return await list_page(request, TEMPLATES, scope_of(request), template="forms/list.html", context=context)


async def edit_settings(request: web.Request) -> web.Response:
    """GET and POST /forms/templates/new and /forms/templates/{id}/settings"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    template_id = path_id(request) if "id" in request.match_info else None
    choices = {**await centre.db.read(place_choices, scope), **_new_choices()}
    found = None if template_id is None else await centre.db.read(scope.get_shared, FormTemplate, template_id)
    kind_of_form: Form[Any] = NEW if found is None else SETTINGS
    if request.method == "GET":
        begun = {"active": True, "site": next(iter(choices["site"]), ""), "paper": "241x140"}
        if found is not None:
            begun = {
                "name": found.name,
                "site": found.site_id,
                "organisation": found.organisation_id,
                "active": found.active,
            }
        form = kind_of_form.blank(choices, **begun)
        return await render(request, "forms/settings.html", {"form": form, "template": found})
    form = kind_of_form.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        given = {
            "name": value.name,
            "site": int(value.site),
            "organisation": int(value.organisation) if value.organisation else None,
            "active": value.active,
        }

        def write() -> int:
            before = None
            if template_id is None:
                saved = service.make_template(
                    scope, {**given, "kind": value.kind}, PAPERS_UM[value.paper], by
                )
            else:
                row = scope.get_shared(FormTemplate, template_id)
                before = service.snapshot(row)
                saved = service.change_template(scope, row, given, by.at)
            centre.audit.record(
                actor,
                "forms.create" if before is None else "forms.settings",
                "form_template",
                saved.id,
                before,
                service.snapshot(saved),
                site_id=saved.site_id,
                organisation_id=saved.organisation_id,
            )
            return int(saved.id)

        try:
            saved_id = await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/forms/templates/{saved_id}")
    return await render(request, "forms/settings.html", {"form": form, "template": found}, status=422)


NAV: Final = [NavItem("system", lazy("Pre-printed forms"), "/forms/templates", order=45)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/forms/templates", list_templates, ("cards", "view")),
    Route("GET", "/forms/templates/new", edit_settings, ("cards", "approve")),
    Route("POST", "/forms/templates/new", edit_settings, ("cards", "approve")),
    Route("GET", r"/forms/templates/{id:\d+}/settings", edit_settings, ("cards", "approve")),
    Route("POST", r"/forms/templates/{id:\d+}/settings", edit_settings, ("cards", "approve")),
]

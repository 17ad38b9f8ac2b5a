"""Templates of card faces: the list, and what a template is for. The editor is in ``editor_pages``."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.desk import by_of
from central.cards.model import CardClass
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.faces import template_service as service
from central.faces.model import FaceTemplate
from central.faces.sample import sample_face
from central.people.inputs import path_id
from central.people.table import organisations_in, sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import MOMENT, NUMBER, Column, StatusFormat
from central.web.fields import CheckField, ChoiceField, Choices, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table


def _query(scope: Scope) -> Any:
    return (
        FaceTemplate.select(
            FaceTemplate.id,
            FaceTemplate.name,
            FaceTemplate.version,
            FaceTemplate.active,
            FaceTemplate.changed_at,
            Organisation.name.alias("organisation_name"),
            CardClass.name.alias("class_name"),
            Site.name.alias("site_name"),
        )
        .join(Site)
        .switch(FaceTemplate)
        .left_outer_join(Organisation)
        .switch(FaceTemplate)
        .left_outer_join(CardClass)
        .where(scope.shared_condition(FaceTemplate))
    )


TEMPLATES: Final = Table(
    name="templates",
    title=lazy("Card faces"),
    query=_query,
    key=FaceTemplate.id,
    sort="name",
    columns=(
        Column(
            "name", lazy("Template"), sort=FaceTemplate.name, href=lambda row: f"/faces/templates/{row.id}"
        ),
        Column(
            "organisation_name",
            lazy("Organisation"),
            value=lambda row: row.organisation_name or _("Every organisation"),
        ),
        Column("class_name", lazy("Card class"), value=lambda row: row.class_name or _("Every class")),
        Column("version", lazy("Version"), NUMBER),
        Column("changed_at", lazy("Changed"), MOMENT),
        Column(
            "active", lazy("Status"), StatusFormat("enabled"), value=lambda row: "yes" if row.active else "no"
        ),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy(
        "A template says how cards look. The first one begins with a sample that can be printed at once."
    ),
    empty_href="/faces/templates/new",
    empty_action=lazy("New template"),
)


class SettingsForm(msgspec.Struct, kw_only=True):
    """What a template is for, as it is typed."""

    name: str
    site: str
    organisation: str | None
    card_class: str | None
    active: bool


FORM: Final = Form(
    SettingsForm,
    TextField("name", lazy("Template"), length_max=60),
    ChoiceField("site", lazy("Estate")),
    ChoiceField(
        "organisation",
        lazy("Organisation"),
        is_required=False,
        hint=lazy("Empty: every organisation of the estate."),
    ),
    ChoiceField("card_class", lazy("Card class"), is_required=False, hint=lazy("Empty: every class.")),
    CheckField("active", lazy("In use")),
)


async def list_templates(request: web.Request) -> web.Response:
    """GET /faces/templates"""
    context = {"may_edit": principal_of(request).may("cards", "approve")}
    return await list_page(
        request, TEMPLATES, scope_of(request), template="faces/templates.html", context=context
    )


async def edit_settings(request: web.Request) -> web.Response:
    """GET and POST /faces/templates/new and /faces/templates/{id}/settings"""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    template_id = path_id(request) if "id" in request.match_info else None
    choices = await centre.db.read(_choices, scope)
    found = None if template_id is None else await centre.db.read(scope.get, FaceTemplate, template_id)
    if request.method == "GET":
        form = FORM.blank(choices, active=True, site=next(iter(choices["site"]), ""))
        if found is not None:
            form = FORM.blank(choices, site=found.site_id, **service.snapshot(found))
        return await render(request, "faces/settings.html", {"form": form, "template": found})
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        given = {
            "name": value.name,
            "site": int(value.site),
            "organisation": int(value.organisation) if value.organisation else None,
            "card_class": int(value.card_class) if value.card_class else None,
            "active": value.active,
        }

        def write() -> int:
            row = None if template_id is None else scope.get(FaceTemplate, template_id)
            before = None if row is None else service.snapshot(row)
            saved = service.save_settings(scope, row, given, sample_face(), by.operator_name, by.at)
            action = "cards.face_create" if row is None else "cards.face_settings"
            centre.audit.record(
                actor,
                action,
                "face_template",
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
            raise web.HTTPSeeOther(f"/faces/templates/{saved_id}")
    return await render(request, "faces/settings.html", {"form": form, "template": found}, status=422)


def _choices(scope: Scope) -> dict[str, Choices]:
    classes = scope.filter(CardClass.select().where(CardClass.active)).order_by(CardClass.name)
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "organisation": {str(number): name for number, name in organisations_in(scope)},
        "card_class": {str(row.id): row.name for row in classes.limit(200)},
    }


NAV: Final = [NavItem("cards", lazy("Card faces"), "/faces/templates", order=45)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/faces/templates", list_templates, ("cards", "view")),
    Route("GET", "/faces/templates/new", edit_settings, ("cards", "approve")),
    Route("POST", "/faces/templates/new", edit_settings, ("cards", "approve")),
    Route("GET", r"/faces/templates/{id:\d+}/settings", edit_settings, ("cards", "approve")),
    Route("POST", r"/faces/templates/{id:\d+}/settings", edit_settings, ("cards", "approve")),
]

"""The calendar of special days of an estate: entered by hand or imported from a file."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.model import SpecialDay
from central.access.special_days import FILE_BYTES_MAX, GROUP_TEXT, Day, Group, Mistake, parse_csv
from central.audit import Actor
from central.centre import Centre, centre_of
from central.errors import InvalidInputError
from central.people.inputs import path_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync import publish
from central.web.columns import DAY, NUMBER, Column, WordFormat
from central.web.fields import ChoiceField, Choices, DateField, TextField
from central.web.filters import ChoiceFilter, DayFilter
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table
from protocol.limits import SPECIAL_DAYS_MAX

GROUP_WORDS: Final = {int(group): text for group, text in GROUP_TEXT.items()}
TEMPLATE: Final = "\ufeffdate,group,name\r\n2026-10-01,holiday,国庆节\r\n2026-10-10,workday,调休上班\r\n"


def _query(scope: Scope) -> Any:
    query = SpecialDay.select(
        SpecialDay.id, SpecialDay.day_on, SpecialDay.group, SpecialDay.name, Site.name.alias("site_name")
    ).join(Site)
    return scope.filter(query, SpecialDay)


DAYS: Final = Table(
    name="special_days",
    title=lazy("Special days"),
    query=_query,
    key=SpecialDay.id,
    sort="day_on",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "day_on",
            lazy("Day"),
            DAY,
            sort=SpecialDay.day_on,
            href=lambda row: f"/access/special-days/{row.id}",
        ),
        Column("group", lazy("Kind of day"), WordFormat(GROUP_WORDS)),
        Column("name", lazy("Occasion")),
        Column("site_name", lazy("Estate")),
    ),
    filters=(
        DayFilter("day", lazy("Day"), field=SpecialDay.day_on, is_day=True),
        ChoiceFilter(
            "group",
            lazy("Kind of day"),
            choices={str(number): text for number, text in GROUP_WORDS.items()},
            where=lambda value: SpecialDay.group == int(value),
        ),
    ),
    empty=lazy("No special day is entered: every date counts as an ordinary day of the week."),
)


class DayForm(msgspec.Struct, kw_only=True):
    """One special day."""

    site: str
    day_on: date
    group: str
    name: str | None


FORM: Final = Form(
    DayForm,
    DateField("day_on", lazy("Day")),
    ChoiceField(
        "group", lazy("Kind of day"), choices={str(number): text for number, text in GROUP_WORDS.items()}
    ),
    TextField("name", lazy("Occasion"), is_required=False, length_max=60),
    ChoiceField("site", lazy("Estate")),
)


async def list_days(request: web.Request) -> web.Response:
    """GET /access/special-days"""
    choices = await _choices(request)
    form = FORM.blank(choices, site=next(iter(choices["site"]), ""), group=int(Group.HOLIDAY))
    return await _page(request, form, choices)


async def add_day(request: web.Request) -> web.Response:
    """POST /access/special-days: enter or change one day."""
    choices = await _choices(request)
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        day = Day(value.day_on, Group(int(value.group)), value.name or "")
        await put_days(request, int(value.site), [day])
        raise web.HTTPSeeOther("/access/special-days")
    return await _page(request, form, choices)


async def import_days(request: web.Request) -> web.Response:
    """POST /access/special-days/import: all or nothing; each mistake with its line and column."""
    choices = await _choices(request)
    form = FORM.blank(choices, site=next(iter(choices["site"]), ""), group=int(Group.HOLIDAY))
    posted = await request.post()
    upload, site = posted.get("file"), str(posted.get("site", ""))
    if site not in choices["site"]:
        raise InvalidInputError("There is no such estate.")
    if not isinstance(upload, web.FileField):
        return await _page(request, form, choices, problem=_("Choose a file first."))
    raw = upload.file.read(FILE_BYTES_MAX + 1)
    if len(raw) > FILE_BYTES_MAX:
        return await _page(request, form, choices, problem=_("The file is too large."))
    try:
        days, mistakes = parse_csv(raw)
    except InvalidInputError as error:
        return await _page(request, form, choices, problem=_(str(error)))
    if mistakes:
        return await _page(request, form, choices, mistakes=mistakes)
    if not days:
        return await _page(request, form, choices, problem=_("The file has no day in it."))
    await put_days(request, int(site), days)
    raise web.HTTPSeeOther(f"/access/special-days?imported={len(days)}")


async def show_day(request: web.Request) -> web.Response:
    """GET /access/special-days/{id}: change it by entering it again, or take it away."""
    settle(request)
    scope, day_id = scope_of(request), path_id(request)
    day, choices = (
        await centre_of(request).db.read(scope.get, SpecialDay, day_id),
        await _choices(request),
    )
    form = FORM.blank(choices, site=day.site_id, group=day.group, day_on=day.day_on, name=day.name)
    return await render(request, "access/special_day.html", {"form": form, "day": day})


async def delete_day(request: web.Request) -> web.Response:
    """POST /access/special-days/{id}/delete"""
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    day_id = path_id(request)

    def write() -> None:
        day = scope.get(SpecialDay, day_id)
        check_place(scope, day.site_id)
        site_id, before = day.site_id, _words(Day(day.day_on, Group(day.group), day.name))
        day.delete_instance()
        publish.special_days_changed(site_id)
        centre.audit.record(
            actor, "access.special_day_delete", "special_day", day_id, before, site_id=site_id
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther("/access/special-days")


async def template(request: web.Request) -> web.Response:
    """GET /access/special-days/template.csv: an example to fill in."""
    return web.Response(
        body=TEMPLATE.encode(),
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": 'attachment; filename="special-days.csv"',
        },
    )


async def put_days(request: web.Request, site_id: int, days: list[Day]) -> None:
    """Enter days, replacing what stood on the same dates; one audit row. For the pages and the API.

    :raises InvalidInputError: the estate is not there or outside the scope, or it has too many days then.
    """
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    await centre.db.write(_put_days, centre, scope, actor, site_id, days)


def _put_days(centre: Centre, scope: Scope, actor: Actor, site_id: int, days: list[Day]) -> None:
    check_place(scope, site_id)
    for day in days:
        SpecialDay.insert(site=site_id, day_on=day.on, group=int(day.group), name=day.name).on_conflict(
            conflict_target=[SpecialDay.site, SpecialDay.day_on],
            preserve=[SpecialDay.group, SpecialDay.name],
        ).execute()
    if SpecialDay.select().where(SpecialDay.site == site_id).count() > SPECIAL_DAYS_MAX:
        raise InvalidInputError("A device holds 2,000 special days at most.")
    publish.special_days_changed(site_id)
    centre.audit.record(
        actor,
        "access.special_days",
        "site",
        site_id,
        after=[_words(day) for day in days],
        site_id=site_id,
    )


def _words(day: Day) -> dict[str, str]:
    return {"on": day.on.isoformat(), "group": day.group.name.lower(), "name": day.name}


async def _choices(request: web.Request) -> dict[str, Choices]:
    settle(request)
    sites = await centre_of(request).db.read(sites_in, scope_of(request))
    return {"site": {str(number): name for number, name in sites}}


async def _page(
    request: web.Request,
    form: BoundForm[DayForm],
    choices: dict[str, Choices],
    *,
    problem: str = "",
    mistakes: list[Mistake] | None = None,
) -> web.Response:
    context = {
        "form": form,
        "sites": choices["site"],
        "problem": problem,
        "mistakes": mistakes or [],
        "imported": request.query.get("imported", "")
        if request.query.get("imported", "").isdecimal()
        else "",
        "may_edit": principal_of(request).may("access", "edit"),
    }
    response = await list_page(
        request, DAYS, scope_of(request), template="access/special_days.html", context=context
    )
    if problem or mistakes or not form.is_valid:
        response.set_status(422)
    return response


NAV: Final = [NavItem("access_set_up", lazy("Special days"), "/access/special-days", order=70)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/access/special-days", list_days, ("access", "view")),
    Route("GET", "/access/special-days/template.csv", template, ("access", "view")),
    Route("POST", "/access/special-days", add_day, ("access", "edit")),
    Route(
        "POST",
        "/access/special-days/import",
        import_days,
        ("access", "edit"),
        body_bytes_max=FILE_BYTES_MAX + 16_384,
    ),
    Route("GET", r"/access/special-days/{id:\d+}", show_day, ("access", "edit")),
    Route("POST", r"/access/special-days/{id:\d+}/delete", delete_day, ("access", "edit")),
]

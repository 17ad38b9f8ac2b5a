"""Who is told of alarms, by which rules and ways, and what was sent (64, issue of the doors: escalation and re-page)."""

from __future__ import annotations

from datetime import time
from typing import Any, Final

import msgspec
from aiohttp import web

from central.access.alarm_kinds import Severity
from central.beside import run_beside
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.paging import outbox, service, way_pages
from central.paging.model import PagingAttempt, PagingContact, PagingMessage, PagingRule
from central.paging.rules import Way
from central.paging.sender import Sender
from central.paging.tables import FIGURES, MESSAGES, WAY_TEXT
from central.parts import Apps
from central.people.exporting import audited
from central.people.inputs import path_id, row_id
from central.routes import Permission, Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.catalogue import Language
from central.web.fields import (
    CheckField,
    Choice,
    ChoiceField,
    Choices,
    ChoicesField,
    HiddenField,
    NumberField,
    TextField,
    TimeField,
)
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.vocabulary import STATUSES
from central.webhooks.model import Webhook

__all__ = ["FIGURES"]
ALL: Final = "all"
MINUTES: Final = lazy("minutes")
LANGUAGE_TEXT: Final = {
    Language.ZH_HANS.value: "简体中文",
    Language.ZH_HANT.value: "繁體中文",
    Language.EN.value: "English",
}


class ContactForm(msgspec.Struct, kw_only=True):
    """A contact as it is typed."""

    label: str
    language: str
    email: str | None
    phone: str | None
    webhook: str | None
    site: str
    organisation: str
    enabled: bool
    version: str | None


class RuleForm(msgspec.Struct, kw_only=True):
    """A rule as it is typed."""

    label: str
    severity: str
    after_min: int
    every_min: int
    times_max: int
    gather_min: int
    from_time: time
    until_time: time
    ways: tuple[str, ...]
    contacts: tuple[str, ...]
    also_over: bool
    site: str
    organisation: str
    enabled: bool
    version: str | None


_PLACE: Final = (ChoiceField("site", lazy("Estate")), ChoiceField("organisation", lazy("Organisation")))
CONTACT_FORM: Final = Form(
    ContactForm,
    TextField(
        "label", lazy("Contact"), length_max=60, hint=lazy("A person or a post, such as Duty manager.")
    ),
    ChoiceField("language", lazy("Language of the messages"), choices=LANGUAGE_TEXT),
    TextField("email", lazy("E-mail"), is_required=False, length_max=120),
    TextField("phone", lazy("Telephone for SMS"), is_required=False, length_max=24),
    ChoiceField(
        "webhook",
        lazy("Web address"),
        is_required=False,
        hint=lazy(
            "One of those entered under Events to other programs; it is signed and repeated as they are."
        ),
    ),
    *_PLACE,
    CheckField("enabled", lazy("Send messages there")),
    HiddenField("version", "", is_required=False),
)
RULE_FORM: Final = Form(
    RuleForm,
    TextField("label", lazy("Name of the rule"), length_max=60),
    ChoiceField(
        "severity",
        lazy("From this severity on"),
        choices={
            str(int(each)): STATUSES["severity"][each.word].text for each in sorted(Severity, reverse=True)
        },
    ),
    NumberField(
        "after_min",
        lazy("First message after"),
        least=0,
        most=1_440,
        unit=MINUTES,
        hint=lazy("Without acknowledgement. 0: at once."),
    ),
    NumberField("every_min", lazy("Again every"), least=1, most=1_440, unit=MINUTES),
    NumberField(
        "times_max",
        lazy("At most"),
        least=1,
        most=50,
        unit=lazy("times"),
        hint=lazy("The first one included."),
    ),
    NumberField(
        "gather_min",
        lazy("Between two messages at least"),
        least=1,
        most=60,
        unit=MINUTES,
        hint=lazy("What is raised meanwhile is told together."),
    ),
    TimeField("from_time", lazy("From"), hint=lazy("Local time. The same time twice: the whole day.")),
    TimeField("until_time", lazy("Until"), hint=lazy("Earlier than the beginning: over midnight.")),
    ChoicesField("ways", lazy("Ways"), choices=WAY_TEXT),
    ChoicesField("contacts", lazy("Contacts")),
    CheckField(
        "also_over",
        lazy("Also alarms that are over"),
        hint=lazy("A door that was forced and shut again is told too, until somebody acknowledges it."),
    ),
    *_PLACE,
    CheckField("enabled", lazy("The rule is in force")),
    HiddenField("version", "", is_required=False),
)
_RULE_START: Final[dict[str, Any]] = {
    "severity": str(int(Severity.URGENT)),
    "after_min": 5,
    "every_min": 10,
    "times_max": 3,
    "gather_min": 5,
    "from_time": time(0),
    "until_time": time(0),
    "also_over": True,
    "enabled": True,
}


async def show_rules(request: web.Request) -> web.Response:
    """GET /alarms/messages/rules: rules, contacts and ways on one page."""
    settle(request)
    scope = scope_of(request)

    def read() -> dict[str, Any]:
        contacts = list(scope.filter(PagingContact.select()).order_by(PagingContact.label))
        labels = {contact.id: contact.label for contact in PagingContact.select()}
        rules = list(scope.filter(PagingRule.select()).order_by(PagingRule.after_min, PagingRule.id))
        return {
            "contacts": contacts,
            "rules": [(rule, [labels[n] for n in rule.contacts if n in labels]) for rule in rules],
            "ways": way_pages.entered(),
        }

    context = await centre_of(request).db.read(read)
    context |= {
        "way_text": WAY_TEXT,
        "severity_of": lambda number: Severity(number).word,
        "language_text": LANGUAGE_TEXT,
        "clock": lambda minute: f"{minute // 60:02d}:{minute % 60:02d}",
    }
    return await render(request, "paging/rules.html", context)


async def edit_contact(request: web.Request) -> web.Response:
    """GET and POST /alarms/messages/contacts/new and /alarms/messages/contacts/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    number = path_id(request) if "id" in request.match_info else None
    choices = await centre.db.read(_choices, scope)
    found = None if number is None else await centre.db.read(scope.get, PagingContact, number)
    if request.method == "GET":
        values: dict[str, Any] = {"enabled": True, "language": Language.ZH_HANS.value}
        if found is not None:
            names = ("label", "language", "email", "phone", "enabled", "version")
            values = {name: getattr(found, name) for name in names} | _place_of(found)
            values["webhook"] = found.webhook_id or ""
        return await _contact_page(request, found, CONTACT_FORM.blank(choices, **values))
    form = CONTACT_FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        values = {
            "label": value.label,
            "language": value.language,
            "email": value.email or "",
            "phone": value.phone or "",
            "webhook": row_id(value.webhook or ""),
            "enabled": value.enabled,
        } | _place(value)
        try:
            version = row_id(value.version or "")
            given = (centre, scope, actor_of(request), number, values, version)
            number = await centre.db.write(service.put_contact, *given)
        except (ConflictError, ForbiddenError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/alarms/messages/contacts/{number}")
    return await _contact_page(request, found, form, 422)


async def _contact_page(
    request: web.Request, found: Any, form: BoundForm[ContactForm], status: int = 200
) -> web.Response:
    return await render(request, "paging/contact.html", {"contact": found, "form": form}, status=status)


async def edit_rule(request: web.Request) -> web.Response:
    """GET and POST /alarms/messages/rules/new and /alarms/messages/rules/{id}"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    number = path_id(request) if "id" in request.match_info else None
    choices = await centre.db.read(_choices, scope)
    found = None if number is None else await centre.db.read(scope.get, PagingRule, number)
    if request.method == "GET":
        values = dict(_RULE_START)
        if found is not None:
            names = ("label", "after_min", "every_min", "times_max", "gather_min", "also_over", "enabled")
            values = {name: getattr(found, name) for name in (*names, "version")} | _place_of(found)
            values |= {
                "severity": str(found.severity),
                "from_time": _time(found.from_minute),
                "until_time": _time(found.until_minute),
                "ways": tuple(found.ways),
                "contacts": tuple(map(str, found.contacts)),
            }
        return await _rule_page(request, found, RULE_FORM.blank(choices, **values))
    form = RULE_FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        names = ("label", "after_min", "every_min", "times_max", "gather_min", "also_over", "enabled")
        values = {name: getattr(value, name) for name in names} | _place(value)
        values |= {
            "severity": int(value.severity),
            "from_minute": _minute(value.from_time),
            "until_minute": _minute(value.until_time),
            "ways": [way.value for way in Way if way.value in value.ways],
            "contacts": sorted(map(int, value.contacts)),
        }
        try:
            version = row_id(value.version or "")
            given = (centre, scope, actor_of(request), number, values, version)
            await centre.db.write(service.put_rule, *given)
        except (ConflictError, ForbiddenError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/alarms/messages/rules")
    return await _rule_page(request, found, form, 422)


async def _rule_page(
    request: web.Request, found: Any, form: BoundForm[RuleForm], status: int = 200
) -> web.Response:
    return await render(request, "paging/rule.html", {"rule": found, "form": form}, status=status)


async def act(request: web.Request) -> web.Response:
    """POST /alarms/messages/contacts/{id}/delete and /test, /alarms/messages/rules/{id}/delete"""
    centre, scope, actor, number = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    if request.path.endswith("/test"):
        await centre.db.write(service.test, centre, scope, actor, number, centre.clock.now())
        raise web.HTTPSeeOther("/alarms/messages")
    model = PagingContact if "/contacts/" in request.path else PagingRule
    await centre.db.write(service.delete, centre, scope, actor, model, number)
    raise web.HTTPSeeOther("/alarms/messages/rules")


# -- what was sent ----------------------------------------------------------------------------------------------------


async def list_messages(request: web.Request) -> web.Response:
    """GET /alarms/messages"""
    return await list_page(
        request,
        MESSAGES,
        scope_of(request),
        template="paging/messages.html",
        export_path="/alarms/messages/export",
    )


async def export_messages(request: web.Request) -> web.StreamResponse:
    """GET /alarms/messages/export"""
    return await list_export(request, MESSAGES, scope_of(request), on_export=audited("access.export"))


async def show_message(request: web.Request) -> web.Response:
    """GET /alarms/messages/{id}: what was sent, each try and its answer."""
    settle(request)
    scope, number = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        message = scope.get(PagingMessage, number)
        attempts = list(
            PagingAttempt.select().where(PagingAttempt.message == number).order_by(PagingAttempt.id)
        )
        return {
            "message": message,
            "contact": PagingContact.get_by_id(message.contact_id),
            "rule": PagingRule.get_or_none(PagingRule.id == message.rule_id),
            "attempts": attempts,
        }

    context = await centre_of(request).db.read(read)
    context |= {"way_text": WAY_TEXT, "may_edit": principal_of(request).may("access", "edit")}
    return await render(request, "paging/message.html", context)


async def send_again(request: web.Request) -> web.Response:
    """POST /alarms/messages/{id}/again"""
    centre, number = centre_of(request), path_id(request)
    given = (centre, scope_of(request), actor_of(request), number, centre.clock.now())
    await centre.db.write(service.send_again, *given)
    raise web.HTTPSeeOther(f"/alarms/messages/{number}")


def _choices(scope: Scope) -> dict[str, Choices]:
    sites = {str(site.id): site.name for site in scope.sites(Site.select().order_by(Site.id))}
    organisations = {str(o.id): o.name for o in scope.filter(Organisation.select()).order_by(Organisation.id)}
    all_sites = {ALL: lazy("Every estate")} if scope.is_head_office else {}
    hooks = scope.filter(Webhook.select()).order_by(Webhook.id)
    contacts = (
        PagingContact.select().where(scope.shared_condition(PagingContact)).order_by(PagingContact.label)
    )
    return {
        "site": {**all_sites, **sites},
        "organisation": {ALL: lazy("Every organisation"), **organisations},
        "webhook": {str(hook.id): hook.label for hook in hooks},
        "contacts": [Choice(str(contact.id), contact.label) for contact in contacts],
    }


def _place(value: Any) -> dict[str, int | None]:
    return {
        "site": None if value.site == ALL else int(value.site),
        "organisation": None if value.organisation == ALL else int(value.organisation),
    }


def _place_of(found: Any) -> dict[str, Any]:
    return {"site": found.site_id or ALL, "organisation": found.organisation_id or ALL}


def _minute(at: time) -> int:
    return at.hour * 60 + at.minute


def _time(minute: int) -> time:
    return time(minute // 60, minute % 60)


AFTER_RESTORE: Final = [outbox.restored]
NAV: Final[list[NavItem]] = [
    NavItem("access_set_up", lazy("Messages about alarms"), "/alarms/messages", order=16)
]
_ID: Final = r"{id:\d{1,9}}"
_BASE: Final = "/alarms/messages"
_VIEW: Final[Permission] = ("access", "view")
_EDIT: Final[Permission] = ("access", "edit")
ROUTES: Final[list[Route]] = [
    Route("GET", _BASE, list_messages, _VIEW),
    Route("GET", f"{_BASE}/export", export_messages, ("access", "export")),
    Route("GET", f"{_BASE}/rules", show_rules, _EDIT),
    *(
        Route(method, f"{_BASE}/{what}/{which}", handler, _EDIT, step_up=method == "POST")
        for what, handler in (("contacts", edit_contact), ("rules", edit_rule))
        for which in ("new", _ID)
        for method in ("GET", "POST")
    ),
    *(
        Route("POST", f"{_BASE}/{what}/{_ID}/delete", act, _EDIT, step_up=True)
        for what in ("contacts", "rules")
    ),
    Route("POST", f"{_BASE}/contacts/{_ID}/test", act, _EDIT),
    Route("GET", f"{_BASE}/{_ID}", show_message, _VIEW),
    Route("POST", f"{_BASE}/{_ID}/again", send_again, _EDIT),
    *way_pages.ROUTES,
]


def install(apps: Apps) -> None:
    """The sender beside the pages."""
    run_beside(apps.browsers, "paging", lambda: Sender(apps.centre).work())

"""Events for other programs: addresses that they are sent to, and the stream that programs read themselves."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web
from peewee import fn

from central.beside import run_beside
from central.centre import centre_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.parts import Apps
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.fields import CheckField, Choice, ChoiceField, Choices, ChoicesField, HiddenField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle
from central.webhooks import addresses, outbox, service, stream, stream_api
from central.webhooks.model import Delivery, Webhook
from central.webhooks.sender import Sender, secret_of
from central.webhooks.service import Wish
from central.webhooks.stream import KIND_TEXT

SHOWN_MAX: Final = 50
ALL: Final = "all"


class HookForm(msgspec.Struct, kw_only=True):
    """An address as it is typed."""

    label: str
    url: str
    site: str
    organisation: str
    kinds: tuple[str, ...]
    enabled: bool
    version: str | None


FORM: Final = Form(
    HookForm,
    TextField("label", lazy("Name of the program"), length_max=60),
    TextField(
        "url",
        lazy("Web address"),
        length_max=addresses.URL_CHARS_MAX,
        hint=lazy("For example https://parking.example.com/onecard. The events are sent there by POST."),
    ),
    ChoiceField("site", lazy("Estate")),
    ChoiceField("organisation", lazy("Organisation")),
    ChoicesField(
        "kinds", lazy("Kinds of events"), choices=[Choice(kind, text) for kind, text in KIND_TEXT.items()]
    ),
    CheckField("enabled", lazy("Send events there")),
    HiddenField("version", "", is_required=False),
)


def state_of(hook: Webhook, given_up_count: int) -> str:
    """A name of the vocabulary's group "webhook"."""
    if not hook.enabled:
        return "off"
    if hook.fails_count:
        return "failing"
    return "given_up" if given_up_count or hook.dropped_count else "working"


def _shown(hook: Webhook) -> dict[str, Any]:
    counts = dict(
        Delivery.select(Delivery.state, fn.COUNT(Delivery.id))
        .where(Delivery.webhook == hook.id)
        .group_by(Delivery.state)
        .tuples()
    )
    return {
        "id": hook.id,
        "label": hook.label,
        "url": hook.url,
        "waiting": counts.get("waiting", 0),
        "given_up": counts.get("given_up", 0),
        "dropped": hook.dropped_count,
        "last_ok_at": hook.last_ok_at,
        "trouble": hook.trouble if hook.fails_count else "",
        "next_at": hook.next_at,
        "state": state_of(hook, counts.get("given_up", 0)),
    }


async def list_hooks(request: web.Request) -> web.Response:
    """GET /webhooks"""
    settle(request)
    scope = scope_of(request)

    def read() -> list[dict[str, Any]]:
        return [_shown(hook) for hook in scope.filter(Webhook.select()).order_by(Webhook.id)]

    return await render(request, "webhooks/list.html", {"hooks": await centre_of(request).db.read(read)})


async def show(request: web.Request) -> web.Response:
    """GET /webhooks/{id}"""
    settle(request)
    centre, scope, hook_id = centre_of(request), scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        hook = service.get(scope, hook_id)
        newest = (
            Delivery.select().where(Delivery.webhook == hook.id).order_by(Delivery.id.desc()).limit(SHOWN_MAX)
        )
        return {
            "hook": _shown(hook),
            "secret": secret_of(centre, hook.id, hook.secret_no),
            "kinds": [KIND_TEXT[kind] for kind in hook.kinds],
            "deliveries": list(newest),
            "kind_text": {**KIND_TEXT, "test": lazy("Test")},
        }

    return await render(request, "webhooks/show.html", await centre.db.read(read))


async def edit(request: web.Request) -> web.Response:
    """GET and POST /webhooks/new and /webhooks/{id}/edit"""
    settle(request)
    centre, scope = centre_of(request), scope_of(request)
    hook_id = path_id(request) if "id" in request.match_info else None
    choices = await centre.db.read(_choices, scope)
    found = None if hook_id is None else await centre.db.read(service.get, scope, hook_id)
    if request.method == "GET":
        values: dict[str, Any] = {
            "enabled": True,
            "kinds": ("access.granted", "access.denied", "alarm.raised"),
        }
        if found is not None:
            values = {
                "label": found.label,
                "url": found.url,
                "site": found.site_id or ALL,
                "organisation": found.organisation_id or ALL,
                "kinds": tuple(found.kinds),
                "enabled": found.enabled,
                "version": found.version,
            }
        return await _form(request, found, FORM.blank(choices, **values))
    form = FORM.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        try:
            await addresses.check(value.url, addresses.networks(centre.config.webhooks.allow))
            wish = Wish(
                label=value.label,
                url=value.url,
                kinds=tuple(value.kinds),
                site_id=None if value.site == ALL else int(value.site),
                organisation_id=None if value.organisation == ALL else int(value.organisation),
                enabled=value.enabled,
            )
            given = (hook_id, wish, row_id(value.version or ""), centre.clock.now())
            number = await centre.db.write(service.put, centre, scope, actor_of(request), *given)
        except (ConflictError, ForbiddenError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/webhooks/{number}")
    return await _form(request, found, form, 422)


async def _form(request: web.Request, found: Any, form: BoundForm[Any], status: int = 200) -> web.Response:
    return await render(request, "webhooks/edit.html", {"hook": found, "form": form}, status=status)


def _choices(scope: Scope) -> dict[str, Choices]:
    sites = {str(site.id): site.name for site in scope.sites(Site.select().order_by(Site.id))}
    organisations = {str(o.id): o.name for o in scope.filter(Organisation.select()).order_by(Organisation.id)}
    all_sites = {ALL: lazy("Every estate")} if scope.is_head_office else {}
    return {
        "site": {**all_sites, **sites},
        "organisation": {ALL: lazy("Every organisation"), **organisations},
    }


async def act(request: web.Request) -> web.Response:
    """POST /webhooks/{id}/secret, /test, /again, /delete"""
    settle(request)
    centre, scope, actor, hook_id = centre_of(request), scope_of(request), actor_of(request), path_id(request)
    what, now = request.path.rpartition("/")[2], centre.clock.now()
    match what:
        case "secret":
            await centre.db.write(service.new_secret, centre, scope, actor, hook_id)
        case "test":
            await centre.db.write(service.test, centre, scope, actor, hook_id, now)
        case "again":
            await centre.db.write(service.send_again, centre, scope, actor, hook_id, now)
        case _:
            await centre.db.write(service.delete, centre, scope, actor, hook_id)
            raise web.HTTPSeeOther("/webhooks")
    raise web.HTTPSeeOther(f"/webhooks/{hook_id}")


AFTER_RESTORE: Final = [stream.restored]
NAV: Final[list[NavItem]] = [NavItem("system", lazy("Events to other programs"), "/webhooks", order=52)]
_ONE: Final = r"/webhooks/{id:\d{1,9}}"
ROUTES: Final[list[Route]] = [
    Route("GET", "/webhooks", list_hooks, ("operators", "view")),
    Route("GET", "/webhooks/new", edit, ("operators", "edit")),
    Route("POST", "/webhooks/new", edit, ("operators", "edit"), step_up=True),
    Route("GET", _ONE, show, ("operators", "edit")),
    Route("GET", _ONE + "/edit", edit, ("operators", "edit")),
    Route("POST", _ONE + "/edit", edit, ("operators", "edit"), step_up=True),
    *(
        Route("POST", f"{_ONE}/{what}", act, ("operators", "edit"), step_up=True)
        for what in ("secret", "delete")
    ),
    *(Route("POST", f"{_ONE}/{what}", act, ("operators", "edit")) for what in ("test", "again")),
    *stream_api.ROUTES,
]
assert outbox.EVENTS_PER_POST <= stream.FACTS_AT_ONCE_MAX


def install(apps: Apps) -> None:
    """The sender beside the pages, and who waits for the stream."""
    stream_api.install(apps)
    run_beside(apps.browsers, "webhooks", lambda: Sender(apps.centre).work())

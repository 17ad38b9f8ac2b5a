"""Pages out of templates: ``return await render(request, "people/list.html", {"list": page})``.

Templates live with their sub-system (``central/people/templates/people/list.html``) and extend ``web/base.html``.
Autoescape is on, an undefined name is an error. Every page gets the language, menu, operator and CSRF token by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.typedefs import Handler
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from central.web import formats, i18n
from central.web.assets import asset_url
from central.web.byte_code import TemplateByteCode
from central.web.catalogue import Language
from central.web.hub import HUB
from central.web.nav import Nav
from central.web.vocabulary import SHAPES, STATUSES, status

CENTRAL: Final = Path(__file__).resolve().parents[1]


@dataclass
class Shell:
    """What every page shows and only the application knows; set once by ``central.app``."""

    nav: Nav = field(default_factory=Nav)
    organisation: Callable[[web.Request], str] = lambda request: ""
    """Name of the using organisation (使用單位) for the header and for printed pages."""
    zone: Callable[[web.Request], ZoneInfo] = lambda request: i18n.DEFAULT_ZONE
    """Time zone of the operator's site."""
    service: Callable[[], str] = lambda: "running"
    """State of the service in the vocabulary's "service" group."""
    alarms_open: Callable[[web.Request], Awaitable[int]] | None = None
    """Number of open alarms that the operator may see; publish the topic "shell" when it changes."""
    remember_language: Callable[[web.Request, Language], Awaitable[None]] | None = None
    """Store the signed-in operator's choice of language with the account."""
    is_development: bool = False
    """Shows the pattern page and checks templates for changes."""


SOUND_COOKIE: Final = "alarm-sound"
"""``off``: this workstation makes no sound when an alarm is raised (64)."""
MENUS_MAX: Final = 300
"""Menus that are kept, each of some 10 KiB; one too many, and they are written anew."""
SHELL: Final = web.AppKey("shell", Shell)


@cache
def environment(auto_reload: bool = False) -> Environment:
    """The one Jinja environment; templates of every folder of the centre are found by ``folder/name.html``."""
    jinja = Environment(
        loader=FileSystemLoader(sorted(CENTRAL.glob("*/templates"))),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=auto_reload,
        bytecode_cache=TemplateByteCode([Path(__file__), Path(formats.__file__)]),
    )
    jinja.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=False)  # type: ignore[attr-defined]  # by the extension
    for name in ("moment", "minute", "clock", "day", "weekday", "money", "number", "duration"):
        jinja.filters[name] = getattr(formats, name)
    jinja.globals.update(
        asset=asset_url,
        status=status,
        statuses=STATUSES,
        shape=shape,
        shapes=SHAPES,
        languages=list(Language),
    )
    return jinja


def shape(name: str) -> Markup:
    """The drawing of one shape of the vocabulary, inline, hidden from screen readers (the text stands beside it)."""
    drawing = (
        f'<svg class="shape" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{SHAPES[name]}</svg>'
    )
    return Markup(drawing)  # noqa: S704 (the vocabulary is ours)


def settle(request: web.Request) -> None:
    """Choose the language and the time zone of this request: operator, then cookie, then the browser's wish."""
    operator = request.get("operator")
    language = (
        i18n.parse_language(operator.language if operator is not None else None)
        or i18n.parse_language(request.cookies.get(i18n.LANGUAGE_COOKIE))
        or i18n.choose(request.headers.get("Accept-Language", ""))
    )
    i18n.use(language, request.app[SHELL].zone(request))


@web.middleware
async def settle_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Stands after the middleware that finds the operator."""
    settle(request)
    hub = request.app.get(HUB)
    request["live_from"] = hub.last_event_id if hub is not None else ""
    return await handler(request)


async def render(
    request: web.Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    status: int = 200,
) -> web.Response:
    """One HTML answer. Names of ``context`` go before the names that every page has."""
    settle(request)
    shell, alarms_open = request.app[SHELL], 0
    if shell.alarms_open is not None and request.get("operator") is not None:
        alarms_open = await shell.alarms_open(request)
    text = render_text(request, template, {"alarms_open": alarms_open, **(context or {})})
    response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = i18n.current().language.value
    response.headers["Vary"] = "Cookie, Accept-Language"
    return response


def render_text(request: web.Request, template: str, context: Mapping[str, Any] | None = None) -> str:
    """The page or fragment as text, in the setting of the running request."""
    shell = request.app[SHELL]
    page = environment(shell.is_development).get_template(template)
    return page.render({**page_context(request), **(context or {})})


def menu(shell: Shell, operator: Any, path: str) -> Markup:
    """The menu as this operator sees it on the page at ``path``; empty for a visitor."""
    allowed, current = shell.nav.allowed(operator), shell.nav.current(path)
    key = (i18n.current().language, current, tuple(item.path for item in allowed))
    menus = shell.nav.written
    if key not in menus or shell.is_development:
        if len(menus) >= MENUS_MAX:
            menus.clear()
        template = environment(shell.is_development).get_template("web/menu.html")
        sections = shell.nav.sections_of(allowed, current)
        menus[key] = Markup(template.render(sections=sections, current=current) if sections else "")  # noqa: S704
    return menus[key]


def page_context(request: web.Request) -> dict[str, Any]:
    """What every page knows."""
    shell = request.app[SHELL]
    operator = request.get("operator")
    return {
        "request": request,
        "operator": operator,
        "csrf_token": request.get("csrf", ""),
        "language": i18n.current().language,
        "zone": i18n.current().zone.key,
        "menu": menu(shell, operator, request.path),
        "may_open": lambda path: shell.nav.may_open(path, operator),
        "organisation": shell.organisation(request),
        "service": shell.service(),
        "alarms_open": 0,
        "alarm_sound": request.cookies.get(SOUND_COOKIE) != "off",
        "path": request.path,
        "path_qs": request.path_qs,
        "live_from": request.get("live_from", ""),
        "is_development": shell.is_development,
    }

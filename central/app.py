"""Builds the centre: its objects, and the two applications (browsers and nodes) with their routes.

It refuses to start when a route declares no valid permission, comes twice, or hides behind another (I13).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import web
from aiohttp.typedefs import Handler

from central import settings
from central.answers import errors_middleware
from central.audit import Audit
from central.centre import CENTRE, Centre
from central.checks import add_checks
from central.clock import Clock
from central.config import Config
from central.db import Database
from central.errors import CentralError
from central.health import TOPIC, Health
from central.parts import Apps, Collected, collect
from central.routes import METHODS, NODE, Route, is_valid_permission
from central.security import sessions
from central.security.bodies import limited, read_body
from central.security.certificates import load_or_create_authority
from central.security.first_run import SAMPLES
from central.security.guard import ROUTE_OF, guard_middleware, route_of
from central.security.headers import add_headers
from central.security.keys import load_or_create
from central.security.passwords import Hasher
from central.security.principal import OPERATOR, Principal
from central.web.hub import LiveHub
from central.web.nav import Nav
from central.web.openapi import document_when_asked
from central.web.render import settle_middleware
from central.web.setup import install_made
from protocol.limits import ENTRIES_PER_LEVEL_MAX

NODE_PREFIX: Final = "/node/"
"""Every path of the node listener begins with it, and no other one does."""


FORM_FIELDS_MAX: Final = ENTRIES_PER_LEVEL_MAX + 100
"""The largest form is that of an access level: a field for each reader."""


class RouteError(AssertionError):
    """A mistake of ours in the routes; the centre does not start."""


def build_centre(config: Config, clock: Clock, restart: Callable[[], None] = lambda: None) -> Centre:
    """The objects of one process; nothing is opened yet but the keys, which are made at first run.

    :raises StorageError: the data folder cannot be used.
    """
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = config.database
    db = Database(
        config.database_url,
        readers_count=database.readers_count,
        group_max=database.group_max,
        queue_max=database.queue_max,
    )
    keys = load_or_create(config.data / "keys")
    live = LiveHub()
    centre = Centre(
        config=config,
        db=db,
        clock=clock,
        audit=Audit(db, clock),
        live=live,
        keys=keys,
        authority=load_or_create_authority(keys.folder, clock.now()),
        hasher=Hasher(config.security),
        health=Health(clock.now, lambda word: live.publish(TOPIC, {"state": word})),
        restart=restart,
    )
    db.subscribe(sessions.ENDED, lambda told: live.end_for(told["number"]))
    add_checks(centre)
    return centre


def build_apps(centre: Centre, collected: Collected | None = None) -> Apps:
    """Both applications, with every route of every part.

    :raises RouteError: the routes are not in order.
    """
    # Names of a request's own storage are texts, so that templates can use them.
    warnings.simplefilter("ignore", web.NotAppKeyWarning)
    parts = collected or collect()
    made = _made(parts)
    limit = centre.config.limits.body_bytes_max
    browsers = web.Application(
        middlewares=[errors_middleware, guard_middleware, settle_middleware],
        client_max_size=limit,
        client_max_fields=FORM_FIELDS_MAX,
    )
    nodes = web.Application(middlewares=[node_middleware], client_max_size=limit)
    for app in (browsers, nodes):
        app[CENTRE] = centre
        app.on_response_prepare.append(add_headers)
    _add_routes(browsers, made.browsers)
    _add_routes(nodes, made.nodes)
    assert isinstance(centre.live, LiveHub)
    shell = install_made(browsers, made.nav, made.document, centre.live)
    header = Header(centre)
    shell.organisation = lambda request: header.organisation
    shell.zone = header.zone_for
    shell.service = lambda: centre.health.level.word
    shell.is_development = centre.config.is_development
    browsers.on_startup.append(header.start)
    browsers[SAMPLES] = parts.samples
    for feed in parts.feeds:
        centre.live.add_feed(feed)
    apps = Apps(centre, browsers, nodes)
    for install in parts.installers:
        install(apps)
    return apps


def check_routes(routes: Sequence[Route]) -> None:
    """Every route declares a valid permission, is there once, and stands on the right listener."""
    seen: set[str] = set()
    for route in routes:
        if not is_valid_permission(route.permission):
            raise RouteError(f"{route.name}: no valid permission ({route.permission!r})")
        if route.method not in METHODS or not route.path.startswith("/"):
            raise RouteError(f"{route.name}: no such method or path")
        if (route.permission is NODE) != route.path.startswith(NODE_PREFIX):
            raise RouteError(f"{route.name}: {NODE_PREFIX} is for the node listener, and only for it")
        shape = f"{route.method} {_shape(route.path)}"
        if shape in seen:
            raise RouteError(f"{route.name}: comes twice")
        seen.add(shape)


def _shape(path: str) -> str:
    """The path with the names of its parameters taken out: ``/people/{id}`` and ``/people/{number}`` are one."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


@dataclass(frozen=True)
class _Routing:
    """What a listener's router is given, and which of our routes each of its own stands for."""

    resources: tuple[web.AbstractResource, ...]
    route_of: Mapping[web.AbstractRoute, Route]

    @classmethod
    def of(cls, routes: Iterable[Route]) -> _Routing:
        """Plain paths first, so that /people/new is never taken for /people/{id}."""
        router = web.UrlDispatcher()
        ordered = sorted(routes, key=lambda route: "{" in route.path)
        route_of = {router.add_route(r.method, r.path, r.handler): r for r in ordered}
        return cls(tuple(router.resources()), route_of)


@dataclass(frozen=True)
class _Made:
    """What follows from the parts alone."""

    browsers: _Routing
    nodes: _Routing
    nav: Nav
    document: Callable[[], bytes]


@lru_cache(maxsize=4)
def _made(parts: Collected) -> _Made:
    """Checked and made once for every application of these parts (a test process makes hundreds).

    :raises RouteError: the routes are not in order.
    """
    check_routes(parts.routes)
    browser_routes = [route for route in parts.routes if route.permission is not NODE]
    return _Made(
        _Routing.of(browser_routes),
        _Routing.of(route for route in parts.routes if route.permission is NODE),
        Nav.build(parts.nav, browser_routes),
        document_when_asked(browser_routes),
    )


def _add_routes(app: web.Application, routing: _Routing) -> None:
    for resource in routing.resources:
        app.router.register_resource(resource)
    app[ROUTE_OF] = routing.route_of


@web.middleware
async def node_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The node listener: no browser has any business here, and every body has a limit. Who speaks, the handler proves."""
    if "Origin" in request.headers or "Cookie" in request.headers:
        raise web.HTTPForbidden()
    route = route_of(request)
    config = request.app[CENTRE].config
    try:
        if route is not None:
            request = limited(request, route, config)
            if request.method == "POST":
                await read_body(request, config)
        return await handler(request)
    except CentralError as error:
        return web.Response(status=error.status, text=str(error))


class Header:
    """What every page's head shows and the database knows: kept in memory, read again when it is announced."""

    CHANGED: Final = "settings.changed"

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self.organisation = ""
        self.zone = ZoneInfo(settings.DEFAULTS["zone"])

    async def start(self, app: web.Application) -> None:
        """Read now and follow."""
        self._centre.db.subscribe(self.CHANGED, self._take)
        self._take(await self._centre.db.read(read_header))

    def zone_for(self, request: web.Request) -> ZoneInfo:
        """The time zone of the operator's estate, when there is one only; else that of the centre."""
        principal: Principal | None = request.get(OPERATOR)
        return ZoneInfo(principal.zone) if principal is not None and principal.zone else self.zone

    def _take(self, told: object) -> None:
        assert isinstance(told, dict)
        self.organisation, self.zone = told["organisation_name"], ZoneInfo(told["zone"])


def read_header() -> dict[str, str]:
    """What :class:`Header` shows; inside ``db``."""
    return {key: settings.get(key) for key in ("organisation_name", "zone")}

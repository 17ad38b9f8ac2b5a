"""A small real application around the pages: real router, real HTTP, real database, a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import peewee
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from central.centre import CENTRE
from central.clock import FakeClock
from central.db import Database, Model
from central.errors import CentralError
from central.fields import InstantField
from central.routes import PUBLIC, SIGNED_IN, Open, Permission, Route
from central.web import pages
from central.web.hub import LiveHub
from central.web.i18n import lazy
from central.web.nav import NavItem
from central.web.render import settle_middleware
from central.web.setup import install
from tests.support.ready import lay_sqlite

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""The strictest policy of reliability.md section 4: pages must run under it without a complaint."""


@dataclass
class FakeOperator:
    """An operator with the given permissions; ``None`` means all of them."""

    name: str = "王芳"
    number: str = "0001"
    language: str = ""
    permissions: set[tuple[str, str]] | None = None

    def may(self, subsystem: str, verb: str) -> bool:
        return self.permissions is None or (subsystem, verb) in self.permissions

    def may_use(self, permission: Permission) -> bool:
        if isinstance(permission, tuple):
            return self.may(*permission)
        return permission is SIGNED_IN


class Passage(Model):
    """The rows of the lists under test."""

    id = peewee.BigAutoField()
    at = InstantField(index=True)
    person = peewee.TextField(index=True)
    door = peewee.TextField(index=True)
    fen = peewee.IntegerField(index=True)


@dataclass
class Site:
    """The application under test and its parts."""

    app: web.Application
    client: TestClient
    database: Database
    clock: FakeClock
    hub: LiveHub
    operator: dict[str, FakeOperator | None] = field(default_factory=dict)

    async def get(self, path: str, **kwargs: Any) -> Any:
        return await self.client.get(path, allow_redirects=False, **kwargs)


@asynccontextmanager
async def serve_pages(folder: Path, extra_routes: list[Route]) -> AsyncIterator[Site]:
    """The application on a free port of the loopback interface, with its database in ``folder``."""
    lay_sqlite(folder / "centre.db")
    database = Database(f"sqlite:///{folder / 'centre.db'}")
    await database.open()
    await database.write(lambda: Passage.create_table())
    clock, hub, who = FakeClock(), LiveHub(), {"operator": FakeOperator()}

    @web.middleware
    async def sign_in(request: web.Request, handler: Any) -> web.StreamResponse:
        request["operator"], request["csrf"] = who["operator"], "token-of-the-test"
        return await handler(request)

    @web.middleware
    async def errors(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            return await handler(request)
        except CentralError as error:
            return await pages.error_page(request, error.status, str(error))
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return await pages.error_page(request, error.status)

    async def policy(request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Content-Security-Policy"] = POLICY

    async def home(request: web.Request) -> web.Response:
        return web.Response(text="home")

    routes = [*pages.ROUTES, Route("GET", "/", home, PUBLIC), *extra_routes]
    app = web.Application(middlewares=[sign_in, settle_middleware, errors])
    app.on_response_prepare.append(policy)
    app[CENTRE] = SimpleNamespace(db=database, clock=clock, live=hub)
    nav = [NavItem("overview", lazy("Overview"), "/", order=1)]
    nav += [NavItem("system", lazy("Patterns"), "/patterns")]
    nav += [
        NavItem("access", lazy("Access events"), r.path)
        for r in extra_routes
        if r.method == "GET" and r.path.count("/") == 1 and not isinstance(r.permission, Open)
    ]
    shell = install(app, routes, nav, hub)
    shell.organisation = lambda request: "阳光花园物业"
    shell.zone = lambda request: ZoneInfo("Asia/Shanghai")
    shell.is_development = True
    for route in routes:
        app.router.add_route(route.method, route.path, route.handler)
    client = TestClient(TestServer(app))
    await client.start_server()
    yield Site(app, client, database, clock, hub, who)
    await client.close()
    await database.close()

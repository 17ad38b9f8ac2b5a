"""The centre refuses to start when a route is not in order (I13)."""

from __future__ import annotations

import pytest
from aiohttp import web

from central.app import RouteError, build_apps, build_centre, check_routes
from central.clock import FakeClock
from central.parts import Collected, collect
from central.routes import NODE, PUBLIC, SIGNED_IN, Route, is_valid_permission
from tests.support.centre import config_for


async def handler(request: web.Request) -> web.Response:
    return web.Response()


@pytest.mark.parametrize(
    "permission",
    [
        *(None, "", "people", ("people",), ("people", "look"), ("person", "view"), ("people", "view", "x")),
        *(frozenset(), frozenset({("people", "view")}), frozenset({("people", "view"), ("people", "look")})),
    ],
)
def test_a_route_without_a_valid_permission_is_refused(permission: object, tmp_path) -> None:
    """Planted break: let ``is_valid_permission`` return True for None."""
    route = Route("GET", "/x", handler, permission)
    with pytest.raises(RouteError, match="GET /x"):
        check_routes([route])
    with pytest.raises(RouteError):
        build_apps(build_centre(config_for(tmp_path), FakeClock()), Collected(routes=[route]))


@pytest.mark.parametrize(
    "permission",
    [PUBLIC, SIGNED_IN, NODE, ("people", "view"), frozenset({("people", "view"), ("access", "approve")})],
)
def test_these_are_permissions(permission: object) -> None:
    assert is_valid_permission(permission)


@pytest.mark.parametrize(
    "routes",
    [
        [Route("GET", "/x", handler, PUBLIC), Route("GET", "/x", handler, ("people", "view"))],
        [Route("GET", "/x/{id}", handler, PUBLIC), Route("GET", "/x/{number}", handler, PUBLIC)],
        [Route("PATCH", "/x", handler, PUBLIC)],
        [Route("GET", "x", handler, PUBLIC)],
        [Route("GET", "/x", handler, NODE)],
        [Route("GET", "/node/x", handler, PUBLIC)],
    ],
)
def test_routes_that_hide_each_other_or_stand_on_the_wrong_listener(routes: list[Route]) -> None:
    with pytest.raises(RouteError):
        check_routes(routes)


def test_the_routes_of_the_product_are_in_order() -> None:
    routes = collect().routes
    check_routes(routes)
    assert len(routes) > 50


def test_only_few_routes_are_public() -> None:
    """Whoever adds one, adds it here and says why."""
    public = {route.name for route in collect().routes if route.permission is PUBLIC}
    assert public <= {
        "GET /login",
        "POST /login",
        "POST /login/code",
        "GET /login/link",
        "POST /login/link",
        "GET /setup",
        "POST /setup",
        "GET /password",
        "POST /password",
        "GET /static/{digest}/{name:.+}",
        "GET /favicon.ico",
        "POST /language",
        "GET /patterns",
        "GET /healthz",
        "GET /certificate",
        "GET /certificate/onecard-ca.crt",
        "GET /api/openapi.json",
        "GET /manual/{chapter:[a-z-]+}",
        "GET /manual",
    }, public


async def test_plain_paths_go_before_parameters(tmp_path) -> None:
    async def by_id(request: web.Request) -> web.Response:
        return web.Response(text="id")

    apps = build_apps(
        build_centre(config_for(tmp_path), FakeClock()),
        Collected(routes=[Route("GET", "/x/{id}", by_id, PUBLIC), Route("GET", "/x/new", handler, PUBLIC)]),
    )
    order = [resource.canonical for resource in apps.browsers.router.resources()]
    assert order.index("/x/new") < order.index("/x/{id}")

"""Every route with every role, generated from the router itself (I13)."""

from __future__ import annotations

import hashlib
import re
from functools import cache

import pytest

from central import schema
from central.audit import AuditEntry
from central.parts import collect
from central.routes import NODE, PUBLIC, SIGNED_IN, Route
from central.security.roles import BUILT_IN, pairs_of
from tests.support.centre import Browser, RunningCentre
from tests.support.thorough import THOROUGH

SINGLE_SHOT = {"POST /logout", "POST /system/restart", "GET /live", "POST /system/backup"}
"""What ends the session, the process or takes its time: with the permission these have tests of their own."""
UNCOUNTED = {"audit_entry", "audit_head", "session", "throttle", "known_address", "device_status"}
PARAMETER = re.compile(r"\{(\w+)(?::([^{}]*(?:\{[^{}]*\})?[^{}]*))?\}")


ROLES = sorted(BUILT_IN)


@cache
def routes() -> list[Route]:
    return [route for route in collect().routes if route.permission not in (NODE, PUBLIC)]


def asked_by(route: Route) -> frozenset[object]:
    """The permissions of which one is enough."""
    return route.permission if isinstance(route.permission, frozenset) else frozenset({route.permission})


def address(route: Route) -> str:
    """The path with things in it that are not there."""

    def fill(match: re.Match[str]) -> str:
        pattern = match[2] or "[^/]+"
        tries = ("999999999", "nothing", *pattern.strip("()").split("|"))
        return next(text for text in tries if re.fullmatch(pattern, text))

    return PARAMETER.sub(fill, route.path)


async def send(browser: Browser, route: Route) -> int:
    if route.path.startswith("/api/"):
        options = {} if route.method == "GET" else {"json": {}}
        headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": browser.csrf}
        return (await browser.request(route.method, address(route), headers=headers, **options)).status
    if route.method == "GET":
        return (await browser.get(address(route))).status
    return (await browser.post(address(route), {})).status


def fingerprint() -> str:
    """Everything that the tables hold, but for what a refusal itself writes."""
    digest = hashlib.sha256()
    for model in schema.models():
        if model._meta.table_name in UNCOUNTED:
            continue
        for row in model.select().order_by(*model._meta.get_primary_keys()).tuples():
            digest.update(repr((model._meta.table_name, row)).encode())
    return digest.hexdigest()


@cache
def denied_to(role: str) -> dict[Route, None]:
    """In the order of the routes."""
    granted = {*pairs_of(BUILT_IN[role])}
    return {r: None for r in routes() if r.permission is not SIGNED_IN and granted.isdisjoint(asked_by(r))}


def sent_as(role: str) -> tuple[list[Route], list[Route]]:
    """What this role tries: routes that it may not use, and routes that it may.

    The guard asks for the permission that a route declares. So each route is refused to one role, each permission to each role
    that lacks it, and each change is made by one role that may; pages look different to each role, and each opens all of its
    own. `make soak` tries every route with every role.
    """
    denied, allowed = list(denied_to(role)), [r for r in routes() if r not in denied_to(role)]
    if not THOROUGH:
        first_of = {(r.method, r.permission): r for r in reversed(denied)}
        one_of_each = set(first_of.values())
        others = [denied_to(other) for other in ROLES[: ROLES.index(role)]]
        mine = {r for r in denied if not any(r in other for other in others)}
        denied = [r for r in denied if r in mine or r in one_of_each]
        allowed = [r for r in allowed if r.method == "GET" or all(r in other for other in others)]
    return denied, [r for r in allowed if r.name not in SINGLE_SHOT]


def test_every_route_is_refused_to_somebody_and_used_by_somebody() -> None:
    """Planted break: leave ``mine`` out of ``sent_as``."""
    sent = [sent_as(role) for role in ROLES]
    refused = {route for denied, _allowed in sent for route in denied}
    used = {route for _denied, allowed in sent for route in allowed}
    refusable = {route for role in ROLES for route in denied_to(role)}
    assert refused == refusable
    assert used == {route for route in routes() if route.name not in SINGLE_SHOT}


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_what_it_may_and_nothing_else(running_centre: RunningCentre, role: str) -> None:
    """Planted break: leave ``check_permission`` out of ``guard_middleware``."""
    browser = await running_centre.as_role(role)
    denied, allowed = sent_as(role)
    before = await running_centre.read(fingerprint)
    for route in denied:
        assert await send(browser, route) == 403, f"{role} may not {route.name}"
    assert await running_centre.read(fingerprint) == before, "a refused request changed something"

    def recorded() -> list[str]:
        rows = AuditEntry.select().where(AuditEntry.action == "refused").order_by(AuditEntry.seq)
        return [row.object_id for row in rows]

    assert await running_centre.read(recorded) == [route.name for route in denied]
    for route in allowed:
        status = await send(browser, route)
        assert status != 401, f"{role} may {route.name}"
        assert status < 500, f"{route.name} failed for {role}: {status}"
        if route.method == "GET":
            assert status in (200, 303, 404, 409, 422), f"{route.name} answered {role} {status}"


async def test_nobody_gets_nothing(running_centre: RunningCentre) -> None:
    visitor = running_centre.visitor()
    before = await running_centre.read(fingerprint)
    for route in routes():
        status = await send(visitor, route)
        assert status == (401 if route.path.startswith("/api/") else 303), route.name
    assert await running_centre.read(fingerprint) == before


async def test_an_unknown_address_and_a_wrong_method_are_told_apart_from_nothing(
    running_centre: RunningCentre,
) -> None:
    visitor = running_centre.visitor()
    assert (await visitor.get("/nowhere")).status == 404
    assert (await visitor.post("/people")).status == 405
    api = await visitor.get("/api/nowhere")
    assert (api.status, api.headers["Content-Type"].split(";")[0]) == (404, "application/json")

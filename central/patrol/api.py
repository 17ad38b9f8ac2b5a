"""The JSON API of the patrol's registers."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from central.patrol.tables import CARRIED, CHECKPOINTS, EVENT_CARDS, GUARDS, ROUTE_LIST
from central.routes import Route
from central.security.principal import scope_of
from central.web.lists import list_json
from central.web.openapi import describes


@describes("List checkpoints", rows=CHECKPOINTS)
async def api_checkpoints(request: web.Request) -> web.Response:
    """GET /api/patrol/checkpoints"""
    return await list_json(request, CHECKPOINTS, scope_of(request))


@describes("List guards", rows=GUARDS)
async def api_guards(request: web.Request) -> web.Response:
    """GET /api/patrol/guards"""
    return await list_json(request, GUARDS, scope_of(request))


@describes("List patrol routes", rows=ROUTE_LIST)
async def api_routes(request: web.Request) -> web.Response:
    """GET /api/patrol/routes"""
    return await list_json(request, ROUTE_LIST, scope_of(request))


@describes("List carried units", rows=CARRIED)
async def api_carried(request: web.Request) -> web.Response:
    """GET /api/patrol/carried"""
    return await list_json(request, CARRIED, scope_of(request))


@describes("List event cards", rows=EVENT_CARDS)
async def api_event_cards(request: web.Request) -> web.Response:
    """GET /api/patrol/event-cards"""
    return await list_json(request, EVENT_CARDS, scope_of(request))


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/patrol/checkpoints", api_checkpoints, ("patrol", "view")),
    Route("GET", "/api/patrol/guards", api_guards, ("patrol", "view")),
    Route("GET", "/api/patrol/routes", api_routes, ("patrol", "view")),
    Route("GET", "/api/patrol/carried", api_carried, ("patrol", "view")),
    Route("GET", "/api/patrol/event-cards", api_event_cards, ("patrol", "view")),
]

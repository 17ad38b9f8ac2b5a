"""Put pages into an application: ``shell = install(app, routes, nav_items, hub)`` from ``central.app``.

The application adds ``render.settle_middleware`` right behind the middleware that finds the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from aiohttp import web

from central.routes import Route
from central.web.hub import HUB, LiveHub
from central.web.nav import Nav, NavItem
from central.web.openapi import API_DOCUMENT, document_when_asked
from central.web.render import SHELL, Shell


def install(
    app: web.Application, routes: Sequence[Route], nav_items: Iterable[NavItem], hub: LiveHub
) -> Shell:
    """Give the application its menu and its live feed.

    :param routes: every route of the browser listener, so that the menu knows each page's permission.
    :raises AssertionError: a route under ``/api/`` does not describe itself.
    :returns: the shell; the application sets its ``organisation``, ``zone``, ``service`` and ``is_development``.
    """
    return install_made(app, Nav.build(nav_items, routes), document_when_asked(routes), hub)


def install_made(app: web.Application, nav: Nav, document: Callable[[], bytes], hub: LiveHub) -> Shell:
    """The same with a menu and a document of the API that were made before."""
    shell = Shell(nav=nav)
    app[SHELL] = shell
    app[HUB] = hub
    app[API_DOCUMENT] = document
    app.on_shutdown.append(_close_streams)
    return shell


async def _close_streams(app: web.Application) -> None:
    await app[HUB].close()

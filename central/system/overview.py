"""工作台, the first page: what needs somebody now, and today in figures."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.access import alarms
from central.centre import centre_of
from central.health import Level
from central.nodes.table import DEVICES, OFFLINE
from central.parts import Apps, collect
from central.security.principal import principal_of, scope_of
from central.system.first_steps import steps_done
from central.web import figures, i18n
from central.web.figures import Figure
from central.web.render import SHELL, render, settle

LINES_MAX: Final = 8
FIGURES: Final = web.AppKey("figures", list[Figure])


def install(apps: Apps) -> None:
    """The figures of every part, in their order."""
    apps.browsers[FIGURES] = sorted(collect().figures, key=lambda figure: figure.order)


async def show(request: web.Request) -> web.Response:
    """GET /: every operator; each number and each line only for those who may open what is behind it."""
    settle(request)
    centre, scope, principal = centre_of(request), scope_of(request), principal_of(request)
    nav = request.app[SHELL].nav
    wanted = [figure for figure in request.app[FIGURES] if nav.may_open(figure.path, principal)]
    today_on = centre.clock.now().astimezone(i18n.current().zone).date()

    def read() -> dict[str, Any]:
        sees_devices = nav.may_open("/devices", principal)
        return {
            "figures": [figures.count(figure, scope, today_on) for figure in wanted],
            "alarms": alarms.open_alarms(scope, LINES_MAX) if nav.may_open("/alarms", principal) else None,
            "offline": DEVICES.view(OFFLINE).rows(scope, None, LINES_MAX) if sees_devices else None,
            "steps": steps_done() if principal.may("system", "edit") else [],
        }

    context = await centre.db.read(read)
    shown = context.pop("figures")
    context |= {
        "needs": [one for one in shown if one.figure.needs_somebody],
        "today": [one for one in shown if not one.figure.needs_somebody],
        "today_on": today_on,
        "findings": [
            (str(finding), finding.level.word)
            for finding in centre.health.findings.values()
            if finding.level is not Level.RUNNING
        ],
        "sees_service": nav.may_open("/system", principal),
    }
    return await render(request, "system/overview.html", context)

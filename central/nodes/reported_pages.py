"""After a restore: dead cards that the devices still know and the restored data does not. An operator decides on each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web

from central.access.words import REASON_TEXT
from central.cards import acts
from central.cards.acts import By
from central.cards.desk import by_of
from central.cards.model import Card
from central.cards.numbers import show_uid
from central.cards.rules import Act, possible_acts
from central.centre import centre_of
from central.health import GOOD, Finding, Level
from central.parts import Apps
from central.people.inputs import path_id
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.scope import Scope
from central.sync import reported
from central.sync.model import ReportedRestriction
from central.web.i18n import LazyText, lazy
from central.web.nav import NavItem
from central.web.render import render
from protocol.reasons import Reason

SHOWN_MAX: Final = 500
HEALTH_NAME: Final = "reported"


@dataclass(frozen=True)
class Line:
    """One dead card as a device reported it."""

    id: int
    uid: str
    card: Card | None
    reason: LazyText
    device_label: str
    reported_at: datetime


def _lines(scope: Scope) -> list[Line]:
    query = ReportedRestriction.select().where(ReportedRestriction.decision == "")
    rows = scope.filter(query, ReportedRestriction).order_by(ReportedRestriction.id).limit(SHOWN_MAX)
    return [
        Line(
            row.id,
            show_uid(bytes(row.key)[1:]),
            reported.card_of(row),
            REASON_TEXT[int(reported.row_of(row).reason)],
            row.device.label,
            row.reported_at,
        )
        for row in rows
    ]


async def list_reported(request: web.Request) -> web.Response:
    """GET /devices/reported"""
    lines = await centre_of(request).db.read(_lines, scope_of(request))
    return await render(request, "nodes/reported.html", {"lines": lines})


def _keep(row: ReportedRestriction, by: By, why: str) -> str:
    """The card's own state takes it over where it can, so that its page says what the doors do. Returns the decision."""
    card, reason = reported.card_of(row), reported.row_of(row).reason
    possible = possible_acts(card.state) if card is not None else ()
    if reason is Reason.CARD_SUSPENDED and Act.SUSPEND in possible:
        acts.suspend(by, card, reason=why)
        return reported.CARD
    if reason in (Reason.CARD_LOST, Reason.CARD_STOLEN) and Act.REPORT_LOST in possible:
        acts.report_lost(by, card, stolen=reason is Reason.CARD_STOLEN, reason=why)
        return reported.CARD
    return reported.KEPT


async def decide(request: web.Request) -> web.Response:
    """POST /devices/reported/{id}/keep, .../lift"""
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    row_number, wish = path_id(request), request.match_info["wish"]

    def write() -> None:
        row = scope.get(ReportedRestriction, row_number)
        if row.decision:
            return
        decision = (
            reported.LIFTED if wish == "lift" else _keep(row, by, f"{row.device.label}, {row.reported_at:%F}")
        )
        reported.decide(row, decision)
        centre.audit.record(
            actor,
            "nodes.reported_lift" if wish == "lift" else "nodes.reported_keep",
            "device",
            row.device_id,
            after={"uid": show_uid(bytes(row.key)[1:]), "decision": decision},
            site_id=row.site_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther("/devices/reported")


NAV: Final = [NavItem("devices", lazy("Reported after a restore"), "/devices/reported", order=30)]
ROUTES: Final = [
    Route("GET", "/devices/reported", list_reported, ("nodes", "view")),
    Route("POST", "/devices/reported/{id:[0-9]+}/{wish:keep|lift}", decide, ("cards", "edit"), step_up=True),
]


def install(apps: Apps) -> None:
    """The state of the service is amber until everything is decided."""
    db = apps.centre.db

    async def look() -> Finding:
        count = await db.read(reported.undecided_count)
        if not count:
            return GOOD
        text = lazy("%(count)s dead cards reported by devices after the restore wait for a decision.")
        return Finding(Level.DEGRADED, text, {"count": count})

    apps.centre.health.add(HEALTH_NAME, look)

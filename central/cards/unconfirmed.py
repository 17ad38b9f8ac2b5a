"""Provisional loss reports that wait for a clerk: the list, its numbers on the first page, and the alarm after 72 hours.

Nothing here lifts a report: a card whose loss nobody confirms stays dead.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

from aiohttp import web

from central.beside import again_and_again, run_beside
from central.cards.model import Card, CardLoss
from central.cards.ports import places
from central.cards.rules import LossStatus
from central.centre import Centre
from central.parts import Apps
from central.people.model import Person
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, Column, StatusFormat
from central.web.figures import Figure
from central.web.filters import ChoiceFilter
from central.web.i18n import lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.tables import Table

PATH: Final = "/cards/losses/provisional"
_WAITING: Final = (
    (CardLoss.status == LossStatus.OPEN.value)
    & CardLoss.confirm_by.is_null(False)
    & CardLoss.confirmed_at.is_null()
)


def _query(scope: Scope) -> Any:
    query = (
        CardLoss.select(
            CardLoss.id,
            CardLoss.card.alias("card_id"),
            Card.card_no,
            Person.name.alias("person_name"),
            CardLoss.reporter,
            CardLoss.phone,
            CardLoss.operator_name,
            CardLoss.reported_at,
            CardLoss.confirm_by,
            CardLoss.escalated_at,
        )
        .join(Card, on=(CardLoss.card == Card.id))
        .switch(CardLoss)
        .left_outer_join(Person, on=(CardLoss.person == Person.id))
        .where(_WAITING)
    )
    return scope.filter(query, CardLoss)


UNCONFIRMED: Final = Table(
    name="unconfirmed",
    title=lazy("Provisional loss reports to confirm"),
    query=_query,
    key=CardLoss.id,
    sort="reported_at",
    columns=(
        Column("card_no", lazy("Card number"), CODE, href=lambda row: f"/cards/{row.card_id}"),
        Column("person_name", lazy("Holder")),
        Column(
            "state",
            lazy("Status"),
            StatusFormat("confirmation"),
            value=lambda row: "waiting" if row.escalated_at is None else "overdue",
        ),
        Column("reporter", lazy("Reported by")),
        Column("phone", lazy("Telephone to call back"), CODE),
        Column("operator_name", lazy("Operator")),
        Column("reported_at", lazy("Reported at"), MOMENT, sort=CardLoss.reported_at),
        Column("confirm_by", lazy("Confirm by"), MOMENT),
    ),
    filters=(
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={"waiting": lazy("Waiting for confirmation"), "overdue": lazy("Not confirmed in time")},
            where=lambda value: CardLoss.escalated_at.is_null(value == "waiting"),
        ),
    ),
    empty=lazy("No provisional loss report waits for a clerk."),
)


async def list_unconfirmed(request: web.Request) -> web.Response:
    """GET /cards/losses/provisional"""
    return await list_page(request, UNCONFIRMED, scope_of(request), template="cards/plain_list.html")


def escalate(now: datetime) -> int:
    """Raise the alarm for each report whose time is up, once; how many. Inside ``db.write``."""
    late = CardLoss.select().where(_WAITING & (CardLoss.confirm_by <= now) & CardLoss.escalated_at.is_null())
    count = 0
    for loss in late.order_by(CardLoss.id):
        CardLoss.update(escalated_at=now).where(CardLoss.id == loss.id).execute()
        places().raise_alarm("loss_unconfirmed", loss.card, now)
        count += 1
    return count


def is_due(now: datetime) -> bool:
    """True when there is something to escalate. Inside ``db.read``."""
    return bool(
        CardLoss.select()
        .where(_WAITING & (CardLoss.confirm_by <= now) & CardLoss.escalated_at.is_null())
        .exists()
    )


async def _look(centre: Centre) -> None:
    if await centre.db.read(is_due, centre.clock.now()):
        await centre.db.write(escalate, centre.clock.now())


def install(apps: Apps) -> None:
    """Look once a minute while the application runs."""
    what = "looking through provisional loss reports"
    run_beside(
        apps.browsers, "unconfirmed losses", partial(again_and_again, what, partial(_look, apps.centre))
    )


FIGURES: Final = [
    Figure(
        "losses_waiting",
        lazy("Provisional loss reports to confirm"),
        PATH,
        UNCONFIRMED,
        tone="warn",
        order=42,
    ),
    Figure(
        "losses_overdue",
        lazy("Loss reports not confirmed in time"),
        PATH,
        UNCONFIRMED,
        {"state": "overdue"},
        tone="bad",
        order=41,
    ),
]
NAV: Final = [NavItem("cards", lazy("Loss reports to confirm"), PATH, order=24)]
ROUTES: Final[list[Route]] = [Route("GET", PATH, list_unconfirmed, ("cards", "edit"))]

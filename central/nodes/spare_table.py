"""The list of boards that called in with a spare SD card (待入網設備), and the figure of those that wait."""

from __future__ import annotations

from typing import Any, Final

from central.sites.model import Site
from central.sites.scope import Scope
from central.sync.model import SpareBoard, SpareTicket
from central.sync.spares import State
from central.web.columns import CODE, MOMENT, Column, StatusFormat
from central.web.figures import Figure
from central.web.filters import ChoiceFilter, TextFilter
from central.web.i18n import lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES
from protocol.enrolment import fingerprint

PATH: Final = "/devices/waiting"


def _query(scope: Scope) -> Any:
    query = (
        SpareBoard.select(
            SpareBoard.id,
            SpareBoard.serial,
            SpareBoard.public_key,
            SpareBoard.address,
            SpareBoard.state,
            SpareBoard.first_at,
            SpareBoard.heard_at,
            SpareTicket.ticket_id.alias("ticket"),
            SpareTicket.label.alias("label"),
            Site.name.alias("site_name"),
        )
        .join(SpareTicket, on=(SpareBoard.spare == SpareTicket.id))
        .join(Site, on=(SpareBoard.site == Site.id))
    )
    return scope.filter(query, SpareBoard)


def _link(row: Any) -> str:
    return f"{PATH}/{row.id}"


BOARDS: Final = Table(
    name="waiting",
    title=lazy("Devices waiting to join"),
    query=_query,
    key=SpareBoard.id,
    sort="-first_at",
    columns=(
        Column(
            "serial", lazy("Board number"), CODE, value=lambda row: row.serial or f"#{row.id}", href=_link
        ),
        Column("state", lazy("Status"), StatusFormat("board")),
        Column(
            "fingerprint",
            lazy("Fingerprint"),
            CODE,
            value=lambda row: fingerprint(bytes(row.public_key)),
        ),
        Column("first_at", lazy("Called in"), MOMENT, sort=SpareBoard.first_at, sorts_down_first=True),
        Column("heard_at", lazy("Last heard"), MOMENT),
        Column("address", lazy("From address"), CODE),
        Column("ticket", lazy("Spare SD card"), value=lambda row: f"{row.ticket} {row.label}".strip()),
        Column("site_name", lazy("Estate"), is_shown=False),
    ),
    filters=(
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={name: one.text for name, one in STATUSES["board"].items()},
            field=SpareBoard.state,
        ),
        TextFilter("q", lazy("Search"), where=lambda text: SpareBoard.serial.contains(text)),
    ),
    empty=lazy(
        "A device that is started with a spare SD card calls in here and waits until you say which one it is."
    ),
    empty_href="/devices/spares",
    empty_action=lazy("Spare SD cards"),
)
FIGURES: Final = [
    Figure(
        "waiting_to_join",
        lazy("Devices waiting to join"),
        PATH,
        BOARDS,
        {"state": State.WAITING.value},
        tone="warn",
        order=25,
    )
]

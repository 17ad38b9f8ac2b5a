"""The lists of permits and of release slips."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from central.contractors.model import Permit, ReleaseSlip
from central.contractors.service import is_over
from central.households.model import Unit
from central.households.people import last_day_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.web import fold
from central.web.columns import CODE, DAY, LONG, MOMENT, MONEY, NUMBER, Column, StatusFormat
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.formats import local
from central.web.i18n import lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES

SLIP_STATES: Final = {name: state.text for name, state in STATUSES["release"].items()}


def unit_label(row: Any) -> str:
    """Building and unit of a row that was joined with its unit."""
    return f"{row.building} {row.unit_number}".strip()


def _permits(scope: Scope) -> Any:
    query = (
        Permit.select(
            Permit.id,
            Permit.number,
            Permit.firm,
            Permit.from_on,
            Permit.until_on,
            Permit.ended_at,
            Permit.deposit_fen,
            Permit.paid_at,
            Permit.refunded_at,
            Unit.building,
            Unit.number.alias("unit_number"),
            Site.name.alias("site_name"),
        )
        .join(Unit)
        .switch(Permit)
        .join(Site, on=(Permit.site == Site.id))
    )
    return scope.filter(query, Permit)


def deposit_state(row: Any) -> str:
    """Name in the vocabulary's group "deposit"."""
    if not row.deposit_fen:
        return "none"
    if row.refunded_at is not None:
        return "refunded"
    return "due" if row.paid_at is None else "held"


def permits_table(now: datetime) -> Table:
    """The list as it stands at ``now``: whether a permit is over depends on it."""
    today_on = local(now).date()
    return Table(
        name="permits",
        title=lazy("Contractors' permits"),
        query=_permits,
        key=Permit.id,
        sort="-number",
        columns=(
            Column(
                "number",
                lazy("Permit number"),
                CODE,
                sort=Permit.number,
                href=lambda row: f"/permits/{row.id}",
                sorts_down_first=True,
            ),
            Column("unit", lazy("Unit"), value=unit_label),
            Column("firm", lazy("Firm")),
            Column("from_on", lazy("First day"), DAY),
            Column("last_on", lazy("Last day"), DAY, value=lambda row: last_day_of(row.until_on)),
            Column(
                "state",
                lazy("Status"),
                StatusFormat("permit"),
                value=lambda row: "over" if is_over(row, today_on) else "running",
            ),
            Column("deposit_fen", lazy("Deposit"), MONEY),
            Column("deposit", lazy("Deposit is"), StatusFormat("deposit"), value=deposit_state),
            Column("site_name", lazy("Estate"), is_shown=False),
        ),
        filters=(
            TextFilter(
                "q",
                lazy("Search"),
                where=lambda text: Permit.firm.contains(text) | Unit.fold_key.contains(fold.fold(text)),
                placeholder=lazy("Firm or unit"),
            ),
            DayFilter("from", lazy("First day"), field=Permit.from_on, is_day=True),
        ),
        empty=lazy("A permit says who works in a unit, when, and with which cards."),
        empty_href="/permits/new",
        empty_action=lazy("New permit"),
    )


def slip_state(row: Any) -> str:
    """Name in the vocabulary's group "release"."""
    if row.voided_at is not None:
        return "void"
    return "open" if row.confirmed_at is None else "gone"


def _slips(scope: Scope) -> Any:
    query = (
        ReleaseSlip.select(
            ReleaseSlip.id,
            ReleaseSlip.number,
            ReleaseSlip.carrier,
            ReleaseSlip.plate,
            ReleaseSlip.goods,
            ReleaseSlip.valid_on,
            ReleaseSlip.confirmed_at,
            ReleaseSlip.confirmed_by,
            ReleaseSlip.voided_at,
            Unit.building,
            Unit.number.alias("unit_number"),
        )
        .join(Unit)
        .switch(ReleaseSlip)
    )
    return scope.filter(query, ReleaseSlip)


_STATE_WHERE: Final = {
    "open": ReleaseSlip.confirmed_at.is_null() & ReleaseSlip.voided_at.is_null(),
    "gone": ReleaseSlip.confirmed_at.is_null(False),
    "void": ReleaseSlip.voided_at.is_null(False),
}
SLIPS: Final = Table(
    name="releases",
    title=lazy("Goods release slips"),
    query=_slips,
    key=ReleaseSlip.id,
    sort="-number",
    columns=(
        Column(
            "number",
            lazy("Slip number"),
            CODE,
            sort=ReleaseSlip.number,
            href=lambda row: f"/releases/{row.id}",
            sorts_down_first=True,
        ),
        Column("unit", lazy("Unit"), value=unit_label),
        Column("goods", lazy("Goods"), LONG),
        Column("carrier", lazy("Who carries the goods")),
        Column("plate", lazy("Number plate"), CODE),
        Column("valid_on", lazy("Valid on"), DAY),
        Column("state", lazy("Status"), StatusFormat("release"), value=slip_state),
        Column("confirmed_at", lazy("Left at"), MOMENT),
        Column("confirmed_by", lazy("Confirmed by")),
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
    ),
    filters=(
        TextFilter(
            "q",
            lazy("Search"),
            where=lambda text: (
                ReleaseSlip.carrier.contains(text)
                | ReleaseSlip.plate.contains(text.upper())
                | Unit.fold_key.contains(fold.fold(text))
            ),
            placeholder=lazy("Carrier, plate or unit"),
        ),
        ChoiceFilter("state", lazy("Status"), choices=SLIP_STATES, where=lambda value: _STATE_WHERE[value]),
        DayFilter("valid", lazy("Valid on"), field=ReleaseSlip.valid_on, is_day=True),
    ),
    empty=lazy("A slip lets goods leave the estate; the guard at the gate confirms that they did."),
    empty_href="/releases/new",
    empty_action=lazy("New slip"),
)

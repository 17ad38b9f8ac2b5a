"""交接單: the paper of a change of owner or tenant, which both sides sign (U3, U9)."""

from __future__ import annotations

from typing import Final

from central.forms.kinds import Kind, Paper, register
from central.forms.print_pages import route
from central.households import readings
from central.households.lines import DEBT, amounts_text
from central.households.model import METER_TEXT, HandOver
from central.households.people import last_day_of
from central.routes import Route
from central.sites.scope import Scope
from central.web.formats import day, minute
from central.web.i18n import lazy


def _sheet(scope: Scope, hand_over_id: int) -> Paper:
    made = scope.get(HandOver, hand_over_id)
    rows = list(made.lines)
    last_on = last_day_of(made.cut_off_on)
    texts = {
        "number": f"{made.number:06d}",
        "unit": made.unit.label,
        "leaving": made.leaving.head.name if made.leaving is not None else "",
        "entering": made.entering.head.name if made.entering is not None else "",
        "last_day": day(last_on) if last_on is not None else "",
        "first_day": day(made.cut_off_on),
        "readings": ", ".join(f"{METER_TEXT[r.meter]} {readings.text(r.hundredths)}" for r in made.readings),
        "cards": ", ".join(row.label for row in rows if row.object_kind == "card"),
        "plates": ", ".join(row.label for row in rows if row.object_kind == "plate"),
        "deposits": ", ".join(
            f"{row.label}: {amounts_text(row.amounts)}" for row in rows if row.amounts and row.action != DEBT
        ),
        "debts": ", ".join(f"{row.label} {amounts_text(row.amounts)}" for row in rows if row.action == DEBT),
        "operator": made.operator_name,
        "made_at": minute(made.at),
    }
    return Paper(made.site_id, made.organisation_id, f"{texts['number']} {texts['unit']}", texts)


SHEET: Final = register(
    Kind(
        "hand_over",
        lazy("Hand-over sheet"),
        {
            "number": lazy("Number"),
            "unit": lazy("Unit"),
            "leaving": lazy("Who leaves"),
            "entering": lazy("Who enters"),
            "last_day": lazy("Last day billed to the old head"),
            "first_day": lazy("First day billed to the new head"),
            "readings": lazy("Meter readings"),
            "cards": lazy("Cards"),
            "plates": lazy("Number plates"),
            "deposits": lazy("Deposits"),
            "debts": lazy("Debts"),
            "operator": lazy("Operator"),
            "made_at": lazy("Time"),
        },
        {
            "number": "000123",
            "unit": lazy("Building 1, 101"),
            "leaving": lazy("Lin Xiaomei (sample)"),
            "entering": lazy("Chen Dawen (sample)"),
            "last_day": "2026-07-31",
            "first_day": "2026-08-01",
            "readings": "123.45",
            "cards": "00001234",
            "plates": "沪A·12345",
            "deposits": "00001234: ¥50.00",
            "debts": "¥600.00",
            "operator": "0001",
            "made_at": "2026-12-31 10:00:00",
        },
        _sheet,
    )
)
ROUTES: Final[list[Route]] = [route(SHEET, ("cards", "edit"))]

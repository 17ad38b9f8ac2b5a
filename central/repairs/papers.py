"""The ticket that a repairman takes along, for 58 and 80 mm printers and for forms (U9, U12)."""

from __future__ import annotations

from typing import Final

from central.forms.kinds import Kind, Paper, register
from central.repairs.model import Ticket
from central.repairs.rules import SEVERITY_TEXT
from central.sites.scope import Scope
from central.web.formats import minute
from central.web.i18n import lazy


def place_of(ticket: Ticket) -> str:
    """Door, device and what was said of the place. Inside ``db``."""
    names = [row.label for row in (ticket.door, ticket.device) if row is not None]
    return " · ".join(filter(None, (*names, ticket.place)))


def _read(scope: Scope, ticket_id: int) -> Paper:
    ticket = scope.get(Ticket, ticket_id)
    texts = {
        "number": f"{ticket.number:06d}",
        "place": place_of(ticket),
        "fault": ticket.what,
        "severity": str(SEVERITY_TEXT[ticket.severity]),
        "reported_at": minute(ticket.reported_at),
        "reported_by": ticket.reported_by,
        "due_at": minute(ticket.due_at),
        "assigned_to": ticket.assigned_to,
    }
    return Paper(ticket.site_id, ticket.organisation_id, texts["number"], texts)


TICKET: Final = register(
    Kind(
        "fault_ticket",
        lazy("Fault ticket"),
        {
            "number": lazy("Number"),
            "place": lazy("Place"),
            "fault": lazy("Fault"),
            "severity": lazy("Severity"),
            "reported_at": lazy("Reported"),
            "reported_by": lazy("Who reported it"),
            "due_at": lazy("Repair due"),
            "assigned_to": lazy("Repaired by whom"),
        },
        {
            "number": "000123",
            "place": lazy("East gate (sample)"),
            "fault": lazy("The lock does not release (sample)"),
            "severity": lazy("Urgent"),
            "reported_at": "2026-12-31 10:00",
            "reported_by": "0001",
            "due_at": "2026-12-31 14:00",
            "assigned_to": lazy("Lin Xiaomei (sample)"),
        },
        _read,
    )
)

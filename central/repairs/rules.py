"""The life of a fault ticket: a table of states, what each act needs, and when a repair is due. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from central import settings
from central.access.alarm_kinds import Severity
from central.errors import ConflictError
from central.web.i18n import LazyText, lazy


class State(Enum):
    """Where a ticket stands."""

    REPORTED = "reported"
    ASSIGNED = "assigned"
    REPAIRED = "repaired"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


class Act(Enum):
    """What is done with one."""

    REPORT = "report"
    ASSIGN = "assign"
    REPAIR = "repair"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    WITHDRAW = "withdraw"
    NOTE = "note"
    MAINTAIN = "maintain"
    """Work on a device or door without a fault; it has no ticket."""


NEXT: Final[dict[tuple[State, Act], State]] = {
    (State.REPORTED, Act.ASSIGN): State.ASSIGNED,
    (State.ASSIGNED, Act.ASSIGN): State.ASSIGNED,
    (State.REPORTED, Act.REPAIR): State.REPAIRED,
    (State.ASSIGNED, Act.REPAIR): State.REPAIRED,
    (State.REPAIRED, Act.CONFIRM): State.CONFIRMED,
    (State.REPAIRED, Act.REOPEN): State.REPORTED,
    (State.CONFIRMED, Act.REOPEN): State.REPORTED,
    (State.REPORTED, Act.WITHDRAW): State.WITHDRAWN,
    (State.ASSIGNED, Act.WITHDRAW): State.WITHDRAWN,
    (State.REPORTED, Act.NOTE): State.REPORTED,
    (State.ASSIGNED, Act.NOTE): State.ASSIGNED,
    (State.REPAIRED, Act.NOTE): State.REPAIRED,
}
"""Every pair that is not here is refused."""
UNREPAIRED: Final = (State.REPORTED.value, State.ASSIGNED.value)
OPEN: Final = (*UNREPAIRED, State.REPAIRED.value)
"""Somebody still has to do something."""
ACT_TEXT: Final[dict[str, LazyText]] = {
    Act.REPORT.value: lazy("Fault reported"),
    Act.ASSIGN.value: lazy("Repair assigned"),
    Act.REPAIR.value: lazy("Fault repaired"),
    Act.CONFIRM.value: lazy("Repair confirmed"),
    Act.REOPEN.value: lazy("Ticket reopened"),
    Act.WITHDRAW.value: lazy("Ticket withdrawn"),
    Act.NOTE.value: lazy("Note added"),
    Act.MAINTAIN.value: lazy("Maintenance"),
}
SEVERITY_TEXT: Final[dict[str, LazyText]] = {
    "urgent": lazy("Urgent"),
    "normal": lazy("Normal"),
    "minor": lazy("Minor"),
}
OF_ALARM: Final = {Severity.URGENT: "urgent", Severity.WARNING: "normal", Severity.NOTE: "minor"}
"""What a ticket that is opened from an alarm begins with."""
DUE: Final = {name: f"repairs.due_{name}_h" for name in SEVERITY_TEXT}
"""Settings: hours from the report until the repair is due."""
DUE_H_MAX: Final = 24 * 90
settings.DEFAULTS.update({DUE["urgent"]: 4, DUE["normal"]: 24, DUE["minor"]: 72})


def after(state: str, act: Act) -> State:
    """The state that an act leads to.

    :raises ConflictError: it is not possible in this state.
    """
    found = NEXT.get((State(state), act))
    if found is None:
        raise ConflictError("This is not possible with the ticket as it stands now.")
    return found


def due(severity: str, since: datetime) -> datetime:
    """When a fault of this severity must be repaired; inside ``db``."""
    return since + timedelta(hours=settings.get(DUE[severity]))


def is_late(state: str, due_at: datetime, now: datetime) -> bool:
    """Its time is over and nobody has repaired it."""
    return state in UNREPAIRED and due_at <= now

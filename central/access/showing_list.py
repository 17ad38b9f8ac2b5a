"""What the lists of showings at terminals have in common: time clocks, tills."""

from __future__ import annotations

from typing import Any, Final

from central.access.model import Showing
from central.nodes.model import Device
from central.people.model import Person
from central.people.search import found_by
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, YES, Column
from central.web.fields import Choices
from central.web.filters import TextFilter
from central.web.i18n import lazy
from protocol.decide import Trust

PEOPLE_PER_FILTER_MAX: Final = 50
"""A search for people narrows the list to this many at most; more is no search."""

PERSON: Final = (
    Column(
        "person_name",
        lazy("Person"),
        href=lambda row: f"/people/{row.person_id}" if row.person_id else None,
    ),
    Column("person_number", lazy("Person number"), CODE),
)
TIMES: Final = (
    Column("wall_ms", lazy("Time of the device"), MOMENT, is_shown=False),
    Column("received_at", lazy("Received at"), MOMENT),
    Column(
        "time_sure",
        lazy("Time certain"),
        YES,
        value=lambda row: row.clock >= Trust.HOLDOVER,
        is_shown=False,
    ),
)
FACT: Final = (
    Column("node_epoch", lazy("Installation"), NUMBER, is_shown=False),
    Column("seq", lazy("Number at the device"), NUMBER, is_shown=False),
)


def person_filter(model: type[Showing]) -> TextFilter:
    """Showings of the people whom a search finds."""

    def where(text: str) -> Any:
        return model.person.in_(Person.select(Person.id).where(found_by(text)).limit(PEOPLE_PER_FILTER_MAX))

    return TextFilter("person", lazy("Person"), where=where, placeholder=lazy("Name, initials, number, card"))


def choices_in(scope: Scope, model: type[Showing], role: str) -> dict[str, Choices]:
    """What the filters for devices of a role, and for departments, offer. Inside ``db.read``."""
    has_role = Device.roles.cast("text").contains(f'"{role}"')
    devices = Device.select(Device.id, Device.label).where(
        has_role | Device.id.in_(model.select(model.device).distinct())
    )
    departments = scope.filter(Person.select(Person.department).where(Person.department != "").distinct())
    return {
        "device": {
            str(number): label
            for number, label in scope.filter(devices, Device).order_by(Device.number).limit(500).tuples()
        },
        "department": {name: name for (name,) in departments.order_by(Person.department).limit(200).tuples()},
    }

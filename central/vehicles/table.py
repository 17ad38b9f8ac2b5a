"""The list of number plates: page, files, print view and API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import peewee

from central.households.model import Unit
from central.households.people import last_day_of
from central.people.model import Person
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.vehicles.model import Plate
from central.vehicles.service import is_good, shown
from central.vehicles.words import KIND_TEXT
from central.web import fold
from central.web.columns import CODE, DAY, LONG, NUMBER, Column, StatusFormat, WordFormat
from central.web.filters import ChoiceFilter, TextFilter
from central.web.formats import local
from central.web.i18n import lazy
from central.web.tables import Table
from central.web.vocabulary import STATUSES
from protocol.rules.plates import tidy

STATES: Final = {name: state.text for name, state in STATUSES["plate"].items()}


def _plates(scope: Scope) -> Any:
    query = (
        Plate.select(
            Plate.id,
            Plate.number,
            Plate.kind,
            Plate.person.alias("person_id"),
            Plate.unit.alias("unit_id"),
            Plate.from_on,
            Plate.until_on,
            Plate.note,
            Plate.end_reason,
            Person.name.alias("person_name"),
            Person.number.alias("person_number"),
            Unit.building,
            Unit.number.alias("unit_number"),
            Organisation.name.alias("organisation_name"),
            Site.name.alias("site_name"),
        )
        .join(Person)
        .switch(Plate)
        .join(Unit, peewee.JOIN.LEFT_OUTER)
        .switch(Plate)
        .join(Organisation)
        .switch(Plate)
        .join(Site, on=(Plate.site == Site.id))
    )
    return scope.filter(query, Plate)


def _found_by(text: str) -> Any:
    folded = fold.fold(text)
    found = (
        Person.fold_key.contains(folded) | (Person.number == text.strip()) | Unit.fold_key.contains(folded)
    )
    return (Plate.number.contains(tidy(text)) | found) if tidy(text) else found


def state_of(row: Any, now: datetime) -> str:
    """Name in the vocabulary's group "plate"."""
    today_on = local(now).date()
    if row.from_on > today_on:
        return "later"
    return "good" if row.until_on is None or row.until_on > today_on else "over"


def plates_table(now: datetime) -> Table:
    """The list as it stands at ``now``."""
    today_on = local(now).date()
    where = {
        "good": is_good(today_on),
        "later": Plate.from_on > today_on,
        "over": (Plate.from_on <= today_on) & (Plate.until_on <= today_on),
    }
    return Table(
        name="plates",
        title=lazy("Number plates"),
        query=_plates,
        key=Plate.id,
        sort="number",
        columns=(
            Column(
                "number",
                lazy("Number plate"),
                CODE,
                value=shown,
                sort=Plate.number,
                href=lambda row: f"/plates/{row.id}",
            ),
            Column("kind", lazy("Kind of plate"), WordFormat(KIND_TEXT)),
            Column("person_name", lazy("Name"), href=lambda row: f"/people/{row.person_id}"),
            Column("person_number", lazy("Person number"), CODE),
            Column(
                "unit",
                lazy("Unit"),
                value=lambda row: f"{row.building or ''} {row.unit_number or ''}".strip(),
                href=lambda row: f"/units/{row.unit_id}" if row.unit_id else None,
            ),
            Column("from_on", lazy("First day"), DAY),
            Column("last_on", lazy("Last day"), DAY, value=lambda row: last_day_of(row.until_on)),
            Column("state", lazy("Status"), StatusFormat("plate"), value=lambda row: state_of(row, now)),
            Column("note", lazy("Make and colour"), LONG),
            Column("end_reason", lazy("Reason of the end"), is_shown=False),
            Column("organisation_name", lazy("Organisation"), is_shown=False),
            Column("site_name", lazy("Estate"), is_shown=False),
            Column("id", lazy("Record number"), NUMBER, is_shown=False),
        ),
        filters=(
            TextFilter("q", lazy("Search"), where=_found_by, placeholder=lazy("Plate, person or unit")),
            ChoiceFilter("kind", lazy("Kind of plate"), choices=KIND_TEXT, field=Plate.kind),
            ChoiceFilter("state", lazy("Status"), choices=STATES, where=lambda value: where[value]),
        ),
        empty=lazy("Whose cars belong here: parking and the change of an owner go by this list."),
        empty_href="/plates/new",
        empty_action=lazy("Enter a plate"),
    )

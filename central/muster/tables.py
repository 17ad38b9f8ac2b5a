"""Lists: who is inside now, musters, and the people of one muster."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Final

import msgspec
import peewee

from central.access.area_state import AreaDevice, devices_of
from central.access.model import Area
from central.access.whereabouts import kept_areas
from central.cards.model import Card
from central.muster import inside, service
from central.muster.model import Muster, MusterLine
from central.muster.rules import KIND_TEXT, STATE_TEXT, state_of
from central.people.model import Person
from central.people.search import holder_is
from central.people.table import sites_in
from central.sites.model import Organisation, Site
from central.sites.scope import Scope
from central.web.columns import CODE, MOMENT, NUMBER, Column, StatusFormat, WordFormat
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, DayFilter, TextFilter
from central.web.found import POSITION_COLUMN, Found, FoundRow, FoundTable, FoundView
from central.web.i18n import _, lazy
from central.web.tables import Table

HOURS: Final = {"12": lazy("12 hours"), "24": lazy("24 hours"), "72": lazy("3 days"), "168": lazy("7 days")}
IDS_AT_ONCE: Final = 500


class Asker(msgspec.Struct, frozen=True):
    """Who asks, when, about which muster; whether names and telephone numbers may be shown."""

    scope: Scope
    now: datetime
    sees_people: bool
    sees_phones: bool = False
    muster_id: int = 0


class Somebody(FoundRow, kw_only=True):
    """A person who may be inside."""

    id: int = 0
    person_id: int | None
    person_name: str
    person_number: str
    phone: str
    organisation: str
    building: str
    unit: str
    department: str
    area_name: str
    door_label: str
    since_at: datetime
    basis: str = ""
    state: str = ""
    seen_at: datetime | None = None
    seen_by: str = ""


def places(scope: Scope) -> dict[str, Choices]:
    """Estates and areas of the operator, for the filters. Inside ``db.read``."""
    areas = scope.filter(Area.select(Area.id, Area.name)).order_by(Area.name).tuples()
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "area": {str(number): name for number, name in areas},
    }


def site_asked(scope: Scope, view: FoundView) -> int | None:
    """The estate that is asked for, else the operator's first."""
    asked = view.asked("site")
    return int(asked) if asked is not None else next((number for number, _name in sites_in(scope)), None)


class AboutInside(msgspec.Struct):
    """For the page: how many are in each area; those of whom it is not known where they are."""

    counts: dict[str, int]
    unknown: list[Somebody]


def find_inside(asker: Asker, view: FoundView) -> Found:
    """Who is inside, by building and department; whoever may be, where that is asked for by its basis."""
    site_id = site_asked(asker.scope, view)
    if site_id is None:
        return Found([])
    hours = int(view.asked("hours") or inside.WINDOW_H)
    found = inside.inside(asker.scope, site_id, asker.now, None, hours)
    area, basis = view.asked("area"), view.asked("basis")
    people = _people({place.person_id for place in found}, view.asked("q") if asker.sees_people else None)
    units = _units({place.card_id for place in found if place.person_id is None})
    rows: list[Somebody] = []
    unknown: list[Somebody] = []
    for place in found:
        if place.person_id not in people and (place.person_id is not None or view.asked("q") is not None):
            continue
        is_unknown = place.basis is inside.Basis.UNKNOWN
        if not is_unknown and (area not in (None, str(place.area_id)) or basis not in (None, place.basis)):
            continue
        row = _somebody(asker, people, units, place.person_id, place.card_id, place.organisation_id, place)
        row.basis = place.basis.value
        (unknown if is_unknown else rows).append(row)
    rows, unknown = _in_order(rows), _in_order(unknown)
    about = AboutInside(inside.counts(found), unknown)
    return Found(unknown if basis == inside.Basis.UNKNOWN else rows, [_by_area(found)], about=about)


def words(scope: Scope, site_id: int | None) -> list[AreaDevice]:
    """The devices whose doors decide by who is inside, with how old the newest word of each is. Inside ``db.read``."""
    if site_id is None or not scope.allows(site_id, None):
        return []
    return devices_of(kept_areas(site_id), site_id)


def find_lines(asker: Asker, view: FoundView) -> Found:
    """The people of a muster, those not seen yet first; ``about``: how many are in each state."""
    muster, lines = lines_of(asker)
    states = Counter(state for _line, state, _out in lines)
    people = _people(
        {line.person_id for line, _state, _out in lines}, view.asked("q") if asker.sees_people else None
    )
    units = _units({line.card_id for line, _state, _out in lines if line.card_id is not None})
    rows: list[Somebody] = []
    for line, state, came_out_at in lines:
        if view.asked("q") is not None and line.person_id not in people:
            continue
        if view.asked("state") not in (None, state):
            continue
        made = _somebody(asker, people, units, line.person_id, line.card_id, line.organisation_id, line)
        made.id, made.state = line.id, state
        made.seen_at, made.seen_by = line.safe_at or came_out_at, line.safe_by
        rows.append(made)
    ordered = _in_order(rows)
    ordered.sort(key=lambda row: list(STATE_TEXT).index(row.state))
    by_state = [(str(STATE_TEXT[state]), states[state]) for state in STATE_TEXT]
    progress = {
        "muster": muster,
        "states": {state: states[state] for state in STATE_TEXT},
        "total": len(lines),
    }
    return Found(ordered, [(lazy("By state"), by_state)], progress)


def lines_of(asker: Asker) -> tuple[Muster, list[tuple[MusterLine, str, datetime | None]]]:
    """The muster that is asked about and its people in scope, each with the state and when they came out by card."""
    muster = asker.scope.get(Muster, asker.muster_id)
    out = service.came_out(muster, asker.now) if muster.ended_at is None else {}
    found = []
    for line in asker.scope.filter(MusterLine.select().where(MusterLine.muster == muster.id), MusterLine):
        came_out_at = line.came_out_at or out.get((line.person_id, line.card_id))
        found.append((line, state_of(line.safe_at is not None, came_out_at is not None), came_out_at))
    return muster, found


def _in_order(rows: list[Somebody]) -> list[Somebody]:
    return sorted(
        rows, key=lambda row: (row.building, row.unit, row.department, row.person_name, row.since_at)
    )


def _by_area(found: list[inside.Place]) -> Any:
    named = [(name or _("No area"), count) for name, count in inside.counts(found).items()]
    return lazy("By area"), named


def _people(numbers: set[int | None], text: str | None) -> dict[int | None, Person]:
    """Those of these people who are called so, with their organisations."""
    wanted = sorted(number for number in numbers if number is not None)
    found: dict[int | None, Person] = {}
    for at in range(0, len(wanted), IDS_AT_ONCE):
        query = Person.select(Person, Organisation).join(Organisation)
        query = query.where(Person.id.in_(wanted[at : at + IDS_AT_ONCE]))
        found |= {person.id: person for person in (query if text is None else query.where(holder_is(text)))}
    return found


def _units(cards: set[int | None]) -> dict[int | None, tuple[str, str]]:
    """Printed number and unit of cards that no person holds."""
    wanted = sorted(number for number in cards if number is not None)
    found: dict[int | None, tuple[str, str]] = {}
    for at in range(0, len(wanted), IDS_AT_ONCE):
        query = Card.select(Card.id, Card.card_no, Card.holder_unit)
        query = query.where(Card.id.in_(wanted[at : at + IDS_AT_ONCE]))
        found |= {number: (card_no, unit) for number, card_no, unit in query.tuples()}
    return found


def _somebody(
    asker: Asker,
    people: dict[int | None, Person],
    units: dict[int | None, tuple[str, str]],
    person_id: int | None,
    card_id: int | None,
    organisation_id: int,
    seen: Any,
) -> Somebody:
    person = people.get(person_id) if person_id is not None else None
    card_no, unit = units.get(card_id, ("", "")) if person is None else ("", "")
    is_named = person is not None and asker.sees_people
    return Somebody(
        person_id=person_id,
        person_name=person.name if person is not None and is_named else _("Card %(number)s", number=card_no),
        person_number=person.number if person is not None and is_named else "",
        phone=person.phone if person is not None and asker.sees_phones else "",
        organisation=person.organisation.name if person is not None else "",
        building=person.building if person is not None else "",
        unit=person.unit if person is not None else unit,
        department=person.department if person is not None else "",
        area_name=seen.area_name,
        door_label=seen.door_label,
        since_at=seen.since_at,
    )


def _person_path(row: Somebody) -> str | None:
    return f"/people/{row.person_id}" if row.person_id and row.person_number else None


_NAME: Final = Column("person_name", lazy("Person"), href=_person_path)
_SEEN: Final = (
    Column("building", lazy("Building")),
    Column("unit", lazy("Unit")),
    Column("department", lazy("Department")),
    _NAME,
    Column("person_number", lazy("Person number"), CODE),
    Column("phone", lazy("Telephone"), CODE, is_shown=False),
    Column("organisation", lazy("Organisation"), is_shown=False),
    Column("area_name", lazy("Door area")),
    Column("door_label", lazy("Seen last at")),
    Column("since_at", lazy("Time"), MOMENT),
)
BASES: Final = {
    inside.Basis.DOORS.value: lazy("The doors"),
    inside.Basis.RECORDS.value: lazy("Records of passages"),
    inside.Basis.UNKNOWN.value: lazy("Not known where"),
}
_WHO: Final = TextFilter("q", lazy("Person"), placeholder=lazy("Name, initials, number"))

INSIDE: Final = FoundTable(
    name="inside",
    title=lazy("Who is inside"),
    find=find_inside,
    columns=(POSITION_COLUMN, *_SEEN, Column("basis", lazy("Known by"), WordFormat(BASES))),
    filters=(
        ChoiceFilter("site", lazy("Estate")),
        ChoiceFilter("area", lazy("Door area")),
        ChoiceFilter("hours", lazy("Seen within"), choices=HOURS),
        ChoiceFilter("basis", lazy("Known by"), choices=BASES),
        _WHO,
    ),
    empty=lazy("Nobody went in during this time without coming out again, by what the doors have recorded."),
)
LINES: Final = FoundTable(
    name="muster",
    title=lazy("Muster list"),
    find=find_lines,
    columns=(
        POSITION_COLUMN,
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        *_SEEN,
        Column("state", lazy("Status"), StatusFormat("muster")),
        Column("seen_at", lazy("Seen at"), MOMENT),
        Column("seen_by", lazy("Seen by")),
    ),
    filters=(ChoiceFilter("state", lazy("Status"), choices=STATE_TEXT), _WHO),
    empty=lazy("Nobody was inside when it began."),
)


def _musters(scope: Scope) -> Any:
    count = MusterLine.select(peewee.fn.COUNT(MusterLine.id)).where(MusterLine.muster == Muster.id)
    safe = count.where(MusterLine.safe_at.is_null(False))
    query = Muster.select(
        Muster.id,
        Muster.kind,
        Muster.area_name,
        Muster.reason,
        Muster.started_at,
        Muster.started_by,
        Muster.ended_at,
        Site.name.alias("site_name"),
        count.alias("lines_count"),
        safe.alias("safe_count"),
    ).join(Site)
    return scope.filter(query, Muster)


MUSTERS: Final = Table(
    name="musters",
    title=lazy("Musters"),
    query=_musters,
    key=Muster.id,
    sort="-started_at",
    columns=(
        Column("id", lazy("Record number"), NUMBER, is_shown=False),
        Column(
            "started_at",
            lazy("Began"),
            MOMENT,
            sort=Muster.started_at,
            sorts_down_first=True,
            href=lambda row: f"/musters/{row.id}",
        ),
        Column("kind", lazy("Kind"), WordFormat(KIND_TEXT)),
        Column("site_name", lazy("Estate")),
        Column("area_name", lazy("Door area")),
        Column("reason", lazy("Reason")),
        Column("started_by", lazy("Begun by"), value=lambda row: row.started_by or _("Fire input")),
        Column("lines_count", lazy("People on the list"), NUMBER),
        Column("safe_count", lazy("Seen safe"), NUMBER),
        Column("ended_at", lazy("Ended"), MOMENT),
    ),
    filters=(
        ChoiceFilter(
            "state",
            lazy("Status"),
            choices={"open": lazy("Open"), "over": lazy("Muster over")},
            where=lambda value: Muster.ended_at.is_null(value == "open"),
        ),
        DayFilter("started_at", lazy("Day"), field=Muster.started_at),
    ),
    empty=lazy(
        "No drill and no fire yet. A muster puts down everybody who may be inside and ticks them off."
    ),
    empty_href="/occupancy",
    empty_action=lazy("Who is inside"),
)

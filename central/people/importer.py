"""The import of people: their columns, what a row would change, and the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from central.bulk import insert_rows, update_rows
from central.current import references_to
from central.errors import InvalidInputError
from central.imports.importer import Doing, Importer, Place, Planned, Written
from central.people import service
from central.people.model import Person
from central.people.service import PersonInput
from central.people.table import KIND_WORDS, PRESENCE
from central.web.fields import ChoiceField, NoteField, TextField
from central.web.i18n import _, lazy
from central.web.importing import ImportColumn, ImportRow, Layout

T = TypeVar("T")
GROUP_ROWS: Final = 400
"""Rows of one statement: SQLite takes 32,766 values."""
LAYOUT: Final = Layout(
    ImportColumn(TextField("number", lazy("Person number")), sample="0001", also=("编号", "工号", "Number")),
    ImportColumn(TextField("name", lazy("Name")), sample="王小明"),
    ImportColumn(
        ChoiceField("kind", lazy("Kind of person"), choices=KIND_WORDS), sample="staff", also=("类别", "Kind")
    ),
    ImportColumn(TextField("department", lazy("Department"), is_required=False), sample="工程部"),
    ImportColumn(
        TextField("building", lazy("Building"), is_required=False), sample="1栋", also=("楼号", "栋")
    ),
    ImportColumn(TextField("unit", lazy("Unit"), is_required=False), sample="101", also=("房号", "Room")),
    ImportColumn(
        TextField("phone", lazy("Telephone"), is_required=False, length_max=30),
        sample="13800000000",
        also=("手机", "手机号", "Phone"),
    ),
    ImportColumn(
        TextField("id_number", lazy("Identity document number"), is_required=False, length_max=30),
        also=("身份证号", "身份证号码", "ID number"),
    ),
    ImportColumn(
        TextField("initials", lazy("Pinyin initials"), is_required=False, length_max=20), sample="wxm"
    ),
    ImportColumn(
        ChoiceField("active", lazy("Status"), is_required=False, choices=PRESENCE),
        sample="yes",
        words={"在职": "yes", "离职": "no"},
    ),
    ImportColumn(NoteField("note", lazy("Note"), is_required=False), also=("备注",)),
    key=("number",),
)
_TEXTS: Final = ("department", "building", "unit", "phone", "id_number", "note")


class PeopleImporter(Importer):
    """People of one organisation in one estate, found again by their number."""

    name = "people"
    title = lazy("Import people")
    path = "/people/import"
    api_path = "/api/people/imports"
    back = "/people"
    permission = ("people", "edit")
    layout = LAYOUT

    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        known = _by_number(place.site_id, [row.values["number"] for row in rows])
        leaving = [person.id for person in known.values() if person.active]
        holders = {card.person_id for card in _cards_in_use(leaving)}
        found = []
        for row in rows:
            person = known.get(row.values["number"])
            if person is not None and person.organisation_id != place.organisation_id:
                row.wrong(_("A person of another organisation has this number."), "number")
                continue
            if person is not None and person.erased_at is not None:
                row.wrong(_("This person was erased already."), "number")
                continue
            after = Person() if person is None else Person(**person.__data__)
            try:
                service.fill(after, _given(place, person, row), after.changed_at)
            except InvalidInputError as error:
                row.wrong(_(str(error)))
                continue
            if person is None:
                found.append(Planned(row, thing=after))
            elif person.active and not after.active and person.id in holders:
                row.wrong(_("Take the cards of this person back, or cancel them, first."), "active")
            else:
                changes = service.snapshot(person) != service.snapshot(after)
                found.append(Planned(row, person.id, changes, (person, after)))
        return found

    def write(self, doing: Doing, planned: Sequence[Planned]) -> list[Written]:
        place, now = doing.place, doing.now
        new = [p for p in planned if p.object_id is None]
        insert_rows(Person, [{**_columns(p.thing, 1, now), "created_at": now} for p in new])
        ids = _ids_by_number(place.site_id, [p.thing.number for p in new])
        written = [Written(p.row.line, ids[p.thing.number], None, 1) for p in new]
        changed = [p for p in planned if p.object_id is not None]
        _store([(after, before.version + 1) for before, after in (p.thing for p in changed)], now)
        for p in changed:
            before, _after = p.thing
            written.append(Written(p.row.line, before.id, service.snapshot(before), before.version + 1))
        return written

    def undo(self, doing: Doing, written: Sequence[Written]) -> list[str]:
        people = {
            person.id: person
            for group in _groups(written)
            for person in Person.select().where(Person.id.in_([w.object_id for w in group]))
        }
        made = [w.object_id for w in written if w.before is None]
        used = _referred_to(made) | _returned(written)
        blocked = []
        for w in written:
            person = people.get(w.object_id)
            if person is None or person.version != w.version or w.object_id in used:
                blocked.append(f"{person.number} {person.name}" if person is not None else f"#{w.object_id}")
        if blocked:
            return blocked
        restored = [(people[w.object_id], w) for w in written if w.before is not None]
        for person, w in restored:
            service.fill(person, PersonInput(**(w.before or {})), doing.now)
        _store([(person, w.version + 1) for person, w in restored], doing.now)
        for ids in _groups(made):
            Person.delete().where(Person.id.in_(list(ids))).execute()
        return []


def _given(place: Place, person: Person | None, row: ImportRow) -> PersonInput:
    """What the row says; of what it does not speak, what is known."""
    values = row.values
    known: dict[str, Any] = service.snapshot(person) if person is not None else {}
    same_name = person is not None and person.name == values["name"]
    return PersonInput(
        site=place.site_id,
        organisation=place.organisation_id,
        kind=values["kind"],
        number=values["number"],
        name=values["name"],
        initials=values.get("initials") or (known["initials"] if same_name else ""),
        active=values["active"] == "yes" if values.get("active") else known.get("active", True),
        **{name: values[name] or "" if name in values else known.get(name, "") for name in _TEXTS},
    )


def _by_number(site_id: int, numbers: Sequence[str]) -> dict[str, Person]:
    return {
        person.number: person
        for group in _groups(numbers)
        for person in Person.select().where((Person.site == site_id) & Person.number.in_(list(group)))
    }


def _ids_by_number(site_id: int, numbers: Sequence[str]) -> dict[str, int]:
    rows = Person.select(Person.number, Person.id)
    return {
        number: person_id
        for group in _groups(numbers)
        for number, person_id in rows.where(
            (Person.site == site_id) & Person.number.in_(list(group))
        ).tuples()
    }


def _cards_in_use(person_ids: Sequence[int]) -> Iterator[Any]:
    for group in _groups(person_ids):
        yield from service.cards_in_use(group)


def _columns(person: Person, version: int, now: datetime) -> dict[str, Any]:
    values = {name: value for name, value in person.__data__.items() if name not in ("id", "created_at")}
    return {**values, "version": version, "changed_at": now}


def _store(people: Sequence[tuple[Person, int]], now: datetime) -> None:
    """Write people, each with its new version; who follows changes of people is told."""
    update_rows(Person, ((person.id, _columns(person, version, now)) for person, version in people))
    for person, _version in people:
        for follow in service.on_change:
            follow(person)


def _referred_to(ids: Sequence[int]) -> set[int]:
    """Those of these people whom a card, an event or anything else names."""
    found: set[int] = set()
    for key in references_to(Person):
        for group in _groups(ids):
            rows = key.model.select(key).where(key.in_(list(group))).distinct().tuples()
            found |= {person_id for (person_id,) in rows}
    return found


def _returned(written: Sequence[Written]) -> set[int]:
    """Those whom the import made present again, and who hold a card since."""
    back = [w.object_id for w in written if w.before is not None and not w.before["active"]]
    return {card.person_id for card in _cards_in_use(back)}


def _groups(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for at in range(0, len(items), GROUP_ROWS):
        yield items[at : at + GROUP_ROWS]


PEOPLE_IMPORTER: Final = PeopleImporter()

"""The import of a list of number plates; a plate is found again by its number, its person is entered before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from central.errors import ConflictError, InvalidInputError
from central.households.model import Unit
from central.households.people import day_after, local_day, memberships
from central.imports.importer import Doing, Importer, Place, Planned, Written
from central.people.model import Person
from central.vehicles import service
from central.vehicles.model import Plate
from central.vehicles.words import KIND_TEXT
from central.web.fields import ChoiceField, DateField, TextField
from central.web.i18n import _, lazy
from central.web.importing import ImportColumn, ImportRow, Layout
from protocol.rules.plates import PlateKind, tidy

LAYOUT: Final = Layout(
    ImportColumn(
        TextField("number", lazy("Number plate"), length_max=20), sample="沪A12345", also=("车牌", "车牌号")
    ),
    ImportColumn(TextField("person", lazy("Person number")), sample="0001", also=("人员编号", "工号")),
    ImportColumn(
        ChoiceField("kind", lazy("Kind of plate"), choices=KIND_TEXT, is_required=False),
        sample="mainland",
        also=("车牌类型",),
    ),
    ImportColumn(DateField("from_on", lazy("First day"), is_required=False), also=("开始日期",)),
    ImportColumn(DateField("last_on", lazy("Last day"), is_required=False), also=("截止日期",)),
    ImportColumn(
        TextField("note", lazy("Make and colour"), is_required=False, length_max=60), also=("备注", "车型")
    ),
    key=("number",),
    rows_max=5_000,
)


class PlateImporter(Importer):
    """Plates of one organisation in one estate. What is entered for somebody already stays as it is."""

    name = "plates"
    title = lazy("Import number plates")
    path = "/plates/import"
    api_path = "/api/plates/imports"
    back = "/plates"
    permission = ("people", "edit")
    layout = LAYOUT
    help_section = "plates"

    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        of_place = (Person.site == place.site_id) & (Person.organisation == place.organisation_id)
        people = {person.number: person for person in Person.select().where(of_place)}
        found, seen = [], set()
        for row in rows:
            person = people.get(row.values["person"])
            if person is None:
                row.wrong(_("There is no person with this number. Import the people first."), "person")
                continue
            kind = row.values.get("kind")
            try:
                kind = service.kind_of(row.values["number"], PlateKind(kind) if kind else None)
            except InvalidInputError as error:
                row.wrong(_(str(error)), "number")
                continue
            number = tidy(row.values["number"])
            same = (Plate.site == place.site_id) & (Plate.number == number) & (Plate.kind == kind.value)
            known = Plate.get_or_none(same & Plate.until_on.is_null())
            if (number, kind) in seen:
                row.wrong(_("This plate stands in the file twice."), "number")
                continue
            seen.add((number, kind))
            if known is not None and known.person_id != person.id:
                row.wrong(_("This plate is entered for somebody else."), "number")
                continue
            found.append(Planned(row, None, known is None, (person, kind)))
        return found

    def write(self, doing: Doing, planned: Sequence[Planned]) -> list[Written]:
        place, now = doing.place, doing.now
        written, today_on = [], local_day(place.site_id, now)
        for p in planned:
            values: dict[str, Any] = p.row.values
            person, kind = p.thing
            wanted = service.Wanted(
                values["number"],
                person,
                _home(person),
                values.get("from_on") or today_on,
                day_after(values.get("last_on")),
                kind,
                values.get("note") or "",
            )
            try:
                made = service.enter(wanted, "", now)
            except (ConflictError, InvalidInputError) as error:
                raise ConflictError(f"{p.row.line}: {_(str(error))}") from error
            written.append(Written(p.row.line, made.id, None, 1))
        return written

    def undo(self, doing: Doing, written: Sequence[Written]) -> list[str]:
        rows = {w.object_id: Plate.get_or_none(Plate.id == w.object_id) for w in written}
        blocked = [
            service.shown(row) if row is not None else f"#{object_id}"
            for object_id, row in rows.items()
            if row is None or row.version != 1
        ]
        for row in rows.values() if not blocked else ():
            row.delete_instance()
        return blocked


def _home(person: Person) -> Unit | None:
    homes = memberships(person.id)
    return homes[0].household.unit if homes else None


PLATE_IMPORTER: Final = PlateImporter()

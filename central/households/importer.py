"""The import of a unit list: its order in the file is the order of a move-in (U2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from central.bulk import insert_rows, update_rows
from central.current import references_to
from central.errors import InvalidInputError
from central.households import service
from central.households.forms import AreaField
from central.households.model import KIND_TEXT, STATE_TEXT, Unit, UnitKind, UnitState
from central.households.service import UnitInput
from central.imports.importer import Doing, Importer, Place, Planned, Written
from central.web.fields import ChoiceField, NoteField, TextField
from central.web.i18n import _, lazy
from central.web.importing import ImportColumn, ImportRow, Layout

GROUP_ROWS: Final = 400
"""Rows of one statement: SQLite takes 32,766 values."""
LAYOUT: Final = Layout(
    ImportColumn(
        TextField("building", lazy("Building"), is_required=False), sample="1栋", also=("楼号", "栋", "座")
    ),
    ImportColumn(TextField("number", lazy("Unit")), sample="101", also=("房间", "房间号", "室", "Room")),
    ImportColumn(
        TextField("floor", lazy("Floor"), is_required=False, length_max=10), sample="1", also=("层",)
    ),
    ImportColumn(
        ChoiceField("kind", lazy("Kind of unit"), choices=KIND_TEXT, is_required=False),
        sample="home",
        also=("类型", "用途"),
    ),
    ImportColumn(
        ChoiceField("state", lazy("Status"), choices=STATE_TEXT, is_required=False), sample="waiting"
    ),
    ImportColumn(
        AreaField("area_dm2", lazy("Area (m²)"), is_required=False),
        sample="89.50",
        also=("面积", "建筑面积", "Area"),
    ),
    ImportColumn(NoteField("note", lazy("Note"), is_required=False), also=("备注",)),
    key=("building", "number"),
)
_DEFAULTS: Final[dict[str, Any]] = {
    "building": "",
    "floor": "",
    "kind": UnitKind.HOME.value,
    "state": UnitState.WAITING.value,
    "area_dm2": 0,
    "note": "",
}


class UnitImporter(Importer):
    """Units of one organisation in one estate, found again by building and number; new ones stand behind the others."""

    name = "units"
    title = lazy("Import units")
    path = "/units/import"
    api_path = "/api/units/imports"
    back = "/units"
    permission = ("people", "edit")
    layout = LAYOUT
    help_section = "units"

    def plan(self, place: Place, rows: Sequence[ImportRow]) -> list[Planned]:
        known = {(unit.building, unit.number): unit for unit in _units(place.site_id)}
        found = []
        for row in rows:
            unit = known.get(((row.values.get("building") or "").strip(), row.values["number"].strip()))
            if unit is not None and unit.organisation_id != place.organisation_id:
                row.wrong(_("This unit belongs to another organisation."), "number")
                continue
            after = Unit(site=place.site_id) if unit is None else Unit(**unit.__data__)
            try:
                service.fill(after, _given(place, unit, row), after.changed_at)
            except InvalidInputError as error:
                row.wrong(_(str(error)))
                continue
            changes = unit is None or service.snapshot(unit) != service.snapshot(after)
            found.append(Planned(row, None if unit is None else unit.id, changes, (unit, after)))
        return found

    def write(self, doing: Doing, planned: Sequence[Planned]) -> list[Written]:
        place, now = doing.place, doing.now
        new = [p.thing[1] for p in planned if p.object_id is None]
        last = service.last_position(place.site_id)
        for number, unit in enumerate(new, 1):
            unit.position = last + number
        insert_rows(Unit, [{**_columns(unit, 1, now), "created_at": now} for unit in new])
        ids = {(unit.building, unit.number): unit.id for unit in _units(place.site_id)} if new else {}
        written = []
        for p in planned:
            before, after = p.thing
            if before is None:
                written.append(Written(p.row.line, ids[after.building, after.number], None, 1))
            else:
                update_rows(Unit, [(before.id, _columns(after, before.version + 1, now))])
                written.append(Written(p.row.line, before.id, service.snapshot(before), before.version + 1))
        return written

    def undo(self, doing: Doing, written: Sequence[Written]) -> list[str]:
        units = {
            unit.id: unit
            for ids in _groups([w.object_id for w in written])
            for unit in Unit.select().where(Unit.id.in_(ids))
        }
        made = [w.object_id for w in written if w.before is None]
        used = _referred_to(made)
        blocked = []
        for w in written:
            unit = units.get(w.object_id)
            if unit is None or unit.version != w.version or unit.id in used:
                blocked.append(unit.label if unit is not None else f"#{w.object_id}")
        if blocked:
            return blocked
        for w in written:
            if w.before is not None:
                unit = units[w.object_id]
                service.fill(unit, UnitInput(**w.before), doing.now)
                update_rows(Unit, [(unit.id, _columns(unit, w.version + 1, doing.now))])
        for ids in _groups(made):
            Unit.delete().where(Unit.id.in_(ids)).execute()
        return []


def _given(place: Place, unit: Unit | None, row: ImportRow) -> UnitInput:
    """What the row says; of what it does not speak, what is known."""
    known = service.snapshot(unit) if unit is not None else _DEFAULTS
    said = {name: row.values[name] for name in _DEFAULTS if row.values.get(name) is not None}
    empty = {
        name: default
        for name, default in _DEFAULTS.items()
        if name in row.values and row.values[name] is None and name not in ("kind", "state")
    }
    values = {name: known[name] for name in _DEFAULTS} | empty | said
    return UnitInput(
        site=place.site_id, organisation=place.organisation_id, number=row.values["number"], **values
    )


def _units(site_id: int) -> Iterator[Unit]:
    yield from Unit.select().where(Unit.site == site_id).iterator()


def _columns(unit: Unit, version: int, now: datetime) -> dict[str, Any]:
    values = {name: value for name, value in unit.__data__.items() if name not in ("id", "created_at")}
    return {**values, "version": version, "changed_at": now}


def _referred_to(ids: Sequence[int]) -> set[int]:
    """Those of these units that a household, a card or anything else names."""
    found: set[int] = set()
    for key in references_to(Unit):
        for group in _groups(ids):
            found |= {number for (number,) in key.model.select(key).where(key.in_(group)).distinct().tuples()}
    return found


def _groups(ids: Sequence[int]) -> Iterator[list[int]]:
    for at in range(0, len(ids), GROUP_ROWS):
        yield list(ids[at : at + GROUP_ROWS])


UNIT_IMPORTER: Final = UnitImporter()

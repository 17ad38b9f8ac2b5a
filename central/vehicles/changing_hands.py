"""What becomes of number plates when a household leaves its unit, and when a lease is extended (U3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final
from urllib.parse import quote

from central.errors import ConflictError
from central.households.joining import Change, Changed, Part, Question, Section
from central.households.model import Household, Unit
from central.households.people import current_members, last_day_of, memberships
from central.people.model import Person
from central.vehicles import service
from central.vehicles.model import Plate
from central.vehicles.words import KIND_TEXT
from central.web.i18n import lazy
from protocol.rules.plates import PlateKind

END: Final = "end"
MOVE: Final = "move"
HAND_ON: Final = "hand_on"
CHOICES: Final = {
    END: lazy("Ends with the last day"),
    MOVE: lazy("Goes along to another unit of its person"),
    HAND_ON: lazy("The car passes to the new head"),
}
NEW: Final = Question(
    "plates_new",
    lazy("Number plates of the new head"),
    hint=lazy("With spaces between them; one that could be of several kinds is entered on its own page."),
)
_BETWEEN: Final = re.compile(r"[\s,，、;；]+")


class Plates(Part):
    """Plates that count for a unit and belong to those who leave; the new head's are entered in the same act."""

    name = "plates"
    title = lazy("Number plates")

    def questions(self, unit: Unit, leaving: Household) -> Sequence[Question]:
        inside = [member.person_id for member in current_members(leaving.id)]
        return [*(_question(plate) for plate in _plates_of(unit, inside)), NEW]

    def carry_out(self, change: Change) -> Sequence[Changed]:
        changed = []
        for plate in _left_behind(change):
            decided = change.answer(_question(plate))
            if decided == MOVE:
                changed.append(_move(plate))
            else:
                changed += _end(change, plate, hands_on=decided == HAND_ON)
        for number in filter(None, _BETWEEN.split(change.answer(NEW))):
            changed.append(_enter(change, number))
        return changed

    def lease_extended(self, household: Household, old_on: date, until_on: date | None) -> Sequence[Changed]:
        inside = [member.person_id for member in current_members(household.id)]
        mine = (Plate.unit == household.unit_id) & Plate.person.in_(inside) & (Plate.until_on == old_on)
        changed = []
        for plate in Plate.select().where(mine).order_by(Plate.id):
            before = service.snapshot(plate)
            changed.append(_changed("people.plate_longer", service.extend(plate, until_on), before))
        return changed

    def section(self, unit: Unit) -> Section | None:
        query = Plate.select(Plate, Person).join(Person).where(Plate.unit == unit.id)
        rows = [
            (
                f"/plates/{plate.id}",
                (
                    service.shown(plate),
                    KIND_TEXT[plate.kind],
                    plate.person.name,
                    plate.from_on,
                    last_day_of(plate.until_on),
                ),
            )
            for plate in query.order_by(Plate.until_on.is_null(False), Plate.until_on.desc(), Plate.id).limit(
                50
            )
        ]
        headings = (
            lazy("Number plate"),
            lazy("Kind of plate"),
            lazy("Name"),
            lazy("First day"),
            lazy("Last day"),
        )
        return Section(
            self.title, headings, rows, f"/plates/new?unit={quote(unit.label)}", lazy("Enter a plate")
        )


def _plates_of(unit: Unit, people: Sequence[int]) -> list[Plate]:
    """Plates of these people for the unit that nobody has ended; one that ends with a lease is among them."""
    mine = (Plate.unit == unit.id) & Plate.person.in_(list(people))
    standing = Plate.until_on.is_null() | (Plate.end_reason == "")
    query = Plate.select(Plate, Person).join(Person).where(mine & standing)
    return list(query.order_by(Plate.number, Plate.id))


def _left_behind(change: Change) -> list[Plate]:
    """Plates of the unit whose people have just left it, still good on the day of the cut-off."""
    if change.leaving is None:
        return []
    inside = [member.person_id for member in change.leaving.members]
    return [
        plate
        for plate in _plates_of(change.unit, inside)
        if (plate.until_on is None or plate.until_on > change.cut_off_on)
        and change.unit.id not in [m.household.unit_id for m in memberships(plate.person_id)]
    ]


def _question(plate: Plate) -> Question:
    label = f"{service.shown(plate)} {plate.person.name}"
    return Question(f"plate_{plate.id}", label, CHOICES, END)


def _move(plate: Plate) -> Changed:
    homes = memberships(plate.person_id)
    if not homes:
        raise ConflictError("A plate can only go along with somebody who has another unit here.")
    before = service.snapshot(plate)
    return _changed("people.plate_move", service.move(plate, homes[0].household.unit), before)


def _end(change: Change, plate: Plate, *, hands_on: bool) -> list[Changed]:
    before = service.snapshot(plate)
    ended = [_changed("people.plate_end", service.end(plate, change.cut_off_on, change.reason), before)]
    return [*ended, _enter(change, plate.number, plate)] if hands_on else ended


def _enter(change: Change, number: str, old: Plate | None = None) -> Changed:
    if change.entering is None:
        raise ConflictError("Nobody enters to whom a number plate could belong.")
    wanted = service.Wanted(
        number,
        change.entering.head,
        change.unit,
        change.cut_off_on,
        None,
        PlateKind(old.kind) if old is not None else None,
        old.note if old is not None else "",
    )
    made = service.enter(wanted, change.by.operator_name, change.by.at)
    return _changed("people.plate", made, None)


def _changed(action: str, plate: Plate, before: object) -> Changed:
    return Changed(action, "plate", plate.id, service.shown(plate), before, service.snapshot(plate))

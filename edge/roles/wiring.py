"""Which door hangs on which lock, which point is which reader: read from the View.

A point row names its reader's unit, a door row the unit of its lock; its contact and exit button have the same one. Doors
that name none take what is free in the order of their lowest reader: the door of reader 1 is on lock 1, the next door on
lock 2, and an in- and an out-reader share their door's. Two doors on one lock, or a lock that the board does not have, are
refused: the door of the lower number keeps it, the other is nobody's, and the status says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from edge.core.door import DoorSpec
from protocol.limits import UNITS_MAX
from protocol.records import DoorRow, PointRow
from protocol.view import View

_NO_READER: Final = 1 << 31
ALL_UNITS: Final = frozenset(range(1, UNITS_MAX + 1))
NOT_SET_UP: Final = DoorRow("", contact_fitted=False)
"""A door that the centre does not know (yet): its exit button works all the same, nothing else is expected of it."""


class Wiring(Struct, frozen=True):
    """One View's doors and readers."""

    doors: dict[int, DoorSpec]
    """By unit."""
    unit_of_door: dict[int, int]
    point_of_reader: dict[int, int]
    """Point number by reader unit; the lowest where two rows name one reader."""
    readers_of_unit: dict[int, tuple[int, ...]]
    """Readers that serve the door of a unit."""
    unit_of_point: dict[int, int]
    refused: dict[int, int]
    """Doors without a lock: the unit that they name, or 0 when none was left for them, by number."""

    def door(self, unit: int) -> DoorSpec:
        """The door of a unit, set up or not."""
        return self.doors.get(unit) or DoorSpec(0, unit, NOT_SET_UP)

    def unit_of_reader(self, reader: int) -> int | None:
        """The unit of the door that a reader serves."""
        point = self.point_of_reader.get(reader)
        return None if point is None else self.unit_of_point.get(point)


def wiring_of(view: View, units: frozenset[int] = ALL_UNITS) -> Wiring:
    """Read the wiring of a View for a board with these lock outputs."""
    points, rows = view.points(), view.doors()
    unit_of_door = _units_of(rows, points, units)
    doors = {unit: DoorSpec(number, unit, rows[number]) for number, unit in unit_of_door.items()}
    point_of_reader: dict[int, int] = {}
    readers: dict[int, tuple[int, ...]] = {}
    unit_of_point: dict[int, int] = {}
    for number in sorted(points):
        row = points[number]
        point_of_reader.setdefault(row.reader, number)
        unit = unit_of_door.get(row.door)
        if unit is not None:
            unit_of_point[number] = unit
            readers[unit] = (*readers.get(unit, ()), row.reader)
    refused = {number: row.unit for number, row in rows.items() if number not in unit_of_door}
    return Wiring(doors, unit_of_door, point_of_reader, readers, unit_of_point, refused)


def _units_of(
    rows: Mapping[int, DoorRow], points: Mapping[int, PointRow], units: frozenset[int]
) -> dict[int, int]:
    """Unit by door: first those that are named, then what is left."""
    found: dict[int, int] = {}
    free = set(units)
    for number in sorted(rows):
        if (unit := rows[number].unit) in free:
            found[number] = unit
            free.remove(unit)
    lowest: dict[int, int] = {}
    for point in points.values():
        lowest[point.door] = min(point.reader, lowest.get(point.door, _NO_READER))
    unnamed = [number for number, row in rows.items() if not row.unit]
    unnamed.sort(key=lambda number: (lowest.get(number, _NO_READER), number))
    return found | dict(zip(unnamed, sorted(free), strict=False))

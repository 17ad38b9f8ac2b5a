"""Which door hangs on which lock, which point is which reader: read from the View.

A point row names its reader's unit. A door row names no unit, so doors take the lock units in the order of their lowest
reader: the door of reader 1 is on lock 1, the next door on lock 2, and an in- and an out-reader share their door's.
Contact and exit button of a door have the unit of its lock.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from edge.core.door import DoorSpec
from edge.core.lines import UNITS_MAX
from protocol.records import DoorRow
from protocol.view import View

_NO_READER: Final = 1 << 31
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

    def door(self, unit: int) -> DoorSpec:
        """The door of a unit, set up or not."""
        return self.doors.get(unit) or DoorSpec(0, unit, NOT_SET_UP)

    def unit_of_reader(self, reader: int) -> int | None:
        """The unit of the door that a reader serves."""
        point = self.point_of_reader.get(reader)
        return None if point is None else self.unit_of_point.get(point)


def wiring_of(view: View) -> Wiring:
    """Read the wiring of a View."""
    points, rows = view.points(), view.doors()
    lowest: dict[int, int] = {}
    for point in points.values():
        lowest[point.door] = min(point.reader, lowest.get(point.door, _NO_READER))
    order = sorted(rows, key=lambda number: (lowest.get(number, _NO_READER), number))[:UNITS_MAX]
    unit_of_door = {number: unit for unit, number in enumerate(order, 1)}
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
    return Wiring(doors, unit_of_door, point_of_reader, readers, unit_of_point)

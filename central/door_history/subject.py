"""A door with what belongs to it, and in what order lines of one moment stand. Inside ``db``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from central.access.model import (
    AccessPoint,
    Door,
    LevelEntry,
)
from central.access.rows import DOOR_SCHEDULES
from central.routes import Pair

AUDIT_RIGHT: Final[Pair] = ("audit", "view")
REPAIRS_RIGHT: Final[Pair] = ("duty", "view")
EVENTS_RANK: Final = 0
ALARMS_RANK: Final = 1
DEVICE_ALARMS_RANK: Final = 2
NOTES_RANK: Final = 3
DEVICE_NOTES_RANK: Final = 4
COMMANDS_RANK: Final = 5
SETTINGS_RANK: Final = 6
JOINED_RANK: Final = 7
LOST_RANK: Final = 8
PROGRAM_RANK: Final = 9
TICKETS_RANK: Final = 10
WORK_RANK: Final = 11


@dataclass(frozen=True)
class Subject:
    """A door with what belongs to it: its history is theirs."""

    door_id: int
    device_id: int
    objects: tuple[tuple[str, tuple[str, ...]], ...]
    """Kinds and numbers in the audit trail."""


def subject_of(door: Door) -> Subject:
    """What belongs to a door today; inside ``db.read``."""
    points = [
        row for (row,) in AccessPoint.select(AccessPoint.id).where(AccessPoint.door == door.id).tuples()
    ]
    levels = LevelEntry.select(LevelEntry.level).where(LevelEntry.point.in_(points)).distinct().tuples()
    found: dict[str, Collection[Any]] = {
        "door": [door.id],
        "reader": points,
        "device": [door.device_id],
        "area": [door.inside_id, door.outside_id],
        "schedule": [getattr(door, field.object_id_name) for field in DOOR_SCHEDULES],
        "level": [row for (row,) in levels],
    }
    objects = {kind: tuple(str(number) for number in ids if number) for kind, ids in found.items()}
    return Subject(door.id, door.device_id, tuple((kind, ids) for kind, ids in objects.items() if ids))

"""Lines of a door's history that come in while somebody looks: alarms and notes, as they are read for the live feed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import peewee

from central.access import alarms
from central.access.model import AlarmState, DoorNote
from central.door_history.happenings import OF_DEVICE, alarm_line, event_line, note_line, notes_query
from central.door_history.lines import HistoryLine
from central.door_history.subject import ALARMS_RANK, DEVICE_ALARMS_RANK, DEVICE_NOTES_RANK, NOTES_RANK
from central.sites.scope import HEAD_OFFICE


@dataclass(frozen=True)
class Stream:
    """Rows of one table behind an id, whatever the scope; all inside ``db.read``."""

    key: Any
    query: Callable[[], Any]

    def last_id(self) -> int:
        """The newest one."""
        return int(self.key.model.select(peewee.fn.MAX(self.key)).scalar() or 0)

    def rows_after(self, last_id: int, limit: int) -> list[dict[str, Any]]:
        """Those that were added after that one, oldest first."""
        return list(self.query().where(self.key > last_id).order_by(self.key).limit(limit).dicts())

    def rows_of(self, ids: list[int]) -> list[dict[str, Any]]:
        """Those that have changed."""
        return list(self.query().where(self.key.in_(ids)).order_by(self.key).dicts())


def _alarms() -> Any:
    whose = AlarmState.site.alias("site_id"), AlarmState.organisation.alias("organisation_id")
    is_doors = AlarmState.door.is_null(False) | AlarmState.kind.in_(OF_DEVICE)
    return alarms.query(HEAD_OFFICE).select_extend(*whose).where(is_doors)


def _notes() -> Any:
    of = (DoorNote.door.alias("door_id"), DoorNote.device.alias("device_id"))
    whose = DoorNote.site.alias("site_id"), DoorNote.organisation.alias("organisation_id")
    return notes_query(HEAD_OFFICE).select_extend(*of, *whose)


LIVE_ALARMS: Final = Stream(AlarmState.id, _alarms)
LIVE_NOTES: Final = Stream(DoorNote.id, _notes)


def live_line(row: Any) -> HistoryLine:
    """A row of the live feed: a passage, an alarm or a note."""
    if hasattr(row, "raised_at"):
        return alarm_line(ALARMS_RANK if row.door_id else DEVICE_ALARMS_RANK, row)
    if hasattr(row, "value"):
        return note_line(NOTES_RANK if row.door_id else DEVICE_NOTES_RANK, row)
    return event_line(row)

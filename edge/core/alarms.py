"""An alarm is told twice: as evidence for the centre, and as something that stands here until it is cleared."""

from __future__ import annotations

from edge.core.actions import Action, ClearAlarm, RaiseAlarm, Record
from protocol.facts import Alarm, AlarmFact


def raised(alarm: Alarm, where: int = 0, detail: str = "") -> list[Action]:
    """The alarm begins. ``where``: door, point, or 0 for the whole node."""
    return [Record(AlarmFact(alarm, True, where, detail)), RaiseAlarm(alarm, where, detail)]


def cleared(alarm: Alarm, where: int = 0) -> list[Action]:
    """Its cause is over."""
    return [Record(AlarmFact(alarm, False, where)), ClearAlarm(alarm, where)]


def moment(alarm: Alarm, where: int = 0, detail: str = "", personal: bytes = b"") -> list[Action]:
    """Something that happened and is over: it stands nowhere, and somebody at the centre acknowledges it."""
    return [Record(AlarmFact(alarm, True, where, detail), personal)]

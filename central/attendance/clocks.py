"""考勤機: a device whose readers take punches. Access levels say whose cards it takes, as at a door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from central.access import terminals
from central.access.model import AccessPoint
from central.access.terminals import Terminal
from central.nodes.model import Device
from protocol.records import Kind, PunchStatus, Row, TimeClockRow

ROLE = "attendance"
"""Of a device that is a time clock."""


def clock_rows(device: Device, points: Sequence[AccessPoint]) -> Mapping[int, Row]:
    """One reader alone says nothing of the direction; of two, the one that leads out says OUT, the other IN."""
    if len(points) == 1:
        return {points[0].id: TimeClockRow()}
    return {point.id: TimeClockRow(PunchStatus.OUT if point.leaving else PunchStatus.IN) for point in points}


terminals.register(Terminal(ROLE, "attendance", Kind.TIME_CLOCK, clock_rows))

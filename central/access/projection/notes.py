"""What a device told of a door or of itself that is neither a passage nor an alarm, for the door's history.

A door that opens and shuts makes no note: that somebody went through stands in the event, and who forced it in the alarm.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from central.access.command_rules import CommandKind
from central.access.model import DoorCommand, DoorNote
from central.access.projection.batch import DOORS, Batch, Stored
from protocol.facts import BootFact, ClockFact, DoorEvent, DoorFact, MemoryGrantsFact

CLOCK_LEAST_MS: Final = 1_000
"""A clock that was set by less ran right; it is set every few minutes."""
_COMMAND_BEFORE: Final = 2
"""So many facts at most before the change is the command that caused it: a door with areas ends a wait between."""


class Note(StrEnum):
    """What is told; in brackets what ``DoorNote.value`` is."""

    RULE = "rule"
    """Another rule is in force (``protocol.records.Mode``)."""
    CLOCK = "clock"
    """The clock was set (by so many ms, forward positive)."""
    START = "start"
    """The program started (1: the run before did not end by itself)."""
    MEMORY = "memory"
    """The door was opened from memory while nothing could be recorded (so often)."""


def door(batch: Batch, stored: Stored, body: DoorFact) -> None:
    """The rule of a door changed, by hand or by its settings and schedules."""
    if body.event is not DoorEvent.MODE_CHANGED:
        return
    known = batch.lookup.door(body.door)
    if known is None:
        return
    by_hand = (
        DoorCommand.select(DoorCommand.id)
        .where(
            (DoorCommand.device == batch.device.id)
            & (DoorCommand.node_epoch == stored.node_epoch)
            & DoorCommand.intent_seq.between(stored.fact.seq - _COMMAND_BEFORE, stored.fact.seq - 1)
            & (DoorCommand.door == known.id)
            & (DoorCommand.kind != CommandKind.OPEN.value)
        )
        .order_by(DoorCommand.intent_seq.desc())
        .first()
    )
    command_id = None if by_hand is None or body.schedule else by_hand.id
    _put(batch, stored, Note.RULE, int(body.mode), known.id, known.organisation_id, command_id, body.schedule)


def clock(batch: Batch, stored: Stored, body: ClockFact) -> None:
    """The clock was set by more than it may be wrong."""
    by_ms = body.utc_ms - body.before_ms
    if abs(by_ms) >= CLOCK_LEAST_MS:
        _put(batch, stored, Note.CLOCK, by_ms)


def start(batch: Batch, stored: Stored, body: BootFact) -> None:
    """The program of the device started."""
    _put(batch, stored, Note.START, int(body.unclean))


def memory(batch: Batch, stored: Stored, body: MemoryGrantsFact) -> None:
    """How often a door was opened with nothing recorded (I8)."""
    known = batch.lookup.door(body.door)
    if known is not None:
        _put(batch, stored, Note.MEMORY, body.count, known.id, known.organisation_id)


def _put(
    batch: Batch,
    stored: Stored,
    note: Note,
    value: int,
    door_id: int | None = None,
    organisation_id: int | None = None,
    command_id: int | None = None,
    schedule: int = 0,
) -> None:
    DoorNote.insert(
        site=batch.device.site_id,
        organisation=organisation_id or batch.device.organisation_id,
        device=batch.device.id,
        node_epoch=stored.node_epoch,
        seq=stored.fact.seq,
        at=stored.at,
        door=door_id,
        kind=note.value,
        value=value,
        command_id=command_id,
        schedule=schedule,
    ).on_conflict(
        conflict_target=[DoorNote.device, DoorNote.node_epoch, DoorNote.seq], preserve=[DoorNote.at]
    ).execute()
    batch.topics.add(DOORS)

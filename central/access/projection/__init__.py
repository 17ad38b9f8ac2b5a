"""From facts to what the pages show: access events, alarms, door states, where each card was shown last.

Law of this package: facts of one device come in the order of their sequence; a fact may come again, alone and later, when
its time has been corrected, and changes nothing else then; ``reset`` with a replay of all facts gives the same rows. What
operators did (commands, acknowledgements) is not touched by ``reset``. Everything runs inside ``db.write``.
"""

from __future__ import annotations

from collections.abc import Sequence

from central.access import presence
from central.access.lookup import Lookup
from central.access.model import AccessEvent, AlarmState, DoorNote, DoorState
from central.access.projection import alarms, doors, events, notes, places
from central.access.projection.batch import Batch, Stored
from central.cards import uses
from central.cards.model import Showing
from central.cards.showings import followers
from central.nodes.model import Device
from central.sync import publish
from protocol.facts import (
    AccessFact,
    AlarmFact,
    BootFact,
    ClockFact,
    CommandFact,
    DoorFact,
    ExitFact,
    InspectionFact,
    MemoryGrantsFact,
    OutcomeFact,
    PunchFact,
    PurchaseFact,
    ScanFact,
    WriteFact,
    WriteResult,
)

__all__ = ["Stored", "apply", "reset"]


def apply(device_id: int, facts: Sequence[Stored], *, live: bool = True) -> None:
    """Project facts of one device. ``live`` False (a rebuild) announces nothing."""
    if not facts:
        return
    device = Device.get_by_id(device_id)
    batch = Batch(device, Lookup(device, (stored.fact.personal for stored in facts)))
    for stored in facts:
        _apply_one(batch, stored)
    events.write(batch)
    presence.merge(device.site_id, batch.went.values(), live=live)
    used = {use[0] for use, number in batch.uses.items() if uses.count(*use, number)}
    if live:
        if used:
            publish.cards_changed(sorted(used))
        for follow in followers:
            follow(events.shown(batch))
        batch.announce()


def reset() -> None:
    """Forget everything that facts can give again."""
    AccessEvent.delete().execute()
    AlarmState.delete().where(AlarmState.seq > 0).execute()
    DoorState.delete().execute()
    DoorNote.delete().execute()
    Showing.delete().execute()
    uses.reset()
    presence.reset()


def _apply_one(batch: Batch, stored: Stored) -> None:
    match stored.body:
        case AccessFact() as body:
            place = events.access(batch, stored, body)
            places.from_memory(batch, stored, body)
            alarms.of_access(batch, stored, body, place)
        case InspectionFact() as body:
            events.inspection(batch, stored, body)
            if body.copy:
                alarms.of_copy(batch, stored, body.point)
        case ScanFact() as body:
            alarms.of_scan(batch, stored, body)
        case PunchFact() | PurchaseFact() as body:
            alarms.of_terminal(batch, stored, body)
        case WriteFact(result=WriteResult.COPY) as body:
            alarms.of_copy(batch, stored, body.point)
        case ExitFact() as body:
            events.exit_button(batch, stored, body)
        case OutcomeFact() as body:
            events.outcome(batch, stored, body)
            places.outcome(batch, stored, body)
        case CommandFact() as body:
            events.command(batch, stored, body)
        case DoorFact() as body:
            doors.door(batch, stored, body)
            notes.door(batch, stored, body)
        case AlarmFact() as body:
            alarms.alarm(batch, stored, body)
            doors.alarm(batch, stored, body)
        case BootFact() as body:
            alarms.boot(batch, stored)
            notes.start(batch, stored, body)
        case ClockFact() as body:
            notes.clock(batch, stored, body)
        case MemoryGrantsFact() as body:
            notes.memory(batch, stored, body)
        case _:
            pass

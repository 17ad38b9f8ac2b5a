"""The stream of events: what happened at the doors, in the order in which it was stored, by a cursor. Inside ``db.read``.

The order is that of ``StoredFact``, whose rows are never changed, moved or made again: one writer at a time gives their numbers,
so whoever has read up to a number has read everything up to it, over kills and rebuilds. After a restore numbers are given
anew from the backup on; a cursor from before goes on there, so that nothing is lost, and ``id`` tells what comes again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from peewee import fn

from central.access.model import AccessEvent, AccessPoint, AlarmState, Door
from central.cards.model import Card
from central.errors import InvalidInputError
from central.nodes.model import Device
from central.people.model import Person
from central.sites.scope import Scope
from central.sync.model import Enrolment, StoredFact
from central.web.i18n import LazyText, lazy
from central.webhooks.model import StreamEpoch
from protocol.decide import Trust
from protocol.facts import AlarmFact, DoorEvent, DoorFact, Fact, FactKind, OutcomeFact, decode_body
from protocol.reasons import Reason

KIND_TEXT: Final[dict[str, LazyText]] = {
    "access.granted": lazy("A card was let in"),
    "access.denied": lazy("A card was refused"),
    "access.exit": lazy("An exit button was pressed"),
    "access.remote": lazy("A door was opened remotely"),
    "access.outcome": lazy("What followed: entered or not"),
    "door.opened": lazy("A door was opened"),
    "door.closed": lazy("A door was closed"),
    "door.mode": lazy("The rule of a door changed"),
    "alarm.raised": lazy("An alarm was raised"),
    "alarm.cleared": lazy("An alarm is over"),
}
FACTS: Final = (
    FactKind.ACCESS.value,
    FactKind.OUTCOME.value,
    FactKind.EXIT.value,
    FactKind.DOOR.value,
    FactKind.ALARM.value,
    FactKind.COMMAND.value,
)
FACTS_AT_ONCE_MAX: Final = 500
_DOOR_KIND: Final = {DoorEvent.OPENED: "door.opened", DoorEvent.CLOSED: "door.closed"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event. ``id`` is its own for ever; ``of`` is the ``id`` of the event that an outcome belongs to.

    ``is_time_sure``: the device knew the time, or it was corrected by a sure one.
    """

    id: str
    kind: str
    at: datetime
    estate: int
    organisation: int
    device: str
    is_time_sure: bool
    door: str | None = None
    reader: str | None = None
    leaving: bool = False
    card_no: str | None = None
    person_no: str | None = None
    reason: str | None = None
    of: str | None = None
    outcome: str | None = None
    alarm: str | None = None
    detail: str | None = None
    mode: str | None = None


@dataclass(frozen=True)
class Cursor:
    """A place in the stream: behind the fact of this number."""

    epoch: int
    fact: int

    def text(self) -> str:
        """As programs keep it."""
        return f"{self.epoch}-{self.fact}"


@dataclass(frozen=True)
class Part:
    """Some events, and where the next ones begin."""

    events: list[Event]
    next: Cursor
    is_all: bool
    """Nothing further is here now."""
    is_restored: bool
    """The centre was restored since the cursor was given: events may come again."""


def cursor_of(text: str) -> Cursor:
    """Out of what a program kept.

    :raises InvalidInputError: it is none of ours.
    """
    epoch, dash, fact = text.partition("-")
    if not (
        dash and epoch.isascii() and fact.isascii() and epoch.isdigit() and fact.isdigit() and len(text) < 40
    ):
        raise InvalidInputError("This place in the stream of events is not valid.")
    return Cursor(int(epoch), int(fact))


def head() -> Cursor:
    """Behind everything that is here."""
    epoch = StreamEpoch.select(fn.MAX(StreamEpoch.epoch)).scalar() or 0
    return Cursor(epoch, StoredFact.select(fn.MAX(StoredFact.id)).scalar() or 0)


def part(after: Cursor, scope: Scope, kinds: Collection[str], limit: int) -> Part:
    """The next events in scope of these kinds; of at most ``FACTS_AT_ONCE_MAX`` facts, so there may be none yet."""
    later = list(StreamEpoch.select().where(StreamEpoch.epoch > after.epoch))
    epoch = max((row.epoch for row in later), default=after.epoch)
    start = min((row.from_fact for row in later), default=after.fact)
    start = min(start, after.fact)
    rows = list(
        StoredFact.select(StoredFact, Enrolment)
        .join(Enrolment)
        .where((StoredFact.id > start) & StoredFact.kind.in_(FACTS))
        .order_by(StoredFact.id)
        .limit(FACTS_AT_ONCE_MAX)
    )
    found: list[Event] = []
    end = start
    by_id = events_of(rows)
    for row in rows:
        event = by_id.get(row.id)
        if event is not None and event.kind in kinds and scope.allows(event.estate, event.organisation):
            if len(found) == limit:
                return Part(found, Cursor(epoch, end), False, bool(later))
            found.append(event)
        end = row.id
    return Part(found, Cursor(epoch, end), len(rows) < FACTS_AT_ONCE_MAX, bool(later))


def events_of(rows: Sequence[StoredFact]) -> dict[int, Event]:
    """The events that facts make, by the number of the fact; each row has its enrolment."""
    if not rows:
        return {}
    ids = {row.enrolment.device_id for row in rows}
    devices = {device.id: device for device in Device.select().where(Device.id.in_(ids))}
    doors = {(d.device_id, d.number): d.label for d in Door.select().where(Door.device.in_(ids))}
    known = _access_events(rows)
    alarms = _alarms(rows)
    made: dict[int, Event] = {}
    for row in rows:
        key = (row.enrolment.device_id, row.enrolment.node_epoch, row.seq)
        device = devices[row.enrolment.device_id]
        if (values := _values(row, key, known, alarms, doors)) is not None:
            common = {
                "id": name_of(device.id, row.enrolment.node_epoch, row.seq),
                "at": _EPOCH + timedelta(milliseconds=row.corrected_ms),
                "estate": device.site_id,
                "organisation": device.organisation_id,
                "device": device.name,
                "is_time_sure": not row.estimated,
            }
            made[row.id] = Event(**{**common, **values})
    return made


def name_of(device_id: int, node_epoch: int, seq: int) -> str:
    """The id of an event: the same whenever and however often it comes."""
    return f"{device_id}.{node_epoch}.{seq}"


Key = tuple[int, int, int]


def _values(
    row: StoredFact,
    key: Key,
    known: dict[Key, Any],
    alarms: dict[Key, Any],
    doors: dict[tuple[int, int], str],
) -> dict[str, Any] | None:
    """What this kind of fact adds; None when it makes no event."""
    if (event := known.get(key)) is not None:
        return _of_access(event)
    fact = Fact(row.seq, row.kind, row.boot, row.boottime_ms, row.wall_ms, Trust(row.clock), bytes(row.body))
    match body := decode_body(fact):
        case OutcomeFact():
            of = name_of(key[0], key[1], body.intent_seq)
            return {"kind": "access.outcome", "of": of, "outcome": body.outcome.name.lower()}
        case DoorFact():
            kind = _DOOR_KIND.get(body.event, "door.mode")
            return {"kind": kind, "door": doors.get((key[0], body.door)), "mode": body.mode.name.lower()}
        case AlarmFact():
            state = alarms.get(key)
            return {
                "kind": "alarm.raised" if body.raised else "alarm.cleared",
                "alarm": body.alarm.name.lower(),
                "detail": body.detail or None,
                "door": state.door_label if state is not None else None,
                "organisation": state.organisation_id
                if state is not None
                else row.enrolment.device.organisation_id,
            }
    return None


def _of_access(event: Any) -> dict[str, Any]:
    kind = {"exit_button": "access.exit", "remote": "access.remote"}.get(event.source)
    return {
        "kind": kind or ("access.granted" if event.granted else "access.denied"),
        "organisation": event.organisation_id,
        "door": event.door_label,
        "reader": event.reader_label,
        "leaving": event.leaving,
        "card_no": event.card_no,
        "person_no": event.person_no,
        "reason": Reason(event.reason).name.lower(),
    }


def _groups(rows: Iterable[StoredFact], kinds: Collection[int]) -> dict[tuple[int, int], list[int]]:
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in rows:
        if row.kind in kinds:
            groups[row.enrolment.device_id, row.enrolment.node_epoch].append(row.seq)
    return groups


def _access_events(rows: Sequence[StoredFact]) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    kinds = (FactKind.ACCESS.value, FactKind.EXIT.value, FactKind.COMMAND.value)
    for (device_id, node_epoch), seqs in _groups(rows, kinds).items():
        events = (
            AccessEvent.select(
                AccessEvent.seq,
                AccessEvent.source,
                AccessEvent.granted,
                AccessEvent.reason,
                AccessEvent.leaving,
                AccessEvent.organisation.alias("organisation_id"),
                Door.label.alias("door_label"),
                AccessPoint.label.alias("reader_label"),
                Card.card_no.alias("card_no"),
                Person.number.alias("person_no"),
            )
            .left_outer_join(Door, on=(Door.id == AccessEvent.door))
            .left_outer_join(AccessPoint, on=(AccessPoint.id == AccessEvent.point))
            .left_outer_join(Card, on=(Card.id == AccessEvent.card))
            .left_outer_join(Person, on=(Person.id == AccessEvent.person))
            .where(
                (AccessEvent.device == device_id)
                & (AccessEvent.node_epoch == node_epoch)
                & AccessEvent.seq.in_(seqs)
            )
        )
        found.update({(device_id, node_epoch, event.seq): event for event in events.namedtuples()})
    return found


def _alarms(rows: Sequence[StoredFact]) -> dict[Key, Any]:
    """Raised and cleared ones, by the fact that did it."""
    found: dict[Key, Any] = {}
    for (device_id, node_epoch), seqs in _groups(rows, (FactKind.ALARM.value,)).items():
        raised = (AlarmState.node_epoch == node_epoch) & AlarmState.seq.in_(seqs)
        cleared = (AlarmState.cleared_epoch == node_epoch) & AlarmState.cleared_seq.in_(seqs)
        states = (
            AlarmState.select(
                AlarmState.seq,
                AlarmState.cleared_seq,
                AlarmState.organisation.alias("organisation_id"),
                Door.label.alias("door_label"),
            )
            .left_outer_join(Door, on=(Door.id == AlarmState.door))
            .where((AlarmState.device == device_id) & (raised | cleared))
        )
        for state in states.namedtuples():
            for seq in (state.seq, state.cleared_seq):
                if seq in seqs:
                    found[device_id, node_epoch, seq] = state
    return found


def restored(at: datetime) -> None:
    """Inside the transaction of a restore: numbers after this one are given anew."""
    StreamEpoch.create(
        epoch=int(at.timestamp() * 1_000), from_fact=StoredFact.select(fn.MAX(StoredFact.id)).scalar() or 0
    )

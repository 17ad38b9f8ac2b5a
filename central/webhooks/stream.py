"""The stream of events: what happened at the doors, in the order in which it was stored, by a cursor. Inside ``db.read``.

The order is that of ``StoredFact``, whose rows are never changed, moved or made again: one writer at a time gives their numbers,
so whoever has read up to a number has read everything up to it, over kills and rebuilds. What became of alarms without a fact
(``AlarmEvent``) stand behind the fact that was the last one then. After a restore numbers are given
anew from the backup on; a cursor from before goes on there, so that nothing is lost, and ``id`` tells what comes again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from peewee import JOIN, fn

from central.access.alarm_kinds import KINDS, Place
from central.access.model import AccessEvent, AccessPoint, AlarmEvent, AlarmState, Door
from central.access.projection.alarms import FROM_ACCESS
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
    "alarm.acknowledged": lazy("An alarm was acknowledged"),
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
CURSOR_CHARS_MAX: Final = 60
_DOOR_KIND: Final = {DoorEvent.OPENED: "door.opened", DoorEvent.CLOSED: "door.closed"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event. ``id`` is its own for ever; ``of`` is the ``id`` of the event that an outcome or an acknowledgement
    belongs to.

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
    """A place in the stream: behind the fact of this number, and behind this event of the centre's own."""

    epoch: int
    fact: int
    own: int

    def text(self) -> str:
        """As programs keep it."""
        return f"{self.epoch}-{self.fact}-{self.own}"


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
    parts = text.split("-")
    if len(parts) != 3 or len(text) > CURSOR_CHARS_MAX or not all(p.isascii() and p.isdigit() for p in parts):
        raise InvalidInputError("This place in the stream of events is not valid.")
    epoch, fact, own = map(int, parts)
    return Cursor(epoch, fact, own)


def head() -> Cursor:
    """Behind everything that is here."""
    epoch = StreamEpoch.select(fn.MAX(StreamEpoch.epoch)).scalar() or 0
    fact = StoredFact.select(fn.MAX(StoredFact.id)).scalar() or 0
    return Cursor(epoch, fact, AlarmEvent.select(fn.MAX(AlarmEvent.id)).scalar() or 0)


def part(after: Cursor, scope: Scope, kinds: Collection[str], limit: int) -> Part:
    """The next events in scope of these kinds; of at most ``FACTS_AT_ONCE_MAX`` facts, so there may be none yet."""
    later = list(StreamEpoch.select().where(StreamEpoch.epoch > after.epoch))
    end = Cursor(
        max((row.epoch for row in later), default=after.epoch),
        min([after.fact, *(row.from_fact for row in later)]),
        min([after.own, *(row.from_own for row in later)]),
    )
    entries, is_all = _entries(end)
    found: list[Event] = []
    for mark, event in entries:
        if event is not None and event.kind in kinds and scope.allows(event.estate, event.organisation):
            if len(found) == limit:
                return Part(found, end, False, bool(later))
            found.append(event)
        end = replace(end, **mark)
    return Part(found, end, is_all, bool(later))


def _entries(after: Cursor) -> tuple[list[tuple[dict[str, int], Event | None]], bool]:
    """What stands behind the cursor, in order: how each moves it, and its event if it makes one; and whether that is all."""
    rows = list(
        StoredFact.select(StoredFact, Enrolment)
        .join(Enrolment)
        .where((StoredFact.id > after.fact) & StoredFact.kind.in_(FACTS))
        .order_by(StoredFact.id)
        .limit(FACTS_AT_ONCE_MAX)
    )
    own = list(
        AlarmEvent.select().where(AlarmEvent.id > after.own).order_by(AlarmEvent.id).limit(FACTS_AT_ONCE_MAX)
    )
    is_all = len(rows) < FACTS_AT_ONCE_MAX and len(own) < FACTS_AT_ONCE_MAX
    if len(rows) == FACTS_AT_ONCE_MAX:  # what stands behind facts that were not read comes with them
        own = [event for event in own if event.after_fact <= rows[-1].id]
    if len(own) == FACTS_AT_ONCE_MAX:
        rows = [row for row in rows if row.id <= own[-1].after_fact]
    by_id, by_own = events_of(rows), own_events_of(own)
    placed: list[tuple[tuple[int, int], dict[str, int], Event | None]] = [
        ((row.id, 0), {"fact": row.id}, by_id.get(row.id)) for row in rows
    ]
    placed += [((event.after_fact, event.id), {"own": event.id}, by_own.get(event.id)) for event in own]
    return [(mark, event) for _place, mark, event in sorted(placed, key=lambda entry: entry[0])], is_all


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
        case AlarmFact(alarm=alarm) if alarm in FROM_ACCESS:
            return None  # told with its card by the centre, which takes it from the access itself
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


def own_events_of(rows: Sequence[AlarmEvent]) -> dict[int, Event]:
    """The events of what became of alarms without a fact of a device, by the number of the row."""
    if not rows:
        return {}
    states = (
        AlarmState.select(
            AlarmState.device.alias("device_id"),
            AlarmState.node_epoch,
            AlarmState.seq,
            AlarmState.kind,
            AlarmState.detail,
            AlarmState.site.alias("site_id"),
            AlarmState.organisation.alias("organisation_id"),
            Device.name.alias("device_name"),
            Door.label.alias("door_label"),
            AccessPoint.label.alias("point_label"),
            Card.card_no.alias("card_no"),
            Person.number.alias("person_no"),
        )
        .join(Device)
        .join_from(AlarmState, Door, JOIN.LEFT_OUTER)
        .join_from(
            AlarmState,
            AccessPoint,
            JOIN.LEFT_OUTER,
            on=((AccessPoint.id == AlarmState.where) & (AccessPoint.device == AlarmState.device)),
        )
        .join_from(AlarmState, Card, JOIN.LEFT_OUTER)
        .join_from(AlarmState, Person, JOIN.LEFT_OUTER)
        .where(
            AlarmState.device.in_({row.device_id for row in rows})
            & AlarmState.seq.in_({row.seq for row in rows})
        )
    )
    known = {(state.device_id, state.node_epoch, state.seq): state for state in states.namedtuples()}
    by_centre = _raised_by_centre(rows)
    made: dict[int, Event] = {}
    for row in rows:
        state = known.get((row.device_id, row.node_epoch, row.seq))
        if state is None:
            continue
        about = KINDS[state.kind]
        name = name_of(row.device_id, row.node_epoch, row.seq)
        made[row.id] = Event(
            id=f"{name}.{row.what}",
            kind=f"alarm.{row.what}",
            of=None if row.what != "acknowledged" else f"{name}.raised" if name in by_centre else name,
            at=row.at,
            estate=state.site_id,
            organisation=state.organisation_id,
            device=state.device_name,
            is_time_sure=row.is_time_sure,
            door=state.door_label,
            reader=state.point_label if about.place is Place.POINT else None,
            card_no=state.card_no,
            person_no=state.person_no,
            alarm=state.kind,
            detail=None if about.says_more else state.detail or None,
        )
    return made


def _raised_by_centre(rows: Sequence[AlarmEvent]) -> set[str]:
    """Those of the acknowledged alarms that no fact of a device raised: their raising is an event of the centre too."""
    acknowledged = [row for row in rows if row.what == "acknowledged"]
    if not acknowledged:
        return set()
    query = AlarmEvent.select(AlarmEvent.device, AlarmEvent.node_epoch, AlarmEvent.seq).where(
        (AlarmEvent.what == "raised")
        & AlarmEvent.device.in_({row.device_id for row in acknowledged})
        & AlarmEvent.seq.in_({row.seq for row in acknowledged})
    )
    return {name_of(*key) for key in query.tuples()}


def restored(at: datetime) -> None:
    """Inside the transaction of a restore: numbers after this one are given anew."""
    here = head()
    StreamEpoch.create(epoch=int(at.timestamp() * 1_000), from_fact=here.fact, from_own=here.own)

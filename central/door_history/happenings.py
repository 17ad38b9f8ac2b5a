"""What happens at a door, as its device tells it: passages, alarms, what it says of the door and of itself. Also live. Inside ``db``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import peewee

from central.access import alarms, events
from central.access.alarm_kinds import KINDS, Place
from central.access.model import (
    AccessEvent,
    AlarmState,
    DoorCommand,
    DoorNote,
    Schedule,
)
from central.access.projection.notes import Note
from central.access.words import DIRECTION_TEXT, MODE_TEXT, OUTCOME_TEXT, REASON_TEXT
from central.cards.model import Card
from central.door_history.lines import HistoryLine
from central.door_history.subject import (
    ALARMS_RANK,
    DEVICE_ALARMS_RANK,
    DEVICE_NOTES_RANK,
    EVENTS_RANK,
    NOTES_RANK,
    Subject,
)
from central.people.model import Person
from central.people.search import card_no_is, found_by
from central.sites.scope import Scope
from central.web.i18n import _
from central.web.merged import Source, key_of
from protocol.decide import Trust
from protocol.reasons import Reason
from protocol.records import Mode

OF_DEVICE: Final = [name for name, kind in KINDS.items() if kind.place is Place.DEVICE]
_SOURCE_KIND: Final = {"card": "card", "exit_button": "exit", "remote": "remote"}
_KIND_SOURCE: Final = {kind: source for source, kind in _SOURCE_KIND.items()}


# -- passages -------------------------------------------------------------------------------------------------------


def events_of(subject: Subject) -> Source:
    """Passages and refusals."""

    def query(scope: Scope) -> Any:
        command = DoorCommand.alias()
        select = events.query(scope).join_from(
            AccessEvent, command, peewee.JOIN.LEFT_OUTER, on=(command.id == AccessEvent.command_id)
        )
        more = command.operator_name.alias("operator_name"), command.reason.alias("command_reason")
        return select.select_extend(*more).where(AccessEvent.door == subject.door_id)

    def kind(name: str) -> Any:
        source = _KIND_SOURCE.get(name)
        return None if source is None else AccessEvent.source == source

    narrow = {"kind": kind, "person": events.where_person}
    return Source(EVENTS_RANK, AccessEvent.at, AccessEvent.id, query, narrow, event_line)


def event_line(row: Any) -> HistoryLine:
    """A passage; of the live feed too, which knows no command."""
    way = str(DIRECTION_TEXT["out" if row.leaving else "in"])
    where = row.point_label if row.source == "card" else ""
    reason = "" if row.reason in _PLAIN else str(REASON_TEXT.get(row.reason, row.reason))
    followed = str(OUTCOME_TEXT.get(row.outcome, "")) if events.result_of(row) == "unknown" else ""
    asked = getattr(row, "command_reason", None) or ""
    return HistoryLine(
        key=key_of(EVENTS_RANK, row.id),
        at=row.at,
        kind=_SOURCE_KIND[row.source],
        what=" · ".join(filter(None, (way if row.source != "remote" else _("Door released"), where))),
        href=f"/access/events/{row.id}",
        state=("decision", events.result_of(row)),
        card_no=row.card_no or "",
        card_id=row.card_id,
        person_name=row.person_name or "",
        person_id=row.person_id,
        who=getattr(row, "operator_name", None) or "",
        note=" · ".join(filter(None, (reason, followed, asked))),
        is_sure=row.clock >= Trust.HOLDOVER,
    )


_PLAIN: Final = frozenset({Reason.GRANTED, Reason.EXIT_BUTTON, Reason.REMOTE_OPEN})
"""Reasons that say no more than kind and result."""


# -- alarms ---------------------------------------------------------------------------------------------------------


def alarms_of(subject: Subject) -> list[Source]:
    """Alarms of the door, and those of its device."""

    def of(rank: int, mine: Any, kinds: Callable[[str], Any]) -> Source:
        return Source(
            rank,
            AlarmState.raised_at,
            AlarmState.id,
            lambda scope: alarms.query(scope).where(mine),
            {"kind": kinds, "person": _alarm_of_person},
            partial(alarm_line, rank),
        )

    of_device = (AlarmState.device == subject.device_id) & AlarmState.kind.in_(OF_DEVICE)
    is_offline = AlarmState.kind == "device_offline"
    conditions = {"alarm": ~is_offline, "offline": is_offline}
    return [
        of(
            ALARMS_RANK,
            AlarmState.door == subject.door_id,
            lambda name: AlarmState.id > 0 if name == "alarm" else None,
        ),
        of(DEVICE_ALARMS_RANK, of_device & AlarmState.door.is_null(), conditions.get),
    ]


def _alarm_of_person(text: str) -> Any:
    people = Person.select(Person.id).where(found_by(text)).limit(events.PEOPLE_PER_FILTER_MAX)
    return AlarmState.person.in_(people) | AlarmState.card.in_(Card.select(Card.id).where(card_no_is(text)))


def alarm_line(rank: int, row: Any) -> HistoryLine:
    """An alarm from its raising to its end."""
    line = alarms.line_of(row)
    reader = row.point_label if KINDS[line.kind].place is Place.POINT else ""
    detail = row.detail if KINDS[line.kind].says_more else ""
    is_offline = line.kind == "device_offline"
    taken = _("Acknowledged") if line.acknowledged_by else ""
    return HistoryLine(
        key=key_of(rank, line.id),
        at=line.raised_at,
        kind="offline" if is_offline else "alarm",
        what=" · ".join(filter(None, (str(line.text), reader, detail))),
        href=f"/access/events/{row.event_id}" if row.event_id else None,
        state=("alarm", line.state),
        card_no=line.card_no,
        card_id=line.card_id,
        person_name=line.person_name,
        who=line.acknowledged_by,
        note=": ".join(filter(None, (taken, line.note))),
        until=line.cleared_at,
    )


# -- what the device told of its doors and of itself ----------------------------------------------------------------


def notes_query(scope: Scope) -> Any:
    """Notes in scope with who set the rule, unordered."""
    by_schedule = Schedule.id == DoorNote.schedule
    select = DoorNote.select(
        DoorNote.id,
        DoorNote.at,
        DoorNote.kind,
        DoorNote.value,
        DoorNote.command_id,
        DoorCommand.operator_name,
        DoorCommand.reason,
        Schedule.name.alias("schedule_name"),
    ).join(DoorCommand, peewee.JOIN.LEFT_OUTER, on=(DoorCommand.id == DoorNote.command_id))
    select = select.switch(DoorNote).join(Schedule, peewee.JOIN.LEFT_OUTER, on=by_schedule)
    return scope.filter(select, DoorNote)


def notes_of(subject: Subject) -> list[Source]:
    """What the device told of the door and of itself."""

    def of(rank: int, mine: Any, notes: Mapping[str, tuple[Note, ...]]) -> Source:
        def kind(name: str) -> Any:
            return DoorNote.kind.in_(notes[name]) if name in notes else None

        return Source(
            rank,
            DoorNote.at,
            DoorNote.id,
            lambda scope: notes_query(scope).where(mine),
            {"kind": kind},
            partial(note_line, rank),
        )

    return [
        of(NOTES_RANK, DoorNote.door == subject.door_id, {"rule": (Note.RULE,), "device": (Note.MEMORY,)}),
        of(
            DEVICE_NOTES_RANK,
            (DoorNote.device == subject.device_id) & DoorNote.door.is_null(),
            {"clock": (Note.CLOCK,), "device": (Note.START,)},
        ),
    ]


def note_line(rank: int, row: Any) -> HistoryLine:
    """A note of the device in words."""
    kind, what, note, who, href = "device", "", "", "", None
    match Note(row.kind):
        case Note.RULE:
            kind, what = "rule", str(MODE_TEXT[Mode(row.value)])
            if row.command_id:
                who, note, href = row.operator_name, row.reason, f"/doors/commands/{row.command_id}"
            elif row.schedule_name:
                note = _("By its schedule %(name)s", name=_(row.schedule_name))
            else:
                note = _("By its settings and schedules")
        case Note.CLOCK:
            kind, what = "clock", _("Clock set by %(seconds)s s", seconds=f"{row.value / 1_000:+.1f}")
        case Note.START:
            what = _("Device started")
            note = _("It had not been shut down: a power cut, or the program crashed") if row.value else ""
        case Note.MEMORY:
            what = _("Opened from memory without a record: %(n)s times", n=row.value)
    return HistoryLine(
        key=key_of(rank, row.id), at=row.at, kind=kind, what=what, href=href, who=who or "", note=note or ""
    )

"""Where the lines of a door's history come from: one source for each table, each on its own index. Inside ``db.read``.

What nobody but some operators may see elsewhere (the audit trail, fault tickets) is a source for these operators only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from operator import or_
from typing import Any, Final

import peewee

from central.access import alarms, events
from central.access.alarm_kinds import KINDS, Place
from central.access.command_rules import RESULT_TEXT, CommandKind, CommandState, shown
from central.access.model import (
    AccessEvent,
    AccessPoint,
    AlarmState,
    Door,
    DoorCommand,
    DoorNote,
    LevelEntry,
)
from central.access.projection.notes import Note
from central.access.words import DIRECTION_TEXT, MODE_TEXT, OUTCOME_TEXT, REASON_TEXT
from central.audit import AuditEntry
from central.cards.model import Card
from central.door_history.lines import HistoryLine
from central.nodes.model import Device
from central.people.model import Person
from central.people.search import card_no_is, found_by
from central.repairs.model import LogEntry, Ticket
from central.repairs.rules import ACT_TEXT, SEVERITY_TEXT
from central.routes import Pair
from central.security.audit_pages import detail_line, entries_in
from central.security.audit_words import ACTIONS, changed_only, line_of, object_text
from central.sites.scope import Scope
from central.sync.model import Enrolment, EvidenceGap
from central.updates.model import Release, Rollout, RolloutDevice
from central.updates.rules import FINAL
from central.web.i18n import _, lazy
from central.web.merged import Source, key_of
from protocol.decide import Trust
from protocol.reasons import Reason
from protocol.records import Mode

AUDIT_RIGHT: Final[Pair] = ("audit", "view")
REPAIRS_RIGHT: Final[Pair] = ("duty", "view")
EVENTS_RANK: Final = 0
ALARMS_RANK: Final = 1
DEVICE_ALARMS_RANK: Final = 2
NOTES_RANK: Final = 3
DEVICE_NOTES_RANK: Final = 4
_COMMANDS_RANK: Final = 5
_SETTINGS_RANK: Final = 6
_JOINED_RANK: Final = 7
_LOST_RANK: Final = 8
_PROGRAM_RANK: Final = 9
_TICKETS_RANK: Final = 10
_WORK_RANK: Final = 11
OF_DEVICE: Final = [name for name, kind in KINDS.items() if kind.place is Place.DEVICE]
_COMMANDED: Final = ("access.open", "access.set_mode", "access.clear_mode")
"""Acts on a door that are lines of their own already."""
_SOURCE_KIND: Final = {"card": "card", "exit_button": "exit", "remote": "remote"}
_KIND_SOURCE: Final = {kind: source for source, kind in _SOURCE_KIND.items()}


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
        "schedule": [door.unlock_schedule_id, door.pin_schedule_id],
        "level": [row for (row,) in levels],
    }
    objects = {kind: tuple(str(number) for number in ids if number) for kind, ids in found.items()}
    return Subject(door.id, door.device_id, tuple((kind, ids) for kind, ids in objects.items() if ids))


def sources_of(subject: Subject, may: Callable[[Pair], bool], now: datetime) -> tuple[Source, ...]:
    """What an operator with these rights sees of it. ``now``: a command without an answer has timed out by then, or not."""
    found = [
        _events(subject),
        *_alarms(subject),
        *_notes(subject),
        _commands(subject, now),
        _joined(subject),
        _lost(subject),
        _program(subject),
    ]
    if may(AUDIT_RIGHT):
        found.append(_settings(subject))
    if may(REPAIRS_RIGHT):
        found += [_tickets(subject), _work(subject)]
    return tuple(found)


# -- passages -------------------------------------------------------------------------------------------------------


def _events(subject: Subject) -> Source:
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


def _alarms(subject: Subject) -> list[Source]:
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
    select = DoorNote.select(
        DoorNote.id,
        DoorNote.at,
        DoorNote.kind,
        DoorNote.value,
        DoorNote.command_id,
        DoorCommand.operator_name,
        DoorCommand.reason,
    ).join(DoorCommand, peewee.JOIN.LEFT_OUTER, on=(DoorCommand.id == DoorNote.command_id))
    return scope.filter(select, DoorNote)


def _notes(subject: Subject) -> list[Source]:
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


# -- what operators asked for that made no line of its own ----------------------------------------------------------


def _commands(subject: Subject, now: datetime) -> Source:
    """Remote openings that released nothing, and rules by hand that changed nothing, or not yet."""
    is_opening = DoorCommand.kind == CommandKind.OPEN.value
    done = DoorCommand.state.in_((CommandState.ACCEPTED.value, CommandState.CONFIRMED.value))

    def query(scope: Scope) -> Any:
        told = peewee.fn.EXISTS(DoorNote.select(peewee.SQL("1")).where(DoorNote.command_id == DoorCommand.id))
        mine = (DoorCommand.door == subject.door_id) & ~(is_opening & done) & ~told
        return scope.filter(DoorCommand.select().where(mine), DoorCommand)

    narrow = {"kind": {"remote": is_opening, "rule": ~is_opening}.get}
    return Source(
        _COMMANDS_RANK, DoorCommand.created_at, DoorCommand.id, query, narrow, partial(_command_line, now)
    )


def _command_line(now: datetime, row: Any) -> HistoryLine:
    wanted = {
        CommandKind.OPEN: lambda: _("Remote open asked for"),
        CommandKind.SET_MODE: lambda: _("Asked for: %(rule)s", rule=MODE_TEXT[Mode(row.mode)]),
        CommandKind.CLEAR_MODE: lambda: _("Asked for: %(rule)s", rule=_("Back to the settings")),
    }[CommandKind(row.kind)]()
    state = CommandState(row.state)
    why = str(lazy(row.trouble)) if row.trouble else ""
    if row.result is not None and state is CommandState.FAILED:
        why = str(RESULT_TEXT[row.result])
    return HistoryLine(
        key=key_of(_COMMANDS_RANK, row.id),
        at=row.created_at,
        kind="remote" if row.kind == CommandKind.OPEN.value else "rule",
        what=wanted,
        href=f"/doors/commands/{row.id}",
        state=("command", shown(state, row.created_at, now).value),
        who=row.operator_name,
        note=" · ".join(filter(None, (row.reason, why))),
    )


# -- settings (the audit trail) -------------------------------------------------------------------------------------


def _settings(subject: Subject) -> Source:
    mine = [(AuditEntry.object_kind == kind) & AuditEntry.object_id.in_(ids) for kind, ids in subject.objects]

    def query(scope: Scope) -> Any:
        return entries_in(scope).where(reduce(or_, mine) & AuditEntry.action.not_in(_COMMANDED))

    narrow = {"kind": {"settings": AuditEntry.seq > 0}.get}
    return Source(_SETTINGS_RANK, AuditEntry.at, AuditEntry.seq, query, narrow, _settings_line)


def _settings_line(row: Any) -> HistoryLine:
    detail = row.detail or {}
    before, after = changed_only(detail.get("before"), detail.get("after"))
    sides = " → ".join(line_of(side) for side in (before, after) if side)
    return HistoryLine(
        key=key_of(_SETTINGS_RANK, row.seq),
        at=row.at,
        kind="settings",
        what=f"{ACTIONS.get(row.action, row.action)} · {object_text(row.object_kind, row.object_id)}",
        href=f"/audit?action={row.action}&id={row.object_id}",
        who=detail_line("actor")(row),
        note=" · ".join(filter(None, (sides, detail_line("reason")(row)))),
    )


# -- the device -----------------------------------------------------------------------------------------------------


def _joined(subject: Subject) -> Source:
    def query(scope: Scope) -> Any:
        mine = Enrolment.device == subject.device_id
        return scope.filter(Enrolment.select().join(Device).where(mine), Device)

    narrow = {"kind": {"device": Enrolment.id > 0}.get}
    return Source(_JOINED_RANK, Enrolment.enrolled_at, Enrolment.id, query, narrow, _joined_line)


def _joined_line(row: Any) -> HistoryLine:
    what = _("Device installed") if row.node_epoch == 1 else _("Device replaced or installed anew")
    return HistoryLine(
        key=key_of(_JOINED_RANK, row.id),
        at=row.enrolled_at,
        kind="device",
        what=what,
        href=f"/devices/{row.device}",
        note=_("Board %(serial)s", serial=row.board_serial) if row.board_serial else "",
    )


def _lost(subject: Subject) -> Source:
    def query(scope: Scope) -> Any:
        mine = EvidenceGap.device == subject.device_id
        return scope.filter(EvidenceGap.select().join(Device).where(mine), Device)

    narrow = {"kind": {"lost": EvidenceGap.id > 0}.get}
    return Source(_LOST_RANK, EvidenceGap.begins_at, EvidenceGap.id, query, narrow, _lost_line)


def _lost_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(_LOST_RANK, row.id),
        at=row.begins_at,
        kind="lost",
        what=_("What the former device recorded from here on is lost"),
        href=f"/devices/{row.device}",
        until=row.ends_at,
    )


def _program(subject: Subject) -> Source:
    def query(scope: Scope) -> Any:
        select = (
            RolloutDevice.select(
                RolloutDevice.id,
                RolloutDevice.changed_at,
                RolloutDevice.state,
                Rollout.operator_name,
                Release.version,
            )
            .join(Rollout)
            .join(Release)
            .join_from(RolloutDevice, Device)
        )
        mine = (RolloutDevice.device == subject.device_id) & RolloutDevice.state.in_(FINAL)
        return scope.filter(select.where(mine & RolloutDevice.changed_at.is_null(False)), Device)

    narrow = {"kind": {"program": RolloutDevice.id > 0}.get}
    return Source(_PROGRAM_RANK, RolloutDevice.changed_at, RolloutDevice.id, query, narrow, _program_line)


def _program_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(_PROGRAM_RANK, row.id),
        at=row.changed_at,
        kind="program",
        what=_("Version %(version)s", version=row.version),
        state=("update", row.state),
        who=row.operator_name or "",
    )


# -- faults and maintenance -----------------------------------------------------------------------------------------


def _tickets(subject: Subject) -> Source:
    def query(scope: Scope) -> Any:
        mine = (Ticket.door == subject.door_id) | (
            (Ticket.device == subject.device_id) & Ticket.door.is_null()
        )
        return scope.filter(Ticket.select().where(mine), Ticket)

    narrow = {"kind": {"repair": Ticket.id > 0}.get}
    return Source(_TICKETS_RANK, Ticket.reported_at, Ticket.id, query, narrow, _ticket_line)


def _ticket_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(_TICKETS_RANK, row.id),
        at=row.reported_at,
        kind="repair",
        what=_("Fault ticket %(number)s", number=f"{row.number:06d}"),
        href=f"/repairs/{row.id}",
        state=("ticket", row.state),
        who=row.reported_by,
        note=f"{row.what} · {SEVERITY_TEXT[row.severity]}",
        until=row.repaired_at,
    )


def _work(subject: Subject) -> Source:
    """Steps of tickets after the report, and work without one."""

    def query(scope: Scope) -> Any:
        mine = (LogEntry.door == subject.door_id) | (
            (LogEntry.device == subject.device_id) & LogEntry.door.is_null()
        )
        return scope.filter(LogEntry.select().where(mine & (LogEntry.act != "report")), LogEntry)

    narrow = {"kind": {"repair": LogEntry.id > 0}.get}
    return Source(_WORK_RANK, LogEntry.at, LogEntry.id, query, narrow, _work_line)


def _work_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(_WORK_RANK, row.id),
        at=row.at,
        kind="repair",
        what=str(ACT_TEXT[row.act]),
        href=f"/repairs/{row.ticket}" if row.ticket else "/repairs/log",
        who=row.operator_name,
        note=row.note,
    )

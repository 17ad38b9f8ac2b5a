"""What the office and the life of the device add: commands, settings, installations, versions, faults and maintenance. Inside ``db``."""

from __future__ import annotations

from datetime import datetime
from functools import partial, reduce
from operator import or_
from typing import Any, Final

import peewee

from central.access.command_rules import RESULT_TEXT, CommandKind, CommandState, shown
from central.access.model import (
    DoorCommand,
    DoorNote,
)
from central.access.words import MODE_TEXT
from central.audit import AuditEntry
from central.door_history.lines import HistoryLine
from central.door_history.subject import (
    COMMANDS_RANK,
    JOINED_RANK,
    LOST_RANK,
    PROGRAM_RANK,
    SETTINGS_RANK,
    TICKETS_RANK,
    WORK_RANK,
    Subject,
)
from central.nodes.model import Device
from central.repairs.model import LogEntry, Ticket
from central.repairs.rules import ACT_TEXT, SEVERITY_TEXT
from central.security.audit_pages import detail_line, entries_in
from central.security.audit_words import ACTIONS, changed_only, line_of, object_text
from central.sites.scope import Scope
from central.sync.model import Enrolment, EvidenceGap
from central.updates.model import Release, Rollout, RolloutDevice
from central.updates.rules import FINAL
from central.web.i18n import _, lazy
from central.web.merged import Source, key_of
from protocol.records import Mode

_COMMANDED: Final = ("access.open", "access.set_mode", "access.clear_mode")
"""Acts on a door that are lines of their own already."""


# -- what operators asked for that made no line of its own ----------------------------------------------------------


def commands_of(subject: Subject, now: datetime) -> Source:
    """Remote openings that released nothing, and rules by hand that changed nothing, or not yet."""
    is_opening = DoorCommand.kind == CommandKind.OPEN.value
    done = DoorCommand.state.in_((CommandState.ACCEPTED.value, CommandState.CONFIRMED.value))

    def query(scope: Scope) -> Any:
        told = peewee.fn.EXISTS(DoorNote.select(peewee.SQL("1")).where(DoorNote.command_id == DoorCommand.id))
        mine = (DoorCommand.door == subject.door_id) & ~(is_opening & done) & ~told
        return scope.filter(DoorCommand.select().where(mine), DoorCommand)

    narrow = {"kind": {"remote": is_opening, "rule": ~is_opening}.get}
    return Source(
        COMMANDS_RANK, DoorCommand.created_at, DoorCommand.id, query, narrow, partial(_command_line, now)
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
        key=key_of(COMMANDS_RANK, row.id),
        at=row.created_at,
        kind="remote" if row.kind == CommandKind.OPEN.value else "rule",
        what=wanted,
        href=f"/doors/commands/{row.id}",
        state=("command", shown(state, row.created_at, now).value),
        who=row.operator_name,
        note=" · ".join(filter(None, (row.reason, why))),
    )


# -- settings (the audit trail) -------------------------------------------------------------------------------------


def settings_of(subject: Subject) -> Source:
    """Settings of the door and of what belongs to it, from the audit trail."""
    mine = [(AuditEntry.object_kind == kind) & AuditEntry.object_id.in_(ids) for kind, ids in subject.objects]

    def query(scope: Scope) -> Any:
        return entries_in(scope).where(reduce(or_, mine) & AuditEntry.action.not_in(_COMMANDED))

    narrow = {"kind": {"settings": AuditEntry.seq > 0}.get}
    return Source(SETTINGS_RANK, AuditEntry.at, AuditEntry.seq, query, narrow, _settings_line)


def _settings_line(row: Any) -> HistoryLine:
    detail = row.detail or {}
    before, after = changed_only(detail.get("before"), detail.get("after"))
    sides = " → ".join(line_of(side) for side in (before, after) if side)
    return HistoryLine(
        key=key_of(SETTINGS_RANK, row.seq),
        at=row.at,
        kind="settings",
        what=f"{ACTIONS.get(row.action, row.action)} · {object_text(row.object_kind, row.object_id)}",
        href=f"/audit?action={row.action}&id={row.object_id}",
        who=detail_line("actor")(row),
        note=" · ".join(filter(None, (sides, detail_line("reason")(row)))),
    )


# -- the device -----------------------------------------------------------------------------------------------------


def joined_of(subject: Subject) -> Source:
    """Installations of the device."""

    def query(scope: Scope) -> Any:
        mine = Enrolment.device == subject.device_id
        return scope.filter(Enrolment.select().join(Device).where(mine), Device)

    narrow = {"kind": {"device": Enrolment.id > 0}.get}
    return Source(JOINED_RANK, Enrolment.enrolled_at, Enrolment.id, query, narrow, _joined_line)


def _joined_line(row: Any) -> HistoryLine:
    what = _("Device installed") if row.node_epoch == 1 else _("Device replaced or installed anew")
    return HistoryLine(
        key=key_of(JOINED_RANK, row.id),
        at=row.enrolled_at,
        kind="device",
        what=what,
        href=f"/devices/{row.device}",
        note=_("Board %(serial)s", serial=row.board_serial) if row.board_serial else "",
    )


def lost_of(subject: Subject) -> Source:
    """Spans of which the records are lost."""

    def query(scope: Scope) -> Any:
        mine = EvidenceGap.device == subject.device_id
        return scope.filter(EvidenceGap.select().join(Device).where(mine), Device)

    narrow = {"kind": {"lost": EvidenceGap.id > 0}.get}
    return Source(LOST_RANK, EvidenceGap.begins_at, EvidenceGap.id, query, narrow, _lost_line)


def _lost_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(LOST_RANK, row.id),
        at=row.begins_at,
        kind="lost",
        what=_("What the former device recorded from here on is lost"),
        href=f"/devices/{row.device}",
        until=row.ends_at,
    )


def program_of(subject: Subject) -> Source:
    """Versions of the program that the device took."""

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
    return Source(PROGRAM_RANK, RolloutDevice.changed_at, RolloutDevice.id, query, narrow, _program_line)


def _program_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(PROGRAM_RANK, row.id),
        at=row.changed_at,
        kind="program",
        what=_("Version %(version)s", version=row.version),
        state=("update", row.state),
        who=row.operator_name or "",
    )


# -- faults and maintenance -----------------------------------------------------------------------------------------


def tickets_of(subject: Subject) -> Source:
    """Fault tickets of the door and its device."""

    def query(scope: Scope) -> Any:
        mine = (Ticket.door == subject.door_id) | (
            (Ticket.device == subject.device_id) & Ticket.door.is_null()
        )
        return scope.filter(Ticket.select().where(mine), Ticket)

    narrow = {"kind": {"repair": Ticket.id > 0}.get}
    return Source(TICKETS_RANK, Ticket.reported_at, Ticket.id, query, narrow, _ticket_line)


def _ticket_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(TICKETS_RANK, row.id),
        at=row.reported_at,
        kind="repair",
        what=_("Fault ticket %(number)s", number=f"{row.number:06d}"),
        href=f"/repairs/{row.id}",
        state=("ticket", row.state),
        who=row.reported_by,
        note=f"{row.what} · {SEVERITY_TEXT[row.severity]}",
        until=row.repaired_at,
    )


def work_of(subject: Subject) -> Source:
    """Steps of tickets after the report, and work without one."""

    def query(scope: Scope) -> Any:
        mine = (LogEntry.door == subject.door_id) | (
            (LogEntry.device == subject.device_id) & LogEntry.door.is_null()
        )
        return scope.filter(LogEntry.select().where(mine & (LogEntry.act != "report")), LogEntry)

    narrow = {"kind": {"repair": LogEntry.id > 0}.get}
    return Source(WORK_RANK, LogEntry.at, LogEntry.id, query, narrow, _work_line)


def _work_line(row: Any) -> HistoryLine:
    return HistoryLine(
        key=key_of(WORK_RANK, row.id),
        at=row.at,
        kind="repair",
        what=str(ACT_TEXT[row.act]),
        href=f"/repairs/{row.ticket}" if row.ticket else "/repairs/log",
        who=row.operator_name,
        note=row.note,
    )

"""Opening fault tickets and taking them through their states. Runs inside ``db.write``, each act with its log entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import peewee

from central.access.alarm_kinds import KINDS
from central.access.model import AlarmState, Door
from central.cards.acts import By
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.nodes.model import Device
from central.repairs.model import LogEntry, Ticket
from central.repairs.rules import OF_ALARM, OPEN, Act, State, after, due
from central.sites.places import check_place
from central.sites.scope import Scope


@dataclass(frozen=True)
class Subject:
    """What a ticket or a log entry is about, and whose it is."""

    site_id: int
    organisation_id: int
    device: Device | None = None
    door: Door | None = None
    alarm: AlarmState | None = None

    @property
    def label(self) -> str:
        """For people."""
        names = [row.label for row in (self.door, self.device) if row is not None]
        return " · ".join(names)


def subject_of(scope: Scope, *, alarm: int | None, door: int | None, device: int | None) -> Subject | None:
    """What the address of a page names; None: nothing in particular.

    :raises NotFoundError: no such record in the scope.
    """
    if alarm is not None:
        row = scope.get(AlarmState, alarm)
        at = row.door if row.door_id is not None else None
        return Subject(row.site_id, row.device.organisation_id, row.device, at, row)
    if door is not None:
        found = scope.get(Door, door)
        return Subject(found.site_id, found.organisation_id, found.device, found)
    if device is not None:
        node = scope.get(Device, device)
        return Subject(node.site_id, node.organisation_id, node)
    return None


def open_ticket_of(alarm: AlarmState) -> Ticket | None:
    """The ticket that was opened from an alarm and is not done."""
    same = (
        (Ticket.alarm_device == alarm.device_id)
        & (Ticket.alarm_epoch == alarm.node_epoch)
        & (Ticket.alarm_seq == alarm.seq)
        & Ticket.state.in_(OPEN)
    )
    row: Ticket | None = Ticket.select().where(same).order_by(Ticket.id.desc()).first()
    return row


def severity_of(alarm: AlarmState) -> str:
    """What a ticket of this alarm is proposed as."""
    return OF_ALARM[KINDS[alarm.kind].severity]


def report(by: By, scope: Scope, subject: Subject, what: str, severity: str, place: str) -> Ticket:
    """Open a ticket.

    :raises ConflictError: the alarm has one that is not done.
    :raises InvalidInputError: the operator does not work there, or nothing says where the fault is.
    """
    check_place(scope, subject.site_id, subject.organisation_id)
    if subject.device is None and not place:
        raise InvalidInputError("Say where the fault is.")
    alarm = subject.alarm
    if alarm is not None and open_ticket_of(alarm) is not None:
        raise ConflictError("There is a ticket for this alarm already.")
    ticket: Ticket = Ticket.create(
        site=subject.site_id,
        organisation=subject.organisation_id,
        number=_next_number(subject.site_id),
        device=subject.device,
        door=subject.door,
        place=place,
        what=what,
        severity=severity,
        state=State.REPORTED.value,
        alarm_kind="" if alarm is None else alarm.kind,
        alarm_device=None if alarm is None else alarm.device_id,
        alarm_epoch=None if alarm is None else alarm.node_epoch,
        alarm_seq=None if alarm is None else alarm.seq,
        reported_at=by.at,
        reported_by=by.operator_name,
        due_at=due(severity, by.at),
    )
    _log(by, ticket, Act.REPORT, what)
    return ticket


def act(by: By, ticket: Ticket, what: Act, note: str, assigned_to: str = "") -> None:
    """One step of a ticket.

    :raises ConflictError: not possible in its state. :raises ForbiddenError: nobody confirms his own repair.
    :raises InvalidInputError: what the step must say is missing.
    """
    state = after(ticket.state, what)
    if what in (Act.REPAIR, Act.REOPEN, Act.WITHDRAW, Act.NOTE) and not note:
        raise InvalidInputError("Write what was done, or why.")
    if what is Act.ASSIGN:
        if not assigned_to:
            raise InvalidInputError("Say who repairs it.")
        ticket.assigned_to = assigned_to
        note = f"{assigned_to} {note}".strip()
    if what is Act.REPAIR:
        ticket.repaired_at, ticket.repaired_by = by.at, by.operator_name
        ticket.repaired_by_id = by.operator_id
    if what is Act.CONFIRM:
        if by.operator_id is not None and by.operator_id == ticket.repaired_by_id:
            raise ForbiddenError("Somebody else confirms a repair, not the one who has made it.")
        ticket.confirmed_at, ticket.confirmed_by = by.at, by.operator_name
    if what is Act.REOPEN:
        ticket.repaired_at, ticket.repaired_by, ticket.repaired_by_id = None, "", None
        ticket.confirmed_at, ticket.confirmed_by = None, ""
        ticket.due_at = due(ticket.severity, by.at)
        ticket.reopened_count += 1
    ticket.state = state.value
    ticket.version += 1
    ticket.save()
    _log(by, ticket, what, note)


def maintain(by: By, scope: Scope, subject: Subject, note: str) -> LogEntry:
    """Work on a device or door that no fault has caused.

    :raises InvalidInputError: the operator does not work there, or it says nothing.
    """
    check_place(scope, subject.site_id, subject.organisation_id)
    if not note:
        raise InvalidInputError("Write what was done, or why.")
    made: LogEntry = LogEntry.create(
        site=subject.site_id,
        organisation=subject.organisation_id,
        device=subject.device,
        door=subject.door,
        act=Act.MAINTAIN.value,
        at=by.at,
        operator_name=by.operator_name,
        note=note,
    )
    return made


def snapshot(ticket: Ticket) -> dict[str, Any]:
    """What the audit row says."""
    return {"number": ticket.number, "state": ticket.state, "severity": ticket.severity}


def _log(by: By, ticket: Ticket, what: Act, note: str) -> None:
    LogEntry.create(
        site=ticket.site_id,
        organisation=ticket.organisation_id,
        ticket=ticket,
        device=ticket.device_id,
        door=ticket.door_id,
        act=what.value,
        at=by.at,
        operator_name=by.operator_name,
        note=note,
    )


def _next_number(site_id: int) -> int:
    highest = Ticket.select(peewee.fn.MAX(Ticket.number)).where(Ticket.site == site_id).scalar()
    return int(highest or 0) + 1


# -- figures --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figures:
    """What became of the tickets reported in a span. Times in seconds."""

    name: str
    reported_count: int
    repaired_count: int
    in_time_count: int
    """Repaired before they were due."""
    open_count: int
    late_count: int
    repair_s: int | None
    """Mean time to repair: from the report to the repair that held; None: nothing was repaired."""
    href: str = ""


def figures(
    scope: Scope, first_at: datetime, until_at: datetime, now: datetime, by: Any = None
) -> list[tuple[Any, Figures]]:
    """Figures of the tickets reported from ``first_at`` until before ``until_at``, by a column or altogether.

    Withdrawn tickets do not count: there was no fault.
    """
    count, total, case = peewee.fn.COUNT, peewee.fn.SUM, peewee.Case
    is_repaired = Ticket.repaired_at.is_null(False)
    is_late = Ticket.state.in_([State.REPORTED.value, State.ASSIGNED.value]) & (Ticket.due_at <= now)

    def number(condition: Any) -> Any:
        return total(case(None, ((condition, 1),), 0))

    took_ms = Ticket.repaired_at - Ticket.reported_at
    key = peewee.Value(0) if by is None else by
    query = (
        Ticket.select(
            key.alias("which"),
            count(Ticket.id),
            number(is_repaired),
            number(is_repaired & (Ticket.repaired_at <= Ticket.due_at)),
            number(Ticket.state.in_(OPEN)),
            number(is_late),
            total(case(None, ((is_repaired, took_ms),), 0)),
        )
        .where(Ticket.reported_at >= first_at, Ticket.reported_at < until_at)
        .where(Ticket.state != State.WITHDRAWN.value)
    )
    if by is not None:
        query = query.group_by(by)
    found = []
    for which, reported, repaired, in_time, is_open, late, took in scope.filter(query, Ticket).tuples():
        mean_s = int(took) // int(repaired) // 1_000 if repaired else None
        found.append(
            (
                which,
                Figures(
                    "",
                    reported,
                    int(repaired or 0),
                    int(in_time or 0),
                    int(is_open or 0),
                    int(late or 0),
                    mean_s,
                ),
            )
        )
    return sorted(found, key=lambda pair: -pair[1].reported_count)

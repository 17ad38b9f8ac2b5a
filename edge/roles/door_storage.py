"""Storage and the door: what follows when the record of an intent is durable, late, or not to be had (I8, I10).

============================  ===============================  ==========================================
answer to the intent          card                             remote opening
============================  ===============================  ==========================================
durable in time               release, outcome RELEASED        the same
late: more than a second      the door's policy, at once       not opened, whatever the policy
... and durable after all     LATE_COMMIT, or                  LATE_COMMIT
                              RELEASED_FROM_MEMORY
not stored                    the door's policy                not opened
unusable already when shown   the door's policy, at once       not opened
============================  ===============================  ==========================================

What the policy did is recorded as a fact of its own (held in memory until the medium works again), and the centre learns
how often a door was opened from memory.
"""

from __future__ import annotations

from functools import partial

import msgspec
from msgspec.structs import replace

from edge.core import door
from edge.core.actions import Record, Took
from edge.core.alarms import cleared, raised
from edge.core.feedback import Pattern
from edge.core.stimuli import CommitLate, Committed, StorageState
from edge.roles import door_modes, door_places, door_rules, door_uses
from edge.roles.door_state import Pending
from edge.roles.turn import Turn
from protocol.facts import (
    AccessFact,
    Alarm,
    CommandFact,
    CommandResult,
    MemoryGrantsFact,
    Outcome,
    OutcomeFact,
)
from protocol.figures import Figure
from protocol.reasons import Reason
from protocol.records import Mode, StoragePolicy
from protocol.rules.passback import UNKNOWN


def committed(turn: Turn, answer: Committed) -> None:
    """The fate of an intent is known. One that was given up at a restart of the role is nobody's any more."""
    unlocking = turn.unlocking.pop(answer.intent_id, None)
    if unlocking is not None:
        door_modes.recorded(turn, *unlocking, is_durable=answer.ok)
    pending = turn.pending.pop(answer.intent_id, None)
    if pending is None:
        return
    if not answer.ok or answer.seq is None:
        if not pending.answered:
            pending = _policy(turn, pending)
        _record_answer(turn, pending)
    elif pending.answered:
        outcome = Outcome.RELEASED_FROM_MEMORY if pending.by_memory else Outcome.LATE_COMMIT
        into = pending.into if pending.by_memory and pending.into is not None else UNKNOWN
        turn.record(OutcomeFact(answer.seq, outcome, into))
    elif _may_still_open(turn, pending):
        _release(turn, pending, answer.seq)
        turn.record(OutcomeFact(answer.seq, Outcome.RELEASED))
        _welcome(turn, pending)
        if isinstance(pending.body, AccessFact) and not _leads_out(turn, pending.body):
            door_modes.first_card(turn, pending.door)
    else:
        turn.record(OutcomeFact(answer.seq, Outcome.NOT_ENTERED))
        turn.signal(pending.reader, Pattern.DENIED)


def late(turn: Turn, answer: CommitLate) -> None:
    """The commit takes too long: nobody is kept standing at the door for it."""
    pending = turn.pending.get(answer.intent_id)
    if pending is not None and not pending.answered:
        turn.pending[answer.intent_id] = _policy(turn, pending)


def at_once(turn: Turn, pending: Pending) -> None:
    """Storage is known to be unusable: nothing to wait for."""
    _record_answer(turn, _policy(turn, pending))


def storage_state(turn: Turn, news: StorageState) -> None:
    """The medium failed, or works again: then the centre is told what was done without it."""
    if news.usable is turn.storage_usable:
        return
    turn.storage_usable = news.usable
    if not news.usable:
        turn.add(*raised(Alarm.STORAGE_UNUSABLE, 0, news.detail))
        return
    for number, count in sorted(turn.memory_grants.items()):
        turn.record(MemoryGrantsFact(number, count))
    turn.memory_grants.clear()
    turn.add(*cleared(Alarm.STORAGE_UNUSABLE))


def _may_still_open(turn: Turn, pending: Pending) -> bool:
    """What has changed since the intent: a lockdown and an interlock hold for everybody, a block for cards; the door may be
    another one."""
    if turn.wiring.unit_of_door.get(pending.door) != pending.unit:
        return False
    state = turn.doors.get(pending.unit)
    highest = Mode.BLOCKED if isinstance(pending.body, CommandFact) else Mode.LOCKED
    return state is not None and state.mode <= highest and not door_rules.interlocked(turn, pending.unit)


def _policy(turn: Turn, pending: Pending) -> Pending:
    """Answer the holder without a record."""
    spec = turn.wiring.door(pending.unit)
    grants = spec.row.storage_policy is StoragePolicy.GRANT_FROM_MEMORY
    if not (isinstance(pending.body, AccessFact) and grants and _may_still_open(turn, pending)):
        turn.signal(pending.reader, Pattern.STORAGE_FAULT)
        return replace(pending, answered=True)
    _release(turn, pending, None)
    turn.memory_grants[spec.number] = turn.memory_grants.get(spec.number, 0) + 1
    turn.signal(pending.reader, Pattern.PROVISIONAL)
    return replace(pending, answered=True, by_memory=True)


def _record_answer(turn: Turn, pending: Pending) -> None:
    """The intent is lost; what was done instead is a fact of its own."""
    body = pending.body
    if isinstance(body, CommandFact):
        turn.record(
            msgspec.structs.replace(body, result=CommandResult.STORAGE_UNUSABLE, release_ms=0),
            pending.personal,
        )
        return
    if pending.by_memory:
        into = UNKNOWN if pending.into is None else pending.into
        granted = msgspec.structs.replace(body, reason=Reason.GRANTED_FROM_MEMORY, into=into)
        along = tuple(replace(each, body=replace(each.body, into=into)) for each in pending.along)
        turn.add(Record(granted, pending.personal, keep=pending.keep, along=along))
        return
    refused = door_uses.given_back(turn, body, pending.keep)
    for each in pending.along:
        assert isinstance(each.body, AccessFact), "somebody who showed a card"
        door_uses.given_back(turn, each.body, each.keep)
    turn.record(
        msgspec.structs.replace(refused, reason=Reason.STORAGE_UNUSABLE, release_ms=0), pending.personal
    )


def _leads_out(turn: Turn, body: AccessFact) -> bool:
    point = turn.view.access_points.get(body.point)
    return point is None or point.leaving


def _release(turn: Turn, pending: Pending, seq: int | None) -> None:
    turn.with_door(pending.unit, partial(door.release, release_ms=pending.release_ms, seq=seq))
    if pending.shown_ms is not None:
        turn.add(Took(Figure.SWIPE, pending.shown_ms))
    if pending.into is not None:
        door_places.goes(turn, pending, seq)


def _welcome(turn: Turn, pending: Pending) -> None:
    body = pending.body
    if isinstance(body, CommandFact):
        for reader in turn.wiring.readers_of_unit.get(pending.unit, ()):
            turn.signal(reader, Pattern.GRANTED)
        return
    if body.reason is Reason.GRANTED_TIME_NOT_CHECKED:
        pattern = Pattern.PROVISIONAL
    elif pending.release_ms > turn.wiring.door(pending.unit).row.release_ms:
        pattern = Pattern.GRANTED_EXTENDED
    else:
        pattern = Pattern.GRANTED
    turn.signal(pending.reader, pattern)

"""A door node without a node: the role, a View, and a world that keeps timers and answers commits by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from edge.core.actions import Action, CancelTimer, Feedback, Keep, Lock, Record, Release, StartTimer
from edge.core.feedback import SIGNALS, Pattern
from edge.core.lines import InputLine, InputRole
from edge.core.stimuli import (
    CardShown,
    Committed,
    InputChanged,
    IntentId,
    Now,
    Started,
    Stimulus,
    TimerFired,
    ViewChanged,
)
from edge.roles.base import Role
from edge.roles.door import DoorRole
from protocol.decide import Instant, Presentation, Trust
from protocol.facts import AlarmFact, Body, DoorFact, OutcomeFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import (
    CardFlag,
    CardRow,
    Change,
    DoorRow,
    LevelRow,
    PointRow,
    RestrictionRow,
    Revisions,
    ScheduleRow,
    SiteRow,
    put,
)
from protocol.schedule import ALWAYS
from protocol.view import View

GOOD, EXTENDED, LOST, OFFICE, STRANGER = (Presentation(bytes([n, 0xA1, 0xB2, 0xC3])) for n in (1, 2, 3, 4, 5))
FRONT, BACK = 7, 9
IN, OUT, BACK_IN = 11, 12, 13
MONDAY_NOON_MS = int(datetime(2026, 3, 2, 4, 0, tzinfo=UTC).timestamp() * 1_000)
"""12:00 in Shanghai."""
OFFICE_HOURS = 5


def rows(front: DoorRow | None = None) -> list[Change]:
    """Two doors: the front one with an in- and an out-reader, the back one with an in-reader."""
    return [
        put(0, SiteRow("Asia/Shanghai", "estate")),
        put(FRONT, front or DoorRow("front")),
        put(BACK, DoorRow("back")),
        put(IN, PointRow("front in", 1, FRONT)),
        put(OUT, PointRow("front out", 2, FRONT, leaving=True)),
        put(BACK_IN, PointRow("back in", 3, BACK)),
        put(1, LevelRow(((IN, ALWAYS), (OUT, ALWAYS), (BACK_IN, ALWAYS)))),
        put(2, LevelRow(((IN, OFFICE_HOURS),))),
        put(OFFICE_HOURS, ScheduleRow(((0b0011111, 8 * 60, 18 * 60),))),
        put(uid_key(GOOD.uid), CardRow(1, 0, 0, 1, (1,))),
        put(uid_key(EXTENDED.uid), CardRow(2, 0, 0, 1, (1,), CardFlag.EXTENDED_OPEN)),
        put(uid_key(LOST.uid), CardRow(3, 0, 0, 1, (1,))),
        put(uid_key(LOST.uid), RestrictionRow(Reason.CARD_LOST, 1, 0)),
        put(uid_key(OFFICE.uid), CardRow(4, 0, 0, 1, (2,))),
    ]


@dataclass
class DoorNode:
    """One stimulus at a time goes in; every action that came out is kept."""

    view: View
    mono_ms: int = 1_000
    instant: Instant = field(default_factory=lambda: Instant(MONDAY_NOON_MS))
    role: Role[Any] = field(default_factory=DoorRole)
    timers: dict[str, int] = field(default_factory=dict)
    done: list[Action] = field(default_factory=list)
    seq: int = 100
    stores_modes: bool = True
    """The record by which a door is to stand unlocked is durable at once."""

    def __post_init__(self) -> None:
        self.state = self.role.initial()

    @property
    def last_intent(self) -> int:
        return int(getattr(self.state, "commits", self.state).last_intent)

    def send(self, stimulus: Stimulus) -> list[Action]:
        self.state, actions = self.role.step(self.state, stimulus, self.view, Now(self.mono_ms, self.instant))
        for action in actions:
            match action:
                case StartTimer(name, after_ms):
                    self.timers[name] = self.mono_ms + after_ms
                case CancelTimer(name):
                    self.timers.pop(name, None)
        self.done += actions
        for action in actions if self.stores_modes else []:
            if isinstance(action, Record) and action.intent_id and isinstance(action.body, DoorFact):
                actions = actions + self.commit(action.intent_id)
        return actions

    def show(self, *cards: Presentation, reader: int = 1, **more: object) -> list[Action]:
        return self.send(CardShown(reader, cards, **more))  # type: ignore[arg-type]

    def swipe(self, card: Presentation, reader: int = 1) -> list[Action]:
        """Show a card and let its intent be committed at once."""
        actions = self.show(card, reader=reader)
        intents = [action.intent_id for action in actions if isinstance(action, Record) and action.intent_id]
        for intent in intents:
            actions = actions + self.commit(intent)
        return actions

    def commit(self, intent: int | None = None) -> list[Action]:
        self.seq += 1
        return self.send(Committed(IntentId(intent or self.last_intent), True, self.seq))

    def fail_commit(self) -> list[Action]:
        return self.send(Committed(IntentId(self.last_intent), False))

    def input(self, role: InputRole, active: bool, unit: int = 1) -> list[Action]:
        return self.send(InputChanged(InputLine(role, unit), active))

    def wait(self, ms: int) -> None:
        until = self.mono_ms + ms
        while self.timers:
            name, due = min(self.timers.items(), key=lambda timer: timer[1])
            if due > until:
                break
            self._move(due)
            del self.timers[name]
            self.send(TimerFired(name))
        self._move(until)

    def _move(self, to_ms: int) -> None:
        passed = to_ms - self.mono_ms
        self.mono_ms = to_ms
        self.instant = msgspec.structs.replace(self.instant, utc_ms=self.instant.utc_ms + passed)

    def change(self, *changes: Change) -> list[Action]:
        revisions = self.view.revisions
        self.view = self.view.apply(changes, replace_access(revisions))
        return self.send(ViewChanged())

    def trust(self, trust: Trust) -> None:
        self.instant = msgspec.structs.replace(self.instant, trust=trust)


def replace_access(revisions: Revisions) -> Revisions:
    return msgspec.structs.replace(revisions, access=revisions.access + 1)


def make(changes: Iterable[Change] | None = None, *, closed: bool = True) -> DoorNode:
    node = DoorNode(View().apply(rows() if changes is None else changes, Revisions(1, 1, 1, 0)))
    node.send(Started())
    if closed:
        for unit in (1, 2):
            node.input(InputRole.CONTACT, False, unit)
            node.input(InputRole.REX, False, unit)
    node.done.clear()
    return node


def bodies(actions: Iterable[Action], kind: type[Body] | None = None) -> list[Body]:
    records = [action for action in actions if isinstance(action, Record)]
    found = [each.body for record in records for each in (record, *record.along)]
    return [body for body in found if kind is None or isinstance(body, kind)]


def kept(node: DoorNode) -> dict[str, bytes]:
    """What it remembers over a restart."""
    found: dict[str, bytes] = {}
    for action in node.done:
        if isinstance(action, Record):
            found.update(pair for each in (action, *action.along) for pair in each.keep)
        elif isinstance(action, Keep):
            found[action.name] = action.value
    return found


def alarms(actions: Iterable[Action]) -> list[tuple[object, bool, int]]:
    return [(body.alarm, body.raised, body.where) for body in bodies(actions, AlarmFact)]  # type: ignore[attr-defined]


def outcomes(actions: Iterable[Action]) -> list[tuple[int, object]]:
    return [(body.intent_seq, body.outcome) for body in bodies(actions, OutcomeFact)]  # type: ignore[attr-defined]


def released(actions: Iterable[Action]) -> list[int]:
    return [action.unit for action in actions if isinstance(action, Release)]


def locked(actions: Iterable[Action]) -> list[int]:
    return [action.unit for action in actions if isinstance(action, Lock)]


def signals(actions: Iterable[Action]) -> list[tuple[int, Pattern]]:
    return [(a.reader, a.pattern) for a in actions if isinstance(a, Feedback) and a.pattern in SIGNALS]


def looks(actions: Iterable[Action]) -> list[tuple[int, Pattern]]:
    return [(a.reader, a.pattern) for a in actions if isinstance(a, Feedback) and a.pattern not in SIGNALS]

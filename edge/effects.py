"""The only file that makes things happen: carries out the actions of a role, in the order of the list.

A ``Record`` with an ``intent_id`` is handed to the storage thread and answered by ``Committed``; the release is the
role's reply to that answer, so no lock moves before its record is on the medium (I8). What takes longer than its limit is
told by ``CommitLate``, and the commit stands whenever it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from edge.cache.drafts import Draft, draft
from edge.cache.inbox import Done
from edge.core.actions import (
    Action,
    CancelTimer,
    CheckPin,
    ClearAlarm,
    Converse,
    Feedback,
    Inspect,
    Keep,
    Lock,
    RaiseAlarm,
    Record,
    Release,
    SetOutput,
    StartTimer,
    Took,
    WriteOnCard,
)
from edge.core.feedback import Pattern, Player, frame
from edge.core.lines import OutputLine, OutputRole
from edge.core.stimuli import CommitLate, Committed, IntentId, Stimulus, TimerFired
from edge.timekeeper import Timekeeper
from protocol.facts import Alarm, Body, Entry
from protocol.figures import Figure


class Outputs(Protocol):
    """What a board drives. A line that the board does not have is passed over."""

    def set(self, line: OutputLine, on: bool) -> None:
        """Drive a line; it stays so."""


class Storage(Protocol):
    """What makes facts durable (``edge.cache.recorder.Recorder``)."""

    def submit(self, draft: Draft, done: Done | None = None) -> None:
        """A fact; ``done`` is told its fate, on the loop."""

    def keep(self, name: str, value: bytes) -> None:
        """A value to remember over restarts."""


class Effects:
    """See the module. Everything happens on the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        outputs: Outputs,
        storage: Storage,
        keeper: Timekeeper,
        deliver: Callable[[Stimulus], None],
        overdue: Callable[[], None] = lambda: None,
    ) -> None:
        """
        :param deliver: brings a stimulus to the role.
        :param overdue: told when a commit has not come back within its limit.
        """
        self._loop = loop
        self._outputs = outputs
        self._storage = storage
        self._keeper = keeper
        self._deliver = deliver
        self._overdue = overdue
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._late: dict[IntentId, asyncio.TimerHandle] = {}
        self._players: dict[int, Player] = {}
        self._lights: dict[int, asyncio.TimerHandle] = {}
        self._stopped = False
        self._idle = Pattern.IDLE
        self.alarms: dict[tuple[Alarm, int], str] = {}
        """Alarms that stand, with their detail, by (alarm, where)."""
        self.locks: dict[int, tuple[bool, int]] = {}
        """What each lock relay is: (released, since when in monotonic ms), by unit; none before it was driven first."""
        self.lock_moved: Callable[[], None] = lambda: None
        """Told when a relay has another state than before."""
        self.took: Callable[[Figure, int], None] = lambda _figure, _duration_ms: None
        """Counts how long something took, in ms."""
        self.converse: Callable[[Converse], None] = lambda _action: None
        """Talks to a card, in its reader's thread."""
        self.check_pin: Callable[[CheckPin], None] = lambda _action: None
        """Works out what was typed, in a thread of its own."""

    @property
    def is_waiting(self) -> bool:
        """Somebody stands before a reader and waits for a record to be committed."""
        return bool(self._late)

    def show_idle_as(self, look: Pattern) -> None:
        """Readers with nothing to show look so from now on."""
        before, self._idle = self._idle, look
        for reader, player in list(self._players.items()):
            if player.look is before:
                self._play(reader, look)

    def perform(self, actions: Iterable[Action]) -> None:
        """Carry the actions out, in their order. After ``stop`` nothing is."""
        for action in actions:
            if self._stopped:
                return
            match action:
                case Record():
                    self._record(action)
                case Release(unit):
                    self._drive_lock(unit, True)
                case Lock(unit):
                    self._drive_lock(unit, False)
                case SetOutput(line, on):
                    self._outputs.set(line, on)
                case Feedback(reader, pattern):
                    self._play(reader, pattern)
                case StartTimer(name, after_ms):
                    self._start_timer(name, after_ms)
                case CancelTimer(name):
                    self._cancel_timer(name)
                case RaiseAlarm(alarm, where, detail):
                    self.alarms[alarm, where] = detail
                case ClearAlarm(alarm, where):
                    self.alarms.pop((alarm, where), None)
                case Keep(name, value):
                    self._storage.keep(name, value)
                case Took(figure, since_ms):
                    self.took(figure, self._keeper.mono_ms() - since_ms)
                case WriteOnCard() | Inspect():
                    self.converse(action)
                case CheckPin():
                    self.check_pin(action)

    def record(self, *bodies: Body) -> None:
        """Put facts of the node itself into the outbox."""
        for body in bodies:
            self._storage.submit(draft(body, *self._keeper.stamp()))

    def stop(self) -> None:
        """Nothing moves any more: timers are dropped, later answers change nothing."""
        self._stopped = True
        for handles in (self._timers, self._late, self._lights):
            for handle in handles.values():
                handle.cancel()
            handles.clear()

    def _drive_lock(self, unit: int, released: bool) -> None:
        self._outputs.set(OutputLine(OutputRole.LOCK, unit), released)
        before = self.locks.get(unit)
        if before is None or before[0] is not released:
            self.locks[unit] = (released, self._keeper.mono_ms())
            self.lock_moved()

    # -- facts --------------------------------------------------------------------------------------------------

    def _record(self, action: Record) -> None:
        made = self._draft(action)
        intent_id = action.intent_id
        if intent_id is None:
            self._storage.submit(made)
            return
        self._late[intent_id] = self._loop.call_later(action.within_ms / 1_000, self._is_late, intent_id)

        def done(entry: Entry | None) -> None:
            handle = self._late.pop(intent_id, None)
            if handle is not None:
                handle.cancel()
            if not self._stopped:
                seq = None if entry is None else entry.fact.seq
                self._deliver(Committed(intent_id, entry is not None, seq))

        self._storage.submit(made, done)

    def _draft(self, action: Record) -> Draft:
        made = draft(action.body, *self._keeper.stamp(), action.personal, action.keep)
        along = tuple(self._draft(each) for each in action.along)
        return replace(made, along=along) if along else made

    def _is_late(self, intent_id: IntentId) -> None:
        del self._late[intent_id]
        self._overdue()
        self._deliver(CommitLate(intent_id))

    # -- timers -------------------------------------------------------------------------------------------------

    def _start_timer(self, name: str, after_ms: int) -> None:
        self._cancel_timer(name)
        self._timers[name] = self._loop.call_later(after_ms / 1_000, self._fired, name)

    def _cancel_timer(self, name: str) -> None:
        handle = self._timers.pop(name, None)
        if handle is not None:
            handle.cancel()

    def _fired(self, name: str) -> None:
        del self._timers[name]
        self._deliver(TimerFired(name))

    # -- beep and light -----------------------------------------------------------------------------------------

    def _play(self, reader: int, pattern: Pattern) -> None:
        now_ms = self._keeper.mono_ms()
        if pattern is Pattern.IDLE:
            pattern = self._idle
        self._players[reader] = self._players.get(reader, Player(look_since_ms=now_ms)).play(pattern, now_ms)
        self._light(reader)

    def light_up(self, readers: Sequence[int]) -> None:
        """Show every reader's look from the start on."""
        for reader in readers:
            self._play(reader, Pattern.IDLE)

    def showing(self, reader: int) -> Pattern | None:
        """The pattern that a reader plays just now; None for a reader that has played nothing."""
        player = self._players.get(reader)
        if player is None:
            return None
        signal = player.signal
        if signal is not None and frame(signal, self._keeper.mono_ms() - player.signal_since_ms) is not None:
            return signal
        return player.look

    def _light(self, reader: int, due_ms: int | None = None) -> None:
        now_ms, player = self._keeper.mono_ms(), self._players[reader]
        if due_ms is not None and now_ms > due_ms:
            self._players[reader] = player = player.delayed(due_ms, now_ms)
        shown = player.frame(now_ms)
        self._outputs.set(OutputLine(OutputRole.LED_GREEN, reader), shown.green)
        self._outputs.set(OutputLine(OutputRole.LED_RED, reader), shown.red)
        self._outputs.set(OutputLine(OutputRole.BUZZER, reader), shown.buzzer)
        if (handle := self._lights.pop(reader, None)) is not None:
            handle.cancel()
        if (next_ms := player.next_change_ms(now_ms)) is not None:
            self._lights[reader] = self._loop.call_later(
                next_ms / 1_000, self._light, reader, now_ms + next_ms
            )

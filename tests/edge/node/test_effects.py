"""Actions in their order, releases only after the answer to a record, beeps on time (I8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge.cache.drafts import Draft
from edge.cache.inbox import Done
from edge.clock import FakeTime
from edge.core.actions import (
    CancelTimer,
    ClearAlarm,
    Feedback,
    Keep,
    Lock,
    RaiseAlarm,
    Record,
    Release,
    SetOutput,
    StartTimer,
)
from edge.core.feedback import SIGNALS, Pattern
from edge.core.lines import OutputLine, OutputRole
from edge.core.stimuli import CommitLate, Committed, IntentId, Stimulus, TimerFired
from edge.effects import Effects
from edge.timekeeper import Timekeeper
from protocol.decide import Trust
from protocol.facts import AccessFact, Alarm, AlarmFact, Entry, Fact
from protocol.reasons import Reason
from protocol.records import Revisions

INTENT = AccessFact(1, Reason.GRANTED, Revisions(), release_ms=5_000)
LOCK = OutputLine(OutputRole.LOCK, 1)
GREEN = OutputLine(OutputRole.LED_GREEN, 1)
BUZZER = OutputLine(OutputRole.BUZZER, 1)


class FakeLoop:
    """Timers that fire when time is moved."""

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.timers: list[tuple[float, int, Callable[..., Any], tuple[Any, ...], FakeHandle]] = []
        self.number = 0

    def call_later(self, delay: float, callback: Callable[..., Any], *arguments: Any) -> FakeHandle:
        self.number += 1
        handle = FakeHandle()
        self.timers.append((self.time.boottime + delay * 1_000, self.number, callback, arguments, handle))
        return handle

    def advance(self, ms: int) -> None:
        until = self.time.boottime + ms
        while self.timers and (due := min(self.timers, key=lambda timer: timer[:2]))[0] <= until:
            self.timers.remove(due)
            self.time.advance(max(0, round(due[0]) - self.time.boottime))
            if not due[4].cancelled:
                due[2](*due[3])
        self.time.advance(until - self.time.boottime)


class FakeHandle:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Bench:
    def __init__(self) -> None:
        self.time = FakeTime()
        self.loop = FakeLoop(self.time)
        self.log: list[object] = []
        self.waiting: list[tuple[Draft, Done | None]] = []
        self.heard: list[Stimulus] = []
        self.overdue = 0
        keeper = Timekeeper(self.time)
        keeper.start()
        self.effects = Effects(
            self.loop,  # type: ignore[arg-type]
            self,
            self,  # type: ignore[arg-type]
            keeper,
            self.heard.append,
            self.count_overdue,
        )

    def set(self, line: OutputLine, on: bool) -> None:
        self.log.append((line, on))

    def submit(self, draft: Draft, done: Done | None = None) -> None:
        self.log.append(draft)
        self.waiting.append((draft, done))

    def keep(self, name: str, value: bytes) -> None:
        self.log.append((name, value))

    def count_overdue(self) -> None:
        self.overdue += 1

    def answer(self, seq: int | None) -> None:
        draft, done = self.waiting.pop(0)
        assert done is not None
        fact = Fact(seq or 0, draft.kind, 1, 0, 0, Trust.NONE, draft.body)
        done(None if seq is None else Entry(fact, b"", b""))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_actions_are_carried_out_in_the_order_of_the_list(bench: Bench) -> None:
    siren = OutputLine(OutputRole.SIREN, 1)
    bench.effects.perform(
        [Release(1), Record(AlarmFact(Alarm.TAMPER, True)), SetOutput(siren, True), Lock(1)]
    )
    assert bench.log == [(LOCK, True), bench.waiting[0][0], (siren, True), (LOCK, False)]


def test_an_intent_is_answered_with_its_seq_and_nothing_moves_before(bench: Bench) -> None:
    bench.effects.perform([Record(INTENT, b"U1234", IntentId(7))])
    draft = bench.waiting[0][0]
    assert (draft.personal, draft.is_intent, draft.boottime_ms) == (b"U1234", True, bench.time.boottime)
    assert bench.log == [draft]
    assert bench.heard == []
    bench.answer(41)
    assert bench.heard == [Committed(IntentId(7), True, 41)]
    bench.loop.advance(10_000)
    assert bench.heard == [Committed(IntentId(7), True, 41)]


@pytest.mark.parametrize(("after_ms", "late"), [(999, False), (1_000, True)])
def test_a_commit_is_late_after_a_second(bench: Bench, after_ms: int, late: bool) -> None:
    bench.effects.perform([Record(INTENT, b"", IntentId(1))])
    bench.loop.advance(after_ms)
    bench.answer(1)
    expected: list[Stimulus] = [CommitLate(IntentId(1))] if late else []
    assert bench.heard == [*expected, Committed(IntentId(1), True, 1)]
    assert bench.overdue == int(late)


def test_an_intent_that_is_not_stored_is_told(bench: Bench) -> None:
    bench.effects.perform([Record(INTENT, b"", IntentId(1))])
    bench.answer(None)
    assert bench.heard == [Committed(IntentId(1), False, None)]


def test_timers_fire_once_start_anew_and_can_be_dropped(bench: Bench) -> None:
    bench.effects.perform([StartTimer("a", 100), StartTimer("b", 200)])
    bench.loop.advance(99)
    bench.effects.perform([StartTimer("a", 100), CancelTimer("b"), CancelTimer("never started")])
    bench.loop.advance(99)
    assert bench.heard == []
    bench.loop.advance(1_000)
    assert bench.heard == [TimerFired("a")]


def test_a_beep_ends_on_time_and_the_look_comes_back(bench: Bench) -> None:
    bench.effects.light_up([1])
    bench.log.clear()
    bench.effects.perform([Feedback(1, Pattern.GRANTED)])
    assert (BUZZER, True) in bench.log
    assert (GREEN, True) in bench.log
    bench.log.clear()
    bench.loop.advance(149)
    assert bench.log == []
    bench.loop.advance(1)
    assert (BUZZER, False) in bench.log
    bench.loop.advance(5_000)
    assert bench.log[-3:] == [(GREEN, False), (OutputLine(OutputRole.LED_RED, 1), True), (BUZZER, False)]


@pytest.mark.parametrize("pattern", [Pattern.DENIED, Pattern.SCAN_NOT_ON_ROUTE])
@pytest.mark.parametrize("busy_ms", [150, 350, 700, 3_000])
def test_a_busy_machine_makes_a_beep_longer_and_swallows_none(
    bench: Bench, pattern: Pattern, busy_ms: int
) -> None:
    """Three beeps are a refusal, and one long red one is a stranger's: the loop stands still just as each change is due."""
    bench.effects.light_up([1])
    bench.log.clear()
    bench.effects.perform([Feedback(1, pattern)])
    for _ in range(30):
        bench.time.advance(busy_ms)
        bench.loop.advance(0)
    buzzer = [entry for entry in bench.log if isinstance(entry, tuple) and entry[0] == BUZZER]
    sounded = [on for at, (_line, on) in enumerate(buzzer) if on != (at > 0 and buzzer[at - 1][1])]
    wanted = sum(step.frame.buzzer for step in SIGNALS[pattern])
    assert sounded == [True, False] * wanted
    assert bench.effects.showing(1) is Pattern.IDLE


def test_standing_alarms_are_known(bench: Bench) -> None:
    bench.effects.perform([RaiseAlarm(Alarm.HELD_OPEN, 2, "30 s"), RaiseAlarm(Alarm.TAMPER)])
    assert bench.effects.alarms == {(Alarm.HELD_OPEN, 2): "30 s", (Alarm.TAMPER, 0): ""}
    bench.effects.perform([ClearAlarm(Alarm.HELD_OPEN, 2), ClearAlarm(Alarm.FIRE)])
    assert bench.effects.alarms == {(Alarm.TAMPER, 0): ""}


def test_what_is_to_be_kept_goes_to_the_storage_thread(bench: Bench) -> None:
    bench.effects.perform([Keep("mode", b"\x03")])
    assert bench.log == [("mode", b"\x03")]


def test_after_the_stop_nothing_moves(bench: Bench) -> None:
    bench.effects.perform(
        [Record(INTENT, b"", IntentId(1)), StartTimer("a", 100), Feedback(1, Pattern.ALARM)]
    )
    bench.effects.stop()
    bench.log.clear()
    bench.answer(1)
    bench.loop.advance(10_000)
    bench.effects.perform([Release(1)])
    assert bench.log == []
    assert bench.heard == []


def test_what_each_lock_relay_is_and_since_when(bench: Bench) -> None:
    moved: list[dict[int, tuple[bool, int]]] = []
    bench.effects.lock_moved = lambda: moved.append(dict(bench.effects.locks))
    began_ms = bench.time.boottime
    bench.effects.perform([Lock(1), Lock(2)])
    bench.loop.advance(5_000)
    bench.effects.perform([Lock(1), Release(2), Release(2)])
    assert bench.effects.locks == {1: (False, began_ms), 2: (True, began_ms + 5_000)}
    assert len(moved) == 3


def test_a_reader_with_nothing_to_show_says_that_a_new_version_is_on_trial(bench: Bench) -> None:
    """Planted break: ``show_idle_as`` leaving readers that are lit already as they are."""
    effects = bench.effects
    effects.light_up([1])
    effects.show_idle_as(Pattern.ON_TRIAL)
    assert effects.showing(1) is Pattern.ON_TRIAL
    effects.perform([Feedback(1, Pattern.RELEASED)])
    assert effects.showing(1) is Pattern.RELEASED
    effects.perform([Feedback(1, Pattern.IDLE)])
    assert effects.showing(1) is Pattern.ON_TRIAL, "back to what idle means now"
    effects.show_idle_as(Pattern.IDLE)
    assert effects.showing(1) is Pattern.IDLE


def test_a_card_that_waits_for_its_record_is_known(bench: Bench) -> None:
    """Planted break: ``is_waiting`` always False: an update would be unpacked before the door."""
    bench.effects.perform([Record(INTENT, b"", IntentId(1))])
    assert bench.effects.is_waiting
    bench.answer(1)
    assert not bench.effects.is_waiting

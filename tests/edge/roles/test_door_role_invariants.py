"""Whatever happens in whatever order: what must hold at a door at every step (I7, I8, I9, I10, life safety)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import door as machine
from edge.core.actions import Action, ClearAlarm, Lock, RaiseAlarm, Record, Release
from edge.core.door import STANDS_OPEN, Do, Phase, Timer
from edge.core.lines import InputLine, InputRole
from edge.core.stimuli import (
    CardShown,
    CommitLate,
    Committed,
    InputChanged,
    IntentId,
    KeyPressed,
    ModeChanged,
    PinChecked,
    ReaderFaulted,
    ReaderRecovered,
    RemoteOpen,
    Started,
    Stimulus,
    StorageState,
    Tick,
)
from edge.roles import door_modes, door_storage
from edge.roles.door_state import INTENTS_MAX
from edge.roles.turn import Turn
from protocol.decide import Trust
from protocol.facts import AccessFact, Alarm, AlarmFact
from protocol.ids import uid_key
from protocol.reasons import Reason, is_granted
from protocol.records import (
    Change,
    DoorRow,
    DoorRulesRow,
    Kind,
    Mode,
    PinRow,
    PointRow,
    RestrictionRow,
    StoragePolicy,
    delete,
    put,
)
from tests.support.door_node import (
    BACK,
    EXTENDED,
    FRONT,
    GOOD,
    IN,
    LOST,
    OFFICE,
    OUT,
    STRANGER,
    DoorNode,
    make,
    rows,
)

UNITS = (1, 2, 3)


@dataclass(frozen=True)
class Wait:
    ms: int


@dataclass(frozen=True)
class Answer:
    """The fate of the oldest, or newest, intent under way."""

    newest: bool
    what: str


@dataclass(frozen=True)
class Proof:
    """What was typed at a reader has been worked out, if anything was."""

    reader: int
    is_right: bool


@dataclass(frozen=True)
class Reconfigure:
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Trusted:
    trust: Trust


PIN = put(uid_key(GOOD.uid), PinRow(bytes(16) + b"d" * 16, bytes(16), 1))
doors = st.builds(
    DoorRow,
    st.just("front"),
    mode=st.sampled_from(Mode),
    unlock_schedule=st.sampled_from([0, 0, 1, 5]),
    release_ms=st.sampled_from([0, 3_000, 5_000]),
    held_open_ms=st.sampled_from([0, 5_000, 30_000]),
    pre_alarm_ms=st.sampled_from([0, 2_000, 40_000]),
    storage_policy=st.sampled_from(StoragePolicy),
    contact_fitted=st.booleans(),
)
reconfigurations = st.one_of(
    st.builds(lambda row: Reconfigure((put(FRONT, row),)), doors),
    st.just(Reconfigure((delete(Kind.DOOR, FRONT), delete(Kind.POINT, IN), delete(Kind.POINT, OUT)))),
    st.just(Reconfigure((put(FRONT, DoorRow("front")), put(IN, PointRow("in", 1, FRONT))))),
    st.just(Reconfigure((put(uid_key(GOOD.uid), RestrictionRow(Reason.CARD_STOLEN, 9, 0)),))),
    st.just(Reconfigure((delete(Kind.RESTRICTION, uid_key(GOOD.uid)),))),
    st.just(Reconfigure((put(FRONT, DoorRulesRow(pin_schedule=1, duress_pin=True)), PIN))),
    st.just(Reconfigure((delete(Kind.DOOR_RULES, FRONT), delete(Kind.PIN, uid_key(GOOD.uid))))),
)
cards = st.lists(
    st.sampled_from([GOOD, EXTENDED, LOST, OFFICE, STRANGER]), min_size=1, max_size=3, unique=True
)
inputs = st.builds(
    InputChanged,
    st.builds(InputLine, st.sampled_from(InputRole), st.sampled_from(UNITS)),
    st.booleans(),
)
events = st.one_of(
    st.builds(lambda reader, shown: CardShown(reader, tuple(shown)), st.integers(1, 4), cards),
    inputs,
    inputs,
    st.builds(KeyPressed, st.integers(1, 3), st.sampled_from("1234*#")),
    st.builds(KeyPressed, st.just(1), st.sampled_from("1#")),
    st.builds(Proof, st.integers(1, 3), st.booleans()),
    st.builds(Wait, st.sampled_from([100, 700, 1_500, 6_000, 31_000, 3_600_000])),
    st.builds(Answer, st.booleans(), st.sampled_from(["ok", "ok", "late", "failed"])),
    st.builds(
        RemoteOpen, st.integers(1, 5), st.sampled_from([FRONT, BACK, 99]), st.sampled_from([0, 60_000])
    ),
    st.builds(
        ModeChanged, st.integers(6, 99), st.sampled_from([FRONT, BACK]), st.none() | st.sampled_from(Mode)
    ),
    st.builds(StorageState, st.booleans()),
    st.builds(ReaderFaulted, st.integers(1, 3)),
    st.builds(ReaderRecovered, st.integers(1, 3)),
    reconfigurations,
    st.builds(Trusted, st.sampled_from([Trust.TRUSTED, Trust.FLOOR_ONLY])),
    st.just(Tick()),
)
histories = st.lists(events, max_size=40)


@dataclass
class Watcher:
    """Looks at every step from outside."""

    node: DoorNode
    on: dict[int, bool] = field(default_factory=dict)
    standing: set[tuple[object, int]] = field(default_factory=set)
    told: set[tuple[object, int]] = field(default_factory=set)
    pressed: set[int] = field(default_factory=set)
    driven_by: dict[int, int] = field(default_factory=dict)

    def play(self, history: list[object]) -> None:
        original = self.node.send
        self.node.send = lambda stimulus: self.look(stimulus, original)  # type: ignore[method-assign]
        for event in history:
            self.play_one(event)

    def play_one(self, event: object) -> None:
        node = self.node
        match event:
            case Wait(ms):
                node.wait(ms)
                node.send(Tick())
            case Answer(newest, what):
                waiting = sorted([*node.state.pending, *node.state.unlocking])
                if waiting:
                    self.answer(IntentId(waiting[-1 if newest else 0]), what)
            case Proof(reader, is_right):
                entry = node.state.readers[reader].entry if reader in node.state.readers else None
                if entry is not None and entry.checking:
                    node.send(PinChecked(reader, entry.checking, bytes(16) if is_right else b"wrong"))
            case Reconfigure(changes):
                node.change(*changes)
            case Trusted(trust):
                node.trust(trust)
            case _:
                node.send(event)  # type: ignore[arg-type]

    def answer(self, intent: IntentId, what: str) -> None:
        match what:
            case "ok":
                self.node.commit(intent)
            case "late":
                self.node.send(CommitLate(intent))
            case _:
                self.node.send(Committed(intent, False))

    def look(self, stimulus: Stimulus, send) -> list[Action]:
        before = self.node.state
        actions = send(stimulus)
        self.exit_button_always_releases(stimulus, actions)
        self.every_release_has_a_cause(stimulus, before, actions)
        self.alarms_come_in_pairs(actions)
        self.locks_end(actions)
        return actions

    def exit_button_always_releases(self, stimulus: Stimulus, actions: list[Action]) -> None:
        match stimulus:
            case InputChanged((InputRole.REX, unit), True):
                assert actions
                assert actions[0] == Release(unit), "the exit button releases first, whatever the state"
                self.pressed.add(unit)
            case InputChanged((InputRole.REX, unit), False):
                self.pressed.discard(unit)

    def every_release_has_a_cause(self, stimulus: Stimulus, before, actions: list[Action]) -> None:
        for action in actions:
            if not isinstance(action, Release):
                continue
            unit = action.unit
            if unit in self.pressed:
                continue
            if self.node.state.doors[unit].mode is Mode.UNLOCKED:
                if unit not in before.doors or before.doors[unit].mode is not Mode.UNLOCKED:
                    self.is_unlocked_by_a_record(stimulus, before, unit)
                continue
            match stimulus:
                case Committed(intent_id, ok, _):
                    pending = before.pending[intent_id]
                    by_policy = isinstance(pending.body, AccessFact) and self.grants_from_memory(unit)
                    assert not pending.answered, "an intent releases once"
                    assert ok or by_policy
                    assert pending.unit == unit
                    assert self.node.state.doors[unit].mode <= (
                        Mode.LOCKED if isinstance(pending.body, AccessFact) else Mode.BLOCKED
                    )
                case CommitLate(intent_id):
                    assert isinstance(before.pending[intent_id].body, AccessFact)
                    assert self.grants_from_memory(unit)
                case CardShown() | PinChecked():
                    assert not before.storage_usable, (
                        "a card releases at once only where storage is known dead"
                    )
                    assert self.grants_from_memory(unit)
                case _:
                    raise AssertionError(f"{stimulus} released door {unit}")
            self.no_dead_card(stimulus, before, actions)

    def is_unlocked_by_a_record(self, stimulus: Stimulus, before, unit: int) -> None:
        match stimulus:
            case Committed(intent_id, ok, _) if intent_id in before.unlocking:
                assert before.unlocking[intent_id][0] == unit
                assert ok or self.grants_from_memory(unit)
            case _:
                assert not before.storage_usable, f"{stimulus} unlocked door {unit} without a record"
                assert self.grants_from_memory(unit)

    def no_dead_card(self, stimulus: Stimulus, before, actions: list[Action]) -> None:
        for action in actions:
            if (
                isinstance(action, Record)
                and isinstance(action.body, AccessFact)
                and is_granted(action.body.reason)
            ):
                assert action.personal != uid_key(LOST.uid)
                assert action.personal != uid_key(STRANGER.uid)

    def grants_from_memory(self, unit: int) -> bool:
        return self.node.state.wiring.door(unit).row.storage_policy is StoragePolicy.GRANT_FROM_MEMORY

    def alarms_come_in_pairs(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case RaiseAlarm(alarm, where):
                    assert (alarm, where) not in self.standing, "raised twice"
                    self.standing.add((alarm, where))
                case ClearAlarm(alarm, where):
                    assert (alarm, where) in self.standing, "cleared but never raised"
                    self.standing.discard((alarm, where))
                case Record(body=AlarmFact(alarm=alarm, raised=raised, where=where)):
                    if raised:
                        self.told.add((alarm, where))
                    else:
                        assert (alarm, where) in self.told

    def locks_end(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Release(unit):
                    self.on[unit] = True
                case Lock(unit):
                    self.on[unit] = False
        state = self.node.state
        for reader, each in state.readers.items():
            waits = each.entry is not None and not each.entry.checking
            assert (f"reader{reader}/pin" in self.node.timers) is waits, "digits are waited for by a timer"
        assert len(state.pending) <= INTENTS_MAX
        for unit, each in state.doors.items():
            assert self.on.get(unit, False) is each.lock_released, "the lock is what the state says"
            for timer in Timer:
                running = machine.timer_name(unit, timer) in self.node.timers
                assert running is (timer in each.running), "timers are what the state says"
            if each.phase is Phase.UNLOCKED:
                assert each.lock_released
            elif each.lock_released:
                assert Timer.RELEASE in each.running, "a release ends by itself"
            if unit in self.pressed:
                assert each.lock_released, "a button held down keeps the door free"
            number = state.wiring.door(unit).number
            is_stuck = (Alarm.EXIT_STUCK, number) in self.standing
            assert is_stuck is each.exit_stuck
            assert not is_stuck or unit in self.pressed, "a button that was let go is not stuck"
            is_watched = is_stuck or Timer.STUCK in each.running or not number
            assert is_watched or unit not in self.pressed, "a button that is held down is watched"
            assert (each.contact_open is True) is (each.phase in STANDS_OPEN) or each.phase is Phase.UNLOCKED
            if each.fire:
                assert each.phase not in (Phase.FORCED, Phase.HELD, Phase.PRE_HELD)


def watch(history: list[object], row: DoorRow | None = None) -> Watcher:
    node = make(rows(row), closed=False)
    node.stores_modes = False
    watcher = Watcher(node)
    for unit, each in node.state.doors.items():
        watcher.on[unit] = each.lock_released
    watcher.play(history)
    return watcher


@settings(max_examples=300, deadline=None)
@given(histories, doors)
def test_the_door_holds_its_laws_in_every_history(history: list[object], row: DoorRow) -> None:
    watch(history, row)


@settings(max_examples=100, deadline=None)
@given(histories, doors)
def test_left_alone_every_door_comes_to_rest(history: list[object], row: DoorRow) -> None:
    """Buttons up, fire out, doors shut, modes normal: within a minute everything is locked and quiet."""
    watcher = watch(history, row)
    node = watcher.node
    node.send(InputChanged(InputLine(InputRole.FIRE), False))
    node.send(InputChanged(InputLine(InputRole.TAMPER), False))
    for unit in UNITS:
        node.send(InputChanged(InputLine(InputRole.REX, unit), False))
        node.send(InputChanged(InputLine(InputRole.CONTACT, unit), False))
        node.send(ReaderRecovered(unit))
    for reader in (1, 2, 3):
        watcher.play_one(Proof(reader, is_right=True))
    for intent in sorted([*node.state.pending, *node.state.unlocking]):
        node.commit(intent)
    node.send(StorageState(True))
    for command, number in ((1_001, FRONT), (1_002, BACK)):
        node.send(ModeChanged(command, number, Mode.LOCKED))
    node.wait(60_000)
    assert all(each.phase is Phase.SECURE for each in node.state.doors.values())
    assert not any(watcher.on.values())
    assert watcher.standing == set()
    assert not node.timers


# -- the watcher itself: planted breaks that it must find ------------------------------------------------------------


def test_the_watcher_finds_an_exit_button_that_waits_for_a_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    real = machine.exit_button

    def obedient(spec, state, pressed):
        return (state, []) if state.mode is Mode.LOCKED_DOWN else real(spec, state, pressed)

    monkeypatch.setattr(machine, "exit_button", obedient)
    with pytest.raises(AssertionError):
        watch([ModeChanged(6, FRONT, Mode.LOCKED_DOWN), InputChanged(InputLine(InputRole.REX), True)])


def test_the_watcher_finds_a_release_without_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_storage, "_may_still_open", lambda _turn, _pending: True)
    with pytest.raises(AssertionError):
        watch([CardShown(1, (GOOD,)), ModeChanged(6, FRONT, Mode.LOCKED_DOWN), Answer(True, "ok")])


def test_the_watcher_finds_an_unlocking_without_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Turn,
        "intend_to_unlock",
        lambda turn, unit, _number, _by: door_modes.recorded(turn, unit, FRONT, 0, is_durable=True),
    )
    with pytest.raises(AssertionError, match="without a record"):
        watch([ModeChanged(6, FRONT, Mode.UNLOCKED)])


def test_the_watcher_finds_a_lock_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(machine._DOING, Do.TIME_RELEASE, lambda _spec, state: (state, []))
    with pytest.raises(AssertionError, match="ends by itself"):
        watch([CardShown(1, (GOOD,)), Answer(True, "ok")])


def test_the_watcher_finds_an_alarm_that_is_never_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(machine._DOING, Do.CLEAR_FORCED, lambda _spec, state: (state, []))
    contact = InputLine(InputRole.CONTACT)
    with pytest.raises(AssertionError, match="raised twice"):
        watch(
            [
                InputChanged(contact, False),
                *[InputChanged(contact, True), InputChanged(contact, False), Wait(1_500)] * 2,
            ]
        )


def test_every_stimulus_of_a_door_is_in_the_histories() -> None:
    """So that a new one is not forgotten here."""
    from typing import get_args

    played = {
        CardShown,
        KeyPressed,
        PinChecked,
        InputChanged,
        RemoteOpen,
        ModeChanged,
        ReaderFaulted,
        ReaderRecovered,
        Committed,
        CommitLate,
        StorageState,
        Tick,
        Started,
    }
    names = {kind.__name__ for kind in get_args(Stimulus)}
    of_issuers = {"CardGone", "CardInspected", "CardWritten", "WriteCancelled", "WriteOrdered"}
    of_tills = {"InStep", "LinkChanged"}
    elsewhere = {"TimerFired", "ViewChanged", "TestAsked", *of_issuers, *of_tills}
    assert names - {kind.__name__ for kind in played} == elsewhere

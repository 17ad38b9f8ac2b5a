"""The door machine: one test per sentence of its docstring, with the boundary in its name."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from edge.core import door
from edge.core.actions import Action, CancelTimer, ClearAlarm, Lock, RaiseAlarm, Record, Release, StartTimer
from edge.core.door import (
    EXIT_STUCK_MS,
    RELEASE_MIN_MS,
    RELOCK_AFTER_OPEN_MS,
    SETTLE_MS,
    STANDS_OPEN,
    TRANSITIONS,
    DoorSpec,
    DoorState,
    IllegalTransition,
    Phase,
    Signal,
    Timer,
    timer_name,
)
from protocol.facts import Alarm, AlarmFact, DoorEvent, DoorFact, Outcome, OutcomeFact
from protocol.records import DoorRow, Mode

ROW = DoorRow("gate", release_ms=5_000, extended_release_ms=15_000, held_open_ms=30_000, pre_alarm_ms=10_000)


class Door:
    """A door with a clock: moves time by hand and keeps what was done."""

    def __init__(self, row: DoorRow = ROW, contact: bool | None = False) -> None:
        self.spec = DoorSpec(7, 1, row)
        self.state = DoorState()
        self.now_ms = 0
        self.timers: dict[str, int] = {}
        self.done: list[Action] = []
        if contact is not None:
            self.contact(contact)

    def _take(self, stepped: door.Stepped) -> list[Action]:
        self.state, actions = stepped
        for action in actions:
            match action:
                case StartTimer(name, after_ms):
                    self.timers[name] = self.now_ms + after_ms
                case CancelTimer(name):
                    self.timers.pop(name, None)
        self.done += actions
        return actions

    def release(self, release_ms: int = 5_000, seq: int | None = None) -> list[Action]:
        return self._take(door.release(self.spec, self.state, release_ms, seq))

    def contact(self, is_open: bool) -> list[Action]:
        return self._take(door.contact(self.spec, self.state, is_open))

    def exit_button(self, pressed: bool = True) -> list[Action]:
        return self._take(door.exit_button(self.spec, self.state, pressed))

    def mode(self, mode: Mode) -> list[Action]:
        return self._take(door.set_mode(self.spec, self.state, mode))

    def fire(self, active: bool) -> list[Action]:
        return self._take(door.set_fire(self.spec, self.state, active))

    def configure(self, row: DoorRow) -> list[Action]:
        self.spec = replace(self.spec, row=row)
        return self._take(door.reconfigured(self.spec, self.state))

    def wait(self, ms: int) -> None:
        until = self.now_ms + ms
        while self.timers:
            name, due = min(self.timers.items(), key=lambda timer: timer[1])
            if due > until:
                break
            self.now_ms = due
            del self.timers[name]
            self._take(door.timer(self.spec, self.state, Timer(name.split("/")[1])))
        self.now_ms = until

    @property
    def phase(self) -> Phase:
        return self.state.phase

    def alarms(self) -> list[tuple[Alarm, bool]]:
        return [
            (action.body.alarm, action.body.raised)
            for action in self.done
            if isinstance(action, Record) and isinstance(action.body, AlarmFact)
        ]

    def outcomes(self) -> list[tuple[int, Outcome]]:
        return [
            (action.body.intent_seq, action.body.outcome)
            for action in self.done
            if isinstance(action, Record) and isinstance(action.body, OutcomeFact)
        ]


# -- the laws ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase)
def test_release_is_legal_in_every_phase_and_drives_the_lock(phase: Phase) -> None:
    assert TRANSITIONS[phase, Signal.RELEASE][1][0] is door.Do.RELEASE_LOCK


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("fire", [False, True])
def test_the_exit_button_releases_in_every_phase_mode_and_fire(phase: Phase, mode: Mode, fire: bool) -> None:
    state = DoorState(phase, contact_open=phase in STANDS_OPEN, mode=mode, fire=fire)
    after, actions = door.exit_button(DoorSpec(7, 1, ROW), state, True)
    assert actions[0] == Release(1)
    assert after.lock_released


def test_a_pair_that_the_table_does_not_have_is_a_mistake_of_ours() -> None:
    with pytest.raises(IllegalTransition):
        door._signal(DoorSpec(7, 1, ROW), DoorState(), Signal.WARN_DUE)


def test_phases_that_stand_open_all_close_and_the_others_all_open() -> None:
    for phase in Phase:
        closes = (phase, Signal.CLOSED) in TRANSITIONS
        assert closes is (phase in STANDS_OPEN or phase is Phase.UNLOCKED)
        assert ((phase, Signal.OPENED) in TRANSITIONS) is (phase not in STANDS_OPEN)


# -- passing -----------------------------------------------------------------------------------------------------


def test_a_release_ends_after_its_time_and_nobody_entered() -> None:
    gate = Door()
    assert gate.release(5_000, seq=41)[0] == Release(1)
    gate.wait(4_999)
    assert gate.phase is Phase.RELEASED
    gate.wait(1)
    assert (gate.phase, gate.state.lock_released) == (Phase.SECURE, False)
    assert gate.outcomes() == []
    gate.wait(SETTLE_MS)
    assert gate.outcomes() == [(41, Outcome.NOT_ENTERED)]


def test_an_opened_door_is_entered_and_locks_after_the_minimum() -> None:
    gate = Door()
    gate.release(5_000, seq=41)
    gate.wait(2_000)
    gate.contact(True)
    assert gate.outcomes() == [(41, Outcome.ENTERED)]
    gate.wait(RELOCK_AFTER_OPEN_MS - 1)
    assert gate.state.lock_released
    gate.wait(1)
    assert (gate.phase, gate.state.lock_released) == (Phase.OPEN, False)
    gate.contact(False)
    assert gate.phase is Phase.SECURE


def test_a_door_that_shuts_before_the_minimum_locks_at_once() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.wait(200)
    assert Lock(1) in gate.contact(False)
    assert gate.phase is Phase.SECURE
    gate.wait(60_000)
    assert gate.alarms() == []


@pytest.mark.parametrize(("after_ms", "phase"), [(SETTLE_MS - 1, Phase.OPEN), (SETTLE_MS, Phase.FORCED)])
def test_a_hand_faster_than_the_contact_is_no_break_in_for_half_a_second(after_ms: int, phase: Phase) -> None:
    gate = Door()
    gate.release(5_000, seq=41)
    gate.wait(5_000 + after_ms)
    gate.contact(True)
    assert gate.phase is phase
    assert gate.outcomes() == [(41, Outcome.ENTERED if phase is Phase.OPEN else Outcome.NOT_ENTERED)]


def test_a_door_that_bounces_is_no_break_in() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.contact(False)
    gate.wait(300)
    gate.contact(True)
    gate.contact(False)
    assert gate.alarms() == []


def test_two_holders_in_one_opening_have_both_entered() -> None:
    gate = Door()
    gate.release(5_000, seq=41)
    gate.release(5_000, seq=42)
    gate.contact(True)
    assert gate.outcomes() == [(41, Outcome.ENTERED), (42, Outcome.ENTERED)]


def test_a_holder_who_came_too_late_has_not_entered_when_the_next_one_does() -> None:
    gate = Door()
    gate.release(5_000, seq=41)
    gate.wait(5_100)
    gate.release(5_000, seq=42)
    gate.contact(True)
    assert gate.outcomes() == [(41, Outcome.NOT_ENTERED), (42, Outcome.ENTERED)]


def test_the_second_of_two_holders_gets_his_whole_time() -> None:
    gate = Door()
    gate.release(5_000)
    gate.wait(3_000)
    gate.release(5_000)
    gate.wait(4_999)
    assert gate.phase is Phase.RELEASED


def test_a_holder_released_at_the_open_door_may_pull_it_again_after_it_shut() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.wait(3_000)
    gate.release(5_000)
    gate.wait(1_000)
    gate.contact(False)
    assert (gate.phase, gate.state.lock_released) == (Phase.RELEASED, True)
    gate.wait(4_000)
    assert gate.phase is Phase.SECURE


def test_a_row_of_no_time_at_all_still_lets_people_out() -> None:
    gate = Door(DoorRow("gate", release_ms=0))
    gate.exit_button()
    gate.exit_button(False)
    gate.wait(RELEASE_MIN_MS - 1)
    assert gate.state.lock_released


def test_a_button_held_down_keeps_the_door_free_without_a_gap() -> None:
    gate = Door()
    gate.exit_button()
    gate.done.clear()
    gate.wait(17_000)
    assert gate.state.lock_released
    assert Lock(1) not in gate.done
    gate.exit_button(False)
    gate.wait(5_000)
    assert not gate.state.lock_released


def test_a_button_held_down_outlives_a_closing_door_and_the_end_of_free_passage() -> None:
    gate = Door()
    gate.exit_button()
    gate.contact(True)
    gate.wait(500)
    gate.contact(False)
    assert gate.state.lock_released
    gate.mode(Mode.UNLOCKED)
    gate.mode(Mode.LOCKED_DOWN)
    assert gate.state.lock_released
    assert Timer.RELEASE in gate.state.running


@pytest.mark.parametrize(
    ("held_ms", "told"),
    [
        (EXIT_STUCK_MS - 1, []),
        (EXIT_STUCK_MS, [(Alarm.EXIT_STUCK, True), (Alarm.EXIT_STUCK, False)]),
        (3_600_000, [(Alarm.EXIT_STUCK, True), (Alarm.EXIT_STUCK, False)]),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_a_button_held_down_for_30_seconds_is_an_alarm_until_it_lets_go_and_the_lock_stays_released(
    held_ms: int, told: list[tuple[Alarm, bool]], mode: Mode
) -> None:
    """Planted breaks that turn it red: no ``_start`` of the timer in ``exit_button``; ``_let_go`` clearing nothing, or clearing
    without asking ``exit_stuck``; ``timer`` engaging the lock when the button is stuck.
    """
    gate = Door()
    gate.mode(mode)
    gate.exit_button()
    gate.wait(held_ms)
    assert gate.alarms() == told[:1]
    assert gate.state.lock_released
    assert Lock(1) not in gate.done
    gate.exit_button(False)
    gate.wait(EXIT_STUCK_MS)
    assert gate.alarms() == told


def test_a_second_word_that_the_button_is_down_does_not_put_the_alarm_off() -> None:
    """Planted break that turns it red: ``exit_button`` without ``was_pressed``."""
    gate = Door()
    gate.exit_button()
    gate.wait(EXIT_STUCK_MS - 1)
    gate.exit_button()
    gate.wait(1)
    assert gate.alarms() == [(Alarm.EXIT_STUCK, True)]
    gate.exit_button()
    gate.wait(EXIT_STUCK_MS)
    assert gate.alarms() == [(Alarm.EXIT_STUCK, True)]


def test_people_who_press_one_after_the_other_raise_nothing() -> None:
    gate = Door()
    for _ in range(10):
        gate.exit_button()
        gate.wait(EXIT_STUCK_MS - 1)
        gate.exit_button(False)
        gate.exit_button(True)
        gate.exit_button(False)
    assert gate.alarms() == []


def test_the_alarm_of_a_stuck_button_ends_with_the_door_and_begins_anew_at_the_next_one() -> None:
    """Planted break that turns it red: ``hand_over`` without ``_let_go``."""
    gate = Door()
    gate.exit_button()
    gate.wait(EXIT_STUCK_MS)
    before, gate.spec = gate.spec, DoorSpec(8, 1, ROW)
    gate.done.clear()
    actions = gate._take(door.hand_over(before, gate.spec, gate.state))
    assert gate.state.lock_released
    assert ClearAlarm(Alarm.EXIT_STUCK, 7) in actions
    gate.wait(EXIT_STUCK_MS - 1)
    assert RaiseAlarm(Alarm.EXIT_STUCK, 8) not in gate.done
    gate.wait(1)
    assert RaiseAlarm(Alarm.EXIT_STUCK, 8) in gate.done


def test_a_stuck_button_of_a_unit_without_a_door_tells_nobody() -> None:
    gate = Door()
    gate.spec = DoorSpec(0, 1, ROW)
    gate.exit_button()
    gate.wait(EXIT_STUCK_MS)
    gate.exit_button(False)
    assert (gate.alarms(), gate.timers.keys() - {"door1/release"}) == ([], set())


# -- alarms ------------------------------------------------------------------------------------------------------


def test_opened_while_locked_is_forced_until_it_shuts() -> None:
    gate = Door()
    gate.contact(True)
    assert gate.phase is Phase.FORCED
    assert RaiseAlarm(Alarm.FORCED_OPEN, 7) in gate.done
    gate.wait(600_000)
    gate.contact(False)
    assert ClearAlarm(Alarm.FORCED_OPEN, 7) in gate.done
    assert gate.alarms() == [(Alarm.FORCED_OPEN, True), (Alarm.FORCED_OPEN, False)]


def test_a_card_or_a_button_does_not_silence_a_forced_door() -> None:
    gate = Door()
    gate.contact(True)
    gate.exit_button()
    assert gate.phase is Phase.FORCED
    assert gate.state.lock_released


def test_a_held_door_warns_then_alarms_then_clears() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.wait(19_999)
    assert gate.phase is Phase.OPEN
    gate.wait(1)
    assert gate.phase is Phase.PRE_HELD
    gate.wait(9_999)
    assert gate.phase is Phase.PRE_HELD
    gate.wait(1)
    assert gate.phase is Phase.HELD
    gate.contact(False)
    assert gate.alarms() == [
        (Alarm.HELD_OPEN_SOON, True),
        (Alarm.HELD_OPEN_SOON, False),
        (Alarm.HELD_OPEN, True),
        (Alarm.HELD_OPEN, False),
    ]


def test_a_door_shut_during_the_warning_raises_no_alarm() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.wait(25_000)
    gate.contact(False)
    gate.wait(60_000)
    assert gate.alarms() == [(Alarm.HELD_OPEN_SOON, True), (Alarm.HELD_OPEN_SOON, False)]


def test_the_next_holder_restarts_the_time_of_an_open_door() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.wait(25_000)
    gate.release()
    assert gate.phase is Phase.OPEN
    gate.wait(19_999)
    assert gate.phase is Phase.OPEN


def test_a_marked_holder_gets_as_much_more_for_the_open_door_as_for_the_release() -> None:
    gate = Door()
    gate.release(15_000)
    gate.contact(True)
    gate.wait(39_999)
    assert gate.phase is not Phase.HELD
    gate.wait(1)
    assert gate.phase is Phase.HELD


@pytest.mark.parametrize(("held_ms", "pre_ms"), [(30_000, 0), (30_000, 30_000), (30_000, 40_000)])
def test_without_room_for_a_warning_there_is_none(held_ms: int, pre_ms: int) -> None:
    gate = Door(DoorRow("gate", held_open_ms=held_ms, pre_alarm_ms=pre_ms))
    gate.release()
    gate.contact(True)
    gate.wait(held_ms)
    assert gate.alarms() == [(Alarm.HELD_OPEN, True)]


def test_held_open_zero_means_never() -> None:
    gate = Door(DoorRow("gate", held_open_ms=0))
    gate.release()
    gate.contact(True)
    gate.wait(10_000_000)
    assert gate.alarms() == []


def test_a_shorter_time_that_arrives_while_the_door_is_open_leaves_no_stray_warning() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.wait(1_000)
    gate.configure(DoorRow("gate", held_open_ms=5_000, pre_alarm_ms=0))
    gate.release()
    gate.wait(60_000)
    assert gate.phase is Phase.HELD


# -- start, contact, configuration -------------------------------------------------------------------------------


def test_a_door_found_open_at_start_is_not_forced_but_may_be_held() -> None:
    gate = Door(contact=None)
    gate.contact(True)
    assert gate.phase is Phase.OPEN
    gate.wait(30_000)
    assert gate.alarms()[-1] == (Alarm.HELD_OPEN, True)


def test_a_contact_that_repeats_itself_changes_nothing() -> None:
    gate = Door()
    assert gate.contact(False) == []


def test_a_door_without_contact_has_no_alarms_and_no_entering() -> None:
    gate = Door(DoorRow("gate", contact_fitted=False), contact=None)
    gate.contact(True)
    gate.release(5_000, seq=41)
    gate.wait(60_000)
    assert gate.phase is Phase.SECURE
    assert (gate.alarms(), gate.outcomes()) == ([], [])


@pytest.mark.parametrize("held", [False, True])
def test_a_contact_that_is_taken_away_leaves_no_alarm_behind(held: bool) -> None:
    gate = Door()
    if held:
        gate.release()
    gate.contact(True)
    gate.wait(40_000)
    gate.configure(DoorRow("gate", contact_fitted=False))
    assert gate.phase is Phase.SECURE
    assert gate.alarms()[-1][1] is False
    gate.configure(ROW)
    gate.contact(True)
    assert gate.phase is Phase.OPEN


def test_a_timer_that_was_cancelled_and_fires_all_the_same_is_a_straggler() -> None:
    gate = Door()
    gate.release()
    gate.contact(True)
    gate.contact(False)
    for straggler in Timer:
        if straggler not in gate.state.running:
            assert door.timer(gate.spec, gate.state, straggler) == (gate.state, [])
    assert timer_name(2, Timer.HELD) == "door2/held"


# -- modes -------------------------------------------------------------------------------------------------------


def test_unlocked_holds_the_lock_released_until_another_mode() -> None:
    gate = Door()
    gate.release()
    assert Release(1) in gate.mode(Mode.UNLOCKED)
    gate.wait(3_600_000)
    assert gate.state.lock_released
    gate.contact(True)
    gate.contact(False)
    assert Lock(1) in gate.mode(Mode.NORMAL)
    assert gate.alarms() == []


def test_the_end_of_free_passage_gives_an_open_door_its_ordinary_time() -> None:
    gate = Door()
    gate.mode(Mode.UNLOCKED)
    gate.contact(True)
    gate.wait(3_600_000)
    gate.mode(Mode.NORMAL)
    assert (gate.phase, gate.state.lock_released) == (Phase.OPEN, False)
    gate.wait(30_000)
    assert gate.phase is Phase.HELD


def test_modes_are_told_once_and_with_the_one_in_force() -> None:
    gate = Door()
    gate.done.clear()
    gate.mode(Mode.LOCKED_DOWN)
    assert gate.mode(Mode.LOCKED_DOWN) == []
    gate.mode(Mode.UNLOCKED)
    told = [(action.body.event, action.body.mode) for action in gate.done if isinstance(action, Record)]
    assert told == [
        (DoorEvent.MODE_CHANGED, Mode.LOCKED_DOWN),
        (DoorEvent.MODE_CHANGED, Mode.UNLOCKED),
        (DoorEvent.UNLOCKED, Mode.UNLOCKED),
    ]
    assert isinstance(gate.done[0].body, DoorFact)  # type: ignore[union-attr]


@pytest.mark.parametrize("alarm_ms", [0, 25_000, 40_000])
def test_unlocking_clears_whatever_alarm_stands(alarm_ms: int) -> None:
    gate = Door()
    if alarm_ms:
        gate.release()
    gate.contact(True)
    gate.wait(alarm_ms)
    gate.mode(Mode.UNLOCKED)
    assert gate.alarms()[-1][1] is False


# -- fire --------------------------------------------------------------------------------------------------------


def test_during_a_fire_nothing_is_forced_and_nothing_is_held() -> None:
    gate = Door()
    gate.fire(True)
    gate.contact(True)
    assert gate.phase is Phase.OPEN
    gate.wait(600_000)
    assert gate.alarms() == []
    gate.fire(False)
    gate.wait(30_000)
    assert gate.phase is Phase.HELD


@pytest.mark.parametrize("alarm_ms", [0, 25_000, 40_000])
def test_a_fire_clears_the_alarms_of_an_open_door(alarm_ms: int) -> None:
    gate = Door()
    if alarm_ms:
        gate.release()
    gate.contact(True)
    gate.wait(alarm_ms)
    gate.fire(True)
    assert gate.phase is Phase.OPEN
    assert gate.alarms()[-1][1] is False


def test_a_fire_moves_no_lock() -> None:
    """The release is wired in hardware (design.md section 3); the software reports."""
    gate = Door()
    assert gate.fire(True) == []
    assert gate.fire(True) == []
    assert gate.fire(False) == []

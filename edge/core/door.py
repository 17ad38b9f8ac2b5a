"""One door: lock and contact. The whole behaviour is the table ``TRANSITIONS``; what it does not have cannot happen.

Laws of this file:

1. ``RELEASE`` is legal in every phase and drives the lock in the same step: no phase, alarm or mode can stand before an
   exit button (life safety).
2. A released lock always has an end: either the release timer runs, or the phase is ``UNLOCKED``.
3. Every alarm that is raised is cleared exactly once, by the same door.

::

                         RELEASE                     OPENED
      +---------- SECURE --------> RELEASED ------------------------> OPEN
      | OPENED     ^ ^ ^             |  ^   RELEASE_ENDED             | | WARN_DUE
      v            | | +-------------+  | CLOSED_RELEASED             | v
    FORCED --------+ |   CLOSED         +---------------------------  PRE_HELD -- HELD_DUE --> HELD
            CLOSED   +------------------------------------------------- CLOSED ----------------+
    any -- UNLOCK --> UNLOCKED -- RELOCK / RELOCK_OPEN --> SECURE / OPEN

Relocking: once the door stands open the lock engages after ``RELOCK_AFTER_OPEN_MS``, so that it is locked when the door
falls shut. For ``SETTLE_MS`` after a relock or a closing an opening counts as part of the passage before: a hand that
was faster than the contact, or a door that bounced, is not a break-in.
A door without a contact knows only SECURE, RELEASED and UNLOCKED.
While the fire input is active nothing is forced and nothing is held open.

An exit button that is held down keeps the lock released for as long as it is (law 1). After ``EXIT_STUCK_MS`` it is most likely
jammed, or its wire is shorted: that is an alarm, which ends when it lets go. The lock stays released.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edge.core.actions import Action, CancelTimer, Lock, Record, Release, StartTimer
from edge.core.alarms import cleared, raised
from protocol.facts import Alarm, DoorEvent, DoorFact, Outcome, OutcomeFact
from protocol.records import DoorRow, Mode

RELOCK_AFTER_OPEN_MS: Final = 1_000
SETTLE_MS: Final = 500
RELEASE_MIN_MS: Final = 1_000
"""A shorter release lets nobody out, whatever a row says."""
EXIT_STUCK_MS: Final = 30_000
"""So long nobody holds an exit button down: the time after which an open door is called open too long, as doors come."""
GRANTS_WAITING_MAX: Final = 8
"""Grants whose entering is still open; the oldest beyond it keep the outcome "released"."""


class Phase(Enum):
    """Where the door is. OPEN and what follows it stand open; only UNLOCKED and RELEASED let it be opened from outside."""

    SECURE = "secure"
    RELEASED = "released"
    OPEN = "open"
    PRE_HELD = "pre_held"
    HELD = "held"
    FORCED = "forced"
    UNLOCKED = "unlocked"


class Signal(Enum):
    """What can happen to a door."""

    RELEASE = "release"
    RELEASE_ENDED = "release ended"
    OPENED = "opened"
    OPENED_FREELY = "opened freely"
    """Opened with the lock engaged, but for a known reason: fire, a bounce, or already open when the node started."""
    CLOSED = "closed"
    CLOSED_RELEASED = "closed released"
    """Closed while a release given to the open door still runs: that holder has yet to pass."""
    SETTLED = "settled"
    WARN_DUE = "warn due"
    HELD_DUE = "held due"
    UNLOCK = "unlock"
    RELOCK = "relock"
    RELOCK_OPEN = "relock open"
    FIRE = "fire"
    FIRE_OVER = "fire over"


class Do(Enum):
    """What a transition brings about; each is one small function below."""

    RELEASE_LOCK = "release lock"
    ENGAGE_LOCK = "engage lock"
    TIME_RELEASE = "time release"
    RELOCK_SOON = "relock soon"
    SETTLE = "settle"
    STOP_SETTLE = "stop settle"
    TIME_HELD = "time held"
    STOP_HELD = "stop held"
    RAISE_FORCED = "raise forced"
    CLEAR_FORCED = "clear forced"
    RAISE_SOON = "raise soon"
    CLEAR_SOON = "clear soon"
    RAISE_HELD = "raise held"
    CLEAR_HELD = "clear held"
    TELL_OPENED = "tell opened"
    TELL_CLOSED = "tell closed"
    TELL_UNLOCKED = "tell unlocked"
    TELL_LOCKED = "tell locked"
    ENTERED = "entered"
    NOT_ENTERED = "not entered"


class IllegalTransition(AssertionError):
    """The table has no such pair: a mistake of ours, never of the outside."""


_P, _S, _D = Phase, Signal, Do
_REGRANT: Final = (_D.RELEASE_LOCK, _D.TIME_RELEASE, _D.ENTERED)
_SHUT: Final = (_D.TELL_CLOSED, _D.ENGAGE_LOCK, _D.STOP_HELD, _D.SETTLE)
_SHUT_RELEASED: Final = (_D.TELL_CLOSED, _D.STOP_HELD)
_HOLD_UNLOCKED: Final = (_D.RELEASE_LOCK, _D.TELL_UNLOCKED, _D.STOP_SETTLE, _D.STOP_HELD)

TRANSITIONS: Final[dict[tuple[Phase, Signal], tuple[Phase, tuple[Do, ...]]]] = {
    (_P.SECURE, _S.RELEASE): (_P.RELEASED, (_D.RELEASE_LOCK, _D.TIME_RELEASE, _D.STOP_SETTLE)),
    (_P.SECURE, _S.OPENED): (_P.FORCED, (_D.TELL_OPENED, _D.RAISE_FORCED)),
    (_P.SECURE, _S.OPENED_FREELY): (
        _P.OPEN,
        (_D.TELL_OPENED, _D.ENTERED, _D.STOP_SETTLE, _D.TIME_HELD),
    ),
    (_P.SECURE, _S.SETTLED): (_P.SECURE, (_D.NOT_ENTERED,)),
    (_P.SECURE, _S.UNLOCK): (_P.UNLOCKED, _HOLD_UNLOCKED),
    (_P.SECURE, _S.FIRE): (_P.SECURE, ()),
    (_P.SECURE, _S.FIRE_OVER): (_P.SECURE, ()),
    (_P.RELEASED, _S.RELEASE): (_P.RELEASED, (_D.RELEASE_LOCK, _D.TIME_RELEASE)),
    (_P.RELEASED, _S.RELEASE_ENDED): (_P.SECURE, (_D.ENGAGE_LOCK, _D.SETTLE)),
    (_P.RELEASED, _S.OPENED): (_P.OPEN, (_D.TELL_OPENED, _D.ENTERED, _D.RELOCK_SOON, _D.TIME_HELD)),
    (_P.RELEASED, _S.OPENED_FREELY): (_P.OPEN, (_D.TELL_OPENED, _D.ENTERED, _D.RELOCK_SOON, _D.TIME_HELD)),
    (_P.RELEASED, _S.UNLOCK): (_P.UNLOCKED, _HOLD_UNLOCKED),
    (_P.RELEASED, _S.FIRE): (_P.RELEASED, ()),
    (_P.RELEASED, _S.FIRE_OVER): (_P.RELEASED, ()),
    (_P.OPEN, _S.RELEASE): (_P.OPEN, (*_REGRANT, _D.TIME_HELD)),
    (_P.OPEN, _S.RELEASE_ENDED): (_P.OPEN, (_D.ENGAGE_LOCK,)),
    (_P.OPEN, _S.CLOSED): (_P.SECURE, _SHUT),
    (_P.OPEN, _S.CLOSED_RELEASED): (_P.RELEASED, _SHUT_RELEASED),
    (_P.OPEN, _S.WARN_DUE): (_P.PRE_HELD, (_D.RAISE_SOON,)),
    (_P.OPEN, _S.HELD_DUE): (_P.HELD, (_D.RAISE_HELD,)),
    (_P.OPEN, _S.UNLOCK): (_P.UNLOCKED, _HOLD_UNLOCKED),
    (_P.OPEN, _S.FIRE): (_P.OPEN, (_D.STOP_HELD,)),
    (_P.OPEN, _S.FIRE_OVER): (_P.OPEN, (_D.TIME_HELD,)),
    (_P.PRE_HELD, _S.RELEASE): (_P.OPEN, (*_REGRANT, _D.CLEAR_SOON, _D.TIME_HELD)),
    (_P.PRE_HELD, _S.RELEASE_ENDED): (_P.PRE_HELD, (_D.ENGAGE_LOCK,)),
    (_P.PRE_HELD, _S.CLOSED): (_P.SECURE, (_D.CLEAR_SOON, *_SHUT)),
    (_P.PRE_HELD, _S.CLOSED_RELEASED): (_P.RELEASED, (_D.CLEAR_SOON, *_SHUT_RELEASED)),
    (_P.PRE_HELD, _S.HELD_DUE): (_P.HELD, (_D.CLEAR_SOON, _D.RAISE_HELD)),
    (_P.PRE_HELD, _S.UNLOCK): (_P.UNLOCKED, (_D.CLEAR_SOON, *_HOLD_UNLOCKED)),
    (_P.PRE_HELD, _S.FIRE): (_P.OPEN, (_D.CLEAR_SOON, _D.STOP_HELD)),
    (_P.HELD, _S.RELEASE): (_P.HELD, _REGRANT),
    (_P.HELD, _S.RELEASE_ENDED): (_P.HELD, (_D.ENGAGE_LOCK,)),
    (_P.HELD, _S.CLOSED): (_P.SECURE, (_D.CLEAR_HELD, *_SHUT)),
    (_P.HELD, _S.CLOSED_RELEASED): (_P.RELEASED, (_D.CLEAR_HELD, *_SHUT_RELEASED)),
    (_P.HELD, _S.UNLOCK): (_P.UNLOCKED, (_D.CLEAR_HELD, *_HOLD_UNLOCKED)),
    (_P.HELD, _S.FIRE): (_P.OPEN, (_D.CLEAR_HELD, _D.STOP_HELD)),
    (_P.FORCED, _S.RELEASE): (_P.FORCED, _REGRANT),
    (_P.FORCED, _S.RELEASE_ENDED): (_P.FORCED, (_D.ENGAGE_LOCK,)),
    (_P.FORCED, _S.CLOSED): (_P.SECURE, (_D.CLEAR_FORCED, *_SHUT)),
    (_P.FORCED, _S.CLOSED_RELEASED): (_P.RELEASED, (_D.CLEAR_FORCED, *_SHUT_RELEASED)),
    (_P.FORCED, _S.UNLOCK): (_P.UNLOCKED, (_D.CLEAR_FORCED, *_HOLD_UNLOCKED)),
    (_P.FORCED, _S.FIRE): (_P.OPEN, (_D.CLEAR_FORCED,)),
    (_P.UNLOCKED, _S.RELEASE): (_P.UNLOCKED, (_D.RELEASE_LOCK,)),
    (_P.UNLOCKED, _S.OPENED): (_P.UNLOCKED, (_D.TELL_OPENED, _D.ENTERED)),
    (_P.UNLOCKED, _S.OPENED_FREELY): (_P.UNLOCKED, (_D.TELL_OPENED, _D.ENTERED)),
    (_P.UNLOCKED, _S.CLOSED): (_P.UNLOCKED, (_D.TELL_CLOSED,)),
    (_P.UNLOCKED, _S.RELOCK): (_P.SECURE, (_D.ENGAGE_LOCK, _D.TELL_LOCKED, _D.SETTLE)),
    (_P.UNLOCKED, _S.RELOCK_OPEN): (_P.OPEN, (_D.ENGAGE_LOCK, _D.TELL_LOCKED, _D.TIME_HELD)),
    (_P.UNLOCKED, _S.FIRE): (_P.UNLOCKED, ()),
    (_P.UNLOCKED, _S.FIRE_OVER): (_P.UNLOCKED, ()),
}

STANDS_OPEN: Final = frozenset({Phase.OPEN, Phase.PRE_HELD, Phase.HELD, Phase.FORCED})


class Timer(Enum):
    """The timers of a door."""

    RELEASE = "release"
    SETTLE = "settle"
    WARN = "warn"
    HELD = "held"
    STUCK = "stuck"


_FIRED: Final = {
    Timer.RELEASE: Signal.RELEASE_ENDED,
    Timer.SETTLE: Signal.SETTLED,
    Timer.WARN: Signal.WARN_DUE,
    Timer.HELD: Signal.HELD_DUE,
}


class DoorSpec(Struct, frozen=True):
    """What is configured: the door's number at the centre (0: not set up there), its unit on this board, its row."""

    number: int
    unit: int
    row: DoorRow


class DoorState(Struct, frozen=True):
    """What is remembered of a door between two stimuli.

    ``mode_schedule``: the schedule by which the mode is in force, 0 for none.
    ``contact_open`` None: no contact, or not heard of yet; ``contact_told``: what the wire said last, fitted or not. ``grants``: seqs of released intents nobody has entered by.
    ``release_ms``: how long the last release was for. ``regranted``: it was given while the door stood open. ``exit_stuck``: the alarm
    about the exit button stands.
    """

    phase: Phase = Phase.SECURE
    lock_released: bool = False
    contact_open: bool | None = None
    contact_told: bool | None = None
    exit_pressed: bool = False
    fire: bool = False
    mode: Mode = Mode.NORMAL
    mode_schedule: int = 0
    running: frozenset[Timer] = frozenset()
    grants: tuple[int, ...] = ()
    release_ms: int = 0
    regranted: bool = False
    exit_stuck: bool = False


Stepped = tuple[DoorState, list[Action]]


def timer_name(unit: int, timer: Timer) -> str:
    """The name of a door's timer among all timers of the node."""
    return f"door{unit}/{timer.value}"


def release(spec: DoorSpec, state: DoorState, release_ms: int, seq: int | None = None) -> Stepped:
    """Let somebody pass. ``seq``: the intent that ENTERED or NOT_ENTERED will be told of, if there is one."""
    actions: list[Action] = []
    if state.phase is Phase.SECURE:  # those before, if any, did not come in
        state, actions = _outcome(Outcome.NOT_ENTERED)(spec, state)
    grants = state.grants
    if seq is not None and spec.row.contact_fitted and state.phase is not Phase.UNLOCKED:
        grants = (*grants, seq)[-GRANTS_WAITING_MAX:]
    state = replace(state, grants=grants, release_ms=max(release_ms, RELEASE_MIN_MS))
    state, more = _signal(spec, state, Signal.RELEASE)
    return state, more + actions


def exit_button(spec: DoorSpec, state: DoorState, pressed: bool) -> Stepped:
    """The exit button went down (the door is released, whatever its phase) or up."""
    was_pressed, state = state.exit_pressed, replace(state, exit_pressed=pressed)
    if not pressed:
        return _let_go(spec, state)
    state, actions = release(spec, state, spec.row.release_ms)
    if was_pressed:
        return state, actions
    state, more = _start(spec, state, Timer.STUCK, EXIT_STUCK_MS)
    return state, actions + more


def _let_go(spec: DoorSpec, state: DoorState) -> Stepped:
    """Nobody holds the exit button of this door any more."""
    state, actions = _stop(spec, state, Timer.STUCK)
    if state.exit_stuck:
        actions += cleared(Alarm.EXIT_STUCK, spec.number)
    return replace(state, exit_stuck=False), actions


def contact(spec: DoorSpec, state: DoorState, is_open: bool) -> Stepped:
    """The contact says open or closed. The first word after the start accuses nobody."""
    state = replace(state, contact_told=is_open)
    if not spec.row.contact_fitted or state.contact_open is is_open:
        return state, []
    first = state.contact_open is None
    state = replace(state, contact_open=is_open)
    if is_open:
        freely = first or state.fire or Timer.SETTLE in state.running
        return _signal(spec, state, Signal.OPENED_FREELY if freely else Signal.OPENED)
    if first:
        return state, []
    if state.phase in STANDS_OPEN and state.regranted and Timer.RELEASE in state.running:
        return _signal(spec, state, Signal.CLOSED_RELEASED)
    return _signal(spec, state, Signal.CLOSED)


def timer(spec: DoorSpec, state: DoorState, fired: Timer) -> Stepped:
    """A timer of this door ran out. One that is not running any more is a straggler."""
    if fired not in state.running:
        return state, []
    state = replace(state, running=state.running - {fired})
    if fired is Timer.STUCK:
        if not spec.number:  # nobody at the centre knows this door
            return state, []
        return replace(state, exit_stuck=True), raised(Alarm.EXIT_STUCK, spec.number)
    if fired is Timer.RELEASE and state.exit_pressed:
        return _signal(spec, state, Signal.RELEASE)  # whoever holds the button down wants to get out
    return _signal(spec, state, _FIRED[fired])


def set_mode(
    spec: DoorSpec, state: DoorState, mode: Mode, schedule: int = 0, *, is_recorded: bool = False
) -> Stepped:
    """Another mode is in force, or the same by another ``schedule`` (0: none). ``is_recorded``: its record is durable already."""
    if (mode, schedule) == (state.mode, state.mode_schedule):
        return state, []
    before, state = state.mode, replace(state, mode=mode, mode_schedule=schedule)
    actions: list[Action] = [] if is_recorded else [Record(mode_fact(spec.number, mode, schedule))]
    signal = None
    if mode is before:
        return state, actions
    if mode is Mode.UNLOCKED:
        signal = Signal.UNLOCK
    elif before is Mode.UNLOCKED:
        signal = Signal.RELOCK_OPEN if state.contact_open else Signal.RELOCK
    if signal is None:
        return state, actions
    state, more = _signal(spec, state, signal)
    return state, actions + more


def mode_fact(number: int, mode: Mode, schedule: int = 0) -> DoorFact:
    """The record of another mode, and of the schedule by which it is in force."""
    return DoorFact(number, DoorEvent.MODE_CHANGED, mode, schedule)


def set_fire(spec: DoorSpec, state: DoorState, active: bool) -> Stepped:
    """The fire input changed. It ends the alarms of an open door; it never moves the lock (that is wired in hardware)."""
    if active is state.fire:
        return state, []
    return _signal(spec, replace(state, fire=active), Signal.FIRE if active else Signal.FIRE_OVER)


def reconfigured(spec: DoorSpec, state: DoorState) -> Stepped:
    """The row changed. A contact that is no longer fitted leaves nothing open behind; a new one starts as at the start."""
    if spec.row.contact_fitted:
        if state.contact_open is None and state.contact_told is not None:
            return contact(spec, state, state.contact_told)
        return state, []
    if state.contact_open is None:
        return state, []
    was_open = state.contact_open
    state = replace(state, grants=())
    actions: list[Action] = []
    if was_open:
        state, actions = _signal(spec, state, Signal.CLOSED)
    return replace(state, contact_open=None), actions


def hand_over(before: DoorSpec, after: DoorSpec, state: DoorState) -> Stepped:
    """The unit serves another door from now on: what stands under the old number is ended, the wires keep their word."""
    unfitted = replace(before, row=msgspec.structs.replace(before.row, contact_fitted=False))
    state, actions = reconfigured(unfitted, state)
    is_pressed = state.exit_pressed
    state, more = _let_go(before, replace(state, exit_pressed=False))
    actions += more
    actions += [CancelTimer(timer_name(before.unit, each)) for each in Timer if each in state.running]
    actions.append(Lock(after.unit))
    state, more = reconfigured(after, DoorState(fire=state.fire, contact_told=state.contact_told))
    if is_pressed:
        state, again = exit_button(after, state, True)
        more += again
    return state, actions + more


def _signal(spec: DoorSpec, state: DoorState, signal: Signal) -> Stepped:
    try:
        phase, todo = TRANSITIONS[state.phase, signal]
    except KeyError:
        raise IllegalTransition(f"{signal} in {state.phase}") from None
    before = state.phase
    state = replace(state, phase=phase)
    if signal is Signal.RELEASE:
        state = replace(state, regranted=before in STANDS_OPEN)
    actions: list[Action] = []
    for do in todo:
        state, more = _DOING[do](spec, state)
        actions += more
    if state.exit_pressed and not state.lock_released:
        state, more = _signal(spec, state, Signal.RELEASE)  # a button held down outlives every relock
        actions += more
    return state, actions


# -- what a transition brings about -------------------------------------------------------------------------------


def _start(spec: DoorSpec, state: DoorState, started: Timer, after_ms: int) -> Stepped:
    return (
        replace(state, running=state.running | {started}),
        [StartTimer(timer_name(spec.unit, started), after_ms)],
    )


def _stop(spec: DoorSpec, state: DoorState, *stopped: Timer) -> Stepped:
    actions: list[Action] = [
        CancelTimer(timer_name(spec.unit, each)) for each in stopped if each in state.running
    ]
    return replace(state, running=state.running - set(stopped)), actions


def _release_lock(spec: DoorSpec, state: DoorState) -> Stepped:
    state = replace(state, lock_released=True)
    actions: list[Action] = [Release(spec.unit)]
    if state.phase is Phase.UNLOCKED:
        state, more = _stop(spec, state, Timer.RELEASE)
        actions += more
    return state, actions


def _engage_lock(spec: DoorSpec, state: DoorState) -> Stepped:
    state, actions = _stop(spec, state, Timer.RELEASE)
    return replace(state, lock_released=False, regranted=False), [Lock(spec.unit), *actions]


def _time_release(spec: DoorSpec, state: DoorState) -> Stepped:
    return _start(spec, state, Timer.RELEASE, state.release_ms)


def _relock_soon(spec: DoorSpec, state: DoorState) -> Stepped:
    return _start(spec, state, Timer.RELEASE, min(RELOCK_AFTER_OPEN_MS, state.release_ms))


def _settle(spec: DoorSpec, state: DoorState) -> Stepped:
    if not spec.row.contact_fitted:
        return state, []
    return _start(spec, state, Timer.SETTLE, SETTLE_MS)


def _time_held(spec: DoorSpec, state: DoorState) -> Stepped:
    """Marked holders get longer for the open door, by as much as their release was longer."""
    row = spec.row
    state, actions = _stop(spec, state, Timer.WARN, Timer.HELD)
    if state.fire or not row.held_open_ms:
        return state, actions
    held_ms = row.held_open_ms + max(0, state.release_ms - row.release_ms)
    state, more = _start(spec, state, Timer.HELD, held_ms)
    actions += more
    if 0 < row.pre_alarm_ms < held_ms:
        state, more = _start(spec, state, Timer.WARN, held_ms - row.pre_alarm_ms)
        actions += more
    return state, actions


def _tell(event: DoorEvent) -> Callable[[DoorSpec, DoorState], Stepped]:
    return lambda spec, state: (state, [Record(DoorFact(spec.number, event, state.mode))])


def _raise(alarm: Alarm) -> Callable[[DoorSpec, DoorState], Stepped]:
    return lambda spec, state: (state, raised(alarm, spec.number))


def _clear(alarm: Alarm) -> Callable[[DoorSpec, DoorState], Stepped]:
    return lambda spec, state: (state, cleared(alarm, spec.number))


def _outcome(outcome: Outcome) -> Callable[[DoorSpec, DoorState], Stepped]:
    return lambda _spec, state: (
        replace(state, grants=()),
        [Record(OutcomeFact(seq, outcome)) for seq in state.grants],
    )


_DOING: Final[dict[Do, Callable[[DoorSpec, DoorState], Stepped]]] = {
    Do.RELEASE_LOCK: _release_lock,
    Do.ENGAGE_LOCK: _engage_lock,
    Do.TIME_RELEASE: _time_release,
    Do.RELOCK_SOON: _relock_soon,
    Do.SETTLE: _settle,
    Do.STOP_SETTLE: lambda spec, state: _stop(spec, state, Timer.SETTLE),
    Do.TIME_HELD: _time_held,
    Do.STOP_HELD: lambda spec, state: _stop(spec, state, Timer.WARN, Timer.HELD),
    Do.RAISE_FORCED: _raise(Alarm.FORCED_OPEN),
    Do.CLEAR_FORCED: _clear(Alarm.FORCED_OPEN),
    Do.RAISE_SOON: _raise(Alarm.HELD_OPEN_SOON),
    Do.CLEAR_SOON: _clear(Alarm.HELD_OPEN_SOON),
    Do.RAISE_HELD: _raise(Alarm.HELD_OPEN),
    Do.CLEAR_HELD: _clear(Alarm.HELD_OPEN),
    Do.TELL_OPENED: _tell(DoorEvent.OPENED),
    Do.TELL_CLOSED: _tell(DoorEvent.CLOSED),
    Do.TELL_UNLOCKED: _tell(DoorEvent.UNLOCKED),
    Do.TELL_LOCKED: _tell(DoorEvent.LOCKED),
    Do.ENTERED: _outcome(Outcome.ENTERED),
    Do.NOT_ENTERED: _outcome(Outcome.NOT_ENTERED),
}
assert _DOING.keys() == set(Do)

"""The door role: cards, exit buttons, contacts, commands and modes of the doors of one node. Pure.

A card goes through: one showing or two (``core.presence``), several cards in the field (``core.several``), the wrong-try
rule (``core.wrong_tries``), ``protocol.decide``, its PIN where the door asks for one (``door_pins``); a grant becomes an intent, and the commit of the intent the release
(``door_storage``). A refusal is a fact at once. Every showing leaves one access fact, whatever came before it; whoever waited for the next one's card
has a second one when that lets him in too.

The exit button goes through nothing: whatever the state, its release stands first in the list of the same step.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Final, TypeAlias

from msgspec.structs import replace

from edge.core import door
from edge.core.actions import Action, CancelTimer, Lock, Record, StartTimer
from edge.core.alarms import cleared, moment, raised
from edge.core.door import DoorState
from edge.core.feedback import Pattern
from edge.core.lines import InputRole
from edge.core.presence import identity
from edge.core.several import choose
from edge.core.stimuli import (
    CardShown,
    CommitLate,
    Committed,
    InputChanged,
    InStep,
    KeyPressed,
    LinkChanged,
    ModeChanged,
    Now,
    PinChecked,
    ReaderFaulted,
    ReaderRecovered,
    RemoteOpen,
    Started,
    Stimulus,
    StorageState,
    TestAsked,
    Tick,
    TimerFired,
    ViewChanged,
    WriteCancelled,
    WriteOrdered,
)
from edge.core.wrong_tries import IGNORE_MS, WrongTries
from edge.roles import (
    door_commands,
    door_modes,
    door_pins,
    door_places,
    door_rules,
    door_storage,
    door_uses,
)
from edge.roles.door_state import INTENTS_MAX, DoorRoleState, Pending
from edge.roles.turn import Turn
from edge.roles.wiring import ALL_UNITS, wiring_of
from protocol.basis import Basis, basis_of, without_lock
from protocol.decide import Decision, PointState, Presentation, decide
from protocol.facts import (
    AccessFact,
    Alarm,
    CommandFact,
    CommandResult,
    ExitFact,
    Outcome,
    OutcomeFact,
)
from protocol.reasons import AWAITED, DEAD_CARD, Reason
from protocol.records import Mode
from protocol.view import View

UNKNOWN: Final = frozenset({Reason.UNKNOWN_CARD, Reason.RANDOM_UID})
"""Credentials that name nobody here."""
_Along: TypeAlias = dict[int, tuple[AccessFact, Decision]]
"""By holder, what would be recorded of somebody who goes in with another, and what it was decided by."""
WRONG: Final = UNKNOWN | {Reason.PIN_WRONG}
"""What the wrong-try rule counts."""

REFUSAL: Final[dict[Reason, Pattern]] = {
    Reason.UNKNOWN_CARD: Pattern.UNKNOWN,
    Reason.RANDOM_UID: Pattern.UNKNOWN,
    Reason.SEVERAL_CARDS: Pattern.ONE_CARD_PLEASE,
    Reason.WRONG_TRIES: Pattern.IGNORED,
    Reason.SECOND_PERSON: Pattern.SECOND_CARD_PLEASE,
    Reason.ESCORT: Pattern.SECOND_CARD_PLEASE,
}
"""How a refusal looks and sounds; every other one is DENIED."""


class DoorRole:
    """See the module and ``roles.base.Role``.

    :param units: the lock outputs that the board has.
    """

    def __init__(self, units: frozenset[int] = ALL_UNITS) -> None:
        self._units = units

    def initial(self) -> DoorRoleState:
        """Before ``Started``: nothing is known, and exit buttons work."""
        return DoorRoleState()

    def step(
        self, state: DoorRoleState, stimulus: Stimulus, view: View, now: Now
    ) -> tuple[DoorRoleState, list[Action]]:
        """See ``roles.base.Role``."""
        turn = Turn(state, view, now)
        match stimulus:
            case CardShown():
                _card_shown(turn, stimulus)
            case KeyPressed(reader, key):
                door_pins.key_pressed(turn, reader, key)
            case PinChecked():
                _pin_checked(turn, stimulus)
            case Committed():
                door_storage.committed(turn, stimulus)
            case CommitLate():
                door_storage.late(turn, stimulus)
            case InputChanged():
                _input_changed(turn, stimulus)
            case TimerFired(name):
                _timer_fired(turn, name)
            case InStep(others_ms):
                turn.others_ms = others_ms
            case LinkChanged(is_up):
                turn.others_ms = turn.others_ms if is_up else None
            case Tick():
                door_modes.put_in_force(turn)
            case RemoteOpen():
                door_commands.remote_open(turn, stimulus)
            case ModeChanged():
                if door_commands.is_new(turn, stimulus.command_id, stimulus.door):
                    door_modes.changed(turn, stimulus)
            case TestAsked():
                door_commands.test(turn, stimulus)
            case WriteOrdered(order):
                turn.record(CommandFact(order.command_id, 0, CommandResult.WRONG_DOOR))
            case WriteCancelled(command_id):
                turn.record(CommandFact(command_id, 0, CommandResult.WRONG_DOOR))
            case ReaderFaulted(reader, detail):
                _reader_told(turn, reader, detail)
            case ReaderRecovered(reader):
                _reader_told(turn, reader, None)
            case StorageState():
                door_storage.storage_state(turn, stimulus)
            case ViewChanged():
                _view_changed(turn, self._units)
            case Started():
                _started(turn, stimulus, self._units)
        door_places.settle(turn)
        turn.look_around()
        return turn.state(), turn.actions


# -- start and configuration ------------------------------------------------------------------------------------


def _started(turn: Turn, started: Started, units: frozenset[int]) -> None:
    for seq, _body in started.unfinished:
        turn.record(OutcomeFact(seq, Outcome.UNKNOWN))
    for name, value in started.kept.items():
        door_modes.remember(turn, name, value)
        door_uses.remember(turn, name, value)
        door_places.remember(turn, name, value)
    _view_changed(turn, units)


def _view_changed(turn: Turn, units: frozenset[int]) -> None:
    """Doors that are new are locked (a magnet rests released until then), the others learn their new rows."""
    before, turn.wiring = turn.wiring, wiring_of(turn.view, units)
    for unit in sorted(turn.wiring.doors.keys() | turn.doors.keys()):
        old, new = before.door(unit), turn.wiring.door(unit)
        if unit not in turn.doors:
            turn.doors[unit] = DoorState(fire=turn.fire)
            turn.add(Lock(unit))
        elif old.number != new.number:
            turn.doors[unit], actions = door.hand_over(old, new, turn.doors[unit])
            turn.add(*actions)
        else:
            turn.with_door(unit, door.reconfigured)
    for reader in sorted(turn.readers):  # first what ends: a point may have moved to another reader
        _end_reader_alarms(turn, reader)
    for reader in sorted(turn.readers):
        _begin_reader_alarm(turn, reader)
    door_modes.put_in_force(turn)
    door_uses.forget_old(turn)


# -- cards --------------------------------------------------------------------------------------------------------


def _card_shown(turn: Turn, shown: CardShown) -> None:
    unit = shown.reader
    card = choose(shown.cards, shown.more, turn.view)
    if shown.joined and not card.several and card.uid not in shown.joined:
        return  # it was there before, and has had its answer
    reader = turn.reader(unit)
    name = identity(card)
    if shown.left_alone and name and name == reader.last.card:
        return  # it was the one of ours among those that have gone, and has had its answer
    last, is_new = reader.last.shown(name, turn.now.mono_ms)
    turn.readers[unit] = replace(reader, last=last)
    if not is_new:
        return
    door_pins.give_up(turn, unit)
    _judge(turn, unit, card, shown.at_ms)


def _pin_checked(turn: Turn, news: PinChecked) -> None:
    found = door_pins.checked(turn, news)
    if found is not None:
        _judge(turn, news.reader, *found)


def _judge(turn: Turn, unit: int, card: Presentation, since_ms: int | None) -> None:
    """Decide and answer. ``since_ms``: from when on the holder waits for it."""
    reader = turn.reader(unit)
    number = turn.wiring.point_of_reader.get(unit, 0)
    ignoring = reader.tries.ignoring(turn.now.mono_ms)
    along = _along(turn, unit, card, ignoring)
    mode, decision, basis = _decide(turn, card, number, unit, ignoring, along)
    fact = _fact(turn, card, number, mode, ignoring, decision, basis)
    if decision.reason is Reason.PIN_MISSING:
        door_pins.ask(turn, unit, card, fact, decision)
        return
    if card.pin:
        door_pins.judged(turn, decision, number)
    if decision.duress:
        turn.add(*moment(Alarm.DURESS, number, "", decision.key))
    if decision.may_escort and (decision.granted or decision.reason is Reason.SECOND_PERSON):
        door_rules.escorts(turn, unit, decision.holder)
    if decision.granted:
        _granted(turn, unit, since_ms, fact, decision, along)
    else:
        _refused(turn, unit, fact, decision, card)


def _along(turn: Turn, reader: int, card: Presentation, ignoring: bool) -> _Along:
    """Who would go in with whoever shows this card: those who wait for him and, judged once more, still may."""
    point = turn.view.access_points.get(turn.wiring.point_of_reader.get(reader, 0))
    found: _Along = {}
    for each in () if point is None or point.leaving else door_rules.waiting(turn, reader, card):
        number = turn.wiring.point_of_reader.get(each.reader, 0)
        mode, decision, basis = _decide(turn, each.card, number, each.reader, ignoring)
        if decision.reason in AWAITED:
            fact = _fact(turn, each.card, number, mode, ignoring, decision, basis)
            found[each.holder] = fact, decision
    return found


def _fact(
    turn: Turn,
    card: Presentation,
    number: int,
    mode: Mode,
    ignoring: bool,
    decision: Decision,
    basis: Basis,
) -> AccessFact:
    return AccessFact(
        number,
        decision.reason,
        decision.revisions,
        card.tier,
        card.issue_no,
        decision.schedule,
        decision.release_ms,
        mode,
        ignoring,
        turn.now.instant.floor_ms // 1_000,
        decision.used,
        place=decision.place,
        basis=basis,
    )


def _decide(
    turn: Turn, card: Presentation, number: int, reader: int, ignoring: bool, along: Collection[int] = ()
) -> tuple[Mode, Decision, Basis]:
    point = turn.view.access_points.get(number)
    door_unit = turn.wiring.unit_of_reader(reader)
    if point is None or door_unit is None:
        keys = card.keys()
        decision = Decision(Reason.NOT_CONFIGURED, keys[0] if keys else b"", revisions=turn.view.revisions)
        return Mode.NORMAL, decision, without_lock(card)
    door_modes.put_one_in_force(turn, door_unit)
    mode = turn.doors[door_unit].mode
    schedule = turn.doors[door_unit].mode_schedule
    escort = door_rules.escort_at(turn, reader)
    state = PointState(mode, ignoring, turn.uses, escort=escort, mode_schedule=schedule)
    if point.rules is not None:
        state = replace(state, rules=door_rules.state_of(turn, point.rules, door_unit, card, along))
    decision = decide(card, turn.view, point, state, turn.now.instant)
    return mode, decision, basis_of(card, turn.view, point, state, turn.now.instant, decision)


def _granted(
    turn: Turn, reader: int, since_ms: int | None, fact: AccessFact, decision: Decision, along: _Along
) -> None:
    unit = turn.wiring.unit_of_reader(reader)
    assert unit is not None, "a point without a door grants nothing"
    number = turn.wiring.door(unit).number
    door_rules.wait_no_more(turn, along)
    fact, keep = door_uses.counted(turn, fact, decision)
    pending = Pending(
        fact, number, unit, decision.release_ms, reader, decision.key, keep=keep, shown_ms=since_ms
    )
    others = {holder: each for holder, each in along.items() if holder != decision.holder}
    pending = replace(pending, along=tuple(_goes_along(turn, *each) for each in others.values()))
    rules = turn.view.access_points[fact.point].rules
    if rules is not None and rules.has_places:
        pending = replace(pending, holders=(decision.holder, *others), into=rules.into[0])
    if not turn.storage_usable or len(turn.pending) >= INTENTS_MAX:
        door_storage.at_once(turn, pending)
    else:
        turn.intend(pending)


def _goes_along(turn: Turn, fact: AccessFact, decision: Decision) -> Record:
    """What is recorded of somebody who goes in by another's card, in the commit of that grant: his use counts as any other."""
    fact, keep = door_uses.counted(turn, replace(fact, reason=Reason.GRANTED_ALONG, release_ms=0), decision)
    return Record(fact, decision.key, keep=keep)


def _refused(turn: Turn, reader: int, fact: AccessFact, decision: Decision, card: Presentation) -> None:
    reason = decision.reason
    if reason is Reason.SECOND_PERSON:
        door_rules.first(turn, reader, decision.holder, decision.key, card)
    elif reason is Reason.ESCORT:
        door_rules.awaits_escort(turn, reader, decision.holder, card)
    turn.record(fact, decision.key)
    turn.signal(reader, REFUSAL.get(reason, Pattern.DENIED))
    if reason in DEAD_CARD:
        turn.add(*moment(Alarm.DEAD_CARD_USED, fact.point, reason.name.lower(), decision.key))
    elif reason is Reason.CLONE_SUSPECTED:
        turn.add(*moment(Alarm.CLONE_SUSPECTED, fact.point, "", decision.key))
    elif reason in WRONG and not turn.reader(reader).tries.ignoring(turn.now.mono_ms):
        state = turn.reader(reader)
        tries = state.tries.refused(turn.now.mono_ms)
        alarm = tries.ignoring(turn.now.mono_ms)
        turn.readers[reader] = replace(state, tries=tries, tries_at=fact.point if alarm else None)
        if alarm:
            turn.add(*raised(Alarm.WRONG_TRIES, fact.point), StartTimer(_tries_timer(reader), IGNORE_MS))


# -- wires --------------------------------------------------------------------------------------------------------


def _input_changed(turn: Turn, change: InputChanged) -> None:
    role, unit = change.line
    match role:
        case InputRole.REX:
            turn.with_door(unit, partial(door.exit_button, pressed=change.active))
            if change.active:
                turn.record(ExitFact(turn.wiring.door(unit).number, turn.doors[unit].release_ms))
        case InputRole.CONTACT:
            turn.with_door(unit, partial(door.contact, is_open=change.active))
        case InputRole.FIRE:
            if change.active is not turn.fire:
                turn.fire = change.active
                turn.add(*(raised(Alarm.FIRE) if change.active else cleared(Alarm.FIRE)))
                for each in sorted(turn.doors):
                    turn.with_door(each, partial(door.set_fire, active=change.active))
        case InputRole.TAMPER:
            if change.active is not turn.tamper:
                turn.tamper = change.active
                turn.add(*(raised(Alarm.TAMPER) if change.active else cleared(Alarm.TAMPER)))


def _timer_fired(turn: Turn, name: str) -> None:
    owner, _slash, which = name.partition("/")
    if which == "pin":
        door_pins.timed_out(turn, int(owner.removeprefix("reader")))
        return
    if which == "tries":
        reader = int(owner.removeprefix("reader"))
        state = turn.reader(reader)
        if state.tries_at is not None:
            turn.add(*cleared(Alarm.WRONG_TRIES, state.tries_at))
            turn.readers[reader] = replace(state, tries=WrongTries(), tries_at=None)
        return
    turn.with_door(int(owner.removeprefix("door")), partial(door.timer, fired=door.Timer(which)))


def _tries_timer(reader: int) -> str:
    return f"reader{reader}/tries"


def _reader_told(turn: Turn, unit: int, fault: str | None) -> None:
    turn.readers[unit] = replace(turn.reader(unit), fault=fault)
    _end_reader_alarms(turn, unit)
    _begin_reader_alarm(turn, unit)


def _end_reader_alarms(turn: Turn, unit: int) -> None:
    """Alarms of a reader stand under the number of its point: when it has lost that, or is well again, they end."""
    reader = turn.reader(unit)
    point = turn.wiring.point_of_reader.get(unit)
    if reader.tries_at is not None and reader.tries_at != point:
        turn.add(*cleared(Alarm.WRONG_TRIES, reader.tries_at), CancelTimer(_tries_timer(unit)))
        reader = replace(reader, tries=WrongTries(), tries_at=None)
    if reader.fault_at is not None and (reader.fault is None or reader.fault_at != point):
        turn.add(*cleared(Alarm.READER_FAULT, reader.fault_at))
        reader = replace(reader, fault_at=None)
    turn.readers[unit] = reader


def _begin_reader_alarm(turn: Turn, unit: int) -> None:
    """A reader that is no point of the centre's raises none; its fault shows at the reader and in the node's status."""
    reader = turn.reader(unit)
    point = turn.wiring.point_of_reader.get(unit)
    if reader.fault is not None and reader.fault_at is None and point is not None:
        turn.add(*raised(Alarm.READER_FAULT, point, reader.fault))
        turn.readers[unit] = replace(reader, fault_at=point)

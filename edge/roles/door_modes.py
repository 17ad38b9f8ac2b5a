"""Which mode is in force at a door, and how it comes about. What asks for which mode, by hand, by settings and by schedule, and what
stands before what, is said in ``protocol.rules.door_modes``.

A mode by hand survives a restart. At a door with first-card unlocking (首卡常開) the unlock schedule waits for the first card
that opens it inwards in its time. What a card began ends when the schedules no longer unlock the door, so after a time in which they
lock or block it a card is asked for again; a restart asks for one too.

Who unlocks a door, by hand, by schedule or by starting the device, releases its lock: that is recorded first, and the lock moves when
the record is durable (I8). Where it cannot be stored the storage policy of the door decides, as for a card. Every stricter mode is
in force at once.

Losing or regaining the network releases no door (I9): a mode is asked for by rows, hand and a trusted time alone. What a device hears when
it is back, its time or another row, may be what a schedule waited for; then the door is released by the schedule, in its own hours,
recorded as such.
"""

from __future__ import annotations

from functools import partial

from edge.core import door
from edge.core.stimuli import ModeChanged
from edge.roles import door_rules
from edge.roles.turn import Turn
from protocol.facts import CommandFact, CommandResult
from protocol.records import Mode, StoragePolicy
from protocol.rules.door_modes import InForce, by_schedule, in_force

_PREFIX = "mode/"


def first_card(turn: Turn, number: int) -> None:
    """A card has opened the door with this number inwards: where its schedule waits for that, it is unlocked from now on."""
    unit = turn.wiring.unit_of_door[number]
    rules = turn.view.door_rules(number)
    if rules is not None and rules.first_card and _is_unlock_time(turn, turn.wiring.door(unit)):
        turn.opened_by_card |= {number}
        wanted = _in_force(turn, unit)
        if wanted.mode is Mode.UNLOCKED:  # the record of the card is durable
            _set(turn, unit, wanted)


def put_in_force(turn: Turn) -> None:
    """Bring every door into its mode; one that is to stand unlocked when the record of that is durable."""
    turn.opened_by_card &= turn.wiring.unit_of_door.keys()  # a door that comes back waits for a card again
    for unit in sorted(turn.doors.keys() | turn.wiring.doors.keys()):
        put_one_in_force(turn, unit)


def put_one_in_force(turn: Turn, unit: int) -> None:
    """The same for one door, before a card is judged there: what holds from this second on holds for that card."""
    wanted = _in_force(turn, unit)
    state = turn.doors.get(unit)
    is_so = state is not None and state.mode is wanted.mode
    if is_so or wanted.mode is not Mode.UNLOCKED:
        _set(turn, unit, wanted)
        return
    if (
        state is not None and state.mode > Mode.UNLOCKED
    ):  # what was stricter has ended already; this moves no lock
        _set(turn, unit, InForce())
    if turn.storage_usable:
        turn.intend_to_unlock(unit, turn.wiring.door(unit).number, wanted.schedule)
    else:
        _without_record(turn, unit, wanted)


def recorded(turn: Turn, unit: int, number: int, schedule: int, *, is_durable: bool) -> None:
    """The fate of the record by which a door is to stand unlocked is known; what holds now decides."""
    wanted = _in_force(turn, unit)
    is_wanted = turn.wiring.unit_of_door.get(number) == unit and wanted.mode is Mode.UNLOCKED
    if is_wanted and is_durable:
        _set(turn, unit, InForce(Mode.UNLOCKED, schedule), is_recorded=True)
    elif is_wanted:
        _without_record(turn, unit, wanted)
    elif is_durable:  # what is on the medium did not come about
        now_at = turn.wiring.unit_of_door.get(number)
        found = InForce() if now_at is None else _now(turn.doors[now_at])
        turn.record(door.mode_fact(number, found.mode, found.schedule))


def _now(state: door.DoorState) -> InForce:
    return InForce(state.mode, state.mode_schedule)


def _set(turn: Turn, unit: int, wanted: InForce, *, is_recorded: bool = False) -> None:
    turn.with_door(
        unit, partial(door.set_mode, mode=wanted.mode, schedule=wanted.schedule, is_recorded=is_recorded)
    )


def _without_record(turn: Turn, unit: int, wanted: InForce) -> None:
    """The record cannot be stored: the door's policy. Where it denies, the tick asks again."""
    if turn.wiring.door(unit).row.storage_policy is StoragePolicy.GRANT_FROM_MEMORY:
        _set(turn, unit, wanted)


def _in_force(turn: Turn, unit: int) -> InForce:
    spec = turn.wiring.door(unit)
    return in_force(
        spec.row,
        turn.by_hand.get(spec.number),
        turn.view,
        turn.now.instant,
        waits=_waits(turn, spec),
        interlocked=door_rules.interlock_of(turn, unit) > 0,
    )


def _is_unlock_time(turn: Turn, spec: door.DoorSpec) -> bool:
    """Whether the schedules of a door would have it unlocked now."""
    return by_schedule(spec.row, turn.view, turn.now.instant).mode is Mode.UNLOCKED


def _waits(turn: Turn, spec: door.DoorSpec) -> bool:
    """Whether the unlock schedule of a door has yet to begin with a card. What a card began ends with its time, or its rule."""
    rules = turn.view.door_rules(spec.number)
    has_rule = rules is not None and rules.first_card
    is_over = not has_rule or not _is_unlock_time(turn, spec)
    if is_over and spec.number in turn.opened_by_card:
        turn.opened_by_card -= {spec.number}
    return has_rule and spec.number not in turn.opened_by_card


def changed(turn: Turn, command: ModeChanged) -> None:
    """An operator sets a mode or gives it back."""
    if command.door not in turn.wiring.unit_of_door:
        turn.record(CommandFact(command.command_id, command.door, CommandResult.WRONG_DOOR))
        return
    unit = turn.wiring.unit_of_door[command.door]
    if command.mode is Mode.UNLOCKED and door_rules.interlock_of(turn, unit):
        turn.record(CommandFact(command.command_id, command.door, CommandResult.REFUSED_BY_INTERLOCK))
        return
    if command.mode is None:
        turn.by_hand.pop(command.door, None)
    else:
        turn.by_hand[command.door] = command.mode
    kept = b"" if command.mode is None else bytes([command.mode])
    fact = CommandFact(command.command_id, command.door, CommandResult.DONE)
    turn.record(
        fact, keep=((f"{_PREFIX}{command.door}", kept),)
    )  # whoever reads "done" can rely on it after a power cut
    put_in_force(turn)


def remember(turn: Turn, name: str, value: bytes) -> None:
    """Take over what was kept before a restart. A mode that this program does not know is taken as the strictest."""
    if not (name.startswith(_PREFIX) and name[len(_PREFIX) :].isdecimal() and value):
        return
    known = len(value) == 1 and value[0] in {mode.value for mode in Mode}
    turn.by_hand[int(name[len(_PREFIX) :])] = Mode(value[0]) if known else Mode.LOCKED_DOWN

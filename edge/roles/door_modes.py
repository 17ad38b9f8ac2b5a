"""Which mode is in force at a door.

An operator's mode by hand stands before the configured one, until he gives it back; it survives a restart. In NORMAL the
unlock schedule decides: while it holds the mode is UNLOCKED; at a door with first-card unlocking (首卡常開) from the first card
on that opens it inwards in that time. A restart asks for a card again. On a clock that is not trusted a scheduled unlock stays
locked (reliability.md section 3); a schedule that always holds needs no clock.

Who unlocks a door, by hand, by schedule or by starting the device, releases its lock: that is recorded first, and the lock moves when
the record is durable (I8). Where it cannot be stored the storage policy of the door decides, as for a card. Every stricter mode is
in force at once. A door of an interlock is never held open.
"""

from __future__ import annotations

from functools import partial

from edge.core import door
from edge.core.stimuli import ModeChanged, Now
from edge.roles import door_rules
from edge.roles.turn import Turn
from protocol.facts import CommandFact, CommandResult
from protocol.records import DoorRow, Mode, StoragePolicy
from protocol.schedule import ALWAYS
from protocol.view import View

_PREFIX = "mode/"


def mode_in_force(row: DoorRow, by_hand: Mode | None, view: View, now: Now, *, waits: bool = False) -> Mode:
    """The mode of a door at this moment. ``waits``: no card has opened it yet in the time of its unlock schedule."""
    base = row.mode if by_hand is None else by_hand
    if base is not Mode.NORMAL or waits or not is_unlock_time(row, view, now):
        return base
    return Mode.UNLOCKED


def is_unlock_time(row: DoorRow, view: View, now: Now) -> bool:
    """Whether the unlock schedule of a door holds, as far as the time is known."""
    if not row.unlock_schedule or (row.unlock_schedule != ALWAYS and not now.instant.trusted):
        return False
    return view.holds(row.unlock_schedule, now.instant.utc_ms)


def first_card(turn: Turn, number: int) -> None:
    """A card has opened the door with this number inwards: where its schedule waits for that, it is unlocked from now on."""
    unit = turn.wiring.unit_of_door[number]
    rules = turn.view.door_rules(number)
    if (
        rules is not None
        and rules.first_card
        and is_unlock_time(turn.wiring.door(unit).row, turn.view, turn.now)
    ):
        turn.opened_by_card |= {number}
        if _mode_of(turn, unit) is Mode.UNLOCKED:  # the record of the card is durable
            turn.with_door(unit, partial(door.set_mode, mode=Mode.UNLOCKED))


def put_in_force(turn: Turn) -> None:
    """Bring every door into its mode; one that is to stand unlocked when the record of that is durable."""
    turn.opened_by_card &= turn.wiring.unit_of_door.keys()  # a door that comes back waits for a card again
    for unit in sorted(turn.doors.keys() | turn.wiring.doors.keys()):
        mode = _mode_of(turn, unit)
        state = turn.doors.get(unit)
        if state is not None and state.mode is mode:
            continue
        if mode is not Mode.UNLOCKED:
            turn.with_door(unit, partial(door.set_mode, mode=mode))
        elif turn.storage_usable:
            turn.intend_to_unlock(unit, turn.wiring.door(unit).number)
        else:
            _without_record(turn, unit)


def recorded(turn: Turn, unit: int, number: int, *, is_durable: bool) -> None:
    """The fate of the record by which a door is to stand unlocked is known; what holds now decides."""
    is_wanted = turn.wiring.unit_of_door.get(number) == unit and _mode_of(turn, unit) is Mode.UNLOCKED
    if is_wanted and is_durable:
        turn.with_door(unit, partial(door.set_mode, mode=Mode.UNLOCKED, is_recorded=True))
    elif is_wanted:
        _without_record(turn, unit)
    elif is_durable:  # what is on the medium did not come about
        now_at = turn.wiring.unit_of_door.get(number)
        turn.record(door.mode_fact(number, Mode.NORMAL if now_at is None else turn.doors[now_at].mode))


def _without_record(turn: Turn, unit: int) -> None:
    """The record cannot be stored: the door's policy. Where it denies, the tick asks again."""
    if turn.wiring.door(unit).row.storage_policy is StoragePolicy.GRANT_FROM_MEMORY:
        turn.with_door(unit, partial(door.set_mode, mode=Mode.UNLOCKED))


def _mode_of(turn: Turn, unit: int) -> Mode:
    """The mode that is to be in force at a door."""
    spec = turn.wiring.door(unit)
    waits = _waits(turn, spec)
    mode = mode_in_force(spec.row, turn.by_hand.get(spec.number), turn.view, turn.now, waits=waits)
    return Mode.NORMAL if mode is Mode.UNLOCKED and door_rules.interlock_of(turn, unit) else mode


def _waits(turn: Turn, spec: door.DoorSpec) -> bool:
    """Whether the unlock schedule of a door has yet to begin with a card. What a card began ends with its time, or its rule."""
    rules = turn.view.door_rules(spec.number)
    has_rule = rules is not None and rules.first_card
    is_over = not has_rule or not is_unlock_time(spec.row, turn.view, turn.now)
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

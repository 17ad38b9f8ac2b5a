"""Which mode is in force at a door.

An operator's mode by hand stands before the configured one, until he gives it back; it survives a restart. In NORMAL the
unlock schedule decides: while it holds the mode is UNLOCKED. On a clock that is not trusted a scheduled unlock stays
locked (reliability.md section 3); a schedule that always holds needs no clock.
"""

from __future__ import annotations

from functools import partial

from edge.core import door
from edge.core.actions import Keep
from edge.core.stimuli import ModeChanged, Now
from edge.roles.turn import Turn
from protocol.facts import CommandFact, CommandResult
from protocol.records import DoorRow, Mode
from protocol.schedule import ALWAYS
from protocol.view import View

_PREFIX = "mode/"


def mode_in_force(row: DoorRow, by_hand: Mode | None, view: View, now: Now) -> Mode:
    """The mode of a door at this moment."""
    base = row.mode if by_hand is None else by_hand
    if base is not Mode.NORMAL or not row.unlock_schedule:
        return base
    if row.unlock_schedule != ALWAYS and not now.instant.trusted:
        return base
    return Mode.UNLOCKED if view.holds(row.unlock_schedule, now.instant.utc_ms) else base


def put_in_force(turn: Turn) -> None:
    """Bring every door into its mode."""
    for unit in sorted(turn.doors.keys() | turn.wiring.doors.keys()):
        spec = turn.wiring.door(unit)
        mode = mode_in_force(spec.row, turn.by_hand.get(spec.number), turn.view, turn.now)
        state = turn.doors.get(unit)
        if state is None or state.mode is not mode:
            turn.with_door(unit, partial(door.set_mode, mode=mode))


def changed(turn: Turn, command: ModeChanged) -> None:
    """An operator sets a mode or gives it back."""
    if command.door not in turn.wiring.unit_of_door:
        turn.record(CommandFact(command.command_id, command.door, CommandResult.WRONG_DOOR))
        return
    name = f"{_PREFIX}{command.door}"
    if command.mode is None:
        turn.by_hand.pop(command.door, None)
        turn.add(Keep(name, b""))
    else:
        turn.by_hand[command.door] = command.mode
        turn.add(Keep(name, bytes([command.mode])))
    turn.record(CommandFact(command.command_id, command.door, CommandResult.DONE))
    put_in_force(turn)


def remember(turn: Turn, name: str, value: bytes) -> None:
    """Take over what was kept before a restart. A mode that this program does not know is taken as the strictest."""
    if not (name.startswith(_PREFIX) and name[len(_PREFIX) :].isdecimal() and value):
        return
    known = len(value) == 1 and value[0] in {mode.value for mode in Mode}
    turn.by_hand[int(name[len(_PREFIX) :])] = Mode(value[0]) if known else Mode.LOCKED_DOWN

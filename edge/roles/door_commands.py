"""Commands of the centre at a door: open once, show where you are. Modes by hand are in ``door_modes``."""

from __future__ import annotations

from edge.core import door
from edge.core.feedback import Pattern
from edge.core.stimuli import RemoteOpen, TestAsked
from edge.roles import door_rules, door_storage
from edge.roles.door_state import COMMANDS_KEPT, INTENTS_MAX, Pending
from edge.roles.turn import Turn
from protocol.facts import CommandFact, CommandResult
from protocol.records import Mode


def is_new(turn: Turn, command_id: int, number: int) -> bool:
    """A command is carried out once; a second guard behind the nonce (I10)."""
    if command_id in turn.commands:
        turn.record(CommandFact(command_id, number, CommandResult.USED_NONCE))
        return False
    turn.commands = (*turn.commands, command_id)[-COMMANDS_KEPT:]
    return True


def remote_open(turn: Turn, command: RemoteOpen) -> None:
    """An operator opens a door: its audit row is the intent, without which nothing opens."""
    if not is_new(turn, command.command_id, command.door):
        return
    unit = turn.wiring.unit_of_door.get(command.door)
    if unit is None:
        turn.record(CommandFact(command.command_id, command.door, CommandResult.WRONG_DOOR))
        return
    if turn.doors[unit].mode is Mode.LOCKED_DOWN:
        turn.record(CommandFact(command.command_id, command.door, CommandResult.REFUSED_BY_MODE))
        return
    if door_rules.interlocked(turn, unit):
        turn.record(CommandFact(command.command_id, command.door, CommandResult.REFUSED_BY_INTERLOCK))
        return
    row = turn.wiring.doors[unit].row
    longest_ms = max(row.release_ms, row.extended_release_ms)
    release_ms = max(door.RELEASE_MIN_MS, min(command.release_ms or row.release_ms, longest_ms))
    fact = CommandFact(command.command_id, command.door, CommandResult.DONE, release_ms)
    pending = Pending(fact, command.door, unit, release_ms)
    if turn.storage_usable and len(turn.pending) < INTENTS_MAX:
        turn.intend(pending)
    else:
        door_storage.at_once(turn, pending)


def test(turn: Turn, asked: TestAsked) -> None:
    """Show where a point is. Moves no lock."""
    if not is_new(turn, asked.command_id, 0):
        return
    readers = [
        reader for reader, point in sorted(turn.wiring.point_of_reader.items()) if asked.point in (0, point)
    ]
    for reader in readers:
        turn.signal(reader, Pattern.IDENTIFY)
    result = CommandResult.DONE if readers or not asked.point else CommandResult.WRONG_DOOR
    turn.record(CommandFact(asked.command_id, 0, result))

"""How an act on a unit is numbered and how it ends. Inside ``db``."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from central.units.model import UnitCommand
from central.units.rules import ActState, advance

ASKED: Final = "units.asked"
"""Announced with ``{"ids"}``: acts for the process that holds the device's connection."""
COMMANDS_FROM: Final = 1 << 42
"""Acts have command numbers from here on: commands to doors and write orders have the ones below."""


def settle(command: UnitCommand, state: ActState, now: datetime | None = None, trouble: str = "") -> None:
    """The act stands like this from now on."""
    command.state = advance(ActState(command.state), state).value
    command.trouble = trouble
    if state not in (ActState.WAITING, ActState.SENT):
        command.done_at = now
    command.save()


def act_of(command_id: int) -> int:
    """The act that a command number belongs to; 0 for none."""
    return command_id - COMMANDS_FROM if command_id > COMMANDS_FROM else 0

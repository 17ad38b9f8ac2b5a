"""What becomes of a command to a door (remote open, mode by hand). Pure.

Law of this file: a page never says "opened" because a command was sent. The state is stored as far as facts have come
in; *timed out* is derived from the time that has passed, and a late answer still outranks it.

::

    queued --sent to the device--> sent --device accepted (its intent is recorded)--> accepted --lock driven--> confirmed
       |                            |                                                   |
       +--- refused by the device, or it could not be reached ---> failed <-------------+
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from central.errors import CentralError
from central.web.i18n import LazyText, lazy
from protocol.facts import CommandResult, Outcome

ANSWER_WITHIN: Final = timedelta(seconds=15)
"""A command is void ten seconds after its nonce was issued; five more for the answer to travel."""


class CommandKind(Enum):
    """What is asked of the device."""

    OPEN = "open"
    SET_MODE = "set_mode"
    CLEAR_MODE = "clear_mode"


class CommandState(Enum):
    """Stored state."""

    QUEUED = "queued"
    SENT = "sent"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    FAILED = "failed"


class ShownCommand(Enum):
    """What the page says: the words of the vocabulary's group "command"."""

    SENT = "sent"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


class CommandOrderError(CentralError):
    """A command cannot go from this state to that one."""


NEXT: Final[dict[CommandState, frozenset[CommandState]]] = {
    CommandState.QUEUED: frozenset(
        {CommandState.SENT, CommandState.ACCEPTED, CommandState.CONFIRMED, CommandState.FAILED}
    ),
    CommandState.SENT: frozenset({CommandState.ACCEPTED, CommandState.CONFIRMED, CommandState.FAILED}),
    CommandState.ACCEPTED: frozenset({CommandState.CONFIRMED, CommandState.FAILED}),
    CommandState.CONFIRMED: frozenset(),
    CommandState.FAILED: frozenset(),
}
"""The answer of a device may overtake the note that the command was sent."""


def advance(state: CommandState, to: CommandState) -> CommandState:
    """The new state.

    :raises CommandOrderError: the table does not lead there.
    """
    if to not in NEXT[state]:
        raise CommandOrderError(f"{state.value} does not lead to {to.value}")
    return to


def of_result(kind: CommandKind, result: CommandResult) -> CommandState:
    """What the device's answer means. A mode is in force once it is done; a release must still be seen."""
    if result is not CommandResult.DONE:
        return CommandState.FAILED
    return CommandState.ACCEPTED if kind is CommandKind.OPEN else CommandState.CONFIRMED


def of_outcome(outcome: Outcome) -> CommandState:
    """What followed an accepted remote open."""
    return CommandState.CONFIRMED if outcome in _OPENED else CommandState.FAILED


_OPENED: Final = frozenset(
    {Outcome.RELEASED, Outcome.RELEASED_FROM_MEMORY, Outcome.ENTERED, Outcome.NOT_ENTERED}
)


def shown(state: CommandState, created_at: datetime, now: datetime) -> ShownCommand:
    """What the page says at ``now``."""
    match state:
        case CommandState.CONFIRMED:
            return ShownCommand.CONFIRMED
        case CommandState.FAILED:
            return ShownCommand.FAILED
        case _ if now - created_at >= ANSWER_WITHIN:
            return ShownCommand.TIMED_OUT
        case CommandState.ACCEPTED:
            return ShownCommand.ACCEPTED
        case _:
            return ShownCommand.SENT


FINAL: Final = frozenset({ShownCommand.CONFIRMED, ShownCommand.TIMED_OUT, ShownCommand.FAILED})

RESULT_TEXT: Final[dict[CommandResult, LazyText]] = {
    CommandResult.DONE: lazy("Done by the device"),
    CommandResult.TOO_OLD: lazy("The command came too late and was not carried out"),
    CommandResult.UNKNOWN_NONCE: lazy("The device did not recognise the command"),
    CommandResult.USED_NONCE: lazy("The command had been carried out already"),
    CommandResult.WRONG_DOOR: lazy("The device has no such door"),
    CommandResult.REFUSED_BY_MODE: lazy("The door is locked down"),
    CommandResult.REFUSED_BY_INTERLOCK: lazy("Another door of the interlock is open"),
    CommandResult.BAD_SIGNATURE: lazy("The device did not trust the command"),
    CommandResult.STORAGE_UNUSABLE: lazy("The device could not record the opening"),
    CommandResult.NOT_CONFIRMED: lazy("The device has no word of the centre's backup for these records"),
    CommandResult.OTHER_RECORDS: lazy("The device's records are not those that the centre confirmed"),
}
assert RESULT_TEXT.keys() == set(CommandResult)

"""What a patrol unit is (78), whether it works online or offline just now (79), and how an act stands (71). Pure."""

from __future__ import annotations

from enum import Enum
from typing import Final

from central.errors import CentralError
from central.web.i18n import LazyText, lazy
from protocol.facts import CommandResult


class UnitKind(Enum):
    """巡更器類型."""

    FIXED_ONLINE = "fixed_online"
    FIXED_OFFLINE = "fixed_offline"
    CARRIED = "carried"


KIND_WORDS: Final[dict[str, LazyText]] = {
    UnitKind.FIXED_ONLINE.value: lazy("Fixed reader with a network"),
    UnitKind.FIXED_OFFLINE.value: lazy("Fixed reader without a network"),
    UnitKind.CARRIED.value: lazy("Carried unit"),
}


class UnitMode(Enum):
    """聯網, 脫網, 斷網: the words of the vocabulary's group "unit_mode"."""

    ONLINE = "online"
    OFFLINE = "offline"
    """By its kind: its records are judged after they were brought or uploaded, and nobody is alarmed before."""
    CUT = "cut"
    """A unit with a network that has lost it: an offline unit until it is back."""


def mode_of(kind: UnitKind, *, is_connected: bool) -> UnitMode:
    """How a unit works just now."""
    if kind is not UnitKind.FIXED_ONLINE:
        return UnitMode.OFFLINE
    return UnitMode.ONLINE if is_connected else UnitMode.CUT


class Act(Enum):
    """What an operator may have a unit do."""

    TEST = "test"
    LOAD = "load"
    SET_TIME = "set_time"
    CLEAR = "clear"


ACT_WORDS: Final[dict[str, LazyText]] = {
    Act.TEST.value: lazy("Test the unit"),
    Act.LOAD.value: lazy("Load information"),
    Act.SET_TIME.value: lazy("Set the clock"),
    Act.CLEAR.value: lazy("Clear records"),
}


class ActState(Enum):
    """How an act stands: the words of the vocabulary's group "unit_act"."""

    WAITING = "waiting"
    """For the unit: it is not connected, or does not hold the information yet."""
    SENT = "sent"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class ActOrderError(CentralError):
    """An act cannot go from this state to that one."""


NEXT: Final[dict[ActState, frozenset[ActState]]] = {
    ActState.WAITING: frozenset({ActState.SENT, ActState.DONE, ActState.REFUSED, ActState.CANCELLED}),
    ActState.SENT: frozenset({ActState.WAITING, ActState.DONE, ActState.REFUSED}),
    ActState.DONE: frozenset(),
    ActState.REFUSED: frozenset(),
    ActState.CANCELLED: frozenset(),
}
OPEN: Final = (ActState.WAITING.value, ActState.SENT.value)
TRIES_MAX: Final = 5
"""A command may come too late for the unit, which then is asked again at once."""
_AGAIN: Final = frozenset({CommandResult.TOO_OLD, CommandResult.UNKNOWN_NONCE})


def advance(state: ActState, to: ActState) -> ActState:
    """The new state.

    :raises ActOrderError: the table does not lead there.
    """
    if to not in NEXT[state]:
        raise ActOrderError(f"{state.value} does not lead to {to.value}")
    return to


def of_result(result: CommandResult, tries: int) -> ActState | None:
    """What the answer of a unit to a command means; None: nothing, it had the command before."""
    if result is CommandResult.DONE:
        return ActState.DONE
    if result is CommandResult.USED_NONCE:
        return None
    return ActState.WAITING if result in _AGAIN and tries < TRIES_MAX else ActState.REFUSED


def seconds(ms: int) -> str:
    """A signed difference in seconds, to a tenth."""
    return f"{round(ms / 1_000, 1) + 0.0:+.1f}"

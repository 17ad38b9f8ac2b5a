"""Which devices of a roll-out may begin now. Pure.

First one device of each role (試點); the others of that role follow when it has the new version for good. At one place
only one device at a time is between two versions, so that of two doors that lead to the same place one always works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a device of a roll-out stands; also the vocabulary's group "update"."""

    WAITING = "waiting"
    OFFERED = "offered"
    DOWNLOADING = "downloading"
    READY = "ready"
    ON_TRIAL = "on_trial"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"


BUSY: Final = frozenset({State.OFFERED, State.DOWNLOADING, State.READY, State.ON_TRIAL})
"""Between two versions: at its place no other begins."""
TAKING: Final = frozenset({State.OFFERED, State.DOWNLOADING, State.READY})
"""The old version still runs: a pause takes the offer back."""
FAILED: Final = frozenset({State.ROLLED_BACK, State.REFUSED})
FINAL: Final = FAILED | {State.DONE}


@dataclass(frozen=True)
class Member:
    """A device of a roll-out. ``place``: doors with the same one lead to the same place."""

    id: int
    role: str
    place: str
    state: State
    is_canary: bool


def may_begin(members: Sequence[Member]) -> set[int]:
    """The ids of those that wait and may begin now, in the order given where several could."""
    untried = {m.role for m in members if m.is_canary and m.state is not State.DONE}
    busy = {m.place for m in members if m.state in BUSY}
    found = set()
    for member in members:
        if member.state is not State.WAITING or member.place in busy:
            continue
        if member.role in untried and not member.is_canary:
            continue
        found.add(member.id)
        busy.add(member.place)
    return found


def is_over(members: Sequence[Member]) -> bool:
    """Nothing is left to be done: every device has the new version, or has ended without it."""
    return all(member.state in FINAL for member in members)

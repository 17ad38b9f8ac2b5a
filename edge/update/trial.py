"""When a release on trial is kept, and when it is rolled back. Pure.

Nothing is judged while the centre cannot be reached: a release is not to blame for a cut wire. (That a release crashes
again and again needs no centre; the launcher counts it.)
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec import Struct

from protocol.updating import UpdateReason

SYNC_TRIES_MAX: Final = 6
"""Times, one sync period apart, that the centre was there and no sync came about."""
SECOND_CHANCE: Final = 2
"""So many times the length of a trial a reader or an output may take to work."""


class Verdict(Enum):
    """What becomes of the release on trial, for now."""

    WAIT = "wait"
    KEEP = "keep"
    ROLL_BACK = "roll back"


class Seen(Struct, frozen=True):
    """How the node is. ``synced``: the centre is connected, answered polls and holds the facts of this run; ``failed_tries``: it was there
    and no session was; ``readers_work``: but for those that did not before the update."""

    uptime_s: int
    readers_work: bool
    relays_obey: bool
    synced: bool
    failed_tries: int


def judge(seen: Seen, trial_s: int) -> tuple[Verdict, UpdateReason]:
    """The verdict, and for a roll-back its reason.

    :param trial_s: how long a release must have run before it is kept.
    """
    if not seen.synced:
        if seen.failed_tries >= SYNC_TRIES_MAX:
            return Verdict.ROLL_BACK, UpdateReason.NO_SYNC
        return Verdict.WAIT, UpdateReason.NONE
    if seen.uptime_s < trial_s:
        return Verdict.WAIT, UpdateReason.NONE
    if seen.readers_work and seen.relays_obey:
        return Verdict.KEEP, UpdateReason.NONE
    if seen.uptime_s < trial_s * SECOND_CHANCE:
        return Verdict.WAIT, UpdateReason.NONE
    return Verdict.ROLL_BACK, UpdateReason.RELAY if seen.readers_work else UpdateReason.READER


def is_healthy(seen: Seen, trial_s: int) -> bool:
    """It ran long enough and its hardware works: what ends it from now on is no crash loop."""
    return seen.uptime_s >= trial_s and seen.readers_work and seen.relays_obey

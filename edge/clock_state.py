"""The states of a node's clock, what moves them, and what is told about it. A table; pairs that it lacks cannot happen.

States (``protocol.decide.Trust``) and what moves them; pairs that are not in the table cannot happen::

    NONE        nothing but the build time is known          -> FLOORED -> FLOOR_ONLY, ANCHORED -> TRUSTED
    FLOOR_ONLY  a time that has certainly passed is known    -> ANCHORED -> TRUSTED
    TRUSTED     an anchor less than FRESH_MS old             -> AGED -> HOLDOVER
    HOLDOVER    an anchor of this boot, error bound small    -> ANCHORED -> TRUSTED, DRIFTED -> FLOOR_ONLY
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from protocol.clocksync import Sample
from protocol.decide import Trust


class Source(Enum):
    """Where an anchor comes from; a better one is not replaced by a lesser one while it is fresh."""

    RTC = "rtc"
    NTP = "ntp"
    CENTRE = "centre"
    OPERATOR = "operator"


RANK: Final = {Source.RTC: 0, Source.NTP: 1, Source.CENTRE: 2, Source.OPERATOR: 3}


class ClockEvent(Enum):
    """What moves the state."""

    FLOORED = "floored"
    ANCHORED = "anchored"
    AGED = "aged"
    DRIFTED = "drifted"


NEXT: Final[dict[tuple[Trust, ClockEvent], Trust]] = {
    (Trust.NONE, ClockEvent.FLOORED): Trust.FLOOR_ONLY,
    (Trust.NONE, ClockEvent.ANCHORED): Trust.TRUSTED,
    (Trust.FLOOR_ONLY, ClockEvent.FLOORED): Trust.FLOOR_ONLY,
    (Trust.FLOOR_ONLY, ClockEvent.ANCHORED): Trust.TRUSTED,
    (Trust.TRUSTED, ClockEvent.ANCHORED): Trust.TRUSTED,
    (Trust.TRUSTED, ClockEvent.AGED): Trust.HOLDOVER,
    (Trust.HOLDOVER, ClockEvent.ANCHORED): Trust.TRUSTED,
    (Trust.HOLDOVER, ClockEvent.DRIFTED): Trust.FLOOR_ONLY,
}


class Anchored(msgspec.Struct, frozen=True):
    """The clock was set: to be recorded as a ClockFact."""

    source: str
    utc_ms: int
    boottime_ms: int
    before_ms: int
    error_ms: int


class Jumped(msgspec.Struct, frozen=True):
    """A clock was found ``by_ms`` away from where it should be; ``system``: somebody moved the machine's wall clock."""

    by_ms: int
    system: bool


class TrustChanged(msgspec.Struct, frozen=True):
    """The state is another one."""

    before: Trust
    after: Trust


ClockNews = Anchored | Jumped | TrustChanged


class Saved(msgspec.Struct, frozen=True):
    """What the clock keeps over restarts. ``trusted_ms``: the last trusted time; 0 for none.

    ``void_issued_ms``: an issue time that an operator has overruled by setting the clock back.
    ``anchor``, ``source``: of the boot ``boot_id``; still good when only the program was started anew.
    """

    trusted_ms: int = 0
    void_issued_ms: int = 0
    boot_id: str = ""
    anchor: Sample | None = None
    source: str = ""

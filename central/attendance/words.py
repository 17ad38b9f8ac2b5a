"""The words of punches: result, direction, and why a time clock refused. One table for pages, files and API."""

from __future__ import annotations

from enum import Enum
from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.reasons import TEXT, Reason
from protocol.records import PunchStatus


class PunchResult(Enum):
    """What became of a showing; names in the vocabulary's group "punch"."""

    TAKEN = "taken"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    """Taken, at a time that cannot be: before the clock was there, or after tomorrow. Kept, and counted nowhere."""


RESULT_TEXT: Final[dict[str, LazyText]] = {
    PunchResult.TAKEN.value: lazy("Punch taken"),
    PunchResult.REFUSED.value: lazy("Refused"),
    PunchResult.QUARANTINED.value: lazy("Impossible time"),
}
STATUS_TEXT: Final[dict[int, LazyText]] = {
    PunchStatus.NONE: lazy("Not said"),
    PunchStatus.IN: lazy("Coming"),
    PunchStatus.OUT: lazy("Going"),
}
assert STATUS_TEXT.keys() == set(PunchStatus)
_AT_A_CLOCK: Final[dict[Reason, LazyText]] = {
    Reason.GRANTED: lazy("Punch taken"),
    Reason.GRANTED_TIME_NOT_CHECKED: lazy("Taken; the time could not be checked"),
    Reason.NO_ACCESS_HERE: lazy("Not authorised at this time clock"),
    Reason.UNKNOWN_CARD: lazy("Unknown card, or not authorised at this time clock"),
    Reason.SUB_SYSTEM_CLOSED: lazy("Attendance is not opened for this card"),
    Reason.TIER_TOO_LOW: lazy("This time clock needs a card with a key"),
}
"""What is said otherwise than at a door."""
REASON_TEXT: Final[dict[int, LazyText]] = {
    int(reason): _AT_A_CLOCK.get(reason) or lazy(TEXT[reason]) for reason in Reason
}

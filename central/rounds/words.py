"""What results, flags and answers are called on the pages of the rounds."""

from __future__ import annotations

from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.facts import PatrolEvent, ScanResult
from protocol.rules.patrol.integrity import Flag
from protocol.rules.patrol.judge import Result, RoundState

COPY: Final = "copy"
RESULT_TEXT: Final[dict[str, LazyText]] = {
    "pending": lazy("Pending"),
    "on_time": lazy("On time"),
    "early": lazy("Early"),
    "late": lazy("Late"),
    "missed": lazy("Missed"),
    "out_of_order": lazy("Out of order"),
    "wrong_guard": lazy("Wrong guard"),
    "late_proved": lazy("Proved later"),
    "no_evidence": lazy("No evidence"),
    "extra": lazy("Outside the plan"),
    "double": lazy("Read twice"),
    "event": lazy("Button"),
    "opened": lazy("Round opened or closed"),
}
assert {result.name.lower() for result in Result} <= RESULT_TEXT.keys()
STATE_TEXT: Final[dict[str, LazyText]] = {
    "pending": lazy("Pending"),
    "in_progress": lazy("In progress"),
    "complete": lazy("Complete"),
    "incomplete": lazy("Incomplete"),
    "expired": lazy("Not walked"),
    "no_evidence": lazy("No evidence"),
}
assert {state.name.lower() for state in RoundState} <= STATE_TEXT.keys()
FLAG_TEXT: Final[dict[str, LazyText]] = {
    "too_fast": lazy("Faster than the way takes"),
    "same_second": lazy("At two points in one second"),
    "dead_card": lazy("Card was on the list of dead cards"),
    "clock_changed": lazy("Clock was set since the scan before"),
    "clock_off": lazy("Clock was wrong"),
    "time_uncertain": lazy("Time is only estimated"),
    COPY: lazy("Card answers as copies do"),
}
assert {flag.name.lower() for flag in Flag} <= FLAG_TEXT.keys()
TOLD_TEXT: Final[dict[str, LazyText]] = {
    "on_time": lazy("On time"),
    "early": lazy("Early"),
    "late": lazy("Late"),
    "not_on_route": lazy("Not on your route"),
    "not_a_guard": lazy("Not a guard"),
    "not_opened": lazy("Patrol not opened for this card"),
    "plan_unknown": lazy("Recorded, plan unknown"),
    "round_opened": lazy("Round opened"),
    "round_closed": lazy("Round closed"),
    "no_round": lazy("No round is open"),
}
assert {told.name.lower() for told in ScanResult} == TOLD_TEXT.keys()
EVENT_TEXT: Final[dict[str, LazyText]] = {
    "none": lazy("No button"),
    "all_well": lazy("All well"),
    "fault": lazy("Fault reported"),
    "help": lazy("Help wanted"),
}
assert {event.name.lower() for event in PatrolEvent} == EVENT_TEXT.keys()
LINE_TEXT: Final = {
    "online": lazy("Sent at once"),
    "offline": lazy("Brought later"),
    "file": lazy("File of another maker"),
}
"""Whether the unit was online when it was scanned, or somebody imported the scan."""

"""What the results of visits are called where a late batch changed them."""

from __future__ import annotations

from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.rules.patrol.judge import Result

RESULT_WORDS: Final[dict[Result, LazyText]] = {
    Result.PENDING: lazy("Pending"),
    Result.ON_TIME: lazy("On time"),
    Result.EARLY: lazy("Early"),
    Result.LATE: lazy("Late"),
    Result.MISSED: lazy("Missed"),
    Result.OUT_OF_ORDER: lazy("Out of order"),
    Result.WRONG_GUARD: lazy("Wrong guard"),
    Result.LATE_PROVED: lazy("Proved later"),
    Result.NO_EVIDENCE: lazy("No evidence"),
}
assert RESULT_WORDS.keys() == set(Result)

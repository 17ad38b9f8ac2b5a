"""How a sick chip is brought back: wire and soft reset, RST pin, field; then the fault is told, and it goes on trying (B4).

Law of this file: one rung a call, so that every poll stays short; ``NEXT`` is the whole ladder. Pure: ``now_us`` comes in.

    WELL --trouble--> SOFT --fails--> HARD --fails--> FIELD --fails--> SOFT ...   (and the fault is told)
    any rung --works--> WELL; trouble again within ``RELAPSE_US`` starts one rung higher than the one that had worked
"""

from __future__ import annotations

from enum import Enum
from typing import Final

RELAPSE_US: Final = 5_000_000
"""Trouble this soon after a repair means that the repair was not enough."""
FAULT_PAUSE_US: Final = 500_000
"""Pause between two rungs once the fault has been told."""


class Rung(Enum):
    """Where the ladder stands: the repair to try with the next poll."""

    WELL = "well"
    SOFT = "soft reset"
    HARD = "hard reset"
    FIELD = "field off and on"


NEXT: Final = {Rung.WELL: Rung.SOFT, Rung.SOFT: Rung.HARD, Rung.HARD: Rung.FIELD, Rung.FIELD: Rung.SOFT}


class Ladder:
    """The state of the repair of one reader.

    :ivar rung: what to do with the next poll.
    :ivar faulted: all rungs have failed, and none has worked since.
    """

    def __init__(self) -> None:
        self.rung = Rung.WELL
        self.faulted = False
        self._worked = Rung.WELL
        self._worked_at_us = 0
        self._next_try_us = 0

    def due(self, now_us: int) -> bool:
        """Is the next rung to be tried now?"""
        return self.rung is not Rung.WELL and now_us >= self._next_try_us

    def trouble(self, now_us: int) -> bool:
        """The reader, well until now, has failed. True when this makes it faulted."""
        assert self.rung is Rung.WELL, "a sick reader is not polled"
        relapsed = self._worked is not Rung.WELL and now_us - self._worked_at_us < RELAPSE_US
        return self._climb(self._worked if relapsed else Rung.WELL, now_us)

    def failed(self, now_us: int) -> bool:
        """The rung did not help. True when this makes the reader faulted."""
        return self._climb(self.rung, now_us)

    def worked(self, now_us: int) -> bool:
        """The rung helped. True when this ends a fault."""
        self._worked, self._worked_at_us = self.rung, now_us
        self.rung = Rung.WELL
        recovered, self.faulted = self.faulted, False
        return recovered

    def _climb(self, last: Rung, now_us: int) -> bool:
        assert last is not Rung.WELL or self.rung is Rung.WELL, "the ladder has no step back"
        self.rung = NEXT[last]
        newly = last is Rung.FIELD and not self.faulted
        self.faulted = self.faulted or newly
        self._next_try_us = now_us + (FAULT_PAUSE_US if self.faulted else 0)
        return newly

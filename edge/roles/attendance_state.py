"""What the time-clock role remembers between two stimuli. Values only; maps are replaced, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from edge.core.presence import LastShown
from edge.roles.commits import Commits
from edge.roles.patrol_state import PatrolState
from edge.roles.wiring import Wiring
from protocol.facts import PunchFact
from protocol.records import PunchStatus

FIRST_INTENT: Final = 1 << 33
"""Intents of the time-clock role begin here, above the patrol's."""
KEY_HOLDS_MS: Final = 10_000
"""How long a key that was pressed speaks for the next card."""


class Pressed(Struct, frozen=True):
    """The key that was pressed last at a reader, and when (monotonic)."""

    status: PunchStatus
    at_ms: int


class AttendanceState(Struct, frozen=True):
    """The state of doors and patrol points, and that of the time clocks beside it. ``shown`` and ``pressed`` by reader."""

    others: PatrolState
    shown: Mapping[int, LastShown] = field(default_factory=dict)
    pressed: Mapping[int, Pressed] = field(default_factory=dict)
    commits: Commits[PunchFact] = Commits(FIRST_INTENT)

    @property
    def wiring(self) -> Wiring:
        """Which door hangs on which lock, which point is which reader."""
        return self.others.wiring

    @property
    def contacts(self) -> tuple[tuple[int, bool], ...]:
        """By door number, whether its contact says open, as far as that is known."""
        return self.others.contacts

    @property
    def memory_grants(self) -> Mapping[int, int]:
        """Grants from memory since storage became unusable, by door number."""
        return self.others.memory_grants

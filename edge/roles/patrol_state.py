"""What the patrol role remembers between two stimuli. Values only; maps are replaced, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from edge.core.feedback import Pattern
from edge.core.presence import LastShown
from edge.roles.commits import Commits
from edge.roles.door_state import DoorRoleState
from edge.roles.wiring import Wiring
from protocol.facts import ScanFact

FIRST_INTENT: Final = 1 << 32
"""Intents of the patrol role begin here, so that none is one of the doors'."""
DOUBLE_MS: Final = 60_000
"""The same card at the same place up to so long after its scan is that scan (as ``rules.patrol.scans`` has it)."""
EVENT_TIES_MS: Final = 600_000
"""A button belongs to the guard who was scanned here at most so long ago."""


class Told(Struct, frozen=True):
    """A scan that is durable: when, and what was heard."""

    at_ms: int
    pattern: Pattern


class LastScan(Struct, frozen=True):
    """The last durable scan of a guard at a point."""

    guard: bytes
    seq: int
    at_ms: int
    body: ScanFact


class PatrolState(Struct, frozen=True):
    """The doors' state, and that of the patrol points beside it.

    ``shown``: by reader and card. ``told``: by (point, card shown, guard of the round). ``last``: by point. ``rounds``: the
    guard's card of the round that is open at a carried unit, by point.
    """

    doors: DoorRoleState
    shown: Mapping[tuple[int, bytes], LastShown] = field(default_factory=dict)
    commits: Commits[ScanFact] = Commits(FIRST_INTENT)
    told: Mapping[tuple[int, bytes, bytes], Told] = field(default_factory=dict)
    last: Mapping[int, LastScan] = field(default_factory=dict)
    rounds: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def wiring(self) -> Wiring:
        """Which door hangs on which lock, which point is which reader."""
        return self.doors.wiring

    @property
    def contacts(self) -> tuple[tuple[int, bool], ...]:
        """By door number, whether its contact says open, as far as that is known."""
        return self.doors.contacts

    @property
    def memory_grants(self) -> Mapping[int, int]:
        """Grants from memory since storage became unusable, by door number."""
        return self.doors.memory_grants

"""What can happen to a role: values, delivered one at a time by the node loop.

Law of this file: a stimulus says what was observed, never what to do about it. Identities are those of protocol/;
``door`` is the number of the door on this node, counted from 1, the same number as the unit of its lines.

What the loop promises:

- Stimuli are delivered one after another, each with one ``Now``; ``Now.mono_ms`` never falls.
- After ``Record`` with an ``intent_id`` comes exactly one ``Committed`` for it, at the latest when the node stops. If it
  has not come within ``Record.within_ms``, ``CommitLate`` comes first and ``Committed`` follows whenever it is known.
- ``TimerFired`` may come late, and may still come once after ``CancelTimer`` (it was under way): the core knows
  which of its timers are running and ignores the others.
- ``InputChanged`` is debounced, and comes once for every input that is active when the loop starts.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NewType

from edge.core.lines import InputLine
from protocol.ids import PointId

IntentId = NewType("IntentId", int)
"""Numbers the intents of one run of the process, from 1; it is not a fact's seq."""


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of a stimulus.

    ``mono_ms`` is the monotonic clock (never corrected, starts anywhere): distances and limits are measured with it.
    ``instant`` is what ``protocol.decide`` takes: wall time with the trust that it deserves.
    """

    mono_ms: int
    instant: Any


@dataclass(frozen=True, slots=True)
class CardShown:
    """Cards came into the field of a reader. Holding them there is still the same showing (``core.presence``).

    ``cards`` are the ``Presentation`` values of all cards in the field, at least one.
    """

    point: PointId
    cards: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class InputChanged:
    """An input has a new debounced state."""

    line: InputLine
    active: bool


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer started with ``StartTimer`` has run out."""

    name: str


@dataclass(frozen=True, slots=True)
class RemoteOpen:
    """An operator asks for a release. The link has verified signature, nonce, age and target (reliability.md 4).

    ``command_id`` is unique for ever: a command opens at most once (I10). ``duration_ms`` None means the door's own
    release time; a longer one than the door's limit is cut to it.
    """

    point: PointId
    command_id: bytes
    operator: str
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """An operator, or the rule that he set, puts a door into another mode; ``operator`` empty = by configuration."""

    door: int
    mode: Hashable
    operator: str = ""


@dataclass(frozen=True, slots=True)
class ReaderFaulted:
    """A reader stopped answering, or its canary failed, and repair has not helped yet (B4)."""

    point: PointId
    detail: str


@dataclass(frozen=True, slots=True)
class ReaderRecovered:
    """A faulted reader reads again."""

    point: PointId


@dataclass(frozen=True, slots=True)
class Committed:
    """The fate of an intent is known: durable (``ok``, with its seq) or not stored."""

    intent_id: IntentId
    ok: bool
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class CommitLate:
    """An intent is not durable after ``Record.within_ms``: storage counts as unusable for this presentation."""

    intent_id: IntentId


@dataclass(frozen=True, slots=True)
class StorageState:
    """The outbox became usable or unusable."""

    usable: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ViewChanged:
    """A new View is in force; what a role derived from the old one (schedules, modes) must be derived again."""


@dataclass(frozen=True, slots=True)
class UnfinishedIntent:
    """An intent found in the outbox at start that has no outcome: what happened is unknown (reliability.md 2.4)."""

    point: PointId
    seq: int
    body: Any


@dataclass(frozen=True, slots=True)
class Started:
    """The first stimulus of a run, before every other."""

    unfinished: tuple[UnfinishedIntent, ...] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; comes at least once a second, and at once when the clock was corrected."""


Stimulus = (
    CardShown
    | InputChanged
    | TimerFired
    | RemoteOpen
    | ModeChanged
    | ReaderFaulted
    | ReaderRecovered
    | Committed
    | CommitLate
    | StorageState
    | ViewChanged
    | Started
    | Tick
)

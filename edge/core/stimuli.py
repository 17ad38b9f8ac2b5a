"""What can happen to a role: values, delivered one at a time by the node loop.

Law of this file: a stimulus says what was observed, never what to do about it. The hardware speaks of units, counted
from 1 (``reader`` 2 is the second reader of this board); commands of the centre speak of its numbers (``door``,
``point``). The role knows which belongs to which, from the View.

What the loop promises:

- Stimuli are delivered one after another, each with one ``Now``; ``Now.mono_ms`` never falls.
- After ``Record`` with an ``intent_id`` comes exactly one ``Committed`` for it, at the latest when the node stops. If it
  has not come within ``Record.within_ms``, ``CommitLate`` comes first and ``Committed`` follows whenever it is known.
- ``TimerFired`` may come late, and may still come once after ``CancelTimer`` (it was under way): the core knows
  which of its timers are running and ignores the others.
- ``InputChanged`` is debounced; after the start it comes once for every input, active or not, as its first state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NewType

from msgspec import Struct, field

from edge.core.lines import InputLine
from protocol.decide import Instant, Presentation
from protocol.facts import Body, InspectionFact, WriteResult
from protocol.records import Mode

if TYPE_CHECKING:
    from protocol.messages import WriteCard

IntentId = NewType("IntentId", int)
"""Numbers the intents of one run of the process, from 1; it is not a fact's seq."""


class Now(Struct, frozen=True):
    """The moment of a stimulus.

    ``mono_ms`` is the monotonic clock (never corrected, starts anywhere): distances and limits are measured with it.
    ``instant`` is what ``protocol.decide`` takes: wall time with the trust that it deserves.
    """

    mono_ms: int
    instant: Instant


class CardShown(Struct, frozen=True):
    """Cards came into the field of a reader; told once per stay, again when another card joins, and when one is left alone.

    ``cards``: everything in the field, at least one. ``joined``: UIDs of those that no earlier stimulus of this stay named;
    empty means all of them. ``more``: there are further cards that could not be told apart. ``left_alone``: the card was
    named before, among others that have gone since. ``at_ms``: when the reader began to look at it, as ``Now.mono_ms``.
    """

    reader: int
    cards: tuple[Presentation, ...]
    joined: tuple[bytes, ...] = ()
    more: bool = False
    left_alone: bool = False
    at_ms: int | None = None


class CardGone(Struct, frozen=True):
    """A card that was told of has left the field of a reader."""

    reader: int
    uid: bytes


class KeyPressed(Struct, frozen=True):
    """A key of the keypad at a reader: a digit, ``#`` or ``*``."""

    reader: int
    key: str


class PinChecked(Struct, frozen=True):
    """What was typed, as its proof (``protocol.pin``): the answer to the ``actions.CheckPin`` of this number."""

    reader: int
    check: int
    proof: bytes


class InputChanged(Struct, frozen=True):
    """An input has a new debounced state."""

    line: InputLine
    active: bool


class TimerFired(Struct, frozen=True):
    """A timer started with ``StartTimer`` has run out."""

    name: str


class LinkChanged(Struct, frozen=True):
    """The centre can be reached from now on, or no more."""

    is_up: bool


class InStep(Struct, frozen=True):
    """The centre has just said where it stands, and this device decides by all of it.

    ``others_ms``: ... and by what the other devices of its areas recorded until then (as ``Now.mono_ms``); None: not known.
    """

    others_ms: int | None = None


class RemoteOpen(Struct, frozen=True):
    """An operator asks for a release. Signature, nonce, age and node are verified already (reliability.md section 4).

    ``release_ms`` 0 is the door's own time; a longer one than the door's limit is cut to it.
    """

    command_id: int
    door: int
    release_ms: int = 0


class ModeChanged(Struct, frozen=True):
    """An operator puts a door into a mode by hand; ``mode`` None gives it back to its configuration."""

    command_id: int
    door: int
    mode: Mode | None


class TestAsked(Struct, frozen=True):
    """An operator asks a point (0: all) to show where it is."""

    command_id: int
    point: int = 0

    __test__ = False  # pytest: this is no test case


class WriteOrdered(Struct, frozen=True):
    """The centre orders a card to be written or erased; verified already."""

    order: WriteCard


class WriteCancelled(Struct, frozen=True):
    """The centre wants the order of this number no more."""

    command_id: int
    order: int


class CardWritten(Struct, frozen=True):
    """The conversation of ``actions.WriteOnCard`` is over. ``seq``: what stands on the card, as far as it is known."""

    reader: int
    order: int
    result: WriteResult
    seq: int = 0


class CardInspected(Struct, frozen=True):
    """The conversation of ``actions.Inspect`` is over; ``fact`` lacks the number of the point."""

    reader: int
    uid: bytes
    fact: InspectionFact


class ReaderFaulted(Struct, frozen=True):
    """A reader stopped answering, and repair has not helped yet (B4)."""

    reader: int
    detail: str = ""


class ReaderRecovered(Struct, frozen=True):
    """A faulted reader reads again."""

    reader: int


class Committed(Struct, frozen=True):
    """The fate of an intent is known: durable (``ok``, with its seq) or not stored."""

    intent_id: IntentId
    ok: bool
    seq: int | None = None


class CommitLate(Struct, frozen=True):
    """An intent is not durable after ``Record.within_ms``: storage counts as unusable for this presentation."""

    intent_id: IntentId


class StorageState(Struct, frozen=True):
    """The outbox became usable or unusable."""

    usable: bool
    detail: str = ""


class ViewChanged(Struct, frozen=True):
    """A new View is in force; what a role derived from the old one (schedules, modes) must be derived again."""


class Started(Struct, frozen=True):
    """The first stimulus of a run, before every other.

    ``unfinished``: seq and body of the intents in the outbox that have no outcome; what happened is unknown
    (reliability.md 2.4). ``kept``: what ``Keep`` asked to remember, by name.
    """

    unfinished: tuple[tuple[int, Body], ...] = ()
    kept: Mapping[str, bytes] = field(default_factory=dict)


class Tick(Struct, frozen=True):
    """Time has passed; comes at least once a second, and at once when the clock was corrected."""


Stimulus = (
    CardShown
    | CardGone
    | KeyPressed
    | PinChecked
    | InputChanged
    | LinkChanged
    | InStep
    | TimerFired
    | RemoteOpen
    | ModeChanged
    | TestAsked
    | WriteOrdered
    | WriteCancelled
    | CardWritten
    | CardInspected
    | ReaderFaulted
    | ReaderRecovered
    | Committed
    | CommitLate
    | StorageState
    | ViewChanged
    | Started
    | Tick
)

"""What a role wants done: values that only ``edge/effects.py`` performs, in the order of the list.

**No release without a record (I8).** A grant takes two steps, and the order is policy::

    CardShown            -> [Record(intent, intent_id=7)]                 nothing moves yet
    Committed(7, ok)     -> [Release(1), StartTimer(...), Feedback(...)]  the intent is durable: now
    CommitLate(7) or Committed(7, not ok)
                         -> the door's storage policy: deny, or release and count it

So ``effects`` has nothing to decide: ``Record`` with an ``intent_id`` asks for an answer, and the release is the core's
reply to that answer. A lockdown or a fire alarm that arrives between the two steps is seen by the second one.
The exit button is the exception that life safety demands: its ``Release`` stands before its ``Record``.

What ``effects`` promises:

- Actions are performed in the order of the list; a ``Record`` does not hold up the actions behind it.
- ``Record`` with ``intent_id``: committed on its own and at once; answered by ``Committed`` / ``CommitLate`` (``stimuli``).
  ``Record`` without: stored in order, commits may be grouped, no answer; held in bounded memory while storage is unusable.
- ``Release`` and ``Lock`` are idempotent. How long a release lasts is the core's timer, never the pin's.
- ``StartTimer`` with the name of a running timer starts it anew; ``CancelTimer`` of an unknown name does nothing.
- A new ``Feedback`` at a reader replaces the one that is playing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from edge.core.feedback import Pattern
from edge.core.lines import OutputLine
from edge.core.stimuli import IntentId
from protocol.facts import Alarm, Body
from protocol.figures import Figure

if TYPE_CHECKING:
    from protocol.messages import WriteCard

COMMIT_WITHIN_MS: Final = 1_000
"""A commit that takes longer counts as storage unusable for that presentation (design.md section 3)."""


class Record(Struct, frozen=True):
    """Put a fact into the outbox, stamped with the moment of this step.

    ``personal`` is the card key that the fact is about, or empty. ``intent_id``: somebody waits for this commit.
    """

    body: Body
    personal: bytes = b""
    intent_id: IntentId | None = None
    within_ms: int = COMMIT_WITHIN_MS
    keep: tuple[tuple[str, bytes], ...] = ()
    """Values to remember, as ``Keep`` does, in the commit of this very fact: all are durable, or none."""
    along: tuple[Record, ...] = ()
    """Facts that nobody waits for, recorded right after this one in its very commit."""


class Release(Struct, frozen=True):
    """Let the door of this unit open: its lock output goes on, until ``Lock``."""

    unit: int


class Lock(Struct, frozen=True):
    """Secure the door of this unit: its lock output goes off."""

    unit: int


class SetOutput(Struct, frozen=True):
    """Drive another output than a lock (siren, reader reset)."""

    line: OutputLine
    on: bool


class Feedback(Struct, frozen=True):
    """Play a pattern of ``core.feedback`` at a reader: beep and LEDs."""

    reader: int
    pattern: Pattern


class StartTimer(Struct, frozen=True):
    """Deliver ``TimerFired(name)`` after ``after_ms`` of monotonic time."""

    name: str
    after_ms: int


class CancelTimer(Struct, frozen=True):
    """The timer is no longer wanted."""

    name: str


class RaiseAlarm(Struct, frozen=True):
    """The alarm stands from now on: status page and siren. Its evidence is the ``Record`` beside it.

    ``where`` is the number of the door or point, 0 for the whole node, as in ``AlarmFact``.
    """

    alarm: Alarm
    where: int = 0
    detail: str = ""


class ClearAlarm(Struct, frozen=True):
    """The cause of the alarm is over."""

    alarm: Alarm
    where: int = 0


class Keep(Struct, frozen=True):
    """Remember a value over a restart; it comes back in ``Started.kept``. An empty value forgets the name."""

    name: str
    value: bytes


class WriteOnCard(Struct, frozen=True):
    """Talk to the card of this order, which lies at the reader, until it is as ordered; answered by ``CardWritten``."""

    reader: int
    order: WriteCard


class Inspect(Struct, frozen=True):
    """Find out what the card with this UID is; answered by ``CardInspected``."""

    reader: int
    uid: bytes


class CheckPin(Struct, frozen=True):
    """Work out the proof of what was typed, beside the loop; answered by ``PinChecked`` with the same number."""

    reader: int
    check: int
    digits: str
    salt: bytes
    cost: int

    def __repr__(self) -> str:
        return f"CheckPin({self.reader}, {self.check})"


class Took(Struct, frozen=True):
    """What began at ``since_ms`` (as ``Now.mono_ms``) has just been done by the action before: count how long it took (B10)."""

    figure: Figure
    since_ms: int


Converse = WriteOnCard | Inspect
Action = (
    Record
    | Release
    | Lock
    | SetOutput
    | Feedback
    | StartTimer
    | CancelTimer
    | RaiseAlarm
    | ClearAlarm
    | Keep
    | WriteOnCard
    | Inspect
    | CheckPin
    | Took
)

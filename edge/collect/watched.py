"""What the frames that pass say about one unit: how far it is, and when nothing is left to do. Nothing of it is proven."""

from __future__ import annotations

from typing import Final

from protocol.envelope import read_unproven
from protocol.errors import ProtocolError
from protocol.messages import (
    Applied,
    CannotApply,
    ClearRecords,
    Delta,
    Enrol,
    Enrolled,
    FactAck,
    FactBatch,
    Hello,
    Nudge,
    Poll,
    PollReply,
    Pong,
    Refused,
    SetTime,
    SnapshotPart,
    TestNode,
    Welcome,
)
from protocol.records import Revisions

QUIET_PONGS: Final = 1
"""A unit that asked the time once more after its work, and got the answer, has been given everything that waited for it."""


class Watched:
    """See the module. ``up`` and ``down`` are given every frame of a unit, in order."""

    def __init__(self) -> None:
        self.name = ""
        """The device's name, once it has said it: printable, and no more is known of it."""
        self.refusal = ""
        """Why the centre does not take it: the name of ``RefusalCode``."""
        self.first_seq = self.last_seq = 0
        """Records that lie at the unit."""
        self.began_through = self.received_through = 0
        """Up to where the centre had them when the unit was first heard, and has them now."""
        self.has_begun = False
        self.commands_count = 0
        self.has_loaded = False
        """It was given configuration."""
        self.cannot_load = False
        self.steps_count = 0
        """Grows when something has been achieved; asking again is nothing of the kind."""
        self._held, self._heads = Revisions(), Revisions()
        self._owes_answer = False
        self._has_said_all = False
        self._quiet = 0

    @property
    def new_count(self) -> int:
        """Records that the centre did not have before."""
        return self.received_through - self.began_through

    @property
    def is_complete(self) -> bool:
        """Everything is at the centre and it was told so, the configuration is in force, commands are answered."""
        return (
            self._has_said_all
            and self._quiet >= QUIET_PONGS
            and not self._owes_answer
            and (self._held == self._heads or self.cannot_load)
        )

    def begin_anew(self) -> None:
        """Another connection: what was said in the old one may be repeated."""
        self._has_said_all, self._quiet, self.refusal = False, 0, ""

    def up(self, frame: bytes) -> None:
        """A frame of the unit."""
        try:
            sender, message = read_unproven(frame)
        except ProtocolError:
            return
        if sender.isprintable():  # nothing is proven, and it goes to a terminal
            self.name = sender or self.name
        match message:
            case Hello():
                self.first_seq, self.last_seq = message.first_seq, message.last_seq
                self._held = message.revisions
                self._work()
            case Poll():
                self.last_seq = message.last_seq or self.last_seq
                self._held = message.revisions
                self._has_said_all = message.last_seq == self.received_through and self.has_begun
            case Applied():
                self._held = message.revisions if message.durable else self._held
                self._busy(1)
            case CannotApply():
                self.cannot_load = True
                self._busy()
            case FactBatch():
                self.last_seq = max(self.last_seq, message.first_seq + len(message.kinds) - 1)
                self._work()
            case Enrol():
                self._work()

    def down(self, frame: bytes) -> None:
        """A frame of the centre."""
        try:
            _, message = read_unproven(frame)
        except ProtocolError:
            return
        match message:
            case Welcome():
                if not self.has_begun:
                    self.began_through, self.has_begun = message.received_through, True
                self.received_through, self._heads = message.received_through, message.heads
                self._work()
            case FactAck():
                through = max(self.received_through, message.received_through)
                self._work(through - self.received_through)
                self.received_through, self._owes_answer = through, False
            case PollReply() | Nudge():
                self._heads = message.heads
            case Pong():
                self._quiet += self._has_said_all
            case Delta() | SnapshotPart():
                self.has_loaded = True
                self._busy(1)
            case TestNode() | SetTime() | ClearRecords():
                self.commands_count += 1
                self._owes_answer = True
                self._busy(1)
            case Refused():
                self.refusal = message.code.name
            case Enrolled():
                self._work(1)

    def _work(self, steps: int = 0) -> None:
        """Something about records: the unit has to say anew that these are all."""
        self._has_said_all = False
        self._busy(steps)

    def _busy(self, steps: int = 0) -> None:
        self.steps_count += steps
        self._quiet = 0

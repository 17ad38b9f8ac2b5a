"""What the node does about what the centre says: the effects of ``protocol.node_peer`` carried to the parts they concern.

A link (HTTPS, WebSocket, serial) moves frames, hands the effects here, and sends again when ``wake`` is called.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from edge.cache.inbox import Job
from edge.cache.outbox import Outbox
from edge.configuration import Configuration
from edge.core.stimuli import (
    InStep,
    ModeChanged,
    RemoteOpen,
    Stimulus,
    TestAsked,
    WriteCancelled,
    WriteOrdered,
)
from edge.enrol import refusal_text
from edge.i18n import _
from edge.identity import Member
from protocol import messages
from protocol.clocksync import Sample
from protocol.downlink import Apply, HotlistWanted, NodeDownlink, Rejected
from protocol.facts import Body, CommandFact, CommandResult
from protocol.node_peer import (
    ClockSample,
    CommandReceived,
    Level,
    Lost,
    Paced,
    PeerEffect,
    RefusedBy,
    Welcomed,
)
from protocol.records import Revisions
from protocol.release_fetch import PartArrived, ReleaseOffered
from protocol.uplink import Acked, Diverged, Purge

_log: Final = logging.getLogger(__name__)


class Host(Protocol):
    """What the node lends to its correspondence."""

    def deliver(self, stimulus: Stimulus) -> None:
        """Bring a stimulus to the role."""

    def record(self, *bodies: Body) -> None:
        """Put facts into the outbox."""

    def mono_of(self, boottime_ms: int | None) -> int | None:
        """A moment of boot time as ``Now.mono_ms`` counts it."""

    def with_outbox(self, job: Job) -> None:
        """Have something done in the storage thread."""

    def clock_sample(self, sample: Sample, *, asked: bool) -> None:
        """What time it is, from the centre."""

    def paced(self, period_s: int, time_set_s: int) -> None:
        """How often the centre is asked, and the clock set by it."""

    def acknowledged(self, through: int) -> None:
        """The centre holds the facts up to this one."""

    def save_member(self, member: Member) -> None:
        """Keep what the centre said about itself."""

    def test_asked(self, command: messages.TestNode) -> None:
        """Find out how this node is, and record it."""

    def clear_asked(self, command: messages.ClearRecords) -> None:
        """Erase records that the centre has in its backup, and record how many."""

    def release_offered(self, offer: messages.ReleaseOffer) -> None:
        """The centre wants this version of the program."""

    def release_part(self, part: messages.ReleasePart) -> None:
        """A part of it is here."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run beside; an error in it ends the node."""


class Correspondence:
    """See the module. ``trouble`` is for the status: what an installer has to do something about."""

    def __init__(
        self,
        host: Host,
        configuration: Configuration,
        member: Member,
        downlink: NodeDownlink,
        wake: Callable[[], None] = lambda: None,
        others_ms: Callable[[], int | None] = lambda: None,
    ) -> None:
        """:param others_ms: until when (boot time) other devices are known here, see ``NodePeer.others_ms``."""
        self._host = host
        self._configuration = configuration
        self._downlink = downlink
        self.member = member
        self.wake = wake
        self.others_ms = others_ms
        self.acked_through = 0
        self.trouble = ""
        self.rejected_count = 0

    @property
    def highest(self) -> Revisions:
        """What this node is known to have stored once, also when it is lost."""
        return self._configuration.highest

    def handle(self, effect: PeerEffect) -> None:
        """Do what an effect asks for."""
        match effect:
            case Apply():
                self._host.spawn(self._received(effect))
            case HotlistWanted():
                self._downlink.report_hotlist(self._configuration.hotlist())
                self.wake()
            case Welcomed(welcome):
                self._welcomed(welcome)
            case ClockSample(sample, asked):
                self._host.clock_sample(sample, asked=asked)
            case Paced(period_s, time_set_s):
                self._host.paced(period_s, time_set_s)
            case CommandReceived(command, result):
                self._command(command, result)
            case Acked(through):
                self.acked_through = max(self.acked_through, through)
                self._host.acknowledged(through)
            case Purge(through, frame):
                self._host.with_outbox(partial(_back_up, through, frame))
            case Diverged(seq):
                self.trouble = _(
                    "the centre has other records of this device; join it anew with a new ticket"
                )
                _log.error("the centre's chain of facts is not ours at %d: a new ticket is needed", seq)
            case RefusedBy(refused):
                self.trouble = refusal_text(refused.code)
                _log.warning("the centre refused: %s", refused.code.name)
            case Rejected(error):
                self.rejected_count += 1
                _log.warning("what the centre sent cannot be used: %s", error)
            case Level(others_ms):
                self._host.deliver(InStep(self._host.mono_of(others_ms)))
            case ReleaseOffered(offer):
                self._host.release_offered(offer)
            case PartArrived(part):
                self._host.release_part(part)
            case Lost():
                pass  # the link's own matter

    async def apply(self, apply: Apply) -> None:
        """Use rows and store them; returns when both have happened, or failed."""
        await self._configuration.apply(apply, self._downlink)
        self.wake()

    async def _received(self, apply: Apply) -> None:
        """Rows that came in a session, so that what they complete is what the centre has now; a file may be old."""
        await self.apply(apply)
        if self._downlink.is_level:
            self._host.deliver(InStep(self._host.mono_of(self.others_ms())))

    def _welcomed(self, welcome: messages.Welcome) -> None:
        self.trouble = ""
        newer = welcome.audit_seq > self.member.audit_seq
        member = msgspec.structs.replace(
            self.member,
            scope=welcome.scope,
            period_s=welcome.period_s or self.member.period_s,
            audit_seq=welcome.audit_seq if newer else self.member.audit_seq,
            audit_head=welcome.audit_head if newer else self.member.audit_head,
        )
        if member != self.member:
            self.member = member
            self._host.save_member(member)

    def _command(self, command: messages.Command, result: CommandResult) -> None:
        done = result is CommandResult.DONE
        match command:
            case messages.RemoteOpen() if done:
                self._host.deliver(RemoteOpen(command.command_id, command.door, command.release_ms))
            case messages.SetMode() if done:
                mode = None if command.clear else command.mode
                self._host.deliver(ModeChanged(command.command_id, command.door, mode))
            case messages.TestNode() if done:
                self._host.deliver(TestAsked(command.command_id, command.point))
                self._host.test_asked(command)
            case messages.ClearRecords() if done:
                self._host.clear_asked(command)
            case messages.WriteCard() if done:
                self._host.deliver(WriteOrdered(command))
            case messages.CancelWrite() if done:
                self._host.deliver(WriteCancelled(command.command_id, command.order))
            case messages.RemoteOpen() | messages.SetMode():
                self._host.record(CommandFact(command.command_id, command.door, result))
            case _:
                self._host.record(CommandFact(command.command_id, 0, result))


def _back_up(through: int, frame: bytes, outbox: Outbox) -> None:
    outbox.back_up(through, frame)

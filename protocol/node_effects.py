"""What the node's conversation with its centre asks the node to do: effects of ``protocol.node_peer``."""

from __future__ import annotations

import msgspec

from protocol import clocksync
from protocol.facts import CommandResult
from protocol.messages import Command, Refused, Welcome


class Welcomed(msgspec.Struct, frozen=True):
    """Effect: a session is open. Keep ``audit_seq``/``audit_head`` if newer, ``scope``, ``period_s``."""

    welcome: Welcome


class Paced(msgspec.Struct, frozen=True):
    """Effect: how often the centre wants to be asked, and how often the clock is to be set by it (0: at each occasion)."""

    period_s: int
    time_set_s: int


class ClockSample(msgspec.Struct, frozen=True):
    """Effect: what time it is, from the centre. ``asked``: an operator wants the clock set by it."""

    sample: clocksync.Sample
    asked: bool = False


class CommandReceived(msgspec.Struct, frozen=True):
    """Effect: a signed command for this node. Carry it out when ``result`` is DONE; record a CommandFact in any case."""

    command: Command
    result: CommandResult


class RefusedBy(msgspec.Struct, frozen=True):
    """Effect: the centre did not do what was asked."""

    refused: Refused


class Lost(msgspec.Struct, frozen=True):
    """Effect: the live route answers no more: close it."""


class Level(msgspec.Struct, frozen=True):
    """Effect: the centre has said where it stands, and decisions here use all of it.

    ``others_ms``: ... of what other devices of this one's areas recorded until then (boot time); None: not known.
    """

    others_ms: int | None = None

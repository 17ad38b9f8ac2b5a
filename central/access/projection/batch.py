"""What one call of the projection gathers before it writes, and what it announces afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from central.access.lookup import Lookup
from central.access.model import PurgedEvents
from central.access.presence import Went
from central.cards.ports import SHOWN
from central.db import announce
from central.holds.holding import orders_of
from central.nodes.model import Device
from protocol.facts import Body, Fact

EVENTS: Final = "access.events"
"""Announced with ``{"site", "device"}`` when events were added, and ``{"outcomes"}``: ids of those whose outcome came."""
OUTCOMES_MAX: Final = 200
"""Ids in one announcement; the pages of a late upload load again anyway."""
ALARMS: Final = "access.alarms"
"""Announced with ``{"site", "device"}`` when an alarm was raised or cleared, and ``{"outcomes"}``: ids of those that are over
or were acknowledged."""
DOORS: Final = "access.doors"
"""Announced with ``{"site", "device"}`` when the state of a door changed."""
COMMANDS: Final = "access.commands"
"""Announced with ``{"ids"}``: commands that a device has answered."""


@dataclass(frozen=True)
class Stored:
    """One fact as the centre stored it: decoded, with its corrected time."""

    node_epoch: int
    fact: Fact
    body: Body
    at: datetime
    received_ms: int = 0
    """When it came; milliseconds since 1970."""
    is_estimated: bool = False
    """No sure clock stands behind ``at``: it lies somewhere between the sure facts around it (I12)."""

    @property
    def order(self) -> tuple[int, int]:
        """Its place among the facts of its device."""
        return self.node_epoch, self.fact.seq


@dataclass
class Batch:
    """Rows to write at the end, and what to announce."""

    device: Device
    lookup: Lookup
    events: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    showings: dict[bytes, dict[str, Any]] = field(default_factory=dict)
    uses: dict[tuple[int, int, int], int] = field(default_factory=dict)
    """The highest number of a use by card, issue and point."""
    went: dict[int, Went] = field(default_factory=dict)
    """Who went where, by holder."""
    topics: set[str] = field(default_factory=set)
    commands: set[int] = field(default_factory=set)
    outcomes: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    """Ids of alarms that are over."""

    @cached_property
    def _purges(self) -> list[PurgedEvents]:
        return list(PurgedEvents.select().where(PurgedEvents.site == self.device.site_id))

    @cached_property
    def _held(self) -> dict[int, set[tuple[int, int]]]:
        return {span.id: orders_of(span.kept, self.device.id) for span in self._purges}

    def is_purged(self, stored: Stored) -> bool:
        """The event was there when its time was purged (61); one that comes later is kept."""
        for span in self._purges:
            through = span.through.get(str(self.device.id))
            if (
                through is not None
                and span.from_at <= stored.at < span.until_at
                and stored.order <= tuple(through)
                and stored.order not in self._held[span.id]
            ):
                return True
        return False

    def announce(self) -> None:
        """Tell the open pages, once the transaction is committed."""
        about: dict[str, Any] = {"site": self.device.site_id, "device": self.device.id}
        for topic in sorted(self.topics):
            changed = {EVENTS: self.outcomes, ALARMS: self.ended}.get(topic)
            ids = {} if changed is None else {"outcomes": sorted(changed)[-OUTCOMES_MAX:]}
            announce(topic, {**about, **ids})
        if self.showings:
            points = sorted({row["point"] for row in self.showings.values()})
            announce(SHOWN, {"site": self.device.site_id, "points": points})
        if self.commands:
            announce(COMMANDS, {"ids": sorted(self.commands)})

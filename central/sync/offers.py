"""What devices are offered as new versions of their program; who decides it stands in ``central.updates``."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from central.clock import Clock
from central.db import Database
from central.sync.links import Link
from protocol.centre_peer import Heard
from protocol.messages import ReleaseOffer, ReleasePart, ReleasePull
from protocol.updating import UpdateWord

OFFERS: Final = "sync.offers"
"""Announced with ``{"ids": [device ids]}`` when something else is offered to these devices than before."""
NOTHING: Final = ReleaseOffer(0)


class Releases(Protocol):
    """Asked by the hub, inside ``db``."""

    def heard(self, device_id: int, word: UpdateWord, software: str, now: datetime) -> ReleaseOffer:
        """A device says where it stands, and which version runs; what it is to take. Inside ``db.write``."""

    def part(self, device_id: int, pull: ReleasePull) -> ReleasePart | None:
        """The part that a device asks for; None when that is not offered to it. Inside ``db.read``."""


class NoReleases:
    """A hub without roll-outs (simulations)."""

    def heard(self, device_id: int, word: UpdateWord, software: str, now: datetime) -> ReleaseOffer:
        """See ``Releases``."""
        return NOTHING

    def part(self, device_id: int, pull: ReleasePull) -> ReleasePart | None:
        """See ``Releases``."""
        return None


class Offering:
    """Between the sessions of a hub and who decides. ``changes_count``: each device is told anew when it moves."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock
        self.releases: Releases = NoReleases()
        self.changes_count = 0

    async def heard(self, link: Link, effect: Heard) -> None:
        """A device has said where it stands with an update: answer what it is to take, if that is news to it."""
        word = None if effect.health is None else effect.health.update
        if word is None or link.peer.record.quarantine or (self.changes_count, word) == link.release_news:
            return
        news = (self.changes_count, word)
        offer = await self._db.write_grouped(
            self.releases.heard, link.device_id, word, link.peer.software, self._clock.now()
        )
        link.release_news = news
        if offer != link.offered:
            link.offered = offer
            link.peer.release(offer)

    async def asked(self, link: Link, pull: ReleasePull) -> None:
        """Give a part that is on offer."""
        part = await self._db.read(self.releases.part, link.device_id, pull)
        if part is not None:
            link.peer.release(part)

"""Until when the centre knows what each device recorded, for the devices that share areas with it (``protocol.rules.places``).

A device says with each ping how far its records go at a moment of the centre's clock. Once they are here, and published in the
same transaction, the others are told that moment with the answers to their pings. Kept in memory: after a start every shared
area is soft until its devices have spoken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from central.access.rows import sharing
from central.announce import LOOK_AGAIN
from central.clock import Clock
from central.db import Database, announce
from central.sync import publish
from central.sync.errands import Errands
from central.sync.links import Link
from central.sync.storage import read_heads

COMPLETE: Final = "sync.complete"
"""Announced between processes of one centre with ``{"device", "at_ms"}``."""


class Completeness:
    """See the module."""

    def __init__(self, db: Database, clock: Clock, errands: Errands) -> None:
        self._db = db
        self._clock = clock
        self._errands = errands
        self._sharing: Mapping[int, frozenset[int]] = {}
        self._at_ms: dict[int, int] = {}

    async def start(self) -> None:
        """Know who shares areas, now and after every change."""
        self._db.subscribe(publish.PUBLISHED, self._published)
        self._db.subscribe(LOOK_AGAIN, self._published)
        self._db.subscribe(COMPLETE, self._announced)
        await self._look()

    async def _look(self) -> None:
        self._sharing = await self._db.read(sharing)

    def _published(self, payload: Mapping[str, Any]) -> None:
        if not payload or "access" in payload:
            self._errands.run(self._look)

    def _announced(self, payload: Mapping[str, Any]) -> None:
        self._at_ms[payload["device"]] = payload["at_ms"]

    async def told(self, device_id: int, at_ms: int) -> None:
        """All that the device recorded until then is committed here."""
        if device_id not in self._sharing or not at_ms or self._at_ms.get(device_id) == at_ms:
            return
        self._at_ms[device_id] = at_ms
        if self._db.kind != "sqlite":  # several processes
            await self._db.write_grouped(announce, COMPLETE, {"device": device_id, "at_ms": at_ms})

    def others_at_ms(self, device_id: int) -> int:
        """Until when everything is committed here that the devices which share areas with this one recorded; 0: not known."""
        others = self._sharing.get(device_id, frozenset())
        return min((self._at_ms.get(other, 0) for other in others), default=0)


def told_to(link: Link) -> tuple[int, int]:
    """``others_at_ms`` and ``places`` of a Pong. Inside a ``db.read`` that began after ``others_at_ms`` was asked."""
    return link.others_at_ms, read_heads().balances if link.others_at_ms else 0

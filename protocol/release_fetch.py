"""Fetching a release at a node, without I/O: one part is asked for at a time, and again when it does not come.

fetch.want(offer, offset)          ask for what stands there
effects = fetch.receive(part)      the part that was asked for: keep it, then ``want`` the next
"""

from __future__ import annotations

from typing import Final

import msgspec

from protocol.messages import ReleaseOffer, ReleasePart, ReleasePull

AGAIN_AFTER_MS: Final = 15_000


class ReleaseOffered(msgspec.Struct, frozen=True):
    """Effect: the centre wants this release in place; ``offer.offer`` 0: none, now."""

    offer: ReleaseOffer


class PartArrived(msgspec.Struct, frozen=True):
    """Effect: the part that was asked for."""

    part: ReleasePart


class ReleaseFetch:
    """See the module. Times are the node's boot time."""

    def __init__(self) -> None:
        self._wanted: ReleasePull | None = None
        self._ask_at_ms = 0

    def want(self, offer: int, offset: int) -> None:
        """Ask for what stands at ``offset``, at once."""
        self._wanted, self._ask_at_ms = ReleasePull(offer, offset), 0

    def stop(self) -> None:
        """Ask for nothing any more."""
        self._wanted = None

    def reconnected(self) -> None:
        """Another session: whatever was asked for is asked for anew."""
        self._ask_at_ms = 0

    def receive(self, part: ReleasePart) -> list[PartArrived]:
        """The part, if it is the one that was asked for; parts that come twice are dropped."""
        wanted = self._wanted
        if wanted is None or (part.offer, part.offset) != (wanted.offer, wanted.offset):
            return []
        self._wanted = None
        return [PartArrived(part)]

    def messages_to_send(self, now_ms: int) -> list[ReleasePull]:
        """What is due."""
        if self._wanted is None or now_ms < self._ask_at_ms:
            return []
        self._ask_at_ms = now_ms + AGAIN_AFTER_MS
        return [self._wanted]

    def next_timer(self) -> int | None:
        """When to ask again; None while nothing is wanted."""
        return None if self._wanted is None else self._ask_at_ms

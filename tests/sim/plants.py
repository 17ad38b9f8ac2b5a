"""Bugs planted in the product's own code, each of which some history of the whole site must show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from central.sync import hub, ingest, publish
from central.sync.storage import PublishedStorage
from edge.cache import database
from protocol.commands import NonceBook
from protocol.facts import CommandResult
from protocol.uplink import Acked, NodeUplink, Purge
from protocol.view import View

Patch = pytest.MonkeyPatch


def acknowledged_before_the_commit(patch: Patch) -> None:
    """The centre answers for facts that it has not stored."""
    real = hub.Hub._store

    async def store(self: hub.Hub, link: Any, effect: Any) -> None:
        last = effect.entries[-1]
        if last.fact.seq % 3 == 0:  # the commit fails now and then
            link.peer.uplink.stored(last.fact.seq, last.hash)
        else:
            await real(self, link, effect)

    patch.setattr(hub.Hub, "_store", store)


def stored_in_part(patch: Patch) -> None:
    """Of a batch, the last fact is left out."""
    real_insert = ingest.StoredFact.insert_many

    def insert(rows: Sequence[dict[str, Any]]) -> Any:
        return real_insert(rows[:-1] or rows)

    patch.setattr(ingest.StoredFact, "insert_many", insert)


def hashes_not_kept(patch: Patch) -> None:
    """The centre stores a hash of its own."""
    real = ingest._row
    patch.setattr(ingest, "_row", lambda *given: real(*given) | {"hash": bytes(32)})


def purged_when_acknowledged(patch: Patch) -> None:
    real = NodeUplink.receive

    def receive(self: NodeUplink, message: Any, frame: bytes, now_ms: int) -> list[Any]:
        return [
            Purge(effect.through, b"") if isinstance(effect, Acked) and effect.through else effect
            for effect in real(self, message, frame, now_ms)
        ]

    patch.setattr(NodeUplink, "receive", receive)


def commits_without_sync(patch: Patch) -> None:
    """``synchronous=NORMAL``."""
    patch.setattr(database, "SYNCHRONOUS", 1)


def a_delta_leaves_out_a_revision(patch: Patch) -> None:
    real = PublishedStorage.changes_since

    def changes_since(self: PublishedStorage, scope: str, stream: Any, revision: int) -> Any:
        return real(self, scope, stream, min(revision + 1, max(revision, self.heads(scope).of(stream) - 1)))

    patch.setattr(PublishedStorage, "changes_since", changes_since)


def a_nonce_is_good_twice(patch: Patch) -> None:
    patch.setattr(NonceBook, "take", lambda self, command, now_ms: CommandResult.DONE)


def lost_cards_are_not_published(patch: Patch) -> None:
    real = publish.card_changed

    def card_changed(card_id: int) -> None:
        if card_id % 2:
            real(card_id)

    patch.setattr(publish, "card_changed", card_changed)


def a_restriction_is_not_looked_up(patch: Patch) -> None:
    patch.setattr(View, "restriction", lambda self, key: None)


Plant = Callable[[Patch], None]
PLANTS: list[Plant] = [
    acknowledged_before_the_commit,
    stored_in_part,
    hashes_not_kept,
    purged_when_acknowledged,
    commits_without_sync,
    a_delta_leaves_out_a_revision,
    a_nonce_is_good_twice,
    lost_cards_are_not_published,
    a_restriction_is_not_looked_up,
]

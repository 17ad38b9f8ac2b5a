"""Card keys among the published rows. Read keys, and the proofs of PINs, are sealed there with the centre's own secret and opened as they are sent.

So a copy of the database gives no key, and doors are served whether the master is at hand or not: it is needed to make a
new version, not to send one. A row that cannot be opened (it was sealed by other keys) is left out, and ``broken`` names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from central.cards.keys_in_force import KeysInForce, door_rows
from central.errors import StorageError
from central.security.card_master import CardMaster
from central.security.keys import PUBLISHED_SECRETS, Keys
from central.sync import publish
from central.sync.key_tags import PUBLIC_TAG, zone_tag
from central.sync.model import PublishedRow
from protocol.card_layout.door_keys import zone_and_version
from protocol.records import Change, Kind
from protocol.sealed_keys import SECRETS

SPACE: Final = "keys"
OpenKey = Callable[[bytes], bytes | None]
"""The body of a row with a secret as it is sent, from the sealed one; None: it cannot be opened."""


def no_key(_sealed: bytes) -> bytes | None:
    """Where nothing can be opened."""
    return None


def opener(keys: Keys) -> OpenKey:
    """Opens what :func:`keys_changed` sealed."""

    def open_key(sealed: bytes) -> bytes | None:
        try:
            return keys.unseal(PUBLISHED_SECRETS, sealed)
        except StorageError:
            return None

    return open_key


def opened(rows: Iterable[Change], open_key: OpenKey) -> Iterator[Change]:
    """Rows as they are sent."""
    for row in rows:
        if row.kind not in SECRETS or row.deleted:
            yield row
        elif (body := open_key(row.body)) is not None:
            yield Change(row.kind, row.key, body)


def keys_changed(now: KeysInForce, master: CardMaster, keys: Keys) -> None:
    """Publish the keys that are in force and take back the others; what stands already stays untouched. Inside ``db.write``."""
    wanted = {(change.kind, change.key): change.body for change in door_rows(now, master, now.zones)}
    revision, open_key = publish.Revision(), opener(keys)
    standing: dict[tuple[int, bytes], bytes] = {}
    for row in PublishedRow.select().where(PublishedRow.space == SPACE):
        place = (row.kind, bytes(row.key))
        standing[place] = bytes(row.body)
        if place not in wanted:
            publish.set_body(revision, SPACE, Kind(row.kind), place[1], b"", set())
    for (kind, key), body in wanted.items():
        if kind == Kind.READ_KEY:
            zone, _version = zone_and_version(int.from_bytes(key, "big"))
            if open_key(standing.get((kind, key), b"")) == body:
                continue
            publish.set_body(
                revision, SPACE, Kind.READ_KEY, key, keys.seal(PUBLISHED_SECRETS, body), {zone_tag(zone)}
            )
        else:
            publish.set_body(revision, SPACE, Kind.ISSUER_KEY, key, body, {PUBLIC_TAG})
    revision.announce()


def broken(keys: Keys) -> list[tuple[int, int]]:
    """(zone, version) of the read keys that cannot be opened. Inside ``db.read``."""
    open_key = opener(keys)
    rows = PublishedRow.select().where(
        (PublishedRow.space == SPACE)
        & (PublishedRow.kind == Kind.READ_KEY.value)
        & (PublishedRow.body != b"")
    )
    return [
        zone_and_version(int.from_bytes(bytes(row.key), "big"))
        for row in rows
        if open_key(bytes(row.body)) is None
    ]

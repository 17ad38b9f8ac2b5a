"""Cards that every device decides alike: the rows published of them differ in nothing but whose they are (B6).

One decision then answers for all of them. Groups of an estate are kept in memory and follow what is published: every change of
a row has a new revision, so only the cards of those rows are read again. Runs inside ``db.read``.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from central.access.explain import SOME_PIN
from central.bulk import plain_rows
from central.cards.model import CardCredential
from central.nodes.model import Device
from central.sync.model import PublishedRow, RowTag
from central.sync.publish import PIN_TAG
from central.sync.storage import read_heads
from protocol.ids import Stream, is_random_uid
from protocol.records import (
    CardRow,
    Change,
    Kind,
    RestrictionRow,
    Revisions,
    UsesRow,
    decode_row,
    without_holder,
)

ESTATES_KEPT: Final = 8
"""So many estates are kept in memory; the least recently asked for goes first."""
CHANGED_MAX: Final = 500
"""More cards than that changed: the estate is read anew."""
_OF_CARDS: Final = (Kind.CARD, Kind.USES, Kind.HOURS, Kind.PIN)
_KINDS: Final = [kind.value for kind in (*_OF_CARDS, Kind.RESTRICTION)]
Rows = dict[int, list[tuple[int, bytes, bytes]]]
"""By card: kind, key and body of its rows, by key."""


class Group(msgspec.Struct, eq=False):
    """Cards that are decided alike, with the rows of one of them."""

    rows_of: int
    """That one: as soon as it leaves, the rows of another take the place of its own."""
    keys: tuple[bytes, ...]
    """What that one is known by, the most telling first."""
    row: CardRow
    changes: tuple[Change, ...]
    """For every device that holds it; a PIN stands for itself."""
    pin_changes: tuple[Change, ...]
    """For devices that ask for PINs."""
    tags: frozenset[str]
    """Devices with one of these hold it."""
    medium: int | None
    """What the credential is written on, where there is one."""
    cards: set[int]

    def is_held(self, scope: Collection[str]) -> bool:
        """A device with these tags has its rows."""
        return not self.tags.isdisjoint(scope)

    def changes_for(self, scope: Collection[str]) -> Iterator[Change]:
        """What such a device has of it."""
        yield from self.changes
        if any(f"{PIN_TAG}{tag}" in scope for tag in self.tags):
            yield from self.pin_changes


class EstateCards:
    """The groups of the cards of one estate, or of some of them."""

    def __init__(self, site_id: int) -> None:
        self._space = f"site:{site_id}"
        self._site_id = site_id
        self._revisions = Revisions()
        self._groups: dict[Any, Group] = {}
        self._shape_of: dict[int, Any] = {}
        self._card_of: dict[bytes, int] = {}

    @property
    def groups(self) -> Collection[Group]:
        """Every group; none is empty."""
        return self._groups.values()

    def follow(self) -> bool:
        """Take over what was published since; False: that is too much, read the estate anew."""
        heads, known = read_heads(), self._revisions
        if known.config_epoch != heads.config_epoch:
            return False
        if heads != known:
            changed = self._changed_since(known)
            if len(changed) > CHANGED_MAX:
                return False
            self.read(changed)
            self._revisions = heads
        return True

    def read_all(self) -> None:
        """Read every card of an estate of which none is known yet."""
        self._revisions = read_heads()
        self.read(None)

    def read(self, card_ids: Collection[int] | None) -> None:
        """Read cards as they are published now; None: all."""
        if card_ids is not None:
            card_ids = self._drop(card_ids)
        rows = _rows(self._space, card_ids)
        keys = None if card_ids is None else {key for of_card in rows.values() for _, key, _ in of_card}
        dead, limited, media = _dead(self._space, keys), self._limited(card_ids), _media(rows, card_ids)
        for number, of_card in rows.items():
            self._add(number, of_card, dead, limited.get(number), media.get(number))

    def _changed_since(self, known: Revisions) -> set[int]:
        since = [
            (PublishedRow.stream == stream.value) & (PublishedRow.revision > known.of(stream))
            for stream in (Stream.RESTRICTIONS, Stream.ACCESS)
        ]
        changed: set[int] = set()
        for condition in since:
            query = PublishedRow.select(PublishedRow.owner, PublishedRow.key).where(
                condition & (PublishedRow.space == self._space) & PublishedRow.kind.in_(_KINDS)
            )
            for owner, key in query.tuples():
                former = self._card_of.get(bytes(key))
                changed |= {former} if former is not None else set()
                changed |= {_number(owner)} if owner.startswith("card:") else set()
        return changed

    def _drop(self, card_ids: Collection[int]) -> set[int]:
        """Take cards out of their groups; returns what is to be read: these, and one of each group that has lost its rows."""
        left: set[Any] = set()
        for number in card_ids:
            shape = self._shape_of.pop(number, None)
            if shape is not None:
                self._groups[shape].cards.discard(number)
                left.add(shape)
        read = set(card_ids)
        for shape in left:
            group = self._groups[shape]
            if not group.cards:
                del self._groups[shape]
            elif group.rows_of not in group.cards:
                read.add(next(iter(group.cards)))
        return read

    def _add(
        self,
        number: int,
        rows: list[tuple[int, bytes, bytes]],
        dead: Mapping[bytes, tuple[RestrictionRow, Change]],
        limited: frozenset[str] | None,
        medium: int | None,
    ) -> None:
        parts, is_in_use = [], False
        for kind, key, body in rows:
            what: Any = True
            if kind == Kind.CARD:
                restriction = dead.get(key)
                is_dead = restriction and (restriction[0].reason, restriction[0].issue_no_max)
                what = (without_holder(body), is_dead)
                is_in_use = True
                self._card_of[key] = number
            elif kind == Kind.USES:
                uses = decode_row(Change(kind, key, body))
                assert isinstance(uses, UsesRow)
                what = (uses.issue_no, uses.uses_max, sum(count for _, count in uses.used))
            elif kind == Kind.HOURS:
                what = body
            parts.append((kind, key[:1], is_random_uid(key[1:]), what))
        if not is_in_use:
            return
        shape = (tuple(parts), limited, medium)
        self._shape_of[number] = shape
        group = self._groups.get(shape)
        if group is None or group.rows_of not in group.cards:
            cards = set() if group is None else group.cards
            group = self._groups[shape] = _group(number, rows, dead, limited, medium, cards)
        group.cards.add(number)

    def _limited(self, card_ids: Collection[int] | None) -> dict[int, frozenset[str]]:
        """Cards that work at some devices only, with the tags of these; all others have those of their levels."""
        devices = Device.select(Device.id).where(Device.site == self._site_id).tuples()
        query = (
            PublishedRow.select(PublishedRow.owner, RowTag.tag)
            .join(RowTag)
            .where(
                RowTag.tag.in_([f"device:{number}" for (number,) in devices])
                & ~RowTag.removed
                & (PublishedRow.space == self._space)
                & (PublishedRow.kind == Kind.CARD.value)
                & (PublishedRow.body != b"")
            )
        )
        if card_ids is not None:
            query = query.where(PublishedRow.owner.in_(_owners(card_ids)))
        found: dict[int, set[str]] = {}
        for owner, tag in query.tuples():
            found.setdefault(_number(owner), set()).add(tag)
        return {number: frozenset(tags) for number, tags in found.items()}


class CardGroups:
    """Groups of the estates that were asked about last; safe for several threads, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._estates: OrderedDict[int, EstateCards] = OrderedDict()

    @contextmanager
    def of(self, site_id: int) -> Iterator[Collection[Group]]:
        """The groups of an estate as they are published; nobody changes them meanwhile."""
        with self._lock:
            estate = self._estates.get(site_id)
            if estate is None or not estate.follow():
                estate = self._estates[site_id] = EstateCards(site_id)
                estate.read_all()
            self._estates.move_to_end(site_id)
            while len(self._estates) > ESTATES_KEPT:
                self._estates.popitem(last=False)
            yield estate.groups


def groups_of_cards(site_id: int, card_ids: Collection[int]) -> Collection[Group]:
    """The groups of a few cards."""
    some = EstateCards(site_id)
    some.read(card_ids)
    return some.groups


def _group(
    number: int,
    rows: list[tuple[int, bytes, bytes]],
    dead: Mapping[bytes, tuple[RestrictionRow, Change]],
    limited: frozenset[str] | None,
    medium: int | None,
    cards: set[int],
) -> Group:
    of_card = [Change(kind, key, body) for kind, key, body in rows if kind == Kind.CARD]
    keys, row = tuple(change.key for change in of_card), decode_row(of_card[0])
    assert isinstance(row, CardRow)
    changes = [Change(kind, key, body) for kind, key, body in rows if kind != Kind.PIN]
    changes += [dead[key][1] for key in keys if key in dead]
    pins = [Change(kind, key, SOME_PIN) for kind, key, _ in rows if kind == Kind.PIN]
    tags = frozenset(f"level:{level}" for level in row.levels) if limited is None else limited
    return Group(number, keys, row, tuple(changes), tuple(pins), tags, medium, cards)


def _rows(space: str, card_ids: Collection[int] | None) -> Rows:
    query = PublishedRow.select(
        PublishedRow.owner, PublishedRow.kind, PublishedRow.key, PublishedRow.body
    ).where(
        (PublishedRow.space == space)
        & PublishedRow.kind.in_([kind.value for kind in _OF_CARDS])
        & (PublishedRow.body != b"")
    )
    if card_ids is not None:
        query = query.where(PublishedRow.owner.in_(_owners(card_ids)))
    found: Rows = {}
    for owner, kind, key, body in plain_rows(query):
        found.setdefault(_number(owner), []).append((kind, bytes(key), bytes(body)))
    for rows in found.values():
        if len(rows) > 1:
            rows.sort(key=lambda row: (row[1], row[0]))
    return found


def _dead(space: str, keys: Iterable[bytes] | None) -> dict[bytes, tuple[RestrictionRow, Change]]:
    """The hotlist of the estate, for these keys or whole: whoever put a key there."""
    query = PublishedRow.select(PublishedRow.key, PublishedRow.body).where(
        (PublishedRow.space == space)
        & (PublishedRow.kind == Kind.RESTRICTION.value)
        & (PublishedRow.body != b"")
    )
    if keys is not None:
        query = query.where(PublishedRow.key.in_(list(keys)))
    found = {}
    for key, body in query.tuples():
        change = Change(Kind.RESTRICTION.value, bytes(key), bytes(body))
        row = decode_row(change)
        assert isinstance(row, RestrictionRow)
        found[change.key] = (row, change)
    return found


def _media(rows: Rows, card_ids: Collection[int] | None) -> dict[int, int]:
    """What the credential of each card that has one is written on; it is another credential when that changes."""
    query = CardCredential.select(CardCredential.card, CardCredential.medium)
    if card_ids is not None:
        query = query.where(CardCredential.card.in_(list(card_ids)))
    return {
        card: medium
        for card, medium in query.tuples()
        if card in rows and any(key[:1] == b"C" for _, key, _ in rows[card])
    }


def _owners(card_ids: Iterable[int]) -> list[str]:
    return [f"card:{number}" for number in card_ids]


def _number(owner: str) -> int:
    return int(owner.removeprefix("card:"))

"""Who can open this reader at a moment, and which readers can these cards open? (B6)

Both are answered by the function that the device decides with, on the rows that are published to that device: what stands
here is what the door will do once it has received them. Runs inside ``db.read``. Rules that depend on who went through before
(anti-passback, interlock) are taken as at rest; at a door for two persons everybody who may be one of them is named, and where a
PIN is asked for everybody who has one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from central.access import rows as access_rows
from central.access.explain import SOME_PIN, presentation
from central.access.model import AccessPoint
from central.cards.credentials import TIER
from central.cards.model import CardCredential
from central.nodes.model import Device
from central.sync.model import DeviceScope, PublishedRow, RowTag
from central.sync.publish import PIN_TAG
from central.sync.storage import read_heads, rows_of_scope
from protocol.card_layout.credential import Medium
from protocol.decide import Instant, PointState, Trust, decide
from protocol.ids import Stream, Tier
from protocol.reasons import Reason, is_granted
from protocol.records import Change, Kind, LevelRow
from protocol.view import AccessPoint as Point
from protocol.view import View

BESIDE: Final = frozenset({Reason.SECOND_PERSON, Reason.PIN_MISSING, Reason.ESCORT})
"""Refusals of whoever lacks nothing but what stands beside the card."""
OF_CARDS: Final = frozenset({Kind.CARD, Kind.USES, Kind.HOURS, Kind.PIN})
_CARDS_AT_ONCE: Final = 4_000
"""So many cards stand in a View together: below what it packs."""
Keys = list[bytes]
"""What one card is known by, the most telling first."""


class Way(msgspec.Struct, frozen=True):
    """What a card gets at a reader at a moment, and by what."""

    card_id: int
    point_id: int
    reason: Reason
    schedule: int
    """The schedule that lets it, or that refuses it now; 0 when none was looked at."""
    levels: tuple[int, ...]
    """Access levels of the card that have this reader by that schedule."""

    @property
    def opens(self) -> bool:
        """The door opens for it: with its PIN where one is asked for, at a door for two persons together with another one,
        with an escort where it needs one."""
        return is_granted(self.reason) or self.reason in BESIDE


def openers_of(point: AccessPoint, at: datetime) -> list[Way]:
    """Every card that opens this reader at that moment, in the order of the cards."""
    view = _without_cards(point.device)
    at_point = _point_in(view, point.id)
    if at_point is None:
        return []
    now = _instant(at)
    tags = [f"device:{point.device_id}", *(f"level:{number}" for number in _levels_now(view, point.id, now))]
    tags += [f"{PIN_TAG}{tag}" for tag in tags]
    tags += [f"{PIN_TAG}{tag}" for tag in tags]
    found: list[Way] = []
    for cards, changes in _published(tags):
        with_cards = view.apply(changes, view.revisions)
        media = _media(cards)
        ways = (_way(number, keys, media.get(number), with_cards, at_point, now) for number, keys in cards)
        found += [way for way in ways if way.opens]
    return sorted(found, key=lambda way: way.card_id)


def openings_of(card_ids: Collection[int], at: datetime) -> list[Way]:
    """What these cards get at every reader that one of their levels has, by card and reader."""
    now, owners = _instant(at), [f"card:{number}" for number in card_ids]
    query = (
        RowTag.select(RowTag.tag)
        .join(PublishedRow)
        .where(PublishedRow.owner.in_(owners) & (PublishedRow.kind == Kind.CARD.value) & ~RowTag.removed)
        .distinct()
        .tuples()
    )
    tags = {tag for (tag,) in query}
    found: list[Way] = []
    for device in _devices_with(tags):
        view = _without_cards(device)
        points = list(
            AccessPoint.select().where(AccessPoint.device == device.id).order_by(AccessPoint.reader)
        )
        for cards, changes in _published(_scope_tags(device), owners):
            with_cards = view.apply(changes, view.revisions)
            media = _media(cards)
            for number, keys in cards:
                row = with_cards.card(keys[0])
                for point in points:
                    at_point = _point_in(view, point.id)
                    if at_point is not None and row and view.schedules_at(row.levels, point.id):
                        found.append(_way(number, keys, media.get(number), with_cards, at_point, now))
    return sorted(found, key=lambda way: (way.card_id, way.point_id))


def _instant(at: datetime) -> Instant:
    return Instant(utc_ms=int(at.timestamp() * 1_000), trust=Trust.TRUSTED)


def _point_in(view: View, point_id: int) -> Point | None:
    return view.access_points.get(point_id) or view.terminals.get(point_id)


def _without_cards(device: Device) -> View:
    """What the device decides by, without the cards; the read keys stand for themselves."""
    changes = list(rows_of_scope(device.name, Stream.ACCESS, but=OF_CARDS))
    changes += rows_of_scope(device.name, Stream.RESTRICTIONS)
    changes += access_rows.readable_zone_rows(device.id)
    return View().apply(changes, read_heads())


def _levels_now(view: View, point_id: int, now: Instant) -> Iterator[int]:
    """Access levels by which a card may open this reader now: no card of other levels need be looked at."""
    for number, row in view.levels().items():
        if any(point == point_id and view.holds(schedule, now.utc_ms) for point, schedule in row.entries):
            yield number


def _published(
    tags: Collection[str], owners: Collection[str] = ()
) -> Iterator[tuple[list[tuple[int, Keys]], list[Change]]]:
    """Cards that a device with these tags holds, some thousand at a time: by number with their keys, and their rows."""
    query = (
        PublishedRow.select(PublishedRow.owner, PublishedRow.kind, PublishedRow.key, PublishedRow.body)
        .join(RowTag)
        .where(
            RowTag.tag.in_(list(tags))
            & ~RowTag.removed
            & PublishedRow.kind.in_([kind.value for kind in OF_CARDS])
            & (PublishedRow.body != b"")
        )
        .distinct()
        .order_by(PublishedRow.owner, PublishedRow.key)
        .tuples()
    )
    if owners:
        query = query.where(PublishedRow.owner.in_(list(owners)))
    cards: dict[int, Keys] = {}
    changes: list[Change] = []
    for owner, kind, key, body in query.iterator():
        number = int(owner.removeprefix("card:"))
        if number not in cards and len(cards) >= _CARDS_AT_ONCE:
            yield _with_keys(cards), changes
            cards, changes = {}, []
        change = Change(kind, bytes(key), SOME_PIN if kind == Kind.PIN else bytes(body))
        keys = cards.setdefault(number, [])
        if kind == Kind.CARD:
            keys.append(change.key)
        changes.append(change)
    if cards:
        yield _with_keys(cards), changes


def _with_keys(cards: dict[int, Keys]) -> list[tuple[int, Keys]]:
    return [(number, keys) for number, keys in cards.items() if keys]


def _media(cards: Iterable[tuple[int, Keys]]) -> dict[int, int]:
    """What the credential of each card that has one is written on."""
    numbers = [number for number, keys in cards if keys[0][:1] == b"C"]
    query = CardCredential.select(CardCredential.card, CardCredential.medium)
    return dict(query.where(CardCredential.card.in_(numbers)).tuples()) if numbers else {}


def _way(card_id: int, keys: Keys, medium: int | None, view: View, point: Point, now: Instant) -> Way:
    """The card is shown: with its credential where it has one that is read here."""
    key, row = keys[0], view.card(keys[0])
    assert row is not None
    uid = next((other[1:] for other in keys if other[:1] == b"U"), None)
    tier = Tier.UID_ONLY if medium is None else TIER[Medium(medium)]
    shown = presentation(key, view, uid=uid, issue_no=row.issue_no, tier=tier, zones=row.zones)
    decision = decide(shown, view, point, PointState(mode=point.mode), now)
    levels = [
        number
        for number in row.levels
        if (level := view.row(Kind.LEVEL, number)) is not None
        and isinstance(level, LevelRow)
        and (point.point, decision.schedule) in level.entries
    ]
    return Way(card_id, point.point, decision.reason, decision.schedule, tuple(levels))


def _scope_tags(device: Device) -> list[str]:
    scope = DeviceScope.get_or_none(DeviceScope.device == device.id)
    return [] if scope is None else list(scope.tags)


def _devices_with(tags: set[str]) -> list[Device]:
    """Devices that hold rows with one of these tags, by number."""
    query = DeviceScope.select(DeviceScope, Device).join(Device).order_by(Device.number, Device.id)
    return [scope.device for scope in query if tags & set(scope.tags)]

"""Who can open this reader at a moment, and which readers can these cards open? (B6)

Both are answered by the function that the device decides with, on the rows that are published to that device: what stands
here is what the door will do once it has received them. Runs inside ``db.read``. Rules that depend on who went through before
(anti-passback, interlock) are taken as at rest; at a door for two persons everybody who may be one of them is named, and where a
PIN is asked for everybody who has one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

import msgspec
import peewee

from central.access import rows as access_rows
from central.access.card_groups import CardGroups, Group, groups_of_cards
from central.access.explain import presentation
from central.access.model import AccessPoint
from central.cards.credentials import TIER
from central.cards.model import Card
from central.nodes.model import Device
from central.sync.key_rows import SPACE as KEY_SPACE
from central.sync.model import DeviceScope, PublishedRow, RowTag
from central.sync.storage import read_heads
from protocol.card_layout.credential import Medium
from protocol.decide import Instant, PointState, Trust, decide
from protocol.ids import Tier
from protocol.reasons import Reason, is_granted
from protocol.records import Change, Kind, LevelRow
from protocol.rules.door_modes import at_point
from protocol.view import AccessPoint as Point
from protocol.view import View

BESIDE: Final = frozenset({Reason.SECOND_PERSON, Reason.PIN_MISSING, Reason.ESCORT})
"""Refusals of whoever lacks nothing but what stands beside the card."""
_OF_PLACES: Final = (
    Kind.SITE,
    Kind.SPECIAL_DAY,
    Kind.SCHEDULE,
    Kind.LEVEL,
    Kind.DOOR,
    Kind.DOOR_RULES,
    Kind.AREA,
    Kind.POINT,
    Kind.TIME_CLOCK,
    Kind.TILL,
    Kind.ISSUER_KEY,
)
"""What a decision needs beside the rows of cards, and the read keys."""
_CARDS_AT_ONCE: Final = 4_000
"""So many cards stand in a View together: below what it packs."""


class Way(msgspec.Struct, frozen=True):
    """What a card gets at a reader at a moment, and by what."""

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


def openers_of(point: AccessPoint, at: datetime, kept: CardGroups | None = None) -> dict[int, Way]:
    """What lets each card that opens this reader at that moment, by card.

    :param kept: the groups of the cards, where they are kept from one question to the next.
    """
    device = point.device
    view = _without_cards(device)
    at_point = _point_in(view, point.id)
    if at_point is None:
        return {}
    now, scope = _instant(at), _scope_tags(device)
    by_levels = {f"device:{device.id}", *(f"level:{number}" for number in _levels_now(view, point.id, now))}
    found: dict[int, Way] = {}
    with (kept or CardGroups()).of(device.site_id) as groups:
        held = [group for group in groups if group.is_held(by_levels)]
        for group, with_cards in _with_views(held, view, scope):
            way = _way(group, with_cards, at_point, now)
            if way.opens:
                found.update(dict.fromkeys(group.cards, way))
    return found


def openings_of(card_ids: Collection[int], at: datetime) -> list[tuple[int, Way]]:
    """What these cards get at every reader that one of their levels has: (card, what), by card and reader."""
    now = _instant(at)
    of_site: dict[int, list[int]] = {}
    for card, site in Card.select(Card.id, Card.site).where(Card.id.in_(list(card_ids))).tuples():
        of_site.setdefault(site, []).append(card)
    found: list[tuple[int, Way]] = []
    for site, numbers in of_site.items():
        groups = groups_of_cards(site, numbers)
        for device, scope in _devices_with({tag for group in groups for tag in group.tags}):
            view = _without_cards(device)
            for group, with_cards in _with_views([one for one in groups if one.is_held(scope)], view, scope):
                for point in (*view.access_points.values(), *view.terminals.values()):
                    if view.schedules_at(group.row.levels, point.point):
                        way = _way(group, with_cards, point, now)
                        found += [(card, way) for card in group.cards]
    return sorted(found, key=lambda one: (one[0], one[1].point_id))


def _instant(at: datetime) -> Instant:
    return Instant(utc_ms=int(at.timestamp() * 1_000), trust=Trust.TRUSTED)


def _point_in(view: View, point_id: int) -> Point | None:
    return view.access_points.get(point_id) or view.terminals.get(point_id)


def _without_cards(device: Device) -> View:
    """What the device decides by, without the cards; the read keys stand for themselves."""
    spaces = [f"site:{device.site_id}", f"device:{device.id}", KEY_SPACE]
    its_own = RowTag.select(RowTag.id).where(
        (RowTag.row == PublishedRow.id) & RowTag.tag.in_(sorted(_scope_tags(device))) & ~RowTag.removed
    )
    query = PublishedRow.select(PublishedRow.kind, PublishedRow.key, PublishedRow.body).where(
        PublishedRow.space.in_(spaces)
        & PublishedRow.kind.in_([kind.value for kind in _OF_PLACES])
        & (PublishedRow.body != b"")
        & peewee.fn.EXISTS(its_own)
    )
    changes = [Change(kind, bytes(key), bytes(body)) for kind, key, body in query.tuples()]
    changes += access_rows.readable_zone_rows(device.id)
    return View().apply(changes, read_heads())


def _levels_now(view: View, point_id: int, now: Instant) -> Iterator[int]:
    """Access levels by which a card may open this reader now: no card of other levels need be looked at."""
    for number, row in view.levels().items():
        if any(point == point_id and view.holds(schedule, now.utc_ms) for point, schedule in row.entries):
            yield number


def _with_views(groups: list[Group], view: View, scope: Collection[str]) -> Iterator[tuple[Group, View]]:
    """Each group with a View that has its rows as a device with these tags holds them."""
    for begin in range(0, len(groups), _CARDS_AT_ONCE):
        some = groups[begin : begin + _CARDS_AT_ONCE]
        changes = (change for group in some for change in group.changes_for(scope))
        with_cards = view.apply(changes, view.revisions)
        for group in some:
            yield group, with_cards


def _way(group: Group, view: View, point: Point, now: Instant) -> Way:
    """One of the cards is shown: with its credential where it has one that is read here."""
    row = group.row
    uid = next((key[1:] for key in group.keys if key[:1] == b"U"), None)
    tier = Tier.UID_ONLY if group.medium is None else TIER[Medium(group.medium)]
    shown = presentation(group.keys[0], view, uid=uid, issue_no=row.issue_no, tier=tier, zones=row.zones)
    mode = at_point(point, view, now)
    decision = decide(shown, view, point, PointState(mode=mode.mode, mode_schedule=mode.schedule), now)
    levels = [
        number
        for number in row.levels
        if (level := view.row(Kind.LEVEL, number)) is not None
        and isinstance(level, LevelRow)
        and (point.point, decision.schedule) in level.entries
    ]
    return Way(point.point, decision.reason, decision.schedule, tuple(levels))


def _scope_tags(device: Device) -> set[str]:
    scope = DeviceScope.get_or_none(DeviceScope.device == device.id)
    return set() if scope is None else set(scope.tags)


def _devices_with(tags: set[str]) -> list[tuple[Device, set[str]]]:
    """Devices that hold rows with one of these tags, by number, each with all its tags."""
    query = DeviceScope.select(DeviceScope, Device).join(Device).order_by(Device.number, Device.id)
    return [(scope.device, set(scope.tags)) for scope in query if tags & set(scope.tags)]

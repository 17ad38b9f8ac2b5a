"""Tell the devices: called inside the transaction that changed something, by the sub-system that changed it.

Each function reads the rows as they are now, compares them with what is published, and writes only what differs. The
cost does not depend on the number of devices: rows are tagged with what a device must have to need them (its estate, an
access level, the device itself), and a device asks for the tags of its scope.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import msgspec
import peewee

from central.access import rows as access_rows
from central.access import terminals
from central.access.model import AccessLevel, AccessPoint, Door, LevelEntry, Schedule
from central.cards import rows as card_rows
from central.cards.desk_settings import desk_row, issuers
from central.cards.model import Card
from central.db import announce
from central.nodes.model import Device
from central.sync import row_history
from central.sync.fewer_rights import fewer, other_hours, shrank
from central.sync.key_tags import key_tags
from central.sync.model import (
    DeviceScope,
    DeviceStatus,
    Head,
    PublishedRow,
    ReportedRestriction,
    RowTag,
)
from protocol.ids import CardKey, Stream
from protocol.records import (
    STREAM_OF,
    CardRow,
    Change,
    Kind,
    PresenceRow,
    RestrictionRow,
    Revisions,
    Row,
    StaleRightsRow,
    decode_row,
    number_key,
    put,
)

PUBLISHED: Final = "sync.published"
"""Announced after each commit that published something; the hub nudges the devices."""
_TOGETHER: Final[ContextVar[dict[int, None] | None]] = ContextVar("cards_changed_together", default=None)
CONFIG_EPOCH: Final = 0
"""The row of ``Head`` that holds the config_epoch."""


PIN_TAG: Final = "pin:"
"""Before the tag of an access level or a device: that of its PINs, for devices with a door that asks for PINs."""


class Revision:
    """The revisions of one transaction: each stream rises once, when it is first needed."""

    def __init__(self) -> None:
        self._taken: dict[Stream, int] = {}
        self._reported: dict[int, dict[bytes, RestrictionRow]] = {}

    def reported(self, site_id: int) -> Mapping[bytes, RestrictionRow]:
        """Restrictions that devices reported after a restore and nobody has lifted, by card key; nearly always none."""
        if site_id not in self._reported:
            rows = ReportedRestriction.select().where(
                (ReportedRestriction.site == site_id) & ReportedRestriction.decision.in_(["", "kept"])
            )
            self._reported[site_id] = {bytes(row.key): _restriction(row.key, row.body) for row in rows}
        return self._reported[site_id]

    def of(self, stream: Stream) -> int:
        """The revision that this transaction gives to its rows in that stream."""
        if stream not in self._taken:
            number = Head.update(revision=Head.revision + 1).where(Head.stream == stream.value).execute()
            if number == 0:
                Head.insert(stream=stream.value, revision=1).execute()
            self._taken[stream] = Head.get_by_id(stream.value).revision
        return self._taken[stream]

    def announce(self) -> None:
        """Nudge the devices after the commit, if anything was published."""
        if self._taken:
            announce(PUBLISHED, {stream.name.lower(): number for stream, number in self._taken.items()})


card_followers: Final[list[Callable[[Collection[int], Revision], None]]] = []
"""Told, in their transaction, which cards (by id) changed: sub-systems that publish rows of their own about them."""
level_followers: Final[list[Callable[[int, Revision], None]]] = []
"""Told, in its transaction, which access level (by id) has other readers."""
site_followers: Final[list[Callable[[int, Revision], None]]] = []
"""Told, in its transaction, that the calendar or the time zone of an estate changed."""


# -- what changed ---------------------------------------------------------------------------------------------------


def card_changed(card_id: int) -> None:
    """A card was issued, rewritten, reported lost, lifted, returned, ...: its rows follow at once (B7)."""
    cards_changed([card_id])


def cards_changed(card_ids: Iterable[int]) -> None:
    """Several cards in one revision."""
    together = _TOGETHER.get()
    if together is not None:
        together.update(dict.fromkeys(card_ids))
        return
    revision, changed = Revision(), list(card_ids)
    for card_id in changed:
        _publish_card(card_id, revision)
    for follower in card_followers:
        follower(changed, revision)
    revision.announce()


@contextmanager
def one_revision() -> Iterator[None]:
    """Cards changed inside are published at the end, all in one revision: for acts on many cards in one transaction."""
    changed: dict[int, None] = {}
    token = _TOGETHER.set(changed)
    try:
        yield
    finally:
        _TOGETHER.reset(token)
    cards_changed(changed)


def level_changed(level_id: int) -> None:
    """An access level has other readers or schedules, or is no longer in use."""
    revision = Revision()
    level = access_rows.level_row(level_id)
    site = _site_of_level(level_id)
    if site is not None:
        _set(revision, _site(site), Kind.LEVEL, level_id, level, {f"level:{level_id}"})
        _rescope(site, revision)
    for follower in level_followers:
        follower(level_id, revision)
    revision.announce()


def schedule_changed(schedule_id: int) -> None:
    """A schedule has other periods."""
    revision = Revision()
    schedule = Schedule.get_by_id(schedule_id)
    if schedule.site_id is not None:
        row = access_rows.schedule_row(schedule_id)
        _set(revision, _site(schedule.site_id), Kind.SCHEDULE, schedule_id, row, {_site(schedule.site_id)})
    revision.announce()


def special_days_changed(site_id: int) -> None:
    """The calendar of an estate was edited or imported."""
    revision = Revision()
    _set_all(revision, _site(site_id), Kind.SPECIAL_DAY, access_rows.special_day_rows(site_id))
    for follower in site_followers:
        follower(site_id, revision)
    revision.announce()


def door_changed(door_id: int) -> None:
    """A door has other settings, or was taken into or out of use."""
    device_changed(Door.get_by_id(door_id).device_id)


def device_changed(device_id: int) -> None:
    """Doors or readers of a device changed."""
    revision = Revision()
    device = Device.get_by_id(device_id)
    space = f"device:{device_id}"
    for door_id in access_rows.doors_of_device(device_id):
        _, number, door = access_rows.door_row(door_id)
        _set(revision, space, Kind.DOOR, number, door, {space})
    rules, areas = access_rows.rule_rows(device_id)
    _set_all(revision, space, Kind.DOOR_RULES, rules)
    _set_all(revision, space, Kind.AREA, areas)
    points = access_rows.point_rows(device_id)
    _set_all(revision, space, Kind.POINT, points)
    for kind, terminal_rows in terminals.rows_of(device).items():
        _set_all(revision, space, kind, terminal_rows)
    if "issuer" in device.roles:
        _set(revision, space, Kind.DESK, 0, desk_row(), {space})
    _publish_site(device.site_id, revision)
    _rescope(device.site_id, revision)
    revision.announce()


def desks_changed() -> None:
    """Port, speed or organisation of the issuers are others."""
    revision = Revision()
    for device in issuers():
        space = f"device:{device.id}"
        _set(revision, space, Kind.DESK, 0, desk_row(), {space})
    revision.announce()


def site_changed(site_id: int) -> None:
    """An estate has another name or time zone."""
    revision = Revision()
    _publish_site(site_id, revision)
    for follower in site_followers:
        follower(site_id, revision)
    revision.announce()


def places_tag(site_id: int) -> str:
    """What devices of the estate with doors to areas must have: where holders went last."""
    return f"places:{site_id}"


def place_changed(revision: Revision, site_id: int, holder: int, row: PresenceRow | None) -> None:
    """A holder went elsewhere, or it is not known any more where he is; ``row`` None: devices are to be told nothing of him."""
    tags = {places_tag(site_id)} if row is not None else set()
    _set(revision, _site(site_id), Kind.PRESENCE, holder, row, tags)


# -- how it is written down -----------------------------------------------------------------------------------------


def _site(site_id: int) -> str:
    return f"site:{site_id}"


def _site_of_level(level_id: int) -> int | None:
    level = AccessLevel.get_or_none(AccessLevel.id == level_id)
    return None if level is None else level.site_id


def _publish_site(site_id: int, revision: Revision) -> None:
    _set(revision, _site(site_id), Kind.SITE, 0, access_rows.site_row(site_id), {_site(site_id)})


def _publish_card(card_id: int, revision: Revision) -> None:
    card = Card.get_by_id(card_id)
    space, owner = _site(card.site_id), f"card:{card_id}"
    wanted = {entry.key: entry for entry in card_rows.card_rows(card_id)}
    published = {
        (row.space, bytes(row.key))
        for row in PublishedRow.select(PublishedRow.space, PublishedRow.key).where(
            PublishedRow.owner == owner
        )
    }
    for former, key in published - {(space, key) for key in wanted}:  # another key, or another estate
        _set(revision, former, Kind.CARD, CardKey(key), None, set(), owner)
        _set(revision, former, Kind.USES, CardKey(key), None, set(), owner)
        _set(revision, former, Kind.HOURS, CardKey(key), None, set(), owner)
        _set(revision, former, Kind.PIN, CardKey(key), None, set(), owner)
        left = revision.reported(int(former.removeprefix("site:"))).get(key)
        _set(revision, former, Kind.RESTRICTION, CardKey(key), left, {former} if left else set(), owner)
    for key, entry in wanted.items():
        before, tags_before = _published(space, Kind.CARD, key)
        assert before is None or isinstance(before, CardRow)
        restriction = _union(entry.restriction, revision.reported(card.site_id).get(key))
        _set(revision, space, Kind.RESTRICTION, key, restriction, {space}, owner)
        tags = _tags(entry)
        is_less = fewer(_published(space, Kind.USES, key)[0], entry.uses)
        is_less = is_less or other_hours(_published(space, Kind.HOURS, key)[0], entry.hours)
        pin, pin_before = entry.pin or b"", _body(space, Kind.PIN, key)
        is_less = is_less or (bool(pin_before) and pin != pin_before)
        is_less = is_less or (bool(entry.device_ids) and not tags_before <= tags)
        changed = _set(revision, space, Kind.USES, key, entry.uses, tags, owner)
        changed = _set(revision, space, Kind.HOURS, key, entry.hours, tags, owner) or changed
        pin_tags = {f"{PIN_TAG}{tag}" for tag in tags}
        changed = set_body(revision, space, Kind.PIN, bytes(key), pin, pin_tags, owner) or changed
        changed = _set(revision, space, Kind.CARD, key, entry.card, tags, owner) or changed
        if changed and before is not None and (is_less or shrank(before, entry.card)):
            stale = StaleRightsRow(revision.of(Stream.ACCESS))
            _set(revision, space, Kind.STALE_RIGHTS, key, stale, {space}, owner)


def _tags(entry: card_rows.CardRows) -> set[str]:
    """Who needs the row: devices with a reader of one of its levels, or the devices that the card is limited to (39)."""
    if entry.card is None or not entry.card.levels:
        return set()
    if entry.device_ids:
        return {f"device:{device}" for device in entry.device_ids}
    return {f"level:{level}" for level in entry.card.levels}


def _union(ours: RestrictionRow | None, reported: RestrictionRow | None) -> RestrictionRow | None:
    """Of two restrictions of one key the one that reaches further."""
    if ours is None or reported is None:
        return ours or reported
    return reported if reported.issue_no_max > ours.issue_no_max else ours


def _restriction(key: bytes, body: bytes) -> RestrictionRow:
    row = decode_row(Change(Kind.RESTRICTION.value, bytes(key), bytes(body)))
    assert isinstance(row, RestrictionRow)
    return row


def _body(space: str, kind: Kind, key: bytes) -> bytes:
    """The body of a published row, empty for none."""
    row = _standing(space, kind, key)
    return b"" if row is None else bytes(row.body)


def _standing(space: str, kind: Kind, key: bytes) -> PublishedRow | None:
    found: PublishedRow | None = PublishedRow.get_or_none(
        (PublishedRow.space == space) & (PublishedRow.kind == kind.value) & (PublishedRow.key == key)
    )
    return found


def _published(space: str, kind: Kind, key: bytes) -> tuple[Row | None, set[str]]:
    """The row as it stands, and who needs it."""
    row = _standing(space, kind, key)
    if row is None or not row.body:
        return None, set()
    tags = {tag.tag for tag in row.tags if not tag.removed}
    return decode_row(Change(row.kind, bytes(row.key), bytes(row.body))), tags


def _set(
    revision: Revision,
    space: str,
    kind: Kind,
    key: CardKey | int,
    row: Row | None,
    tags: set[str],
    owner: str = "",
) -> bool:
    """Publish a row (or its deletion) if it differs from what is published; True when it did."""
    key_bytes = number_key(key) if isinstance(key, int) else bytes(key)
    body = b"" if row is None else put(key, row).body
    return set_body(revision, space, kind, key_bytes, body, tags, owner)


def _set_all(revision: Revision, space: str, kind: Kind, rows: Mapping[int, Row]) -> None:
    """Publish exactly these rows of a kind that is known by numbers; others of the space are taken away."""
    standing = PublishedRow.select(PublishedRow.key).where(
        (PublishedRow.space == space) & (PublishedRow.kind == kind.value)
    )
    numbers = {int.from_bytes(bytes(key), "big") for (key,) in standing.tuples()}
    for number in sorted(numbers - rows.keys()):
        _set(revision, space, kind, number, None, {space})
    for number, row in rows.items():
        _set(revision, space, kind, number, row, {space})


def set_body(
    revision: Revision, space: str, kind: Kind, key_bytes: bytes, body: bytes, tags: set[str], owner: str = ""
) -> bool:
    """The same with the row as bytes, empty for its deletion."""
    stream = STREAM_OF[kind]
    found = _standing(space, kind, key_bytes)
    if found is None:
        if not body:
            return False
        found = PublishedRow.create(
            space=space,
            kind=kind.value,
            key=key_bytes,
            stream=stream.value,
            body=body,
            revision=revision.of(stream),
            owner=owner,
        )
        _retag(found, tags)
        return True
    live = {tag.tag for tag in found.tags if not tag.removed}
    if bytes(found.body) == body and (not body or live == tags):
        return False
    row_history.keep(found, live, revision.of(stream))
    found.body, found.revision, found.owner = body, revision.of(stream), owner
    found.save()
    if body:
        _retag(found, tags)
    return True


def _retag(row: PublishedRow, tags: set[str]) -> None:
    """Tags that are gone stay as removed, so that devices which have the row only by them hear of it."""
    present = {tag.tag: tag for tag in row.tags}
    for name in tags - set(present):
        RowTag.insert(row=row.id, tag=name, removed=False).execute()
    for name, tag in present.items():
        if tag.removed != (name not in tags):
            RowTag.update(removed=name not in tags).where(RowTag.id == tag.id).execute()


def _rescope(site_id: int, revision: Revision) -> None:
    """Work out which tags each device of the estate needs; where the set changed, a snapshot follows."""
    levels: dict[int, set[int]] = {}
    pairs = (
        LevelEntry.select(AccessPoint.device, LevelEntry.level)
        .join(AccessPoint)
        .join(Device)
        .where(Device.site == site_id)
        .distinct()
        .tuples()
    )
    for device_id, level_id in pairs:
        levels.setdefault(device_id, set()).add(level_id)
    asking: dict[int, set[str]] = {}
    for device_id, level_id in pairs.join(Door, on=(AccessPoint.door == Door.id)).where(
        Door.pin_schedule.is_null(False) & Door.enabled
    ):
        asking.setdefault(device_id, {f"{PIN_TAG}device:{device_id}"}).add(f"{PIN_TAG}level:{level_id}")
    known: Mapping[int, DeviceScope] = {
        scope.device_id: scope for scope in DeviceScope.select().join(Device).where(Device.site == site_id)
    }
    of_keys = key_tags(site_id)
    of_places = {device_id: {places_tag(site_id)} for device_id in access_rows.devices_with_areas(site_id)}
    for (device_id,) in Device.select(Device.id).where(Device.site == site_id).tuples():
        tags = sorted(
            {_site(site_id), f"device:{device_id}"}
            | of_places.get(device_id, set())
            | {f"level:{n}" for n in levels.get(device_id, ())}
            | asking.get(device_id, set())
            | of_keys.get(device_id, set())
        )
        scope = known.get(device_id)
        if scope is None:
            DeviceScope.insert(device=device_id, tags=tags, since=revision.of(Stream.ACCESS)).execute()
        elif scope.tags != tags:
            row_history.keep_scope(device_id, scope.tags, revision.of(Stream.ACCESS))
            values: dict[str, object] = {"tags": tags, "since": revision.of(Stream.ACCESS)}
            if (places_tag(site_id) in tags) != (places_tag(site_id) in scope.tags):
                values["balances_since"] = revision.of(Stream.BALANCES)
            DeviceScope.update(**values).where(DeviceScope.device == device_id).execute()


def anew(device_ids: Iterable[int]) -> Revisions:
    """Have devices take everything that they are to hold once more, whole; the revisions that they then have."""
    revision = Revision()
    newest = {stream: revision.of(stream) for stream in (Stream.ACCESS, Stream.RESTRICTIONS)}
    DeviceScope.update(since=newest[Stream.ACCESS], restrictions_since=newest[Stream.RESTRICTIONS]).where(
        DeviceScope.device.in_(list(device_ids))
    ).execute()
    revision.announce()
    epoch = Head.get_or_none(Head.stream == CONFIG_EPOCH)
    return Revisions(
        1 if epoch is None else epoch.revision, newest[Stream.RESTRICTIONS], newest[Stream.ACCESS]
    )


def zones_changed(site_ids: Iterable[int]) -> None:
    """Readers of these estates stand in other zones: their devices get the read keys of those and lose the others."""
    revision = Revision()
    for site_id in site_ids:
        _rescope(site_id, revision)
    revision.announce()


def prune(site_id: int) -> int:
    """Take back "rights changing" rows that every enabled device of the estate has outlived; returns how many."""
    oldest = (
        DeviceStatus.select(peewee.fn.MIN(DeviceStatus.access))
        .join(Device)
        .where((Device.site == site_id) & Device.enabled)
        .scalar()
    )
    if oldest is None:
        return 0
    revision, count, space = Revision(), 0, _site(site_id)
    rows = PublishedRow.select().where(
        (PublishedRow.space == space) & (PublishedRow.kind == Kind.STALE_RIGHTS.value)
    )
    for row in list(rows):
        if (
            row.body
            and msgspec.msgpack.decode(bytes(row.body), type=StaleRightsRow).access_revision <= oldest
        ):
            count += _set(revision, space, Kind.STALE_RIGHTS, CardKey(bytes(row.key)), None, set(), row.owner)
    revision.announce()
    return count


def everything_changed(site_id: int) -> None:
    """Compare all rows of an estate with what is published: after an import, a restore, or a change of these rules."""
    site_changed(site_id)
    special_days_changed(site_id)
    for (number,) in Schedule.select(Schedule.id).where(Schedule.site == site_id).tuples():
        schedule_changed(number)
    for (number,) in Device.select(Device.id).where(Device.site == site_id).tuples():
        device_changed(number)
    for (number,) in AccessLevel.select(AccessLevel.id).where(AccessLevel.site == site_id).tuples():
        level_changed(number)
    cards_changed([number for (number,) in Card.select(Card.id).where(Card.site == site_id).tuples()])


def published_restriction(site_id: int, key: bytes) -> RestrictionRow | None:
    """What devices of an estate are told of a card key."""
    body = _body(_site(site_id), Kind.RESTRICTION, key)
    return _restriction(key, body) if body else None


def reported_changed(site_id: int, key: bytes) -> None:
    """A restriction was reported after a restore, or an operator has decided about it."""
    revision, space = Revision(), _site(site_id)
    card = card_rows.card_of_key(key)
    if card is not None and card.site_id == site_id:
        _publish_card(card.id, revision)
    else:
        row = revision.reported(site_id).get(key)
        _set(revision, space, Kind.RESTRICTION, CardKey(key), row, {space}, "reported")
    revision.announce()


__all__ = [
    "PUBLISHED",
    "card_changed",
    "card_followers",
    "cards_changed",
    "desks_changed",
    "device_changed",
    "door_changed",
    "everything_changed",
    "level_changed",
    "level_followers",
    "one_revision",
    "place_changed",
    "places_tag",
    "prune",
    "published_restriction",
    "reported_changed",
    "schedule_changed",
    "set_body",
    "site_changed",
    "site_followers",
    "special_days_changed",
    "zones_changed",
]

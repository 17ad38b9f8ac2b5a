"""What stood in the published rows before: so that an event is explained by the settings that its device held then (B6).

``PublishedRow`` says since which revision its row stands; here is written what it replaces, with the revisions from which and
until which that stood. So what is published for the first time, and what never changes, costs nothing. Kept are the rows that
``protocol.decide`` asks at a door, as devices got them, without names; of card keys and PINs only that there was one. A purge
of events takes away what no event that is left, and none that is still to come, can ask for.

Revisions go on when a backup is restored, but those after the backup are given anew, in another config_epoch: ``ConfigEpoch``
says at which revisions each began. What was published between the backup and its restore is not known here, and is said so.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import Any, Final

import msgspec
import peewee

from central.access.model import AccessEvent
from central.nodes.model import Device
from central.sync.model import (
    ConfigEpoch,
    DeviceScope,
    DeviceStatus,
    FormerRow,
    Head,
    HistoryBegin,
    PublishedRow,
    RowTag,
)
from protocol.basis import PIN_STAND_IN
from protocol.ids import Stream
from protocol.limits import READ_KEY_LENGTH
from protocol.records import STREAM_OF, Change, Kind, ReadKeyRow, Revisions

KEPT: Final = frozenset(
    {
        Kind.RESTRICTION,
        Kind.STALE_RIGHTS,
        Kind.CARD,
        Kind.LEVEL,
        Kind.SCHEDULE,
        Kind.SPECIAL_DAY,
        Kind.POINT,
        Kind.DOOR,
        Kind.SITE,
        Kind.READ_KEY,
        Kind.ISSUER_KEY,
        Kind.USES,
        Kind.HOURS,
        Kind.DOOR_RULES,
        Kind.AREA,
        Kind.PIN,
    }
)
"""Rows that ``decide`` asks at a door. Where holders are stands in the facts."""
_STAND_INS: Final = {
    Kind.PIN.value: msgspec.msgpack.encode(PIN_STAND_IN),
    Kind.READ_KEY.value: msgspec.msgpack.encode(ReadKeyRow(bytes(READ_KEY_LENGTH))),
}
_SCOPE: Final = 0
"""In the place of a row's kind: the tags of a device."""
_OF_RESTRICTIONS: Final = [kind.value for kind in KEPT if STREAM_OF[kind] is Stream.RESTRICTIONS]


# -- written when something is published ----------------------------------------------------------------------------


def keep(row: PublishedRow, tags: Collection[str], until: int) -> None:
    """This row is about to be replaced at the revision ``until``. One that was deleted already leaves a gap, which says it."""
    if row.body and row.kind in KEPT and row.revision < until:
        _put(row.space, row.kind, bytes(row.key), row.revision, until, bytes(row.body), tags)


def keep_scope(device_id: int, tags: Collection[str], until: int) -> None:
    """A device is about to need other tags."""
    _put(f"device:{device_id}", _SCOPE, b"", 0, until, b"", tags)


def _put(
    space: str, kind: int, key: bytes, since: int, until: int, body: bytes, tags: Collection[str]
) -> None:
    FormerRow.insert(
        space=space,
        kind=kind,
        key=key,
        until_revision=until,
        from_revision=since,
        body=_STAND_INS.get(kind, body),
        tags=" ".join(sorted(tags)),
    ).on_conflict_ignore().execute()


def begin_epoch(epoch: int, heads: Revisions) -> None:
    """A restored centre goes on in another config_epoch."""
    ConfigEpoch.insert(epoch=epoch, restrictions=heads.restrictions, access=heads.access).execute()


# -- asked when something is explained ------------------------------------------------------------------------------


class Gap(Enum):
    """Why the settings of then cannot be told."""

    NO_REVISION = "no_revision"
    """The record names no settings, or such as this centre never had."""
    LOST = "lost"
    """They were published after the backup that was restored since."""
    PURGED = "purged"
    """They went with a purge of records of that time."""


def gap(site_id: int, revisions: Revisions, heads: Revisions) -> Gap | None:
    """What keeps the settings at these revisions from being told; None: they are known. Inside ``db.read``."""
    if not revisions.config_epoch or revisions.config_epoch > heads.config_epoch:
        return Gap.NO_REVISION
    ends = heads
    if revisions.config_epoch < heads.config_epoch:
        epochs = ConfigEpoch.select().where(ConfigEpoch.epoch > revisions.config_epoch)
        following = epochs.order_by(ConfigEpoch.epoch).first()
        known = revisions.config_epoch == 1 or ConfigEpoch.get_or_none(epoch=revisions.config_epoch)
        if following is None or not known:
            return Gap.LOST
        ends = Revisions(0, following.restrictions, following.access)
    if revisions.restrictions > ends.restrictions or revisions.access > ends.access:
        return Gap.NO_REVISION if ends is heads else Gap.LOST
    begin = HistoryBegin.get_or_none(HistoryBegin.site == site_id)
    if begin is not None and (revisions.restrictions < begin.restrictions or revisions.access < begin.access):
        return Gap.PURGED
    return None


class Rows:
    """What a device held at these revisions. Inside ``db.read``."""

    def __init__(self, device_id: int, revisions: Revisions) -> None:
        self.device_id = device_id
        self._revisions = revisions
        self._tags = _scope(device_id, revisions.access)

    def of(self, space: str, kind: Kind, keys: Collection[bytes] | None = None) -> list[Change]:
        """Its rows of a kind: those with these keys, or all. PINs and card keys are stand-ins."""
        revision = self._revisions.of(STREAM_OF[kind])
        return [
            Change(kind.value, key, _STAND_INS.get(kind.value, body))
            for key, (body, tags) in sorted(_at(space, kind, keys, revision).items())
            if body and not self._tags.isdisjoint(tags)
        ]

    def since(self, space: str, kind: Kind, key: bytes) -> int:
        """From which revision on it holds this row; 0 when it does not."""
        revision = self._revisions.of(STREAM_OF[kind])
        former = _former(space, kind, [key], revision).first()
        if former is not None:
            return int(former.from_revision)
        found = PublishedRow.get_or_none(_standing(space, kind, [key], revision))
        return 0 if found is None else int(found.revision)


def _scope(device_id: int, revision: int) -> frozenset[str]:
    where = _key(FormerRow, f"device:{device_id}", _SCOPE, None) & (FormerRow.until_revision > revision)
    former = FormerRow.select().where(where).order_by(FormerRow.until_revision).first()
    if former is not None:
        return frozenset(former.tags.split())
    now = DeviceScope.get_or_none(DeviceScope.device == device_id)
    return frozenset(() if now is None else now.tags)


def _at(
    space: str, kind: Kind, keys: Collection[bytes] | None, revision: int
) -> dict[bytes, tuple[bytes, Collection[str]]]:
    """By key the body and the tags of each row; a row that was deleted then may be there with an empty body."""
    found: dict[bytes, tuple[bytes, Collection[str]]] = {
        bytes(row.key): (bytes(row.body), row.tags.split()) for row in _former(space, kind, keys, revision)
    }
    standing = PublishedRow.select(PublishedRow.key, PublishedRow.body, RowTag.tag).join(
        RowTag, peewee.JOIN.LEFT_OUTER, on=((RowTag.row == PublishedRow.id) & ~RowTag.removed)
    )
    tags: dict[bytes, set[str]] = {}
    for key, body, tag in standing.where(_standing(space, kind, keys, revision)).tuples():
        known = tags.setdefault(bytes(key), set())
        if tag is not None:
            known.add(tag)
        found[bytes(key)] = (bytes(body), known)
    return found


def _former(space: str, kind: Kind, keys: Collection[bytes] | None, revision: int) -> Any:
    return FormerRow.select().where(
        _key(FormerRow, space, kind.value, keys)
        & (FormerRow.from_revision <= revision)
        & (FormerRow.until_revision > revision)
    )


def _standing(space: str, kind: Kind, keys: Collection[bytes] | None, revision: int) -> Any:
    return _key(PublishedRow, space, kind.value, keys) & (PublishedRow.revision <= revision)


def _key(model: Any, space: str, kind: int, keys: Collection[bytes] | None) -> Any:
    where = (model.space == space) & (model.kind == kind)
    return where if keys is None else where & model.key.in_(list(keys))


# -- pruned with the events -----------------------------------------------------------------------------------------


def prune(site_id: int) -> int:
    """Take away what no event of the estate can ask for any more, nor one that a device may still bring; how many rows.

    Card keys are everybody's, few, and stay. Inside ``db.write``, after events were purged.
    """
    restrictions, access = _needed_from(site_id)
    spaces = [f"site:{site_id}"]
    spaces += [
        f"device:{number}" for (number,) in Device.select(Device.id).where(Device.site == site_id).tuples()
    ]
    is_restriction = FormerRow.kind.in_(_OF_RESTRICTIONS)
    gone = FormerRow.delete().where(
        FormerRow.space.in_(spaces)
        & (
            (is_restriction & (FormerRow.until_revision <= restrictions))
            | (~is_restriction & (FormerRow.until_revision <= access))
        )
    )
    count = int(gone.execute())
    begin = HistoryBegin.get_or_none(HistoryBegin.site == site_id)
    if begin is None:
        HistoryBegin.insert(site=site_id, restrictions=restrictions, access=access).execute()
    else:
        HistoryBegin.update(
            restrictions=max(begin.restrictions, restrictions), access=max(begin.access, access)
        ).where(HistoryBegin.site == site_id).execute()
    return count


def _needed_from(site_id: int) -> tuple[int, int]:
    """The lowest revisions of restrictions and of access that an event names, or a device in use decides by."""
    events = (
        AccessEvent.select(
            peewee.fn.MIN(AccessEvent.restrictions_revision), peewee.fn.MIN(AccessEvent.access_revision)
        )
        .where((AccessEvent.site == site_id) & (AccessEvent.config_epoch > 0))
        .tuples()
        .first()
    )
    devices = (
        DeviceStatus.select(peewee.fn.MIN(DeviceStatus.restrictions), peewee.fn.MIN(DeviceStatus.access))
        .join(Device)
        .where((Device.site == site_id) & Device.enabled & (DeviceStatus.config_epoch > 0))
        .tuples()
        .first()
    )
    heads: dict[int, int] = dict(Head.select(Head.stream, Head.revision).tuples())
    newest = (heads.get(Stream.RESTRICTIONS, 0), heads.get(Stream.ACCESS, 0))
    lowest = [
        min(number for number in numbers if number is not None)
        for numbers in zip(events, devices, newest, strict=True)
    ]
    return lowest[0], lowest[1]

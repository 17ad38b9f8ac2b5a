"""Where holders are: what the outcomes of the doors tell, merged, and told to the other devices that lead to the same areas.

The rule stands in ``protocol.rules.places``. Everything runs inside ``db.write``, in the transaction that stores the facts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from central.access import rows
from central.access.areas import next_reset
from central.access.model import AccessPoint, Area, HolderPlace
from central.audit import Actor
from central.cards.model import Card
from central.cards.rows import UNIT_HOLDER, holder_number
from central.cards.rules import Holding
from central.centre import Centre
from central.errors import ConflictError
from central.people.model import Person
from central.sites.scope import Scope
from central.sync import publish
from protocol.door_rows import PresenceRow
from protocol.rules.passback import UNKNOWN
from protocol.rules.places import Passage, last_ones, place_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Went:
    """What a batch of facts tells of one holder."""

    person_id: int | None
    card_id: int
    passages: list[Passage] = field(default_factory=list)
    doubt_ms: int = 0
    """Before that moment he went through somewhere, at a time that is not known."""


def merge(site_id: int, went: Iterable[Went], *, live: bool) -> None:
    """Write down where these holders are now. ``live`` False (a rebuild) tells no device."""
    news = {holder_number(each.person_id, each.card_id): each for each in went}
    if not news:
        return
    known = {row.holder: row for row in _rows(site_id, news)}
    changed = []
    for holder, each in news.items():
        row = known.get(holder) or HolderPlace(
            site=site_id, holder=holder, person=each.person_id, card=None if each.person_id else each.card_id
        )
        row.last = [_numbers(one) for one in last_ones([*_passages(row), *each.passages])]
        row.doubt_ms = max(row.doubt_ms, each.doubt_ms)
        changed.append(row)
    _save(site_id, changed, live=live)


def _rows(site_id: int, holders: Collection[int]) -> list[HolderPlace]:
    found: list[HolderPlace] = []
    wanted = sorted(holders)
    for start in range(0, len(wanted), 500):
        some = HolderPlace.holder.in_(wanted[start : start + 500])
        found.extend(HolderPlace.select().where((HolderPlace.site == site_id) & some))
    return found


def _numbers(passage: Passage) -> list[int]:
    return list(msgspec.structs.astuple(passage))


def _passages(row: HolderPlace) -> tuple[Passage, ...]:
    return tuple(Passage(*numbers) for numbers in row.last)


def place_of_row(row: HolderPlace) -> PresenceRow | None:
    """Where the holder is by his last passages and by what made them doubtful."""
    return place_of(_passages(row), max(row.doubt_ms, row.forgotten_ms))


def _save(site_id: int, changed: Iterable[HolderPlace], *, live: bool) -> None:
    revision, is_shared = publish.Revision(), _is_shared(site_id)
    for row in changed:
        place = place_of_row(row)
        row.is_known = place is not None and place.area != UNKNOWN
        row.area = row.point = row.at = None
        if place is not None and row.is_known:
            row.area = place.area if place.area and _exists(Area, place.area) else None
            row.point = place.point if _exists(AccessPoint, place.point) else None
            row.at = _EPOCH + timedelta(milliseconds=place.at_ms)
        row.save()
        if live:
            is_told = is_shared or (not row.is_known and row.forgotten_ms > row.doubt_ms)
            publish.place_changed(revision, site_id, row.holder, place if is_told else None)
    revision.announce()


def _exists(model: type[Area] | type[AccessPoint], number: int) -> bool:
    return bool(model.select().where(model.id == number).exists())


def _is_shared(site_id: int) -> bool:
    """Whether what one device of the estate knows concerns another."""
    return not rows.devices_with_areas(site_id).isdisjoint(rows.sharing())


def reset() -> None:
    """Forget everything that facts can give again; what an operator had forgotten stays so."""
    HolderPlace.delete().where(HolderPlace.forgotten_ms == 0).execute()
    HolderPlace.update(last=[], doubt_ms=0, area=None, is_known=False, at=None, point=None).execute()


# -- what operators do, and a restore ---------------------------------------------------------------------------------


def forget_place(centre: Centre, scope: Scope, actor: Actor, card_id: int) -> None:
    """The place of this card's holder is not known any more, at every device: the next passage is refused nowhere.

    :raises ConflictError: nobody holds the card.
    """
    card = scope.get(Card, card_id)
    if card.holding != Holding.IN_USE.value:
        raise ConflictError("Nobody holds this card.")
    holder = holder_number(card.person_id, card.id)
    row = HolderPlace.get_or_none((HolderPlace.site == card.site_id) & (HolderPlace.holder == holder))
    before = None if row is None or row.area_id is None else row.area_id
    if row is None:
        of_unit = None if card.person_id else card.id
        row = HolderPlace(site=card.site_id, holder=holder, person=card.person_id, card=of_unit)
    row.forgotten_ms = int(centre.clock.now().timestamp() * 1_000)
    _save(card.site_id, [row], live=True)
    centre.audit.record(
        actor,
        "access.place_forget",
        "card",
        card.id,
        {"area": before},
        {"area": None},
        site_id=card.site_id,
        organisation_id=card.organisation_id,
    )


def erase(person: Person) -> None:
    """Nothing tells any more where this person was."""
    revision = publish.Revision()
    for row in list(HolderPlace.select().where(HolderPlace.person == person.id)):
        publish.place_changed(revision, row.site_id, row.holder, None)
        row.delete_instance()
    revision.announce()


def forget_older(site_id: int, until_at: datetime) -> None:
    """Places from before that moment go with the records that told of them."""
    revision = publish.Revision()
    for row in list(HolderPlace.select().where((HolderPlace.site == site_id) & (HolderPlace.at < until_at))):
        publish.place_changed(revision, site_id, row.holder, None)
        row.delete_instance()
    revision.announce()


def after_restore(now: datetime) -> None:
    """What was told since the backup may be gone with the device that told it: no place counts any more, at any device (I1)."""
    areas = list(Area.select().where(rows.has_rule()))
    for area in areas:
        area.reset_at, area.version = next_reset(now), area.version + 1
        area.save()
    for device_id in sorted({device for area in areas for device in rows.devices_of_area(area.id)}):
        publish.device_changed(device_id)


__all__ = ["UNIT_HOLDER", "Went", "after_restore", "erase", "forget_older", "forget_place", "merge", "reset"]

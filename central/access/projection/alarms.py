"""Alarms: raised, and cleared, by facts. An alarm is one row from its raising to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from central.access import alarm_events
from central.access.alarm_kinds import KINDS, OF_FACT
from central.access.alarm_kinds import Place as Where
from central.access.model import AlarmState
from central.access.projection.batch import ALARMS, Batch, Stored
from central.access.projection.events import Place
from protocol.facts import AccessFact, Alarm, AlarmFact, PunchFact, PurchaseFact, ScanFact
from protocol.reasons import DEAD_CARD, Reason

SAME_ALARM_WITHIN: Final = timedelta(seconds=60)
"""A dead card shown again at the same reader within this time is the same alarm."""
_DEAD: Final = "dead_card_used"
_COPY: Final = "clone_suspected"
_OF_REASON: Final[dict[Reason, str]] = {
    **dict.fromkeys(DEAD_CARD, _DEAD),
    Reason.CLONE_SUSPECTED: _COPY,
    Reason.CREDENTIAL_MISSING: "credential_missing",
}
FROM_ACCESS: Final = frozenset({Alarm.DEAD_CARD_USED, Alarm.CLONE_SUSPECTED})
"""Alarms that the centre takes from the access itself, which names the card; the device's own notice adds nothing."""


def alarm(batch: Batch, stored: Stored, body: AlarmFact) -> None:
    """The device raised or cleared an alarm."""
    if body.alarm in FROM_ACCESS:
        return
    kind = OF_FACT[body.alarm]
    if not body.raised:
        _clear(batch, stored, kind, body.where)
        return
    place = Place()
    if KINDS[kind].place is Where.DOOR:
        door = batch.lookup.door(body.where)
        place = Place() if door is None else Place(door.id, door.organisation_id)
    elif KINDS[kind].place is Where.POINT:
        point = batch.lookup.point(body.where)
        whose = _holder(batch, stored) if stored.fact.personal else Place()
        place = (
            whose
            if point is None
            else replace(whose, door_id=point.door_id, organisation_id=point.organisation_id)
        )
    before = _last_before(batch, stored, kind, body.where)
    if before is None or not KINDS[kind].lasts or _was_over(before, stored):
        _write(batch, stored, kind, body.where, place, body.detail)


def of_access(
    batch: Batch, stored: Stored, body: AccessFact | PunchFact | PurchaseFact, place: Place
) -> None:
    """A dead card shown anywhere raises an alarm with place and time (B7); so does a copied one.

    Dead is also a card whose report had not reached the device yet: what the device answered stands in the alarm.
    """
    kind = _OF_REASON.get(body.reason)
    if kind is None and place.card_id is not None and batch.lookup.deaths.of(place.card_id, stored.at):
        kind = _DEAD
    if kind is not None:
        _of_card(batch, stored, kind, body.point, place, body.reason.name.lower())


def of_copy(batch: Batch, stored: Stored, point: int) -> None:
    """A copy was laid on an issuer, or shown at a patrol point."""
    place = _holder(batch, stored)
    _of_card(batch, stored, _COPY, point, place, Reason.CLONE_SUSPECTED.name.lower())


def of_scan(batch: Batch, stored: Stored, body: ScanFact) -> None:
    """A dead or copied card at a patrol point; where the reader is a door's too, it is the alarm of the access."""
    place = _holder(batch, stored)
    is_dead = place.card_id is not None and batch.lookup.deaths.of(place.card_id, stored.at)
    if body.is_copy:
        of_copy(batch, stored, body.point)
    elif body.is_dead or is_dead:
        _of_card(batch, stored, _DEAD, body.point, place, "")


def of_terminal(batch: Batch, stored: Stored, body: PunchFact | PurchaseFact) -> None:
    """A dead or copied card at a time clock or a till."""
    of_access(batch, stored, body, _holder(batch, stored))


def _holder(batch: Batch, stored: Stored) -> Place:
    holder = batch.lookup.holder(stored.fact.personal, stored.at)
    return Place() if holder is None else Place(None, None, holder.card_id, holder.person_id)


def _of_card(batch: Batch, stored: Stored, kind: str, point: int, place: Place, detail: str) -> None:
    before = _last_before(batch, stored, kind, point)
    if before is None or before.card_id != place.card_id or stored.at - before.raised_at >= SAME_ALARM_WITHIN:
        _write(batch, stored, kind, point, place, detail)
        _tell(batch, stored, stored.order, "raised")


def _tell(batch: Batch, stored: Stored, order: tuple[int, int], what: Literal["raised", "cleared"]) -> None:
    """No ``AlarmFact`` says it: an event of its own."""
    is_sure = not stored.is_estimated
    alarm_events.put(batch.device.id, order, stored.at, what=what, is_time_sure=is_sure, with_facts=True)


def boot(batch: Batch, stored: Stored) -> None:
    """The device started: what was wrong before is raised again if it still is."""
    lasting = [kind for kind, about in KINDS.items() if about.lasts]
    earlier = (AlarmState.node_epoch < stored.node_epoch) | (
        (AlarmState.node_epoch == stored.node_epoch) & (AlarmState.seq < stored.fact.seq)
    )
    same_clearing = (AlarmState.cleared_epoch == stored.node_epoch) & (
        AlarmState.cleared_seq == stored.fact.seq
    )
    mine = (
        (AlarmState.device == batch.device.id)
        & (AlarmState.seq > 0)
        & AlarmState.kind.in_(lasting)
        & earlier
        & (AlarmState.cleared_at.is_null() | same_clearing)
    )
    ended = list(AlarmState.select().where(mine).order_by(AlarmState.id))
    AlarmState.update(
        cleared_at=stored.at, cleared_epoch=stored.node_epoch, cleared_seq=stored.fact.seq
    ).where(mine).execute()
    for one in ended:
        _tell(batch, stored, (one.node_epoch, one.seq), "cleared")
    if ended:
        batch.ended.update(one.id for one in ended)
        batch.topics.add(ALARMS)


def _last_before(batch: Batch, stored: Stored, kind: str, where: int) -> AlarmState | None:
    """The alarm of this kind and place that was raised last before this fact, in the same node_epoch."""
    found: AlarmState | None = (
        AlarmState.select()
        .where(
            (AlarmState.device == batch.device.id)
            & (AlarmState.kind == kind)
            & (AlarmState.where == where)
            & (AlarmState.node_epoch == stored.node_epoch)
            & (AlarmState.seq > 0)
            & (AlarmState.seq < stored.fact.seq)
        )
        .order_by(AlarmState.seq.desc())
        .first()
    )
    return found


def _was_over(before: AlarmState, stored: Stored) -> bool:
    """True when that alarm had ended by the time of this fact (it may have ended later, when this one comes again)."""
    return before.cleared_at is not None and (before.cleared_epoch, before.cleared_seq) < stored.order


def _clear(batch: Batch, stored: Stored, kind: str, where: int) -> None:
    before = _last_before(batch, stored, kind, where)
    if before is not None and not _was_over(before, stored):
        before.cleared_at = stored.at
        before.cleared_epoch, before.cleared_seq = stored.order
        before.save()
        batch.ended.add(before.id)
        batch.topics.add(ALARMS)


def _write(batch: Batch, stored: Stored, kind: str, where: int, place: Place, detail: str) -> None:
    AlarmState.insert(
        site=batch.device.site_id,
        organisation=place.organisation_id or batch.device.organisation_id,
        device=batch.device.id,
        node_epoch=stored.node_epoch,
        seq=stored.fact.seq,
        kind=kind,
        where=where,
        door=place.door_id,
        card=place.card_id,
        person=place.person_id,
        detail=detail,
        raised_at=stored.at,
    ).on_conflict(
        conflict_target=[AlarmState.device, AlarmState.node_epoch, AlarmState.seq],
        preserve=[
            AlarmState.organisation,
            AlarmState.raised_at,
            AlarmState.door,
            AlarmState.card,
            AlarmState.person,
        ],
    ).execute()
    batch.topics.add(ALARMS)

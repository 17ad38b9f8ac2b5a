"""What devices hold of the patrol: their checkpoints and carried units, location cards, the visits of each guard's card.

The visits of a card reach from the beginning of the estate's span to as far as they fit into one row
(``VISITS_PER_GUARD_MAX``), at most ``HORIZON_DAYS``; ``central.patrol.renewal`` begins a new span when a quarter of that
has passed, so a device without network knows its plan for three quarters at the least. Rows hold card keys and numbers,
no names. Everything here runs inside ``db.write``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from central.access.model import AccessPoint
from central.cards import entitlements
from central.cards import rows as card_rows
from central.cards.model import Card, CardSwitchedOff
from central.cards.rules import Holding
from central.nodes.model import Device
from central.patrol.calendars import calendar_of
from central.patrol.model import CarriedUnit, Checkpoint, EventCard, Guard, PlanSpan, Route, RoutePlan
from central.sync import publish
from central.sync.model import PublishedRow
from protocol.ids import CardKey, uid_key
from protocol.limits import VISITS_PER_GUARD_MAX
from protocol.records import (
    CheckpointRow,
    EventCardRow,
    GuardRow,
    Kind,
    PatrolEvent,
    PlaceRow,
    Row,
    number_key,
    put,
)
from protocol.rules.patrol.expand import Visit, expand
from protocol.rules.patrol.match import Relief
from protocol.rules.patrol.plan import WINDOW_MAX_S, RouteVersion

HORIZON_DAYS: Final = 14
_DAY_MS: Final = 86_400_000
_STEP_MS: Final = 600_000
"""A span begins ten to twenty minutes ago: what is over by then is told nobody, and would only shorten the span."""
RENEW_AFTER_MS: Final = 600_000
"""A span is begun anew after ten minutes at the earliest, however soon it ends."""
_WINDOW_MS: Final = WINDOW_MAX_S * 1_000
_KINDS: Final = (Kind.CHECKPOINT, Kind.GUARD, Kind.PLACE, Kind.EVENT_CARD)
_OWNER: Final = "patrol:"
_Place: TypeAlias = tuple[str, int, bytes]
"""Space, kind and key of a row."""
relief_sources: Final[list[Callable[[int, int, int], Iterable[Relief]]]] = []
"""Each says of an estate and a span (ms) which guards stand in for others; who changes that calls :func:`patrol_changed`."""


class Held(msgspec.Struct, frozen=True):
    """A card in the hand of an active guard; good from and until (exclusive), ms, 0 for no limit."""

    card_id: int
    guard: int
    keys: tuple[CardKey, ...]
    from_ms: int
    until_ms: int
    closed: bool = False
    """The patrol is not opened for it (38)."""


def patrol_changed(site_id: int, now: datetime) -> None:
    """A plan, a guard or a checkpoint of the estate changed, or its span is to begin anew."""
    from_ms = int(now.timestamp() * 1_000) // _STEP_MS * _STEP_MS - _STEP_MS
    _publish(site_id, from_ms, publish.Revision())


def _publish(site_id: int, from_ms: int, revision: publish.Revision) -> None:
    """Compare what the devices of the estate are to hold with what is published, and write the difference."""
    wanted, until_ms = _wanted(site_id, from_ms)
    devices = [number for (number,) in Device.select(Device.id).where(Device.site == site_id).tuples()]
    standing = _standing([f"device:{number}" for number in devices])
    for place in standing.keys() - wanted.keys():
        publish.set_body(revision, place[0], Kind(place[1]), place[2], b"", set())
    for place, (body, owner) in wanted.items():
        if standing.get(place) != (body, owner):
            publish.set_body(revision, place[0], Kind(place[1]), place[2], body, {place[0]}, owner)
    renew_ms = max(from_ms + (until_ms - from_ms) // 4, from_ms + 2 * _STEP_MS + RENEW_AFTER_MS)
    span = {"from_ms": from_ms, "until_ms": until_ms, "renew_ms": renew_ms}
    if PlanSpan.update(span).where(PlanSpan.site == site_id).execute() == 0:
        PlanSpan.insert(site=site_id, **span).execute()
    revision.announce()


def _standing(spaces: Collection[str]) -> dict[_Place, tuple[bytes, str]]:
    query = PublishedRow.select(
        PublishedRow.space, PublishedRow.kind, PublishedRow.key, PublishedRow.body, PublishedRow.owner
    ).where(
        PublishedRow.space.in_(sorted(spaces))
        & PublishedRow.kind.in_([int(kind) for kind in _KINDS])
        & (PublishedRow.body != b"")
    )
    return {
        (space, kind, bytes(key)): (bytes(body), owner) for space, kind, key, body, owner in query.tuples()
    }


def _wanted(site_id: int, from_ms: int) -> tuple[dict[_Place, tuple[bytes, str]], int]:
    """(every row with its owner, until when the visits reach at all devices)."""
    points = _points(site_id)
    places = {
        row.id: uid_key(bytes(row.place_uid))
        for row in Checkpoint.select().where(
            (Checkpoint.site == site_id) & Checkpoint.active & Checkpoint.place_uid.is_null(False)
        )
    }
    events = {
        uid_key(bytes(row.uid)): EventCardRow(PatrolEvent(row.event))
        for row in EventCard.select().where((EventCard.site == site_id) & EventCard.active)
    }
    held = guards_cards(site_id)
    at_checkpoint: dict[int, list[Visit]] = defaultdict(list)
    for visit in _visits(site_id, from_ms) if points else ():
        at_checkpoint[visit.checkpoint].append(visit)
    found: dict[_Place, tuple[bytes, str]] = {}
    reach_ms = from_ms + HORIZON_DAYS * _DAY_MS
    reliefs = [found for source in relief_sources for found in source(site_id, from_ms, reach_ms)]
    for device_id, of_device in points.items():
        is_carried = any(row.carried for row in of_device.values())
        here = {row.checkpoint for row in of_device.values()} | (places.keys() if is_carried else set())
        due = [visit for number in sorted(here) for visit in at_checkpoint.get(number, ())]
        of_card, until_ms = visits_of(due, held, from_ms, reliefs)
        reach_ms = min(reach_ms, until_ms)
        space = f"device:{device_id}"
        for point_id, row in of_device.items():
            complete = msgspec.structs.replace(row, plan_until_s=until_ms // 1_000)
            found[space, int(Kind.CHECKPOINT), number_key(point_id)] = _body(point_id, complete), ""
        for checkpoint_id, key in places.items() if is_carried else ():
            found[space, int(Kind.PLACE), bytes(key)] = _body(key, PlaceRow(checkpoint_id)), ""
        for key, event_row in events.items():
            found[space, int(Kind.EVENT_CARD), bytes(key)] = _body(key, event_row), ""
        for card in held:
            guard_row = GuardRow(closed=True) if card.closed else GuardRow(of_card[card.card_id])
            for key in card.keys:
                body = _body(key, guard_row), f"{_OWNER}{card.card_id}"
                found[space, int(Kind.GUARD), bytes(key)] = body
    return found, reach_ms


def _points(site_id: int) -> dict[int, dict[int, CheckpointRow]]:
    """The patrol points of each device, by the number of the point, as yet without a plan."""
    found: dict[int, dict[int, CheckpointRow]] = defaultdict(dict)
    fixed = Checkpoint.select(AccessPoint.device, AccessPoint.id, Checkpoint.id).join(AccessPoint)
    for device_id, point_id, number in fixed.where((Checkpoint.site == site_id) & Checkpoint.active).tuples():
        found[device_id][point_id] = CheckpointRow(number)
    carried = CarriedUnit.select(AccessPoint.device, AccessPoint.id, CarriedUnit.idle_min).join(AccessPoint)
    for device_id, point_id, idle_min in carried.where(
        (CarriedUnit.site == site_id) & CarriedUnit.taken_at.is_null()
    ).tuples():
        found[device_id][point_id] = CheckpointRow(0, carried=True, round_idle_s=idle_min * 60)
    return found


def _body(key: CardKey | int, row: Row) -> bytes:
    return put(key, row).body


def guards_cards(site_id: int) -> list[Held]:
    """The cards of the active guards of an estate that are in use: a lost or suspended one is no guard's."""
    off = CardSwitchedOff.select(CardSwitchedOff.card).where(CardSwitchedOff.sub_system == "patrol")
    closed = {card_id for (card_id,) in off.tuples()}
    query: Any = (
        Card.select(Card, Guard.id.alias("guard_id"))
        .join(Guard, on=(Guard.person == Card.person), attr="guard")
        .where((Guard.site == site_id) & Guard.active & (Card.holding == Holding.IN_USE.value))
        .order_by(Card.id)
    )
    return [
        Held(
            card.id,
            card.guard.guard_id,
            tuple(card_rows.keys_of(card)),
            _ms(card.valid_from),
            _ms(card.valid_until),
            card.id in closed,
        )
        for card in query
        if not card.state.reasons
    ]


def _ms(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp() * 1_000)


def _visits(site_id: int, from_ms: int) -> list[Visit]:
    """Every visit of the estate whose window may touch the span."""
    plans = RoutePlan.select().join(Route).where(Route.site == site_id)
    versions = [msgspec.convert(row.plan, RouteVersion) for row in plans]
    until_ms = from_ms + HORIZON_DAYS * _DAY_MS
    found = expand(versions, calendar_of(site_id), from_ms - _WINDOW_MS, until_ms + _WINDOW_MS)
    return [visit for visit in found if visit.closes_ms >= from_ms and visit.opens_ms < until_ms]


def visits_of(
    visits: Iterable[Visit], held: Collection[Held], from_ms: int, reliefs: Collection[Relief] = ()
) -> tuple[Mapping[int, tuple[tuple[int, int, int, int, int, int], ...]], int]:
    """(of these visits those of each card as its row has them, until when they are complete).

    A visit is left out from the instant on at which the first row would be too long: up to there every device tells right.
    """
    until_ms = from_ms + HORIZON_DAYS * _DAY_MS
    of_guard: dict[int, list[Visit]] = {card.guard: [] for card in held}
    everybody = tuple(of_guard)
    for visit in sorted(visits, key=lambda visit: visit.opens_ms):
        assigned = visit.round.guards or everybody
        relieving = [
            relief.guard
            for relief in reliefs
            if relief.route == visit.round.route and relief.from_ms <= visit.planned_ms < relief.until_ms
        ]
        for guard in {*assigned, *relieving}:
            if guard in of_guard:
                of_guard[guard].append(visit)
    for found in of_guard.values():
        if len(found) > VISITS_PER_GUARD_MAX:
            until_ms = min(until_ms, found[VISITS_PER_GUARD_MAX].opens_ms)
    rows = {
        card.card_id: tuple(
            _row(visit)
            for visit in of_guard[card.guard]
            if visit.opens_ms < until_ms
            and card.from_ms <= visit.planned_ms
            and (not card.until_ms or visit.planned_ms < card.until_ms)
        )
        for card in held
    }
    return rows, until_ms


def _row(visit: Visit) -> tuple[int, int, int, int, int, int]:
    """A visit as ``GuardRow`` has it."""
    planned_ms = visit.planned_ms
    return (
        visit.checkpoint,
        planned_ms // 1_000,
        (planned_ms - visit.early_ms) // 1_000,
        (visit.late_ms - planned_ms) // 1_000,
        (planned_ms - visit.opens_ms) // 1_000,
        (visit.closes_ms - planned_ms) // 1_000,
    )


# -- what other sub-systems change -----------------------------------------------------------------------------------


def _cards_changed(card_ids: Collection[int], revision: publish.Revision) -> None:
    """Cards that are a guard's, or were: another holder, another state, another validity."""
    query = Guard.select(Guard.site).join(Card, on=(Card.person == Guard.person)).where(Card.id.in_(card_ids))
    sites = {number for (number,) in query.distinct().tuples()}
    owners = [f"{_OWNER}{number}" for number in card_ids]
    spaces = PublishedRow.select(PublishedRow.space).where(PublishedRow.owner.in_(owners)).distinct().tuples()
    devices = [int(space.removeprefix("device:")) for (space,) in spaces]
    if devices:
        of_devices = Device.select(Device.site).where(Device.id.in_(devices)).distinct()
        sites |= {number for (number,) in of_devices.tuples()}
    for number in sorted(sites):
        _site_changed(number, revision)


def _site_changed(site_id: int, revision: publish.Revision) -> None:
    """The calendar or the zone of an estate, or cards of its guards; the span stays as it is."""
    span = PlanSpan.get_or_none(PlanSpan.site == site_id)
    if span is not None:
        _publish(site_id, span.from_ms, revision)


def _is_guards(card: Card) -> bool:
    return bool(Guard.select().where((Guard.person == card.person_id) & Guard.active).exists())


entitlements.register_by_person("patrol", _is_guards)
publish.card_followers.append(_cards_changed)
publish.site_followers.append(_site_changed)

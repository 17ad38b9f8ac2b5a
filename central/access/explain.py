"""Why was this refused, and what would change it? Answered by the function that the device itself decides with (B6).

Runs inside ``db.read``. Only the rows of one card and one reader go into the View, so the cost does not depend on how
many cards there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import peewee

from central.access import rows, terminals
from central.access.model import AccessEvent, AccessLevel, AccessPoint, Area, Door, LevelEntry, Schedule
from central.access.passages import went_through
from central.cards.credentials import tier_of, zone_bits
from central.cards.entitlements import levels_of
from central.cards.limits import devices_of
from central.cards.model import Card
from central.cards.rows import card_of_key, rows_of
from central.web.i18n import LazyText, lazy
from protocol.decide import Decision, Instant, PointState, Presentation, Trust, decide
from protocol.door_rows import PIN_PROOFS_LENGTH, SALT_LENGTH
from protocol.ids import Tier
from protocol.pin import COST
from protocol.reasons import Reason
from protocol.records import Change, Kind, Mode, PinRow, Revisions, put
from protocol.rules.door_modes import InForce, at_point
from protocol.rules.doors import NO_RULE_STATE, RuleState
from protocol.rules.passback import Place, Places
from protocol.schedule import ALWAYS
from protocol.view import View

NEXT_OPENING_WITHIN: Final = timedelta(days=8)
"""How far ahead the next moment is looked for at which the card would open."""
_STEP: Final = timedelta(minutes=5)
_REVISIONS: Final = Revisions(1, 1, 1, 0)
SOME_PIN: Final = msgspec.msgpack.encode(PinRow(bytes(PIN_PROOFS_LENGTH), bytes(SALT_LENGTH), COST))
"""Stands for the PIN of a card: that it has one is all that is asked here."""

REMEDY: Final[dict[Reason, LazyText]] = {
    Reason.UNKNOWN_CARD: lazy("Issue this card to somebody."),
    Reason.NOT_CONFIGURED: lazy("Assign this reader to a door."),
    Reason.CARD_LOST: lazy(
        "If the card has been found, lift the loss report after checking the holder's identity."
    ),
    Reason.CARD_STOLEN: lazy(
        "If the card has been found, lift the loss report after checking the holder's identity."
    ),
    Reason.CARD_DAMAGED: lazy("Give the holder another card."),
    Reason.CARD_SUSPENDED: lazy("Resume the card."),
    Reason.CARD_REPLACED: lazy("This card stays dead for ever; its holder has a newer one."),
    Reason.CARD_RETURNED: lazy("Put the card back into stock and issue it again."),
    Reason.CARD_CANCELLED: lazy("This card stays dead for ever; issue another one."),
    Reason.RIGHTS_CHANGING: lazy("Wait until the new rights have been delivered to this device."),
    Reason.SUPERSEDED_ISSUE: lazy("Use the newest issue of this card."),
    Reason.NOT_YET_VALID: lazy("Rewrite the card with an earlier first valid day."),
    Reason.EXPIRED: lazy("Rewrite the card with a later last valid day."),
    Reason.NO_ACCESS_HERE: lazy("Give the card an access level that has this reader."),
    Reason.OUTSIDE_SCHEDULE: lazy(
        "Come within the permitted hours, or change the schedule of the access level."
    ),
    Reason.TIME_UNKNOWN: lazy("Connect the device, so that it learns the time."),
    Reason.TIER_TOO_LOW: lazy("Give the holder a card with a key, or lower what this reader asks for."),
    Reason.CLONE_SUSPECTED: lazy("Look at the card: two cards may answer with one number."),
    Reason.SEVERAL_CARDS: lazy("Show one card at a time."),
    Reason.RANDOM_UID: lazy("This card or telephone changes its number each time; issue a card."),
    Reason.DOOR_BLOCKED: lazy("Put the door back to normal."),
    Reason.BLOCKED_BY_SCHEDULE: lazy(
        "Come outside the hours in which the door is blocked, or change them; until then a rule by hand opens it to cards."
    ),
    Reason.LOCKED_DOWN: lazy("End the lock-down."),
    Reason.STORAGE_UNUSABLE: lazy("Have the device's storage card replaced."),
    Reason.READER_FAULT: lazy("Have the reader checked."),
    Reason.WRONG_TRIES: lazy("Wait half a minute and show the card again."),
    Reason.CARD_UNREADABLE: lazy("Show the card again, flat and without a wallet; if it stays so, swap it."),
    Reason.CREDENTIAL_MISSING: lazy(
        "Look at the card: if it is the holder's own, show it again or swap it; if not, somebody has copied its number."
    ),
    Reason.SUB_SYSTEM_CLOSED: lazy("Rewrite the card and tick the sub-system of this device."),
    Reason.BALANCE_UNKNOWN: lazy("Connect the till, so that it learns what lies on this card."),
    Reason.NOT_ENOUGH_MONEY: lazy("Top up the card."),
    Reason.NO_MEAL_NOW: lazy("Come at a meal time, or change the meals of this till."),
    Reason.MEAL_TAKEN: lazy("Come at the next meal, or allow more of this meal at the till."),
    Reason.TOO_SOON: lazy("Show the card again a little later."),
    Reason.OVER_TRANSACTION_LIMIT: lazy("Change the limit of one payment at the till."),
    Reason.OVER_DAY_LIMIT: lazy("Come tomorrow, or change the limit of one day at the till."),
    Reason.OVER_OFFLINE_LIMIT: lazy("Connect the till; without network it sells a limited amount only."),
    Reason.OFFLINE_TOO_LONG: lazy("Connect the till; it has been without network for too long."),
    Reason.BALANCE_NEGATIVE: lazy("Top up the card; below zero it pays nothing without network."),
    Reason.NOTHING_TO_UNDO: lazy("Only the last payment of a card at the same till can be undone, once."),
    Reason.INTERLOCK: lazy("Wait until the other door is shut and locked."),
    Reason.SECOND_PERSON: lazy("Have a second person show a card within 15 seconds."),
    Reason.PIN_MISSING: lazy("Show the card, then type its PIN and # within 10 seconds."),
    Reason.PIN_WRONG: lazy("Show the card and type the PIN again, or set another one at the card."),
    Reason.PIN_NOT_SET: lazy("Set a PIN at the card."),
    Reason.AREA_FULL: lazy("Wait until somebody comes out, or raise the limit of the area."),
    Reason.LIMIT_CUT_OFF: lazy(
        "Connect the device, or let the area open while the number inside is not known."
    ),
    Reason.ESCORT: lazy(
        "Have somebody who may escort show a card at the same reader within 15 seconds, before or after."
    ),
    Reason.PASSBACK: lazy(
        "Show the card at the reader that leads out, or have everybody's place in the area forgotten."
    ),
    Reason.USES_EXHAUSTED: lazy("Rewrite the card with a higher number of uses, or take it back."),
}
"""What an operator or the holder can do about each refusal."""
BY_THE_HOUR: Final = frozenset({Reason.OUTSIDE_SCHEDULE, Reason.NOT_YET_VALID, Reason.BLOCKED_BY_SCHEDULE})
"""Refusals that end by themselves."""
LIMITED: Final = lazy("This card works at other devices only; rewrite it if it shall work here.")
assert REMEDY.keys() == {reason for reason in Reason if reason >= Reason.UNKNOWN_CARD}


@dataclass(frozen=True)
class Answer:
    """What this card would get at this reader at a moment, by the settings as they are now."""

    reason: Reason
    remedy: LazyText | None
    schedules: tuple[str, ...] = ()
    """Schedules by which the card may open here."""
    levels: tuple[str, ...] = ()
    """Access levels that have this reader, when the card has none of them."""
    next_opening_at: datetime | None = None
    """The next moment at which it would open, when only the hour is wrong."""


def ask(key: bytes, point_id: int, at: datetime, mode: Mode | None = None) -> Answer:
    """Would the card with this key open this reader at that moment? ``mode`` None: by the settings and schedules of the door.

    A reader that does not exist or is neither a door's nor a terminal answers "not set up".
    """
    point_row = AccessPoint.get_or_none(AccessPoint.id == point_id)
    card = card_of_key(key)
    view = _view(card, point_row) if point_row is not None else View()
    point = view.access_points.get(point_id) or view.terminals.get(point_id)
    if point_row is None or point is None:
        return Answer(Reason.NOT_CONFIGURED, REMEDY[Reason.NOT_CONFIGURED])
    state = PointState()
    if point.rules is not None and card is not None:
        state = msgspec.structs.replace(state, rules=_rule_state(card, view, key, point_row, at))
    shown = _presentation(key, card, view)

    def at_moment(moment: datetime) -> Decision:
        instant = Instant(utc_ms=int(moment.timestamp() * 1_000), trust=Trust.TRUSTED)
        found = at_point(point, view, instant) if mode is None else InForce(mode)
        in_force = msgspec.structs.replace(state, mode=found.mode, mode_schedule=found.schedule)
        return decide(shown, view, point, in_force, instant)

    decision = at_moment(at)
    if decision.granted:
        return Answer(decision.reason, None, _schedule_names(view, decision, point_id, card))
    next_opening = None
    if decision.reason in BY_THE_HOUR:
        next_opening = _next_opening(at, at_moment)
    is_limited = decision.reason is Reason.NO_ACCESS_HERE and not _reaches(card, point_row)
    return Answer(
        decision.reason,
        LIMITED if is_limited else REMEDY[decision.reason],
        _schedule_names(view, decision, point_id, card),
        _level_names(point_id) if decision.reason is Reason.NO_ACCESS_HERE and not is_limited else (),
        next_opening,
    )


def ask_again(event: AccessEvent) -> Answer | None:
    """The same presentation as in a stored event, by the settings as they are now; None when no card was read."""
    if event.key is None or event.point_id is None:
        return None
    return ask(bytes(event.key), event.point_id, event.at)


def _rule_state(card: Card, view: View, key: bytes, point: AccessPoint, at: datetime) -> RuleState:
    """Where the holder was at that moment by what this device and those that share areas with it have recorded."""
    row = view.card(key)
    if row is None:
        return NO_RULE_STATE
    devices = [point.device_id, *rows.sharing().get(point.device_id, ())]
    went = (
        AccessEvent.select(AccessEvent.at, AccessEvent.leaving, Door.inside, Door.outside)
        .join(Door)
        .where(
            AccessEvent.device.in_(devices)
            & (AccessEvent.person == card.person_id if card.person_id else AccessEvent.card == card.id)
            & (AccessEvent.at <= at)
            & went_through()
            & (Door.inside.is_null(False) | Door.outside.is_null(False))
        )
        .order_by(AccessEvent.at.desc(), AccessEvent.seq.desc())
        .tuples()
        .first()
    )
    if went is None:
        return NO_RULE_STATE
    went_at, leaving, inside, outside = went
    resets = Area.select(peewee.fn.MAX(Area.reset_at)).where(Area.reset_at <= went_at)
    known = rows.reset_no(resets.scalar())
    place = Place((outside if leaving else inside) or 0, int(went_at.timestamp() * 1_000), known)
    return RuleState(Places().with_(row.holder, place))


def _view(card: Card | None, point: AccessPoint) -> View:
    changes: list[Change] = []
    levels: set[int] = set()
    if card is not None:
        reaches = _reaches(card, point)
        for entry in rows_of(card, levels_of(card.id) if reaches else (), ()):
            if entry.card is not None:
                changes.append(put(entry.key, entry.card))
                levels |= set(entry.card.levels)
            if entry.uses is not None:
                changes.append(put(entry.key, entry.uses))
            if entry.hours is not None:
                changes.append(put(entry.key, entry.hours))
            if entry.pin is not None:
                changes.append(Change(Kind.PIN.value, entry.key, SOME_PIN))
            if entry.restriction is not None:
                changes.append(put(entry.key, entry.restriction))
    schedules: set[int] = set()
    for level in sorted(levels):
        row = rows.level_row(level, {point.id})
        if row is not None:
            changes.append(put(level, row))
            schedules |= {schedule for _, schedule in row.entries}
    door_rules, areas = rows.rule_rows(point.device_id)
    schedules |= rows.schedules_of_doors(point.device_id)
    for schedule in sorted(schedules - {ALWAYS}):
        periods = rows.schedule_row(schedule)
        if periods is not None:
            changes.append(put(schedule, periods))
    site_id = point.device.site_id
    changes.append(put(0, rows.site_row(site_id)))
    changes.extend(put(ordinal, day) for ordinal, day in rows.special_day_rows(site_id).items())
    if point.door_id is not None:
        _, number, door = rows.door_row(point.door_id)
        if door is not None:
            changes.append(put(number, door))
    changes.extend(put(number, row) for number, row in door_rules.items())
    changes.extend(put(number, row) for number, row in areas.items())
    changes.append(put(point.id, rows.point_rows(point.device_id)[point.id]))
    for of_kind in terminals.rows_of(point.device).values():
        changes.extend(put(number, row) for number, row in of_kind.items() if number == point.id)
    changes.extend(rows.readable_zone_rows(point.device_id))
    return View().apply(changes, _REVISIONS)


def _reaches(card: Card | None, point: AccessPoint) -> bool:
    """The card is not limited to other devices than the one of this reader (39)."""
    devices = devices_of(card.id) if card is not None else ()
    return not devices or point.device_id in devices


def _next_opening(after: datetime, at_moment: Callable[[datetime], Decision]) -> datetime | None:
    step = timedelta(seconds=_STEP.total_seconds() - after.timestamp() % _STEP.total_seconds())
    moment = after + step
    while moment < after + NEXT_OPENING_WITHIN:
        if at_moment(moment).granted:
            return moment
        moment += _STEP
    return None


def presentation(
    key: bytes,
    view: View,
    *,
    uid: bytes | None = None,
    issue_no: int = 0,
    tier: Tier = Tier.CLASSIC_MAC,
    zones: int = 0,
) -> Presentation:
    """What the reader would find: the UID alone where the credential of the card is not read.

    :param key: what the card is known by. :param zones: where its credential is read, as ``CardRow.zones``.
    """
    if key[:1] != b"C":
        return Presentation(uid=key[1:])
    if uid is not None and not zones & view.zones_read:
        return Presentation(uid=uid)
    return Presentation(uid=b"", credential_id=key[1:], issue_no=issue_no, tier=tier)


def _presentation(key: bytes, card: Card | None, view: View) -> Presentation:
    if card is None:
        return presentation(key, view)
    uid = None if card.uid is None else bytes(card.uid)
    return presentation(key, view, uid=uid, issue_no=card.issue_no, tier=tier_of(card), zones=zone_bits(card))


def _schedule_names(view: View, decision: Decision, point_id: int, card: Card | None) -> tuple[str, ...]:
    row = view.card(decision.key)
    if row is None or card is None:
        return ()
    numbers = sorted(set(view.schedules_at(row.levels, point_id)))
    found = dict(Schedule.select(Schedule.id, Schedule.name).where(Schedule.id.in_(numbers)).tuples())
    return tuple(found[number] for number in numbers if number in found)


def _level_names(point_id: int) -> tuple[str, ...]:
    query = (
        AccessLevel.select(AccessLevel.name)
        .join(LevelEntry)
        .where((LevelEntry.point == point_id) & AccessLevel.active)
        .order_by(AccessLevel.name)
        .distinct()
        .tuples()
    )
    return tuple(name for (name,) in query)

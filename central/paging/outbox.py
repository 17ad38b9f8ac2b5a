"""What is to be told, and what waits to be sent. Inside ``db``.

``look`` decides and counts in one transaction, so that no alarm is told twice by two processes or over a restart; each message
is then sent by whoever claims it. A message whose alarms somebody has acknowledged meanwhile is not sent any more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from central import settings
from central.access import alarms
from central.access.alarm_kinds import Severity, kinds_from
from central.access.model import AlarmAcknowledgement, AlarmState
from central.db import announce
from central.paging import rules, texts
from central.paging.model import PagedAlarm, PagingAttempt, PagingContact, PagingMessage, PagingRule
from central.paging.rules import Way
from central.sites.model import Site
from central.sites.scope import Grant, Scope
from central.web.catalogue import Language
from central.webhooks import outbox as webhooks
from central.webhooks.model import Delivery, Webhook

WAITING: Final = "paging.waiting"
"""Announced when a message was put down."""
ALARMS_AT_ONCE_MAX: Final = 1_000
LEASE_S: Final = 90
SEND_AT_ONCE_MAX: Final = 4
KEPT_DAYS: Final = 180
"""Messages and their answers stand on the page for so long."""
ANSWER_CHARS_MAX: Final = 200


def has_work(now: datetime) -> bool:
    """Is there anything to tell? Cheap, and inside ``db.read``."""
    zones = _zones()
    return any(_due(rule, now, zones) for rule in PagingRule.select().where(PagingRule.enabled))


def look(now: datetime, url: str) -> int:
    """Put down what is to be told now; how many messages that are.

    :param url: of the centre, to be named in the message; may be empty.
    """
    zones, count = _zones(), 0
    for rule in PagingRule.select().where(PagingRule.enabled).order_by(PagingRule.id):
        due = _due(rule, now, zones)
        if not due:
            continue
        contacts = list(
            PagingContact.select()
            .where(PagingContact.id.in_(rule.contacts) & PagingContact.enabled)
            .order_by(PagingContact.id)
        )
        told = []
        for row, before in due:
            nth = 1 + (before[0] if before else 0)
            line = alarms.line_of(row)
            place = line.place or line.device_label
            told.append(
                texts.Told(
                    row.kind, place, row.raised_at, row.cleared_at is not None, zones[row.site_id], nth
                )
            )
            PagedAlarm.insert(
                rule=rule.id,
                device=row.device_id,
                node_epoch=row.node_epoch,
                seq=row.seq,
                count=nth,
                last_at=now,
            ).on_conflict(
                conflict_target=[
                    PagedAlarm.rule,
                    PagedAlarm.device,
                    PagedAlarm.node_epoch,
                    PagedAlarm.seq,
                ],
                update={PagedAlarm.count: nth, PagedAlarm.last_at: now},
            ).execute()
        keys = [[row.device_id, row.node_epoch, row.seq] for row, _before in due]
        for contact in contacts:
            for way in map(Way, rule.ways):
                if not _address(contact, way):
                    continue
                message = texts.written(
                    told,
                    way,
                    Language(contact.language),
                    organisation=settings.get("organisation_name"),
                    url=f"{url}/alarms" if url else "",
                    times_max=rule.times_max,
                )
                _put(contact, way, message, now, rule, keys)
                count += 1
        PagingRule.update(last_at=now).where(PagingRule.id == rule.id).execute()
    if count:
        announce(WAITING, {})
    return count


def told(keys: Collection[alarms.Key]) -> dict[alarms.Key, tuple[int, datetime]]:
    """Of these alarms those that somebody was told of: how often, over all rules, and when last."""
    found: dict[alarms.Key, tuple[int, datetime]] = {}
    wanted = PagedAlarm.device.in_({key[0] for key in keys}) & PagedAlarm.seq.in_({key[2] for key in keys})
    for row in PagedAlarm.select().where(wanted):
        key = (row.device_id, row.node_epoch, row.seq)
        count, at = found.get(key, (0, row.last_at))
        found[key] = (count + row.count, max(at, row.last_at))
    return found


alarms.told_sources.append(told)


def test(contact: PagingContact, now: datetime) -> int:
    """A test message by every way that the contact has; how many that are."""
    ways = [way for way in Way if _address(contact, way)]
    for way in ways:
        organisation = settings.get("organisation_name")
        _put(contact, way, texts.trial(way, Language(contact.language), organisation=organisation), now)
    announce(WAITING, {})
    return len(ways)


def _zones() -> dict[int, ZoneInfo]:
    return {site.id: ZoneInfo(site.zone) for site in Site.select()}


def _due(
    rule: PagingRule, now: datetime, zones: dict[int, ZoneInfo]
) -> list[tuple[Any, tuple[int, datetime] | None]]:
    """Alarms to be told by a rule now, each with how often it was and when last."""
    if not rule.contacts or not rules.may_speak(rule, now):
        return []
    wanted = (
        alarms.is_open_condition()
        & AlarmState.kind.in_(kinds_from(Severity(rule.severity)))
        & (AlarmState.raised_at <= now - timedelta(minutes=rule.after_min))
    )
    if not rule.also_over:
        wanted &= AlarmState.cleared_at.is_null()
    rows = (
        alarms.query(Scope.of([Grant(rule.site_id, rule.organisation_id)]))
        .select_extend(
            AlarmState.site.alias("site_id"),
            PagedAlarm.count.alias("told_count"),
            PagedAlarm.last_at.alias("told_at"),
        )
        .left_outer_join(
            PagedAlarm,
            on=(
                (PagedAlarm.rule == rule.id)
                & (PagedAlarm.device == AlarmState.device)
                & (PagedAlarm.node_epoch == AlarmState.node_epoch)
                & (PagedAlarm.seq == AlarmState.seq)
            ),
        )
        .where(wanted & (PagedAlarm.count.is_null() | (PagedAlarm.count < rule.times_max)))
        .order_by(*alarms.gravest_first())
        .limit(ALARMS_AT_ONCE_MAX)
    )
    found = []
    for row in rows.namedtuples():
        before = None if row.told_count is None else (row.told_count, row.told_at)
        if rules.is_due(rule, row.raised_at, before, now, zones[row.site_id]):
            found.append((row, before))
    return found


def _address(contact: PagingContact, way: Way) -> Any:
    """Where the contact is reached by this way; empty where not."""
    return {Way.EMAIL: contact.email, Way.SMS: contact.phone, Way.WEBHOOK: contact.webhook_id}[way]


def _put(
    contact: PagingContact,
    way: Way,
    message: texts.Message,
    now: datetime,
    rule: PagingRule | None = None,
    keys: Sequence[list[int]] = (),
) -> None:
    number = PagingMessage.insert(
        site=contact.site_id,
        organisation=contact.organisation_id,
        contact=contact.id,
        rule=None if rule is None else rule.id,
        way=way.value,
        subject=message.subject,
        text=message.text,
        alarms=list(keys),
        created_at=now,
    ).execute()
    if way is Way.WEBHOOK:
        _hand_on(int(number), contact, message, now)


def _hand_on(number: int, contact: PagingContact, message: texts.Message, now: datetime) -> None:
    """A program is told by the outbox of its address, which signs, repeats and shows what became of it."""
    body = {"id": f"message.{number}", "kind": "alarm.message", "at": now, "to": contact.label}
    body |= {"subject": message.subject, "text": message.text}
    is_used = Webhook.get_by_id(contact.webhook_id).enabled
    if is_used:
        Delivery.insert(
            webhook=contact.webhook_id,
            event=body["id"],
            kind=body["kind"],
            body=msgspec.json.encode(body).decode(),
            created_at=now,
        ).on_conflict_ignore().execute()
        announce(webhooks.WAITING, {"ids": [contact.webhook_id]})
    PagingMessage.update(state="handed_on" if is_used else "given_up", done_at=now).where(
        PagingMessage.id == number
    ).execute()


# -- sending ----------------------------------------------------------------------------------------------------------


def due(now: datetime) -> list[int]:
    """Messages that may be sent now, the oldest first."""
    free = PagingMessage.busy_until.is_null() | (PagingMessage.busy_until <= now)
    ready = PagingMessage.next_at.is_null() | (PagingMessage.next_at <= now)
    rows = (
        PagingMessage.select(PagingMessage.id)
        .where((PagingMessage.state == "waiting") & free & ready)
        .order_by(PagingMessage.id)
        .limit(SEND_AT_ONCE_MAX)
    )
    return [number for (number,) in rows.tuples()]


def claim(number: int, now: datetime) -> tuple[PagingMessage, PagingContact] | None:
    """Take a message for sending; None when another process was first, or nobody needs it any more."""
    free = PagingMessage.busy_until.is_null() | (PagingMessage.busy_until <= now)
    mine = (PagingMessage.id == number) & (PagingMessage.state == "waiting") & free
    if not PagingMessage.update(busy_until=now + timedelta(seconds=LEASE_S)).where(mine).execute():
        return None
    message = PagingMessage.get_by_id(number)
    if message.alarms and all(map(_is_acknowledged, message.alarms)):
        _done(number, "not_needed", now)
        return None
    return message, PagingContact.get_by_id(message.contact_id)


def _is_acknowledged(key: list[int]) -> bool:
    device, node_epoch, seq = key
    found = AlarmAcknowledgement.get_or_none(device=device, node_epoch=node_epoch, seq=seq)
    return found is not None


def settled(number: int, received: bool, answer: str, now: datetime, wait_s: int, give_up_s: int) -> None:
    """A try was made: it was received, or it is tried again later, or given up."""
    PagingAttempt.create(message=number, at=now, received=received, answer=_one_line(answer))
    PagingMessage.update(tries_count=PagingMessage.tries_count + 1, busy_until=None).where(
        PagingMessage.id == number
    ).execute()
    if received:
        _done(number, "sent", now)
    elif now - PagingMessage.get_by_id(number).created_at >= timedelta(seconds=give_up_s):
        _done(number, "given_up", now)
    else:
        PagingMessage.update(next_at=now + timedelta(seconds=wait_s)).where(
            PagingMessage.id == number
        ).execute()
    old = now - timedelta(days=KEPT_DAYS)
    PagingMessage.delete().where(
        (PagingMessage.state != "waiting") & (PagingMessage.created_at < old)
    ).execute()
    PagedAlarm.delete().where(PagedAlarm.last_at < old - timedelta(days=KEPT_DAYS)).execute()


def again(message: PagingMessage, now: datetime) -> None:
    """An operator wants what was given up sent after all, and now."""
    PagingMessage.update(state="waiting", done_at=None, next_at=None, created_at=now).where(
        (PagingMessage.id == message.id) & (PagingMessage.state == "given_up")
    ).execute()
    announce(WAITING, {})


def restored(at: datetime) -> None:
    """Inside the transaction of a restore: what waited then was sent long ago; alarms that are still open are told anew."""
    PagingMessage.update(state="not_needed", done_at=at).where(PagingMessage.state == "waiting").execute()


def _done(number: int, state: str, now: datetime) -> None:
    PagingMessage.update(state=state, done_at=now, busy_until=None, next_at=None).where(
        PagingMessage.id == number
    ).execute()


def _one_line(answer: str) -> str:
    text = "".join(c if c.isprintable() else " " for c in answer)
    return " ".join(text.split())[:ANSWER_CHARS_MAX]

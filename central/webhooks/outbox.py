"""What waits to be sent: put down in the transaction that stores the event, taken out when it was received. Inside ``db``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from peewee import JOIN, fn

from central.access import alarm_events
from central.access.model import AlarmEvent
from central.db import announce
from central.sites.scope import Grant
from central.sync.model import Enrolment, StoredFact
from central.webhooks import stream
from central.webhooks.model import Delivery, Webhook

WAITING: Final = "webhooks.waiting"
"""Announced with ``{"ids": [...]}``: there is something to send to these."""
WAITING_MAX: Final = 10_000
"""Events that wait for one address; what comes beyond is counted and left out, the page says so."""
EVENTS_PER_POST: Final = 50
KEPT_DAYS: Final = 7
"""Sent and given-up events stand on the page for so long."""
LEASE_S: Final = 30
TROUBLE_CHARS_MAX: Final = 200


def put(enrolment_id: int, first_seq: int, last_seq: int, received_ms: int) -> None:
    """Events of these facts, for every address that wants them; costs one small question where there is none."""
    hooks = list(Webhook.select().where(Webhook.enabled))
    if not hooks:
        return
    rows = list(
        StoredFact.select(StoredFact, Enrolment)
        .join(Enrolment)
        .where(
            (StoredFact.enrolment == enrolment_id)
            & StoredFact.seq.between(first_seq, last_seq)
            & StoredFact.kind.in_(stream.FACTS)
        )
        .order_by(StoredFact.id)
    )
    last_fact = StoredFact.select(fn.MAX(StoredFact.id)).scalar()
    found_out = list(AlarmEvent.select().where(AlarmEvent.after_fact == last_fact).order_by(AlarmEvent.id))
    events = [*stream.events_of(rows).values(), *stream.own_events_of(found_out).values()]
    _tell(hooks, events, datetime.fromtimestamp(received_ms / 1_000, UTC))


def put_own(event: AlarmEvent, now: datetime) -> None:
    """An alarm that the centre raised or ended itself."""
    if hooks := list(Webhook.select().where(Webhook.enabled)):
        _tell(hooks, list(stream.own_events_of([event]).values()), now)


alarm_events.followers.append(put_own)


def _tell(hooks: list[Webhook], events: list[stream.Event], at: datetime) -> None:
    told = [hook.id for hook in hooks if _put(hook, events, at)]
    if told:
        announce(WAITING, {"ids": told})


def _put(hook: Webhook, events: list[stream.Event], at: datetime) -> bool:
    grant = Grant(hook.site_id, hook.organisation_id)
    wanted = [e for e in events if e.kind in hook.kinds and grant.allows(e.estate, e.organisation)]
    if not wanted:
        return False
    room = max(0, WAITING_MAX - waiting_count(hook.id))
    if len(wanted) > room:
        dropped = len(wanted) - room
        Webhook.update(dropped_count=Webhook.dropped_count + dropped, dropped_at=at).where(
            Webhook.id == hook.id
        ).execute()
        wanted = wanted[:room]
    for event in wanted:
        Delivery.insert(
            webhook=hook.id,
            event=event.id,
            kind=event.kind,
            body=msgspec.json.encode(event).decode(),
            created_at=at,
        ).on_conflict_ignore().execute()
    return bool(wanted)


def waiting_count(hook_id: int) -> int:
    """Events that wait for this address."""
    mine = (Delivery.webhook == hook_id) & (Delivery.state == "waiting")
    return int(Delivery.select(fn.COUNT(Delivery.id)).where(mine).scalar())


def due(now: datetime) -> list[int]:
    """Addresses that something waits for, which nobody is sending to and which are not to be left alone for now."""
    query = (
        Webhook.select(Webhook.id)
        .join(Delivery, JOIN.INNER, on=((Delivery.webhook == Webhook.id) & (Delivery.state == "waiting")))
        .where(
            Webhook.enabled
            & (Webhook.busy_until.is_null() | (Webhook.busy_until <= now))
            & (Webhook.next_at.is_null() | (Webhook.next_at <= now))
        )
        .distinct()
    )
    return [number for (number,) in query.tuples()]


def claim(hook_id: int, now: datetime, give_up_s: int) -> tuple[Webhook, list[Delivery]] | None:
    """Take the oldest events for sending; None when another process was first. What waited too long is given up."""
    free = Webhook.busy_until.is_null() | (Webhook.busy_until <= now)
    busy_until = now + timedelta(seconds=LEASE_S)
    if (
        not Webhook.update(busy_until=busy_until)
        .where((Webhook.id == hook_id) & Webhook.enabled & free)
        .execute()
    ):
        return None
    mine = (Delivery.webhook == hook_id) & (Delivery.state == "waiting")
    too_old = Delivery.created_at <= now - timedelta(seconds=give_up_s)
    Delivery.update(state="given_up", done_at=now).where(
        mine & too_old & (Delivery.tries_count > 0)
    ).execute()
    hook = Webhook.get_by_id(hook_id)
    return hook, list(Delivery.select().where(mine).order_by(Delivery.id).limit(EVENTS_PER_POST))


def settled(hook_id: int, ids: list[int], trouble: str, now: datetime, wait_s: int) -> None:
    """They were received, or (``trouble``) not, and the address is left alone for so long."""
    these = Delivery.id.in_(ids) & (Delivery.state == "waiting")
    changes: dict[Any, Any] = {Webhook.busy_until: None}
    if trouble:
        trouble = trouble[:TROUBLE_CHARS_MAX]
        Delivery.update(tries_count=Delivery.tries_count + 1, trouble=trouble).where(these).execute()
        changes |= {
            Webhook.fails_count: Webhook.fails_count + 1,
            Webhook.next_at: now + timedelta(seconds=wait_s),
            Webhook.trouble: trouble,
        }
    else:
        if ids:
            Delivery.update(
                state="sent", done_at=now, tries_count=Delivery.tries_count + 1, trouble=""
            ).where(these).execute()
            changes |= {Webhook.last_ok_at: now}
        changes |= {Webhook.fails_count: 0, Webhook.next_at: None}
    Webhook.update(changes).where(Webhook.id == hook_id).execute()
    old = now - timedelta(days=KEPT_DAYS)
    Delivery.delete().where((Delivery.state != "waiting") & (Delivery.done_at < old)).execute()


def again(hook_id: int, now: datetime) -> int:
    """An operator wants what was given up sent after all, and now; returns how many events that are."""
    given_up = (Delivery.webhook == hook_id) & (Delivery.state == "given_up")
    count = (
        Delivery.update(state="waiting", done_at=None, created_at=now, tries_count=0)
        .where(given_up)
        .execute()
    )
    Webhook.update(next_at=None, fails_count=0).where(Webhook.id == hook_id).execute()
    announce(WAITING, {"ids": [hook_id]})
    return int(count)

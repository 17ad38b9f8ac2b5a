"""清除門禁記錄 (61): what may be purged, what goes and what stays. Runs inside ``db``.

Gone are the events of the span and whose they were. What stays: the facts as links of their chains, without the card, so
that what a device signed can still be verified; alarms, remote openings with their reason, the audit trail; and everything
that is about money, which no door event is: a purge starts from events of doors and reaches nothing else (T5).
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

import peewee

from central import settings
from central.access import presence
from central.access.model import AccessEvent, PurgedEvents
from central.audit import Actor
from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.holds import holding
from central.holds.model import Hold
from central.sites.model import Site
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync import ingest
from central.web.i18n import LazyText, lazy

AT_ONCE_MAX: Final = 100_000
"""Events in one purge: nobody else can write while their facts lose the card."""
KEPT_DAYS: Final = 180
"""GB 50396-2007 asks for 180 days."""
KEPT_MONTHS: Final = 3


class Kept(Enum):
    """How long door records are kept at least."""

    PROFILE = "profile"
    """180 days, and nobody may set less: the compliance profile (GB 50396-2007) is on."""
    DAYS = "days"
    MONTHS = "months"
    """Three calendar months before the day of the purge, as the source has it."""


KEPT_WORDS: Final[dict[str, LazyText]] = {
    Kept.PROFILE.value: lazy("180 days, compliance profile on (GB 50396-2007)"),
    Kept.DAYS.value: lazy("180 days, no compliance profile"),
    Kept.MONTHS.value: lazy("Three calendar months, no compliance profile"),
}
KEPT: Final = "access.records_kept"
settings.DEFAULTS[KEPT] = Kept.PROFILE.value


def kept() -> Kept:
    """What is set."""
    return Kept(settings.get(KEPT))


def kept_from(rule: Kept, zone: ZoneInfo, now: datetime) -> datetime:
    """The beginning of the first local day whose records must stay."""
    today = now.astimezone(zone).date()
    first = months_before(today, KEPT_MONTHS) if rule is Kept.MONTHS else today - timedelta(days=KEPT_DAYS)
    return datetime.combine(first, time.min, zone)


def months_before(day: date, months: int) -> date:
    """The same day so many calendar months earlier, or the last day of that month where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class PurgePlan:
    """What a purge would take away."""

    site_id: int
    from_at: datetime
    until_at: datetime
    events_count: int
    counts: dict[str, int]
    held_count: int = 0
    """Records of the span that stay, because they are held (U11)."""
    held_for: tuple[str, ...] = ()


def purge_plan(
    centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime
) -> PurgePlan:
    """Look before a purge.

    :raises InvalidInputError: there is no such estate or span, it is too young, or holds too much for one purge.
    """
    _check_span(centre, scope, site_id, from_at, until_at)
    counts: dict[str, int] = {}
    holds = holding.in_force(site_id, from_at, until_at)
    rows = _events_in(site_id, from_at, until_at, holds).select(
        AccessEvent.source, AccessEvent.granted, peewee.fn.COUNT(AccessEvent.id)
    )
    for source, granted, count in rows.group_by(AccessEvent.source, AccessEvent.granted).tuples():
        name = source if granted else "refused"
        counts[name] = counts.get(name, 0) + count
    total = sum(counts.values())
    if total > AT_ONCE_MAX:
        raise InvalidInputError("More than 100,000 records. Choose a shorter period.")
    held = _in_span(site_id, from_at, until_at) & holding.covered(AccessEvent, holds)
    held_count = AccessEvent.select().where(held).count() if holds else 0
    return PurgePlan(
        site_id, from_at, until_at, total, counts, held_count, tuple(hold.about for hold in holds)
    )


def _check_span(centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime) -> None:
    check_place(scope, site_id)
    if not from_at < until_at:
        raise InvalidInputError("The end lies before the beginning.")
    zone = ZoneInfo(Site.get_by_id(site_id).zone)
    if until_at > kept_from(kept(), zone, centre.clock.now()):
        raise InvalidInputError("The period reaches into the time for which door records are kept.")


def purge(
    centre: Centre, scope: Scope, actor: Actor, plan: PurgePlan, reason: str, made_by: str
) -> PurgedEvents:
    """Purge what the plan has shown.

    :raises ConflictError: there is nothing to purge, or something else than what was confirmed.
    """
    _check_span(centre, scope, plan.site_id, plan.from_at, plan.until_at)
    holds = holding.in_force(plan.site_id, plan.from_at, plan.until_at)
    rows = _events_in(plan.site_id, plan.from_at, plan.until_at, holds)
    if rows.count() != plan.events_count:
        raise ConflictError("Meanwhile records have come. Please look again.")
    if not plan.events_count:
        raise ConflictError("There are no records in this period.")
    of_device: dict[int, list[tuple[int, int]]] = {}
    facts = rows.select(AccessEvent.device, AccessEvent.node_epoch, AccessEvent.seq)
    for device, node_epoch, seq in facts.order_by(
        AccessEvent.device, AccessEvent.node_epoch, AccessEvent.seq
    ).tuples():
        of_device.setdefault(device, []).append((node_epoch, seq))
    made: PurgedEvents = PurgedEvents.create(
        site=plan.site_id,
        from_at=plan.from_at,
        until_at=plan.until_at,
        through={str(device): list(which[-1]) for device, which in of_device.items()},
        kept=holding.kept(AccessEvent, holds, _in_span(plan.site_id, plan.from_at, plan.until_at)),
        counts=plan.counts,
        events_count=plan.events_count,
        reason=reason,
        made_at=centre.clock.now(),
        made_by=made_by,
    )
    gone = _in_span(plan.site_id, plan.from_at, plan.until_at) & ~holding.covered(AccessEvent, holds)
    AccessEvent.delete().where(gone).execute()
    for device, which in of_device.items():
        ingest.forget(device, which)
    presence.forget_older(plan.site_id, plan.until_at)
    centre.audit.record(
        actor,
        "access.purge",
        "door_purge",
        made.id,
        None,
        {
            "from": plan.from_at.isoformat(),
            "until": plan.until_at.isoformat(),
            "events": plan.events_count,
            "held": plan.held_count,
            "totals": plan.counts,
        },
        reason,
        site_id=plan.site_id,
    )
    return made


def set_kept(centre: Centre, actor: Actor, rule: Kept) -> None:
    """Set how long door records are kept."""
    before = kept()
    settings.put(KEPT, rule.value, centre.clock.now())
    centre.audit.record(actor, "access.retention", "system", "", {KEPT: before.value}, {KEPT: rule.value})


def _in_span(site_id: int, from_at: datetime, until_at: datetime) -> Any:
    return (AccessEvent.site == site_id) & (AccessEvent.at >= from_at) & (AccessEvent.at < until_at)


def _events_in(site_id: int, from_at: datetime, until_at: datetime, holds: list[Hold]) -> peewee.ModelSelect:
    """Events that a purge of this span takes away."""
    span = _in_span(site_id, from_at, until_at)
    return AccessEvent.select().where(span & ~holding.covered(AccessEvent, holds))


holding.RECORDS.append(AccessEvent)

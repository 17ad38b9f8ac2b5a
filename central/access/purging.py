"""清除門禁記錄 (61): what may be purged, what goes and what stays. Runs inside ``db``.

Gone are the events of the span and whose they were. What stays: the facts as links of their chains, without the card, so
that what a device signed can still be verified; alarms, remote openings with their reason, the audit trail; and everything
that is about money, which no door event is: a purge starts from events of doors and reaches nothing else (T5).
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import peewee

from central import settings
from central.access import presence, replaying
from central.access.model import AccessEvent, PurgedEvents
from central.audit import Actor
from central.centre import Centre
from central.errors import InvalidInputError
from central.holds import holding
from central.purges import purging
from central.purges.purging import Plan, check_span, look, rows_in
from central.sites.model import Site
from central.sites.scope import Scope
from central.sync import row_history
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


class PurgePlan(Plan, frozen=True, kw_only=True):
    """What a purge would take away, by what it was."""

    counts: dict[str, int]


def purge_plan(
    centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime
) -> PurgePlan:
    """Look before a purge.

    :raises InvalidInputError: there is no such estate or span, it is too young, or holds too much for one purge.
    """
    _check_span(centre, scope, site_id, from_at, until_at)
    plan = look(AccessEvent, site_id, from_at, until_at)
    if plan["records"] > AT_ONCE_MAX:
        raise InvalidInputError("More than 100,000 records. Choose a shorter period.")
    counts: dict[str, int] = {}
    rows = rows_in(AccessEvent, site_id, from_at, until_at).select(
        AccessEvent.source, AccessEvent.granted, peewee.fn.COUNT(AccessEvent.id)
    )
    for source, granted, count in rows.group_by(AccessEvent.source, AccessEvent.granted).tuples():
        name = source if granted else "refused"
        counts[name] = counts.get(name, 0) + count
    return PurgePlan(**plan, counts=counts)


def _check_span(centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime) -> None:
    check_span(scope, site_id, from_at, until_at)
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
    create = partial(PurgedEvents.create, counts=plan.counts, events_count=plan.records)
    made: PurgedEvents = purging.purge(centre, AccessEvent, plan, create, reason, made_by)
    presence.forget_older(plan.site_id, plan.until_at)
    row_history.prune(plan.site_id)
    replaying.forget_purged()
    centre.audit.record(
        actor,
        "access.purge",
        "door_purge",
        made.id,
        None,
        {
            "from": plan.from_at.isoformat(),
            "until": plan.until_at.isoformat(),
            "events": plan.records,
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


holding.RECORDS.append(AccessEvent)

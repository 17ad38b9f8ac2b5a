"""清除巡更記錄 (76): what may be purged, what goes and what stays. Runs inside ``db``."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import msgspec

from central.audit import Actor
from central.centre import Centre
from central.errors import InvalidInputError
from central.holds import holding
from central.purges import purging
from central.purges.purging import Plan, check_span, look
from central.rounds.judging import judgement
from central.rounds.marks import to_ms
from central.rounds.missed import calculated
from central.rounds.model import PatrolScan, PurgedSpan
from central.sites.scope import HEAD_OFFICE, Scope
from protocol.rules.patrol.calculate import Figures, Filters

KEPT: Final = timedelta(days=7)
"""Records younger than this cannot be purged: somebody may still have to look at them."""
STEP: Final = timedelta(days=31)
"""Totals are worked out for so long a part at a time."""


class PurgePlan(Plan, frozen=True, kw_only=True):
    """What a purge would take away, and what would remain: the totals of the visits."""

    totals: Figures


def purge_plan(
    centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime
) -> PurgePlan:
    """Look before a purge.

    :raises InvalidInputError: there is no such estate or span, or it is too young.
    """
    _check_span(centre, scope, site_id, from_at, until_at)
    totals = _totals(site_id, from_at, until_at, to_ms(centre.clock.now()))
    return PurgePlan(**look(PatrolScan, site_id, from_at, until_at), totals=totals)


def _check_span(centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime) -> None:
    check_span(scope, site_id, from_at, until_at)
    if until_at > centre.clock.now() - KEPT:
        raise InvalidInputError("Records of the last seven days are kept.")


def purge(
    centre: Centre, scope: Scope, actor: Actor, plan: PurgePlan, reason: str, made_by: str
) -> PurgedSpan:
    """The scans of the span go; their totals and every chain of records stay.

    The totals are those of the plan, which a read just made: judging a year while nobody else can write would take seconds.

    :raises ConflictError: there is nothing to purge, or something else than what was confirmed.
    """
    _check_span(centre, scope, plan.site_id, plan.from_at, plan.until_at)
    create = partial(PurgedSpan.create, totals=msgspec.to_builtins(plan.totals), scans_count=plan.records)
    made: PurgedSpan = purging.purge(centre, PatrolScan, plan, create, reason, made_by)
    centre.audit.record(
        actor,
        "patrol.purge",
        "patrol_purge",
        made.id,
        None,
        {
            "from": plan.from_at.isoformat(),
            "until": plan.until_at.isoformat(),
            "scans": plan.records,
            "held": plan.held_count,
            "totals": {name: count for name, count in made.totals.items() if count},
        },
        reason,
        site_id=plan.site_id,
    )
    return made


def _totals(site_id: int, from_at: datetime, until_at: datetime, now_ms: int) -> Figures:
    """The figures of the span; only from the first record on, so that a span without an end costs nothing."""
    totals = Figures()
    span = (PatrolScan.site == site_id) & (PatrolScan.at >= from_at) & (PatrolScan.at < until_at)
    first = PatrolScan.select().where(span).order_by(PatrolScan.at).first()
    begins = until_at if first is None else max(from_at, first.at - timedelta(days=1))
    while begins < until_at:
        ends = min(until_at, begins + STEP)
        found = judgement(HEAD_OFFICE, site_id, to_ms(begins), to_ms(ends), now_ms)
        part = calculated(found, Filters()).total
        for name in Figures.__struct_fields__:
            setattr(totals, name, getattr(totals, name) + getattr(part, name))
        begins = ends
    return totals


holding.RECORDS.append(PatrolScan)

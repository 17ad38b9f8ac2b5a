"""How far ahead patrol points know the plan. Inside ``db``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from central.patrol.model import PlanSpan
from central.sites.model import Site
from central.sites.scope import Scope

_DAY_MS: Final = 86_400_000


def spans_below_a_day(scope: Scope) -> list[tuple[str, datetime]]:
    """(estate, until when) where so many visits are due to one guard that a day of them does not fit at the points."""
    query = PlanSpan.select(PlanSpan.site, PlanSpan.until_ms).where(
        PlanSpan.until_ms - PlanSpan.from_ms < _DAY_MS
    )
    until_ms = dict(query.tuples())
    sites = scope.sites(Site.select().where(Site.id.in_(sorted(until_ms))).order_by(Site.name))
    return [(site.name, datetime.fromtimestamp(until_ms[site.id] / 1_000, UTC)) for site in sites]

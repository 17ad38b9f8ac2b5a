"""What a page about rounds asks for: an estate, a free span of time, and who, where and what narrows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from aiohttp import web

from central.centre import centre_of
from central.people.table import sites_in
from central.rounds.judging import SiteJudgement, judgement, names_of
from central.rounds.marks import to_ms
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web import formats
from central.web.days import day_start
from central.web.fields import Choices
from central.web.filters import ChoiceFilter, MomentFilter, MomentRange
from central.web.found import LEFT_OPEN, FoundView
from central.web.i18n import lazy

SPAN_DAYS_MAX: Final = 100
CHOICES_MAX: Final = 1_000


class Asker(msgspec.Struct, frozen=True):
    """Who asks, and when: what a list is found by."""

    scope: Scope
    now: datetime


def asker_of(request: web.Request) -> Asker:
    """The operator of a request, now."""
    return Asker(scope_of(request), centre_of(request).clock.now())


SITE: Final = ChoiceFilter("site", lazy("Estate"))
PERIOD: Final = MomentFilter("period", lazy("Period"), days_max=SPAN_DAYS_MAX)
ROUTE: Final = ChoiceFilter("route", lazy("Patrol route"))
GUARD: Final = ChoiceFilter("guard", lazy("Patrol guard"))
CHECKPOINT: Final = ChoiceFilter("checkpoint", lazy("Checkpoint"))


async def choices_of(request: web.Request) -> dict[str, Choices]:
    """What the filters offer: the estates of the operator, and what the asked one, or the first, has; and what is meant
    when estate or period are left open."""
    asker = asker_of(request)
    found = await centre_of(request).db.read(choices_in, asker.scope, request.query.get("site", ""))
    left_open: dict[str, str] = {"site": next((str(site) for site in found["site"]), "")}
    if not any(request.query.get(name) for name in PERIOD.parameters):
        for name, at in zip(PERIOD.parameters, span_of(asker.now, None), strict=True):
            left_open[name] = f"{formats.local(at):%Y-%m-%dT%H:%M}"
    shown: dict[str, Choices] = {**found, LEFT_OPEN: dict(left_open)}
    return shown


def choices_in(scope: Scope, site: str) -> dict[str, Choices]:
    """The same, inside ``db.read``."""
    sites = {str(number): name for number, name in sites_in(scope)}
    chosen = site if site in sites else next(iter(sites), "")
    found: dict[str, Choices] = {"site": sites, "route": {}, "guard": {}, "checkpoint": {}}
    if chosen:
        names = names_of(scope, int(chosen))
        for name, of in (("route", names.routes), ("guard", names.guards), ("checkpoint", names.checkpoints)):
            found[name] = dict([(str(number), word) for number, word in of.items()][:CHOICES_MAX])
    return found


def site_of(scope: Scope, view: FoundView) -> int:
    """The estate that is asked for, else the operator's first; 0 when there is none."""
    asked = view.asked("site")
    if asked is not None:
        return int(asked)
    return next((number for number, _name in sites_in(scope)), 0)


def span_of(now: datetime, value: MomentRange | None) -> tuple[datetime, datetime]:
    """The span that is asked for; an end that was left open is a day away, and both are yesterday and today."""
    today_on = formats.local(now).date()
    first, last = (None, None) if value is None else (value.from_at, value.until_at)
    if first is None:
        first = day_start(today_on - timedelta(days=1)) if last is None else last - timedelta(days=1)
    if last is None:
        last = max(day_start(today_on + timedelta(days=1)), first + timedelta(days=1))
        last = min(last, first + timedelta(days=SPAN_DAYS_MAX))
    return first, last


def judged_for(asker: Asker, view: FoundView) -> SiteJudgement | None:
    """The judgement that a view asks for; None when the operator has no estate."""
    site_id = site_of(asker.scope, view)
    if not site_id:
        return None
    from_at, until_at = span_of(asker.now, view.asked("period"))
    return judgement(asker.scope, site_id, to_ms(from_at), to_ms(until_at), to_ms(asker.now))


def number_asked(view: FoundView, name: str) -> int:
    """The number that a filter of choices asks for; 0 for any."""
    value: Any = view.asked(name)
    return 0 if value is None else int(value)

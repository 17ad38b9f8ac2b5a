"""The page of a purge: a look at what goes, then, with the number of records that was shown, the purge itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from central.audit import Actor
from central.centre import Centre, centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.table import sites_in
from central.purges.purging import Plan
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.web.fields import Choice, ChoiceField, HiddenField, MomentField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import LazyText, _, lazy
from central.web.render import settle

REASON_CHARS_MAX: Final = 200
SPANS_SHOWN: Final = 100


class PurgeForm(msgspec.Struct, kw_only=True):
    """What is to be purged. ``records``: how many were shown; empty before the look."""

    site: str
    from_at: datetime
    until_at: datetime
    reason: str
    records: str | None


def purge_form(until_hint: LazyText) -> Form[PurgeForm]:
    """The form of a purge; the hint stands at its end."""
    return Form(
        PurgeForm,
        ChoiceField("site", lazy("Estate")),
        MomentField("from_at", lazy("From")),
        MomentField("until_at", lazy("Until"), hint=until_hint),
        TextField("reason", lazy("Reason"), length_max=REASON_CHARS_MAX, is_wide=True),
        HiddenField("records", "", is_required=False, length_max=12),
    )


class Show(Protocol):
    """Draws the page: empty, with what is wrong, or with what would go."""

    def __call__(
        self, request: web.Request, form: BoundForm[PurgeForm] | None, plan: Any | None
    ) -> Awaitable[web.Response]: ...


class Look(Protocol):
    """What would go; inside ``db.read``."""

    def __call__(
        self, centre: Centre, scope: Scope, site_id: int, from_at: datetime, until_at: datetime
    ) -> Any: ...


class Purge(Protocol):
    """Purge it; inside ``db.write``."""

    def __call__(
        self, centre: Centre, scope: Scope, actor: Actor, plan: Any, reason: str, made_by: str
    ) -> Any: ...


def purging(
    form: Form[PurgeForm], look: Look, purge: Purge, show: Show
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """POST: the look, and with the number of records that was shown: the purge."""

    async def post(request: web.Request) -> web.Response:
        settle(request)
        centre, scope = centre_of(request), scope_of(request)
        bound = form.bind(await request.post(), {"site": await centre.db.read(sites_of, scope)})
        if not bound.is_valid:
            return await show(request, bound, None)
        value = bound.value
        try:
            plan: Plan = await centre.db.read(
                look, centre, scope, int(value.site), value.from_at, value.until_at
            )
            if value.records is None or value.records != str(plan.records):
                return await show(request, bound, plan)
            by = principal_of(request).name
            await centre.db.write(purge, centre, scope, actor_of(request), plan, value.reason, by)
        except (ConflictError, InvalidInputError) as error:
            bound.fail(_(str(error)))
            return await show(request, bound, None)
        raise web.HTTPSeeOther(request.path)

    return post


def sites_of(scope: Scope) -> list[Choice]:
    """The estates of which something may be purged."""
    return [Choice(str(number), name) for number, name in sites_in(scope)]


def spans_of(model: Any, scope: Scope) -> list[Any]:
    """What was purged before, the newest first."""
    query = model.select(model, Site).join(Site).order_by(model.id.desc()).limit(SPANS_SHOWN)
    return list(scope.filter(query, model))

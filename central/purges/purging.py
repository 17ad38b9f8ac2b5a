"""Records of a period go, with whose they were; what is held for the police stays (U11). Runs inside ``db``.

A sub-system that purges names its table of records (with ``site``, ``at``, ``device``, ``node_epoch``, ``seq``, ``person``,
``card`` and ``point``) and its table of purged spans. The facts stay as links of their chains, without the card: what a
device signed can still be verified, and a rebuild does not bring back what was purged.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import peewee

from central.centre import Centre
from central.errors import ConflictError, InvalidInputError
from central.holds import holding
from central.holds.model import Hold
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync import ingest


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a purge would take away."""

    site_id: int
    from_at: datetime
    until_at: datetime
    """Exclusive."""
    records: int
    held_count: int
    """Records of the span that stay, because they are held."""
    held_for: tuple[str, ...]


def check_span(scope: Scope, site_id: int, from_at: datetime, until_at: datetime) -> None:
    """
    :raises InvalidInputError: there is no such estate or span.
    """
    check_place(scope, site_id)
    if not from_at < until_at:
        raise InvalidInputError("The end lies before the beginning.")


def rows_in(model: Any, site_id: int, from_at: datetime, until_at: datetime) -> peewee.ModelSelect:
    """Records of a span that a purge takes away: without those that are held."""
    span = _span(model, site_id, from_at, until_at)
    holds = holding.in_force(site_id, from_at, until_at)
    return model.select().where(span & ~holding.covered(model, holds) if holds else span)


def look(model: Any, site_id: int, from_at: datetime, until_at: datetime) -> dict[str, Any]:
    """What a :class:`Plan` of this span says."""
    holds = holding.in_force(site_id, from_at, until_at)
    held = _span(model, site_id, from_at, until_at) & holding.covered(model, holds)
    return {
        "site_id": site_id,
        "from_at": from_at,
        "until_at": until_at,
        "records": rows_in(model, site_id, from_at, until_at).count(),
        "held_count": model.select().where(held).count() if holds else 0,
        "held_for": tuple(hold.about for hold in holds),
    }


def purge(centre: Centre, model: Any, plan: Plan, made: Callable[..., Any], reason: str, made_by: str) -> Any:
    """Purge what the plan has shown; whoever asks has checked its span, and writes the audit row.

    :param made: creates the row of the purged span from these fields and its own, and returns it.
    :returns: that row.
    :raises ConflictError: there is nothing to purge, something else than what was confirmed, or too much is held.
    """
    span = (plan.site_id, plan.from_at, plan.until_at)
    rows = rows_in(model, *span)
    if rows.count() != plan.records:
        raise ConflictError("Meanwhile records have come. Please look again.")
    if not plan.records:
        raise ConflictError("There are no records in this period.")
    orders = _orders(rows, model)
    holds: list[Hold] = holding.in_force(*span)
    purged = made(
        site=plan.site_id,
        from_at=plan.from_at,
        until_at=plan.until_at,
        through={str(device): list(which[-1]) for device, which in orders.items()},
        kept=holding.kept(model, holds, _span(model, *span)),
        reason=reason,
        made_at=centre.clock.now(),
        made_by=made_by,
    )
    model.delete().where(_span(model, *span) & ~holding.covered(model, holds)).execute()
    for device, which in orders.items():
        ingest.forget(device, which)
    return purged


def _orders(rows: peewee.ModelSelect, model: Any) -> dict[int, list[tuple[int, int]]]:
    """By device the (node_epoch, seq) of its facts, in order; records that came in a file of another maker have none."""
    found: dict[int, list[tuple[int, int]]] = {}
    facts = rows.select(model.device, model.node_epoch, model.seq).where(model.node_epoch > 0)
    for device, node_epoch, seq in facts.order_by(model.device, model.node_epoch, model.seq).tuples():
        found.setdefault(device, []).append((node_epoch, seq))
    return found


def _span(model: Any, site_id: int, from_at: datetime, until_at: datetime) -> Any:
    return (model.site == site_id) & (model.at >= from_at) & (model.at < until_at)

"""Making and changing estates and organisations. Inside ``db.write``; each call leaves one audit row."""

from __future__ import annotations

from typing import Any

import peewee

from central.audit import Audit
from central.clock import Clock
from central.errors import ConflictError, ForbiddenError, NotFoundError
from central.security.principal import Principal
from central.sites.model import Organisation, Site
from central.web.i18n import _


def save_site(audit: Audit, clock: Clock, who: Principal, row_id: int | None, values: dict[str, Any]) -> int:
    """An estate: ``name``, ``zone``, ``note``, ``active``. Returns its id.

    :raises ForbiddenError: a new one, by somebody who is not head office. :raises ConflictError: the name is taken.
    """
    return _save(audit, clock, who, Site, row_id, values)


def save_organisation(
    audit: Audit, clock: Clock, who: Principal, row_id: int | None, values: dict[str, Any]
) -> int:
    """An organisation: ``name``, ``note``, ``active``. Errors as for an estate."""
    return _save(audit, clock, who, Organisation, row_id, values)


def _save(
    audit: Audit, clock: Clock, who: Principal, model: Any, row_id: int | None, values: dict[str, Any]
) -> int:
    kind = model._meta.table_name
    before: dict[str, Any] | None = None
    if row_id is None:
        if not who.scope.is_head_office:
            raise ForbiddenError(_("Only head office adds estates and organisations."))
        row = model(created_at=clock.now())
    else:
        row = who.scope.get(model, row_id)
        if not _is_all_of_it_inside(who, model, row):
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        before = {name: getattr(row, name) for name in values}
    for name, value in values.items():
        setattr(row, name, value)
    try:
        row.save(force_insert=row_id is None)
    except peewee.IntegrityError:
        raise ConflictError(_("This name is taken.")) from None
    audit.record(
        who.actor,
        f"sites.{'create' if row_id is None else 'change'}",
        kind,
        row.id,
        before,
        values,
        site_id=row.id if model is Site else None,
        organisation_id=row.id if model is Organisation else None,
    )
    return int(row.id)


def _is_all_of_it_inside(who: Principal, model: Any, row: Any) -> bool:
    """True when the operator works for all of the estate (every organisation in it), or for all of the organisation."""
    if model is Site:
        return any(g.site_id in (None, row.id) and g.organisation_id is None for g in who.scope.grants)
    return any(g.organisation_id in (None, row.id) and g.site_id is None for g in who.scope.grants)

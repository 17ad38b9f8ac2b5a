"""Whose rows an operator may touch: no organisation sees another's people, punches or money; head office sees all (U1).

A scope is a set of grants. A grant names an estate, an organisation, both, or neither (head office); a row is inside
when one grant fits it. Every page and every API handler goes through :meth:`Scope.filter` or :meth:`Scope.get`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final, TypeVar

import peewee

from central.errors import NotFoundError
from central.sites.model import Organisation, Site
from central.web.i18n import _

M = TypeVar("M", bound=peewee.Model)
_NOTHING: Final = peewee.SQL("1 = 0")


@dataclass(frozen=True, order=True)
class Grant:
    """One part of a scope. ``None`` means every estate, or every organisation."""

    site_id: int | None = None
    organisation_id: int | None = None

    def allows(self, site_id: int | None, organisation_id: int | None) -> bool:
        """True when a row of this estate and organisation is inside; ``None`` is a row that belongs to all."""
        return self.site_id in (None, site_id) and self.organisation_id in (None, organisation_id)

    def contains(self, other: Grant) -> bool:
        """True when everything that ``other`` allows is allowed here too."""
        return self.allows(other.site_id, other.organisation_id)


@dataclass(frozen=True)
class Scope:
    """What an operator, or an integration, may see. Empty: nothing."""

    grants: frozenset[Grant] = frozenset()

    @classmethod
    def of(cls, grants: Iterable[Grant]) -> Scope:
        """From any collection of grants."""
        return cls(frozenset(grants))

    @property
    def is_head_office(self) -> bool:
        """True when everything is inside."""
        return Grant() in self.grants

    def allows(self, site_id: int | None, organisation_id: int | None = None) -> bool:
        """True when a row of this estate and organisation is inside."""
        return any(grant.allows(site_id, organisation_id) for grant in self.grants)

    def contains(self, other: Scope) -> bool:
        """True when everything inside ``other`` is inside this one: nobody hands out more than they have."""
        return all(any(mine.contains(theirs) for mine in self.grants) for theirs in other.grants)

    def condition(self, model: Any) -> Any:
        """The WHERE part for ``model`` (or an alias of it), which has ``site``, ``organisation`` or both.

        A model that has only one of them is judged by that one: a door of an estate is seen by every organisation
        that has people there. ``Site`` and ``Organisation`` themselves are judged by their own id.
        """
        if self.is_head_office:
            return peewee.SQL("1 = 1")
        return reduce(or_, [_grant_condition(model, grant) for grant in sorted_grants(self)], _NOTHING)

    def filter(self, query: peewee.ModelSelect, model: Any = None) -> peewee.ModelSelect:
        """``query`` without the rows that lie outside; ``model`` (default: the query's own) carries the columns."""
        return query.where(self.condition(query.model if model is None else model))

    def get(self, model: type[M], row_id: int) -> M:
        """The row with this id.

        :raises NotFoundError: there is none, or it lies outside; nobody can tell which.
        """
        if not 0 < row_id < 2**31:
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        row: M | None = model.select().where(model._meta.primary_key == row_id, self.condition(model)).first()
        if row is None:
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        return row

    def shared_condition(self, model: Any) -> Any:
        """As :meth:`condition`, and what every organisation of an estate in the scope uses: rows that name none."""
        estates = Scope.of(Grant(grant.site_id) for grant in self.grants)
        return self.condition(model) | (model.organisation.is_null() & estates.condition(model))

    def get_shared(self, model: type[M], row_id: int) -> M:
        """As :meth:`get`, and what every organisation of an estate uses: to be seen, not to be changed.

        :raises NotFoundError: there is none, or it lies outside; nobody can tell which.
        """
        row: M | None = None
        if 0 < row_id < 2**31:
            at_id = model._meta.primary_key == row_id
            row = model.select().where(at_id, self.shared_condition(model)).first()
        if row is None:
            raise NotFoundError(_("There is no such record, or it belongs to another organisation."))
        return row

    def sites(self, rows: Iterable[Any]) -> list[Any]:
        """Those of ``rows`` (estates) in which the operator may do anything at all."""
        return [row for row in rows if any(grant.site_id in (None, row.id) for grant in self.grants)]


HEAD_OFFICE: Final = Scope.of([Grant()])


def sorted_grants(scope: Scope) -> list[Grant]:
    """The grants in a fixed order, so that one scope always makes one SQL text."""
    return sorted(scope.grants, key=lambda g: (g.site_id or 0, g.organisation_id or 0))


def _grant_condition(model: Any, grant: Grant) -> Any:
    of_site, of_organisation = _column(model, "site", Site), _column(model, "organisation", Organisation)
    assert of_site is not None or of_organisation is not None, f"{model} is not scoped"
    parts = []
    if grant.site_id is not None and of_site is not None:
        parts.append(of_site == grant.site_id)
    if grant.organisation_id is not None and of_organisation is not None:
        parts.append(of_organisation == grant.organisation_id)
    if not parts:
        return peewee.SQL("1 = 1")
    return parts[0] if len(parts) == 1 else parts[0] & parts[1]


def _column(model: Any, name: str, itself: type[peewee.Model]) -> Any:
    if model is itself:
        return itself.id
    return getattr(model, name, None)

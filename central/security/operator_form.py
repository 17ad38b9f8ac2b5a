"""The form of an operator: texts, roles, and the places that make up a scope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from central.security.login import NUMBER_CHARS_MAX
from central.security.model import Operator, OperatorRole, Role
from central.security.operators import OperatorInput
from central.security.principal import Principal
from central.security.roles import title_of
from central.security.sessions import scope_of_operator
from central.sites.model import Organisation, Site
from central.sites.scope import Grant
from central.web.catalogue import Language
from central.web.fields import Choice, ChoiceField, ChoicesField, HiddenField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy

EVERY: Final = "*"
"""The choice that stands for every estate, or every organisation."""


@dataclass
class OperatorFields:
    """What the form holds."""

    number: str
    name: str
    language: str | None
    roles: tuple[str, ...]
    sites: tuple[str, ...]
    organisations: tuple[str, ...]
    version: str | None = None


FORM: Final = Form(
    OperatorFields,
    TextField(
        "number",
        lazy("Operator number"),
        length_max=NUMBER_CHARS_MAX,
        hint=lazy("The number on the operator's card; it stays the same for ever."),
    ),
    TextField("name", lazy("Name"), length_max=60),
    ChoiceField(
        "language",
        lazy("Language"),
        choices={str(item): item.own_name for item in Language},
        is_required=False,
    ),
    ChoicesField("roles", lazy("Roles")),
    ChoicesField("sites", lazy("Estates")),
    ChoicesField("organisations", lazy("Organisations")),
    HiddenField("version", "", is_required=False, length_max=10),
)


def choices_for(principal: Principal) -> dict[str, list[Choice]]:
    """What this administrator may choose from; inside ``db.read``. Titles are translated already."""
    scope = principal.scope
    roles = [
        Choice(str(role.id), title_of(role))
        for role in Role.select().order_by(Role.built_in.desc(), Role.id)
        if frozenset((a, b) for a, b in role.permissions) <= principal.permissions
    ]
    sites = scope.filter(Site.select().order_by(Site.name), Site)
    organisations = scope.filter(Organisation.select().order_by(Organisation.name), Organisation)
    return {
        "roles": roles,
        "sites": [
            *_every(_("Every estate"), all(g.site_id is None for g in scope.grants)),
            *(Choice(str(row.id), row.name) for row in sites),
        ],
        "organisations": [
            *_every(_("Every organisation"), all(g.organisation_id is None for g in scope.grants)),
            *(Choice(str(row.id), row.name) for row in organisations),
        ],
    }


def _every(title: str, is_allowed: bool) -> list[Choice]:
    return [Choice(EVERY, title)] if is_allowed else []


def to_input(given: OperatorFields) -> OperatorInput:
    """The scope is every chosen estate with every chosen organisation."""
    grants = frozenset(Grant(s, o) for s in ids_of(given.sites) for o in ids_of(given.organisations))
    roles = tuple(int(text) for text in given.roles)
    return OperatorInput(given.number, given.name, given.language or "", roles, grants)


def ids_of(texts: Iterable[str]) -> list[int | None]:
    """The chosen ids, or one ``None`` for every one."""
    chosen = list(texts)
    return [None] if EVERY in chosen else [int(text) for text in chosen]


def initial(operator: Operator) -> dict[str, Any]:
    """The values of an operator for :meth:`Form.blank`; inside ``db.read``."""
    grants = scope_of_operator(operator).grants
    return {
        "number": operator.number,
        "name": operator.name,
        "language": operator.language,
        "roles": [link.role_id for link in OperatorRole.select().where(OperatorRole.operator == operator)],
        "sites": sorted({EVERY if g.site_id is None else str(g.site_id) for g in grants}),
        "organisations": sorted(
            {EVERY if g.organisation_id is None else str(g.organisation_id) for g in grants}
        ),
        "version": operator.version,
    }

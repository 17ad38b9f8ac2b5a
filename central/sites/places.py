"""Where something may be entered or changed: the estate is there, and the operator works for it (U1)."""

from __future__ import annotations

from central.errors import InvalidInputError
from central.sites.model import Organisation, Site
from central.sites.scope import Scope


def check_place(scope: Scope, site_id: int, organisation_id: int | None = None) -> None:
    """Whether something of this estate and organisation may be changed; inside ``db``.

    :param organisation_id: ``None`` for what every organisation of the estate uses (schedules, special days, shared
        access levels): only who works for all of them changes it.
    :raises InvalidInputError: it is not there, or the operator does not work for it.
    """
    known = Site.select().where(Site.id == site_id).exists()
    if not known or not any(grant.site_id in (None, site_id) for grant in scope.grants):
        raise InvalidInputError("There is no such estate.")
    if scope.allows(site_id, organisation_id):
        if (
            organisation_id is None
            or Organisation.select().where(Organisation.id == organisation_id).exists()
        ):
            return
        raise InvalidInputError("There is no such organisation.")
    if organisation_id is None:
        raise InvalidInputError(
            "Every organisation of the estate uses this. Only an operator who works for all of them can change it."
        )
    raise InvalidInputError("There is no such organisation.")

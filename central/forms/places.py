"""Where a template or a printer may be: what the select boxes offer."""

from __future__ import annotations

from central.people.table import organisations_in, sites_in
from central.sites.scope import Scope
from central.web.fields import Choices


def place_choices(scope: Scope) -> dict[str, Choices]:
    """Estates and organisations of the operator. Inside ``db.read``."""
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "organisation": {str(number): name for number, name in organisations_in(scope)},
    }

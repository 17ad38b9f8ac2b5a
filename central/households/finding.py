"""Finding the unit that somebody types as one text. Inside ``db``."""

from __future__ import annotations

from central.errors import InvalidInputError
from central.households.model import Unit
from central.sites.scope import Scope
from central.web import fold


def find_unit(scope: Scope, text: str) -> Unit:
    """The one unit whose building and number read like this, however they are spaced.

    :raises InvalidInputError: there is none, or several.
    """
    found = list(scope.filter(Unit.select().where(Unit.fold_key == fold.fold(text))).limit(2))
    if len(found) != 1:
        raise InvalidInputError("There is no such unit, or there are several. Write building and unit.")
    unit: Unit = found[0]
    return unit

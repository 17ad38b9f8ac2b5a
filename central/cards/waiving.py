"""減免 at issue: who may say that the deposit or the card cost is not charged, and how forms and the API ask for it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from central.cards.money import NOTHING_WAIVED, Waiver
from central.errors import ForbiddenError
from central.routes import Pair
from central.security.principal import principal_of
from central.web.fields import CheckField, Field
from central.web.i18n import lazy

RIGHT: Final[Pair] = ("cards", "approve")
WAIVER_FIELDS: Final[tuple[Field, ...]] = (
    CheckField("waive_deposit", lazy("Waive the deposit")),
    CheckField(
        "waive_cost", lazy("Waive the card cost"), hint=lazy("A waiver needs a reason, entered as the note.")
    ),
)


def may_waive(request: web.Request) -> bool:
    """Whether this operator is shown the fields."""
    return principal_of(request).may(*RIGHT)


def waiver_of(request: web.Request, *, deposit: bool, cost: bool) -> Waiver:
    """
    :raises ForbiddenError: something is to be waived, and this operator may not.
    """
    if not (deposit or cost):
        return NOTHING_WAIVED
    if not may_waive(request):
        raise ForbiddenError("Your roles do not allow a waiver.")
    return Waiver(deposit, cost)

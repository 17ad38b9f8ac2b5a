"""The bulk act that gives each card of an access list what its line says: levels more and less, other days."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from central.bulk_acts import kinds
from central.bulk_acts.kinds import NOT_OFFERED, NOTHING_CHANGES, Given, Parameters, illegal, own_terms
from central.cards import acts, entitlements
from central.cards.acts import By, Change
from central.cards.entitlements import EntitlementProvider
from central.cards.model import Card
from central.cards.rules import Act
from central.web.fields import Choices, Field
from central.web.i18n import LazyText, lazy

LEVELS: Final = "levels"
DAYS: Final = ("valid_from", "valid_until")
"""Keys of what one card gets, beside ``add`` and ``remove`` (levels): instants as text or None, there only when they change."""


class GiveByList:
    """``central.bulk_acts.kinds.Kind``: more and less than the card has when its turn comes, not what it had when asked."""

    name: str = "access_list"
    title: LazyText = lazy("Access list")
    fields: tuple[Field, ...] = ()
    is_chosen = False

    def choices(self, site_id: int, organisation_ids: Any) -> Choices:
        return {}

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        return {}

    def words(self, parameters: Parameters) -> str:
        return str(parameters.get("file", ""))

    def refusal(self, card: Card, parameters: Parameters) -> str:
        if why := illegal(card, Act.REWRITE):
            return why
        has, wanted = _levels(card, parameters)
        offered = {choice.value for choice in provider().choices(card.site_id, card.organisation_id)}
        if not wanted - has <= offered:
            return NOT_OFFERED
        return NOTHING_CHANGES if wanted == has and not days_of(card, parameters) else ""

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Change:
        rights = {LEVELS: sorted(_levels(card, parameters)[1])}
        terms = own_terms(card, entitlements=rights, **days_of(card, parameters))
        return acts.rewrite(by, card, terms, reason=reason)


def provider() -> EntitlementProvider:
    """The part of a card that concerns doors."""
    found = entitlements.provider(LEVELS)
    assert found is not None, "access control registers itself with the card centre"
    return found


def _levels(card: Card, parameters: Parameters) -> tuple[set[int], set[int]]:
    has = set(provider().chosen(card.id))
    return has, (has | set(parameters.get("add", ()))) - set(parameters.get("remove", ()))


def days_of(card: Card, parameters: Parameters) -> dict[str, datetime | None]:
    """The days that differ from the card's own."""
    found = {name: moment(parameters[name]) for name in DAYS if name in parameters}
    return {name: at for name, at in found.items() if at != getattr(card, name)}


def moment(text: str | None) -> datetime | None:
    """An instant as parameters keep it."""
    return None if text is None else datetime.fromisoformat(text)


GIVE_BY_LIST: Final = GiveByList()
kinds.register(GIVE_BY_LIST)

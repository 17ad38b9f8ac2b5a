"""What a card may be used for (38, 39): each sub-system offers its part, the card centre shows and saves them together.

A sub-system registers one provider when it is imported; the card centre knows none of them by name. All methods run
inside ``db.read`` or ``db.write``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from central.web.i18n import LazyText


@dataclass(frozen=True)
class Choice:
    """One thing that a card can be given: an access level, later a shop group or a car park."""

    value: int
    label: str
    note: str = ""


class EntitlementProvider(Protocol):
    """The part of one sub-system."""

    name: str
    """Name of its form field and of its key in API bodies, for example ``levels``."""
    title: LazyText

    def choices(self, site_id: int, organisation_id: int) -> list[Choice]:
        """What a card of this estate and organisation can be given."""

    def chosen(self, card_id: int) -> list[int]:
        """Values the card has, sorted."""

    def choose(self, card_id: int, values: Sequence[int]) -> None:
        """Give the card exactly these.

        :raises InvalidInputError: one of them is not among the choices.
        """


_providers: dict[str, EntitlementProvider] = {}


def register(provider: EntitlementProvider) -> None:
    """Add a sub-system's part; the same name again replaces it."""
    _providers[provider.name] = provider


def providers() -> list[EntitlementProvider]:
    """Every registered part, in the order of their names."""
    return [_providers[name] for name in sorted(_providers)]


def chosen(card_id: int) -> dict[str, list[int]]:
    """What the card has, by provider name."""
    return {provider.name: provider.chosen(card_id) for provider in providers()}


def choose(card_id: int, values: dict[str, list[int]]) -> None:
    """Set what the card has; a provider that ``values`` does not name keeps its part.

    :raises InvalidInputError: a value is not among the choices.
    """
    for provider in providers():
        if provider.name in values:
            provider.choose(card_id, values[provider.name])


def levels_of(card_id: int) -> tuple[int, ...]:
    """The access levels of a card; empty where the access sub-system is not there."""
    provider = _providers.get("levels")
    return tuple(provider.chosen(card_id)) if provider is not None else ()

"""What a card may be used for (38, 39): each sub-system offers its part, the card centre shows and saves them together.

Two parts are the card centre's own and limit the others (``central.cards.limits``): the sub-systems that are switched on, and
the devices at which the card works.

A sub-system registers one provider when it is imported; the card centre knows none of them by name. All methods run
inside ``db.read`` or ``db.write``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from central.routes import SubSystem
from central.web.i18n import LazyText

PLACES_MAX: Final = 60
SUB_SYSTEMS: Final = "sub_systems"
DEVICES: Final = "devices"
"""Names of the two parts that limit the others."""
SUB_SYSTEMS_OF_CARDS: Final[tuple[SubSystem, ...]] = ("access", "patrol", "attendance", "purse", "parking")
NUMBER_OF: Final[dict[SubSystem, int]] = {name: n for n, name in enumerate(SUB_SYSTEMS_OF_CARDS, start=1)}
"""Sub-systems that a card can be switched on for, with the numbers by which forms and the API know them."""


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
    sub_system: SubSystem | None
    """The sub-system that a card with any of its values is good for (38); None: it limits what the others give."""

    def choices(self, site_id: int, organisation_id: int) -> list[Choice]:
        """What a card of this estate and organisation can be given."""

    def chosen(self, card_id: int) -> list[int]:
        """Values the card has, sorted."""

    def fresh(self) -> list[int]:
        """What a card has of which nothing was said; also after it was handed in."""

    def places(self, values: Sequence[int], device_ids: Sequence[int]) -> list[str]:
        """Labels of the doors and devices that these values open, in the order of people.

        :param device_ids: only at these devices; none: at all.
        """

    def choose(self, card_id: int, values: Sequence[int]) -> None:
        """Give the card exactly these.

        :raises InvalidInputError: one of them is not among the choices.
        """


_providers: dict[str, EntitlementProvider] = {}


def register(provider: EntitlementProvider) -> None:
    """Add a sub-system's part; the same name again replaces it."""
    _providers[provider.name] = provider


def present() -> list[SubSystem]:
    """Sub-systems that give cards rights, in the order of their numbers."""
    found = {provider.sub_system for provider in _providers.values()}
    return [name for name in SUB_SYSTEMS_OF_CARDS if name in found]


def providers() -> list[EntitlementProvider]:
    """Every registered part, in the order of their names."""
    return [_providers[name] for name in sorted(_providers)]


def provider(name: str) -> EntitlementProvider | None:
    """The part of that name, or None where its sub-system is not there."""
    return _providers.get(name)


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


def sub_systems_of(chosen: Mapping[str, Sequence[int]]) -> list[SubSystem]:
    """What a card with these values is good for, sorted."""
    return sorted(
        {
            provider.sub_system
            for provider in providers()
            if provider.sub_system is not None
            and chosen.get(provider.name)
            and is_on(chosen, provider.sub_system)
        }
    )


def is_on(chosen: Mapping[str, Sequence[int]], sub_system: SubSystem) -> bool:
    """The sub-system is switched on for a card with these values."""
    return NUMBER_OF[sub_system] in chosen.get(SUB_SYSTEMS, NUMBER_OF.values())


def places_of(chosen: Mapping[str, Sequence[int]]) -> list[str]:
    """Labels of doors and devices that a card with these values opens; ``PLACES_MAX`` at most, then how many more."""
    found = [
        place
        for provider in providers()
        if provider.sub_system is None or is_on(chosen, provider.sub_system)
        for place in provider.places(list(chosen.get(provider.name, ())), list(chosen.get(DEVICES, ())))
    ]
    more = len(found) - PLACES_MAX
    return [*found[:PLACES_MAX], f"+{more}"] if more > 0 else found


def level_choices(site_id: int, organisation_id: int) -> dict[str, str]:
    """Access levels that cards of this estate and organisation can be given, as a form's choices."""
    provider = _providers.get("levels")
    choices = provider.choices(site_id, organisation_id) if provider is not None else []
    return {str(choice.value): choice.label for choice in choices}


def levels_of(card_id: int) -> tuple[int, ...]:
    """The access levels that count: none where access control is not there, or switched off for this card."""
    levels, switch = provider("levels"), provider(SUB_SYSTEMS)
    if levels is None or (switch is not None and NUMBER_OF["access"] not in switch.chosen(card_id)):
        return ()
    return tuple(levels.chosen(card_id))

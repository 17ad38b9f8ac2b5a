"""What a card may be used for (38, 39): each sub-system offers its part, the card centre shows and saves them together.

Two parts are the card centre's own and limit the others (``central.cards.limits``): the sub-systems that are switched on, and
the devices at which the card works.

A sub-system registers one provider when it is imported; the card centre knows none of them by name. All methods run
inside ``db.read`` or ``db.write``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from central.cards.model import Card
from central.routes import SubSystem
from central.web.i18n import LazyText
from protocol.ids import SubSystem as Number

PLACES_MAX: Final = 60
SUB_SYSTEMS: Final = "sub_systems"
DEVICES: Final = "devices"
"""Names of the two parts that limit the others."""
SUB_SYSTEMS_OF_CARDS: Final[tuple[SubSystem, ...]] = ("access", "patrol", "attendance", "purse", "parking")
NUMBER_OF: Final[dict[SubSystem, int]] = {name: Number[name.upper()].value for name in SUB_SYSTEMS_OF_CARDS}
"""Sub-systems that a card can be opened for (38), with the numbers by which forms, the API and devices know them."""
assert len(NUMBER_OF) == len(Number)


@dataclass(frozen=True)
class Choice:
    """One thing that a card can be given: an access level, later a car park."""

    value: int
    label: str
    note: str = ""


class EntitlementProvider(Protocol):
    """The part of one sub-system."""

    name: str
    """Name of its form field and of its key in API bodies, for example ``levels``."""
    title: LazyText

    def good_for(self, values: Sequence[int]) -> set[SubSystem]:
        """The sub-systems that a card with these values is good for as long as none of them is closed (38)."""

    def choices(self, site_id: int, organisation_id: int) -> list[Choice]:
        """What a card of this estate and organisation can be given."""

    def chosen(self, card_id: int) -> list[int]:
        """Values the card has, sorted."""

    def fresh(self) -> list[int]:
        """What a card has of which nothing was said; also after it was handed in."""

    def places(
        self, values: Sequence[int], device_ids: Sequence[int], sub_systems: Collection[SubSystem]
    ) -> list[str]:
        """Labels of the doors and devices at which a card with these values is taken, in the order of people.

        :param device_ids: only at these devices; none: at all.
        :param sub_systems: only in these.
        """

    def choose(self, card_id: int, values: Sequence[int]) -> None:
        """Give the card exactly these.

        :raises InvalidInputError: one of them is not among the choices.
        """


_providers: dict[str, EntitlementProvider] = {}
_by_person: dict[SubSystem, Callable[[Card], bool]] = {}


def register(provider: EntitlementProvider) -> None:
    """Add a sub-system's part; the same name again replaces it."""
    _providers[provider.name] = provider


def register_by_person(sub_system: SubSystem, is_good: Callable[[Card], bool]) -> None:
    """Add a sub-system that asks who holds the card, not what is ticked for it: a guard's card is good for the patrol."""
    _by_person[sub_system] = is_good


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


def sub_systems_of(card: Card, chosen: Mapping[str, Sequence[int]]) -> list[SubSystem]:
    """What the card with these values is good for, sorted."""
    found = {name for part in providers() for name in part.good_for(list(chosen.get(part.name, ())))}
    found |= {name for name, is_good in _by_person.items() if is_good(card)}
    return sorted(found & open_in(chosen))


def open_in(chosen: Mapping[str, Sequence[int]]) -> set[SubSystem]:
    """The sub-systems that are not closed for a card with these values."""
    return {name for name in NUMBER_OF if NUMBER_OF[name] in chosen.get(SUB_SYSTEMS, NUMBER_OF.values())}


def places_of(chosen: Mapping[str, Sequence[int]]) -> list[str]:
    """Labels of doors and devices that take a card with these values; ``PLACES_MAX`` at most, then how many more."""
    devices, is_open = list(chosen.get(DEVICES, ())), open_in(chosen)
    found = [
        place
        for part in providers()
        for place in part.places(list(chosen.get(part.name, ())), devices, is_open)
    ]
    more = len(found) - PLACES_MAX
    return [*found[:PLACES_MAX], f"+{more}"] if more > 0 else found


def level_choices(site_id: int, organisation_id: int) -> dict[str, str]:
    """Access levels that cards of this estate and organisation can be given, as a form's choices."""
    provider = _providers.get("levels")
    choices = provider.choices(site_id, organisation_id) if provider is not None else []
    return {str(choice.value): choice.label for choice in choices}


def levels_of(card_id: int) -> tuple[int, ...]:
    """The access levels of a card; none where access control is not there."""
    levels = provider("levels")
    return () if levels is None else tuple(levels.chosen(card_id))

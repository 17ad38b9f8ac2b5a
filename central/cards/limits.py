"""How far the rights of a card reach: the sub-systems that are opened for it (38), and the devices that it works at (39).

Both are kept as limits, so that a card of which nothing was said has all that its rights give: a sub-system that is closed,
which devices are told by a flag of the card's row, and a list of devices, where none means every device. They stand beside
the rights of the sub-systems in ``central.cards.entitlements``: forms, history, audit and replacement treat all of them alike.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from central.cards import entitlements
from central.cards.entitlements import NUMBER_OF, SUB_SYSTEMS_OF_CARDS, Choice
from central.cards.model import Card, CardDevice, CardSwitchedOff
from central.errors import InvalidInputError
from central.nodes.model import Device
from central.routes import SubSystem
from central.web.i18n import LazyText, lazy
from protocol.ids import SubSystem as Number
from protocol.records import CLOSED, CardFlag

SUB_SYSTEM_TEXT: Final[dict[str, LazyText]] = {
    "access": lazy("Access control"),
    "patrol": lazy("Patrol"),
    "attendance": lazy("Attendance"),
    "purse": lazy("Canteen and shops"),
    "parking": lazy("Parking"),
}
assert set(SUB_SYSTEM_TEXT) == set(SUB_SYSTEMS_OF_CARDS)
KIND_OF_DEVICE: Final[dict[str, LazyText]] = {
    "door": lazy("Door controller"),
    "pos": lazy("Till"),
    "attendance": lazy("Time clock"),
}
"""The three kinds of device numbers that a card is authorised for, by the role of the device."""


class SubSystems:
    """``EntitlementProvider``: what is opened for the card. Stores what is closed."""

    name: str = entitlements.SUB_SYSTEMS
    title: LazyText = lazy("Sub-systems")

    def good_for(self, values: Sequence[int]) -> set[SubSystem]:
        """None."""
        return set()

    def choices(self, site_id: int, organisation_id: int) -> list[Choice]:
        """All of them."""
        return [Choice(number, str(SUB_SYSTEM_TEXT[name])) for name, number in NUMBER_OF.items()]

    def chosen(self, card_id: int) -> list[int]:
        """Numbers of the sub-systems that are open."""
        closed = closed_for(card_id)
        return [number for name, number in NUMBER_OF.items() if name not in closed]

    def fresh(self) -> list[int]:
        """All of them."""
        return list(NUMBER_OF.values())

    def places(
        self, values: Sequence[int], device_ids: Sequence[int], sub_systems: Collection[SubSystem]
    ) -> list[str]:
        """None."""
        return []

    def choose(self, card_id: int, values: Sequence[int]) -> None:
        """Open exactly these."""
        if not set(values) <= set(self.fresh()):
            raise InvalidInputError("There is no such sub-system.")
        CardSwitchedOff.delete().where(CardSwitchedOff.card == card_id).execute()
        for name, number in NUMBER_OF.items():
            if number not in values:
                CardSwitchedOff.create(card=card_id, sub_system=name)


class Devices:
    """``EntitlementProvider``: the devices that the card is limited to; none for no limit."""

    name: str = entitlements.DEVICES
    title: LazyText = lazy("Only at these devices")

    def good_for(self, values: Sequence[int]) -> set[SubSystem]:
        """None."""
        return set()

    def choices(self, site_id: int, organisation_id: int) -> list[Choice]:
        """Door controllers, tills and time clocks in use of the estate, with their numbers (機號)."""
        found: list[tuple[int, int, Choice]] = []
        kinds = list(KIND_OF_DEVICE)
        for device in Device.select().where((Device.site == site_id) & Device.enabled):
            kind = next((role for role in kinds if role in device.roles), None)
            if kind is not None:
                label = f"{KIND_OF_DEVICE[kind]} {device.number} · {device.label}"
                found.append((kinds.index(kind), device.number, Choice(device.id, label)))
        return [choice for _kind, _number, choice in sorted(found, key=lambda entry: entry[:2])]

    def chosen(self, card_id: int) -> list[int]:
        """Ids of the devices; empty for no limit."""
        query = CardDevice.select(CardDevice.device).where(CardDevice.card == card_id)
        return [number for (number,) in query.order_by(CardDevice.device).tuples()]

    def fresh(self) -> list[int]:
        """No limit."""
        return []

    def places(
        self, values: Sequence[int], device_ids: Sequence[int], sub_systems: Collection[SubSystem]
    ) -> list[str]:
        """None."""
        return []

    def choose(self, card_id: int, values: Sequence[int]) -> None:
        """Limit the card to exactly these; one that it has already may stay although it is no longer in use."""
        card = Card.get_by_id(card_id)
        wanted, present = set(values), set(self.chosen(card_id))
        offered = {choice.value for choice in self.choices(card.site_id, card.organisation_id)}
        if not wanted <= offered | present:
            raise InvalidInputError("One of the devices is not in this estate.")
        if wanted == present:
            return
        CardDevice.delete().where(CardDevice.card == card_id).execute()
        for device_id in sorted(wanted):
            CardDevice.create(card=card_id, device=device_id)


_DEVICES: Final = Devices()


def closed_for(card_id: int) -> set[SubSystem]:
    """The sub-systems that are closed for a card."""
    query = CardSwitchedOff.select(CardSwitchedOff.sub_system).where(CardSwitchedOff.card == card_id)
    return {name for (name,) in query.tuples()}


def close_flags(card_id: int) -> CardFlag:
    """The same as devices are told."""
    flags = CardFlag.NONE
    for name in closed_for(card_id):
        flags |= CLOSED[Number(NUMBER_OF[name])]
    return flags


def devices_of(card_id: int) -> tuple[int, ...]:
    """The devices that a card is limited to; empty for no limit."""
    return tuple(_DEVICES.chosen(card_id))


entitlements.register(SubSystems())
entitlements.register(_DEVICES)

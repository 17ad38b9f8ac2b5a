"""How far the rights of a card reach: the sub-systems that are switched on for it (38), and the devices that it works at (39).

Both are kept as limits, so that a card of which nothing was said has all that its rights give: a sub-system that is switched
*off*, and a list of devices, where none means every device. They stand beside the rights of the sub-systems in
``central.cards.entitlements``: forms, history, audit and replacement treat all of them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from central.cards import entitlements
from central.cards.entitlements import NUMBER_OF, SUB_SYSTEMS_OF_CARDS, Choice
from central.cards.model import Card, CardDevice, CardSwitchedOff
from central.errors import InvalidInputError
from central.nodes.model import Device
from central.routes import SubSystem
from central.web.i18n import LazyText, lazy

SUB_SYSTEM_TEXT: Final[dict[SubSystem, LazyText]] = {
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
    """``EntitlementProvider``: what the card is switched on for. Stores what is switched off."""

    name: str = entitlements.SUB_SYSTEMS
    title: LazyText = lazy("Sub-systems")
    sub_system: SubSystem | None = None

    def choices(self, site_id: int, organisation_id: int) -> list[Choice]:
        """Sub-systems that are there, that is, that give cards rights."""
        return [Choice(NUMBER_OF[name], str(SUB_SYSTEM_TEXT[name])) for name in entitlements.present()]

    def chosen(self, card_id: int) -> list[int]:
        """Numbers of the sub-systems that are switched on."""
        query = CardSwitchedOff.select(CardSwitchedOff.sub_system).where(CardSwitchedOff.card == card_id)
        off = {name for (name,) in query.tuples()}
        return [NUMBER_OF[name] for name in entitlements.present() if name not in off]

    def fresh(self) -> list[int]:
        """All of them."""
        return [NUMBER_OF[name] for name in entitlements.present()]

    def places(self, values: Sequence[int], device_ids: Sequence[int]) -> list[str]:
        """None: it gives no right."""
        return []

    def choose(self, card_id: int, values: Sequence[int]) -> None:
        """Switch exactly these on."""
        if not set(values) <= set(self.fresh()):
            raise InvalidInputError("There is no such sub-system.")
        CardSwitchedOff.delete().where(CardSwitchedOff.card == card_id).execute()
        for name in entitlements.present():
            if NUMBER_OF[name] not in values:
                CardSwitchedOff.create(card=card_id, sub_system=name)


class Devices:
    """``EntitlementProvider``: the devices that the card is limited to; none for no limit."""

    name: str = entitlements.DEVICES
    title: LazyText = lazy("Only at these devices")
    sub_system: SubSystem | None = None

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

    def places(self, values: Sequence[int], device_ids: Sequence[int]) -> list[str]:
        """None: it gives no right."""
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


def devices_of(card_id: int) -> tuple[int, ...]:
    """The devices that a card is limited to; empty for no limit."""
    return tuple(_DEVICES.chosen(card_id))


entitlements.register(SubSystems())
entitlements.register(_DEVICES)

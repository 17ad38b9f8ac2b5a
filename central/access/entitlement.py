"""The part of a card that concerns doors and terminals: its access levels (權限組). Registers itself with the card centre."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from central.access.model import AccessLevel, AccessPoint, CardLevel, Door, LevelEntry
from central.access.terminals import terminal_of
from central.cards import entitlements
from central.cards.entitlements import Choice
from central.cards.model import Card
from central.errors import InvalidInputError
from central.nodes.model import Device
from central.routes import SubSystem
from central.web.i18n import LazyText, lazy
from protocol.limits import LEVELS_PER_CARD_MAX


class Levels:
    """``central.cards.entitlements.EntitlementProvider`` for access levels."""

    name: str = "levels"
    title: LazyText = lazy("Access levels")

    def good_for(self, values: Sequence[int]) -> set[SubSystem]:
        """By the readers of these levels: those of doors, and those of terminals."""
        query = (
            LevelEntry.select(AccessPoint.door.is_null(), Device.roles)
            .join(AccessPoint)
            .join(Device)
            .where(LevelEntry.level.in_(list(values)))
            .distinct()
        )
        found: set[SubSystem] = set()
        for is_terminal, roles in query.tuples():
            terminal = terminal_of(roles) if is_terminal else None
            if terminal is not None:
                found.add(terminal.sub_system)
            elif not is_terminal:
                found.add("access")
        return found

    def choices(self, site_id: int, organisation_id: int) -> list[Choice]:
        """Levels in use of the estate that this organisation may give."""
        query = (
            AccessLevel.select()
            .where(
                (AccessLevel.site == site_id)
                & AccessLevel.active
                & (AccessLevel.organisation.is_null() | (AccessLevel.organisation == organisation_id))
            )
            .order_by(AccessLevel.name)
        )
        return [Choice(level.id, level.name, level.note) for level in query]

    def chosen(self, card_id: int) -> list[int]:
        """Numbers of the card's levels."""
        query = CardLevel.select(CardLevel.level).where(CardLevel.card == card_id).order_by(CardLevel.level)
        return [number for (number,) in query.tuples()]

    def fresh(self) -> list[int]:
        """None."""
        return []

    def places(
        self, values: Sequence[int], device_ids: Sequence[int], sub_systems: Collection[SubSystem]
    ) -> list[str]:
        """Labels of the doors in use behind the readers of these levels, then of the terminals."""
        query = (
            AccessPoint.select(Door.label, AccessPoint.label, Device.roles)
            .join(LevelEntry)
            .switch(AccessPoint)
            .join(Device)
            .switch(AccessPoint)
            .left_outer_join(Door)
            .where(LevelEntry.level.in_(list(values)) & (Door.id.is_null() | Door.enabled))
        )
        if device_ids:
            query = query.where(AccessPoint.device.in_(list(device_ids)))
        doors: set[str] = set()
        others: set[str] = set()
        for door, reader, roles in query.tuples():
            terminal = terminal_of(roles) if door is None else None
            if door is not None and "access" in sub_systems:
                doors.add(door)
            elif terminal is not None and terminal.sub_system in sub_systems:
                others.add(reader)
        return [*sorted(doors), *sorted(others)]

    def choose(self, card_id: int, values: Sequence[int]) -> None:
        """Give the card exactly these levels; one that it has already may stay although it is no longer offered."""
        card = Card.get_by_id(card_id)
        wanted, present = set(values), set(self.chosen(card_id))
        offered = {choice.value for choice in self.choices(card.site_id, card.organisation_id)}
        if not wanted <= offered | present:
            raise InvalidInputError("One of the access levels cannot be given to this card.")
        if len(wanted) > LEVELS_PER_CARD_MAX:
            raise InvalidInputError("A card has 64 access levels at most.")
        CardLevel.delete().where(
            (CardLevel.card == card_id) & CardLevel.level.not_in(sorted(wanted))
        ).execute()
        for level_id in sorted(wanted - present):
            CardLevel.create(card=card_id, level=level_id)


entitlements.register(Levels())

"""The part of a card that concerns doors: its access levels (權限組). Registers itself with the card centre."""

from __future__ import annotations

from collections.abc import Sequence

from central.access.model import AccessLevel, AccessPoint, CardLevel, Door, LevelEntry
from central.cards import entitlements
from central.cards.entitlements import Choice
from central.cards.model import Card
from central.errors import InvalidInputError
from central.routes import SubSystem
from central.web.i18n import LazyText, lazy
from protocol.limits import LEVELS_PER_CARD_MAX


class Levels:
    """``central.cards.entitlements.EntitlementProvider`` for access levels."""

    name: str = "levels"
    title: LazyText = lazy("Access levels")
    sub_system: SubSystem | None = "access"

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

    def places(self, values: Sequence[int], device_ids: Sequence[int]) -> list[str]:
        """Labels of the doors in use behind the readers of these levels, as far as they hang on these devices."""
        query = (
            Door.select(Door.label)
            .join(AccessPoint)
            .join(LevelEntry)
            .where(LevelEntry.level.in_(list(values)) & Door.enabled)
            .distinct()
        )
        if device_ids:
            query = query.where(Door.device.in_(list(device_ids)))
        return sorted(label for (label,) in query.tuples())

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

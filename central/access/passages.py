"""Which events were passages: somebody is on the other side of the door. Conditions for queries over events joined with doors."""

from __future__ import annotations

from typing import Any, Final

from central.access.model import AccessEvent, Door
from protocol.facts import Outcome

THROUGH: Final = (Outcome.ENTERED.value, Outcome.RELEASED.value, Outcome.RELEASED_FROM_MEMORY.value)
"""Outcomes after which somebody is on the other side: ``RELEASED`` of a door without a contact only."""


def went_through() -> Any:
    """A card was shown and its holder went through, as far as the door can tell."""
    return (
        (AccessEvent.source == "card")
        & AccessEvent.outcome.in_(THROUGH)
        & ((AccessEvent.outcome != Outcome.RELEASED) | ~Door.contact_fitted)
    )

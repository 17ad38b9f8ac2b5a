"""What a card is issued or rewritten with. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from central.errors import InvalidInputError
from protocol.limits import USES_MAX


@dataclass(frozen=True)
class Terms:
    """What a card is issued or rewritten with. ``valid_until`` is exclusive; None for no limit."""

    card_class_id: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    entitlements: Mapping[str, list[int]] = field(default_factory=dict)
    uses_max: int = 0
    """How often the card may be used at doors; 0 for no limit."""

    def check(self) -> None:
        """
        :raises InvalidInputError: the end does not lie behind the beginning, or no number of uses.
        """
        if not 0 <= self.uses_max <= USES_MAX:
            raise InvalidInputError("A card may be used 10,000 times at most.")
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise InvalidInputError("The last valid day lies before the first.")

"""Who wants to know, in the transaction that stores it, that a card was shown at a reader.

A follower must not raise: what devices recorded is stored whatever is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True)
class Shown:
    """A card at a reader. ``key`` is a ``protocol.ids.CardKey``."""

    key: bytes
    site_id: int
    point: int
    at: datetime


followers: Final[list[Callable[[Sequence[Shown]], None]]] = []
"""Called with what one batch of a device showed, in its order; not when facts are projected again."""

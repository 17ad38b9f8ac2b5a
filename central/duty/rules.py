"""Words and checks of a hand-over. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from central.fields import canonical_json
from central.web.i18n import LazyText, lazy

CARDS: Final = "cards"
ITEM_TEXT: Final[dict[str, LazyText]] = {
    "keys": lazy("Keys"),
    CARDS: lazy("Temporary cards"),
    "other": lazy("Other equipment"),
}
DELIVERY_TEXT: Final[dict[str, LazyText]] = {
    "signed": lazy("Signed for by the household"),
    "refused": lazy("Signature refused, two witnesses"),
    "posted": lazy("Posted at the door, with a photo"),
    "mailed": lazy("Sent as registered mail"),
    "withdrawn": lazy("Taken back by the office"),
}


def expected_count(kind: str, pieces_count: int, cards_out_count: int) -> int:
    """How many pieces must lie at the desk: temporary cards that visitors have do not."""
    return max(0, pieces_count - cards_out_count) if kind == CARDS else pieces_count


def checksum(content: Mapping[str, Any], **about: Any) -> str:
    """SHA-256 of a hand-over: its content, number, time and both names, as canonical JSON."""
    return hashlib.sha256(canonical_json({"content": content, **about}).encode()).hexdigest()

"""Cards as data, so that a demo or a test can keep them in a file."""

from collections.abc import Callable
from typing import Any

from edge.reader.emulator.cards import Card, RandomUidCard
from edge.reader.emulator.mifare_classic import ClassicCard, MagicCard
from edge.reader.emulator.mifare_memory import BLOCK_SIZE, LAYOUTS


def _uid(data: dict[str, Any]) -> bytes:
    return bytes.fromhex(str(data.get("uid", "")))


def _classic(data: dict[str, Any]) -> Card:
    card: ClassicCard
    if data["kind"] == MagicCard.kind:
        card = MagicCard(_uid(data), atqa=data.get("atqa"), sak=data.get("sak"))
    else:
        card = ClassicCard(_uid(data), kind=data["kind"], atqa=data.get("atqa"), sak=data.get("sak"))
    for number, content in data.get("blocks", {}).items():
        block = bytes.fromhex(content)
        if len(block) != BLOCK_SIZE or not 0 <= int(number) < len(card.memory.blocks):
            raise ValueError(f"block {number} of {card.kind} cannot be {content!r}")
        card.memory.blocks[int(number)] = block
    return card


KINDS: dict[str, Callable[[dict[str, Any]], Card]] = {
    Card.kind: lambda data: Card(_uid(data), atqa=data.get("atqa"), sak=data.get("sak")),
    RandomUidCard.kind: lambda data: RandomUidCard(
        int(data.get("seed", 0)), atqa=data.get("atqa"), sak=data.get("sak")
    ),
    MagicCard.kind: _classic,
    **dict.fromkeys(LAYOUTS, _classic),
}


def card_from_dict(data: dict[str, Any]) -> Card:
    """A card from what ``Card.to_dict`` gave, or from less: ``{"kind": "classic1k", "uid": "04A1B2C3"}``.

    Raises ValueError for an unknown kind, a UID of a wrong length, or blocks that do not exist.
    """
    make = KINDS.get(str(data.get("kind")))
    if make is None:
        raise ValueError(f"unknown kind of card {data.get('kind')!r}; known: {', '.join(KINDS)}")
    return make(data)

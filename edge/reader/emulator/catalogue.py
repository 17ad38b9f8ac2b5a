"""Cards as data, so that a demo or a test can keep them in a file."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edge.reader.emulator.cards import Card, RandomUidCard
from edge.reader.emulator.mifare_classic import ClassicCard, MagicCard
from edge.reader.emulator.mifare_memory import BLOCK_SIZE, LAYOUTS


def _uid(data: dict[str, Any]) -> bytes:
    return bytes.fromhex(str(data.get("uid", "")))


def _identity(data: dict[str, Any]) -> dict[str, int]:
    """ATQA and SAK, where they are not those of the kind."""
    chosen = {}
    for name, largest in (("atqa", 0xFFFF), ("sak", 0xFF)):
        value = data.get(name)
        if value is None:
            continue
        if type(value) is not int or not 0 <= value <= largest:
            raise ValueError(f"{name!r} must be a whole number from 0 to {largest}")
        chosen[name] = value
    return chosen


def _classic(data: dict[str, Any]) -> Card:
    card: ClassicCard
    if data["kind"] == MagicCard.kind:
        card = MagicCard(_uid(data), **_identity(data))
    else:
        card = ClassicCard(
            _uid(data), kind=data["kind"], atqa=_identity(data).get("atqa"), sak=_identity(data).get("sak")
        )
    for number, content in data.get("blocks", {}).items():
        block = bytes.fromhex(content)
        if len(block) != BLOCK_SIZE or not 0 <= int(number) < len(card.memory.blocks):
            raise ValueError(f"block {number} of {card.kind} cannot be {content!r}")
        card.memory.blocks[int(number)] = block
    return card


def _desfire(data: dict[str, Any]) -> Card:
    from edge.reader.emulator.desfire_card import DesfireCard  # brings cryptography along

    return DesfireCard.from_dict(data)


def _ntag424(data: dict[str, Any]) -> Card:
    from edge.reader.emulator.ntag424_card import Ntag424Card  # brings cryptography along

    return Ntag424Card.from_dict(data)


KINDS: dict[str, Callable[[dict[str, Any]], Card]] = {
    Card.kind: lambda data: Card(_uid(data), **_identity(data)),
    RandomUidCard.kind: lambda data: RandomUidCard(int(data.get("seed", 0)), **_identity(data)),
    MagicCard.kind: _classic,
    **dict.fromkeys(LAYOUTS, _classic),
    **dict.fromkeys(("desfire_ev1", "desfire_ev2", "desfire_ev3"), _desfire),
    "ntag424": _ntag424,
}


def card_from_dict(data: dict[str, Any]) -> Card:
    """A card from what ``Card.to_dict`` gave, or from less: ``{"kind": "classic1k", "uid": "04A1B2C3"}``.

    Raises ValueError for an unknown kind, a UID of a wrong length, or blocks that do not exist.
    """
    if not isinstance(data, dict) or not isinstance(data.get("uid", ""), str):
        raise ValueError("a card is an object with a kind and a UID in hexadecimal digits")
    make = KINDS.get(str(data.get("kind")))
    if make is None:
        raise ValueError(f"unknown kind of card {data.get('kind')!r}; known: {', '.join(KINDS)}")
    card = make(data)
    card.name = str(data.get("name", ""))
    return card


def load_cards(path: Path) -> list[Card]:
    """The cards of a file that ``save_cards`` wrote; none when there is no such file."""
    if not path.exists():
        return []
    return [card_from_dict(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def save_cards(path: Path, cards: Iterable[Card]) -> None:
    """Write the cards with all their contents; the file is replaced as a whole."""
    text = json.dumps([card.to_dict() for card in cards], indent=1)
    draft = path.with_name(path.name + ".new")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)

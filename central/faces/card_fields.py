"""What may stand on a card, and what it says for one card.

The QR code holds the printed card number and nothing else: whoever reads it learns what stands beside it in digits,
no name, no unit, and nothing with which a door could be opened (DECISIONS.md).
"""

from __future__ import annotations

from typing import Final

from central.cards.model import Card
from central.movein.model import Bag, BagCard
from central.web.formats import last_day
from central.web.i18n import LazyText, _, lazy

FIXED: Final = ("text1", "text2", "text3")
TITLES: Final[dict[str, LazyText]] = {
    "name": lazy("Name"),
    "number": lazy("Person number"),
    "card_no": lazy("Card number"),
    "department": lazy("Department"),
    "unit": lazy("Building and unit"),
    "card_class": lazy("Card class"),
    "organisation": lazy("Organisation"),
    "valid_until": lazy("Last valid day"),
    "photo": lazy("Photo"),
    "qr": lazy("QR code"),
    "text1": lazy("Fixed text 1"),
    "text2": lazy("Fixed text 2"),
    "text3": lazy("Fixed text 3"),
}
"""Everything that a box of a card may be, in the order of the editor."""
SAMPLE: Final[dict[str, LazyText]] = {
    "name": lazy("Lin Xiaomei (sample)"),
    "department": lazy("Engineering (sample)"),
    "card_class": lazy("Owner card (sample)"),
    "organisation": lazy("Harmony Property (sample)"),
    "unit": lazy("Building 1, 101"),
}
SAMPLE_CARD_NO: Final = "00001234"


def sample_texts() -> dict[str, str]:
    """What the preview of a template shows."""
    return {
        **{what: str(text) for what, text in SAMPLE.items()},
        "number": "0101",
        "card_no": SAMPLE_CARD_NO,
        "valid_until": "2027-12-31",
    }


def texts_of(card: Card) -> dict[str, str]:
    """What each field says for this card, in the present language and time zone. Inside ``db``."""
    person = card.person
    return {
        "name": person.name if person is not None else "",
        "number": person.number if person is not None else "",
        "card_no": card.card_no,
        "department": person.department if person is not None else "",
        "unit": card.holder_unit or _unit_of(card),
        "card_class": card.card_class.name if card.card_class is not None else "",
        "organisation": card.organisation.name,
        "valid_until": last_day(card.valid_until) if card.valid_until is not None else _("No end"),
    }


def _unit_of(card: Card) -> str:
    """Where the holder lives; of a card in the bag of a move-in, which nobody holds yet: the unit of the bag."""
    if card.person is not None:
        return f"{card.person.building} {card.person.unit}".strip()
    bag = Bag.select().join(BagCard).where(BagCard.card == card.id).first()
    return bag.unit.label if bag is not None else ""

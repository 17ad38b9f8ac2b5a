"""領卡簽收: the receipt that a unit signs when it is handed the cards of its bag (U2, U9)."""

from __future__ import annotations

from typing import Final

from central.errors import NotFoundError
from central.forms.kinds import Kind, Paper, register
from central.movein.model import Bag, BagState, MoveIn
from central.movein.signing import cards_in
from central.sites.scope import Scope
from central.web.formats import moment
from central.web.i18n import lazy


def _receipt(scope: Scope, bag_id: int) -> Paper:
    bag = Bag.get_or_none(Bag.id == bag_id)
    move_in = scope.get(MoveIn, bag.move_in_id if bag is not None else 0)
    assert bag is not None
    if bag.state != BagState.SIGNED.value:
        raise NotFoundError("There is no such paper for this.")
    cards = [card.card_no for card in cards_in(bag)]
    texts = {
        "move_in": move_in.name,
        "unit": bag.unit.label,
        "signer": bag.signed_by.name,
        "person_number": bag.signed_by.number,
        "cards_count": str(len(cards)),
        "card_numbers": ", ".join(cards),
        "signed_at": moment(bag.signed_at),
    }
    return Paper(move_in.site_id, move_in.organisation_id, bag.unit.label, texts)


RECEIPT: Final = register(
    Kind(
        "card_receipt",
        lazy("Receipt for the cards of a unit"),
        {
            "move_in": lazy("Move-in"),
            "unit": lazy("Unit"),
            "signer": lazy("Signed by"),
            "person_number": lazy("Person number"),
            "cards_count": lazy("Number of cards"),
            "card_numbers": lazy("Card numbers"),
            "signed_at": lazy("Signed at"),
        },
        {
            "move_in": lazy("Spring (sample)"),
            "unit": lazy("Building 1, 101"),
            "signer": lazy("Lin Xiaomei (sample)"),
            "person_number": "0101",
            "cards_count": "2",
            "card_numbers": "00001234, 00001235",
            "signed_at": "2026-12-31 10:00:00",
        },
        _receipt,
    )
)

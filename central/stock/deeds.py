"""What is done with the stock by page and by API: within the operator's scope, with what the audit row says of it.

Each gives the row that it is about; inside ``db.write``, by way of ``central.stock.handling.change``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from central.cards import acts
from central.cards.acts import By
from central.cards.model import CardDesk, CardIntake
from central.cards.rules import Origin
from central.errors import ConflictError, InvalidInputError
from central.sites.scope import Scope
from central.stock import counting, moving
from central.stock.model import StockTaking, Transfer
from central.stock.rules import run_from, scanned_in

Done = tuple[Any, dict[str, Any]]


def take_in(
    scope: Scope,
    by: By,
    *,
    desk_id: int,
    supplier: str,
    price_fen: int,
    box: str = "",
    first_no: str = "",
    cards_count: int = 0,
    scanned: str = "",
) -> Done:
    """Cards that were bought: by running numbers, or as scanned.

    :raises InvalidInputError: neither or both ways, or a list that cannot be read.
    :raises ConflictError: a number or a UID is in the books already.
    """
    desk = scope.get(CardDesk, desk_id)
    cards = _cards_of(desk.site_id, first_no, cards_count, scanned)
    intake: CardIntake = acts.enter(
        by,
        desk.site_id,
        desk.organisation_id,
        cards,
        Origin.BOUGHT,
        desk=desk,
        supplier=supplier,
        box=box,
        price_fen=price_fen,
    )
    about = {
        "desk": desk.name,
        "supplier": intake.supplier,
        "box": intake.box,
        "price_fen": intake.price_fen,
        "cards_count": intake.cards_count,
        "first_no": intake.first_no,
        "last_no": intake.last_no,
    }
    return intake, about


def _cards_of(site_id: int, first_no: str, cards_count: int, scanned: str) -> list[tuple[bytes | None, str]]:
    if bool(scanned) == bool(first_no and cards_count):
        raise InvalidInputError("Give the first number and how many cards, or the list of scanned cards.")
    if not scanned:
        return [(None, number) for number in run_from(first_no, cards_count)]
    following = int(acts.next_card_no(site_id))
    cards: list[tuple[bytes | None, str]] = []
    for uid, number in scanned_in(scanned):
        if not number:
            number, following = f"{following:08d}", following + 1
        cards.append((uid, number))
    return cards


def send(
    scope: Scope, by: By, from_id: int | None, to_id: int, numbers: Sequence[str], *, note: str = ""
) -> Done:
    """Cards for another desk; ``from_id``: None for cards that lie at no desk. Raises as ``moving.send``."""
    start = scope.get(CardDesk, from_id) if from_id is not None else None
    end = scope.get(CardDesk, to_id)
    cards = moving.cards_of(end.site_id, numbers)
    if not all(scope.allows(card.site_id, card.organisation_id) for card in cards):
        raise ConflictError("This card belongs to another organisation.")
    sent = moving.send(by, start, end, cards, note=note)
    about = {
        "from_desk": start.name if start is not None else None,
        "to_desk": end.name,
        "cards": [card.card_no for card in cards],
    }
    return sent, about


def receive(scope: Scope, by: By, transfer_id: int, numbers: Sequence[str]) -> Done:
    """These have arrived. Raises as ``moving.receive``."""
    transfer = scope.get(Transfer, transfer_id)
    cards = moving.cards_of(transfer.site_id, numbers)
    left = moving.receive(by, transfer, cards)
    return transfer, {"cards": [card.card_no for card in cards], "still_on_their_way": left}


def give_up(scope: Scope, by: By, transfer_id: int, *, reason: str) -> Done:
    """The rest will not arrive. Raises as ``moving.give_up``."""
    transfer = scope.get(Transfer, transfer_id)
    return transfer, {"written_off": moving.give_up(by, transfer, reason=reason)}


def count(scope: Scope, by: By, desk_id: int, numbers: Sequence[str], *, reason: str) -> Done:
    """What was found at a desk. Raises as ``counting.count``."""
    desk = scope.get(CardDesk, desk_id)
    taking = counting.count(by, desk, numbers, scope=scope, reason=reason)
    about = {
        "desk": desk.name,
        "booked_count": taking.booked_count,
        "counted_count": taking.counted_count,
    }
    return taking, about


def sign(scope: Scope, by: By, taking_id: int) -> Done:
    """The second signature. Raises as ``counting.sign``."""
    taking = scope.get(StockTaking, taking_id)
    return taking, dict(counting.sign(by, taking))

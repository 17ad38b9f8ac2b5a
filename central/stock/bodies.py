"""What the JSON API of the card stock takes and gives."""

from __future__ import annotations

from typing import Annotated

import msgspec

from central.people.inputs import ReasonLine, RequiredLine, RowId, ShortLine
from central.stock.forms import LIST_CHARS_MAX
from central.stock.rules import NUMBERS_MAX

Numbers = Annotated[str, msgspec.Meta(max_length=LIST_CHARS_MAX)]
"""Card numbers, one after the other or as ranges: ``00000101-00000180``."""


class BooksBody(msgspec.Struct, frozen=True, kw_only=True):
    """One estate: bought = the sum of all parts, else ``wrong`` says what does not agree."""

    site: int
    site_name: str
    bought: int
    parts: dict[str, int]
    wrong: list[str]


class DeskBody(msgspec.Struct, frozen=True, kw_only=True):
    """What lies at a desk; ``id`` 0: cards in hand that were never put to a desk."""

    id: int
    name: str
    in_stock: int
    returned: int


class StockBody(msgspec.Struct, frozen=True, kw_only=True):
    """The books of the estates that are seen as a whole, and the desks."""

    books: list[BooksBody]
    desks: list[DeskBody]


class IntakeInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Cards that were bought: the first number and how many, or a list of scanned cards, one a line."""

    desk: RowId
    supplier: RequiredLine
    price_fen: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    box: ShortLine = ""
    first_no: ShortLine = ""
    cards_count: Annotated[int, msgspec.Meta(ge=0, le=NUMBERS_MAX)] = 0
    scanned: Numbers = ""


class SendInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Cards for another desk; ``from_desk`` null: cards that lie at no desk."""

    from_desk: RowId | None = None
    to_desk: RowId
    numbers: Numbers
    note: ReasonLine = ""


class NumbersInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Cards by their printed numbers."""

    numbers: Numbers


class ReasonInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: ReasonLine


class CountInput(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What was found at a desk; the reason is needed when it differs from the books."""

    numbers: Numbers = ""
    reason: ReasonLine = ""


class MadeBody(msgspec.Struct, frozen=True):
    """The record that was made."""

    id: int


class TransferBody(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer, and the cards of it that are on their way."""

    id: int
    from_desk: int | None
    to_desk: int
    cards_count: int
    is_closed: bool
    waiting: list[str]


class DifferenceBody(msgspec.Struct, frozen=True, kw_only=True):
    """One card that was not where the books have it; ``outcome`` is empty before the second signature."""

    kind: str
    card_no: str
    outcome: str


class TakingBody(msgspec.Struct, frozen=True, kw_only=True):
    """A count of a desk; ``state``: counted, signed or discarded."""

    id: int
    desk: int
    state: str
    booked_count: int
    counted_count: int
    differences: list[DifferenceBody]

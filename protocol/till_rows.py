"""Rows of tills (收費機): how a reader sells, and what lies on each card. They are sent as all rows are, see ``protocol.records``."""

from __future__ import annotations

from typing import Final

import msgspec

from protocol.errors import LimitError, MalformedError
from protocol.limits import FEN_MAX, MEALS_MAX, PRICES_MAX, USES_POINTS_MAX

_DAY_MIN: Final = 24 * 60


class TillRow(msgspec.Struct, frozen=True, array_like=True):
    """A reader of this node is a till; known by the number of the point. Access levels say whose cards it takes.

    ``meals``: (number from 1, first minute of the day, minute after the last, price in fen, debits of one card or 0 for no
    limit); over midnight where the end is not later than the start. ``prices``: (meal, card class, price) where a class pays
    another price. ``cut_over_min``: minute of the local day at which the till's next day begins.

    Every limit is 0 for none: ``transaction_max_fen``, ``day_max_fen`` and ``day_count_max`` of one card in one day;
    ``gap_s`` between two debits of one card. Without the centre: ``balances_age_max_s`` and ``hotlist_age_max_s`` since the
    device was last told that it has everything, ``offline_meal_max_fen`` of one card in one meal, ``offline_total_max_fen``
    of all cards together (domain-rules section 3 rule 7).
    """

    meals: tuple[tuple[int, int, int, int, int], ...] = ()
    prices: tuple[tuple[int, int, int], ...] = ()
    transaction_max_fen: int = 0
    day_max_fen: int = 0
    day_count_max: int = 0
    gap_s: int = 0
    cut_over_min: int = 0
    balances_age_max_s: int = 259_200
    hotlist_age_max_s: int = 259_200
    offline_meal_max_fen: int = 3_000
    offline_total_max_fen: int = 0


class BalanceRow(msgspec.Struct, frozen=True, array_like=True):
    """What lies on one issue of a card, purse and allowance together, and when that was true. The same under each of its keys.

    ``card``: a number without meaning outside the centre. ``card_class``: likewise, for prices. ``spent``: (point, debits in
    fen, undone in fen) of this issue at tills, as far as the centre has heard: the balance has them in it, and a till takes off
    what it has counted beyond that. Both sums only rise.
    """

    card: int
    issue_no: int
    balance_fen: int
    at_s: int
    card_class: int = 0
    spent: tuple[tuple[int, int, int], ...] = ()


def check_money_row(row: TillRow | BalanceRow) -> None:
    """Refuse a row with an impossible content.

    :raises LimitError: too many meals, prices or points. :raises MalformedError: a number is out of range.
    """
    if isinstance(row, TillRow):
        if len(row.meals) > MEALS_MAX or len(row.prices) > PRICES_MAX:
            raise LimitError("a till with too many meals or prices")
        if not _is_till(row):
            raise MalformedError("a number of a till's row is out of range")
    elif len(row.spent) > USES_POINTS_MAX:
        raise LimitError("a card at too many tills")
    elif not (
        0 < row.card < 2**32
        and 0 <= row.issue_no < 2**16
        and abs(row.balance_fen) <= FEN_MAX
        and row.card_class >= 0
        and all(0 <= number < 2**63 for spent in row.spent for number in spent)
    ):
        raise MalformedError("a number of a balance is out of range")


def _is_till(row: TillRow) -> bool:
    numbers = {number for number, *_rest in row.meals}
    limits = msgspec.structs.astuple(row)[2:]
    return (
        len(numbers) == len(row.meals)
        and all(
            number > 0
            and 0 <= start < _DAY_MIN
            and 0 <= end <= _DAY_MIN
            and 0 <= fen <= FEN_MAX
            and count >= 0
            for number, start, end, fen, count in row.meals
        )
        and all(meal in numbers and 0 <= fen <= FEN_MAX for meal, _class, fen in row.prices)
        and all(0 <= limit <= FEN_MAX for limit in limits)
        and row.cut_over_min < _DAY_MIN
    )

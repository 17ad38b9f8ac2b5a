"""What is set at a till, as values: meals with their prices, and limits. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from central.errors import InvalidInputError
from protocol.limits import MEALS_MAX, PRICES_MAX
from protocol.records import TillRow

MEALS_SHOWN: Final = 5
"""Rows for meals on the page of a till."""
assert MEALS_SHOWN <= MEALS_MAX


class Meal(msgspec.Struct, frozen=True, kw_only=True):
    """One meal period. ``number`` stays when others go. Minutes of the local day; over midnight where ``end_min`` is not later.

    ``count_max``: so often a card may take it, 0 for no limit. ``prices``: (card class, price) where a class pays another one.
    """

    number: int
    name: str
    start_min: int
    end_min: int
    price_fen: int
    count_max: int = 0
    prices: tuple[tuple[int, int], ...] = ()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Every limit is 0 for none; see ``protocol.till_rows.TillRow``. The defaults are those of domain-rules section 3 rule 7."""

    transaction_max_fen: int = 0
    day_max_fen: int = 0
    day_count_max: int = 0
    gap_s: int = 10
    cut_over_min: int = 0
    balances_age_max_h: int = 72
    hotlist_age_max_h: int = 72
    offline_meal_max_fen: int = 3_000
    offline_total_max_fen: int = 0


def check_meals(meals: tuple[Meal, ...]) -> None:
    """
    :raises InvalidInputError: two of them are sold at one time, or there are too many prices.
    """
    minutes: set[int] = set()
    for meal in meals:
        own = set(_minutes(meal))
        if own & minutes:
            raise InvalidInputError("Two meals are sold at the same time.")
        minutes |= own
    if sum(len(meal.prices) for meal in meals) > PRICES_MAX:
        raise InvalidInputError("A till has 120 prices of card classes at most.")


def _minutes(meal: Meal) -> list[int]:
    if meal.start_min < meal.end_min:
        return list(range(meal.start_min, meal.end_min))
    return [*range(meal.start_min, 24 * 60), *range(meal.end_min)]


def row_of(meals: tuple[Meal, ...], limits: Limits) -> TillRow:
    """As the device is told."""
    return TillRow(
        tuple((m.number, m.start_min, m.end_min, m.price_fen, m.count_max) for m in meals),
        tuple((m.number, card_class, fen) for m in meals for card_class, fen in m.prices),
        limits.transaction_max_fen,
        limits.day_max_fen,
        limits.day_count_max,
        limits.gap_s,
        limits.cut_over_min,
        limits.balances_age_max_h * 3_600,
        limits.hotlist_age_max_h * 3_600,
        limits.offline_meal_max_fen,
        limits.offline_total_max_fen,
    )


def meals_in(stored: Any) -> tuple[Meal, ...]:
    """The meals of a stored till."""
    return msgspec.convert(stored, tuple[Meal, ...])


def limits_in(stored: Any) -> Limits:
    """The limits of a stored till."""
    return msgspec.convert(stored, Limits)

"""The decision of a till: what does this card pay now, and may it? It comes after ``protocol.decide`` has taken the card.

Order of the checks (the first that fails gives the reason):

1. The balance of this card is not known here.
2. Nothing is sold at this time.
3. The card paid here less than ``gap_s`` ago.
4. The meal was taken as often as allowed.
5. The amount is above the limit of one payment.
6. Amount or number of payments of this day would be above the limit.
7. Without the centre in reach: what lies on the card was below zero; then balances, or hotlist, are too old; then the meal
   would cost more than one card may spend so, or all cards together would.
8. Less lies on the card than the amount, with all taken off that this node has sold to it.
9. Sold.

Without a trusted clock tills sell (reliability.md section 3): the day does not roll over, the meal is that of the time as far
as it is known, else the cheapest one; how old the balances are is told by the floor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from protocol.decide import Instant
from protocol.reasons import Reason
from protocol.rules.till.account import NOTHING, Account, at, debited, spent_known, undone, unheard_fen
from protocol.schedule import Calendar
from protocol.till_rows import BalanceRow, TillRow

WARN_FROM_PERCENT: Final = 75
"""How much of the time without the centre is over when a till begins to warn."""


class Reach(msgspec.Struct, frozen=True):
    """How far a node is in step with the centre. ``told_ms``: when it was last told that it has everything; 0: never.
    ``away``: numbers the stretch without the centre; ``away_fen``: what was sold in it."""

    is_online: bool
    told_ms: int
    away: int = 0
    away_fen: int = 0


class Asked(msgspec.Struct, frozen=True):
    """Who pays where: the till's row, what lies on the card, and what the node's points have counted of this issue."""

    point: int
    till: TillRow
    balance: BalanceRow | None
    accounts: Mapping[int, Account]


class Sale(msgspec.Struct, frozen=True):
    """What came out. ``account``: what the till remembers if it was sold; ``warns``: there is not much time left offline."""

    reason: Reason
    amount_fen: int = 0
    balance_fen: int = 0
    meal: int = 0
    account: Account = NOTHING
    warns: bool = False


def sell(asked: Asked, reach: Reach, calendar: Calendar, today: int, now: Instant) -> Sale:
    """Decide one payment; pure and total. ``today``: the newest business day that this node knows of, 0 for none."""
    row, till = asked.balance, asked.till
    if row is None:
        return Sale(Reason.BALANCE_UNKNOWN)
    day, minute = business_time(till, calendar, now)
    if not now.trusted:
        day = today or day
    known_fen = row.balance_fen - unheard_fen(row, asked.accounts.items())
    meal, count_max, amount_fen = _price(till, row.card_class, minute, is_sure=now.trusted)
    if not meal:
        return Sale(Reason.NO_MEAL_NOW, 0, known_fen)
    account = at(asked.accounts.get(asked.point, NOTHING), day, meal)
    reason = _limits(till, account, count_max, amount_fen, now)
    if reason is None and not reach.is_online:
        reason = _offline(till, row, account, amount_fen, reach, now)
    if reason is None and amount_fen > known_fen:
        reason = Reason.NOT_ENOUGH_MONEY
    if reason is not None:
        return Sale(reason, amount_fen, known_fen, meal)
    after = debited(
        account,
        spent_known(row, asked.point),
        amount_fen,
        now.utc_ms,
        is_offline=not reach.is_online,
        away=reach.away,
    )
    limits = [limit for limit in (till.balances_age_max_s, till.hotlist_age_max_s) if limit]
    warns = not reach.is_online and any(
        age_ms(reach, now) >= limit * 10 * WARN_FROM_PERCENT for limit in limits
    )
    return Sale(Reason.GRANTED, amount_fen, known_fen, meal, after, warns)


def undo(asked: Asked) -> Sale:
    """Take back the last debit of this card at this point, whole and once (rule 5)."""
    account = asked.accounts.get(asked.point, NOTHING)
    row = asked.balance
    known_fen = 0 if row is None else row.balance_fen - unheard_fen(row, asked.accounts.items())
    if row is None or not account.can_undo:
        return Sale(Reason.NOTHING_TO_UNDO, 0, known_fen)
    return Sale(Reason.GRANTED, account.last_fen, known_fen, account.meal, undone(account))


def business_time(till: TillRow, calendar: Calendar, now: Instant) -> tuple[int, int]:
    """(ordinal of the till's day, minutes since midnight) of the local wall time."""
    day, minute = calendar.day_and_minute(now.utc_ms)
    return (day if minute >= till.cut_over_min else day - 1), minute


def age_ms(reach: Reach, now: Instant) -> int:
    """How long ago the node was told that it has everything: at least, when the clock is not to be trusted."""
    return max(0, (now.utc_ms if now.trusted else now.floor_ms) - reach.told_ms)


def _price(till: TillRow, card_class: int, minute: int, *, is_sure: bool) -> tuple[int, int, int]:
    """(meal, how often it may be taken, price); zeros when nothing is sold."""
    found = [meal for meal in till.meals if _is_within(minute, meal[1], meal[2])]
    of_class = {(meal, number): fen for meal, number, fen in till.prices}
    prices = [
        (meal, count, of_class.get((meal, card_class), fen))
        for meal, _start, _end, fen, count in (found[:1] if found or is_sure else till.meals)
    ]
    return min(prices, key=lambda price: price[2], default=(0, 0, 0))


def _is_within(minute: int, start: int, end: int) -> bool:
    """A period whose end is not later than its start goes over midnight."""
    return start <= minute < end if start < end else minute >= start or minute < end


def _limits(till: TillRow, account: Account, count_max: int, amount_fen: int, now: Instant) -> Reason | None:
    if account.counter and account.can_undo and 0 <= now.utc_ms - account.last_at_ms < till.gap_s * 1_000:
        return Reason.TOO_SOON
    if count_max and account.meal_count >= count_max:
        return Reason.MEAL_TAKEN
    if till.transaction_max_fen and amount_fen > till.transaction_max_fen:
        return Reason.OVER_TRANSACTION_LIMIT
    over_fen = till.day_max_fen and account.day_fen + amount_fen > till.day_max_fen
    over_count = till.day_count_max and account.day_count >= till.day_count_max
    return Reason.OVER_DAY_LIMIT if over_fen or over_count else None


def _offline(
    till: TillRow, row: BalanceRow, account: Account, amount_fen: int, reach: Reach, now: Instant
) -> Reason | None:
    if row.balance_fen < 0:
        return Reason.BALANCE_NEGATIVE
    age = age_ms(reach, now)
    for limit_s in (till.balances_age_max_s, till.hotlist_age_max_s):
        if limit_s and (not reach.told_ms or age > limit_s * 1_000):
            return Reason.OFFLINE_TOO_LONG
    over_meal = till.offline_meal_max_fen and account.offline_fen + amount_fen > till.offline_meal_max_fen
    over_total = till.offline_total_max_fen and reach.away_fen + amount_fen > till.offline_total_max_fen
    return Reason.OVER_OFFLINE_LIMIT if over_meal or over_total else None

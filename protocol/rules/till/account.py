"""What a till has counted itself of one issue of a card: kept at the node, and added to what the centre has heard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from protocol.till_rows import BalanceRow


class Account(msgspec.Struct, frozen=True, array_like=True):
    """One issue of a card at one point.

    ``spent_fen``, ``undone_fen``: all its debits here, and what of them was undone, as ``BalanceRow.spent`` has them; they only
    rise. ``counter``: of the last debit. ``day``, ``meal``: the business day (proleptic ordinal) and the meal that the sums are
    of. ``offline_fen``: sold in that meal without the centre. ``away``, ``away_fen``: the stretch without the centre that was
    last sold in, and how much. ``last_no``, ``last_*``: the last debit; ``can_undo``: it stands.
    """

    spent_fen: int = 0
    undone_fen: int = 0
    counter: int = 0
    day: int = 0
    day_fen: int = 0
    day_count: int = 0
    meal: int = 0
    meal_count: int = 0
    offline_fen: int = 0
    away: int = 0
    away_fen: int = 0
    last_no: int = 0
    last_fen: int = 0
    last_at_ms: int = 0
    last_offline: bool = False
    can_undo: bool = False


NOTHING: Final = Account()


def at(account: Account, day: int, meal: int) -> Account:
    """The account with the sums of this day and meal: those of another begin with nothing."""
    if account.day != day:
        return replace(account, day=day, day_fen=0, day_count=0, meal=meal, meal_count=0, offline_fen=0)
    if account.meal != meal:
        return replace(account, meal=meal, meal_count=0, offline_fen=0)
    return account


def debited(
    account: Account, known: tuple[int, int], amount_fen: int, now_ms: int, *, is_offline: bool, away: int
) -> Account:
    """After a debit. ``known``: what the centre has heard of this point; taken where it is more than was counted here."""
    before_fen = account.away_fen if account.away == away else 0
    return replace(
        account,
        spent_fen=max(account.spent_fen, known[0]) + amount_fen,
        undone_fen=max(account.undone_fen, known[1]),
        counter=account.counter + 1,
        day_fen=account.day_fen + amount_fen,
        day_count=account.day_count + 1,
        meal_count=account.meal_count + 1,
        offline_fen=account.offline_fen + (amount_fen if is_offline else 0),
        away=away if is_offline else account.away,
        away_fen=before_fen + amount_fen if is_offline else account.away_fen,
        last_no=account.counter + 1,
        last_fen=amount_fen,
        last_at_ms=now_ms,
        last_offline=is_offline,
        can_undo=True,
    )


def undone(account: Account) -> Account:
    """After the last debit was taken back; it is not taken back twice."""
    taken = _moved(account, account, -1, account.last_fen, is_offline=account.last_offline)
    return replace(taken, undone_fen=account.undone_fen + account.last_fen, can_undo=False)


def debit_failed(account: Account, after: Account) -> Account:
    """A debit after which the account was ``after`` came to nothing, whatever was counted since. Its number is not used again."""
    less = _moved(account, after, -1, after.last_fen, is_offline=after.last_offline)
    stands = account.can_undo and account.last_no != after.last_no
    return replace(less, spent_fen=account.spent_fen - after.last_fen, can_undo=stands)


def undo_failed(account: Account, after: Account) -> Account:
    """The same of an undoing: the debit stands."""
    more = _moved(account, after, 1, after.last_fen, is_offline=after.last_offline)
    stands = account.can_undo or account.last_no == after.last_no
    return replace(more, undone_fen=account.undone_fen - after.last_fen, can_undo=stands)


def _moved(account: Account, of: Account, sign: int, fen: int, *, is_offline: bool) -> Account:
    """The sums of day, meal and stretch with one payment more or less, where they are still those of it."""
    same_day = account.day == of.day
    same_meal = same_day and account.meal == of.meal
    same_away = is_offline and account.away == of.away
    return replace(
        account,
        day_fen=max(0, account.day_fen + sign * fen * same_day),
        day_count=max(0, account.day_count + sign * same_day),
        meal_count=max(0, account.meal_count + sign * same_meal),
        offline_fen=max(0, account.offline_fen + sign * fen * (same_meal and is_offline)),
        away_fen=max(0, account.away_fen + sign * fen * same_away),
    )


def spent_known(row: BalanceRow, point: int) -> tuple[int, int]:
    """(debits, undone) of this issue at a point as the centre had heard."""
    return next(((debits, undone) for number, debits, undone in row.spent if number == point), (0, 0))


def unheard_fen(row: BalanceRow, accounts: Iterable[tuple[int, Account]]) -> int:
    """What the node's points, (point, account), have sold to the card, less what they have undone, beyond what the row knows."""
    total = 0
    for point, account in accounts:
        debits, undone_there = spent_known(row, point)
        total += max(0, account.spent_fen - debits) - max(0, account.undone_fen - undone_there)
    return total

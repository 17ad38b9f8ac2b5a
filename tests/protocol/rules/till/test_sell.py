"""The decision of a till: each check with its boundary, and histories that never spend more than there is or is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol.decide import Instant, Trust
from protocol.reasons import Reason
from protocol.rules.till.account import NOTHING, Account, spent_known, unheard_fen
from protocol.rules.till.sell import Asked, Reach, Sale, sell, undo
from protocol.schedule import Calendar, zone_of
from protocol.till_rows import BalanceRow, TillRow

CALENDAR = Calendar(zone_of("Asia/Shanghai"), {})
NOON_MS = int(datetime(2026, 3, 2, 4, 0, tzinfo=UTC).timestamp() * 1_000)
"""12:00 in Shanghai."""
NOON = Instant(NOON_MS)
TODAY = datetime(2026, 3, 2, tzinfo=UTC).toordinal()
BREAKFAST, LUNCH, NIGHT = 1, 2, 3
TILL = TillRow(((BREAKFAST, 390, 540, 500, 0), (LUNCH, 660, 810, 1_500, 0), (NIGHT, 1_380, 60, 800, 0)))
POINT, STAFF = 12, 7
CARD = BalanceRow(5, 1, 10_000, NOON_MS // 1_000)
ONLINE = Reach(True, NOON_MS)
HOUR_MS = 3_600_000


def pay(
    till: TillRow = TILL,
    balance: BalanceRow | None = CARD,
    account: Account = NOTHING,
    reach: Reach = ONLINE,
    now: Instant = NOON,
    today: int = TODAY,
) -> Sale:
    return sell(Asked(POINT, till, balance, {POINT: account}), reach, CALENDAR, today, now)


def at(hour: int, minute: int = 0) -> Instant:
    return Instant(NOON_MS + (hour - 12) * HOUR_MS + minute * 60_000)


def offline(age_h: float = 0, **more: int) -> Reach:
    return Reach(False, NOON_MS - int(age_h * HOUR_MS), **more)


def spent(count: int = 1, fen: int = 1_500, meal: int = LUNCH, at_ms: int = 0, **more: int) -> Account:
    return Account(
        fen,
        0,
        count,
        TODAY,
        fen,
        count,
        meal,
        count,
        last_fen=fen,
        last_at_ms=at_ms or NOON_MS - HOUR_MS,
        can_undo=True,
        **more,
    )


def test_a_card_pays_the_price_of_the_meal() -> None:
    sold = pay()
    assert (sold.reason, sold.amount_fen, sold.balance_fen, sold.meal) == (
        Reason.GRANTED,
        1_500,
        10_000,
        LUNCH,
    )
    assert (sold.account.spent_fen, sold.account.counter, sold.account.offline_fen) == (1_500, 1, 0)


def test_1_a_card_of_which_no_balance_is_here_pays_nothing() -> None:
    assert pay(balance=None).reason is Reason.BALANCE_UNKNOWN


@pytest.mark.parametrize(
    ("now", "meal"),
    [
        (at(6, 29), 0),
        (at(6, 30), BREAKFAST),
        (at(8, 59), BREAKFAST),
        (at(9), 0),
        (at(13, 29), LUNCH),
        (at(13, 30), 0),
        (at(22, 59), 0),
        (at(23), NIGHT),
        (at(24, 59), NIGHT),
        (at(25), 0),
    ],
)
def test_2_the_meal_is_that_of_the_local_time(now: Instant, meal: int) -> None:
    """Start inclusive, end exclusive; over midnight where the end is not later than the start."""
    sold = pay(now=now)
    assert (sold.meal, sold.reason) == (meal, Reason.GRANTED if meal else Reason.NO_MEAL_NOW)


def test_2_a_card_class_pays_its_own_price() -> None:
    till = replace(TILL, prices=((LUNCH, STAFF, 600), (BREAKFAST, STAFF, 0)))
    assert pay(till, replace(CARD, card_class=STAFF)).amount_fen == 600
    assert pay(till).amount_fen == 1_500
    free = pay(till, replace(CARD, card_class=STAFF, balance_fen=0), now=at(7))
    assert (free.reason, free.amount_fen) == (Reason.GRANTED, 0)


@pytest.mark.parametrize(("ago_ms", "reason"), [(9_999, Reason.TOO_SOON), (10_000, Reason.GRANTED)])
def test_3_seconds_between_two_debits_of_a_card(ago_ms: int, reason: Reason) -> None:
    till = replace(TILL, gap_s=10)
    assert pay(till, account=spent(at_ms=NOON_MS - ago_ms)).reason is reason
    assert pay(till, account=replace(spent(at_ms=NOON_MS - ago_ms), can_undo=False)).reason is Reason.GRANTED
    assert pay(account=spent(at_ms=NOON_MS - ago_ms)).reason is Reason.GRANTED, "an unset limit stops nobody"


@pytest.mark.parametrize(
    ("count_max", "count", "reason"),
    [(1, 0, Reason.GRANTED), (1, 1, Reason.MEAL_TAKEN), (2, 1, Reason.GRANTED), (0, 99, Reason.GRANTED)],
)
def test_4_how_often_a_meal_may_be_taken(count_max: int, count: int, reason: Reason) -> None:
    till = replace(TILL, meals=((LUNCH, 660, 810, 1_500, count_max),))
    assert pay(till, account=spent(count) if count else NOTHING).reason is reason


def test_4_another_meal_and_another_day_begin_anew() -> None:
    till = replace(TILL, meals=((LUNCH, 660, 810, 1_500, 1),))
    assert pay(till, account=spent(meal=BREAKFAST)).reason is Reason.GRANTED
    assert pay(till, account=replace(spent(), day=TODAY - 1)).reason is Reason.GRANTED


@pytest.mark.parametrize(
    ("limit", "reason"),
    [(1_499, Reason.OVER_TRANSACTION_LIMIT), (1_500, Reason.GRANTED), (0, Reason.GRANTED)],
)
def test_5_the_limit_of_one_payment(limit: int, reason: Reason) -> None:
    assert pay(replace(TILL, transaction_max_fen=limit)).reason is reason


@pytest.mark.parametrize(
    ("limit", "reason"), [(2_999, Reason.OVER_DAY_LIMIT), (3_000, Reason.GRANTED), (0, Reason.GRANTED)]
)
def test_6_amount_and_number_of_a_day(limit: int, reason: Reason) -> None:
    assert pay(replace(TILL, day_max_fen=limit), account=spent()).reason is reason
    assert pay(replace(TILL, day_count_max=2), account=spent(2)).reason is Reason.OVER_DAY_LIMIT
    assert pay(replace(TILL, day_count_max=2), account=spent(1)).reason is Reason.GRANTED


def test_6_the_day_begins_at_the_cut_over() -> None:
    till = replace(TILL, day_count_max=1, cut_over_min=180)
    at_night = replace(spent(meal=NIGHT), day=TODAY)
    assert pay(till, account=at_night, now=at(24, 30), today=0).reason is Reason.OVER_DAY_LIMIT
    assert (
        pay(replace(till, cut_over_min=0), account=at_night, now=at(24, 30), today=0).reason is Reason.GRANTED
    )


@pytest.mark.parametrize(
    ("balance_fen", "reason"),
    [(0, Reason.GRANTED), (-1, Reason.BALANCE_NEGATIVE)],
)
def test_7_below_zero_nothing_is_sold_without_the_centre_not_even_for_nothing(
    balance_fen: int, reason: Reason
) -> None:
    free = replace(TILL, meals=((LUNCH, 660, 810, 0, 0),))
    card = replace(CARD, balance_fen=balance_fen)
    assert pay(free, card, reach=offline()).reason is reason
    assert pay(free, card).reason is (Reason.GRANTED if balance_fen >= 0 else Reason.NOT_ENOUGH_MONEY)


@pytest.mark.parametrize("limit", ["balances_age_max_s", "hotlist_age_max_s"])
def test_7_how_old_balances_and_hotlist_may_be(limit: str) -> None:
    till = replace(TILL, **{"balances_age_max_s": 0, "hotlist_age_max_s": 0, limit: 72 * 3_600})
    assert pay(till, reach=offline(72)).reason is Reason.GRANTED
    assert pay(till, reach=Reach(False, NOON_MS - 72 * HOUR_MS - 1)).reason is Reason.OFFLINE_TOO_LONG
    assert pay(till, reach=Reach(False, 0)).reason is Reason.OFFLINE_TOO_LONG, "it was never told"
    assert pay(till, reach=Reach(True, 0)).reason is Reason.GRANTED
    without = replace(TILL, balances_age_max_s=0, hotlist_age_max_s=0)
    assert pay(without, reach=Reach(False, 0)).reason is Reason.GRANTED, "an unset limit never stops lunch"


def test_7_the_till_warns_when_three_quarters_of_the_time_are_over() -> None:
    assert not pay(reach=offline(53.99)).warns
    assert pay(reach=offline(54)).warns
    assert not pay(reach=ONLINE).warns


@pytest.mark.parametrize(("before", "reason"), [(1_500, Reason.GRANTED), (1_501, Reason.OVER_OFFLINE_LIMIT)])
def test_7_what_one_card_may_spend_in_a_meal_without_the_centre(before: int, reason: Reason) -> None:
    assert pay(account=spent(offline_fen=before), reach=offline()).reason is reason
    assert pay(account=spent(offline_fen=before)).reason is Reason.GRANTED, "with it, the balance decides"
    assert pay(account=spent(offline_fen=before, meal=BREAKFAST), reach=offline()).reason is Reason.GRANTED


@pytest.mark.parametrize(("before", "reason"), [(8_500, Reason.GRANTED), (8_501, Reason.OVER_OFFLINE_LIMIT)])
def test_7_what_all_cards_may_spend_without_the_centre(before: int, reason: Reason) -> None:
    till = replace(TILL, offline_total_max_fen=10_000)
    assert pay(till, reach=offline(away_fen=before)).reason is reason
    assert pay(till, reach=replace(ONLINE, away_fen=before)).reason is Reason.GRANTED


@pytest.mark.parametrize(
    ("balance_fen", "reason"), [(1_500, Reason.GRANTED), (1_499, Reason.NOT_ENOUGH_MONEY)]
)
def test_8_no_more_than_lies_on_the_card(balance_fen: int, reason: Reason) -> None:
    assert pay(balance=replace(CARD, balance_fen=balance_fen)).reason is reason


def test_8_what_this_node_has_sold_counts_once_whether_the_centre_has_heard_of_it_or_not() -> None:
    """Planted break: take off all that was spent here."""
    card = replace(CARD, balance_fen=3_000)
    assert pay(balance=card, account=spent()).balance_fen == 1_500
    heard = replace(card, balance_fen=1_500, spent=((POINT, 1_500, 0),))
    assert pay(balance=heard, account=spent()).balance_fen == 1_500
    elsewhere = replace(card, spent=((99, 5_000, 0),))
    assert pay(balance=elsewhere, account=spent()).balance_fen == 1_500
    other_point = Asked(POINT, TILL, card, {POINT: NOTHING, 13: spent()})
    assert sell(other_point, ONLINE, CALENDAR, TODAY, NOON).balance_fen == 1_500


def test_a_till_that_has_lost_its_memory_counts_on_from_what_the_centre_has_heard() -> None:
    heard = replace(CARD, spent=((POINT, 4_000, 500),))
    sold = pay(balance=heard)
    assert (sold.account.spent_fen, sold.account.undone_fen) == (5_500, 500)
    assert unheard_fen(heard, [(POINT, sold.account)]) == 1_500


def test_without_a_clock_it_sells_and_the_day_does_not_roll_over() -> None:
    """reliability.md section 3."""
    till = replace(TILL, day_count_max=1)
    lost = replace(at(36), trust=Trust.FLOOR_ONLY, floor_ms=NOON_MS)
    assert pay(till, account=spent(), now=lost).reason is Reason.OVER_DAY_LIMIT
    assert pay(now=lost, reach=offline(71)).reason is Reason.GRANTED
    nowhere = replace(at(3), trust=Trust.NONE)
    assert (pay(now=nowhere).reason, pay(now=nowhere).amount_fen) == (Reason.GRANTED, 500), (
        "the cheapest meal"
    )


def test_the_last_debit_is_undone_once_and_whole() -> None:
    """Domain-rules section 3 rule 5. Planted break: leave ``can_undo`` as it is."""
    first = pay().account
    second = pay(account=first).account
    back = undo(Asked(POINT, TILL, CARD, {POINT: second}))
    assert (back.reason, back.amount_fen, back.account.counter) == (Reason.GRANTED, 1_500, 2)
    assert unheard_fen(CARD, [(POINT, back.account)]) == 1_500
    assert (back.account.day_fen, back.account.day_count, back.account.meal_count) == (1_500, 1, 1)
    again = undo(Asked(POINT, TILL, CARD, {POINT: back.account}))
    assert again.reason is Reason.NOTHING_TO_UNDO
    assert undo(Asked(POINT, TILL, CARD, {})).reason is Reason.NOTHING_TO_UNDO
    assert undo(Asked(POINT, TILL, None, {POINT: second})).reason is Reason.NOTHING_TO_UNDO


@dataclass
class Ledger:
    """The truth beside the node: what really lies on the card, and what the centre has heard of the till."""

    balance_fen: int
    told: list[tuple[int, int]] = field(default_factory=list)
    """(debit, undone) of each fact that is not uploaded yet."""
    spent_fen: int = 0
    undone_fen: int = 0

    def hear(self, count: int) -> None:
        for debit, undone in self.told[:count]:
            self.balance_fen += undone - debit
            self.spent_fen += debit
            self.undone_fen += undone
        del self.told[:count]

    def row(self) -> BalanceRow:
        return BalanceRow(5, 1, self.balance_fen, 0, 0, ((POINT, self.spent_fen, self.undone_fen),))


EVENTS = st.sampled_from(
    [
        *[("pay", minutes) for minutes in (1, 2, 3, 5, 8, 13, 400)],
        *[("top_up", 2_000), ("undo", 0), ("link", 0), ("link", 1)],
        *[("upload", 1), ("upload", 5), ("publish", 0)],
    ]
)


@given(
    st.lists(EVENTS, min_size=20, max_size=60),
    st.sampled_from([0, 1_499, 4_500, 20_000]),
    st.sampled_from([0, 1_600, 3_000, 4_700]),
    st.booleans(),
)
def test_no_history_spends_more_than_there_is_or_more_offline_than_the_caps(
    events: list[tuple[str, int]], opening_fen: int, total_fen: int, online: bool
) -> None:
    """One till, one card: whatever is heard when, the balance never goes below zero, and what the till knows of it is never
    more than the truth. Offline spends of one meal stay within the cap of a card, those of a stretch within the total.

    Planted breaks: ``unheard_fen`` always 0; the cap of a meal left out; the total left out; ``undone`` twice.
    """
    till = replace(TILL, offline_total_max_fen=total_fen)
    truth, row, account = Ledger(opening_fen), BalanceRow(5, 1, opening_fen, 0), NOTHING
    now, away_no, away, undoable = NOON, 1, 0, False
    offline_meal: dict[tuple[int, int], int] = {}
    for what, number in events:
        asked = Asked(POINT, till, row, {POINT: account})
        match what:
            case "pay":
                now = Instant(now.utc_ms + number * 60_000)
                sold = sell(asked, Reach(online, now.utc_ms, away_no, away), CALENDAR, 0, now)
                real = truth.balance_fen - sum(debit - undone for debit, undone in truth.told)
                if sold.reason in (Reason.NO_MEAL_NOW,):
                    continue
                assert sold.balance_fen <= real
                if sold.reason is not Reason.GRANTED:
                    continue
                assert real - sold.amount_fen >= 0
                account, undoable = sold.account, True
                truth.told.append((sold.amount_fen, 0))
                if not online:
                    away += sold.amount_fen
                    meal = (account.day, account.meal)
                    offline_meal[meal] = offline_meal.get(meal, 0) + sold.amount_fen
                    assert offline_meal[meal] <= till.offline_meal_max_fen
                    assert not total_fen or away <= total_fen
            case "undo":
                back = undo(asked)
                assert (back.reason is Reason.GRANTED) == undoable
                if undoable:
                    meal = (account.day, account.meal)
                    if account.last_offline:
                        offline_meal[meal] -= back.amount_fen
                        away -= back.amount_fen if account.away == away_no else 0
                    account, undoable = back.account, False
                    truth.told.append((0, back.amount_fen))
            case "link":
                if number and not online:
                    away_no, away = away_no + 1, 0
                online = bool(number)
            case "upload" if online:
                truth.hear(number)
            case "publish" if online:
                row = truth.row()
            case "top_up":
                truth.balance_fen += number
    assert spent_known(row, POINT) <= (account.spent_fen, account.undone_fen)

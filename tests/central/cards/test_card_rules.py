"""The card state machine: the table, each illegal pair, the invariants and the shown status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.cards.rules import (
    TABLE,
    TERMINAL,
    Act,
    CardState,
    Disable,
    Holding,
    IllegalActError,
    Shown,
    possible_acts,
    restriction_of,
    shown_status,
    step,
)
from protocol.reasons import DISABLING, Reason

LOST = frozenset({Disable.LOST})
SUSPENDED = frozenset({Disable.SUSPENDED})
ALL_REASONS = [
    frozenset(chosen) for size in range(len(Disable) + 1) for chosen in combinations(Disable, size)
]
NOW = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(("holding", "act"), [pair for pair in product(Holding, Act) if pair not in TABLE])
def test_each_pair_without_a_line_raises_whatever_the_reasons(holding: Holding, act: Act) -> None:
    for reasons in ALL_REASONS:
        with pytest.raises(IllegalActError):
            step(CardState(holding, reasons), act)


@pytest.mark.parametrize(("holding", "act"), list(TABLE))
def test_each_line_moves_only_when_its_conditions_hold(holding: Holding, act: Act) -> None:
    line = TABLE[holding, act]
    moved = 0
    for reasons in ALL_REASONS:
        state = CardState(holding, reasons)
        if line.needs <= reasons and not line.forbids & reasons:
            after = step(state, act)
            assert after.holding is line.to
            assert after.reasons == (reasons | line.adds) - line.removes
            moved += 1
        else:
            with pytest.raises(IllegalActError):
                step(state, act)
    assert moved


@pytest.mark.parametrize(
    ("state", "act", "after"),
    [
        (CardState(), Act.ISSUE, CardState(Holding.IN_USE)),
        (CardState(Holding.IN_USE), Act.REPORT_LOST, CardState(Holding.IN_USE, LOST)),
        (CardState(Holding.IN_USE, LOST), Act.LIFT, CardState(Holding.IN_USE)),
        (
            CardState(Holding.IN_USE, LOST),
            Act.REPLACE,
            CardState(Holding.REPLACED, LOST | {Disable.REPLACED}),
        ),
        (CardState(Holding.IN_USE, LOST), Act.RETURN, CardState(Holding.RETURNED)),
        (CardState(Holding.RETURNED), Act.RESTOCK, CardState(Holding.STOCK)),
        (
            CardState(Holding.IN_USE, SUSPENDED),
            Act.REPORT_LOST,
            CardState(Holding.IN_USE, SUSPENDED | LOST),
        ),
        (CardState(Holding.IN_USE, SUSPENDED | LOST), Act.LIFT, CardState(Holding.IN_USE, SUSPENDED)),
    ],
)
def test_the_acts_of_the_desk(state: CardState, act: Act, after: CardState) -> None:
    assert step(state, act) == after


def test_a_lost_card_is_not_rewritten_and_a_replaced_one_never_lifted() -> None:
    with pytest.raises(IllegalActError):
        step(CardState(Holding.IN_USE, LOST), Act.REWRITE)
    replaced = step(CardState(Holding.IN_USE, LOST), Act.REPLACE)
    assert possible_acts(replaced) == [Act.RECOVER, Act.DESTROY]
    assert possible_acts(CardState(Holding.DESTROYED)) == []
    assert {Holding.DESTROYED} == TERMINAL


def test_a_swapped_card_is_in_hand_and_only_ever_cut_up_or_found_missing() -> None:
    swapped = step(CardState(Holding.IN_USE), Act.SWAP)
    assert swapped.reasons == {Disable.DAMAGED, Disable.REPLACED}
    assert possible_acts(swapped) == [Act.WRITE_OFF, Act.DESTROY]


def test_a_provisional_loss_is_a_loss_until_somebody_lifts_it() -> None:
    lost = step(CardState(Holding.IN_USE), Act.REPORT_PROVISIONAL)
    assert lost == step(lost, Act.CONFIRM_LOSS) == CardState(Holding.IN_USE, LOST)
    with pytest.raises(IllegalActError):
        step(CardState(Holding.IN_USE), Act.CONFIRM_LOSS)


def test_a_card_that_is_not_lost_needs_the_report_before_its_replacement() -> None:
    with pytest.raises(IllegalActError):
        step(CardState(Holding.IN_USE), Act.REPLACE)


@given(st.lists(st.sampled_from(list(Act)), max_size=30))
def test_over_any_history_a_dead_card_is_on_the_hotlist_and_a_working_one_is_not(acts: list[Act]) -> None:
    state, replaced = CardState(), False
    for act in acts:
        try:
            state = step(state, act)
        except IllegalActError:
            continue
        replaced = (replaced or act in (Act.REPLACE, Act.SWAP)) and act is not Act.RESTOCK
        if (
            replaced
        ):  # a replaced card opens nothing; only a wiped one is given out again, under its next number
            assert restriction_of(state) is not None
        shown = shown_status(state, None, None, NOW)
        reason = restriction_of(state)
        assert (reason is None) == (shown in (Shown.ACTIVE, Shown.NEW))
        assert reason is None or reason in DISABLING


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (CardState(), Shown.NEW),
        (CardState(Holding.IN_USE), Shown.ACTIVE),
        (CardState(Holding.IN_USE, LOST), Shown.LOST),
        (CardState(Holding.IN_USE, frozenset({Disable.STOLEN, Disable.LOST})), Shown.LOST),
        (CardState(Holding.IN_USE, SUSPENDED), Shown.SUSPENDED),
        (CardState(Holding.IN_USE, frozenset({Disable.LIMIT})), Shown.SUSPENDED),
        (CardState(Holding.RETURNED), Shown.RETURNED),
        (CardState(Holding.REPLACED, LOST), Shown.REPLACED),
        (CardState(Holding.CANCELLED), Shown.CANCELLED),
        (CardState(Holding.DESTROYED), Shown.DESTROYED),
    ],
)
def test_the_shown_status_is_derived(state: CardState, shown: Shown) -> None:
    assert shown_status(state, None, None, NOW) is shown


def test_validity_is_from_inclusive_and_until_exclusive() -> None:
    state, instant = CardState(Holding.IN_USE), timedelta(milliseconds=1)
    assert shown_status(state, NOW, None, NOW) is Shown.ACTIVE
    assert shown_status(state, NOW + instant, None, NOW) is Shown.NOT_YET_ACTIVE
    assert shown_status(state, None, NOW, NOW) is Shown.EXPIRED
    assert shown_status(state, None, NOW + instant, NOW) is Shown.ACTIVE


def test_a_lost_report_outranks_the_end_of_validity() -> None:
    assert shown_status(CardState(Holding.IN_USE, LOST), None, NOW, NOW) is Shown.LOST


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (CardState(Holding.IN_USE, LOST), Reason.CARD_LOST),
        (CardState(Holding.IN_USE, LOST | {Disable.STOLEN}), Reason.CARD_STOLEN),
        (CardState(Holding.IN_USE, LOST | SUSPENDED), Reason.CARD_LOST),
        (CardState(Holding.IN_USE, SUSPENDED), Reason.CARD_SUSPENDED),
        (CardState(Holding.RETURNED), Reason.CARD_RETURNED),
        (CardState(Holding.REPLACED, LOST), Reason.CARD_REPLACED),
        (CardState(Holding.CANCELLED), Reason.CARD_CANCELLED),
    ],
)
def test_what_the_nodes_are_told(state: CardState, reason: Reason) -> None:
    assert restriction_of(state) is reason

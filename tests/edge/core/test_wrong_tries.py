"""Five unknown credentials within a minute; nobody may lock a building out with a transit card."""

from __future__ import annotations

import pytest

from edge.core.wrong_tries import IGNORE_MS, WITHIN_MS, WrongTries


def after(*moments_ms: int) -> WrongTries:
    tries = WrongTries()
    for now_ms in moments_ms:
        tries = tries.refused(now_ms)
    return tries


def test_four_do_nothing() -> None:
    assert not after(0, 1, 2, 3).ignoring(3)


@pytest.mark.parametrize(("fifth_ms", "alarm"), [(WITHIN_MS, True), (WITHIN_MS + 1, False)])
def test_the_fifth_counts_up_to_sixty_seconds_after_the_first(fifth_ms: int, alarm: bool) -> None:
    assert after(0, 1, 2, 3, fifth_ms).ignoring(fifth_ms) is alarm


def test_unknown_cards_are_ignored_for_thirty_seconds_and_not_longer() -> None:
    tries = after(0, 0, 0, 0, 0)
    assert tries.ignoring(IGNORE_MS - 1)
    assert not tries.ignoring(IGNORE_MS)


def test_what_is_ignored_does_not_prolong_it() -> None:
    tries = after(0, 0, 0, 0, 0)
    assert tries.refused(IGNORE_MS - 1) == tries


def test_afterwards_it_takes_five_again() -> None:
    tries = after(0, 0, 0, 0, 0)
    for now_ms in range(IGNORE_MS, IGNORE_MS + 4):
        tries = tries.refused(now_ms)
        assert not tries.ignoring(now_ms)
    assert tries.refused(IGNORE_MS + 4).ignoring(IGNORE_MS + 4)


def test_memory_is_bounded() -> None:
    assert len(after(*range(0, 10_000_000, 20_000)).tries_ms) < 5

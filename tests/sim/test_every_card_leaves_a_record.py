"""Whatever came before it: a card that lay alone in the field long enough to be read is told of once and recorded once.

Also while the lock is released, beep and light play, a commit is slow or fails, polls come late, the chip is repaired.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.reader.base import CardPresented
from edge.reader.presence import MISSES_MAX
from protocol.ids import uid_key
from protocol.reasons import Reason
from tests.support.gate import CARDS_MAX, KINDS, Gate, uid_of

ALONE_POLLS = 2
"""Whole polls that a card needs that nobody else was near to: 300 ms at ten polls a second."""
LEFT_ALONE_POLLS = MISSES_MAX
"""And one that lay together with another card at first, or through a repair: that one has to be found gone."""

visits = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(-350, 1_200), st.integers(150, 1_500)),
    min_size=1,
    max_size=CARDS_MAX,
)
troubles = st.dictionaries(st.integers(0, 150), st.sampled_from(["brown out", "lost", "exit"]), max_size=4)
commits = st.lists(st.sampled_from([0, 20, 700, 1_400, None]), min_size=1, max_size=5)
delays = st.lists(st.sampled_from([0, 0, 0, 40, 180, 420]), min_size=1, max_size=7)


def play(
    visits: list[tuple[str, int, int]],
    troubles: dict[int, str] | None = None,
    commits: tuple[int | None, ...] = (5,),
    delays: tuple[int, ...] = (0,),
) -> Gate:
    """Cards one after another: (kind, pause after the one before in ms, or overlap; how long it lies there)."""
    gate = Gate(commits)
    at_ms = 1_000
    for number, (kind, pause_ms, hold_ms) in enumerate(visits):
        begin_ms = max(0, at_ms + pause_ms)
        at_ms = max(at_ms, begin_ms + hold_ms)
        gate.plan(uid_of(kind, number), begin_ms, begin_ms + hold_ms)
    acts = {"brown out": gate.brown_out, "lost": gate.lose_chip, "exit": gate.press_exit}
    for number in range(at_ms // 100 + 60):
        what = (troubles or {}).get(number)
        if what is not None and not gate.chip.faults:
            acts[what]()
        gate.poll(delays[number % len(delays)])
    return gate


def check(gate: Gate) -> None:
    for uid, sight in gate.sights.items():
        told = [e for e in gate.events if isinstance(e, CardPresented) and e.uid == uid]
        facts = [
            fact
            for fact, key in zip(gate.stored, gate.keys, strict=True)
            if key == uid_key(uid) and fact.reason is not Reason.SEVERAL_CARDS
        ]
        needed = LEFT_ALONE_POLLS if sight.overlapped or sight.troubled else ALONE_POLLS
        what = f"{uid.hex()} {sight}: {told}, {[fact.reason.name for fact in facts]}"
        assert len(told) <= 1, what
        assert len(facts) <= 1, what
        if sight.longest_run >= needed:
            assert len(told) == 1, what
            assert len(facts) == 1, what


@given(visits, troubles, commits, delays)
@settings(max_examples=150, deadline=None)
def test_every_card_that_could_be_read_is_told_of_once_and_recorded_once(
    visits: list[tuple[str, int, int]],
    troubles: dict[int, str],
    commits: list[int | None],
    delays: list[int],
) -> None:
    check(play(visits, troubles, tuple(commits), tuple(delays)))


@pytest.mark.parametrize("pause_ms", range(-350, 500, 50))
def test_a_stranger_right_after_a_granted_card_is_recorded(pause_ms: int) -> None:
    """The gate of the demonstration: one card is taken away 400 ms after it came, the next comes before, as, or after."""
    gate = play([("granted", 0, 400), ("stranger", pause_ms, 900)])
    reasons = [fact.reason for fact in gate.stored]
    assert reasons == [Reason.GRANTED, Reason.UNKNOWN_CARD]


def test_strangers_leave_a_record_each_while_they_are_ignored() -> None:
    gate = play([("stranger", 200, 400)] * 7)
    assert [fact.reason for fact in gate.stored] == [Reason.UNKNOWN_CARD] * 5 + [Reason.WRONG_TRIES] * 2

"""The life of a bulk act: every pair of state and event, and who is enough."""

from __future__ import annotations

import pytest

from central.bulk_acts.rules import TABLE, Event, State, first_state, step
from central.errors import ConflictError


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_only_what_the_table_says_is_possible(state: State, event: Event) -> None:
    if (state, event) in TABLE:
        assert step(state, event) is TABLE[state, event]
    else:
        with pytest.raises(ConflictError):
            step(state, event)


def test_what_has_ended_stays_so() -> None:
    assert not [pair for pair in TABLE if pair[0] in (State.DONE, State.STOPPED)]


@pytest.mark.parametrize(("cards", "state"), [(50, State.RUNNING), (51, State.WAITING)])
def test_above_the_limit_a_second_operator_is_needed(cards: int, state: State) -> None:
    assert first_state(cards, 50) is state

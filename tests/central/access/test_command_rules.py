"""The states of a remote open: never "opened" on sending, and no illegal step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from central.access.alarm_kinds import KINDS, OF_FACT
from central.access.command_rules import (
    ANSWER_WITHIN,
    NEXT,
    CommandKind,
    CommandOrderError,
    CommandState,
    ShownCommand,
    advance,
    of_outcome,
    of_result,
    shown,
)
from protocol.facts import Alarm, CommandResult, Outcome

SENT_AT = datetime(2026, 7, 1, 2, 0, tzinfo=UTC)
LEGAL = [(state, to) for state, following in NEXT.items() for to in following]


@pytest.mark.parametrize(("state", "to"), list(product(CommandState, CommandState)))
def test_only_the_steps_of_the_table(state: CommandState, to: CommandState) -> None:
    if (state, to) in LEGAL:
        assert advance(state, to) is to
    else:
        with pytest.raises(CommandOrderError):
            advance(state, to)


def test_an_opening_is_confirmed_only_by_its_outcome() -> None:
    assert of_result(CommandKind.OPEN, CommandResult.DONE) is CommandState.ACCEPTED
    assert of_outcome(Outcome.RELEASED) is CommandState.CONFIRMED
    assert of_outcome(Outcome.UNKNOWN) is CommandState.FAILED
    assert of_outcome(Outcome.LATE_COMMIT) is CommandState.FAILED


def test_a_mode_is_confirmed_by_the_device_itself() -> None:
    assert of_result(CommandKind.SET_MODE, CommandResult.DONE) is CommandState.CONFIRMED


@pytest.mark.parametrize("result", set(CommandResult) - {CommandResult.DONE})
def test_every_refusal_is_a_failure(result: CommandResult) -> None:
    assert of_result(CommandKind.OPEN, result) is CommandState.FAILED


@pytest.mark.parametrize(
    ("state", "just_before", "at_the_limit"),
    [
        (CommandState.QUEUED, ShownCommand.SENT, ShownCommand.TIMED_OUT),
        (CommandState.SENT, ShownCommand.SENT, ShownCommand.TIMED_OUT),
        (CommandState.ACCEPTED, ShownCommand.ACCEPTED, ShownCommand.TIMED_OUT),
        (CommandState.CONFIRMED, ShownCommand.CONFIRMED, ShownCommand.CONFIRMED),
        (CommandState.FAILED, ShownCommand.FAILED, ShownCommand.FAILED),
    ],
)
def test_without_an_answer_it_times_out(
    state: CommandState, just_before: ShownCommand, at_the_limit: ShownCommand
) -> None:
    end = SENT_AT + ANSWER_WITHIN
    assert shown(state, SENT_AT, end - timedelta(milliseconds=1)) is just_before
    assert shown(state, SENT_AT, end) is at_the_limit


def test_every_alarm_of_a_device_has_its_words() -> None:
    assert {OF_FACT[alarm] for alarm in Alarm} <= KINDS.keys()

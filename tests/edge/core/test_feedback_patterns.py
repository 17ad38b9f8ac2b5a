"""What a guard sees and hears: patterns as data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.feedback import (
    DARK,
    LOOKS,
    SIGNALS,
    Frame,
    Pattern,
    Player,
    duration_ms,
    frame,
    next_change_ms,
)


def shape(pattern: Pattern) -> tuple[tuple[int, bool, bool], ...]:
    """What remains of a pattern for somebody who cannot tell red from green: light or dark, sound or silence."""
    steps = SIGNALS.get(pattern) or LOOKS[pattern]
    return tuple((step.ms, step.frame.green or step.frame.red, step.frame.buzzer) for step in steps)


def test_every_signal_differs_from_every_other_without_its_colour() -> None:
    shapes = [shape(pattern) for pattern in SIGNALS]
    assert len(set(shapes)) == len(shapes)


def test_a_refusal_never_shows_green_alone_and_a_grant_begins_with_green() -> None:
    for pattern in (Pattern.DENIED, Pattern.UNKNOWN, Pattern.IGNORED, Pattern.STORAGE_FAULT):
        assert not any(step.frame.green for step in SIGNALS[pattern])
    for pattern in (Pattern.GRANTED, Pattern.GRANTED_EXTENDED, Pattern.PROVISIONAL):
        assert frame(pattern, 0) == Frame(green=True, buzzer=True)


@pytest.mark.parametrize("pattern", SIGNALS)
def test_a_signal_is_short_and_ends_silent(pattern: Pattern) -> None:
    assert duration_ms(pattern) <= 5_000
    assert frame(pattern, duration_ms(pattern) - 1) is not None
    assert frame(pattern, duration_ms(pattern)) is None


def test_an_idle_reader_is_silent_for_ever() -> None:
    assert all(frame(Pattern.IDLE, ms) == Frame(red=True) for ms in (0, 999, 1_000, 10**9))
    assert next_change_ms(Pattern.IDLE, 5) is None


def test_a_signal_interrupts_the_look_and_the_look_comes_back() -> None:
    player = Player(Pattern.BLOCKED).play(Pattern.DENIED, 100)
    assert player.frame(100) == Frame(red=True, buzzer=True)
    end_ms = 100 + duration_ms(Pattern.DENIED)
    assert player.frame(end_ms) == frame(Pattern.BLOCKED, end_ms)


def test_the_same_look_asked_for_again_does_not_start_anew() -> None:
    player = Player().play(Pattern.ALARM, 0)
    assert player.play(Pattern.ALARM, 300) == player


@given(st.sampled_from(Pattern), st.integers(0, 20_000))
def test_between_two_changes_nothing_changes(pattern: Pattern, elapsed_ms: int) -> None:
    player = Player().play(pattern, 0)
    step_ms = player.next_change_ms(elapsed_ms)
    if step_ms is None:
        assert player.frame(elapsed_ms) == player.frame(elapsed_ms + 60_000)
        return
    assert step_ms > 0
    assert player.frame(elapsed_ms) == player.frame(elapsed_ms + step_ms - 1)


def test_dark_is_all_off() -> None:
    assert not any(DARK)

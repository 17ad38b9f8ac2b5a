"""The stopwatch of a node: what counts, what could not be measured, and that it stays small."""

from __future__ import annotations

from edge.stopwatch import WAITING_MAX, Stopwatch
from protocol.decide import Trust
from protocol.facts import Entry, Fact, FactKind
from protocol.figures import UNCONNECTED, Figure, step_of
from protocol.limits import FIGURES_MAX


def entry(seq: int, at_ms: int, kind: FactKind = FactKind.ALARM) -> Entry:
    return Entry(Fact(seq, kind, 1, at_ms, 0, Trust.TRUSTED, b""), b"", b"")


def test_a_fact_counts_from_its_stamp_to_its_acknowledgement() -> None:
    watch = Stopwatch()
    watch.connection(True, 0)
    watch.committed([entry(1, 1_000), entry(2, 1_500, FactKind.ACCESS), entry(3, 1_600, FactKind.CONFIG)])
    watch.acknowledged(1, 1_300)
    watch.acknowledged(3, 3_500)
    watch.acknowledged(3, 9_999)
    assert set(watch.readings()) == {
        (Figure.ALARM.value, step_of(300), 1),
        (Figure.EVENT.value, step_of(2_000), 1),
    }


def test_what_was_recorded_before_the_connection_came_could_not_be_measured() -> None:
    watch = Stopwatch()
    watch.committed([entry(1, 1_000)])
    watch.connection(True, 2_000)
    watch.committed([entry(2, 2_500)])
    watch.connection(False, 3_000)
    watch.connection(True, 8_000)
    watch.connection(True, 8_500)  # the route changed, not the connection
    watch.committed([entry(3, 8_200)])
    watch.acknowledged(3, 8_900)
    assert {(f, s): n for f, s, n in watch.readings()} == {
        (Figure.ALARM.value, UNCONNECTED): 2,
        (Figure.ALARM.value, step_of(700)): 1,
    }


def test_it_stays_small_however_long_the_centre_is_away() -> None:
    watch = Stopwatch()
    watch.committed([entry(seq, seq) for seq in range(1, 3 * WAITING_MAX)])
    assert watch.readings() == ((Figure.ALARM.value, UNCONNECTED, 2 * WAITING_MAX - 1),)
    for figure in Figure:
        for ms in range(0, 300_000, 7):
            watch.took(figure, ms)
    assert len(watch.readings()) <= FIGURES_MAX


def test_a_clock_that_was_not_known_is_not_called_wrong() -> None:
    watch = Stopwatch()
    watch.clock_told(-1_700_000_000_000, is_known=False)
    watch.clock_told(-40, is_known=True)
    assert set(watch.readings()) == {
        (Figure.CLOCK.value, UNCONNECTED, 1),
        (Figure.CLOCK.value, step_of(40), 1),
    }

"""When a unit scanned at times that nobody knows for sure: it had no clock, and nothing has told since when it ran (I12).

Such a scan may belong to any visit between the sure records before and after it: where it may belong, nobody is said to have
missed a visit. Runs inside ``db``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from central.sync.model import Enrolment, StoredFact
from protocol.facts import FactKind

_ROWS: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


class _Run(msgspec.Struct):
    """Consecutive facts of one enrolment whose times are estimated."""

    enrolment: int
    first: int
    last: int
    received_ms: int
    has_scan: bool


def uncertain_spans(enrolments: Collection[Enrolment]) -> dict[int, list[tuple[int, int]]]:
    """By device: the spans, both ends inclusive, in ms since 1970, in which scans lie whose times are only estimated."""
    by_id = {enrolment.id: enrolment for enrolment in enrolments}
    runs = [run for run in _runs(by_id) if run.has_scan]
    sure_ms = _sure_ms(runs)
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for run in runs:
        enrolled_ms = (by_id[run.enrolment].enrolled_at - _EPOCH) // _MS
        begins_ms = sure_ms.get((run.enrolment, run.first - 1), enrolled_ms)
        ends_ms = sure_ms.get((run.enrolment, run.last + 1), run.received_ms)
        found[by_id[run.enrolment].device_id].append((begins_ms, max(begins_ms, ends_ms)))
    return found


def _runs(enrolments: Collection[int]) -> list[_Run]:
    query = (
        StoredFact.select(StoredFact.enrolment, StoredFact.seq, StoredFact.kind, StoredFact.received_ms)
        .where(StoredFact.enrolment.in_(sorted(enrolments)) & StoredFact.estimated)
        .order_by(StoredFact.enrolment, StoredFact.seq)
    )
    runs: list[_Run] = []
    for enrolment, seq, kind, received_ms in query.tuples():
        if not runs or (runs[-1].enrolment, runs[-1].last + 1) != (enrolment, seq):
            runs.append(_Run(enrolment, seq, seq, received_ms, False))
        run = runs[-1]
        run.last, run.received_ms = seq, max(run.received_ms, received_ms)
        run.has_scan = run.has_scan or kind == FactKind.SCAN.value
    return runs


def _sure_ms(runs: Sequence[_Run]) -> dict[tuple[int, int], int]:
    """By enrolment and seq: the times of the facts before and after the runs."""
    beside = {(run.enrolment, seq) for run in runs for seq in (run.first - 1, run.last + 1)}
    query = StoredFact.select(StoredFact.enrolment, StoredFact.seq, StoredFact.corrected_ms)
    found: dict[tuple[int, int], int] = {}
    for enrolment in sorted({number for number, _seq in beside}):
        seqs = sorted(seq for number, seq in beside if number == enrolment)
        for at in range(0, len(seqs), _ROWS):
            some = (StoredFact.enrolment == enrolment) & StoredFact.seq.in_(seqs[at : at + _ROWS])
            found |= {(number, seq): at_ms for number, seq, at_ms in query.where(some).tuples()}
    return found

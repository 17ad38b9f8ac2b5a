"""What a guard is told at a checkpoint, by the plan that the node holds. Pure.

It helps the guard and judges nothing: which scan serves which visit is worked out at the centre, once all scans are in.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.facts import ScanResult

_Visit = tuple[int, int, int, int, int, int]


def told(visits: Iterable[_Visit], checkpoint: int, at_ms: int) -> tuple[ScanResult, int]:
    """(result, planned second of the visit it is told by, 0 for none): the nearest visit here in whose window it is.

    Bounds are inclusive; of two visits as near, the earlier one.
    """
    nearest: tuple[int, int, ScanResult] | None = None
    for where, planned_s, early_s, late_s, outer_early_s, outer_late_s in visits:
        after_ms = at_ms - planned_s * 1_000
        if where != checkpoint or not -outer_early_s * 1_000 <= after_ms <= outer_late_s * 1_000:
            continue
        result = ScanResult.ON_TIME
        if after_ms < -early_s * 1_000:
            result = ScanResult.EARLY
        elif after_ms > late_s * 1_000:
            result = ScanResult.LATE
        candidate = (abs(after_ms), planned_s, result)
        if nearest is None or candidate[:2] < nearest[:2]:
            nearest = candidate
    return (ScanResult.NOT_ON_ROUTE, 0) if nearest is None else (nearest[2], nearest[1])

"""What is strange about scans. A flag never rejects a scan: it says where somebody should look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import groupby, pairwise

from protocol.rules.patrol.scans import Scan


class Flag(IntEnum):
    """A reason to doubt a scan."""

    TOO_FAST = 1
    """The guard was elsewhere less time ago than the way takes."""
    SAME_SECOND = 2
    """The guard was at two points in one second."""
    DEAD_CARD = 3
    """The guard's card was on the hotlist."""
    CLOCK_CHANGED = 4
    """The unit's clock was set since its scan before."""
    CLOCK_OFF = 5
    """The unit's clock differed from the server's by more than the limit."""
    TIME_UNCERTAIN = 6
    """The unit had no sure clock then: the time of the scan is only estimated."""


def flags_of(
    scans: Iterable[Scan],
    way_s: Mapping[tuple[int, int], int],
    dead_ms: Mapping[int, Sequence[tuple[int, int]]],
    difference_max_ms: int,
) -> dict[int, tuple[Flag, ...]]:
    """Flags by id of the scan, where there are any.

    :param way_s: the shortest time between two checkpoints, once for each pair, in either order.
    :param dead_ms: per guard, the spans ``[from, until)`` in which the card was on the hotlist.
    """
    found: dict[int, set[Flag]] = {}
    ordered = sorted(scans, key=lambda scan: (scan.guard, scan.at_ms, scan.checkpoint, scan.id))
    for guard, group in groupby(ordered, key=lambda scan: scan.guard):
        of_guard = list(group)
        if guard:
            _of_ways(of_guard, way_s, found)
        for scan in of_guard:
            if any(begins <= scan.at_ms < ends for begins, ends in dead_ms.get(guard, ())):
                found.setdefault(scan.id, set()).add(Flag.DEAD_CARD)
            if scan.is_uncertain:
                found.setdefault(scan.id, set()).add(Flag.TIME_UNCERTAIN)
            if abs(scan.difference_ms) > difference_max_ms:
                found.setdefault(scan.id, set()).add(Flag.CLOCK_OFF)
    by_unit = sorted(ordered, key=lambda scan: (scan.unit, scan.id))
    for before, after in pairwise(by_unit):
        if before.unit == after.unit and before.clock_changes != after.clock_changes:
            found.setdefault(after.id, set()).add(Flag.CLOCK_CHANGED)
    return {number: tuple(sorted(flags)) for number, flags in sorted(found.items())}


def _of_ways(
    scans: Sequence[Scan], way_s: Mapping[tuple[int, int], int], found: dict[int, set[Flag]]
) -> None:
    """One guard's scans in order of time."""
    for _second, group in groupby(scans, key=lambda scan: scan.at_ms // 1_000):
        at_once = list(group)
        if len({scan.checkpoint for scan in at_once}) > 1:
            for scan in at_once:
                found.setdefault(scan.id, set()).add(Flag.SAME_SECOND)
    for before, after in pairwise(scans):
        there, here = before.checkpoint, after.checkpoint
        needed_s = way_s.get((there, here), way_s.get((here, there), 0))
        if there != here and after.at_ms - before.at_ms < needed_s * 1_000:
            found.setdefault(after.id, set()).add(Flag.TOO_FAST)

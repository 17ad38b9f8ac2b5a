"""What guards did: scans by corrected device time, and double reads."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Final

import msgspec

DOUBLE_MS: Final = 60_000


class Scan(msgspec.Struct, frozen=True):
    """A guard's card at a checkpoint.

    ``id`` grows with the order in which its unit recorded. ``guard`` 0: a card of no guard. ``at_ms``: device time with the
    measured ``difference_ms`` (server - unit) added; the raw time is kept where the scan is stored. ``clock_changes``: how
    often the unit's clock had been set. ``is_late_proof``: it came after an operator had closed its time without it.
    ``is_uncertain``: the unit had no sure clock, the time is only estimated.
    """

    id: int
    unit: int
    checkpoint: int
    guard: int
    at_ms: int
    difference_ms: int = 0
    clock_changes: int = 0
    is_late_proof: bool = False
    is_uncertain: bool = False


def without_doubles(scans: Iterable[Scan]) -> tuple[list[Scan], list[Scan]]:
    """(scans in order of time, double reads): the same guard at the same checkpoint up to 60 s after a scan that counts."""
    counted: dict[tuple[int, int], int] = {}
    kept: list[Scan] = []
    doubles: list[Scan] = []
    for scan in sorted(scans, key=attrgetter("at_ms", "unit", "id")):
        place = (scan.checkpoint, scan.guard)
        if place in counted and scan.at_ms - counted[place] <= DOUBLE_MS:
            doubles.append(scan)
        else:
            counted[place] = scan.at_ms
            kept.append(scan)
    return kept, doubles

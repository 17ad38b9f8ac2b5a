"""The clock of a node without a battery: asking the centre for the time, and correcting offline times afterwards.

A node sends its boot time, the centre adds its own clock, the answer comes back: the centre read its clock somewhere
between sending and receiving, so the middle is wrong by half the round trip at most. Slower than two seconds: not used.

Correction (I12) never touches a fact: it computes a corrected time beside it. Order is always that of the seq.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from protocol.decide import Trust
from protocol.limits import CLOCK_ROUND_TRIP_MAX_MS

DRIFT_PPM: Final = 100
"""How far a Raspberry Pi's crystal may be off (its own tolerance and temperature), for the growth of an error bound."""


class Sample(msgspec.Struct, frozen=True):
    """The time was ``utc_ms`` when the boot time was ``boottime_ms``, give or take ``error_ms``."""

    utc_ms: int
    boottime_ms: int
    error_ms: int


def sample(sent_boottime_ms: int, received_boottime_ms: int, server_at_ms: int) -> Sample | None:
    """What a question sent and answered at these boot times says about the time; None when it took too long."""
    round_trip = received_boottime_ms - sent_boottime_ms
    if not 0 <= round_trip <= CLOCK_ROUND_TRIP_MAX_MS:
        return None
    return Sample(server_at_ms, sent_boottime_ms + round_trip // 2, (round_trip + 1) // 2)


def error_after(error_ms: int, elapsed_ms: int) -> int:
    """The bound of the error of a time taken ``elapsed_ms`` ago."""
    return error_ms + elapsed_ms * DRIFT_PPM // 1_000_000


class Stamp(msgspec.Struct, frozen=True):
    """When a fact was recorded, as the node wrote it."""

    seq: int
    boot: int
    boottime_ms: int
    wall_ms: int
    clock: Trust


class Anchor(msgspec.Struct, frozen=True):
    """From a ClockFact: in this boot, the time was ``utc_ms`` at ``boottime_ms``."""

    boot: int
    boottime_ms: int
    utc_ms: int
    error_ms: int = 0


class Corrected(msgspec.Struct, frozen=True):
    """When it happened: between ``earliest_ms`` and ``latest_ms``, to be shown as ``at_ms``.

    ``estimated``: there was no sure clock in that boot; ``latest_ms`` is None while nothing sure follows.
    """

    seq: int
    at_ms: int
    earliest_ms: int
    latest_ms: int | None
    estimated: bool


def correct(stamps: Sequence[Stamp], anchors: Iterable[Anchor]) -> list[Corrected]:
    """Corrected times of consecutive facts, in the order of their seq; pure, the originals stay.

    1. Recorded on a trusted clock, or in holdover: the wall clock is the time.
    2. An anchor in the same boot: ``utc = anchor.utc - (anchor.boottime - boottime)``, by the nearest anchor.
    3. Neither: between the last sure fact before and the first sure one after, estimated. Facts of one boot keep the
       distances that the boot time gives them.
    """
    of_boot: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        of_boot.setdefault(anchor.boot, []).append(anchor)
    sure = [_sure(stamp, of_boot.get(stamp.boot, ())) for stamp in stamps]
    after: list[int | None] = [None] * len(stamps)
    bound: int | None = None
    for index in range(len(stamps) - 1, -1, -1):
        known = sure[index]
        if known is not None:
            bound = known.at_ms
        elif bound is not None:
            if index + 1 < len(stamps) and stamps[index + 1].boot == stamps[index].boot:
                bound -= max(0, stamps[index + 1].boottime_ms - stamps[index].boottime_ms)
            after[index] = bound
    corrected: list[Corrected] = []
    floor = 0
    for index, stamp in enumerate(stamps):
        known = sure[index]
        if known is None:
            if corrected and stamps[index - 1].boot == stamp.boot:
                floor += max(0, stamp.boottime_ms - stamps[index - 1].boottime_ms)
            latest = after[index]
            earliest = floor if latest is None else min(floor, latest)
            shown = (
                max(earliest, stamp.wall_ms) if latest is None else min(max(stamp.wall_ms, earliest), latest)
            )
            known = Corrected(stamp.seq, shown, earliest, latest, True)
            floor = earliest
        else:
            floor = known.at_ms
        corrected.append(known)
    return corrected


def _sure(stamp: Stamp, anchors: Iterable[Anchor]) -> Corrected | None:
    if stamp.clock >= Trust.HOLDOVER:
        return Corrected(stamp.seq, stamp.wall_ms, stamp.wall_ms, stamp.wall_ms, False)
    nearest = min(anchors, key=lambda anchor: abs(anchor.boottime_ms - stamp.boottime_ms), default=None)
    if nearest is None:
        return None
    distance = nearest.boottime_ms - stamp.boottime_ms
    at = nearest.utc_ms - distance
    error = error_after(nearest.error_ms, abs(distance))
    return Corrected(stamp.seq, at, at - error, at + error, False)

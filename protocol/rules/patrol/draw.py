"""Times drawn from a secret seed: who does not have it cannot tell them, who has it gets the same ones whenever he asks.

Each number is SHA-256 over seed, day and a counter, taken modulo the span; of so long a number the remainder favours nothing.
"""

from __future__ import annotations

from hashlib import sha256


def starts(
    seed: str, day: int, first_min: int, end_min: int, least_min: int, gap_min: int
) -> tuple[int, ...]:
    """The minutes at which the rounds of a day begin, in order.

    :param gap_min: how much longer than ``least_min`` the time between two of them may be; the first begins at most so long
        after ``first_min``, and at ``end_min`` at the latest.
    """
    found = []
    at_min = first_min + min(_drawn(seed, day, 0, gap_min), end_min - first_min)
    while at_min <= end_min:
        found.append(at_min)
        at_min += least_min + _drawn(seed, day, len(found), gap_min)
    return tuple(found)


def _drawn(seed: str, day: int, number: int, most: int) -> int:
    """A whole number from 0 to ``most``, inclusive."""
    digest = sha256(f"patrol {seed} {day} {number}".encode()).digest()
    return int.from_bytes(digest, "big") % (most + 1)

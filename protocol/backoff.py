"""How long to wait before trying again: doubling, capped, spread so that a thousand nodes do not come back at once."""

from __future__ import annotations


def delay_ms(attempt: int, jitter: float, *, first_ms: int, max_ms: int) -> int:
    """Wait before attempt ``attempt`` + 1 (0 for the first repeat).

    :param jitter: 0.0 to 1.0, different for every node and attempt; the wait is 50 to 100 % of the doubled time.
    """
    assert 0.0 <= jitter <= 1.0, "jitter is a share"
    full = min(max_ms, first_ms << min(attempt, 20))
    return int(full * (0.5 + 0.5 * jitter))

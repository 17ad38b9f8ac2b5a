"""Whether a card may do less than before: then devices stop using its old row at once, whichever stream reaches them first (I7)."""

from __future__ import annotations

from protocol.records import ALL_CLOSED, CardFlag, CardRow, HoursRow, Row, UsesRow


def fewer(before: Row | None, after: UsesRow | None) -> bool:
    """True when a card may be used less often than before by a decision of somebody, not because it was used."""
    if after is None:
        return False
    return not isinstance(before, UsesRow) or after.uses_max < before.uses_max


def other_hours(before: Row | None, after: HoursRow | None) -> bool:
    """True when a card has hours of its own that it did not have like this."""
    return after is not None and before != after


def shrank(before: CardRow, after: CardRow | None) -> bool:
    """True when something that opened before may no longer open: the devices must stop using the old row at once."""
    if after is None:
        return True
    earlier_end = after.valid_until_s != 0 and (
        before.valid_until_s == 0 or after.valid_until_s < before.valid_until_s
    )
    return (
        not set(before.levels) <= set(after.levels)
        or earlier_end
        or after.valid_from_s > before.valid_from_s
        or after.issue_no > before.issue_no
        or bool(after.flags & ~before.flags & (ALL_CLOSED | CardFlag.NEEDS_ESCORT))
    )

"""What a visit is at a moment. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from central.web.i18n import LazyText, lazy

STATES: Final[dict[str, LazyText]] = {
    "expected": lazy("Expected"),
    "inside": lazy("Inside"),
    "out": lazy("Gone out with the card"),
    "overdue": lazy("Card overdue"),
    "left": lazy("Has left"),
    "missed": lazy("Did not come"),
    "cancelled": lazy("Called off"),
}


def state_of(
    until_at: datetime,
    now: datetime,
    *,
    arrived_at: datetime | None,
    returned_at: datetime | None,
    out_at: datetime | None,
    cancelled_at: datetime | None = None,
) -> str:
    """A key of ``STATES``: handing out the card is arriving; handing it back, or going out last, is leaving.

    :param returned_at: when the card was handed back or given up; None while it is out.
    :param out_at: when the card opened a door that leads out, if nothing else since.
    """
    if cancelled_at is not None:
        return "cancelled"
    is_over = now >= until_at
    if arrived_at is None:
        return "missed" if is_over else "expected"
    if returned_at is not None:
        return "left"
    if is_over:
        return "overdue"
    return "inside" if out_at is None else "out"

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
    "late": lazy("Still inside after the end"),
    "left": lazy("Has left"),
    "missed": lazy("Did not come"),
    "cancelled": lazy("Called off"),
}
CALL_TEXT: Final[dict[str, LazyText]] = {
    "let_in": lazy("The host lets the visitor in"),
    "fetches": lazy("The host comes down"),
    "nobody": lazy("Nobody answered"),
    "refused": lazy("The host refuses the visit"),
}
"""What came of a call to the host."""


def state_of(
    until_at: datetime,
    now: datetime,
    *,
    arrived_at: datetime | None,
    returned_at: datetime | None,
    out_at: datetime | None,
    cancelled_at: datetime | None = None,
    left_at: datetime | None = None,
    has_card: bool = True,
) -> str:
    """A key of ``STATES``: handing out the card is arriving; handing it back, or going out last, is leaving. Without a
    card the guard notes both.

    :param returned_at: when the card was handed back or given up; None while it is out.
    :param out_at: when the card opened a door that leads out, if nothing else since.
    :param left_at: when the guard saw the visitor leave.
    """
    if cancelled_at is not None:
        return "cancelled"
    is_over = now >= until_at
    if arrived_at is None:
        return "missed" if is_over else "expected"
    if returned_at is not None or (left_at is not None and not has_card):
        return "left"
    if is_over:
        return "overdue" if has_card else "late"
    return "inside" if out_at is None and left_at is None else "out"

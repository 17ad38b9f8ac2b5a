"""What makes a card dead for a while, and alive again: 掛失 解掛 停用 恢復."""

from __future__ import annotations

from central.cards.acts.base import By, Change, change_state, need_reason
from central.cards.history import open_loss
from central.cards.model import Card
from central.cards.rules import Act
from central.errors import InvalidInputError


def report_lost(
    by: By, card: Card, *, stolen: bool = False, reporter: str = "", channel: str = "", reason: str = ""
) -> Change:
    """掛失: dead everywhere, at once (46, 48)."""
    act = Act.REPORT_STOLEN if stolen else Act.REPORT_LOST
    change = change_state(card, act, by, reason, {"reporter": reporter, "channel": channel})
    open_loss(card, (by.operator_id, by.operator_name), by.at, stolen, reporter, channel)
    return change


def lift(by: By, card: Card, *, identity_checked: bool, reason: str) -> Change:
    """解掛: the card works again (47).

    :raises InvalidInputError: the identity of whoever asks was not checked, or no reason is given.
    """
    if not identity_checked:
        raise InvalidInputError("Check the identity of the person first, then tick the box.")
    need_reason(reason)
    return change_state(card, Act.LIFT, by, reason)


def suspend(by: By, card: Card, *, reason: str) -> Change:
    """停用: out of use for a while.

    :raises InvalidInputError: no reason is given.
    """
    need_reason(reason)
    return change_state(card, Act.SUSPEND, by, reason)


def resume(by: By, card: Card, *, reason: str = "") -> Change:
    """恢復: the end of a suspension."""
    return change_state(card, Act.RESUME, by, reason)

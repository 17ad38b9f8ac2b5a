"""What makes a card dead for a while, and alive again: 掛失 臨時掛失 解掛 停用 恢復."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from central.cards.acts.base import By, Change, change_state, need_reason
from central.cards.history import confirm_loss, open_loss
from central.cards.model import Card
from central.cards.rules import Act
from central.errors import InvalidInputError

CONFIRM_WITHIN: Final = timedelta(hours=72)
"""A provisional report that no clerk has confirmed by then is escalated; the card stays dead (U5)."""


def report_lost(
    by: By,
    card: Card,
    *,
    stolen: bool = False,
    reporter: str = "",
    channel: str = "",
    phone: str = "",
    reason: str = "",
) -> Change:
    """掛失: dead everywhere, at once (46, 48). ``phone``: where the reporter can be called back."""
    act = Act.REPORT_STOLEN if stolen else Act.REPORT_LOST
    change = change_state(card, act, by, reason, {"reporter": reporter, "channel": channel, "phone": phone})
    open_loss(card, (by.operator_id, by.operator_name), by.at, stolen, reporter, channel, phone=phone)
    return change


def report_provisionally(by: By, card: Card, *, reporter: str, phone: str, reason: str = "") -> Change:
    """臨時掛失 by the duty guard: dead as after any report, and a clerk must confirm it within ``CONFIRM_WITHIN``.

    :raises InvalidInputError: it is not said who reported it, or where he can be called back.
    """
    if not reporter.strip() or not phone.strip():
        raise InvalidInputError("Write down who reported the loss and a telephone number to call back.")
    about = {"reporter": reporter, "channel": "night", "phone": phone}
    change = change_state(card, Act.REPORT_PROVISIONAL, by, reason, about)
    actor, confirm_by = (by.operator_id, by.operator_name), by.at + CONFIRM_WITHIN
    open_loss(card, actor, by.at, False, reporter, "night", phone=phone, confirm_by=confirm_by)
    return change


def confirm(by: By, card: Card, *, reporter: str = "", reason: str = "") -> Change:
    """A clerk has spoken with the holder: the provisional report is an ordinary one from now on.

    :raises ConflictError: there is no provisional report to confirm.
    """
    confirm_loss(card, by.operator_name, by.at, reporter)
    return change_state(card, Act.CONFIRM_LOSS, by, reason, {"reporter": reporter} if reporter else None)


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

"""The words for what is done to cards."""

from __future__ import annotations

from typing import Final

from central.cards.money import Kind
from central.cards.rules import Act, Origin
from central.web.i18n import LazyText, lazy

ACT_TEXT: Final[dict[Act, LazyText]] = {
    Act.RESERVE: lazy("Kept for a unit"),
    Act.ISSUE: lazy("Issue"),
    Act.REWRITE: lazy("Rewrite"),
    Act.EXTEND: lazy("Extend"),
    Act.REPORT_LOST: lazy("Report lost"),
    Act.REPORT_STOLEN: lazy("Report stolen"),
    Act.REPORT_PROVISIONAL: lazy("Provisional loss report"),
    Act.CONFIRM_LOSS: lazy("Confirm the loss"),
    Act.LIFT: lazy("Lift the loss report"),
    Act.SUSPEND: lazy("Suspend"),
    Act.RESUME: lazy("Resume"),
    Act.MOVE: lazy("Goes along to another organisation"),
    Act.RETURN: lazy("Return"),
    Act.REPLACE: lazy("Replace after loss"),
    Act.SWAP: lazy("Swap a damaged card"),
    Act.CANCEL: lazy("Cancel the card"),
    Act.RECOVER: lazy("Take in after all"),
    Act.ERASE: lazy("Erase the card"),
    Act.RESTOCK: lazy("Back into stock"),
    Act.WRITE_OFF: lazy("Not found at a stock-taking"),
    Act.DESTROY: lazy("Destroy"),
}
assert ACT_TEXT.keys() == set(Act)

MONEY_TEXT: Final[dict[Kind, LazyText]] = {
    Kind.DEPOSIT_CHARGED: lazy("Deposit charged"),
    Kind.DEPOSIT_KEPT: lazy("Deposit kept"),
    Kind.DEPOSIT_REFUND_DUE: lazy("Deposit to be paid back"),
    Kind.DEPOSIT_MOVED_OUT: lazy("Deposit moved to the new card"),
    Kind.DEPOSIT_MOVED_IN: lazy("Deposit taken over from the old card"),
    Kind.COST_CHARGED: lazy("Card cost charged"),
    Kind.COST_WAIVED: lazy("Card cost not charged (warranty)"),
    Kind.DEPOSIT_REMITTED: lazy("Deposit waived"),
    Kind.COST_REMITTED: lazy("Card cost waived"),
}
assert MONEY_TEXT.keys() == set(Kind)

CAUSE_TEXT: Final[dict[str, LazyText]] = {
    "left": lazy("The holder has left"),
    "debtor_gone": lazy("The holder owes money and cannot be found"),
    "other": lazy("Otherwise"),
}
"""Why a card is cancelled that is not here."""

CHANNEL_TEXT: Final[dict[str, LazyText]] = {
    "desk": lazy("At the desk"),
    "phone": lazy("By telephone"),
    "night": lazy("By telephone, at night"),
    "other": lazy("Otherwise"),
}
"""How a loss was reported."""

ORIGIN_TEXT: Final[dict[str, LazyText]] = {
    Origin.BOUGHT.value: lazy("Bought"),
    Origin.FIRST_ISSUE.value: lazy("First met when it was issued"),
    Origin.FOUND.value: lazy("Found at a stock-taking"),
    Origin.TAKEN_OVER.value: lazy("Taken over from the old system"),
}
assert ORIGIN_TEXT.keys() == {origin.value for origin in Origin}

"""The accounts of the ledger (domain-rules section 3 rule 1): what kinds there are and how people call them. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Final

from central.web.i18n import LazyText, lazy


class AccountKind(Enum):
    """What an account stands for, and whose it is (``owner``). Stored."""

    PURSE = "purse"
    """What a holder has paid in, by card and issue."""
    ALLOWANCE = "allowance"
    """補貼: what a holder was given, by card and issue; never paid out."""
    DEPOSIT = "deposit"
    """押金 by card and issue."""
    PERMIT_DEPOSIT = "permit_deposit"
    """Deposit of a contractor's permit, by permit."""
    REFUND_PAYABLE = "refund_payable"
    """Owed back to a person."""
    MERCHANT = "merchant"
    """What was sold for a shop of one's own, by shop."""
    TAKEN_OVER = "taken_over"
    """Balances of the old system whose cards are not in use yet."""
    CLEARING = "clearing"
    """Between two cards or two organisations: empty again when the act is whole."""
    CASH = "cash"
    """The drawer of a cashier, by operator."""
    BANK = "bank"
    FEE_INCOME = "fee_income"
    """Card costs and deposits that were kept."""
    SUBSIDY = "subsidy"
    """What the organisation has given its people."""
    OPENING = "opening"
    """期初: what came in before our books began, by the signed trial balance."""
    IMBALANCE = "imbalance"
    """長短款: differences of counted drawers."""
    SUSPENSE = "suspense"
    """Money of which somebody still has to say where it belongs."""


ACCOUNT_TEXT: Final[dict[AccountKind, LazyText]] = {
    AccountKind.PURSE: lazy("Holders' purses"),
    AccountKind.ALLOWANCE: lazy("Holders' allowances"),
    AccountKind.DEPOSIT: lazy("Card deposits held"),
    AccountKind.PERMIT_DEPOSIT: lazy("Permit deposits held"),
    AccountKind.REFUND_PAYABLE: lazy("Refunds payable"),
    AccountKind.MERCHANT: lazy("Takings of own shops"),
    AccountKind.TAKEN_OVER: lazy("Balances taken over, cards not in use yet"),
    AccountKind.CLEARING: lazy("Transfers between cards"),
    AccountKind.CASH: lazy("Cash drawers"),
    AccountKind.BANK: lazy("Bank and QR payments"),
    AccountKind.FEE_INCOME: lazy("Card costs and kept deposits"),
    AccountKind.SUBSIDY: lazy("Allowances given"),
    AccountKind.OPENING: lazy("Opening balance of the old system"),
    AccountKind.IMBALANCE: lazy("Cash over and short"),
    AccountKind.SUSPENSE: lazy("Suspense"),
}
assert ACCOUNT_TEXT.keys() == set(AccountKind)
CREDIT: Final = frozenset(
    {
        AccountKind.PURSE,
        AccountKind.ALLOWANCE,
        AccountKind.DEPOSIT,
        AccountKind.PERMIT_DEPOSIT,
        AccountKind.REFUND_PAYABLE,
        AccountKind.MERCHANT,
        AccountKind.TAKEN_OVER,
        AccountKind.FEE_INCOME,
    }
)
"""Accounts whose balance is what is owed or earned: it stands on the credit side."""


class PostingKind(Enum):
    """Why money was moved. A reversal has the kind of what it reverses. Stored."""

    TOP_UP = "top_up"
    PURCHASE = "purchase"
    """消費 at a till; reversed by an undoing there, or by hand."""
    REFUND = "refund"
    RETURNED = "returned"
    """A card ended: what lay on it is owed back."""
    PAY_OUT = "pay_out"
    """What is owed back is paid."""
    MOVED = "moved"
    """To the card that took the place of another, or to another organisation with its card."""
    ALLOWANCE = "allowance"
    ALLOWANCE_CLEARED = "allowance_cleared"
    TAKEN_OVER = "taken_over"
    CARD_MONEY = "card_money"
    """Deposit and cost of a card, as an act on it says."""
    PERMIT_DEPOSIT = "permit_deposit"
    PERMIT_REFUND = "permit_refund"
    OPENING = "opening"
    FLOAT = "float"
    """備用金: from the bank into a drawer."""
    BANKED = "banked"
    """From a drawer to the bank."""
    COUNTED = "counted"
    """A drawer was counted; the difference."""


POSTING_TEXT: Final[dict[str, LazyText]] = {
    PostingKind.TOP_UP.value: lazy("Top-up"),
    PostingKind.PURCHASE.value: lazy("Purchase"),
    PostingKind.REFUND.value: lazy("Refund"),
    PostingKind.RETURNED.value: lazy("Owed back at the end of a card"),
    PostingKind.PAY_OUT.value: lazy("Paid out"),
    PostingKind.MOVED.value: lazy("Moved with the card"),
    PostingKind.ALLOWANCE.value: lazy("Allowance given"),
    PostingKind.ALLOWANCE_CLEARED.value: lazy("Allowance cleared"),
    PostingKind.TAKEN_OVER.value: lazy("Taken over from the old system"),
    PostingKind.CARD_MONEY.value: lazy("Deposit and card cost"),
    PostingKind.PERMIT_DEPOSIT.value: lazy("Permit deposit paid"),
    PostingKind.PERMIT_REFUND.value: lazy("Permit deposit paid back"),
    PostingKind.OPENING.value: lazy("Opening balance"),
    PostingKind.FLOAT.value: lazy("Float paid in"),
    PostingKind.BANKED.value: lazy("Taken to the bank"),
    PostingKind.COUNTED.value: lazy("Difference of a count"),
}
assert POSTING_TEXT.keys() == {kind.value for kind in PostingKind}
REVERSAL_TEXT: Final[dict[str, LazyText]] = {
    PostingKind.TOP_UP.value: lazy("Reversal of a top-up"),
    PostingKind.PURCHASE.value: lazy("Purchase undone"),
    PostingKind.REFUND.value: lazy("Reversal of a refund"),
    PostingKind.PAY_OUT.value: lazy("Reversal of a payment"),
}
"""沖正, by the kind of what is reversed."""
BY_HAND: Final = frozenset(PostingKind(name) for name in REVERSAL_TEXT)
"""What an operator may reverse."""
COLUMN_OF: Final[dict[PostingKind, str]] = {
    PostingKind.TOP_UP: "topped_up",
    PostingKind.PURCHASE: "spent",
    PostingKind.REFUND: "refunded",
    PostingKind.RETURNED: "refunded",
    PostingKind.MOVED: "moved",
    PostingKind.TAKEN_OVER: "moved",
    PostingKind.ALLOWANCE: "allowance",
    PostingKind.ALLOWANCE_CLEARED: "allowance",
}
"""In which column of the balance report (53) a movement of a purse stands; a reversal stands where what it reverses does."""

"""From purchases to the ledger, each exactly once: by (till, enrolment, number). Runs inside ``db.write``.

Purchase: Dr purse (the allowance first, it lapses with the card) / Cr what is owed to the shop. An undoing is the mirror of its
purchase, once. What cannot be told whose it is goes through suspense, so that the shop has its money and the books balance.
Postings are never taken away: a rebuild finds them by their keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from central.cards.acts import By
from central.cards.model import Card, CardAct
from central.cards.rules import Act
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount, Posting
from central.ledger.posting import Place, Voucher, account, lines_of, owed, post
from central.ledger.rules import Line, Lines, mirrored, transfer
from central.nodes.model import Device
from central.tills.model import Purchase, Shop
from central.tills.words import PurchaseResult

_A_DAY: Final = timedelta(days=1)
REPLACED_MAX: Final = 20
"""Cards in a row that took each other's place while a till was without network."""


@dataclass(frozen=True)
class Till:
    """Whose books a till works for."""

    device: Device
    shop: Shop | None

    @property
    def place(self) -> Place:
        return Place(self.device.site_id, self.device.organisation_id)

    def owed_to(self, by: By) -> LedgerAccount:
        """The account of its shop; of the organisation itself when none was named yet."""
        if self.shop is None:
            return account(self.place, AccountKind.MERCHANT, by)
        return account(self.place, AccountKind.MERCHANT, by, self.shop.id, name=self.shop.name)


def by_till(device: Device, at: datetime, received_at: datetime) -> By:
    """The till acts itself. A time that cannot be (its clock was lost) books on the day on which the fact came."""
    is_possible = device.created_at - _A_DAY <= at <= received_at + _A_DAY
    return By(None, f"{device.number} {device.label}", at if is_possible else received_at)


def key_of(device_id: int, node_epoch: int, seq: int) -> str:
    """The key of a posting: one fact of one enrolment of one till."""
    return f"till:{device_id}:{node_epoch}:{seq}"


def posting_of(key: str) -> Posting | None:
    """What was booked under a key before: facts come again, postings do not."""
    found: Posting | None = Posting.get_or_none(Posting.key == key)
    return found


def purse_of(card_id: int | None, issue_no: int) -> LedgerAccount | None:
    """The purse of that issue of the card, where it was last; None: it has none.

    What a card spent before its successor took its money over (補卡, 換卡) is told late by a till without network: the
    successor pays it, since it has the money.
    """
    found = _purse(card_id, LedgerAccount.issue_no == issue_no)
    for _step in range(REPLACED_MAX):
        act = _replacement(found)
        if act is None:
            return found
        successor = Card.get_or_none(
            (Card.site == act.site_id) & (Card.card_no == act.details.get("replaced_by", ""))
        )
        opened = LedgerAccount.opened_at >= act.at
        later = None if successor is None else _purse(successor.id, opened)
        if later is None:
            return found
        found = later
    return found


def _purse(card_id: int | None, which: Any) -> LedgerAccount | None:
    mine = (LedgerAccount.card == card_id) & (LedgerAccount.kind == AccountKind.PURSE.value) & which
    found: LedgerAccount | None = (
        LedgerAccount.select().where(mine).order_by(LedgerAccount.issue_no, LedgerAccount.id.desc()).first()
    )
    return found


def _replacement(purse: LedgerAccount | None) -> CardAct | None:
    """The act by which another card took the place of that issue."""
    if purse is None:
        return None
    found: CardAct | None = (
        CardAct.select()
        .where(
            (CardAct.card == purse.card_id)
            & (CardAct.issue_no == purse.issue_no)
            & CardAct.act.in_([Act.REPLACE.value, Act.SWAP.value])
        )
        .first()
    )
    return found


def book(by: By, till: Till, key: str, purse: LedgerAccount | None, fen: int) -> Posting:
    """A purchase. Without a purse: out of suspense, in the books of the till."""
    if purse is None:
        lines = transfer(account(till.place, AccountKind.SUSPENSE, by).id, till.owed_to(by).id, fen)
        return post(by, Voucher(PostingKind.PURCHASE, key, lines))
    about = {"card": purse.card_id, "person": purse.person_id}
    debits = _debits(purse, fen)
    books = Place(purse.site_id, purse.organisation_id)
    if books == till.place:
        lines = (*debits, Line(till.owed_to(by).id, -fen))
        return post(by, Voucher(PostingKind.PURCHASE, key, lines, **about))
    out, into = (account(place, AccountKind.CLEARING, by) for place in (books, till.place))
    post(by, Voucher(PostingKind.PURCHASE, f"{key}:in", transfer(into.id, till.owed_to(by).id, fen)))
    return post(by, Voucher(PostingKind.PURCHASE, key, (*debits, Line(out.id, -fen)), **about))


def _debits(purse: LedgerAccount, fen: int) -> Lines:
    allowance: LedgerAccount | None = LedgerAccount.get_or_none(
        (LedgerAccount.purse == purse.id) & (LedgerAccount.kind == AccountKind.ALLOWANCE.value)
    )
    part = 0 if allowance is None else max(0, min(fen, owed(allowance)))
    lines = [Line(purse.id, fen - part)]
    if allowance is not None:
        lines.append(Line(allowance.id, part))
    return tuple(line for line in lines if line.amount_fen)


def take_back(by: By, key: str, bought: Posting) -> Posting:
    """The mirror of a purchase, in every book that it touched."""
    other = posting_of(f"{bought.key}:in")
    if other is not None:
        _mirror(by, f"{key}:in", other)
    return _mirror(by, key, bought)


def _mirror(by: By, key: str, bought: Posting) -> Posting:
    lines = mirrored(lines_of(bought))
    kind = PostingKind(bought.kind)
    return post(by, Voucher(kind, key, lines, "", bought.card_id, bought.person_id, bought))


def debit_of(row: Purchase, counter: int) -> Purchase | None:
    """The debit of that number which the same till has booked for the same issue of the card, before this row."""
    found: Purchase | None = (
        Purchase.select()
        .where(
            (Purchase.device == row.device_id)
            & (Purchase.node_epoch == row.node_epoch)
            & (Purchase.point_no == row.point_no)
            & (Purchase.card == row.card_id)
            & (Purchase.issue_no == row.issue_no)
            & (Purchase.counter == counter)
            & Purchase.result.in_([PurchaseResult.SOLD.value, PurchaseResult.SUSPENSE.value])
            & (Purchase.seq < row.seq)
        )
        .order_by(Purchase.seq.desc())
        .first()
    )
    return found

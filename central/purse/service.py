"""充值 and 退款: what a cashier does with purses. Runs inside ``db.write``; pages write the audit row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import peewee

from central import settings
from central.cards.acts import By
from central.cards.model import Card, CardSwitchedOff
from central.cards.validity import start_of
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.ledger.posting import (
    Place,
    Voucher,
    account,
    card_account,
    drawer,
    lines_of,
    need_cash,
    owed,
    post,
    reverse,
)
from central.ledger.rules import transfer
from central.purse.model import Refund
from central.purse.rules import REVERSIBLE, Means, RefundState, frozen
from central.web.formats import money
from central.web.i18n import _, lazy

_Reversal = Posting.alias()
BALANCE_MAX: Final = "purse.balance_max_fen"
REFUND_ALONE_MAX: Final = "purse.refund_alone_max_fen"
settings.DEFAULTS[BALANCE_MAX] = 100_000
"""No purse holds more (domain-rules section 3 rule 6)."""
settings.DEFAULTS[REFUND_ALONE_MAX] = 20_000
"""Up to so much one operator is enough (rule 9)."""
SWITCHED_OFF: Final = lazy("Canteen and shops are switched off for this card.").message


@dataclass(frozen=True)
class Standing:
    """What lies on a card."""

    purse_fen: int = 0
    allowance_fen: int = 0

    @property
    def total_fen(self) -> int:
        return self.purse_fen + self.allowance_fen


def accounts_of(card: Card) -> dict[AccountKind, LedgerAccount]:
    """The accounts of the present issue in the books of its organisation. Inside ``db.read`` or ``db.write``."""
    query = LedgerAccount.select().where(
        (LedgerAccount.card == card.id)
        & (LedgerAccount.issue_no == card.issue_no)
        & (LedgerAccount.organisation == card.organisation_id)
    )
    return {AccountKind(row.kind): row for row in query}


def standing(card: Card) -> Standing:
    """What lies on the present issue of a card. Inside ``db.read`` or ``db.write``."""
    found = accounts_of(card)
    purse, allowance = found.get(AccountKind.PURSE), found.get(AccountKind.ALLOWANCE)
    return Standing(owed(purse) if purse else 0, owed(allowance) if allowance else 0)


def may_pay(card: Card) -> bool:
    """Canteen and shops are switched on for the card (38)."""
    off = (CardSwitchedOff.card == card.id) & (CardSwitchedOff.sub_system == "purse")
    return not CardSwitchedOff.select().where(off).exists()


def means_account(place: Place, by: By, means: Means) -> LedgerAccount:
    """Where money goes to or comes from."""
    return drawer(place, by) if means is Means.CASH else account(place, AccountKind.BANK, by)


def top_up(by: By, card: Card, amount_fen: int, means: Means, key: str, note: str = "") -> Posting:
    """充值: the holder pays in.

    :raises ConflictError: the purse is frozen, the card is not for shops, or would hold too much.
    """
    place = _place(card)
    purse = card_account(by, card, AccountKind.PURSE)
    lines = transfer(means_account(place, by, means).id, purse.id, amount_fen)
    voucher = Voucher(PostingKind.TOP_UP, key, lines, note, card.id, card.person_id)
    if not _is_known(key):
        if why := frozen(card.state):
            raise ConflictError(why)
        if not may_pay(card):
            raise ConflictError(SWITCHED_OFF)
        most = int(settings.get(BALANCE_MAX))
        if standing(card).total_fen + amount_fen > most:
            raise ConflictError(_("A card may hold %(most)s at most.", most=money(most)))
    return post(by, voucher)


@dataclass(frozen=True)
class Payment:
    """A refund as a cashier asks for it."""

    amount_fen: int
    means: Means
    key: str
    reason: str
    is_verified: bool
    """The card was shown just now, or the identity of the person was checked."""


def refund(by: By, source: LedgerAccount, payment: Payment) -> Posting | Refund:
    """退款 out of a purse, or of what is owed to a person; above the limit it waits for a second operator (rule 9).

    :raises ConflictError: the purse is frozen, or less lies there.
    :raises InvalidInputError: nobody was verified, or no reason is given.
    """
    if not payment.is_verified:
        raise InvalidInputError(
            "Show the card to the reader, or check the identity of the person and tick the box."
        )
    if not payment.reason.strip():
        raise InvalidInputError("A reason is required.")
    waiting: Refund | None = Refund.get_or_none(Refund.key == payment.key)
    if waiting is not None:
        there = (waiting.account_id, waiting.amount_fen, waiting.means)
        if there != (source.id, payment.amount_fen, payment.means.value):
            raise ConflictError("Something else was booked under this number already.")
        return waiting
    if not _is_known(payment.key):
        _need_covered(source, payment.amount_fen)
        today_fen = _refunded_today(by, source) + payment.amount_fen
        if today_fen > int(settings.get(REFUND_ALONE_MAX)):
            return _ask(by, source, payment)
    return _pay(by, source, payment)


def approve(by: By, asked: Refund) -> Posting:
    """A second operator agrees: the cashier who asked pays it out.

    :raises ForbiddenError: it is one's own. :raises ConflictError: it was decided, or the money is not there any more.
    """
    _decide(by, asked, RefundState.PAID)
    _need_covered(asked.account, asked.amount_fen)
    cashier = By(asked.operator_id, asked.operator_name, by.at)
    payment = Payment(asked.amount_fen, Means(asked.means), asked.key, asked.reason, True)
    posting = _pay(cashier, asked.account, payment)
    asked.posting = posting
    asked.save()
    return posting


def refuse(by: By, asked: Refund) -> None:
    """A second operator does not agree, or the cashier withdraws it: nothing is booked.

    :raises ConflictError: it was decided before.
    """
    if asked.state != RefundState.WAITING.value:
        raise ConflictError("This refund was decided already.")
    asked.state, asked.decided_at, asked.decided_by = RefundState.REFUSED.value, by.at, by.operator_name
    asked.save()


def take_back(by: By, posting: Posting, reason: str) -> Posting:
    """沖正 of what a cashier booked by mistake.

    :raises InvalidInputError: no reason. :raises ConflictError: not by a cashier, reversed before, the purse is frozen,
        or what was paid in is spent already.
    """
    if not reason.strip():
        raise InvalidInputError("A reason is required.")
    if PostingKind(posting.kind) not in REVERSIBLE:
        raise ConflictError("This follows from an act on a card and is taken back by an act only.")
    is_purchase = PostingKind(posting.kind) is PostingKind.PURCHASE
    if is_purchase:
        _other_half_back(by, posting, reason)
    is_of_purse = posting.card is not None and PostingKind(posting.kind) is not PostingKind.PAY_OUT
    if is_of_purse and (why := frozen(posting.card.state)):
        raise ConflictError(why)
    made = reverse(by, posting, reason)
    for line in lines_of(made):
        own = LedgerAccount.get_by_id(line.account_id)
        if own.kind == AccountKind.PURSE.value:
            _need_present(own)
        is_owed = own.kind in (AccountKind.PURSE.value, AccountKind.REFUND_PAYABLE.value)
        if is_owed and owed(own) < 0 and not is_purchase:
            raise ConflictError("What was paid in is spent already.")
    return made


def _other_half_back(by: By, bought: Posting, reason: str) -> None:
    """Of a purchase at another organisation's till: what stands in the books there is taken back with it.

    :raises ConflictError: this is that half, or nobody's purse paid it.
    """
    if bought.card is None:
        raise ConflictError("This has no purse to go back to.")
    other: Posting | None = Posting.get_or_none(Posting.key == f"{bought.key}:in")
    if other is not None:
        reverse(by, other, reason)


def _pay(by: By, source: LedgerAccount, payment: Payment) -> Posting:
    place = Place(source.site_id, source.organisation_id)
    is_purse = source.kind == AccountKind.PURSE.value
    kind = PostingKind.REFUND if is_purse else PostingKind.PAY_OUT
    paid_from = means_account(place, by, payment.means)
    if paid_from.kind == AccountKind.CASH.value and not _is_known(payment.key):
        need_cash(paid_from, payment.amount_fen)
    lines = transfer(source.id, paid_from.id, payment.amount_fen)
    return post(by, Voucher(kind, payment.key, lines, payment.reason, source.card_id, source.person_id))


def _ask(by: By, source: LedgerAccount, payment: Payment) -> Refund:
    if by.operator_id is None:
        raise ForbiddenError("Only a person can ask for this.")
    made: Refund = Refund.create(
        site=source.site_id,
        organisation=source.organisation_id,
        account=source,
        amount_fen=payment.amount_fen,
        means=payment.means.value,
        reason=payment.reason.strip(),
        key=payment.key,
        state=RefundState.WAITING.value,
        asked_at=by.at,
        operator_id=by.operator_id,
        operator_name=by.operator_name,
    )
    return made


def _decide(by: By, asked: Refund, state: RefundState) -> None:
    if asked.state != RefundState.WAITING.value:
        raise ConflictError("This refund was decided already.")
    if by.operator_id is None or by.operator_id == asked.operator_id:
        raise ForbiddenError("Somebody else than the operator who entered it must approve this.")
    asked.state, asked.decided_at, asked.decided_by = state.value, by.at, by.operator_name


def _need_covered(source: LedgerAccount, amount_fen: int) -> None:
    if source.kind == AccountKind.PURSE.value:
        _need_present(source)
        if why := frozen(source.card.state):
            raise ConflictError(why)
    there = owed(source)
    if amount_fen > there:
        raise ConflictError(_("Only %(fen)s can be paid back.", fen=money(max(0, there))))


def _need_present(purse: LedgerAccount) -> None:
    """Money in the purse of an earlier issue, or in the books of an organisation that the card has left, is out of reach.

    :raises ConflictError: it is not the purse that the card has now.
    """
    card = purse.card
    now = (card.issue_no, card.site_id, card.organisation_id)
    if (purse.issue_no, purse.site_id, purse.organisation_id) != now:
        raise ConflictError("This card was issued again, or went to another organisation, meanwhile.")


def _refunded_today(by: By, source: LedgerAccount) -> int:
    """What has left an account since midnight of its estate and stands, and what waits to leave it: many small refunds
    are one large one."""
    zone = ZoneInfo(source.site.zone)
    paid = (
        LedgerEntry.select(peewee.fn.SUM(LedgerEntry.amount_fen))
        .join(Posting)
        .where(
            (LedgerEntry.account == source.id)
            & (LedgerEntry.at >= start_of(by.at.astimezone(zone).date(), zone))
            & Posting.kind.in_((PostingKind.REFUND.value, PostingKind.PAY_OUT.value))
            & Posting.reverses.is_null()
            & ~peewee.fn.EXISTS(_Reversal.select(_Reversal.id).where(_Reversal.reverses == Posting.id))
        )
    )
    waits = (Refund.account == source.id) & (Refund.state == RefundState.WAITING.value)
    asked = Refund.select(peewee.fn.SUM(Refund.amount_fen)).where(waits)
    return int(paid.scalar() or 0) + int(asked.scalar() or 0)


def _place(card: Card) -> Place:
    return Place(card.site_id, card.organisation_id)


def _is_known(key: str) -> bool:
    return bool(Posting.select().where(Posting.key == key).exists())


def snapshot(posting: Posting) -> dict[str, Any]:
    """What the audit row says of a posting."""
    amount = sum(line.amount_fen for line in lines_of(posting) if line.amount_fen > 0)
    about = {"number": posting.number, "kind": posting.kind, "amount_fen": amount, "card": posting.card_id}
    return {**about, "reverses": posting.reverses_id} if posting.reverses_id else about

"""What becomes of a purse and a deposit when something is done to their card (domain-rules section 6). Inside ``db.write``.

A loss report moves no money: a purse is frozen as long as its card is (``rules.frozen``). A card that takes the place of
another takes over what lies on it; one that ends owes it back to its holder; an allowance lapses with the card.
"""

from __future__ import annotations

from typing import Final

from central.cards import history
from central.cards.acts import By
from central.cards.model import Card, CardAct
from central.cards.money import Entries
from central.cards.money import Kind as Money
from central.cards.rules import Act
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount
from central.ledger.posting import Place, account, card_account, carry, drawer, move, owed, payable_to

_NEVER_MONEY: Final = frozenset({Money.COST_WAIVED, Money.DEPOSIT_REMITTED, Money.COST_REMITTED})


def follow(line: CardAct, entries: Entries, successor: Card | None) -> None:
    """Book what an act on a card means for the money on it."""
    by, card, act = By(line.operator_id, line.operator_name, line.at), line.card, Act(line.act)
    if act is Act.ISSUE:
        card_account(by, card, AccountKind.PURSE)
    _book_charges(by, line, entries)
    if act in (Act.RETURN, Act.CANCEL):
        _owe_back(by, line)
    elif successor is not None:
        for old in _of_issue(line):
            if old.kind != AccountKind.DEPOSIT.value:  # moved by the act itself, as charges
                _carry(by, line, old, successor)
    elif act is Act.MOVE:
        _change_books(by, line)


def _book_charges(by: By, line: CardAct, entries: Entries) -> None:
    """押金 and 工本費, as the act says. What was waived was never money."""
    for number, entry in enumerate(entries):
        if entry.kind in _NEVER_MONEY:
            continue
        debit, credit = _sides(by, line, entry.kind)
        key = f"act:{line.id}:{number}"
        more = {"card": line.card_id, "person": line.person_id, "reason": line.reason}
        move(by, PostingKind.CARD_MONEY, key, debit, credit, entry.amount_fen, **more)


def _sides(by: By, line: CardAct, kind: Money) -> tuple[LedgerAccount, LedgerAccount]:
    """Debit and credit of one amount of an act."""
    here = Place(line.site_id, line.organisation_id)
    if kind is Money.COST_CHARGED:
        return drawer(here, by), account(here, AccountKind.FEE_INCOME, by)
    deposit = card_account(by, line.card, AccountKind.DEPOSIT, issue_no=line.issue_no)
    if kind is Money.DEPOSIT_CHARGED:
        return drawer(here, by), deposit
    if kind is Money.DEPOSIT_MOVED_IN:
        return account(here, AccountKind.CLEARING, by), deposit
    if kind is Money.DEPOSIT_MOVED_OUT:
        return deposit, account(here, AccountKind.CLEARING, by)
    if kind is Money.DEPOSIT_KEPT:
        return deposit, account(here, AccountKind.FEE_INCOME, by)
    assert kind is Money.DEPOSIT_REFUND_DUE, kind
    return deposit, payable_to(here, by, line.details.get("owed_to", line.person_id))


def _owe_back(by: By, line: CardAct) -> None:
    here = Place(line.site_id, line.organisation_id)
    more = {"card": line.card_id, "person": line.person_id, "reason": line.reason}
    for old in _of_issue(line):
        key, fen = f"act:{line.id}:{old.kind}", owed(old)
        if not fen:
            continue
        if old.kind == AccountKind.PURSE.value:
            move(by, PostingKind.RETURNED, key, old, payable_to(here, by, line.person_id), fen, **more)
        elif old.kind == AccountKind.ALLOWANCE.value:
            given = account(here, AccountKind.SUBSIDY, by)
            move(by, PostingKind.ALLOWANCE_CLEARED, key, old, given, fen, **more)


def _of_issue(line: CardAct) -> list[LedgerAccount]:
    """The accounts of the card's issue in the books of its organisation."""
    query = LedgerAccount.select().where(
        (LedgerAccount.card == line.card_id)
        & (LedgerAccount.issue_no == line.issue_no)
        & (LedgerAccount.organisation == line.organisation_id)
    )
    return list(query.order_by(LedgerAccount.id))


def _change_books(by: By, line: CardAct) -> None:
    """The card went to another organisation: what lies on it goes into the books there."""
    card = line.card
    elsewhere = LedgerAccount.select().where(
        (LedgerAccount.card == card.id)
        & (LedgerAccount.issue_no == card.issue_no)
        & (LedgerAccount.organisation != card.organisation_id)
    )
    for old in list(elsewhere):
        _carry(by, line, old, card)


def _carry(by: By, line: CardAct, old: LedgerAccount, card: Card) -> None:
    """Everything to the same account of a card."""
    if fen := owed(old):
        more = {"card": card.id, "person": line.person_id, "reason": line.reason}
        new = card_account(by, card, AccountKind(old.kind))
        carry(by, PostingKind.MOVED, f"act:{line.id}:{old.id}", old, new, fen, **more)


history.followers.append(follow)

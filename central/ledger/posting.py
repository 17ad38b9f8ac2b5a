"""Opening accounts, posting, reversing. Runs inside ``db.write``; whoever calls writes the audit row."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

import peewee

from central.cards.acts import By
from central.cards.model import Card
from central.errors import ConflictError
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.ledger.rules import Line, Lines, body_of, checked, mirrored, transfer
from central.people.model import Person

_INSERT_ROWS: Final = 200
followers: Final[list[Callable[[Collection[int]], None]]] = []
"""Told, in their transaction, on which cards (by id) more or less lies now."""
_ON_CARDS: Final = frozenset({AccountKind.PURSE.value, AccountKind.ALLOWANCE.value})
CARD_KINDS: Final = (AccountKind.PURSE, AccountKind.ALLOWANCE, AccountKind.DEPOSIT)


@dataclass(frozen=True)
class Place:
    """Whose books: an organisation in an estate."""

    site_id: int
    organisation_id: int


@dataclass(frozen=True)
class Voucher:
    """A posting as it is asked for."""

    kind: PostingKind
    key: str
    lines: Lines
    reason: str = ""
    card: Card | int | None = None
    person: Person | int | None = None
    reverses: Posting | None = field(default=None)


def account(place: Place, kind: AccountKind, by: By, owner: int = 0, **about: Any) -> LedgerAccount:
    """The account of that kind and owner, opened when it is not there yet."""
    found: LedgerAccount | None = LedgerAccount.get_or_none(
        (LedgerAccount.site == place.site_id)
        & (LedgerAccount.organisation == place.organisation_id)
        & (LedgerAccount.kind == kind.value)
        & (LedgerAccount.owner == owner)
        & (LedgerAccount.issue_no == about.get("issue_no", 0))
    )
    if found is not None:
        return found
    made: LedgerAccount = LedgerAccount.create(
        site=place.site_id,
        organisation=place.organisation_id,
        kind=kind.value,
        owner=owner,
        opened_at=by.at,
        **about,
    )
    if kind is AccountKind.PURSE:
        made.purse = made
        made.save()
    return made


def card_account(
    by: By, card: Card, kind: AccountKind, *, issue_no: int | None = None, place: Place | None = None
) -> LedgerAccount:
    """An account of a card's present issue in the books of its organisation.

    :param issue_no: another issue. :param place: other books.
    """
    assert kind in CARD_KINDS
    here = place or Place(card.site_id, card.organisation_id)
    number = card.issue_no if issue_no is None else issue_no
    about = {"issue_no": number, "card": card.id, "person": card.person_id, "name": card.card_no}
    if kind is AccountKind.ALLOWANCE:
        about["purse"] = card_account(by, card, AccountKind.PURSE, issue_no=number, place=here)
    return account(here, kind, by, card.id, **about)


def drawer(place: Place, by: By) -> LedgerAccount:
    """Where money that is handed over now lies: the drawer of the operator; suspense for another program."""
    if by.operator_id is None:
        return account(place, AccountKind.SUSPENSE, by)
    return account(place, AccountKind.CASH, by, by.operator_id, name=by.operator_name)


def payable_to(place: Place, by: By, person: Person | int) -> LedgerAccount:
    """What is owed back to a person."""
    number = person if isinstance(person, int) else person.id
    return account(place, AccountKind.REFUND_PAYABLE, by, number, person=number, name=str(number))


def post(by: By, voucher: Voucher) -> Posting:
    """Book it, once: the same key and body again is answered with the posting that is there.

    :raises ConflictError: something else was booked under this key.
    :raises InvalidInputError: the lines do not balance.
    """
    lines = checked(voucher.lines)
    body = body_of(voucher.kind, lines)
    before: Posting | None = Posting.get_or_none(Posting.key == voucher.key)
    if before is not None:
        if before.body != body:
            raise ConflictError("Something else was booked under this number already.")
        return before
    accounts = {
        row.id: row
        for row in LedgerAccount.select().where(LedgerAccount.id.in_([i.account_id for i in lines]))
    }
    places = {(row.site_id, row.organisation_id) for row in accounts.values()}
    assert len(places) == 1, "a posting lies in the books of one organisation"
    ((site_id, organisation_id),) = places
    last = Posting.select(peewee.fn.MAX(Posting.number)).where(Posting.site == site_id).scalar()
    made: Posting = Posting.create(
        site=site_id,
        organisation=organisation_id,
        number=int(last or 0) + 1,
        kind=voucher.kind.value,
        key=voucher.key,
        body=body,
        at=by.at,
        operator_id=by.operator_id,
        operator_name=by.operator_name,
        reason=voucher.reason.strip(),
        card=voucher.card,
        person=voucher.person,
        reverses=voucher.reverses,
    )
    columns = (
        LedgerEntry.posting,
        LedgerEntry.account,
        LedgerEntry.purse,
        LedgerEntry.amount_fen,
        LedgerEntry.at,
    )
    rows = [
        (made.id, line.account_id, accounts[line.account_id].purse_id, line.amount_fen, by.at)
        for line in lines
    ]
    for start in range(0, len(rows), _INSERT_ROWS):
        LedgerEntry.insert_many(rows[start : start + _INSERT_ROWS], fields=columns).execute()
    cards = {row.card_id for row in accounts.values() if row.kind in _ON_CARDS}
    for follow in followers if cards else ():
        follow(cards)
    return made


def move(
    by: By, kind: PostingKind, key: str, debit: LedgerAccount, credit: LedgerAccount, fen: int, **about: Any
) -> Posting | None:
    """A posting of two lines; nothing for nothing; a negative amount goes the other way."""
    if not fen:
        return None
    return post(by, Voucher(kind, key, transfer(debit.id, credit.id, fen), **about))


def carry(
    by: By, kind: PostingKind, key: str, old: LedgerAccount, new: LedgerAccount, fen: int, **about: Any
) -> None:
    """So much of what is owed from one account to another; through the clearing accounts when they lie in different books."""
    books = Place(old.site_id, old.organisation_id), Place(new.site_id, new.organisation_id)
    if books[0] == books[1]:
        move(by, kind, key, old, new, fen, **about)
        return
    out, into = (account(place, AccountKind.CLEARING, by) for place in books)
    move(by, kind, f"{key}:out", old, out, fen, **about)
    move(by, kind, f"{key}:in", into, new, fen, **about)


def lines_of(posting: Posting) -> Lines:
    """Its lines, in the order in which they were written."""
    rows = LedgerEntry.select().where(LedgerEntry.posting == posting.id).order_by(LedgerEntry.id)
    return tuple(Line(row.account_id, row.amount_fen) for row in rows)


def reversal_of(posting: Posting) -> Posting | None:
    """What took it back; None: it stands."""
    found: Posting | None = Posting.get_or_none(Posting.reverses == posting.id)
    return found


def reverse(by: By, posting: Posting, reason: str) -> Posting:
    """沖正: the mirror of a posting, once.

    :raises ConflictError: it was reversed before, or is a reversal itself.
    """
    if posting.reverses_id is not None or reversal_of(posting) is not None:
        raise ConflictError("This was reversed already.")
    return post(
        by,
        Voucher(
            PostingKind(posting.kind),
            f"reverse:{posting.id}",
            mirrored(lines_of(posting)),
            reason,
            posting.card_id,
            posting.person_id,
            posting,
        ),
    )


def need_cash(cash: LedgerAccount, fen: int) -> None:
    """Before money leaves a drawer.

    :raises ConflictError: by the books so much does not lie there.
    """
    if fen > balance(cash):
        raise ConflictError("So much does not lie in the drawer.")


def balance(account: LedgerAccount | int) -> int:
    """Debits less credits, in fen. Inside ``db.read`` or ``db.write``."""
    number = account if isinstance(account, int) else account.id
    total = LedgerEntry.select(peewee.fn.SUM(LedgerEntry.amount_fen)).where(LedgerEntry.account == number)
    return int(total.scalar() or 0)


def owed(account: LedgerAccount | int) -> int:
    """Credits less debits, in fen: what lies in a purse, what is owed."""
    return -balance(account)

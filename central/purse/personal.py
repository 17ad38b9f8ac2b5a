"""What the ledger holds of one person: handed to him on request; who has money here is not erased (I15)."""

from __future__ import annotations

from central.audit import drop_details_of
from central.ledger.accounts import POSTING_TEXT, AccountKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.ledger.posting import owed
from central.people.dossier import Section
from central.people.model import Person
from central.purse.model import Refund
from central.web.columns import MONEY
from central.web.i18n import LazyText, lazy

_OWED_TO_PEOPLE = (AccountKind.PURSE.value, AccountKind.DEPOSIT.value, AccountKind.REFUND_PAYABLE.value)


def has_money(person: Person) -> LazyText | None:
    """Something lies here for him, or he owes something."""
    accounts = LedgerAccount.select(LedgerAccount.id).where(
        (LedgerAccount.person == person.id) & LedgerAccount.kind.in_(_OWED_TO_PEOPLE)
    )
    if any(owed(number) for (number,) in accounts.tuples()):
        return lazy("Money of this person lies here. Pay it out first.")
    return None


def forget(person: Person) -> None:
    """Drop what was typed about him; the amounts keep their books."""
    own = LedgerAccount.select(LedgerAccount.id).where(LedgerAccount.person == person.id)
    for asked in Refund.select(Refund.id).where(Refund.account.in_(own)):
        drop_details_of("refund", asked.id)
    Refund.update(reason="").where(Refund.account.in_(own)).execute()
    for posting in Posting.select(Posting.id).where(Posting.person == person.id):
        drop_details_of("posting", posting.id)
    Posting.update(reason="").where(Posting.person == person.id).execute()


def movements_of(person: Person) -> Section:
    """Every movement of his purses; inside ``db.read``."""
    rows = (
        LedgerEntry.select(LedgerEntry.at, Posting.number, Posting.kind, LedgerEntry.amount_fen)
        .join(Posting)
        .where((Posting.person == person.id) & LedgerEntry.purse.is_null(False))
        .order_by(LedgerEntry.id)
        .tuples()
    )
    headings = (lazy("Time"), lazy("Receipt number"), lazy("Type"), lazy("Amount"))
    lines = [(at, number, POSTING_TEXT[kind], MONEY.text(-fen)) for at, number, kind, fen in rows]
    return Section(lazy("Stored value"), headings, list(lines))

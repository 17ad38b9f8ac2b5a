"""試算: the sum of every kind of account, and whether the books balance. Runs inside ``db.read``."""

from __future__ import annotations

from dataclasses import dataclass, field

import peewee

from central.ledger.accounts import CREDIT, AccountKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.sites.scope import Scope


@dataclass(frozen=True)
class Sum:
    """All accounts of one kind: debits less credits."""

    kind: AccountKind
    balance_fen: int

    @property
    def debit_fen(self) -> int:
        """On the debit side; 0 when it stands on the other."""
        return 0 if self.kind in CREDIT else self.balance_fen

    @property
    def credit_fen(self) -> int:
        """On the credit side; 0 when it stands on the other."""
        return -self.balance_fen if self.kind in CREDIT else 0


@dataclass(frozen=True)
class Trial:
    """The books of one organisation in an estate."""

    site_name: str
    organisation_name: str
    sums: list[Sum]
    unbalanced: list[int] = field(default_factory=list)
    """Numbers of postings whose lines do not add up to nothing: none, unless somebody changed the database."""

    @property
    def debit_fen(self) -> int:
        return sum(one.debit_fen for one in self.sums)

    @property
    def credit_fen(self) -> int:
        return sum(one.credit_fen for one in self.sums)

    @property
    def is_balanced(self) -> bool:
        """Debits are credits, in every posting and together."""
        return not self.unbalanced and self.debit_fen == self.credit_fen


def trials(scope: Scope) -> list[Trial]:
    """The books of every organisation in the scope."""
    total = peewee.fn.SUM(LedgerEntry.amount_fen)
    query = (
        LedgerAccount.select(
            LedgerAccount.site, LedgerAccount.organisation, LedgerAccount.kind, total.alias("total")
        )
        .join(LedgerEntry, on=(LedgerEntry.account == LedgerAccount.id))
        .group_by(LedgerAccount.site, LedgerAccount.organisation, LedgerAccount.kind)
        .order_by(LedgerAccount.site, LedgerAccount.organisation)
    )
    found: dict[tuple[int, int], list[Sum]] = {}
    for site_id, organisation_id, kind, fen in scope.filter(query).tuples():
        found.setdefault((site_id, organisation_id), []).append(Sum(AccountKind(kind), int(fen)))
    return [_trial(*place, sums) for place, sums in found.items()]


def _trial(site_id: int, organisation_id: int, sums: list[Sum]) -> Trial:
    order = list(AccountKind)
    wrong = (
        Posting.select(Posting.number)
        .join(LedgerEntry)
        .where((Posting.site == site_id) & (Posting.organisation == organisation_id))
        .group_by(Posting.id, Posting.number)
        .having(peewee.fn.SUM(LedgerEntry.amount_fen) != 0)
        .order_by(Posting.number)
    )
    about = LedgerAccount.get(
        (LedgerAccount.site == site_id) & (LedgerAccount.organisation == organisation_id)
    )
    return Trial(
        about.site.name,
        about.organisation.name,
        sorted(sums, key=lambda one: order.index(one.kind)),
        [number for (number,) in wrong.tuples()],
    )

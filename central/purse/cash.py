"""日結: the drawer of a cashier, what it must hold, counting it, and the second signature. Runs inside ``db``.

Counting changes nothing. When a second operator has signed, the difference goes to 長短款, so that the drawer holds by the
books what was found in it; it is that of the moment of the count, whatever was taken in meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import peewee

from central.cards.acts import By
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.ledger.posting import Place, Voucher, account, balance, drawer, move, need_cash, post
from central.ledger.rules import transfer
from central.purse.model import CashCount
from central.purse.rules import CountState
from central.sites.places import check_place
from central.sites.scope import Scope

_COUNTED: Final = PostingKind.COUNTED.value


@dataclass(frozen=True)
class Drawer:
    """One drawer since it was counted last: opening + in - out = expected.

    The opening is what was found by that count: its difference, booked at the signature, is neither in nor out.
    """

    account: LedgerAccount
    place_name: str
    since: datetime | None
    """When it was counted last; None: never."""
    opening_fen: int
    in_fen: int
    out_fen: int

    @property
    def expected_fen(self) -> int:
        return self.opening_fen + self.in_fen - self.out_fen


def drawers_of(scope: Scope, operator_id: int) -> list[Drawer]:
    """The drawers of a cashier, one for each of the books in which he has taken money."""
    query = LedgerAccount.select().where(
        (LedgerAccount.kind == AccountKind.CASH.value) & (LedgerAccount.owner == operator_id)
    )
    return [drawer_of(row) for row in scope.filter(query).order_by(LedgerAccount.id)]


def drawer_of(row: LedgerAccount) -> Drawer:
    """What a drawer must hold now."""
    stands = (CashCount.account == row.id) & (CashCount.state != CountState.DISCARDED.value)
    last = CashCount.select().where(stands).order_by(CashCount.id.desc()).first()
    behind = 0 if last is None else last.last_entry
    since = (LedgerEntry.account == row.id) & (LedgerEntry.id > behind) & (Posting.kind != _COUNTED)
    money_in = _sum(since & (LedgerEntry.amount_fen > 0))
    money_out = -_sum(since & (LedgerEntry.amount_fen < 0))
    return Drawer(
        row,
        f"{row.site.name} · {row.organisation.name}",
        None if last is None else last.counted_at,
        balance(row) - money_in + money_out,
        money_in,
        money_out,
    )


def open_drawer(by: By, scope: Scope, site_id: int, organisation_id: int) -> LedgerAccount:
    """A cashier begins the day with a float before anything was paid in; what is open already is answered.

    :raises InvalidInputError: the cashier does not work there. :raises ForbiddenError: another program has no drawer.
    """
    if by.operator_id is None:
        raise ForbiddenError("Only a person can ask for this.")
    check_place(scope, site_id, organisation_id)
    return drawer(Place(site_id, organisation_id), by)


def count(by: By, row: LedgerAccount, counted_fen: int, reason: str) -> CashCount:
    """The cashier has counted his drawer.

    :raises ForbiddenError: it is somebody else's. :raises InvalidInputError: a difference without a reason.
    :raises ConflictError: an earlier count waits for its signature.
    """
    if by.operator_id is None or row.owner != by.operator_id:
        raise ForbiddenError("Everybody counts his own drawer.")
    waits = (CashCount.account == row.id) & (CashCount.state == CountState.COUNTED.value)
    if CashCount.select().where(waits).exists():
        raise ConflictError("An earlier count of this drawer has not been signed yet.")
    found = drawer_of(row)
    if counted_fen != found.expected_fen and not reason.strip():
        raise InvalidInputError("Say why the drawer holds more or less than it must.")
    made: CashCount = CashCount.create(
        site=row.site_id,
        organisation=row.organisation_id,
        account=row,
        opening_fen=found.opening_fen,
        in_fen=found.in_fen,
        out_fen=found.out_fen,
        expected_fen=found.expected_fen,
        counted_fen=counted_fen,
        last_entry=_last_entry(row),
        reason=reason.strip(),
        state=CountState.COUNTED.value,
        counted_at=by.at,
        operator_id=by.operator_id,
        operator_name=by.operator_name,
    )
    return made


def sign(by: By, counted: CashCount) -> Posting | None:
    """A second operator has seen the count: its difference is booked.

    :raises ForbiddenError: it is one's own. :raises ConflictError: it is signed already, or was taken back.
    """
    if counted.state != CountState.COUNTED.value:
        raise ConflictError("This count does not wait for a signature any more.")
    if by.operator_id is None or by.operator_id == counted.operator_id:
        raise ForbiddenError("A second operator signs, not the one who counted.")
    row = counted.account
    place = Place(row.site_id, row.organisation_id)
    over = counted.counted_fen - counted.expected_fen
    differences = account(place, AccountKind.IMBALANCE, by)
    key, about = f"count:{counted.id}", {"reason": counted.reason}
    posting = move(by, PostingKind.COUNTED, key, row, differences, over, **about)
    counted.state, counted.signed_at, counted.signed_by = CountState.SIGNED.value, by.at, by.operator_name
    counted.posting = posting
    counted.save()
    return posting


def discard(by: By, counted: CashCount) -> None:
    """The cashier takes a mistyped count back; the next one begins where this one did.

    :raises ForbiddenError: it is somebody else's. :raises ConflictError: it is signed, or was taken back before.
    """
    if by.operator_id is None or by.operator_id != counted.operator_id:
        raise ForbiddenError("Everybody counts his own drawer.")
    if counted.state != CountState.COUNTED.value:
        raise ConflictError("This count does not wait for a signature any more.")
    counted.state = CountState.DISCARDED.value
    counted.save()


def bring(by: By, row: LedgerAccount, amount_fen: int, *, to_bank: bool, key: str, note: str) -> Posting:
    """繳存 to the bank, or 備用金 from it.

    :raises ForbiddenError: it is somebody else's drawer. :raises ConflictError: so much does not lie there.
    """
    if by.operator_id is None or row.owner != by.operator_id:
        raise ForbiddenError("Everybody counts his own drawer.")
    bank = account(Place(row.site_id, row.organisation_id), AccountKind.BANK, by)
    is_known = Posting.select().where(Posting.key == key).exists()
    if to_bank and not is_known:
        need_cash(row, amount_fen)
    lines = transfer(bank.id, row.id, amount_fen) if to_bank else transfer(row.id, bank.id, amount_fen)
    return post(by, Voucher(PostingKind.BANKED if to_bank else PostingKind.FLOAT, key, lines, note))


def snapshot(counted: CashCount) -> dict[str, Any]:
    """What the audit row says of a count."""
    names = ("expected_fen", "counted_fen", "state", "signed_by")
    return {name: getattr(counted, name) for name in names}


def _sum(condition: Any) -> int:
    total = LedgerEntry.select(peewee.fn.SUM(LedgerEntry.amount_fen)).join(Posting).where(condition)
    return int(total.scalar() or 0)


def _last_entry(row: LedgerAccount) -> int:
    last = LedgerEntry.select(peewee.fn.MAX(LedgerEntry.id)).where(LedgerEntry.account == row.id)
    return int(last.scalar() or 0)

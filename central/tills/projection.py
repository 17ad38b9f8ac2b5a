"""From facts to purchases and postings. The law of ``central.access.projection`` holds here too: in order, again and alone,
rebuilt alike; the ledger keeps what it has.

Everything runs inside ``db.write``. A gap cannot be: facts are taken in the order of their numbers only (rule 8).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from central.access.lookup import Lookup
from central.access.model import AlarmState
from central.access.projection.batch import ALARMS
from central.db import announce
from central.ledger.model import Posting
from central.ledger.posting import owed, reversal_of
from central.nodes.model import Device
from central.tills import booking
from central.tills.model import Purchase
from central.tills.model import Till as TillSettings
from central.tills.publishing import balances_changed, one_revision
from central.tills.settings import meals_in
from central.tills.words import PurchaseResult
from protocol.facts import PurchaseFact
from protocol.reasons import is_granted

if TYPE_CHECKING:
    from central.access.projection.batch import Stored

PURCHASES: Final = "tills.purchases"
"""Announced with ``{"site", "device"}`` when purchases were added."""
CONFLICT: Final = "till_conflict"
BELOW_ZERO: Final = "purse_below_zero"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_APART: Final = frozenset(
    {"device", "node_epoch", "seq", "received_at", "result", "booked_fen", "posting", "shop", "meal_name"}
)
"""What a fact that comes again leaves as it was: it has been booked."""


def apply(device_id: int, facts: Sequence[Stored], *, live: bool = True) -> None:
    """Project facts of one device. ``live`` False (a rebuild) announces and publishes nothing."""
    told = [(stored, stored.body) for stored in facts if isinstance(stored.body, PurchaseFact)]
    if not told:
        return
    device = Device.get_by_id(device_id)
    settings = TillSettings.get_or_none(TillSettings.device == device_id)
    till = booking.Till(device, None if settings is None else settings.shop)
    meals = {} if settings is None else {meal.number: meal.name for meal in meals_in(settings.meals)}
    lookup = Lookup(device, (stored.fact.personal for stored, _body in told))
    with one_revision():
        for stored, body in told:
            values = _values(device, lookup, stored, body)
            row = _find(device_id, stored)
            if row is not None:
                changed = {name: value for name, value in values.items() if name not in _APART}
                Purchase.update(changed).where(Purchase.id == row.id).execute()
                continue
            row = Purchase(**values, shop=till.shop, meal_name=meals.get(body.meal, ""))
            _book(till, row)
            row.save()
            if live and row.card_id is not None and row.booked_fen:
                balances_changed([row.card_id])
    if live:
        announce(PURCHASES, {"site": device.site_id, "device": device_id})


def reset() -> None:
    """Forget everything that facts can give again; what was booked stays, and is found again."""
    Purchase.delete().execute()


def _find(device_id: int, stored: Stored) -> Purchase | None:
    found: Purchase | None = Purchase.get_or_none(
        (Purchase.device == device_id)
        & (Purchase.node_epoch == stored.node_epoch)
        & (Purchase.seq == stored.fact.seq)
    )
    return found


def _values(device: Device, lookup: Lookup, stored: Stored, body: PurchaseFact) -> dict[str, Any]:
    key = stored.fact.personal
    holder, point = lookup.holder(key, stored.at), lookup.point(body.point)
    return {
        "site": device.site_id,
        "organisation": device.organisation_id,
        "device": device.id,
        "node_epoch": stored.node_epoch,
        "seq": stored.fact.seq,
        "at": stored.at,
        "wall_ms": stored.fact.wall_ms,
        "clock": int(stored.fact.clock),
        "received_at": _EPOCH + timedelta(milliseconds=stored.received_ms),
        "point": point.id if point is not None else None,
        "point_no": body.point,
        "key": key or None,
        "card": lookup.card(key),
        "person": holder.person_id if holder is not None else None,
        "department": holder.department if holder is not None else "",
        "issue_no": body.issue_no,
        "counter": body.counter,
        "undoes": body.undoes,
        "meal": body.meal,
        "amount_fen": body.amount_fen,
        "balance_fen": body.balance_fen,
        "offline": body.offline,
        "reason": int(body.reason),
        "tier": int(body.tier),
    }


def _book(till: booking.Till, row: Purchase) -> None:
    """Put result, amount and posting into a new row."""
    if not is_granted(row.reason):
        row.result = PurchaseResult.REFUSED.value
        return
    key = booking.key_of(till.device.id, row.node_epoch, row.seq)
    by = booking.by_till(till.device, row.at, row.received_at)
    if row.undoes:
        _undo(till, row, key, by)
    elif row.counter and (row.key is None or booking.debit_of(row, row.counter) is None):
        _sell(till, row, key, by)
    else:
        _conflict(till, row, key, by)


def _sell(till: booking.Till, row: Purchase, key: str, by: Any) -> None:
    purse = booking.purse_of(row.card_id, row.issue_no)
    before = booking.posting_of(key)
    is_known = purse is not None or (before is not None and before.card_id is not None)
    row.result = (PurchaseResult.SOLD if is_known else PurchaseResult.SUSPENSE).value
    row.booked_fen = row.amount_fen
    if not row.amount_fen:
        return
    row.posting = before or booking.book(by, till, key, purse, row.amount_fen)
    if purse is not None and sum(owed(part.id) for part in purse.parts) < 0:
        _alarm(till, row, BELOW_ZERO)


def _undo(till: booking.Till, row: Purchase, key: str, by: Any) -> None:
    before = booking.posting_of(key)
    if row.key is None:  # whose it was is forgotten; what was booked stands
        is_right = before is not None or not row.amount_fen
        row.result = (PurchaseResult.TAKEN_BACK if is_right else PurchaseResult.CONFLICT).value
        row.booked_fen, row.posting = -row.amount_fen if is_right else 0, before
        return
    bought = booking.debit_of(row, row.undoes)
    again: Posting | None = None
    if bought is not None and bought.posting is not None:
        again = reversal_of(bought.posting)
    is_first = again is None or (before is not None and again.id == before.id)
    if bought is None or bought.amount_fen != row.amount_fen or not is_first or _is_undone(row):
        row.result = PurchaseResult.CONFLICT.value
        _alarm(till, row, CONFLICT)
        return
    row.result, row.booked_fen = PurchaseResult.TAKEN_BACK.value, -row.amount_fen
    if bought.posting is not None:
        row.posting = before or booking.take_back(by, key, bought.posting)


def _is_undone(row: Purchase) -> bool:
    """The same debit was taken back by an earlier fact: also of a free meal, which has no posting."""
    return bool(
        Purchase.select()
        .where(
            (Purchase.device == row.device_id)
            & (Purchase.node_epoch == row.node_epoch)
            & (Purchase.point_no == row.point_no)
            & (Purchase.card == row.card_id)
            & (Purchase.issue_no == row.issue_no)
            & (Purchase.undoes == row.undoes)
            & (Purchase.result == PurchaseResult.TAKEN_BACK.value)
        )
        .exists()
    )


def _conflict(till: booking.Till, row: Purchase, key: str, by: Any) -> None:
    """Two debits under one number: the second goes to suspense (rule 3), and somebody has to look."""
    row.result, row.booked_fen = PurchaseResult.CONFLICT.value, row.amount_fen
    if row.amount_fen:
        row.posting = booking.posting_of(key) or booking.book(by, till, key, None, row.amount_fen)
    _alarm(till, row, CONFLICT)


def _alarm(till: booking.Till, row: Purchase, kind: str) -> None:
    """One alarm for one fact; that of a dead card, which the access projection has raised before, says more."""
    AlarmState.insert(
        site=row.site_id,
        organisation=row.organisation_id,
        device=till.device.id,
        node_epoch=row.node_epoch,
        seq=row.seq,
        kind=kind,
        where=row.point_no,
        door=None,
        card=row.card_id,
        person=row.person_id,
        detail="",
        raised_at=row.at,
    ).on_conflict_ignore().execute()
    announce(ALARMS, {"site": row.site_id, "device": till.device.id})

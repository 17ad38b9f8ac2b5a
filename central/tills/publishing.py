"""What tills are told of the money on cards: one row under each key of every card that may pay at one of them.

It follows the ledger (top-up, refund, allowance, purchase elsewhere) and the card (levels, devices, class, issue) in the
transaction that changes them. A row names the devices that hold it, so that doors with the same access level get none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final

import peewee

from central.access.model import AccessPoint, CardLevel, LevelEntry
from central.cards import rows as card_rows
from central.cards.model import Card, CardDevice
from central.cards.rules import Holding
from central.ledger import posting
from central.ledger.accounts import AccountKind
from central.ledger.model import LedgerAccount, LedgerEntry
from central.nodes.model import Device
from central.sync import publish
from central.sync.model import PublishedRow
from central.tills.model import Purchase
from central.tills.tills import ROLE
from protocol.limits import USES_POINTS_MAX
from protocol.records import BalanceRow, Kind, put

_OWNER: Final = "balance:"
_SLICE: Final = 500
_PARTS: Final = (AccountKind.PURSE.value, AccountKind.ALLOWANCE.value)
_TOGETHER: Final[ContextVar[set[int] | None]] = ContextVar("balances_changed_together", default=None)


@contextmanager
def one_revision() -> Iterator[None]:
    """Balances that move inside are published at the end, all in one revision."""
    changed: set[int] = set()
    token = _TOGETHER.set(changed)
    try:
        yield
    finally:
        _TOGETHER.reset(token)
    balances_changed(changed)


def balances_changed(card_ids: Collection[int]) -> None:
    """More or less lies on these cards than before."""
    together = _TOGETHER.get()
    if together is not None:
        together.update(card_ids)
        return
    revision = publish.Revision()
    _publish(card_ids, revision)
    revision.announce()


def _publish(card_ids: Iterable[int], revision: publish.Revision) -> None:
    levels_of_till = _levels_of_tills()
    wanted = sorted(set(card_ids))
    for start in range(0, len(wanted) if levels_of_till else 0, _SLICE):
        _publish_slice(wanted[start : start + _SLICE], levels_of_till, revision)


def _levels_of_tills() -> dict[int, set[int]]:
    """Every till with the access levels that have a reader of it."""
    is_till = Device.roles.cast("text").contains(f'"{ROLE}"')
    found: dict[int, set[int]] = {
        number: set() for (number,) in Device.select(Device.id).where(is_till).tuples()
    }
    if found:
        query = LevelEntry.select(AccessPoint.device, LevelEntry.level).join(AccessPoint)
        for device_id, level_id in query.where(AccessPoint.device.in_(list(found))).distinct().tuples():
            found[device_id].add(level_id)
    return found


def _publish_slice(
    card_ids: list[int], levels_of_till: dict[int, set[int]], revision: publish.Revision
) -> None:
    levels, devices = (
        _pairs(CardLevel, CardLevel.level, card_ids),
        _pairs(CardDevice, CardDevice.device, card_ids),
    )
    cards = list(Card.select().where(Card.id.in_(card_ids)))
    money, spent = _money(card_ids), _spent(card_ids)
    owners = [f"{_OWNER}{number}" for number in card_ids]
    standing = {
        (owner, space, bytes(key))
        for owner, space, key in PublishedRow.select(PublishedRow.owner, PublishedRow.space, PublishedRow.key)
        .where(
            (PublishedRow.kind == Kind.BALANCE.value)
            & PublishedRow.owner.in_(owners)
            & (PublishedRow.body != b"")
        )
        .tuples()
    }
    for card in cards:
        owner, space = f"{_OWNER}{card.id}", f"site:{card.site_id}"
        tags = {
            f"device:{device}"
            for device, of_till in levels_of_till.items()
            if of_till & levels[card.id] and (not devices[card.id] or device in devices[card.id])
        }
        keys = card_rows.keys_of(card) if tags and card.holding == Holding.IN_USE.value else []
        for key in keys:
            body = put(key, _row(card, money, spent)).body
            publish.set_body(revision, space, Kind.BALANCE, bytes(key), body, tags, owner)
        here = {(owner, space, bytes(key)) for key in keys}
        for _owner, former, gone in {entry for entry in standing if entry[0] == owner} - here:
            publish.set_body(revision, former, Kind.BALANCE, gone, b"", set(), owner)


def _pairs(model: Any, column: Any, card_ids: list[int]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for card_id, number in model.select(model.card, column).where(model.card.in_(card_ids)).tuples():
        found[card_id].add(number)
    return found


_Money = dict[tuple[int, int, int], tuple[int, datetime | None]]
_Spent = dict[tuple[int, int], tuple[tuple[int, int, int], ...]]


def _money(card_ids: list[int]) -> _Money:
    """By card, issue and organisation: (what lies there in fen, when it moved last)."""
    query = (
        LedgerAccount.select(
            LedgerAccount.card,
            LedgerAccount.issue_no,
            LedgerAccount.organisation,
            peewee.fn.SUM(LedgerEntry.amount_fen),
            peewee.fn.MAX(LedgerEntry.at),
        )
        .join(LedgerEntry, on=(LedgerEntry.account == LedgerAccount.id))
        .where(LedgerAccount.card.in_(card_ids) & LedgerAccount.kind.in_(_PARTS))
        .group_by(LedgerAccount.card, LedgerAccount.issue_no, LedgerAccount.organisation)
    )
    return {
        (card_id, issue_no, organisation): (-int(fen), at)
        for card_id, issue_no, organisation, fen, at in query.tuples()
    }


def _spent(card_ids: list[int]) -> _Spent:
    """By card and issue: (point, debits, undone) as the tills have told, whatever the books made of it."""
    debits = peewee.fn.SUM(peewee.Case(None, ((Purchase.counter > 0, Purchase.amount_fen),), 0))
    undone = peewee.fn.SUM(peewee.Case(None, ((Purchase.undoes > 0, Purchase.amount_fen),), 0))
    query = (
        Purchase.select(Purchase.card, Purchase.issue_no, Purchase.point_no, debits, undone)
        .where(Purchase.card.in_(card_ids) & ((Purchase.counter > 0) | (Purchase.undoes > 0)))
        .group_by(Purchase.card, Purchase.issue_no, Purchase.point_no)
        .order_by(Purchase.point_no)
    )
    found: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    for card_id, issue_no, point, fen, back in query.tuples():
        found[card_id, issue_no].append((point, int(fen), int(back)))
    return {place: tuple(rows[-USES_POINTS_MAX:]) for place, rows in found.items()}


def _row(card: Card, money: _Money, spent: _Spent) -> BalanceRow:
    fen, at = money.get((card.id, card.issue_no, card.organisation_id), (0, None))
    at_s = 0 if at is None else int(at.timestamp())
    of_issue = spent.get((card.id, card.issue_no), ())
    return BalanceRow(card.id, card.issue_no, fen, at_s, card.card_class_id or 0, of_issue)


# -- what other sub-systems change -----------------------------------------------------------------------------------


def _cards_changed(card_ids: Collection[int], revision: publish.Revision) -> None:
    _publish(card_ids, revision)


def _level_changed(level_id: int, revision: publish.Revision) -> None:
    """Who has the level, if it has a till; else only those of them who paid at one before."""
    of_level = CardLevel.select(CardLevel.card).where(CardLevel.level == level_id)
    if not any(level_id in levels for levels in _levels_of_tills().values()):
        held = PublishedRow.select(PublishedRow.owner).where(
            (PublishedRow.kind == Kind.BALANCE.value) & (PublishedRow.body != b"")
        )
        before = {int(owner.removeprefix(_OWNER)) for (owner,) in held.distinct().tuples()}
        if not before:
            return
        _publish(before & {number for (number,) in of_level.tuples()}, revision)
        return
    _publish([number for (number,) in of_level.tuples()], revision)


publish.card_followers.append(_cards_changed)
publish.level_followers.append(_level_changed)
posting.followers.append(balances_changed)

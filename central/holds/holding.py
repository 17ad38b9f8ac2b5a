"""What holds cover, asked by whatever would delete records. Runs inside ``db``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

import peewee

from central.access.model import AccessPoint
from central.cards.model import CardIssue
from central.errors import ConflictError
from central.holds.model import Hold
from central.people.model import Person
from central.web.i18n import LazyText, lazy

HELD_MAX: Final = 100_000
"""Records kept by one purge: it names each of them, so that a rebuild knows them again."""
RECORDS: Final[list[Any]] = []
"""Tables of records that holds cover; the sub-systems that purge them append theirs."""
_NOTHING: Final = peewee.SQL("1 = 0")


def in_force(site_id: int, from_at: datetime, until_at: datetime) -> list[Hold]:
    """Holds of an estate that meet a span of time."""
    meets = (Hold.from_at < until_at) & (Hold.until_at > from_at) & Hold.lifted_at.is_null()
    return list(Hold.select().where((Hold.site == site_id) & meets).order_by(Hold.id))


def covered(model: Any, holds: Sequence[Hold]) -> Any:
    """The condition of the rows of ``model`` (door events or scans) that one of the holds covers."""
    return reduce(or_, [rows_of(model, hold) for hold in holds], _NOTHING)


def rows_of(model: Any, hold: Hold) -> Any:
    """The condition of the rows that this hold covers."""
    found = (model.site == hold.site_id) & (model.at >= hold.from_at) & (model.at < hold.until_at)
    whose = [
        peewee.fn.COALESCE(column, 0) == value
        for column, value in ((model.person, hold.person_id), (model.card, hold.card_id))
        if value is not None
    ]
    if whose:
        found &= reduce(or_, whose)
    if hold.door_id is not None:
        points = AccessPoint.select(AccessPoint.id).where(AccessPoint.door == hold.door_id)
        at_door = peewee.fn.COALESCE(model.point, 0).in_(points)
        if hasattr(model, "door"):
            at_door |= peewee.fn.COALESCE(model.door, 0) == hold.door_id
        found &= at_door
    return found


def kept(model: Any, holds: list[Hold], span: Any) -> dict[str, list[list[int]]]:
    """By device, [node_epoch, seq] of the held rows of a span that is purged.

    :raises ConflictError: more than can be named.
    """
    found: dict[str, list[list[int]]] = {}
    if not holds:
        return found
    rows = model.select(model.device, model.node_epoch, model.seq).where(span & covered(model, holds))
    count = 0
    for device, node_epoch, seq in (
        rows.order_by(model.device, model.node_epoch, model.seq).limit(HELD_MAX + 1).tuples()
    ):
        found.setdefault(str(device), []).append([node_epoch, seq])
        count += 1
    if count > HELD_MAX:
        raise ConflictError("More than 100,000 records are held there. Choose a shorter period.")
    return found


def orders_of(kept_rows: Any, device_id: int) -> set[tuple[int, int]]:
    """What a purge has kept of a device, to be looked up."""
    return {(node_epoch, seq) for node_epoch, seq in (kept_rows or {}).get(str(device_id), ())}


def why_not_erase(person: Person) -> LazyText | None:
    """A hold names the person, a card that was his, or covers something that he did."""
    holds = list(Hold.select().where(Hold.lifted_at.is_null()))
    if not holds:
        return None
    cards = {
        card for (card,) in CardIssue.select(CardIssue.card).where(CardIssue.person == person.id).tuples()
    }
    named = any(hold.person_id == person.id or hold.card_id in cards for hold in holds)
    wide = [hold for hold in holds if hold.person_id is None and hold.card_id is None]
    did = named or any(
        model.select().where((model.person == person.id) & covered(model, wide)).exists()
        for model in RECORDS
        if wide
    )
    return lazy("Records of this person are held for the police. Lift the hold first.") if did else None

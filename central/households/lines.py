"""What a change of owner or tenant did, record by record: kept for the hand-over sheet. Runs inside ``db``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import peewee

from central.cards.words import MONEY_TEXT
from central.households.joining import Changed, Owed
from central.households.model import HandOver, HandOverLine, MeterReading
from central.households.readings import reading_label
from central.security.audit_words import action_text
from central.web.formats import money
from central.web.i18n import LazyText, _, lazy

DEBT: Final = "people.debt_stays"
AMOUNT_TEXT: Final[dict[str, LazyText]] = {
    **{kind.value: text for kind, text in MONEY_TEXT.items()},
    "deposit_carried_over": lazy("Deposit carried over"),
    "deposit_refunded": lazy("Deposit refunded"),
    "debt": lazy("Owed"),
}


def next_number(site_id: int) -> int:
    """The next of the estate's series. One transaction writes at a time, so there are no gaps and no doubles."""
    last = HandOver.select(peewee.fn.MAX(HandOver.number)).where(HandOver.site == site_id).scalar()
    return int(last or 0) + 1


def keep(hand_over: HandOver, changed: Iterable[Changed], debts: Iterable[Owed]) -> None:
    """Write down what was done, and what those who left owe."""
    for one in changed:
        HandOverLine.create(
            hand_over=hand_over,
            action=one.action,
            object_kind=one.object_kind,
            object_id=one.object_id,
            label=one.label,
            amounts=dict(one.amounts),
        )
    for owed in debts:
        HandOverLine.create(
            hand_over=hand_over,
            action=DEBT,
            object_kind=owed.object_kind,
            object_id=owed.object_id,
            label=owed.label,
            amounts={"debt": owed.amount_fen},
        )


def forget_object(object_kind: str, object_id: int) -> None:
    """What the sheets say of one record goes; that there was something stays."""
    mine = (HandOverLine.object_kind == object_kind) & (HandOverLine.object_id == object_id)
    HandOverLine.update(label="").where(mine).execute()


def amounts_text(amounts: Mapping[str, int]) -> str:
    """``Deposit to be paid back ¥50.00``; empty without an amount."""
    return ", ".join(f"{AMOUNT_TEXT.get(kind, kind)} {money(fen)}" for kind, fen in amounts.items())


def shown(changed: Sequence[Changed], debts: Sequence[Owed]) -> list[tuple[str, str, str]]:
    """What is done, to what, with which amounts: as preview and sheet say it."""
    lines = [(action_text(one.action), one.label, amounts_text(one.amounts)) for one in changed]
    return lines + [
        (action_text(DEBT), owed.label, amounts_text({"debt": owed.amount_fen})) for owed in debts
    ]


def shown_of(hand_over: HandOver) -> list[tuple[str, str, str]]:
    """The same of a change that was carried out; the name of somebody who was erased is gone."""
    query = HandOverLine.select().where(HandOverLine.hand_over == hand_over.id).order_by(HandOverLine.id)
    return [(action_text(row.action), _label(row), amounts_text(row.amounts)) for row in query]


def _label(row: HandOverLine) -> str:
    """In the present language, also where it was kept in another."""
    if row.object_kind == "meter_reading":
        return reading_label(MeterReading.get_by_id(row.object_id))
    return str(row.label or _("erased"))

"""欠費: debts for a unit, each with its debtor for good. Entered from the fee books, until those are kept here (U3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from central.cards.acts import By
from central.errors import ConflictError, InvalidInputError
from central.households import joining
from central.households.joining import Changed, Owed, Part
from central.households.model import Debt, HandOver, Household, Member, Unit
from central.people.model import Person
from central.web.i18n import LazyText, lazy


def enter(
    by: By,
    unit: Unit,
    debtor: Person,
    what: str,
    amount_fen: int,
    owed_on: date,
    hand_over: HandOver | None = None,
) -> Changed:
    """Somebody who lives or lived in the unit owes something for it. Inside ``db.write``.

    :raises ConflictError: the person never lived there.
    """
    lived = Member.select().join(Household).where((Household.unit == unit.id) & (Member.person == debtor.id))
    if not lived.exists():
        raise ConflictError("This person does not live in this unit, and never did.")
    debt = Debt.create(
        unit=unit,
        debtor=debtor,
        what=what.strip(),
        amount_fen=amount_fen,
        owed_on=owed_on,
        hand_over=hand_over,
        operator_name=by.operator_name,
        at=by.at,
    )
    return Changed("people.debt", "debt", debt.id, label(debt), None, snapshot(debt))


def settle(by: By, debt: Debt, note: str) -> None:
    """It was paid, or is not asked for any more. Inside ``db.write``.

    :raises ConflictError: settled before. :raises InvalidInputError: nothing says how.
    """
    if debt.settled_at is not None:
        raise ConflictError("This debt is settled already.")
    if not note.strip():
        raise InvalidInputError("A reason is required.")
    debt.settled_at, debt.settled_by, debt.settled_note = by.at, by.operator_name, note.strip()
    debt.save()


def of_unit(unit_id: int) -> list[Debt]:
    """Every debt for a unit, what is still owed first. Inside ``db.read``."""
    query = Debt.select(Debt, Person).join(Person).where(Debt.unit == unit_id)
    return list(query.order_by(Debt.settled_at.is_null(False), Debt.id.desc()).limit(50))


def label(debt: Debt) -> str:
    """Who owes what, as preview and sheet say it."""
    return f"{debt.debtor.number} {debt.debtor.name}: {debt.what}"


def snapshot(debt: Debt) -> dict[str, Any]:
    """What the audit row says about a debt."""
    return {
        "unit": debt.unit.label,
        "person": debt.debtor.number,
        "what": debt.what,
        "amount_fen": debt.amount_fen,
        "day": debt.owed_on.isoformat(),
        "settled": debt.settled_note,
    }


def owes(person: Person) -> LazyText | None:
    """Whoever owes something is not erased: the debt would have nobody."""
    if Debt.select().where((Debt.debtor == person.id) & Debt.settled_at.is_null()).exists():
        return lazy("This person still owes something for a unit. Settle it first.")
    return None


class Debts(Part):
    """What is entered here, in a change of owner or tenant."""

    name = "debts"

    def debts(self, unit: Unit, people: Sequence[int]) -> Sequence[Owed]:
        query = Debt.select(Debt, Person).join(Person)
        query = query.where(
            (Debt.unit == unit.id) & Debt.debtor.in_(list(people)) & Debt.settled_at.is_null()
        )
        return [
            Owed(debt.debtor, label(debt), debt.amount_fen, "debt", debt.id)
            for debt in query.order_by(Debt.id)
        ]


joining.register(Debts())

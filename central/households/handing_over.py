"""過戶, change and end of a tenancy: one act (U3). Cards, members, meters, fee cut-off, and the parts of others.

Runs inside ``db.write``: everything or nothing. What the old household owes stays with its head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from central.cards import acts, entitlements
from central.cards.acts import By, Terms
from central.cards.holders import latest_end
from central.cards.model import Card
from central.cards.rules import Act, Holding, possible_acts
from central.errors import ConflictError, InvalidInputError
from central.households import debts, joining, lines, people, readings
from central.households.joining import Change, Changed, Owed
from central.households.limits import cards_of
from central.households.model import (
    HandOver,
    Household,
    HouseholdKind,
    LimitException,
    Unit,
    UnitCard,
)
from central.households.readings import Read
from central.people.model import Person

RETURN: Final = "return"
CANCEL: Final = "cancel"


@dataclass(frozen=True)
class Wish:
    """What the operator wants."""

    leaving: Household | None
    head: Person | None
    """Who enters; None: nobody."""
    kind: HouseholdKind
    lease_until_on: date | None
    cut_off_on: date
    reason: str
    cards: Mapping[int, str] = field(default_factory=dict)
    """``RETURN`` or ``CANCEL`` for each card of those who leave."""
    read: Read | None = None
    """What the meters showed."""
    deposits_go_along: bool = False
    """What is to be paid back for the cards is owed to the new head, by agreement of both, instead of to the holders."""
    debt: tuple[str, int] | None = None
    """What the head who leaves owes up to the cut-off, in words and fen."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """What was decided for the records of other sub-systems, see :class:`joining.Question`."""
    may_refund: bool = False
    """Whoever carries it out has the right to pay deposits back."""


@dataclass(frozen=True)
class Outcome:
    """What was done, for the audit trail and the preview."""

    hand_over: HandOver
    changed: Sequence[Changed]
    debts: Sequence[Owed]
    """What those who leave owe for the unit: it stays with them."""
    not_shown: Sequence[Card]
    """Cards that are to be returned and that no reader has seen just now; only a preview goes on without them."""


def leaving_cards(household: Household) -> list[Card]:
    """Cards in use that count for the unit and that nobody who stays holds."""
    staying = {
        member.person_id
        for home in people.current_households(household.unit_id)
        if home.id != household.id
        for member in people.current_members(home.id)
    }
    return [card for card in cards_of(household.unit_id) if card.person_id not in staying]


def carry_out(by: By, unit: Unit, wish: Wish, *, is_preview: bool = False) -> Outcome:
    """Do it all.

    :raises ConflictError, InvalidInputError: some part of it cannot be done; the caller's transaction is taken back.
    """
    if wish.leaving is None and wish.head is None:
        raise InvalidInputError("Choose who leaves, or who enters.")
    if wish.deposits_go_along and wish.head is None:
        raise InvalidInputError("Nobody enters to whom the deposits could be carried over.")
    changed: list[Changed] = []
    not_shown: list[Card] = []
    leavers: list[int] = []
    if wish.leaving is not None:
        if wish.cut_off_on < wish.leaving.from_on:
            raise InvalidInputError("This day lies before the household came.")
        leavers = [member.person_id for member in people.current_members(wish.leaving.id)]
        for card in leaving_cards(wish.leaving):
            if wish.cards.get(card.id) == RETURN and is_preview and not acts.is_present(card, by.at):
                not_shown.append(card)
            else:
                changed.append(_end_card(by, card, wish))
        changed += _leave(wish.leaving, wish.cut_off_on)
    entering = None
    if wish.head is not None:
        entering = people.open_household(unit, wish.kind, wish.head, wish.cut_off_on, wish.lease_until_on)
        changed.append(
            Changed(
                "people.join",
                "person",
                wish.head.id,
                f"{wish.head.number} {wish.head.name}",
                None,
                _home(entering),
            )
        )
        changed += end_with_lease(by, wish.head, wish.reason)
    made: HandOver = HandOver.create(
        site=unit.site_id,
        organisation=unit.organisation_id,
        number=lines.next_number(unit.site_id),
        unit=unit,
        leaving=wish.leaving,
        entering=entering,
        cut_off_on=wish.cut_off_on,
        reason=wish.reason,
        operator_name=by.operator_name,
        at=by.at,
    )
    if wish.read is not None:
        changed += readings.write(by, unit, wish.read, made)
    if wish.debt is not None and wish.leaving is not None:
        last_on = wish.cut_off_on - timedelta(days=1)
        changed.append(debts.enter(by, unit, wish.leaving.head, *wish.debt, last_on, made))
    if wish.kind is HouseholdKind.OWNER:
        changed += _end_exceptions(by, unit)
    change = Change(
        unit, wish.leaving, entering, wish.cut_off_on, by, wish.reason, wish.answers, wish.may_refund
    )
    for part in joining.parts():
        changed += part.carry_out(change)
    owed = joining.debts_of(unit, leavers)
    lines.keep(made, changed, owed)
    return Outcome(made, changed, owed, not_shown)


def end_with_lease(by: By, person: Person, reason: str = "") -> list[Changed]:
    """Cards that somebody who joins a household holds already, and that count for a unit, end with the lease.

    One that is reported lost opens nothing and stays as it is.
    """
    latest = latest_end(person)
    if latest is None:
        return []
    counted = UnitCard.select(UnitCard.card)
    mine = (Card.person == person.id) & (Card.holding == Holding.IN_USE.value) & Card.id.in_(counted)
    changed = []
    for card in Card.select().where(mine).order_by(Card.card_no):
        is_longer = card.valid_until is None or card.valid_until > latest
        if is_longer and Act.REWRITE in possible_acts(card.state):
            rights = entitlements.chosen(card.id)
            terms = Terms(card.card_class_id, card.valid_from, latest, rights, card.uses_max)
            changed.append(_of_card(acts.rewrite(by, card, terms, reason=reason)))
    return changed


def extend_lease(
    by: By, household: Household, until_on: date | None, *, with_cards: bool, reason: str
) -> list[Changed]:
    """續租: a later end of the lease; on request the cards that ended with the old one go along.

    :raises InvalidInputError: it is not later.
    :raises ConflictError: not a tenant's household, or it has left.
    """
    if household.kind != HouseholdKind.TENANT.value or household.until_on is not None:
        raise ConflictError("Only the lease of a tenant who lives here can be extended.")
    old = household.lease_until_on
    if old is None or (until_on is not None and until_on <= old):
        raise InvalidInputError("The new last day must lie behind the old one.")
    old_end = people.midnight(household.unit.site_id, old)
    cards = [card for card in leaving_cards(household) if card.valid_until == old_end] if with_cards else []
    household.lease_until_on = until_on
    household.save()
    new_end = None if until_on is None else people.midnight(household.unit.site_id, until_on)
    changed = [_of_card(acts.extend(by, card, new_end, reason=reason)) for card in cards]
    for part in joining.parts() if with_cards else ():
        changed += part.lease_extended(household, old, until_on)
    return changed


def _end_card(by: By, card: Card, wish: Wish) -> Changed:
    choice = wish.cards.get(card.id)
    owed_to = wish.head if wish.deposits_go_along else None
    if choice == RETURN:
        return _of_card(acts.take_back(by, card, reason=wish.reason, owed_to=owed_to))
    if choice == CANCEL:
        return _of_card(acts.cancel(by, card, reason=wish.reason, cause="left", owed_to=owed_to))
    raise InvalidInputError("Choose for each card whether it is returned or cancelled.")


def _of_card(change: acts.Change) -> Changed:
    card = change.card
    action, money = f"cards.{change.act.value}", acts.amounts(change.money)
    return Changed(action, "card", card.id, card.card_no, change.before, change.after, money)


def _leave(household: Household, on: date) -> list[Changed]:
    """Everybody leaves, the head last."""
    members = sorted(people.current_members(household.id), key=lambda m: m.person_id == household.head_id)
    changed = []
    for member in members:
        before = {"building": member.person.building, "unit": member.person.unit}
        person = people.leave(member, on)
        after = {"building": person.building, "unit": person.unit, "until": on.isoformat()}
        changed.append(
            Changed("people.leave", "person", person.id, f"{person.number} {person.name}", before, after)
        )
    return changed


def _home(household: Household) -> dict[str, str | int | None]:
    lease = household.lease_until_on
    return {
        "household": household.id,
        "kind": household.kind,
        "from": household.from_on.isoformat(),
        "lease_until": None if lease is None else lease.isoformat(),
    }


def _end_exceptions(by: By, unit: Unit) -> list[Changed]:
    """More cards were allowed to the owner who leaves, not to the next."""
    query = LimitException.select().where(
        (LimitException.unit == unit.id) & LimitException.ended_at.is_null()
    )
    changed = []
    for exception in query:
        exception.ended_at = by.at
        exception.save()
        before = {"class": exception.card_class_id, "extra": exception.extra_count}
        label = f"+{exception.extra_count} {exception.card_class.name}"
        changed.append(Changed("cards.unit_exception_ended", "unit", unit.id, label, before, None))
    return changed

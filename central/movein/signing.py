"""Signing for a bag: its cards are issued to whoever signs, and open from then on (U2). Runs inside ``db.write``."""

from __future__ import annotations

from central.cards import acts
from central.cards.acts import By, Change, Terms
from central.cards.model import Card
from central.cards.money import on_issue
from central.errors import ConflictError, InvalidInputError
from central.households import people
from central.households.limits import room_of
from central.households.model import HouseholdKind, Unit, UnitState
from central.movein.model import Bag, BagCard, BagState, MoveIn
from central.people.model import Person


def start(move_in: MoveIn, units: list[Unit]) -> None:
    """Enter the units of a move-in in the order of the list.

    :raises InvalidInputError: there is none, or none of them may have so many cards.
    :raises ConflictError: a unit is in a move-in already, or may not have so many cards.
    """
    if not units:
        raise InvalidInputError("There is no unit in this part of the list.")
    taken = Bag.select(Bag.unit).where(Bag.state != BagState.SIGNED.value)
    taken_ids = {number for (number,) in taken.tuples()}
    for unit in units:
        if unit.id in taken_ids:
            raise ConflictError("Some of these units are in another move-in that is not finished.")
        room = room_of(unit, move_in.card_class)
        allowed = move_in.card_class.active_max_count if room is None else room.allowed
        if move_in.cards_per_unit > allowed:
            raise ConflictError(
                "These are more cards than a unit may have. Set the limit of cards per unit first."
            )
    rows = [
        {"move_in": move_in.id, "unit": unit.id, "position": number, "state": BagState.WAITING.value}
        for number, unit in enumerate(units, 1)
    ]
    for first in range(0, len(rows), 500):
        Bag.insert_many(rows[first : first + 500]).execute()


def cards_in(bag: Bag) -> list[Card]:
    """The cards of a bag, in the order of their packing."""
    query = Card.select().join(BagCard).where(BagCard.bag == bag.id)
    return list(query.order_by(BagCard.id))


def charge_of(bag: Bag) -> int:
    """What signing for a bag charges, in fen: deposit and cost of each of its cards, as their class says."""
    card_class = bag.move_in.card_class
    entries = on_issue(card_class.deposit_fen, card_class.cost_fen)
    return len(cards_in(bag)) * sum(entry.amount_fen for entry in entries)


def sign(by: By, bag: Bag, person: Person) -> list[Change]:
    """The head of the household signs: the cards of the bag are in use from now on.

    Who signs for a unit without a household becomes its owner's head.

    :raises ConflictError: not packed yet, signed for already, or the person lives elsewhere or may not have the cards.
    """
    if bag.state == BagState.SIGNED.value:
        raise ConflictError("This unit has signed for its cards already.")
    if bag.state != BagState.PACKED.value:
        raise ConflictError("The cards of this unit are not packed yet.")
    unit, move_in = bag.unit, bag.move_in
    homes = people.current_households(unit.id)
    if not homes:
        people.open_household(unit, HouseholdKind.OWNER, person, people.local_day(unit.site_id, by.at))
        person = Person.get_by_id(person.id)
    elif person.id not in [m.person_id for home in homes for m in people.current_members(home.id)]:
        raise ConflictError("This person does not live in this unit.")
    terms = Terms(move_in.card_class_id, None, None, {"levels": list(move_in.levels)})
    changes = [
        acts.issue(
            by,
            bytes(card.uid),
            card.card_no,
            person,
            terms,
            for_unit=True,
            reason=move_in.name,
            is_encoded=card.credential_id is not None,
        )
        for card in cards_in(bag)
    ]
    bag.state, bag.signed_at, bag.signed_by = BagState.SIGNED.value, by.at, person
    bag.save()
    if unit.state == UnitState.WAITING.value:
        unit.state = UnitState.HANDED_OVER.value
        unit.version += 1
        unit.changed_at = by.at
        unit.save()
    return changes

"""What is done with permits and release slips (U6). Runs inside ``db.write``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any, Final

import peewee

from central.cards import acts, holders
from central.cards.acts import By, Change, Terms
from central.cards.model import Card
from central.cards.rules import Disable, Holding
from central.contractors.model import Permit, ReleaseSlip, Worker
from central.errors import ConflictError, InvalidInputError
from central.households.people import local_day, midnight
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.posting import Place, Voucher, account, drawer, move, need_cash, post
from central.ledger.rules import Line
from central.people import service as people
from central.people.model import Person, PersonKind
from central.people.service import cards_in_use
from central.sync import publish
from central.web.formats import hours_text

DAY_MINUTES: Final = 1_440


def next_number(model: type[Permit] | type[ReleaseSlip], site_id: int) -> int:
    """The next of the estate's series. One transaction writes at a time, so there are no gaps and no doubles."""
    last = model.select(peewee.fn.MAX(model.number)).where(model.site == site_id).scalar()
    return int(last or 0) + 1


def is_over(permit: Permit, today_on: date) -> bool:
    """Ended, or past its last day."""
    return permit.ended_at is not None or permit.until_on <= today_on


def cards_out(permit: Permit) -> list[Card]:
    """Cards that its workers have not handed in; a cancelled one is given up and no longer out."""
    of_workers = Worker.select(Worker.person).where(Worker.permit == permit.id)
    query = Card.select().where((Card.holding == Holding.IN_USE.value) & Card.person.in_(of_workers))
    return list(query.order_by(Card.card_no))


def add_worker(permit: Permit, person: Person, today_on: date) -> Worker:
    """Somebody works under the permit.

    :raises ConflictError: it is over, or the person cannot be added.
    """
    if is_over(permit, today_on):
        raise ConflictError("This permit is over.")
    if (person.site_id, person.organisation_id) != (permit.site_id, permit.organisation_id):
        raise ConflictError("This person belongs to another estate or organisation.")
    if Worker.select().where((Worker.permit == permit.id) & (Worker.person == person.id)).exists():
        raise ConflictError("This person works under this permit already.")
    worker: Worker = Worker.create(permit=permit, person=person)
    _publish_cards(person)
    return worker


def pay(permit: Permit, by: By) -> list[Change]:
    """The deposit was paid. No card changes.

    :raises ConflictError: it was paid before.
    """
    if permit.paid_at is not None:
        raise ConflictError("The deposit has been paid already.")
    permit.paid_at = by.at
    _save(permit)
    held = account(_books(permit), AccountKind.PERMIT_DEPOSIT, by, permit.id, name=f"{permit.number:06d}")
    cash = drawer(_books(permit), by)
    move(by, PostingKind.PERMIT_DEPOSIT, f"permit:{permit.id}:paid", cash, held, permit.deposit_fen)
    return []


def end_early(permit: Permit, by: By, reason: str) -> list[Change]:
    """The permit ends now: its cards open nothing from this moment on; they are still to be handed in.

    :raises InvalidInputError: no reason is given.
    :raises ConflictError: it is over.
    """
    if not reason.strip():
        raise InvalidInputError("A reason is required.")
    if is_over(permit, local_day(permit.site_id, by.at)):
        raise ConflictError("This permit is over.")
    permit.ended_at, permit.end_reason = by.at, reason.strip()
    _save(permit)
    alive = [card for card in cards_out(permit) if Disable.SUSPENDED.value not in card.reasons]
    return [acts.suspend(by, card, reason=reason) for card in alive]


def refund(permit: Permit, by: By, kept_fen: int, kept_reason: str) -> None:
    """The deposit goes back out of the drawer of whoever pays it, less what is kept.

    :raises ConflictError: the permit runs, a card is out, there is nothing to refund, or so much does not lie in the drawer.
    :raises InvalidInputError: more is kept than was paid, or something without a reason.
    """
    if permit.paid_at is None or permit.refunded_at is not None:
        raise ConflictError("There is no deposit to refund.")
    if not is_over(permit, local_day(permit.site_id, by.at)):
        raise ConflictError("This permit still runs. End it first.")
    if cards_out(permit):
        raise ConflictError("Cards of this permit are still out. Take them back, or cancel them, first.")
    if kept_fen > permit.deposit_fen:
        raise InvalidInputError("No more can be kept than was paid.")
    if kept_fen and not kept_reason.strip():
        raise InvalidInputError("A reason is required.")
    permit.kept_fen, permit.kept_reason = kept_fen, kept_reason.strip()
    permit.refunded_at, permit.refunded_by = by.at, by.operator_name
    _save(permit)
    _pay_back(permit, by)


def _pay_back(permit: Permit, by: By) -> None:
    books = _books(permit)
    held = account(books, AccountKind.PERMIT_DEPOSIT, by, permit.id, name=f"{permit.number:06d}")
    paid_fen = permit.deposit_fen - permit.kept_fen
    lines = [Line(held.id, permit.deposit_fen)]
    if paid_fen:
        cash = drawer(books, by)
        need_cash(cash, paid_fen)
        lines.append(Line(cash.id, -paid_fen))
    if permit.kept_fen:
        lines.append(Line(account(books, AccountKind.FEE_INCOME, by).id, -permit.kept_fen))
    if permit.deposit_fen:
        key = f"permit:{permit.id}:refund"
        post(by, Voucher(PostingKind.PERMIT_REFUND, key, tuple(lines), permit.kept_reason))


def _books(permit: Permit) -> Place:
    return Place(permit.site_id, permit.organisation_id)


def confirm(slip: ReleaseSlip, by: By) -> None:
    """The guard has seen the goods leave.

    :raises ConflictError: not today's, used already, or void.
    """
    if slip.voided_at is not None:
        raise ConflictError("This slip is void.")
    if slip.confirmed_at is not None:
        raise ConflictError("The goods of this slip have left already.")
    if slip.valid_on != local_day(slip.site_id, by.at):
        raise ConflictError("This slip is for another day.")
    slip.confirmed_at, slip.confirmed_by = by.at, by.operator_name
    slip.save()


def void(slip: ReleaseSlip, by: By, reason: str) -> None:
    """The slip is withdrawn; its number stays taken.

    :raises InvalidInputError: no reason is given.
    :raises ConflictError: the goods have left, or it is void already.
    """
    if not reason.strip():
        raise InvalidInputError("A reason is required.")
    if slip.confirmed_at is not None or slip.voided_at is not None:
        raise ConflictError("This slip has been used or is void.")
    slip.voided_at, slip.void_reason = by.at, reason.strip()
    slip.save()


def snapshot(permit: Permit) -> dict[str, Any]:
    """What the audit row says about a permit."""
    return {
        "number": permit.number,
        "unit": permit.unit_id,
        "firm": permit.firm,
        "from": permit.from_on.isoformat(),
        "until": permit.until_on.isoformat(),
        "hours": hours_text(permit.hours),
        "deposit_fen": permit.deposit_fen,
        "paid": permit.paid_at is not None,
        "kept_fen": permit.kept_fen,
        "refunded": permit.refunded_at is not None,
        "ended": permit.ended_at is not None,
    }


def _save(permit: Permit) -> None:
    permit.version += 1
    permit.save()


def _permits_of(person: Person) -> list[Permit]:
    """Permits under which somebody works that were not ended, the newest first."""
    query = Permit.select().join(Worker).where((Worker.person == person.id) & Permit.ended_at.is_null())
    return list(query.order_by(Permit.until_on.desc(), Permit.id.desc()))


def hours_from(typed: Sequence[tuple[time | None, time | None]]) -> list[list[int]]:
    """Working hours as they are kept; 00:00 at an end is midnight, the last moment of the day.

    :raises InvalidInputError: half a pair, or hours that end before they begin or overlap.
    """
    hours: list[list[int]] = []
    for starts, ends in typed:
        if (starts is None) != (ends is None):
            raise InvalidInputError("Enter both times of the working hours after the break, or neither.")
        if starts is None or ends is None:
            continue
        pair = [starts.hour * 60 + starts.minute, ends.hour * 60 + ends.minute or DAY_MINUTES]
        if pair[1] <= pair[0]:
            raise InvalidInputError("The working hours end before they begin.")
        if hours and pair[0] < hours[-1][1]:
            raise InvalidInputError(
                "The working hours after the break begin before those before it have ended."
            )
        hours.append(pair)
    return hours


def hours_of(person_id: int) -> list[tuple[int, int]]:
    """The working hours of a contractor's worker, by the permit that gives his terms; empty for no limit.

    Who is more to the estate than a worker, an owner for one, is not limited by a permit.
    """
    permits = Permit.select(Permit.hours).join(Worker).join(Person, on=(Worker.person == Person.id))
    mine = (Worker.person == person_id) & (Person.kind == PersonKind.CONTRACTOR.value)
    newest = permits.where(mine & Permit.ended_at.is_null())
    permit = newest.order_by(Permit.until_on.desc(), Permit.id.desc()).first()
    if permit is None or permit.hours == [[0, DAY_MINUTES]]:
        return []
    return [(start, end) for start, end in permit.hours]


def _publish_cards(person: Person) -> None:
    """The hours of a worker may be others: his cards follow."""
    if Worker.select().where(Worker.person == person.id).exists():
        publish.cards_changed(card.id for card in cards_in_use([person.id]))


def latest_end(person: Person) -> datetime | None:
    """The end of the last permit of a worker; None for who works under none."""
    permits = _permits_of(person)
    return midnight(person.site_id, permits[0].until_on) if permits else None


def terms_for(person: Person) -> Terms | None:
    """What a worker's card is issued with: the terms of the permit."""
    permits = _permits_of(person)
    if not permits:
        return None
    permit = permits[0]
    return Terms(
        permit.card_class_id,
        midnight(permit.site_id, permit.from_on),
        midnight(permit.site_id, permit.until_on),
        {"levels": list(permit.levels)},
    )


holders.bounds.append(latest_end)
holders.hours.append(hours_of)
people.on_change.append(_publish_cards)
holders.suggestions.append(terms_for)

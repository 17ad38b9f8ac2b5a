"""What puts a card into somebody's hands or changes what it is good for: 發卡 改寫 延期."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as with_changes
from datetime import datetime

from central.cards import entitlements
from central.cards.acts.base import (
    By,
    Change,
    Written,
    done,
    need_arrived,
    need_reason,
    save,
    snapshot,
    stamp,
    take_credential,
    write,
)
from central.cards.acts.entering import enter
from central.cards.holders import cut, holders, issued, latest_end
from central.cards.model import Card, CardClass, CardIssue, WriteOrder
from central.cards.money import NOTHING, NOTHING_WAIVED, Entries, Waiver, on_issue
from central.cards.numbers import check_card_no
from central.cards.rules import Act, Holding, Origin, step
from central.cards.terms import Terms
from central.cards.write_rules import OPEN_VALUES
from central.errors import ConflictError, InvalidInputError
from central.people.model import Person
from central.web.formats import last_day
from central.web.i18n import _


def reserve(by: By, card: Card, *, written: Written | None = None, reason: str = "") -> Change:
    """預留: a blank card is kept for a unit; it opens nothing before it is issued.

    :param written: what an issuer wrote on it for its next issue.
    :raises IllegalActError: it is not in stock.
    """
    need_arrived(card)
    before = snapshot(card)
    card.state = step(card.state, Act.RESERVE)
    if written is not None:
        take_credential(card, written, by.at)
    save(card, by)
    return done(card, Act.RESERVE, by, before, reason)


def issue(
    by: By,
    uid: bytes,
    card_no: str,
    person: Person,
    terms: Terms,
    *,
    for_unit: bool = False,
    reason: str = "",
    written: Written | None = None,
    is_encoded: bool = False,
    waived: Waiver = NOTHING_WAIVED,
) -> Change:
    """發卡: give a card to a person (34, 37), or to the person's unit; its class says what is charged.

    A blank card of the stock that is known by its number only gets its UID here. An unknown card enters the books on the way.

    :param written: what an issuer wrote on the card; None for a card that is known by its UID alone.
    :param is_encoded: what was written on it when it was reserved holds; ``written`` says nothing then.
    :param waived: what of that is not charged, for the reason that is given; who may say so is the caller's to know.
    :raises InvalidInputError: the number, the class or the validity cannot be, or a waiver without a reason.
    :raises ConflictError: number taken, card not in stock, holder or unit has left or has enough cards of this class.
    """
    card_class = find_class(person.site_id, terms.card_class_id)
    if waived != NOTHING_WAIVED:
        need_reason(reason)
    charged = NOTHING
    if card_class is not None:
        charged = on_issue(card_class.deposit_fen, card_class.cost_fen, waived)
    return give(
        by,
        uid,
        card_no,
        person,
        terms,
        charged,
        for_unit=for_unit,
        reason=reason,
        written=written,
        is_encoded=is_encoded,
    )


def give(
    by: By,
    uid: bytes,
    card_no: str,
    person: Person,
    terms: Terms,
    charged: Entries,
    *,
    for_unit: bool,
    reason: str,
    written: Written | None,
    is_encoded: bool = False,
) -> Change:
    """As :func:`issue`, with the amounts given: a card that takes the place of another one is charged otherwise."""
    terms = bounded(by, person, terms)
    terms.check()
    if not person.active:
        raise ConflictError("This person has left and cannot be given a card.")
    card_class = find_class(person.site_id, terms.card_class_id)
    is_counted = holders().admit(person, card_class, uid)
    if card_class is not None and not (is_counted and for_unit):
        _check_count(person, card_class)
    card = Card.get_or_none(Card.uid == uid)
    if card is None:
        card = blank_card(by, uid, check_card_no(card_no), person.site_id, person.organisation_id)
    elif card.site_id != person.site_id:
        raise ConflictError("This card belongs to another estate.")
    elif Holding(card.holding) is Holding.RETURNED:
        raise ConflictError("This card was returned. Check it and put it back into stock first.")
    need_arrived(card)
    before = snapshot(card)
    card.state = step(card.state, Act.ISSUE)
    card.issue_no += 1
    card.person = person
    card.organisation = person.organisation_id
    card.holder_unit = f"{person.building} {person.unit}".strip() if for_unit else ""
    card.card_class = card_class
    card.valid_from, card.valid_until = terms.valid_from, terms.valid_until
    card.uses_max = terms.uses_max
    card.issued_at, card.dead_since, card.desk = by.at, None, None
    if not is_encoded:
        take_credential(card, written, by.at)
    save(card, by)
    CardIssue.create(
        card=card,
        issue_no=card.issue_no,
        person=person,
        holder_unit=card.holder_unit,
        issued_at=by.at,
    )
    entitlements.choose(card.id, dict(terms.entitlements))
    issued(card)
    return done(card, Act.ISSUE, by, before, reason, money=charged)


def rewrite(by: By, card: Card, terms: Terms, *, reason: str = "", written: Written | None = None) -> Change:
    """改寫: other entitlements, class or validity on the same card (44); a later end is an extension too (54).

    :param written: what an issuer wrote on the card; None leaves the card itself as it is.
    :raises IllegalActError: the card is not in use, or reported lost.
    """
    terms = bounded(by, card.person, terms, card)
    terms.check()
    before = snapshot(card)
    card.state = step(card.state, Act.REWRITE)
    old_until = card.valid_until
    card.card_class = find_class(card.site_id, terms.card_class_id)
    card.valid_from, card.valid_until = terms.valid_from, terms.valid_until
    card.uses_max = terms.uses_max
    if written is not None:
        take_credential(card, written, by.at)
    save(card, by)
    entitlements.choose(card.id, dict(terms.entitlements))
    if is_extension(old_until, terms.valid_until):
        write(card, Act.EXTEND, by, reason, {"old_until": stamp(old_until)})
    return done(card, Act.REWRITE, by, before, reason)


def extend(by: By, card: Card, valid_until: datetime | None, *, reason: str = "") -> Change:
    """延期: a later end, nothing else (54); an expired card works again. ``valid_until`` is exclusive; None for no end.

    :raises InvalidInputError: the new end is not later than the old one.
    """
    before, old_until = snapshot(card), card.valid_until
    valid_until = bounded(by, card.person, Terms(valid_until=valid_until), card).valid_until
    if not is_extension(old_until, valid_until):
        raise InvalidInputError("The new last day must lie behind the old one.")
    card.state = step(card.state, Act.EXTEND)
    card.valid_until = valid_until
    save(card, by)
    return done(card, Act.EXTEND, by, before, reason, {"old_until": stamp(old_until)})


def move_along(
    by: By, card: Card, organisation_id: int, kept: Mapping[str, list[int]], *, reason: str
) -> Change:
    """The holder goes to another organisation and takes the card along; ``kept``: rights that it has there too."""
    before = snapshot(card)
    card.state = step(card.state, Act.MOVE)
    card.organisation = organisation_id
    save(card, by)
    entitlements.choose(card.id, dict(kept))
    return done(card, Act.MOVE, by, before, reason)


def is_extension(old_until: datetime | None, new_until: datetime | None) -> bool:
    """True when the validity ends later than before; no limit is later than any."""
    return old_until is not None and (new_until is None or new_until > old_until)


def suggest_card_no(site_id: int) -> str:
    """The number of the next blank card in stock that is known by its number; else the next free running number."""
    blank = (
        Card.select(Card.card_no)
        .where(
            (Card.holding == Holding.STOCK.value)
            & (Card.site == site_id)
            & Card.uid.is_null()
            & ~Card.in_transit
            & Card.card_no.not_in(_being_written(site_id))
        )
        .order_by(Card.card_no)
        .first()
    )
    return str(blank.card_no) if blank is not None else next_card_no(site_id)


def next_card_no(site_id: int) -> str:
    """The next free running number of an estate: eight digits."""
    number, taken = Card.select().where(Card.site == site_id).count() + 1, _being_written(site_id)
    while (text := f"{number:08d}") in taken or (
        Card.select().where((Card.site == site_id) & (Card.card_no == text)).exists()
    ):
        number += 1
    return text


def _being_written(site_id: int) -> set[str]:
    """Numbers that an issuer is writing on cards just now."""
    orders = WriteOrder.select(WriteOrder.card_no)
    orders = orders.where((WriteOrder.site == site_id) & WriteOrder.state.in_(OPEN_VALUES))
    return {number for (number,) in orders.tuples()}


def blank_card(by: By, uid: bytes, card_no: str, site_id: int, organisation_id: int) -> Card:
    """A card with this number that waits for its UID (not saved yet), else one that enters the books now."""
    blank: Card | None = Card.get_or_none(
        (Card.site == site_id)
        & (Card.card_no == card_no)
        & (Card.holding == Holding.STOCK.value)
        & Card.uid.is_null()
        & Card.credential_id.is_null()
    )
    if blank is not None:
        blank.uid = uid
        return blank
    intake = enter(by, site_id, organisation_id, [(uid, card_no)], Origin.FIRST_ISSUE)
    card: Card = Card.get(Card.intake == intake.id)
    return card


def find_class(site_id: int, class_id: int | None) -> CardClass | None:
    """The class of that number in an estate; None for none.

    :raises InvalidInputError: there is no such class.
    """
    if class_id is None:
        return None
    found: CardClass | None = CardClass.get_or_none((CardClass.id == class_id) & (CardClass.site == site_id))
    if found is None:
        raise InvalidInputError("There is no such card class in this estate.")
    return found


def bounded(by: By, person: Person | None, terms: Terms, card: Card | None = None) -> Terms:
    """The terms cut to the holder's visit, and with the end of the lease or permit where they have no end.

    :param card: None for a new one.
    :raises ConflictError: they end later.
    """
    if person is not None:
        terms = cut(terms, person, card, by.at)
    latest = latest_end(person) if person is not None else None
    if latest is None:
        return terms
    if terms.valid_until is not None and terms.valid_until > latest:
        raise ConflictError(
            _(
                "The lease or permit of the holder ends on %(day)s; the card cannot be valid longer.",
                day=last_day(latest),
            )
        )
    return with_changes(terms, valid_until=terms.valid_until or latest)


def _check_count(person: Person, card_class: CardClass) -> None:
    cards = Card.select(Card.reasons).where(
        (Card.person == person.id)
        & (Card.card_class == card_class.id)
        & (Card.holding == Holding.IN_USE.value)
    )
    if sum(1 for card in cards if not card.reasons) >= card_class.active_max_count:
        raise ConflictError("This person already has as many cards of this class as allowed.")

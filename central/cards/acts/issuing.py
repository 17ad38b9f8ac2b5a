"""What puts a card into somebody's hands or changes what it is good for: 發卡 改寫 延期 補卡."""

from __future__ import annotations

from dataclasses import replace as with_changes
from datetime import datetime

from central.cards import entitlements
from central.cards.acts.base import (
    By,
    Change,
    Terms,
    done,
    end_issue,
    save,
    snapshot,
    stamp,
    take_rights,
    write,
)
from central.cards.history import end_loss
from central.cards.holders import holders
from central.cards.model import Card, CardClass, CardIssue
from central.cards.numbers import check_card_no
from central.cards.rules import Act, Holding, step
from central.errors import ConflictError, InvalidInputError
from central.people.model import Person
from central.sync import publish
from central.web.formats import last_day
from central.web.i18n import _


def issue(
    by: By,
    uid: bytes,
    card_no: str,
    person: Person,
    terms: Terms,
    *,
    for_unit: bool = False,
    reason: str = "",
) -> Change:
    """發卡: give a card to a person (34, 37), or to the person's unit. An unknown UID enters the stock on the way.

    :raises InvalidInputError: the number, the class or the validity cannot be.
    :raises ConflictError: number taken, card not in stock, holder or unit has left or has enough cards of this class.
    """
    terms = _bounded(person, terms)
    terms.check()
    if not person.active:
        raise ConflictError("This person has left and cannot be given a card.")
    card_class = _card_class(person.site_id, terms.card_class_id)
    if card_class is not None and not (holders().admit(person, card_class, uid) and for_unit):
        _check_count(person, card_class)
    card = Card.get_or_none(Card.uid == uid)
    if card is None:
        card = _new_card(by, uid, check_card_no(card_no), person)
    elif card.site_id != person.site_id:
        raise ConflictError("This card belongs to another estate.")
    elif Holding(card.holding) is Holding.RETURNED:
        raise ConflictError("This card was returned. Check it and put it back into stock first.")
    before = snapshot(card)
    card.state = step(card.state, Act.ISSUE)
    card.issue_no += 1
    card.person = person
    card.organisation = person.organisation_id
    card.holder_unit = f"{person.building} {person.unit}".strip() if for_unit else ""
    card.card_class = card_class
    card.valid_from, card.valid_until = terms.valid_from, terms.valid_until
    card.issued_at, card.dead_since = by.at, None
    save(card, by)
    CardIssue.create(
        card=card,
        issue_no=card.issue_no,
        person=person,
        holder_unit=card.holder_unit,
        issued_at=by.at,
    )
    entitlements.choose(card.id, dict(terms.entitlements))
    holders().issued(card)
    return done(card, Act.ISSUE, by, before, reason)


def rewrite(by: By, card: Card, terms: Terms, *, reason: str = "") -> Change:
    """改寫: other entitlements, class or validity on the same card (44); a later end is an extension too (54).

    :raises IllegalActError: the card is not in use, or reported lost.
    """
    terms = _bounded(card.person, terms)
    terms.check()
    before = snapshot(card)
    card.state = step(card.state, Act.REWRITE)
    old_until = card.valid_until
    card.card_class = _card_class(card.site_id, terms.card_class_id)
    card.valid_from, card.valid_until = terms.valid_from, terms.valid_until
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
    valid_until = _bounded(card.person, Terms(valid_until=valid_until)).valid_until
    if not is_extension(old_until, valid_until):
        raise InvalidInputError("The new last day must lie behind the old one.")
    card.state = step(card.state, Act.EXTEND)
    card.valid_until = valid_until
    save(card, by)
    return done(card, Act.EXTEND, by, before, reason, {"old_until": stamp(old_until)})


def replace(by: By, old: Card, uid: bytes, card_no: str, *, reason: str = "") -> Change:
    """補卡: a new card with the rights and the validity of one that is reported lost (45). The old one stays dead for ever.

    :raises IllegalActError: the old card is not reported lost.
    :raises ConflictError, InvalidInputError: as :func:`issue`.
    """
    before, person = snapshot(old), old.person
    if person is None:
        raise ConflictError("Nobody holds this card.")
    terms = Terms(old.card_class_id, old.valid_from, old.valid_until, entitlements.chosen(old.id))
    old.state = step(old.state, Act.REPLACE)
    end_issue(old, by)
    save(old, by)
    issued = issue(by, uid, card_no, person, terms, for_unit=bool(old.holder_unit), reason=reason)
    end_loss(old, Act.REPLACE, by.operator_name, by.at, issued.card)
    write(old, Act.REPLACE, by, reason, {"replaced_by": issued.card.card_no})
    take_rights(old)
    publish.card_changed(old.id)
    after = {**snapshot(old), "new_card": issued.card.id, "new_card_no": issued.card.card_no}
    return Change(old, Act.REPLACE, before, after, issued.card)


def is_extension(old_until: datetime | None, new_until: datetime | None) -> bool:
    """True when the validity ends later than before; no limit is later than any."""
    return old_until is not None and (new_until is None or new_until > old_until)


def suggest_card_no(site_id: int) -> str:
    """The next free running number of an estate: eight digits."""
    number = Card.select().where(Card.site == site_id).count() + 1
    while Card.select().where((Card.site == site_id) & (Card.card_no == f"{number:08d}")).exists():
        number += 1
    return f"{number:08d}"


def _new_card(by: By, uid: bytes, card_no: str, person: Person) -> Card:
    if Card.select().where((Card.site == person.site_id) & (Card.card_no == card_no)).exists():
        raise ConflictError("This card number is taken.")
    card: Card = Card.create(
        site=person.site_id,
        organisation=person.organisation_id,
        card_no=card_no,
        uid=uid,
        created_at=by.at,
        changed_at=by.at,
    )
    return card


def _card_class(site_id: int, class_id: int | None) -> CardClass | None:
    if class_id is None:
        return None
    found: CardClass | None = CardClass.get_or_none((CardClass.id == class_id) & (CardClass.site == site_id))
    if found is None:
        raise InvalidInputError("There is no such card class in this estate.")
    return found


def _bounded(person: Person | None, terms: Terms) -> Terms:
    """The terms with the end of the holder's lease where they have no end.

    :raises ConflictError: they end later.
    """
    latest = holders().latest_end(person) if person is not None else None
    if latest is None:
        return terms
    if terms.valid_until is not None and terms.valid_until > latest:
        raise ConflictError(
            _(
                "The lease of the holder ends on %(day)s; the card cannot be valid longer.",
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

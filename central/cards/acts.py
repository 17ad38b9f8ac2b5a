"""What is done to cards: every act is one transaction with its history line, its audit row and its publication (B7).

All functions run inside ``db.write``. They check the state machine and the rules of the card centre, not permissions:
the route has declared those, and the caller has looked the card up within the operator's scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from central.cards import entitlements
from central.cards.history import end_loss, open_loss, write_act
from central.cards.model import Card, CardClass, CardIssue, Showing
from central.cards.numbers import check_card_no
from central.cards.rows import keys_of
from central.cards.rules import Act, CardState, Holding, step
from central.errors import ConflictError, InvalidInputError
from central.people.model import Person
from central.sync import publish

PRESENT_WITHIN: Final = timedelta(minutes=2)
"""A card counts as present when a reader has seen it this recently."""


@dataclass(frozen=True)
class By:
    """Who acts, and when."""

    operator_id: int | None
    """None for an integration."""
    operator_name: str
    at: datetime


@dataclass(frozen=True)
class Terms:
    """What a card is issued or rewritten with. ``valid_until`` is exclusive; None for no limit."""

    card_class_id: int | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    entitlements: Mapping[str, list[int]] = field(default_factory=dict)

    def check(self) -> None:
        """
        :raises InvalidInputError: the end does not lie behind the beginning.
        """
        if self.valid_from and self.valid_until and self.valid_until <= self.valid_from:
            raise InvalidInputError("The last valid day lies before the first.")


@dataclass(frozen=True)
class Change:
    """What an act did, for the audit row and the page after it."""

    card: Card
    act: Act
    before: dict[str, Any]
    after: dict[str, Any]
    new_card: Card | None = None
    """The card that took the place of this one."""


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
    :raises ConflictError: number taken, card not in stock, holder has left or has enough cards of this class.
    """
    terms.check()
    if not person.active:
        raise ConflictError("This person has left and cannot be given a card.")
    card_class = _card_class(person.site_id, terms.card_class_id)
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
    _save(card, by)
    CardIssue.create(
        card=card,
        issue_no=card.issue_no,
        person=person,
        holder_unit=card.holder_unit,
        issued_at=by.at,
    )
    entitlements.choose(card.id, dict(terms.entitlements))
    return _done(card, Act.ISSUE, by, before, reason)


def rewrite(by: By, card: Card, terms: Terms, *, reason: str = "") -> Change:
    """改寫: other entitlements, class or validity on the same card (44); a later end is an extension too (54).

    :raises IllegalActError: the card is not in use, or reported lost.
    """
    terms.check()
    before = snapshot(card)
    card.state = step(card.state, Act.REWRITE)
    old_until = card.valid_until
    card.card_class = _card_class(card.site_id, terms.card_class_id)
    card.valid_from, card.valid_until = terms.valid_from, terms.valid_until
    _save(card, by)
    entitlements.choose(card.id, dict(terms.entitlements))
    if is_extension(old_until, terms.valid_until):
        _write_act(card, Act.EXTEND, by, reason, {"old_until": _stamp(old_until)})
    return _done(card, Act.REWRITE, by, before, reason)


def extend(by: By, card: Card, valid_until: datetime | None, *, reason: str = "") -> Change:
    """延期: a later end, nothing else (54); an expired card works again. ``valid_until`` is exclusive; None for no end.

    :raises InvalidInputError: the new end is not later than the old one.
    """
    before, old_until = snapshot(card), card.valid_until
    if not is_extension(old_until, valid_until):
        raise InvalidInputError("The new last day must lie behind the old one.")
    card.state = step(card.state, Act.EXTEND)
    card.valid_until = valid_until
    _save(card, by)
    return _done(card, Act.EXTEND, by, before, reason, {"old_until": _stamp(old_until)})


def report_lost(
    by: By, card: Card, *, stolen: bool = False, reporter: str = "", channel: str = "", reason: str = ""
) -> Change:
    """掛失: dead everywhere, at once (46, 48)."""
    act = Act.REPORT_STOLEN if stolen else Act.REPORT_LOST
    change = _change_state(card, act, by, reason, {"reporter": reporter, "channel": channel})
    open_loss(card, (by.operator_id, by.operator_name), by.at, stolen, reporter, channel)
    return change


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
    _end_issue(old, by)
    _save(old, by)
    issued = issue(by, uid, card_no, person, terms, for_unit=bool(old.holder_unit), reason=reason)
    end_loss(old, Act.REPLACE, by.operator_name, by.at, issued.card)
    _write_act(old, Act.REPLACE, by, reason, {"replaced_by": issued.card.card_no})
    _take_rights(old)
    publish.card_changed(old.id)
    after = {**snapshot(old), "new_card": issued.card.id, "new_card_no": issued.card.card_no}
    return Change(old, Act.REPLACE, before, after, issued.card)


def lift(by: By, card: Card, *, identity_checked: bool, reason: str) -> Change:
    """解掛: the card works again (47).

    :raises InvalidInputError: the identity of whoever asks was not checked, or no reason is given.
    """
    if not identity_checked:
        raise InvalidInputError("Check the identity of the person first, then tick the box.")
    _need_reason(reason)
    return _change_state(card, Act.LIFT, by, reason)


def suspend(by: By, card: Card, *, reason: str) -> Change:
    """停用: out of use for a while.

    :raises InvalidInputError: no reason is given.
    """
    _need_reason(reason)
    return _change_state(card, Act.SUSPEND, by, reason)


def resume(by: By, card: Card, *, reason: str = "") -> Change:
    """恢復: the end of a suspension."""
    return _change_state(card, Act.RESUME, by, reason)


def take_back(by: By, card: Card, *, reason: str = "") -> Change:
    """退卡: the card is handed in (49); it must have been seen by a reader just now.

    :raises ConflictError: no reader has seen this card within the last two minutes.
    """
    if not is_present(card, by.at):
        raise ConflictError("Show the card to a reader first: only a card that is here can be returned.")
    before = snapshot(card)
    card.state = step(card.state, Act.RETURN)
    _end_issue(card, by)
    card.dead_since = by.at
    _save(card, by)
    _take_rights(card)
    return _done(card, Act.RETURN, by, before, reason)


def cancel(by: By, card: Card, *, reason: str) -> Change:
    """註銷: the card is not there and will not come back; dead for ever, counted as not recovered.

    :raises InvalidInputError: no reason is given.
    """
    _need_reason(reason)
    return _change_state(card, Act.CANCEL, by, reason)


def restock(by: By, card: Card, *, reason: str = "") -> Change:
    """A returned card was wiped and checked: it may be issued again, under its next issue number."""
    before = snapshot(card)
    card.state = step(card.state, Act.RESTOCK)
    card.person, card.holder_unit, card.card_class = None, "", None
    card.valid_from = card.valid_until = card.dead_since = None
    _save(card, by)
    return _done(card, Act.RESTOCK, by, before, reason)


def destroy(by: By, card: Card, *, reason: str) -> Change:
    """銷毀: the card was cut up. It stays in the books as destroyed.

    :raises InvalidInputError: no reason is given.
    """
    _need_reason(reason)
    return _change_state(card, Act.DESTROY, by, reason)


def is_present(card: Card, now: datetime) -> bool:
    """True when a reader has seen this card within ``PRESENT_WITHIN``."""
    keys = [bytes(key) for key in keys_of(card)]
    since = now - PRESENT_WITHIN
    return bool(Showing.select().where(Showing.key.in_(keys) & (Showing.shown_at >= since)).exists())


def is_extension(old_until: datetime | None, new_until: datetime | None) -> bool:
    """True when the validity ends later than before; no limit is later than any."""
    return old_until is not None and (new_until is None or new_until > old_until)


def suggest_card_no(site_id: int) -> str:
    """The next free running number of an estate: eight digits."""
    number = Card.select().where(Card.site == site_id).count() + 1
    while Card.select().where((Card.site == site_id) & (Card.card_no == f"{number:08d}")).exists():
        number += 1
    return f"{number:08d}"


def snapshot(card: Card) -> dict[str, Any]:
    """What the audit row says about a card: plain values, the UID by its tail."""
    return {
        "card_no": card.card_no,
        "uid_tail": bytes(card.uid).hex()[-4:] if card.uid is not None else "",
        "issue_no": card.issue_no,
        "holding": card.holding,
        "reasons": list(card.reasons),
        "person": card.person_id,
        "unit": card.holder_unit,
        "class": card.card_class_id,
        "valid_from": _stamp(card.valid_from),
        "valid_until": _stamp(card.valid_until),
        "entitlements": entitlements.chosen(card.id) if card.id is not None else {},
    }


# -- how it is written down -----------------------------------------------------------------------------------------


def _change_state(
    card: Card, act: Act, by: By, reason: str, details: Mapping[str, Any] | None = None
) -> Change:
    before = snapshot(card)
    card.state = step(card.state, act)
    card.dead_since = _dead_since(card, act, by.at)
    _save(card, by)
    return _done(card, act, by, before, reason, details)


def _dead_since(card: Card, act: Act, now: datetime) -> datetime | None:
    state: CardState = card.state
    if state.holding is Holding.IN_USE and not state.reasons:
        return None
    if card.dead_since is None or act in (Act.REPORT_LOST, Act.REPORT_STOLEN):
        return now
    since: datetime = card.dead_since
    return since


def _done(
    card: Card,
    act: Act,
    by: By,
    before: dict[str, Any],
    reason: str,
    details: Mapping[str, Any] | None = None,
) -> Change:
    _write_act(card, act, by, reason, details)
    end_loss(card, act, by.operator_name, by.at)
    publish.card_changed(card.id)
    return Change(card, act, before, snapshot(card))


def _write_act(card: Card, act: Act, by: By, reason: str, details: Mapping[str, Any] | None = None) -> None:
    write_act(card, act, (by.operator_id, by.operator_name), by.at, reason, details)


def _end_issue(card: Card, by: By) -> None:
    of_issue = (CardIssue.card == card.id) & (CardIssue.issue_no == card.issue_no)
    CardIssue.update(ended_at=by.at).where(of_issue).execute()


def _take_rights(card: Card) -> None:
    entitlements.choose(card.id, {provider.name: [] for provider in entitlements.providers()})


def _save(card: Card, by: By) -> None:
    card.version += 1
    card.changed_at = by.at
    card.save()


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


def _check_count(person: Person, card_class: CardClass | None) -> None:
    if card_class is None:
        return
    cards = Card.select(Card.reasons).where(
        (Card.person == person.id)
        & (Card.card_class == card_class.id)
        & (Card.holding == Holding.IN_USE.value)
    )
    if sum(1 for card in cards if not card.reasons) >= card_class.active_max_count:
        raise ConflictError("This person already has as many cards of this class as allowed.")


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInputError("A reason is required.")


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()

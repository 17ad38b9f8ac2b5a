"""How every act is written down: the state machine, the history line, the publication, what the audit row says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from central.cards import credentials, entitlements
from central.cards.history import book, end_loss, write_act
from central.cards.keys_in_force import KeysInForce
from central.cards.model import Card, CardAct, CardDesk, CardIssue, DeskKeeper
from central.cards.money import NOTHING, Entries
from central.cards.rules import Act, CardState, Holding, step
from central.errors import ConflictError, InvalidInputError
from central.people.model import Person
from central.sync import publish
from protocol.card_layout.credential import Credential, Medium

_LEAVE_THE_DESK: Final = frozenset({Act.DESTROY, Act.WRITE_OFF})


@dataclass(frozen=True)
class By:
    """Who acts, and when."""

    operator_id: int | None
    """None for an integration."""
    operator_name: str
    at: datetime


@dataclass(frozen=True)
class Written:
    """What an issuer wrote on a card and read back, with the newest of these keys, or newer ones."""

    credential: Credential
    medium: Medium
    keys: KeysInForce


@dataclass(frozen=True)
class Change:
    """What an act did, for the audit row and the page after it."""

    card: Card
    act: Act
    before: dict[str, Any]
    after: dict[str, Any]
    new_card: Card | None = None
    """The card that took the place of this one."""
    money: Entries = NOTHING
    """What was charged, kept or is owed back, for both cards together."""


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
        "valid_from": stamp(card.valid_from),
        "valid_until": stamp(card.valid_until),
        "uses_max": card.uses_max,
        "entitlements": entitlements.chosen(card.id) if card.id is not None else {},
        "desk": card.desk_id,
    }


def amounts(money: Entries) -> dict[str, int]:
    """The amounts of an act as its audit row says them, in fen."""
    said: dict[str, int] = {}
    for entry in money:
        said[entry.kind.value] = said.get(entry.kind.value, 0) + entry.amount_fen
    return said


def change_state(
    card: Card,
    act: Act,
    by: By,
    reason: str,
    details: Mapping[str, Any] | None = None,
    money: Entries = NOTHING,
) -> Change:
    """An act that changes the state and nothing else.

    :raises ConflictError: the card is on its way to another desk.
    """
    need_arrived(card)
    before = snapshot(card)
    card.state = step(card.state, act)
    card.dead_since = _dead_since(card, act, by.at)
    if act in _LEAVE_THE_DESK:
        card.desk = None
    save(card, by)
    return done(card, act, by, before, reason, details, money)


def done(
    card: Card,
    act: Act,
    by: By,
    before: dict[str, Any],
    reason: str,
    details: Mapping[str, Any] | None = None,
    money: Entries = NOTHING,
    owed_to: Person | None = None,
) -> Change:
    """Write the act down, end what it ends, tell the devices; ``before``: the snapshot from before the act.

    :param owed_to: to whom the amounts belong, if not to the holder.
    """
    book(write(card, act, by, reason, details), money, owed_to=owed_to)
    end_loss(card, act, by.operator_name, by.at)
    publish.card_changed(card.id)
    return Change(card, act, before, {**snapshot(card), **amounts(money)}, money=money)


def write(card: Card, act: Act, by: By, reason: str, details: Mapping[str, Any] | None = None) -> CardAct:
    """One line of the card's history."""
    return write_act(card, act, (by.operator_id, by.operator_name), by.at, reason, details)


def save(card: Card, by: By) -> None:
    """Store the card as its next version."""
    card.version += 1
    card.changed_at = by.at
    card.save()


def desk_of(by: By, site_id: int) -> CardDesk | None:
    """The desk of an estate at which the operator works: what he takes in lies there."""
    works_at = (DeskKeeper.operator_id == by.operator_id) & (DeskKeeper.site == site_id)
    keeper = DeskKeeper.get_or_none(works_at) if by.operator_id is not None else None
    return None if keeper is None else keeper.desk


def need_arrived(card: Card) -> None:
    """
    :raises ConflictError: the card is on its way to another desk.
    """
    if card.in_transit:
        raise ConflictError("This card is on its way to another desk. Confirm its arrival first.")


def end_issue(card: Card, by: By) -> None:
    """From now on this issue of the card is over."""
    of_issue = (CardIssue.card == card.id) & (CardIssue.issue_no == card.issue_no)
    CardIssue.update(ended_at=by.at).where(of_issue).execute()


def take_rights(card: Card) -> None:
    """The card opens nothing any more, whatever its state."""
    entitlements.choose(card.id, {provider.name: provider.fresh() for provider in entitlements.providers()})


def take_credential(card: Card, written: Written | None, at: datetime) -> None:
    """From now on the card is known by this credential; None: by its UID alone."""
    if written is None:
        credentials.forget(card)
        return
    signed = msgspec.structs.replace(written.credential, generation=written.keys.signing[0])
    credentials.record_written(card, signed, written.medium, written.keys, at)


def need_reason(reason: str) -> None:
    """
    :raises InvalidInputError: no reason is given.
    """
    if not reason.strip():
        raise InvalidInputError("A reason is required.")


def stamp(at: datetime | None) -> str | None:
    """An instant as audit rows and details keep it."""
    return None if at is None else at.isoformat()


def _dead_since(card: Card, act: Act, now: datetime) -> datetime | None:
    state: CardState = card.state
    if state.holding is Holding.IN_USE and not state.reasons:
        return None
    if card.dead_since is None or act in (Act.REPORT_LOST, Act.REPORT_STOLEN):
        return now
    since: datetime = card.dead_since
    return since

"""What follows when a card was written as ordered: by name, so that other sub-systems can add theirs. Inside ``db.write``.

Every act is done with the operator who ordered as the one who acts, and returns what the audit row says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from central.cards import acts
from central.cards.acts import By, Change, Terms, Written
from central.cards.keys_in_force import from_json
from central.cards.model import Card, WriteOrder
from central.cards.money import Waiver
from central.errors import ConflictError
from central.people.model import Person
from protocol.card_layout.credential import Credential, Medium

Carry = Callable[[By, WriteOrder], Change]
"""(who ordered, at the time of the writing; the order) -> what was done.

:raises ConflictError, InvalidInputError: it has become impossible; the order fails, and the card is to be erased.
"""
_ACTS: Final[dict[str, Carry]] = {}


def on_written(name: str, carry: Carry) -> None:
    """Orders with this act are carried on so."""
    assert name not in _ACTS, f"two acts are called {name}"
    _ACTS[name] = carry


def carry_on(order: WriteOrder, at: datetime) -> Change:
    """Do what the order was for."""
    return _ACTS[order.act](By(order.operator_id, order.operator_name, at), order)


def written_of(order: WriteOrder) -> Written:
    """What stands on the card now."""
    return Written(credential_of(order), Medium(order.medium), from_json(order.keys))


def credential_of(order: WriteOrder) -> Credential:
    """What is to stand on the card."""
    return Credential(
        bytes(order.credential_id),
        order.issue_no,
        order.seq,
        order.zones,
        order.card_no,
        _seconds(order.valid_from),
        _seconds(order.valid_until),
    )


def _seconds(at: datetime | None) -> int:
    return 0 if at is None else int(at.timestamp())


def terms_to_wish(terms: Terms) -> dict[str, Any]:
    """The part of a wish from which ``terms_of`` makes the terms again; the validity stands in the order."""
    return {
        "card_class": terms.card_class_id,
        "entitlements": dict(terms.entitlements),
        "uses_max": terms.uses_max,
    }


def terms_of(order: WriteOrder) -> Terms:
    """The terms of an order to issue or rewrite."""
    wish: Mapping[str, Any] = order.wish
    return Terms(
        wish["card_class"], order.valid_from, order.valid_until, wish["entitlements"], wish["uses_max"]
    )


def _issue(by: By, order: WriteOrder) -> Change:
    person = Person.get_by_id(order.wish["person"])
    return acts.issue(
        by,
        bytes(order.uid),
        order.card_no,
        person,
        terms_of(order),
        for_unit=order.wish["for_unit"],
        reason=order.reason,
        written=written_of(order),
        waived=Waiver(**order.wish["waived"]),
    )


def _replace(by: By, order: WriteOrder) -> Change:
    old = Card.get_by_id(order.wish["old_card"])
    return acts.replace(
        by, old, bytes(order.uid), order.card_no, reason=order.reason, written=written_of(order)
    )


def _swap(by: By, order: WriteOrder) -> Change:
    old = Card.get_by_id(order.wish["old_card"])
    return acts.swap(
        by,
        old,
        bytes(order.uid),
        order.card_no,
        identity_checked=order.wish["identity_checked"],
        warranty=order.wish["warranty"],
        reason=order.reason,
        written=written_of(order),
    )


def _rewrite(by: By, order: WriteOrder) -> Change:
    card = order.card
    if card.version != order.wish["version"]:
        raise ConflictError("This card was changed meanwhile. Look at it again.")
    return acts.rewrite(by, card, terms_of(order), reason=order.reason, written=written_of(order))


def _erase(by: By, order: WriteOrder) -> Change:
    return acts.erase(by, order.card)


on_written("issue", _issue)
on_written("replace", _replace)
on_written("swap", _swap)
on_written("rewrite", _rewrite)
on_written("erase", _erase)

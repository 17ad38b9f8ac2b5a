"""Bulk acts: what would happen, entering one, approving, and carrying it out piece by piece. Runs inside ``db``.

A piece is one transaction: its cards, one history line and one audit row each, and one publication to the devices. A centre
that is killed goes on with the next piece: no card is done twice or left half done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import peewee

from central import settings
from central.audit import Actor, Audit
from central.bulk import insert_rows
from central.bulk_acts.kinds import (
    Kind,
    Outcome,
    Parameters,
    kind_of,
    needs_approval,
    sub_system_of,
    total_fen,
)
from central.bulk_acts.model import BulkAct, BulkCard
from central.bulk_acts.rules import Event, ItemState, State, first_state, step
from central.cards.acts import By
from central.cards.model import Card
from central.db import announce, current_engine
from central.errors import CentralError, ConflictError, ForbiddenError, InvalidInputError
from central.routes import Verb
from central.security.principal import Principal
from central.sites.places import check_place
from central.sites.scope import Scope
from central.sync import publish
from central.web.i18n import lazy
from central.web.tables import View

CARDS_MAX: Final = 20_000
"""Cards of one bulk act."""
PIECE_CARDS: Final = 10
"""Cards of one transaction: well below 0.1 s of the writer, so that a loss report never waits long."""
CHANGED: Final = "bulk.changed"
"""Announced with ``{"id"}`` when a bulk act was entered, approved, stopped, or went on."""
EXAMPLES_MAX: Final = 10
_INSERT_ROWS: Final = 200
_NO_KIND: Final = lazy("This kind of bulk act is no longer there.").message
_ELSEWHERE: Final = lazy("This card belongs to another organisation.").message
ALONE_MAX: Final = "bulk.alone_max"
settings.DEFAULTS[ALONE_MAX] = 50
"""Up to so many cards one operator is enough."""


@dataclass(frozen=True)
class Selection:
    """The cards of a filtered list."""

    card_ids: list[int]
    site_ids: list[int]
    organisation_ids: list[int]
    seal: str
    """Changes when the list, or one of its cards, changes: what was previewed is what is done."""

    @property
    def site_id(self) -> int:
        """The one estate of all the cards.

        :raises InvalidInputError: there are none, too many, or they are of several estates.
        """
        if not self.card_ids:
            raise InvalidInputError("No card fits these filters.")
        if len(self.card_ids) > CARDS_MAX:
            raise InvalidInputError("A bulk act has 20,000 cards at most. Please narrow the filters.")
        if len(self.site_ids) > 1:
            raise InvalidInputError(
                "These cards belong to several estates. Choose one estate in the filters."
            )
        return self.site_ids[0]


def select(view: View, scope: Scope) -> Selection:
    """The cards that the list shows with these filters."""
    query = view.filtered(scope).order_by(Card.id).limit(CARDS_MAX + 1)
    rows = list(query.select(Card.id, Card.version, Card.site, Card.organisation).tuples())
    seal = blake2b(json.dumps([row[:2] for row in rows]).encode(), digest_size=12).hexdigest()
    return Selection(
        [row[0] for row in rows], sorted({row[2] for row in rows}), sorted({row[3] for row in rows}), seal
    )


@dataclass
class Preview:
    """What a bulk act would do."""

    possible: list[int] = field(default_factory=list)
    examples: list[Card] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    """Card -> why not (English msgid)."""
    refused_examples: dict[str, list[Card]] = field(default_factory=dict)
    """Why not -> some of these cards."""
    total_fen: int | None = None
    """What it moves altogether; None: no money."""

    def reasons(self) -> list[tuple[str, int, list[Card]]]:
        """Each reason with its number of cards and some of them, the most frequent first."""
        counted = [
            (why, sum(1 for reason in self.refused.values() if reason == why), cards)
            for why, cards in self.refused_examples.items()
        ]
        return sorted(counted, key=lambda entry: -entry[1])


def preview(kind: Kind, parameters: Parameters, selection: Selection) -> Preview:
    """Ask for each card whether it would be done; nothing is changed."""
    found = Preview()
    for start in range(0, len(selection.card_ids), _INSERT_ROWS):
        some = selection.card_ids[start : start + _INSERT_ROWS]
        for card in Card.select().where(Card.id.in_(some)).order_by(Card.id):
            why = kind.refusal(card, parameters)
            if why:
                found.refused[card.id] = why
                examples = found.refused_examples.setdefault(why, [])
            else:
                found.possible.append(card.id)
                examples = found.examples
            if len(examples) < EXAMPLES_MAX:
                assert card.person is None or card.person.name  # read here, shown by the page
                examples.append(card)
    found.total_fen = total_fen(kind, found.possible, parameters)
    return found


@dataclass(frozen=True)
class Order:
    """A bulk act as somebody enters it."""

    kind: Kind
    parameters: dict[str, Any]
    filters: Mapping[str, str]
    reason: str
    seal: str


def enter(audit: Audit, who: Principal, order: Order, selection: Selection, now: datetime) -> BulkAct:
    """Keep a bulk act with its cards; it begins at once, or waits for a second operator.

    :raises ConflictError: the list is no longer the one that was previewed.
    :raises InvalidInputError: nothing to do, too many cards, several estates or organisations, no reason.
    """
    need_right(who, order.kind, "edit")
    site_id = selection.site_id
    if selection.seal != order.seal:
        raise ConflictError("The list has changed since the preview. Look at it again.")
    if not order.reason.strip():
        raise InvalidInputError("A reason is required.")
    found = preview(order.kind, order.parameters, selection)
    if not found.possible:
        raise InvalidInputError("None of these cards would be done.")
    single = len(selection.organisation_ids) == 1
    organisation_id = selection.organisation_ids[0] if single else None
    check_place(who.scope, site_id, organisation_id)
    items = [_Item(number, found.refused.get(number, ""), None) for number in selection.card_ids]
    return _keep(audit, who, order, (site_id, organisation_id), items, now, total_fen=found.total_fen)


def enter_each(
    audit: Audit,
    who: Principal,
    order: Order,
    place: tuple[int, int | None],
    given: Mapping[int, dict[str, Any]],
    now: datetime,
) -> BulkAct:
    """Keep a bulk act in which each card gets something else, from a file for example; it begins, or waits, as any other.

    :param place: the estate of all the cards and their organisation; None: of several.
    :param given: by card, its own parameters, which the caller has looked at.
    :raises InvalidInputError: no card, or too many. :raises ConflictError: another program wants more cards than one may alone.
    """
    need_right(who, order.kind, "edit")
    if not 0 < len(given) <= CARDS_MAX:
        raise InvalidInputError("A bulk act has 20,000 cards at most. Please narrow the filters.")
    if who.kind != "operator" and len(given) > settings.get(ALONE_MAX):
        raise ConflictError(
            "So many cards need two operators: one enters this on its page, another approves it."
        )
    items = [_Item(number, "", own) for number, own in given.items()]
    return _keep(audit, who, order, place, items, now)


@dataclass(frozen=True)
class _Item:
    """One card: why it is refused (empty: it is not), and what it gets beside the parameters of all."""

    card_id: int
    refused: str
    given: dict[str, Any] | None


def _keep(
    audit: Audit,
    who: Principal,
    order: Order,
    place: tuple[int, int | None],
    items: Sequence[_Item],
    now: datetime,
    *,
    total_fen: int | None = None,
) -> BulkAct:
    possible_count = sum(not item.refused for item in items)
    alone_max = 0 if needs_approval(order.kind) else settings.get(ALONE_MAX)
    bulk: BulkAct = BulkAct.create(
        site=place[0],
        organisation=place[1],
        kind=order.kind.name,
        parameters=order.parameters,
        filters=dict(order.filters),
        reason=order.reason.strip(),
        state=first_state(possible_count, alone_max).value,
        entered_at=now,
        operator_id=who.id if who.kind == "operator" else None,
        operator_name=who.actor.name,
    )
    insert_rows(
        BulkCard,
        [
            {
                "bulk": bulk.id,
                "card": item.card_id,
                "state": (ItemState.REFUSED if item.refused else ItemState.PENDING).value,
                "given": item.given,
                "problem": item.refused,
            }
            for item in items
        ],
    )
    after = {**_snapshot(bulk), "cards": possible_count, "refused": len(items) - possible_count}
    if total_fen is not None:
        after["total_fen"] = total_fen
    _record(audit, who.actor, "bulk.enter", bulk, None, after)
    return bulk


def approve(audit: Audit, who: Principal, bulk: BulkAct, now: datetime) -> None:
    """A second operator lets it begin.

    :raises ForbiddenError: whoever entered it approves it. :raises ConflictError: it does not wait any more.
    """
    if who.kind != "operator" or bulk.operator_id is None or who.id == bulk.operator_id:
        raise ForbiddenError("Somebody else than the operator who entered it must approve this.")
    kind = kind_of(bulk.kind)
    if kind is not None:
        need_right(who, kind, "approve")
    before = _snapshot(bulk)
    bulk.state = step(State(bulk.state), Event.APPROVE).value
    bulk.approved_at, bulk.approved_by = now, who.actor.name
    bulk.save()
    _record(audit, who.actor, "bulk.approve", bulk, before, _snapshot(bulk))


def stop(audit: Audit, who: Principal, bulk: BulkAct, now: datetime) -> None:
    """Withdraw it, or stop it on its way: cards that were not tried yet stay as they are.

    :raises ForbiddenError: not by somebody who could have entered it. :raises ConflictError: it has ended.
    """
    kind = kind_of(bulk.kind)
    if kind is not None:
        need_right(who, kind, "edit")
    before = _snapshot(bulk)
    bulk.state = step(State(bulk.state), Event.STOP).value
    bulk.ended_at = now
    bulk.save()
    _record(audit, who.actor, "bulk.stop", bulk, before, _snapshot(bulk))


def next_running() -> int | None:
    """The oldest bulk act that is on its way."""
    running = BulkAct.select(BulkAct.id).where(BulkAct.state == State.RUNNING.value)
    row = running.order_by(BulkAct.entered_at, BulkAct.id).tuples().first()
    return None if row is None else int(row[0])


def do_piece(audit: Audit, bulk_id: int, now: datetime) -> bool:
    """Carry out the next cards of a bulk act; False when nothing is left to do. One transaction."""
    bulk = BulkAct.get_by_id(bulk_id)
    if State(bulk.state) is not State.RUNNING:
        return False
    kind = kind_of(bulk.kind)
    pending = BulkCard.select().where(
        (BulkCard.bulk == bulk.id) & (BulkCard.state == ItemState.PENDING.value)
    )
    items = list(pending.order_by(BulkCard.id).limit(PIECE_CARDS))
    if not items:
        bulk.state, bulk.ended_at = step(State(bulk.state), Event.FINISH).value, now
        bulk.save()
        announce(CHANGED, {"id": bulk.id})
        return False
    with publish.one_revision():
        for item in items:
            item.problem = _do_card(audit, bulk, kind, item, now)
            item.state = (ItemState.FAILED if item.problem else ItemState.DONE).value
            item.save()
    announce(CHANGED, {"id": bulk.id})
    return True


def _do_card(audit: Audit, bulk: BulkAct, kind: Kind | None, item: BulkCard, now: datetime) -> str:
    """Act on one card, whole or not at all; returns why not (English msgid)."""
    if kind is None:
        return _NO_KIND
    by = By(bulk.operator_id, bulk.operator_name, now)
    card_id, parameters = item.card_id, {**bulk.parameters, **(item.given or {})}
    try:
        with current_engine.savepoint():
            card = Card.get_by_id(card_id)
            is_elsewhere = card.site_id != bulk.site_id or bulk.organisation_id not in (
                None,
                card.organisation_id,
            )
            why = _ELSEWHERE if is_elsewhere else kind.refusal(card, parameters)
            if why:
                return why
            change = kind.carry_out(by, card, parameters, bulk.reason)
            audit.record(
                Actor(
                    "operator" if bulk.operator_id else "integration", bulk.operator_id, bulk.operator_name
                ),
                change.action if isinstance(change, Outcome) else f"cards.{change.act.value}",
                "card",
                card_id,
                change.before,
                {**change.after, "bulk": bulk.id},
                bulk.reason,
                site_id=change.card.site_id,
                organisation_id=change.card.organisation_id,
            )
    except CentralError as error:
        return str(error)
    return ""


def need_right(who: Principal, kind: Kind, verb: Verb) -> None:
    """
    :raises ForbiddenError: the kind is of another sub-system, in which the operator may not do this.
    """
    if not who.may(sub_system_of(kind), verb):
        raise ForbiddenError("Your roles do not allow this.")


def counts(bulk_id: int) -> dict[str, int]:
    """Cards by what became of them: every state, and ``all``."""
    query = BulkCard.select(BulkCard.state, peewee.fn.COUNT(BulkCard.id)).where(BulkCard.bulk == bulk_id)
    found = {state.value: 0 for state in ItemState} | dict(query.group_by(BulkCard.state).tuples())
    return {**found, "all": sum(found.values())}


def to_move_fen(bulk: BulkAct, kind: Kind) -> int | None:
    """What the cards that are not done yet would move altogether; None: no money. Inside ``db``."""
    pending = BulkCard.select(BulkCard.card).where(
        (BulkCard.bulk == bulk.id) & (BulkCard.state == ItemState.PENDING.value)
    )
    return total_fen(kind, [row[0] for row in pending.tuples()], bulk.parameters)


def _snapshot(bulk: BulkAct) -> dict[str, Any]:
    return {
        "kind": bulk.kind,
        "parameters": dict(bulk.parameters),
        "filters": dict(bulk.filters),
        "state": bulk.state,
        "operator": bulk.operator_name,
    }


def _record(
    audit: Audit,
    actor: Actor,
    action: str,
    bulk: BulkAct,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    audit.record(
        actor,
        action,
        "bulk",
        bulk.id,
        before,
        after,
        bulk.reason,
        site_id=bulk.site_id,
        organisation_id=bulk.organisation_id,
    )
    announce(CHANGED, {"id": bulk.id})

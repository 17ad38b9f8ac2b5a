"""What the pages and the API of cards share: an act with its audit row in one transaction, filter choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from central.cards.acts import By, Change
from central.cards.model import Card
from central.cards.table import classes_in
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.model import Person
from central.people.table import sites_in
from central.security.principal import Principal, principal_of, scope_of
from central.sites.scope import Scope
from central.web.fields import Choices


def by_of(request: web.Request) -> By:
    """Who acts, at this moment."""
    return _by(principal_of(request), request)


def _by(principal: Principal, request: web.Request) -> By:
    number = principal.id if principal.kind == "operator" else None
    return By(number, principal.actor.name, centre_of(request).clock.now())


async def act_on(
    request: web.Request,
    card_id: int,
    act: Callable[[By, Card], Change],
    *,
    reason: str = "",
    version: int | None = None,
) -> int:
    """Do something to a card in the operator's scope; returns its id.

    :param version: of the card that the operator saw; None does not look.
    :raises NotFoundError: no such card, or outside the scope.
    :raises ConflictError: changed meanwhile, or the act is not possible now.
    """
    scope, by = scope_of(request), by_of(request)

    def write() -> int:
        card = scope.get(Card, card_id)
        if version is not None and card.version != version:
            raise ConflictError("This card was changed meanwhile. Look at it again.")
        change = act(by, card)
        new = change.new_card
        if new is not None and not scope.allows(new.site_id, new.organisation_id):
            raise ConflictError("This card belongs to another organisation.")
        record(request, change, reason)
        return int(change.card.id)

    return await centre_of(request).db.write(write)


async def act_on_each(
    request: web.Request, card_ids: Sequence[int], act: Callable[[By, Card], Change], *, reason: str = ""
) -> int:
    """Do the same to several cards in the operator's scope, each with its own audit row; how many.

    Where the act is not possible with one of them, the others are done all the same.

    :raises InvalidInputError: no card was chosen.
    :raises NotFoundError: no such card, or outside the scope.
    :raises ConflictError: the act was not possible with one of them.
    """
    if not card_ids:
        raise InvalidInputError("Choose a card first.")
    wanted, failed = sorted(set(card_ids)), None
    for card_id in wanted:
        try:
            await act_on(request, card_id, act, reason=reason)
        except ConflictError as error:
            failed = error
    if failed is not None:
        raise failed
    return len(wanted)


async def issue_to(
    request: web.Request, person_id: int, act: Callable[[By, Person], Change], *, reason: str = ""
) -> int:
    """Issue a card to a person in the operator's scope; returns the card's id.

    :raises NotFoundError: no such person, or outside the scope.
    """
    scope, by = scope_of(request), by_of(request)

    def write() -> int:
        change = act(by, scope.get(Person, person_id))
        if not scope.allows(change.card.site_id, change.card.organisation_id):
            raise ConflictError("This card belongs to another organisation.")
        record(request, change, reason)
        return int(change.card.id)

    return await centre_of(request).db.write(write)


def record(request: web.Request, change: Change, reason: str) -> None:
    """The audit row of one act on a card; inside its transaction."""
    centre_of(request).audit.record(
        principal_of(request).actor,
        f"cards.{change.act.value}",
        "card",
        change.card.id,
        change.before,
        change.after,
        reason,
        site_id=change.card.site_id,
        organisation_id=change.card.organisation_id,
    )


async def filter_choices(request: web.Request, scope: Scope) -> dict[str, Choices]:
    """What the filters of the list offer to this operator."""
    db = centre_of(request).db
    classes, sites = await db.read(classes_in, scope), await db.read(sites_in, scope)
    return {
        "class": {str(number): name for number, name in classes},
        "site": {str(number): name for number, name in sites},
    }

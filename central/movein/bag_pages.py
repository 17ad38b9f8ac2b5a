"""One unit of a move-in: its cards, taking one out again, and signing for them (U2)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.audit import act_on_many
from central.cards import desk as card_desk
from central.cards.desk import by_of
from central.cards.model import Card
from central.cards.table import status_of
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.forms.print_pages import PRINTER_COOKIE, route
from central.forms.service import offer_of
from central.households import people
from central.movein import packing, signing
from central.movein.model import Bag, BagState, MoveIn
from central.movein.papers import RECEIPT
from central.people.inputs import path_id, row_id
from central.routes import Route
from central.security.principal import actor_of, principal_of, scope_of
from central.sites.scope import Scope
from central.web.fields import TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.render import render, settle


class SignForm(msgspec.Struct, kw_only=True):
    """Who signs."""

    person: str


SIGN: Final = Form(
    SignForm,
    TextField(
        "person",
        lazy("Person number"),
        hint=lazy("Who signs: the head of the household, or the owner who moves in."),
    ),
)


def _bag(scope: Scope, bag_id: int) -> Bag:
    bag = Bag.get_or_none(Bag.id == bag_id)
    scope.get(MoveIn, bag.move_in_id if bag is not None else 0)
    assert bag is not None
    return bag


async def show_bag(
    request: web.Request, form: BoundForm[SignForm] | None = None, status: int = 200
) -> web.Response:
    """GET /move-ins/bags/{id}"""
    centre, scope, bag_id = centre_of(request), scope_of(request), path_id(request)
    now = centre.clock.now()

    def read() -> dict[str, Any]:
        bag = _bag(scope, bag_id)
        homes = people.current_households(bag.unit_id)
        return {
            "bag": bag,
            "unit": bag.unit,
            "move_in": bag.move_in,
            "cards": [(card, status_of(card, now)) for card in signing.cards_in(bag)],
            "collect_fen": signing.charge_of(bag),
            "head": homes[0].head if homes else None,
            "signer": bag.signed_by,
            "is_packed": bag.state == BagState.PACKED.value,
            "is_signed": bag.state == BagState.SIGNED.value,
            "offer": None
            if bag.state != BagState.SIGNED.value
            else offer_of(scope, RECEIPT, bag.id, bag.move_in.site_id, bag.move_in.organisation_id),
        }

    context = await centre.db.read(read)
    head = context["head"]
    context["form"] = form or SIGN.blank(person=head.number if head is not None else None)
    context["chosen_printer"] = request.cookies.get(PRINTER_COOKIE, "")
    context["may_edit"] = principal_of(request).may("cards", "edit")
    return await render(request, "movein/bag.html", context, status=status)


async def sign(request: web.Request) -> web.Response:
    """POST /move-ins/bags/{id}/sign: one act, its cards one by one in the audit trail."""
    settle(request)
    centre, scope, actor, by = centre_of(request), scope_of(request), actor_of(request), by_of(request)
    bag_id = path_id(request)
    form = SIGN.bind(await request.post())
    if form.is_valid:
        number = form.value.person.strip()

        def write() -> None:
            bag = _bag(scope, bag_id)
            found = people.find_person(scope, bag.unit, number)
            changes = signing.sign(by, bag, found)
            act_on_many(len(changes))
            for change in changes:
                card_desk.record(request, change, bag.move_in.name)
            centre.audit.record(
                actor,
                "cards.move_in_sign",
                "unit",
                bag.unit_id,
                after={"person": found.number, "cards": [change.card.card_no for change in changes]},
                site_id=bag.move_in.site_id,
                organisation_id=bag.move_in.organisation_id,
            )

        try:
            await centre.db.write(write)
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/move-ins/bags/{bag_id}")
    return await show_bag(request, form, 422)


async def take_out(request: web.Request) -> web.Response:
    """POST /move-ins/bags/{id}/take-out: a card is damaged or lay in the wrong bag."""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    bag_id, card_id = path_id(request), row_id(str((await request.post()).get("card", ""))) or 0

    def write() -> None:
        bag = _bag(scope, bag_id)
        card = scope.get(Card, card_id)
        packing.take_out(bag, card)
        centre.audit.record(
            actor,
            "cards.move_in_take_out",
            "card",
            card.id,
            before={"unit": bag.unit.label},
            site_id=card.site_id,
            organisation_id=card.organisation_id,
        )

    await centre.db.write(write)
    raise web.HTTPSeeOther(f"/move-ins/bags/{bag_id}")


ROUTES: Final[list[Route]] = [
    route(RECEIPT, ("cards", "edit")),
    Route("GET", r"/move-ins/bags/{id:\d+}", show_bag, ("cards", "view")),
    Route("POST", r"/move-ins/bags/{id:\d+}/sign", sign, ("cards", "edit")),
    Route("POST", r"/move-ins/bags/{id:\d+}/take-out", take_out, ("cards", "edit")),
]

"""The page of a write order, live from the order to the beep; cancelling; erasing a returned card (42, 49)."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards.model import Card, WriteOrder
from central.cards.numbers import show_uid
from central.cards.ordering import cancel_order, order_at_desk
from central.cards.orders_table import issuer_choices, make_table, title_of
from central.cards.write_orders import Wish
from central.cards.write_rules import AT_DEVICE, CANCELLABLE, OPEN, STATE_TEXT, OrderState, answer_of
from central.centre import centre_of
from central.errors import ConflictError
from central.nodes.model import Device
from central.people.exporting import audited
from central.people.inputs import path_id
from central.people.model import Person
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.sync.model import DeviceStatus
from central.web.i18n import lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render

EXPORT: Final = "/cards/orders/export"


async def _read(request: web.Request) -> dict[str, Any]:
    scope, order_id = scope_of(request), path_id(request)

    def read() -> dict[str, Any]:
        order = scope.get(WriteOrder, order_id)
        state = OrderState(order.state)
        status = DeviceStatus.get_or_none(DeviceStatus.device == order.device_id)
        person = Person.get_or_none(Person.id == order.wish.get("person", 0))
        return {
            "order": order,
            "title": title_of(order),
            "state": state.value,
            "text": STATE_TEXT[state],
            "answer": answer_of(state, order.result),
            "is_open": state in OPEN,
            "is_offline": state in AT_DEVICE and not (status is not None and status.online),
            "may_cancel": principal_of(request).may("cards", "edit") and state in CANCELLABLE,
            "device": Device.get_by_id(order.device_id).label,
            "person": person.name if person is not None else "",
            "uid": show_uid(bytes(order.uid)),
        }

    return await centre_of(request).db.read(read)


async def list_orders(request: web.Request) -> web.Response:
    """GET /cards/orders"""
    centre, scope = centre_of(request), scope_of(request)
    choices = {"issuer": await centre.db.read(issuer_choices, scope)}
    table = make_table(centre.clock.now())
    return await list_page(
        request, table, scope, choices=choices, template="cards/orders.html", export_path=EXPORT
    )


async def export_orders(request: web.Request) -> web.StreamResponse:
    """GET /cards/orders/export"""
    centre, scope = centre_of(request), scope_of(request)
    choices = {"issuer": await centre.db.read(issuer_choices, scope)}
    table = make_table(centre.clock.now())
    return await list_export(request, table, scope, choices=choices, on_export=audited("cards.export"))


async def show_order(request: web.Request) -> web.Response:
    """GET /cards/orders/{id}"""
    return await render(request, "cards/order.html", await _read(request))


async def order_state(request: web.Request) -> web.Response:
    """GET /cards/orders/{id}/state: loaded again whenever the order stands differently."""
    return await render(request, "cards/order_state.html", await _read(request))


async def cancel(request: web.Request) -> web.Response:
    """POST /cards/orders/{id}/cancel"""
    order_id = path_id(request)
    await cancel_order(request, order_id)
    raise web.HTTPSeeOther(f"/cards/orders/{order_id}")


async def erase(request: web.Request) -> web.Response:
    """POST /cards/{id}/erase: a returned card that lies on an issuer."""
    order_id = await order_erasure(request, path_id(request))
    if order_id is None:
        raise ConflictError("Lay the card on an issuer first.")
    raise web.HTTPSeeOther(f"/cards/orders/{order_id}")


async def order_erasure(request: web.Request, card_id: int) -> int | None:
    """Order the credential of a returned card to be erased; None when it does not lie on an issuer, or has none."""
    card: Card = await centre_of(request).db.read(scope_of(request).get, Card, card_id)
    if card.credential_id is None or card.uid is None:
        return None

    def wish(_by: object) -> Wish:
        return Wish("erase", card.site_id, card.organisation_id, card, card.card_no, erase=True)

    return await order_at_desk(request, bytes(card.uid), None, wish)


NAV: Final = [NavItem("cards", lazy("Write orders"), "/cards/orders", order=26)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/orders", list_orders, ("cards", "view")),
    Route("GET", EXPORT, export_orders, ("cards", "export")),
    Route("GET", r"/cards/orders/{id:\d+}", show_order, ("cards", "view")),
    Route("GET", r"/cards/orders/{id:\d+}/state", order_state, ("cards", "view")),
    Route("POST", r"/cards/orders/{id:\d+}/cancel", cancel, ("cards", "edit")),
    Route("POST", r"/cards/{id:\d+}/erase", erase, ("cards", "edit")),
]

"""Pages of the cards: the list, one card with its acts and its history, whether a dead card is refused everywhere."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from central.cards import (
    acts,
    api,
    class_pages,
    departure_pages,
    desk_pages,
    extend_pages,
    feeds,
    issue_pages,
    loss_pages,
    night_pages,
    numbering_pages,
    personal,
    pin_pages,
    replace_pages,
    unconfirmed,
    write_pages,
)
from central.cards.acts import By
from central.cards.desk import act_on, filter_choices
from central.cards.feeds import FEEDS
from central.cards.model import Card
from central.cards.number_forms import TEXT_CHARS_MAX
from central.cards.numbering import ambiguous_readings
from central.cards.numbers import show_uid, uid_tail
from central.cards.ordering import order_at_desk
from central.cards.table import make_table
from central.cards.terms_form import TERM_FIELDS, TermsForm, chosen_terms, proposed_terms, term_choices, terms
from central.cards.view import view_of
from central.cards.words import CAUSE_TEXT, CHANNEL_TEXT
from central.cards.write_acts import terms_to_wish
from central.cards.write_orders import Wish
from central.cards.write_pages import order_erasure
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.parts import Apps
from central.people import dossier, erasure
from central.people.exporting import audited
from central.people.inputs import one_line, path_id, row_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.fields import Choices, HiddenField, NoteField
from central.web.formats import last_day
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_export, list_page
from central.web.nav import NavItem
from central.web.render import render, settle

__all__ = ["FEEDS", "FIGURES", "NAV", "ROUTES", "install"]
REASON_CHARS_MAX: Final = 200


class RewriteForm(TermsForm, kw_only=True):
    """改寫."""

    reason: str | None
    version: str


REWRITE: Final = Form(
    RewriteForm,
    *TERM_FIELDS,
    NoteField("reason", lazy("Reason"), is_required=False, length_max=REASON_CHARS_MAX),
    HiddenField("version", ""),
)


async def list_cards(request: web.Request) -> web.Response:
    """GET /cards"""
    scope = scope_of(request)
    typed = one_line(request.query.get("q", ""), TEXT_CHARS_MAX)
    readings = await centre_of(request).db.read(ambiguous_readings, scope, typed)
    return await list_page(
        request,
        make_table(centre_of(request).clock.now()),
        scope,
        template="cards/list.html",
        context={"readings": readings},
        choices=await filter_choices(request, scope),
        export_path="/cards/export",
    )


async def export_cards(request: web.Request) -> web.StreamResponse:
    """GET /cards/export"""
    scope = scope_of(request)
    table = make_table(centre_of(request).clock.now())
    choices = await filter_choices(request, scope)
    return await list_export(request, table, scope, choices=choices, on_export=audited("cards.export"))


async def show_card(request: web.Request, problem: str = "", status: int = 200) -> web.Response:
    """GET /cards/{id}"""
    centre, card_id = centre_of(request), path_id(request)
    view = await centre.db.read(view_of, scope_of(request), card_id, centre.clock.now())
    principal = principal_of(request)
    uid = bytes(view.card.uid) if view.card.uid is not None else b""
    context = {
        "view": view,
        "card": view.card,
        "uid": (show_uid(uid) if principal.may("cards", "edit") else uid_tail(uid)) if uid else "",
        "may_act": principal.may("cards", "edit"),
        "channels": {key: word for key, word in CHANNEL_TEXT.items() if key != "night"},
        "causes": CAUSE_TEXT,
        "done": request.query.get("done", ""),
        "problem": problem,
        "impossible": request.query.get("not", ""),
        "last_day": last_day,
        "reason_max": REASON_CHARS_MAX,
    }
    return await render(request, "cards/show.html", context, status=status)


async def show_delivery(request: web.Request) -> web.Response:
    """GET /cards/{id}/delivery: the fragment that is loaded again when a device acknowledges."""
    centre, card_id = centre_of(request), path_id(request)
    view = await centre.db.read(view_of, scope_of(request), card_id, centre.clock.now())
    return await render(request, "cards/delivery.html", {"view": view, "card": view.card})


async def do_act(request: web.Request) -> web.Response:
    """POST /cards/{id}/{act}: the acts that need no more than a few words."""
    name, card_id = request.match_info["act"], path_id(request)
    posted = await request.post()

    def text(field: str) -> str:
        return one_line(posted.get(field, ""), REASON_CHARS_MAX)

    reason = text("reason")
    carry_out: dict[str, Any] = {
        "lose": lambda by, card: acts.report_lost(
            by,
            card,
            stolen=text("stolen") == "1",
            reporter=text("reporter"),
            channel=text("channel") if text("channel") in CHANNEL_TEXT else "",
            phone=text("phone"),
            reason=reason,
        ),
        "confirm": lambda by, card: acts.confirm(by, card, reporter=text("reporter"), reason=reason),
        "lift": lambda by, card: acts.lift(
            by, card, identity_checked=text("identity_checked") == "1", reason=reason
        ),
        "suspend": lambda by, card: acts.suspend(by, card, reason=reason),
        "resume": lambda by, card: acts.resume(by, card, reason=reason),
        "return": lambda by, card: acts.take_back(by, card, reason=reason),
        "cancel": lambda by, card: acts.cancel(
            by, card, reason=reason, cause=text("cause") if text("cause") in CAUSE_TEXT else ""
        ),
        "recover": lambda by, card: acts.recover(by, card, reason=reason),
        "restock": lambda by, card: acts.restock(by, card, reason=reason),
        "destroy": lambda by, card: acts.destroy(by, card, reason=reason),
    }
    try:
        await act_on(
            request,
            card_id,
            carry_out[name],
            reason=reason,
            version=row_id(text("version")),
        )
    except (ConflictError, InvalidInputError) as error:
        settle(request)
        return await show_card(request, _(str(error)), error.status)
    if name == "return" and (order := await order_erasure(request, card_id)) is not None:
        raise web.HTTPSeeOther(f"/cards/orders/{order}")
    raise web.HTTPSeeOther(f"/cards/{card_id}?done={name}")


async def edit_rewrite(request: web.Request) -> web.Response:
    """GET /cards/{id}/rewrite"""
    card, choices, given = await _read_terms(request)
    form = REWRITE.blank(choices, version=card.version, **given)
    return await render(request, "cards/rewrite.html", {"form": form, "card": card, "choices": choices})


async def rewrite(request: web.Request) -> web.Response:
    """POST /cards/{id}/rewrite"""
    card, choices, _given = await _read_terms(request)
    form = REWRITE.bind(await request.post(), choices)
    if form.is_valid:
        value = form.value
        try:
            order = await _order_rewriting(request, card.id, value)
            if order is not None:
                raise web.HTTPSeeOther(f"/cards/orders/{order}")
            await act_on(
                request,
                card.id,
                lambda by, found: acts.rewrite(by, found, terms(value), reason=value.reason or ""),
                reason=value.reason or "",
                version=row_id(value.version),
            )
        except (ConflictError, InvalidInputError) as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther(f"/cards/{card.id}?done=rewrite")
    return await render(
        request, "cards/rewrite.html", {"form": form, "card": card, "choices": choices}, status=422
    )


async def _order_rewriting(request: web.Request, card_id: int, value: RewriteForm) -> int | None:
    """Order the card to be written, if it lies on an issuer; else its rights change and the card itself does not."""
    scope = scope_of(request)
    card = await centre_of(request).db.read(scope.get, Card, card_id)
    if card.uid is None:
        return None

    def make(_by: By) -> Wish:
        found, given = scope.get(Card, card_id), terms(value)
        if found.version != row_id(value.version):
            raise ConflictError("This card was changed meanwhile. Look at it again.")
        details = {"version": found.version, "person": found.person_id, **terms_to_wish(given)}
        return Wish(
            "rewrite",
            found.site_id,
            found.organisation_id,
            found,
            found.card_no,
            given.valid_from,
            given.valid_until,
            details,
            value.reason or "",
        )

    return await order_at_desk(request, bytes(card.uid), None, make)


async def _read_terms(request: web.Request) -> tuple[Card, dict[str, Choices], dict[str, Any]]:
    """The card, what can be chosen for it, and what the form begins with: its own terms, or those of ``?card_class=``."""
    settle(request)
    scope, card_id, now = scope_of(request), path_id(request), centre_of(request).clock.now()
    wanted = request.query.get("card_class", "")

    def read() -> tuple[Card, dict[str, Choices], dict[str, Any]]:
        card = scope.get(Card, card_id)
        person = card.person  # read here: the page shows the holder's name
        assert person is None or person.name
        choices = term_choices(card.site_id, card.organisation_id, card)
        return card, choices, proposed_terms(wanted, choices, now) if wanted else chosen_terms(card)

    return await centre_of(request).db.read(read)


def install(apps: Apps) -> None:
    """The feeds, and the watch over provisional loss reports."""
    feeds.install(apps)
    unconfirmed.install(apps)


FIGURES: Final = unconfirmed.FIGURES
NAV: Final = [
    NavItem("cards", lazy("Cards"), "/cards", order=30),
    *issue_pages.NAV,
    *desk_pages.NAV,
    *write_pages.NAV,
    *loss_pages.NAV,
    *night_pages.NAV,
    *unconfirmed.NAV,
    *class_pages.NAV,
    *numbering_pages.NAV,
]
ROUTES: Final[list[Route]] = [
    *api.ROUTES,
    *issue_pages.ROUTES,
    *desk_pages.ROUTES,
    *class_pages.ROUTES,
    *numbering_pages.ROUTES,
    *extend_pages.ROUTES,
    *replace_pages.ROUTES,
    *pin_pages.ROUTES,
    *departure_pages.ROUTES,
    *loss_pages.ROUTES,
    *night_pages.ROUTES,
    *unconfirmed.ROUTES,
    *write_pages.ROUTES,
    Route("GET", "/cards", list_cards, ("cards", "view")),
    Route("GET", "/cards/export", export_cards, ("cards", "export")),
    Route("GET", r"/cards/{id:\d+}", show_card, ("cards", "view")),
    Route("GET", r"/cards/{id:\d+}/delivery", show_delivery, ("cards", "view")),
    Route("GET", r"/cards/{id:\d+}/rewrite", edit_rewrite, ("cards", "edit")),
    Route("POST", r"/cards/{id:\d+}/rewrite", rewrite, ("cards", "edit")),
    Route(
        "POST",
        r"/cards/{id:\d+}/{act:lose|confirm|lift|suspend|resume|return|cancel|recover|restock|destroy}",
        do_act,
        ("cards", "edit"),
    ),
]

erasure.ERASERS.append(personal.forget)
dossier.SECTIONS.extend((personal.cards_of, personal.acts_of))

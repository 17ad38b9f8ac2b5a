"""發卡: place a card on a reader, choose the person, press Enter (34-43)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from central.cards import acts, holders
from central.cards.acts import By, Terms
from central.cards.desk import issue_to
from central.cards.model import Card
from central.cards.money import Waiver
from central.cards.numbering import typed_uid
from central.cards.numbers import check_card_no, show_uid
from central.cards.ordering import MakeWish, order_at_desk
from central.cards.ports import Reader
from central.cards.presented import (
    Presented,
    card_no_for,
    choose_reader,
    presented_at,
    readers_in,
    waiting,
)
from central.cards.terms_form import TERM_FIELDS, TermsForm, proposed_terms, term_choices, terms
from central.cards.waiving import WAIVER_FIELDS, may_waive, waiver_of
from central.cards.write_acts import terms_to_wish
from central.cards.write_orders import Wish
from central.centre import centre_of
from central.errors import ConflictError, InvalidInputError
from central.people.inputs import one_line, row_id
from central.people.model import Person
from central.people.search import found_by
from central.routes import Route
from central.security.principal import scope_of
from central.sites.scope import Scope
from central.web.fields import CheckField, Choices, HiddenField, NoteField, TextField
from central.web.forms import BoundForm, Form
from central.web.i18n import _, lazy
from central.web.nav import NavItem
from central.web.render import render, settle
from protocol.limits import USES_MAX

MATCHES_MAX: Final = 20


class IssueForm(TermsForm, kw_only=True):
    """What is sent when a card is issued."""

    uid: str
    card_no: str
    person: str
    for_unit: bool
    waive_deposit: bool
    waive_cost: bool
    reason: str | None


ISSUE: Final = Form(
    IssueForm,
    TextField(
        "uid",
        lazy("Card UID"),
        hint=lazy("Comes from the reader, or is typed in hexadecimal or as the cards here are numbered."),
        length_max=40,
    ),
    TextField("card_no", lazy("Card number"), hint=lazy("As printed on the card."), length_max=32),
    HiddenField("person", ""),
    *TERM_FIELDS,
    CheckField("for_unit", lazy("The unit holds this card"), hint=lazy("Not this person alone.")),
    *WAIVER_FIELDS,
    NoteField("reason", lazy("Note"), is_required=False, length_max=200),
)


@dataclass(frozen=True)
class Desk:
    """What the page needs to know, read at once."""

    readers: list[Reader]
    reader: Reader | None
    presented: Presented | None
    person: Person | None
    matches: list[Person]
    choices: dict[str, Choices]
    card_no: str
    proposed: dict[str, Any]
    """What the form begins with: by what the holder is here for, else by the card class of the address or the only one."""


def _read_desk(scope: Scope, query: Any, now: datetime) -> Desk:
    readers = readers_in(scope)
    reader = choose_reader(readers, query.get("reader", ""))
    presented = presented_at(scope, reader, now) if reader is not None else None
    person, matches = _person(scope, query.get("person", ""), one_line(query.get("q", ""), 80))
    choices: dict[str, Choices] = {}
    card_no, proposed = "", {}
    if person is not None:
        choices = term_choices(person.site_id, person.organisation_id)
        card_no = card_no_for(presented, person.site_id)
        wanted = str(query.get("card_class", ""))
        proposed = proposed_terms(wanted, choices, now)
        if not wanted:
            proposed |= _suggested_terms(holders.suggested(person))
    return Desk(readers, reader, presented, person, matches, choices, card_no, proposed)


def _person(scope: Scope, number: str, text: str) -> tuple[Person | None, list[Person]]:
    """The chosen person, or those whom a search finds; one match is the choice."""
    if number:
        return scope.get(Person, row_id(number) or 0), []
    if not text:
        return None, []
    query = scope.filter(Person.select().where(found_by(text) & Person.active))
    matches = list(query.order_by(Person.number).limit(MATCHES_MAX))
    return (matches[0], []) if len(matches) == 1 else (None, matches)


async def start_issue(request: web.Request) -> web.Response:
    """GET /cards/issue"""
    settle(request)
    centre = centre_of(request)
    now = centre.clock.now()
    desk = await centre.db.read(_read_desk, scope_of(request), request.query, now)
    form = None
    if desk.person is not None:
        form = ISSUE.blank(
            desk.choices,
            uid=_uid_text(desk.presented, request.query.get("uid", "")),
            card_no=desk.card_no,
            person=desk.person.id,
            uses_max=_uses(request.query.get("uses", "")),
            **desk.proposed,
        )
    return await _page(request, desk, form)


async def issue(request: web.Request) -> web.Response:
    """POST /cards/issue"""
    settle(request)
    centre, posted = centre_of(request), await request.post()
    query = {"reader": str(posted.get("reader", "")), "person": str(posted.get("person", ""))}
    desk = await centre.db.read(_read_desk, scope_of(request), query, centre.clock.now())
    if desk.person is None:
        raise InvalidInputError("Choose the person first.")
    form = ISSUE.bind(posted, desk.choices)
    if form.is_valid:
        value = form.value
        waived = waiver_of(request, deposit=value.waive_deposit, cost=value.waive_cost)
        try:
            uid = await centre.db.read(typed_uid, value.uid, desk.person.site_id)
        except InvalidInputError as error:
            form.fail(_(str(error)), "uid")
        else:
            point = row_id(str(posted.get("reader", "")))
            try:
                order = await order_at_desk(
                    request, uid, point, _wish(desk.person.id, value, uid, waived, request)
                )
                if order is not None:
                    raise web.HTTPSeeOther(f"/cards/orders/{order}")
                card_id = await issue_to(
                    request,
                    desk.person.id,
                    lambda by, person: acts.issue(
                        by,
                        uid,
                        value.card_no,
                        person,
                        terms(value),
                        for_unit=value.for_unit,
                        reason=value.reason or "",
                        waived=waived,
                    ),
                    reason=value.reason or "",
                )
            except (ConflictError, InvalidInputError) as error:
                form.fail(_(str(error)))
            else:
                raise web.HTTPSeeOther(f"/cards/{card_id}?done=issue")
    return await _page(request, desk, form, status=422)


def _uses(text: str) -> int | None:
    """The number of uses that the page before suggested."""
    number = row_id(text)
    return number if number is not None and number <= USES_MAX else None


async def _page(
    request: web.Request, desk: Desk, form: BoundForm[IssueForm] | None, status: int = 200
) -> web.Response:
    hidden = {"uid", "card_no"}
    if not may_waive(request):
        hidden |= {field.name for field in WAIVER_FIELDS}
    context = {
        "desk": desk,
        "form": form,
        "q": request.query.get("q", ""),
        "show_uid": show_uid,
        "hidden": hidden,
    }
    return await render(request, "cards/issue.html", context, status=status)


async def presented_fragment(request: web.Request) -> web.Response:
    """GET /cards/issue/presented: the fields that come from the reader, loaded again when a card is shown."""
    settle(request)
    centre = centre_of(request)
    desk = await centre.db.read(_read_desk, scope_of(request), request.query, centre.clock.now())
    form = None
    if desk.person is not None:
        form = ISSUE.blank(desk.choices, uid=_uid_text(desk.presented, ""), card_no=desk.card_no)
    return await render(
        request, "cards/issue_presented.html", {"desk": desk, "form": form, "show_uid": show_uid}
    )


async def list_waiting(request: web.Request) -> web.Response:
    """GET /cards/waiting: cards that were shown somewhere and belong to nobody."""
    centre = centre_of(request)
    found = await centre.db.read(waiting, scope_of(request), centre.clock.now())
    template = "cards/waiting_rows.html" if request.headers.get("HX-Request") else "cards/waiting.html"
    return await render(request, template, {"waiting": found, "show_uid": show_uid})


def _wish(person_id: int, value: IssueForm, uid: bytes, waived: Waiver, request: web.Request) -> MakeWish:
    """What is ordered when the card can carry a credential."""

    def make(_by: By) -> Wish:
        person = scope_of(request).get(Person, person_id)
        card = Card.get_or_none(Card.uid == uid)
        given = terms(value)
        return Wish(
            "issue",
            person.site_id,
            person.organisation_id,
            card,
            check_card_no(value.card_no) if card is None else card.card_no,
            given.valid_from,
            given.valid_until,
            {
                "person": person.id,
                "for_unit": value.for_unit,
                "waived": asdict(waived),
                **terms_to_wish(given),
            },
            value.reason or "",
        )

    return make


def _uid_text(presented: Presented | None, typed: str) -> str:
    if typed:
        return typed[:40]
    return show_uid(presented.uid) if presented is not None and presented.can_issue else ""


def _suggested_terms(suggested: Terms | None) -> dict[str, Any]:
    if suggested is None:
        return {}
    return {
        "card_class": suggested.card_class_id,
        "valid_from": suggested.valid_from,
        "valid_until": suggested.valid_until,
        "levels": suggested.entitlements.get("levels", []),
    }


NAV: Final = [
    NavItem("cards", lazy("Issue a card"), "/cards/issue", order=10),
    NavItem("cards", lazy("Cards waiting"), "/cards/waiting", order=25),
]
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/issue", start_issue, ("cards", "edit")),
    Route("POST", "/cards/issue", issue, ("cards", "edit")),
    Route("GET", "/cards/issue/presented", presented_fragment, ("cards", "edit")),
    Route("GET", "/cards/waiting", list_waiting, ("cards", "view")),
]

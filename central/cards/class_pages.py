"""卡類 (40): the classes of cards of an estate."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web

from central.cards.model import Card, CardClass
from central.cards.terms_form import RIGHT_FIELDS, chosen_rights, fresh_rights, right_choices
from central.centre import centre_of
from central.errors import ConflictError
from central.people.inputs import path_id, row_id
from central.people.table import sites_in
from central.routes import Route
from central.security.principal import actor_of, scope_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.sync import publish
from central.web.columns import MONEY, NUMBER, YES, Column, StatusFormat
from central.web.fields import CheckField, ChoiceField, Choices, MoneyField, NumberField, TextField
from central.web.forms import Form
from central.web.i18n import _, lazy
from central.web.lists import list_page
from central.web.nav import NavItem
from central.web.render import render, settle
from central.web.tables import Table

FLAGS: Final = ("extended_open", "duress", "needs_escort", "may_escort")
"""What a class says of its cards at the doors."""
FEN_MAX: Final = 100_000
"""1,000 yuan: more is a typing mistake."""


def _query(scope: Scope) -> Any:
    query = CardClass.select(
        CardClass.id,
        CardClass.name,
        CardClass.extended_open,
        CardClass.active_max_count,
        CardClass.valid_days,
        CardClass.deposit_fen,
        CardClass.cost_fen,
        CardClass.active,
        Site.name.alias("site_name"),
    ).join(Site)
    return scope.filter(query, CardClass)


CLASSES: Final = Table(
    name="classes",
    title=lazy("Card classes"),
    query=_query,
    key=CardClass.id,
    sort="name",
    columns=(
        Column("name", lazy("Card class"), sort=CardClass.name, href=lambda row: f"/cards/classes/{row.id}"),
        Column("active_max_count", lazy("Cards per person"), NUMBER),
        Column("valid_days", lazy("Suggested days of validity"), NUMBER),
        Column("deposit_fen", lazy("Deposit"), MONEY),
        Column("cost_fen", lazy("Card cost"), MONEY),
        Column("extended_open", lazy("Longer opening"), YES),
        Column(
            "active", lazy("Status"), StatusFormat("enabled"), value=lambda row: "yes" if row.active else "no"
        ),
        Column("site_name", lazy("Estate")),
    ),
    empty=lazy("A class says what kind of card it is: owner, staff, contractor."),
    empty_href="/cards/classes/new",
    empty_action=lazy("New card class"),
)


class ClassForm(msgspec.Struct, kw_only=True):
    """A card class as it is typed."""

    name: str
    site: str
    active_max_count: int
    valid_days: int
    deposit_fen: int
    cost_fen: int
    extended_open: bool
    duress: bool
    needs_escort: bool
    may_escort: bool
    keeps_deposit: bool
    active: bool
    levels: tuple[str, ...]
    sub_systems: tuple[str, ...]
    devices: tuple[str, ...]
    limits: str | None


FORM: Final = Form(
    ClassForm,
    TextField("name", lazy("Card class"), length_max=60),
    ChoiceField("site", lazy("Estate")),
    NumberField("active_max_count", lazy("Cards per person"), least=1, most=1_000),
    NumberField(
        "valid_days", lazy("Suggested days of validity"), most=36_500, hint=lazy("0: no end is suggested.")
    ),
    CheckField(
        "extended_open",
        lazy("Longer opening"),
        hint=lazy("Doors stay released for their extended time: wheelchair, trolley."),
    ),
    CheckField(
        "duress",
        lazy("Duress card"),
        hint=lazy(
            "For a second card of a person: doors open as ever, nothing is heard there, and an alarm goes up here."
        ),
    ),
    CheckField(
        "needs_escort",
        lazy("Needs an escort"),
        hint=lazy(
            "Opens a door inwards only when somebody who may escort shows a card at the same reader within 15 seconds, before or after."
        ),
    ),
    CheckField("may_escort", lazy("May escort"), hint=lazy("Takes in people whose cards need an escort.")),
    MoneyField(
        "deposit_fen",
        lazy("Deposit"),
        hint=lazy("Charged at issue, owed back when the card is handed in."),
        most=FEN_MAX,
    ),
    MoneyField(
        "cost_fen",
        lazy("Card cost"),
        hint=lazy("Charged at issue, and for a new card in place of a lost or damaged one."),
        most=FEN_MAX,
    ),
    CheckField(
        "keeps_deposit",
        lazy("A card that is not handed in forfeits its deposit"),
        hint=lazy("When it is cancelled."),
    ),
    CheckField("active", lazy("In use")),
    *RIGHT_FIELDS,
)
"""The rights are what the forms propose for a card of this class (40)."""


async def list_classes(request: web.Request) -> web.Response:
    """GET /cards/classes"""
    return await list_page(request, CLASSES, scope_of(request), template="cards/classes.html")


async def edit_class(request: web.Request) -> web.Response:
    """GET and POST /cards/classes/new and /cards/classes/{id}"""
    settle(request)
    centre, scope, actor = centre_of(request), scope_of(request), actor_of(request)
    class_id = path_id(request) if "id" in request.match_info else None
    found = None if class_id is None else await centre.db.read(scope.get, CardClass, class_id)
    posted = await request.post()
    sites = await centre.db.read(sites_in, scope)
    site_id = found.site_id if found is not None else row_id(str(posted.get("site", "")))
    if site_id not in dict(sites):
        site_id = next(iter(dict(sites)), 0)
    choices: dict[str, Choices] = {"site": {str(number): name for number, name in sites}}
    choices |= await centre.db.read(right_choices, site_id)
    if request.method == "GET":
        if found is None:
            form = FORM.blank(
                choices,
                active=True,
                active_max_count=1,
                valid_days=0,
                deposit_fen=0,
                cost_fen=0,
                keeps_deposit=True,
                site=site_id,
                limits="1",
                **await centre.db.read(fresh_rights),
            )
        else:
            fresh = await centre.db.read(fresh_rights)
            form = FORM.blank(
                choices,
                **{k: v for k, v in _snapshot(found).items() if k != "defaults"},
                limits="1",
                **{**fresh, **found.defaults},
            )
        return await render(request, "cards/class_edit.html", {"form": form, "card_class": found})
    form = FORM.bind(posted, choices)
    if form.is_valid:
        value = form.value

        def write() -> None:
            row = CardClass() if class_id is None else scope.get(CardClass, class_id)
            before = None if class_id is None else _snapshot(row)
            if class_id is not None and row.site_id != int(value.site):
                raise ConflictError("A card class stays in its estate.")
            row.site = int(value.site)
            same = CardClass.select().where((CardClass.site == row.site_id) & (CardClass.name == value.name))
            if same.where(CardClass.id != (class_id or 0)).exists():
                raise ConflictError("There is a card class with this name already.")
            row.name, row.active_max_count, row.valid_days = (
                value.name,
                value.active_max_count,
                value.valid_days,
            )
            row.extended_open, row.active = value.extended_open, value.active
            if value.needs_escort and value.may_escort:
                raise ConflictError("A card that needs an escort cannot escort others.")
            row.duress = value.duress
            row.needs_escort, row.may_escort = value.needs_escort, value.may_escort
            row.deposit_fen, row.cost_fen = value.deposit_fen, value.cost_fen
            row.keeps_deposit = value.keeps_deposit
            if value.limits:
                row.defaults = chosen_rights(value)
            row.save()
            if before is not None and any(before[name] != getattr(row, name) for name in FLAGS):
                cards = Card.select(Card.id).where(Card.card_class == row.id).tuples()
                publish.cards_changed([number for (number,) in cards])
            action = "cards.class_create" if class_id is None else "cards.class_change"
            centre.audit.record(
                actor, action, "card_class", row.id, before, _snapshot(row), site_id=row.site_id
            )

        try:
            await centre.db.write(write)
        except ConflictError as error:
            form.fail(_(str(error)))
        else:
            raise web.HTTPSeeOther("/cards/classes")
    return await render(request, "cards/class_edit.html", {"form": form, "card_class": found}, status=422)


def _snapshot(row: CardClass) -> dict[str, Any]:
    return {
        "name": row.name,
        "site": row.site_id,
        "active_max_count": row.active_max_count,
        "valid_days": row.valid_days,
        "extended_open": row.extended_open,
        "duress": row.duress,
        "needs_escort": row.needs_escort,
        "may_escort": row.may_escort,
        "deposit_fen": row.deposit_fen,
        "cost_fen": row.cost_fen,
        "keeps_deposit": row.keeps_deposit,
        "active": row.active,
        "defaults": dict(row.defaults),
    }


NAV: Final = [NavItem("cards", lazy("Card classes"), "/cards/classes", order=40)]
ROUTES: Final[list[Route]] = [
    Route("GET", "/cards/classes", list_classes, ("cards", "view")),
    Route("GET", "/cards/classes/new", edit_class, ("cards", "approve")),
    Route("POST", "/cards/classes/new", edit_class, ("cards", "approve")),
    Route("GET", r"/cards/classes/{id:\d+}", edit_class, ("cards", "approve")),
    Route("POST", r"/cards/classes/{id:\d+}", edit_class, ("cards", "approve")),
]

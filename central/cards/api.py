"""The JSON API of cards: list, read, issue, and every act of the card centre."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web

from central.cards import acts, entitlements
from central.cards.acts import By, Change, Terms
from central.cards.delivery import Delivery
from central.cards.desk import act_on, filter_choices, issue_to
from central.cards.model import Card
from central.cards.numbers import parse_uid, show_uid, uid_tail
from central.cards.presented import waiting
from central.cards.table import make_table
from central.cards.view import CardView, view_of
from central.cards.waiving import waiver_of
from central.centre import centre_of
from central.errors import InvalidInputError
from central.people.inputs import ReasonLine, RowId, ShortLine, path_id
from central.routes import Route
from central.security.principal import principal_of, scope_of
from central.web.lists import list_json
from central.web.openapi import describes, read_json, send_json
from protocol.limits import USES_MAX

ActName = Literal[
    "lose", "confirm", "lift", "suspend", "resume", "return", "cancel", "recover", "restock", "destroy"
]
UidText = Annotated[str, msgspec.Meta(max_length=40)]


class TermsBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a card is for. ``valid_until`` is exclusive; null: no limit. Times with their offset."""

    card_class: RowId | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    levels: Annotated[list[RowId], msgspec.Meta(max_length=64)] = []
    uses_max: Annotated[int, msgspec.Meta(ge=0, le=USES_MAX)] = 0
    """How often the card may be used at doors, going out not counted; 0: no limit."""
    sub_systems: Annotated[list[RowId], msgspec.Meta(max_length=10)] | None = None
    """1 access, 2 patrol, 3 attendance, 4 canteen and shops, 5 parking; null leaves them as they are, at first all."""
    devices: Annotated[list[RowId], msgspec.Meta(max_length=1_000)] | None = None
    """The only devices at which the card works; empty: no limit; null leaves it."""

    def terms(self) -> Terms:
        """As the acts take them.

        :raises InvalidInputError: a time without its offset, or out of range.
        """
        limits = {entitlements.SUB_SYSTEMS: self.sub_systems, entitlements.DEVICES: self.devices}
        rights = {"levels": self.levels, **{k: v for k, v in limits.items() if v is not None}}
        return Terms(self.card_class, _utc(self.valid_from), _utc(self.valid_until), rights, self.uses_max)


class IssueBody(TermsBody, kw_only=True, forbid_unknown_fields=True):
    """A card to be issued to a person who has been entered before (34)."""

    uid: UidText
    card_no: ShortLine = ""
    """As printed; needed for a card that is not in stock."""
    person: RowId
    for_unit: bool = False
    waive_deposit: bool = False
    waive_cost: bool = False
    """What of the class's amounts is not charged (減免): needs a reason and the right to approve."""
    reason: ReasonLine = ""


class RewriteBody(TermsBody, kw_only=True, forbid_unknown_fields=True):
    """Other rights or validity for a card in use."""

    reason: ReasonLine = ""
    version: RowId | None = None


class ExtendBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A later end of the validity (exclusive; null: none)."""

    valid_until: datetime | None
    reason: ReasonLine = ""
    version: RowId | None = None


class ReplaceBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The new card for one that is reported lost."""

    uid: UidText
    card_no: ShortLine = ""
    """As printed; needed for a card that is not in stock."""
    reason: ReasonLine = ""
    version: RowId | None = None


class SwapBody(ReplaceBody, kw_only=True, forbid_unknown_fields=True):
    """The new card for a damaged one that was handed in."""

    identity_checked: bool
    warranty: bool = False


class ActBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is done to a card. ``reporter``, ``phone``, ``channel``, ``stolen`` belong to a loss, ``reporter`` to its
    confirmation too; ``cause`` to cancelling; ``identity_checked`` to a lift."""

    act: ActName
    reason: ReasonLine = ""
    reporter: ReasonLine = ""
    phone: ShortLine = ""
    channel: Literal["", "desk", "phone", "night", "other"] = ""
    stolen: bool = False
    cause: Literal["", "left", "debtor_gone", "other"] = ""
    identity_checked: bool = False
    version: RowId | None = None


class MissingDevice(msgspec.Struct, frozen=True):
    """A device that has not stored the newest restriction yet."""

    device: str
    doors: tuple[str, ...]
    is_online: bool
    since: datetime | None
    refuses: bool


class DeliveryBody(msgspec.Struct, frozen=True):
    """At how many doors a dead card is refused (B2)."""

    doors_count: int
    refusing_count: int
    is_complete: bool
    last_at: datetime | None
    missing: list[MissingDevice]


class CardBody(msgspec.Struct, frozen=True, kw_only=True):
    """One card. The UID is whole with the right to change cards, else its tail. ``delivery``: of a dead card."""

    id: int
    version: int
    card_no: str
    uid: str
    issue_no: int
    status: str
    holding: str
    reasons: list[str]
    site: int
    organisation: int
    person: int | None
    unit: str
    card_class: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    uses_max: int
    used_count: int
    levels: list[int]
    sub_systems: list[int]
    devices: list[int]
    possible_acts: list[str]
    deposit_fen: int
    """What lies on it."""
    delivery: DeliveryBody | None


class WaitingCard(msgspec.Struct, frozen=True):
    """A card that was shown somewhere and belongs to nobody."""

    uid: str
    reader: int
    shown_at: datetime


class WaitingCards(msgspec.Struct, frozen=True):
    """All of them, the newest first."""

    items: list[WaitingCard]


CARDS_SHAPE: Final = make_table(datetime(2000, 1, 1, tzinfo=UTC))
"""Only for the document: the list that answers is made at each request, because "expired" depends on the time."""


@describes("List cards", rows=CARDS_SHAPE)
async def api_cards(request: web.Request) -> web.Response:
    """GET /api/cards"""
    scope = scope_of(request)
    table = make_table(centre_of(request).clock.now())
    return await list_json(request, table, scope, choices=await filter_choices(request, scope))


@describes("Read a card", gives=CardBody)
async def api_card(request: web.Request) -> web.Response:
    """GET /api/cards/{id}"""
    return send_json(await _read(request, path_id(request)))


@describes("Issue a card", takes=IssueBody, gives=CardBody, status=201)
async def api_card_issue(request: web.Request) -> web.Response:
    """POST /api/cards"""
    given = await read_json(request, IssueBody)
    uid, terms = parse_uid(given.uid), given.terms()
    waived = waiver_of(request, deposit=given.waive_deposit, cost=given.waive_cost)
    card_id = await issue_to(
        request,
        given.person,
        lambda by, person: acts.issue(
            by,
            uid,
            given.card_no,
            person,
            terms,
            for_unit=given.for_unit,
            reason=given.reason,
            waived=waived,
        ),
        reason=given.reason,
    )
    return send_json(await _read(request, card_id), status=201)


@describes("Rewrite a card", takes=RewriteBody, gives=CardBody)
async def api_card_rewrite(request: web.Request) -> web.Response:
    """PUT /api/cards/{id}"""
    given, card_id = await read_json(request, RewriteBody), path_id(request)
    terms = given.terms()
    await act_on(
        request,
        card_id,
        lambda by, card: acts.rewrite(by, card, terms, reason=given.reason),
        reason=given.reason,
        version=given.version,
    )
    return send_json(await _read(request, card_id))


@describes(
    "Report a card lost, confirm, lift, suspend, resume, return, cancel, recover, put back into stock, destroy",
    takes=ActBody,
    gives=CardBody,
)
async def api_card_act(request: web.Request) -> web.Response:
    """POST /api/cards/{id}/acts"""
    given, card_id = await read_json(request, ActBody), path_id(request)
    await act_on(request, card_id, _act(given), reason=given.reason, version=given.version)
    return send_json(await _read(request, card_id))


@describes("Extend the validity of a card", takes=ExtendBody, gives=CardBody)
async def api_card_extend(request: web.Request) -> web.Response:
    """POST /api/cards/{id}/extend"""
    given, card_id = await read_json(request, ExtendBody), path_id(request)
    until = _utc(given.valid_until)
    await act_on(
        request,
        card_id,
        lambda by, card: acts.extend(by, card, until, reason=given.reason),
        reason=given.reason,
        version=given.version,
    )
    return send_json(await _read(request, card_id))


@describes("Replace a lost card; gives the lost one", takes=ReplaceBody, gives=CardBody)
async def api_card_replace(request: web.Request) -> web.Response:
    """POST /api/cards/{id}/replace"""
    given, card_id = await read_json(request, ReplaceBody), path_id(request)
    uid = parse_uid(given.uid)
    await act_on(
        request,
        card_id,
        lambda by, card: acts.replace(by, card, uid, given.card_no, reason=given.reason),
        reason=given.reason,
        version=given.version,
    )
    return send_json(await _read(request, card_id))


@describes("Swap a damaged card; gives the damaged one", takes=SwapBody, gives=CardBody)
async def api_card_swap(request: web.Request) -> web.Response:
    """POST /api/cards/{id}/swap"""
    given, card_id = await read_json(request, SwapBody), path_id(request)
    uid = parse_uid(given.uid)
    await act_on(
        request,
        card_id,
        lambda by, card: acts.swap(
            by,
            card,
            uid,
            given.card_no,
            identity_checked=given.identity_checked,
            warranty=given.warranty,
            reason=given.reason,
        ),
        reason=given.reason,
        version=given.version,
    )
    return send_json(await _read(request, card_id))


@describes("List cards that wait to be issued", gives=WaitingCards)
async def api_cards_waiting(request: web.Request) -> web.Response:
    """GET /api/cards/waiting"""
    centre = centre_of(request)
    found = await centre.db.read(waiting, scope_of(request), centre.clock.now())
    cards = [WaitingCard(show_uid(card.uid), card.reader.point, card.shown_at) for card in found]
    return send_json(WaitingCards(cards))


def _act(given: ActBody) -> Callable[[By, Card], Change]:
    reason = given.reason
    simple: dict[str, Callable[[By, Card], Change]] = {
        "lose": lambda by, card: acts.report_lost(
            by,
            card,
            stolen=given.stolen,
            reporter=given.reporter,
            channel=given.channel,
            phone=given.phone,
            reason=reason,
        ),
        "confirm": lambda by, card: acts.confirm(by, card, reporter=given.reporter, reason=reason),
        "lift": lambda by, card: acts.lift(by, card, identity_checked=given.identity_checked, reason=reason),
        "suspend": lambda by, card: acts.suspend(by, card, reason=reason),
        "resume": lambda by, card: acts.resume(by, card, reason=reason),
        "return": lambda by, card: acts.take_back(by, card, reason=reason),
        "cancel": lambda by, card: acts.cancel(by, card, reason=reason, cause=given.cause),
        "recover": lambda by, card: acts.recover(by, card, reason=reason),
        "restock": lambda by, card: acts.restock(by, card, reason=reason),
        "destroy": lambda by, card: acts.destroy(by, card, reason=reason),
    }
    return simple[given.act]


async def _read(request: web.Request, card_id: int) -> CardBody:
    centre, may_see = centre_of(request), principal_of(request).may("cards", "edit")
    now, scope = centre.clock.now(), scope_of(request)

    def read() -> CardBody:
        return body_of(view_of(scope, card_id, now), may_see)

    return await centre.db.read(read)


def body_of(view: CardView, may_see_uid: bool) -> CardBody:
    """A card for the API; inside ``db.read``."""
    card: Any = view.card
    uid = bytes(card.uid) if card.uid is not None else b""
    return CardBody(
        id=card.id,
        version=card.version,
        card_no=card.card_no,
        uid=(show_uid(uid) if may_see_uid else uid_tail(uid)) if uid else "",
        issue_no=card.issue_no,
        status=view.status,
        holding=card.holding,
        reasons=list(card.reasons),
        site=card.site_id,
        organisation=card.organisation_id,
        person=card.person_id,
        unit=card.holder_unit,
        card_class=card.card_class_id,
        valid_from=card.valid_from,
        valid_until=card.valid_until,
        uses_max=card.uses_max,
        used_count=view.used_count,
        levels=view.chosen.get("levels", []),
        sub_systems=view.chosen.get(entitlements.SUB_SYSTEMS, []),
        devices=view.chosen.get(entitlements.DEVICES, []),
        possible_acts=sorted(act.value for act in view.acts),
        deposit_fen=view.deposit_fen,
        delivery=_delivery(view.delivery) if view.delivery is not None else None,
    )


def _delivery(delivery: Delivery) -> DeliveryBody:
    return DeliveryBody(
        delivery.doors_count,
        delivery.refusing_count,
        delivery.is_complete,
        delivery.last_at,
        [
            MissingDevice(device.device_label, device.doors, device.is_online, device.since, device.refuses)
            for device in delivery.missing
        ],
    )


def _utc(at: datetime | None) -> datetime | None:
    """
    :raises InvalidInputError: a time without its offset, or out of range.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInputError("A time needs its offset, for example 2026-12-31T16:00:00Z.")
    if not 1970 < at.year < 2100:
        raise InvalidInputError("A time must lie between 1971 and 2099.")
    return at.astimezone(UTC)


ROUTES: Final[list[Route]] = [
    Route("GET", "/api/cards", api_cards, ("cards", "view")),
    Route("POST", "/api/cards", api_card_issue, ("cards", "edit")),
    Route("GET", "/api/cards/waiting", api_cards_waiting, ("cards", "view")),
    Route("GET", r"/api/cards/{id:\d+}", api_card, ("cards", "view")),
    Route("PUT", r"/api/cards/{id:\d+}", api_card_rewrite, ("cards", "edit")),
    Route("POST", r"/api/cards/{id:\d+}/acts", api_card_act, ("cards", "edit")),
    Route("POST", r"/api/cards/{id:\d+}/extend", api_card_extend, ("cards", "edit")),
    Route("POST", r"/api/cards/{id:\d+}/replace", api_card_replace, ("cards", "edit")),
    Route("POST", r"/api/cards/{id:\d+}/swap", api_card_swap, ("cards", "edit")),
]

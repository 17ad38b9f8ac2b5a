"""Taking a site over: into the books, into use, one gate after the other; the opening balance. Runs inside ``db``."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import peewee

from central.audit import Audit
from central.bulk_acts import kinds
from central.cards import acts
from central.cards.acts import By, Change, Terms
from central.cards.acts.entering import enter
from central.cards.model import Card
from central.cards.money import NOTHING, NOTHING_WAIVED, Entries, Waiver, on_issue
from central.cards.number_forms import fitting, readings
from central.cards.rules import Holding, Origin
from central.errors import ConflictError, ForbiddenError, InvalidInputError
from central.fields import canonical_json
from central.imports.model import ImportRun, ImportState
from central.security.principal import Principal
from central.sites.scope import Scope
from central.takeover import opening
from central.takeover.importer import ROWS_MAX, TakenImporter
from central.takeover.model import TakenCard, TrialBalance
from central.vehicles import service as vehicles
from central.web.fields import Choices, Field
from central.web.i18n import LazyText, lazy


@dataclass(frozen=True)
class Counts:
    """How far the take-over of one organisation's cards in an estate is."""

    waiting: int
    """Known by their whole UID, not yet in the books."""
    partial: int
    """Must be shown at the desk, or swapped."""
    in_stock: int
    """In the books, not yet in use."""
    in_use: int
    swapped: int
    total_fen: int
    plates: int


def counts(site_id: int, organisation_id: int) -> Counts:
    """Count them."""
    here = (TakenCard.site == site_id) & (TakenCard.organisation == organisation_id)
    fresh = TakenCard.card.is_null()

    def count(condition: Any, *, joined: bool = False) -> int:
        query = TakenCard.select().where(here & condition)
        return int((query.join(Card) if joined else query).count())

    stock = Card.holding == Holding.STOCK.value
    total = TakenCard.select(peewee.fn.SUM(TakenCard.balance_fen)).where(here).scalar()
    return Counts(
        waiting=count(fresh & TakenCard.uid.is_null(False)),
        partial=count(fresh & TakenCard.uid.is_null()),
        in_stock=count(~TakenCard.swapped & stock, joined=True),
        in_use=count(~TakenCard.swapped & ~stock, joined=True),
        swapped=count(TakenCard.swapped),
        total_fen=int(total or 0),
        plates=count(TakenCard.plate != ""),
    )


def enter_books(by: By, site_id: int, organisation_id: int) -> int:
    """Enter the cards that are known by their whole UID into the stock, all or none; returns how many.

    :raises InvalidInputError: there is none. :raises ConflictError: a number or a UID is taken.
    """
    query = TakenCard.select().where(
        (TakenCard.site == site_id)
        & (TakenCard.organisation == organisation_id)
        & TakenCard.card.is_null()
        & TakenCard.uid.is_null(False)
    )
    rows = list(query.order_by(TakenCard.id).limit(ROWS_MAX))
    if not rows:
        raise InvalidInputError("No card is waiting to be entered.")
    cards = [(bytes(row.uid), row.number.replace(",", "").replace(" ", "")) for row in rows]
    intake = enter(by, site_id, organisation_id, cards, Origin.TAKEN_OVER)
    by_uid = {
        bytes(uid): number
        for uid, number in Card.select(Card.uid, Card.id).where(Card.intake == intake.id).tuples()
    }
    for row in rows:
        TakenCard.update(card=by_uid[bytes(row.uid)]).where(TakenCard.id == row.id).execute()
    return len(rows)


def terms_of(taken: TakenCard) -> Terms:
    """What the old system had given the card."""
    return Terms(taken.card_class_id, taken.valid_from, taken.valid_until, {"levels": list(taken.levels)})


class PutIntoUse:
    """``central.bulk_acts.kinds.Kind``: issue taken-over cards to their holders, without showing one of them."""

    name: str = "take_over"
    title: LazyText = lazy("Put taken-over cards into use")
    fields: tuple[Field, ...] = ()

    def choices(self, site_id: int, organisation_ids: Any) -> Choices:
        return {}

    def parameters(self, given: kinds.Given, choices: Choices) -> dict[str, Any]:
        return {}

    def words(self, parameters: kinds.Parameters) -> str:
        return ""

    def refusal(self, card: Card, parameters: kinds.Parameters) -> str:
        taken = TakenCard.get_or_none((TakenCard.card == card.id) & ~TakenCard.swapped)
        if taken is None:
            return NOT_TAKEN
        return "" if card.holding == Holding.STOCK.value else NOT_IN_STOCK

    def carry_out(self, by: By, card: Card, parameters: kinds.Parameters, reason: str) -> Change:
        taken = TakenCard.get(TakenCard.card == card.id)
        change = acts.issue(
            by,
            bytes(card.uid),
            card.card_no,
            taken.person,
            terms_of(taken),
            reason=reason,
            waived=_PAID_BEFORE,
        )
        _enter_plate(by, taken)
        return change


def _enter_plate(by: By, taken: TakenCard) -> None:
    """With the card its holder's car belongs here: the plate of the list enters the register."""
    if taken.plate:
        vehicles.take_over(taken.person, taken.plate, by.operator_name, by.at)


_PAID_BEFORE: Final = Waiver(deposit=True, cost=True)
"""The holder has had this card all along: nobody pays anything when it is taken over."""
NOT_TAKEN: Final = lazy("This card does not come from the old system.").message
NOT_IN_STOCK: Final = lazy("This card is in use already.").message
kinds.register(PutIntoUse())


# -- 以舊換新 -------------------------------------------------------------------------------------------------------


def find(scope: Scope, text: str) -> list[TakenCard]:
    """Cards of the old system with this number, in whatever form it is typed; each is shown, none is guessed."""
    forms = readings(text)
    query = scope.filter(TakenCard.select(), TakenCard)
    found = {row.id: row for row in query.where(TakenCard.number == text.strip())}
    wanted = {reading.part for reading in forms}
    if wanted:
        for row in query.where(TakenCard.uid.in_([part for part in wanted if len(part) >= 4])):
            found[row.id] = row
        digits = text.strip().replace(",", "").replace(" ", "")
        plain = peewee.fn.REPLACE(TakenCard.number, ",", "")
        for row in query.where(plain.endswith(digits.lstrip("0") or digits)):
            if {r.part for r in readings(row.number)} & wanted:
                found[row.id] = row
    for row in found.values():
        assert row.person.name  # read here, shown by the page
    return sorted(found.values(), key=lambda row: row.number)


def is_same_card(taken: TakenCard, uid: bytes) -> bool:
    """The card on the reader is the old one itself: its chip has the number of the list, in one form or another."""
    return bytes(taken.uid or b"") == uid or bool(fitting(uid, taken.number))


def charge_of(taken: TakenCard, *, same: bool) -> Entries:
    """What :func:`swap` charges: nothing for the old card itself, for another one what the class says."""
    card_class = taken.card_class
    if same or card_class is None:
        return NOTHING
    return on_issue(card_class.deposit_fen, card_class.cost_fen)


def swap(by: By, taken: TakenCard, uid: bytes, card_no: str) -> Change:
    """A card for the holder of an old one: the old card itself, now that it was shown, or a new one for it.

    :raises ConflictError: it is in use already; or as ``acts.issue``.
    """
    if taken.card_id is not None and taken.card.holding != Holding.STOCK.value:
        raise ConflictError("This card is in use already.")
    if taken.card_id is not None and bytes(taken.card.uid or b"") != uid:
        raise ConflictError("This card is in the books. Put it into use, then swap it as a damaged card.")
    same = is_same_card(taken, uid)
    waived = _PAID_BEFORE if same else NOTHING_WAIVED
    reason = "taken over" if same else f"swapped for {taken.number}"
    change = acts.issue(by, uid, card_no, taken.person, terms_of(taken), reason=reason, waived=waived)
    kept: dict[str, Any] = {"card": change.card, "swapped": not same, "version": taken.version + 1}
    if same:
        kept["uid"] = uid
    TakenCard.update(**kept).where(TakenCard.id == taken.id).execute()
    _enter_plate(by, taken)
    opening.credit(by, [TakenCard.get_by_id(taken.id)])  # read anew: the issue may have credited it
    return change


# -- the opening balance --------------------------------------------------------------------------------------------


def standing(site_id: int, organisation_id: int) -> dict[str, Any]:
    """What would be signed now."""
    query = TakenCard.select(TakenCard.number, TakenCard.balance_fen).where(
        (TakenCard.site == site_id) & (TakenCard.organisation == organisation_id)
    )
    rows = sorted(query.tuples())
    runs = ImportRun.select(ImportRun.file_name, ImportRun.sha256).where(
        (ImportRun.kind == TakenImporter.name)
        & (ImportRun.site == site_id)
        & (ImportRun.organisation == organisation_id)
        & (ImportRun.state == ImportState.DONE.value)
    )
    return {
        "cards_count": len(rows),
        "total_fen": sum(fen for _number, fen in rows),
        "seal": hashlib.sha256(canonical_json(rows).encode()).hexdigest(),
        "files": [list(row) for row in runs.order_by(ImportRun.id).tuples()],
    }


@contextmanager
def same_balances(site_id: int, organisation_id: int) -> Iterator[None]:
    """What is done meanwhile takes names away and changes no balance: what is signed as it stands stays so."""
    before = standing(site_id, organisation_id)["seal"]
    yield
    found = newest_balance(site_id, organisation_id)
    if found is not None and found.stands == before:
        found.stands = standing(site_id, organisation_id)["seal"]
        found.save()


def newest_balance(site_id: int, organisation_id: int) -> TrialBalance | None:
    """The trial balance signed last."""
    query = TrialBalance.select().where(
        (TrialBalance.site == site_id) & (TrialBalance.organisation == organisation_id)
    )
    found: TrialBalance | None = query.order_by(TrialBalance.first_at.desc(), TrialBalance.id.desc()).first()
    return found


def sign(
    audit: Audit, who: Principal, site_id: int, organisation_id: int, seal: str, now: datetime
) -> TrialBalance:
    """Sign the opening balance: the first signature sets it down, the second one, of somebody else, closes it.

    :param seal: of what the operator saw.
    :raises ConflictError: something changed since it was seen, or it is signed twice already.
    :raises ForbiddenError: both signatures by one operator, the first by one who may not approve acts on cards, or the second
        by one who may not approve stored value.
    """
    if who.kind != "operator":
        raise ForbiddenError("Only a person can sign.")
    now_standing = standing(site_id, organisation_id)
    if not now_standing["cards_count"]:
        raise InvalidInputError("Nothing has been imported yet.")
    if now_standing["seal"] != seal:
        raise ConflictError("The balances have changed meanwhile. Look at them again.")
    found = newest_balance(site_id, organisation_id)
    if found is not None and found.stands == seal:
        if found.second_at is not None:
            raise ConflictError("This trial balance is signed already.")
        if found.first_id == who.id:
            raise ForbiddenError("The second signature must be somebody else's.")
        if not who.may("purse", "approve"):
            raise ForbiddenError(
                "The second signature fills purses: it needs the right to approve stored value."
            )
        found.second_id, found.second_by, found.second_at = who.id, who.actor.name, now
        found.save()
        opening.book(By(who.id, who.actor.name, now), found)
    else:
        if not who.may("cards", "approve"):
            raise ForbiddenError("Your roles do not allow this.")
        found = TrialBalance.create(
            site=site_id,
            organisation=organisation_id,
            first_id=who.id,
            first_by=who.actor.name,
            first_at=now,
            stands=now_standing["seal"],
            **now_standing,
        )
    after = {**now_standing, "first": found.first_by, "second": found.second_by}
    audit.record(
        who.actor,
        "takeover.sign",
        "trial_balance",
        found.id,
        None,
        after,
        site_id=site_id,
        organisation_id=organisation_id,
    )
    return found

"""How an act is written down: its line in the card's history, and the loss report that it opens or ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from central.cards import entitlements, money
from central.cards.model import Card, CardAct, CardLoss, CardMoney
from central.cards.rules import LOSS_ENDS, Act, LossStatus
from central.errors import ConflictError
from central.people.model import Person

Follower = Callable[[CardAct, "money.Entries", Card | None], None]
followers: Final[list[Follower]] = []
"""Told of each act in its transaction: its line, what it charged, kept or owes back, and the card that takes the place of this one."""


def write_act(
    card: Card,
    act: Act,
    operator: tuple[int | None, str],
    at: datetime,
    reason: str,
    details: Mapping[str, Any] | None = None,
) -> CardAct:
    """One line, with what card and holder were at that moment. Inside ``db.write``.

    :param operator: number and name of who acts; the number is None for an integration.
    """
    chosen = entitlements.chosen(card.id)
    about = dict(details or {})
    if act is Act.ISSUE:
        about["doors"] = entitlements.places_of(chosen)
    line: CardAct = CardAct.create(
        card=card,
        site=card.site_id,
        organisation=card.organisation_id,
        issue_no=card.issue_no,
        act=act.value,
        at=at,
        operator_id=operator[0],
        operator_name=operator[1],
        person=card.person_id,
        kind=card.person.kind if card.person is not None else "",
        department=card.person.department if card.person is not None else "",
        card_class=card.card_class_id,
        valid_from=card.valid_from,
        valid_until=card.valid_until,
        sub_systems=entitlements.sub_systems_of(card, chosen),
        reason=reason.strip(),
        details=about,
    )
    return line


def held_on(card: Card) -> int:
    """The deposit that lies on the card's present issue, in fen. Inside ``db.read`` or ``db.write``."""
    rows = CardMoney.select(CardMoney.kind, CardMoney.amount_fen).where(
        (CardMoney.card == card.id) & (CardMoney.issue_no == card.issue_no)
    )
    return money.held(money.Entry(money.Kind(kind), amount) for kind, amount in rows.tuples())


def book(
    line: CardAct,
    entries: money.Entries,
    successor: Card | None = None,
    *,
    owed_to: Person | None = None,
) -> None:
    """What the act charged, kept or owes back; whoever follows the cards is told. Inside ``db.write``.

    :param successor: the card that takes the place of this one.
    :param owed_to: whose it is, if not the holder's; the act's details name him too.
    """
    for entry in entries:
        CardMoney.create(
            act=line,
            site=line.site_id,
            organisation=line.organisation_id,
            card=line.card_id,
            issue_no=line.issue_no,
            person=line.person_id if owed_to is None else owed_to.id,
            kind=entry.kind.value,
            amount_fen=entry.amount_fen,
            at=line.at,
        )
    for follower in followers:
        follower(line, entries, successor)


def open_loss(
    card: Card,
    operator: tuple[int | None, str],
    at: datetime,
    stolen: bool,
    reporter: str,
    channel: str,
    *,
    phone: str = "",
    confirm_by: datetime | None = None,
) -> None:
    """A loss report; of a card that is reported lost already: it was stolen. Inside ``db.write``.

    :param phone: where the reporter can be called back.
    :param confirm_by: of a provisional report: until then a clerk must confirm it.
    """
    if stolen and CardLoss.update(stolen=True).where(_open(card)).execute():
        return
    CardLoss.create(
        card=card,
        site=card.site_id,
        organisation=card.organisation_id,
        issue_no=card.issue_no,
        person=card.person_id,
        department=card.person.department if card.person is not None else "",
        stolen=stolen,
        reported_at=at,
        reporter=reporter,
        channel=channel,
        phone=phone,
        confirm_by=confirm_by,
        operator_id=operator[0],
        operator_name=operator[1],
        status=LossStatus.OPEN.value,
    )


def unconfirmed_loss(card: Card) -> CardLoss | None:
    """The open report of the card that waits for a clerk, or None. Inside ``db.read`` or ``db.write``."""
    found: CardLoss | None = CardLoss.get_or_none(_unconfirmed(card))
    return found


def confirm_loss(card: Card, operator_name: str, at: datetime, reporter: str) -> None:
    """The open report of the card is no longer provisional. Inside ``db.write``.

    :raises ConflictError: there is nothing to confirm.
    """
    said = {"reporter": reporter} if reporter else {}
    if (
        not CardLoss.update(confirmed_at=at, confirmed_by=operator_name, **said)
        .where(_unconfirmed(card))
        .execute()
    ):
        raise ConflictError("This loss report needs no confirmation.")


def end_loss(card: Card, act: Act, operator_name: str, at: datetime, replaced_by: Card | None = None) -> None:
    """The open loss report of the card ends with this act, if there is one. Inside ``db.write``."""
    status = LOSS_ENDS.get(act)
    if status is not None:
        ended = {
            "status": status.value,
            "ended_at": at,
            "ended_by": operator_name,
            "replaced_by": replaced_by,
        }
        CardLoss.update(**ended).where(_open(card)).execute()


def _unconfirmed(card: Card) -> Any:
    return _open(card) & CardLoss.confirm_by.is_null(False) & CardLoss.confirmed_at.is_null()


def _open(card: Card) -> Any:
    return (CardLoss.card == card.id) & (CardLoss.status == LossStatus.OPEN.value)

"""How an act is written down: its line in the card's history, and the loss report that it opens or ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from central.cards import entitlements
from central.cards.model import Card, CardAct, CardLoss
from central.cards.rules import LOSS_ENDS, Act, LossStatus


def write_act(
    card: Card,
    act: Act,
    operator: tuple[int | None, str],
    at: datetime,
    reason: str,
    details: Mapping[str, Any] | None = None,
) -> None:
    """One line, with what card and holder were at that moment. Inside ``db.write``.

    :param operator: number and name of who acts; the number is None for an integration.
    """
    chosen = entitlements.chosen(card.id)
    about = dict(details or {})
    if act is Act.ISSUE:
        about["doors"] = entitlements.places_of(chosen)
    CardAct.create(
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
        sub_systems=entitlements.sub_systems_of(chosen),
        reason=reason.strip(),
        details=about,
    )


def open_loss(
    card: Card, operator: tuple[int | None, str], at: datetime, stolen: bool, reporter: str, channel: str
) -> None:
    """A loss report; of a card that is reported lost already: it was stolen. Inside ``db.write``."""
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
        operator_id=operator[0],
        operator_name=operator[1],
        status=LossStatus.OPEN.value,
    )


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


def _open(card: Card) -> Any:
    return (CardLoss.card == card.id) & (CardLoss.status == LossStatus.OPEN.value)

"""What the card centre holds of one person: handed to him on request, dropped when he is erased (I15)."""

from __future__ import annotations

from central.audit import drop_details_of
from central.cards.model import Card, CardAct, CardIssue, CardLoss, CardPin
from central.cards.rules import Act
from central.cards.words import ACT_TEXT
from central.people.dossier import Section
from central.people.model import Person
from central.web.i18n import lazy

_PERSONAL_DETAILS = ("reporter", "phone")


def forget(person: Person) -> None:
    """Drop what was typed about him: reporters and their telephones, reasons, his unit on cards. The acts stay.

    In the audit trail the details of what was done to a card while he held it go too: reasons are free text.
    """
    for act in CardAct.select().where(CardAct.person == person.id):
        details = {name: value for name, value in act.details.items() if name not in _PERSONAL_DETAILS}
        CardAct.update(details=details, reason="", department="").where(CardAct.id == act.id).execute()
    CardLoss.update(reporter="", phone="", department="").where(CardLoss.person == person.id).execute()
    for issue in CardIssue.select().where(CardIssue.person == person.id):
        drop_details_of("card", issue.card_id, issue.issued_at, issue.ended_at)
    CardIssue.update(holder_unit="").where(CardIssue.person == person.id).execute()
    of_person = Card.select(Card.id).where(Card.person == person.id)
    CardPin.delete().where(CardPin.card.in_(of_person)).execute()
    Card.update(holder_unit="").where(Card.person == person.id).execute()


def cards_of(person: Person) -> Section:
    """Every card that he was given, from when to when; inside ``db.read``."""
    issues = (
        CardIssue.select(Card.card_no, CardIssue.issue_no, CardIssue.issued_at, CardIssue.ended_at)
        .join(Card)
        .where(CardIssue.person == person.id)
        .order_by(CardIssue.issued_at)
        .tuples()
    )
    headings = (lazy("Card number"), lazy("Issue number"), lazy("Issued"), lazy("Ended"))
    return Section(lazy("Cards"), headings, list(issues))


def acts_of(person: Person) -> Section:
    """What was done to his cards; inside ``db.read``."""
    acts = (
        CardAct.select(
            CardAct.at, Card.card_no, CardAct.act, CardAct.operator_name, CardAct.reason, CardAct.details
        )
        .join(Card)
        .where(CardAct.person == person.id)
        .order_by(CardAct.at)
        .tuples()
    )
    rows = [
        (at, card_no, ACT_TEXT[Act(act)], operator, reason, details.get("reporter"), details.get("phone"))
        for at, card_no, act, operator, reason, details in acts
    ]
    headings = (
        lazy("Time"),
        lazy("Card number"),
        lazy("What"),
        lazy("Operator"),
        lazy("Reason"),
        lazy("Reported by"),
        lazy("Telephone"),
    )
    return Section(lazy("History of the cards"), headings, list(rows))

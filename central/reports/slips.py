"""What the slips of the card centre say: the one that goes with an issued card, and the receipt for a loss report."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from central.cards.delivery import delivery_of
from central.cards.model import Card, CardAct, CardLoss, CardMoney
from central.cards.money import Kind
from central.cards.numbers import uid_tail
from central.cards.rules import Act, restriction_of
from central.cards.words import CHANNEL_TEXT, MONEY_TEXT
from central.people.rules import mask_name
from central.reports.issues import SUB_SYSTEMS
from central.reports.model import SlipPrint
from central.reports.slip import Line, Pair, Part, Rule, Slip
from central.web.formats import day, last_day, moment, money
from central.web.i18n import LazyText, _, lazy

ISSUE_ACTS: Final = [Act.ISSUE.value]
LOSS_ACTS: Final = [Act.REPORT_LOST.value, Act.REPORT_STOLEN.value]
TITLES: Final[dict[str, LazyText]] = {
    Act.ISSUE.value: lazy("Card issue slip"),
    Act.REPORT_LOST.value: lazy("Loss report receipt"),
    Act.REPORT_STOLEN.value: lazy("Loss report receipt"),
}


def newest(card: Card, acts: list[str]) -> CardAct | None:
    """The newest of these acts in the card's present issue. Inside ``db.read``."""
    return (
        CardAct.select()
        .where((CardAct.card == card.id) & (CardAct.issue_no == card.issue_no) & CardAct.act.in_(acts))
        .order_by(CardAct.id.desc())
        .first()
    )


def record_print(act: CardAct, operator: tuple[int | None, str], at: datetime) -> SlipPrint:
    """Count one more printing of the act's slip. Inside ``db.write``."""
    number = SlipPrint.select().where(SlipPrint.act == act.id).count() + 1
    made: SlipPrint = SlipPrint.create(
        act=act, number=number, printed_at=at, operator_id=operator[0], operator_name=operator[1]
    )
    return made


def slip_of(printed: SlipPrint, organisation: str) -> Slip:
    """The slip of one printing, in the present language. Inside ``db.read``."""
    act: Any = printed.act
    body = _issue(act) if act.act == Act.ISSUE.value else _loss(act)
    head: list[Part] = [
        Line(organisation, centred=True, bold=True),
        Line(str(TITLES[act.act]), big=True, centred=True),
    ]
    if printed.number > 1:
        head.append(Line(_("REPRINT no. %(n)s", n=printed.number - 1), centred=True, bold=True))
    foot: list[Part] = [
        Rule(),
        Pair(_("Printed at"), moment(printed.printed_at)),
        Pair(_("Printed by"), printed.operator_name),
        Line(""),
        Line(_("Signature") + ": " + "_" * 16),
    ]
    return Slip((*head, Rule(), *body, *foot))


def _holder(act: Any) -> list[Part]:
    person = act.person
    if person is None:
        return []
    return [Pair(_("Holder"), mask_name(person.name)), Pair(_("Person number"), person.number)]


def _issue(act: Any) -> list[Part]:
    card = act.card
    good_for = ", ".join(str(SUB_SYSTEMS.get(name, name)) for name in act.sub_systems)
    return [
        Pair(_("Card number"), card.card_no),
        Pair(_("UID"), uid_tail(bytes(card.uid)) if card.uid is not None else ""),
        *_holder(act),
        Pair(_("Card class"), act.card_class.name if act.card_class is not None else ""),
        Pair(_("Sub-systems"), good_for),
        Pair(_("First valid day"), day(act.valid_from) if act.valid_from else _("At once")),
        Pair(_("Last valid day"), last_day(act.valid_until) if act.valid_until else _("No end")),
        *_amounts(act),
        Pair(_("Issued"), moment(act.at)),
        Pair(_("Operator"), act.operator_name),
        Rule(),
        Line(_("Do not lend this card. Report a loss at once: it can be used until you do.")),
    ]


def _amounts(act: Any) -> list[Part]:
    """What was charged with the card."""
    rows = CardMoney.select().where(CardMoney.act == act.id).order_by(CardMoney.id)
    return [Pair(str(MONEY_TEXT[Kind(row.kind)]), money(row.amount_fen)) for row in rows]


def _loss(act: Any) -> list[Part]:
    card = act.card
    loss = CardLoss.select().where(CardLoss.card == card.id).order_by(CardLoss.id.desc()).first()
    parts: list[Part] = [
        Pair(_("Card number"), card.card_no),
        *_holder(act),
        Pair(_("Reported at"), moment(act.at)),
        Pair(_("Reported by"), mask_name(act.details.get("reporter", ""))),
        Pair(_("How"), str(CHANNEL_TEXT.get(act.details.get("channel", ""), ""))),
        Pair(_("Operator"), act.operator_name),
        Rule(),
    ]
    if loss is None or restriction_of(card.state) is None:
        return [*parts, Line(_("This loss report has been lifted: the card works again."))]
    delivery = delivery_of(card)
    return [
        *parts,
        Line(_("A loss report takes effect when it has been delivered to the doors.")),
        Line(
            _(
                "When this was printed: refused at %(n)s of %(m)s doors.",
                n=delivery.refusing_count,
                m=delivery.doors_count,
            ),
            bold=True,
        ),
    ]

"""The papers of the card centre: the issue slip, the receipt for a loss report, the receipt for a deposit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from central.cards.delivery import delivery_of
from central.cards.limits import SUB_SYSTEM_TEXT
from central.cards.model import Card, CardAct, CardLoss, CardMoney
from central.cards.money import Kind as Money
from central.cards.numbers import uid_tail
from central.cards.rules import Act, restriction_of
from central.cards.words import CHANNEL_TEXT
from central.errors import NotFoundError
from central.forms.kinds import WHOLE_NAME, Kind, Paper, register
from central.people.rules import mask_name
from central.sites.scope import Scope
from central.web.capitals import capitals, in_traditional
from central.web.formats import day, last_day, moment, money
from central.web.i18n import LazyText, Text, _, lazy

ISSUE_ACTS: Final = (Act.ISSUE.value,)
LOSS_ACTS: Final = (Act.REPORT_LOST.value, Act.REPORT_STOLEN.value)
_HOLDER: Final[dict[str, LazyText]] = {
    "card_no": lazy("Card number"),
    "holder": lazy("Holder"),
    WHOLE_NAME: lazy("Whole name of the holder"),
    "person_number": lazy("Person number"),
}
_HOLDER_SAMPLE: Final[dict[str, Text]] = {
    "card_no": "00001234",
    "holder": "林*",
    WHOLE_NAME: lazy("Lin Xiaomei (sample)"),
    "person_number": "0101",
}
_AT: Final = "2026-12-31 10:00:00"


@dataclass(frozen=True)
class CardPaper:
    """A paper about an act on a card. ``notes`` stand below on a slip; both run inside ``db``."""

    kind: Kind
    acts: tuple[str, ...]
    notes: Callable[[Any], list[str]]

    def newest(self, card: Card) -> CardAct | None:
        """The newest act of the card's present issue that has this paper. Inside ``db``."""
        query = CardAct.select().where(
            (CardAct.card == card.id) & (CardAct.issue_no == card.issue_no) & CardAct.act.in_(self.acts)
        )
        if self.kind is DEPOSIT:
            query = query.where(CardAct.id.in_(_deposits().where(CardMoney.card == card.id)))
        found: CardAct | None = query.order_by(CardAct.id.desc()).first()
        return found


def _deposits() -> Any:
    return CardMoney.select(CardMoney.act).where(CardMoney.kind == Money.DEPOSIT_CHARGED.value)


def _read(acts: tuple[str, ...], texts_of: Callable[[Any], dict[str, str]]) -> Callable[[Scope, int], Paper]:
    def read(scope: Scope, act_id: int) -> Paper:
        act: Any = scope.get(CardAct, act_id)
        card = scope.get(Card, act.card_id)
        if act.act not in acts:
            raise NotFoundError("There is no such paper for this.")
        return Paper(act.site_id, act.organisation_id, card.card_no, texts_of(act))

    return read


def _holder(act: Any) -> dict[str, str]:
    person = act.person
    return {
        "card_no": act.card.card_no,
        "holder": mask_name(person.name) if person is not None else "",
        WHOLE_NAME: person.name if person is not None else "",
        "person_number": person.number if person is not None else "",
    }


def _amount_fen(act: Any, kind: Money) -> int | None:
    row = CardMoney.get_or_none((CardMoney.act == act.id) & (CardMoney.kind == kind.value))
    return None if row is None else int(row.amount_fen)


def _amount(act: Any, kind: Money) -> str:
    fen = _amount_fen(act, kind)
    return "" if fen is None else money(fen)


def _issue(act: Any) -> dict[str, str]:
    uid = act.card.uid
    return {
        **_holder(act),
        "uid": uid_tail(bytes(uid)) if uid is not None else "",
        "card_class": act.card_class.name if act.card_class is not None else "",
        "sub_systems": ", ".join(str(SUB_SYSTEM_TEXT[name]) for name in act.sub_systems),
        "valid_from": day(act.valid_from) if act.valid_from else _("At once"),
        "valid_until": last_day(act.valid_until) if act.valid_until else _("No end"),
        "deposit": _amount(act, Money.DEPOSIT_CHARGED),
        "card_cost": _amount(act, Money.COST_CHARGED),
        "issued_at": moment(act.at),
        "operator": act.operator_name,
    }


def _loss(act: Any) -> dict[str, str]:
    doors = ""
    if _is_lost(act):
        delivery = delivery_of(act.card)
        doors = _(
            "refused at %(n)s of %(m)s doors when this was printed",
            n=delivery.refusing_count,
            m=delivery.doors_count,
        )
    return {
        **_holder(act),
        "reported_at": moment(act.at),
        "reporter": mask_name(act.details.get("reporter", "")),
        "channel": str(CHANNEL_TEXT.get(act.details.get("channel", ""), "")),
        "operator": act.operator_name,
        "doors": doors,
    }


def _is_lost(act: Any) -> bool:
    reported = CardLoss.select().where(CardLoss.card == act.card_id).exists()
    return reported and restriction_of(act.card.state) is not None


def _deposit(act: Any) -> dict[str, str]:
    fen = _amount_fen(act, Money.DEPOSIT_CHARGED)
    if fen is None:
        raise NotFoundError("There is no such paper for this.")
    return {
        **_holder(act),
        "card_class": act.card_class.name if act.card_class is not None else "",
        "amount": money(fen),
        "amount_words": capitals(fen, traditional=in_traditional()),
        "paid_at": moment(act.at),
        "operator": act.operator_name,
    }


ISSUE: Final = register(
    Kind(
        "issue_slip",
        lazy("Card issue slip"),
        {
            **_HOLDER,
            "uid": lazy("UID"),
            "card_class": lazy("Card class"),
            "sub_systems": lazy("Sub-systems"),
            "valid_from": lazy("First valid day"),
            "valid_until": lazy("Last valid day"),
            "deposit": lazy("Deposit charged"),
            "card_cost": lazy("Card cost charged"),
            "issued_at": lazy("Issued"),
            "operator": lazy("Operator"),
        },
        {
            **_HOLDER_SAMPLE,
            "uid": "..B2C3",
            "card_class": lazy("Owner card (sample)"),
            "sub_systems": lazy("Access control"),
            "valid_from": "2026-12-31",
            "valid_until": "2027-12-31",
            "deposit": "¥20.00",
            "card_cost": "¥10.00",
            "issued_at": _AT,
            "operator": "0001",
        },
        _read(ISSUE_ACTS, _issue),
    )
)
LOSS: Final = register(
    Kind(
        "loss_receipt",
        lazy("Loss report receipt"),
        {
            **_HOLDER,
            "reported_at": lazy("Reported at"),
            "reporter": lazy("Reported by"),
            "channel": lazy("How"),
            "operator": lazy("Operator"),
            "doors": lazy("Doors"),
        },
        {
            **_HOLDER_SAMPLE,
            "reported_at": _AT,
            "reporter": "林*",
            "channel": lazy("By telephone"),
            "operator": "0001",
            "doors": "2 / 2",
        },
        _read(LOSS_ACTS, _loss),
    )
)
DEPOSIT: Final = register(
    Kind(
        "deposit_receipt",
        lazy("Deposit receipt"),
        {
            **_HOLDER,
            "card_class": lazy("Card class"),
            "amount": lazy("Amount"),
            "amount_words": lazy("Amount in capitals"),
            "paid_at": lazy("Paid at"),
            "operator": lazy("Operator"),
        },
        {
            **_HOLDER_SAMPLE,
            "card_class": lazy("Owner card (sample)"),
            "amount": "¥20.00",
            "amount_words": capitals(2_000),
            "paid_at": _AT,
            "operator": "0001",
        },
        _read(ISSUE_ACTS, _deposit),
    )
)


def _loss_notes(act: Any) -> list[str]:
    if _is_lost(act):
        return [_("A loss report takes effect when it has been delivered to the doors.")]
    return [_("This loss report has been lifted: the card works again.")]


PAPERS: Final = {
    paper.kind.code: paper
    for paper in (
        CardPaper(
            ISSUE,
            ISSUE_ACTS,
            lambda _act: [_("Do not lend this card. Report a loss at once: it can be used until you do.")],
        ),
        CardPaper(LOSS, LOSS_ACTS, _loss_notes),
        CardPaper(
            DEPOSIT,
            ISSUE_ACTS,
            lambda _act: [_("The deposit is paid back when the card is handed in. Keep this receipt.")],
        ),
    )
}

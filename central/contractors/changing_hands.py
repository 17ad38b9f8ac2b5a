"""What becomes of contractors' permits and their deposits when the owner or tenant of the unit changes (U3, U6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from central.contractors import service
from central.contractors.model import Permit
from central.households.joining import Change, Changed, Part, Question
from central.households.model import Household, Unit
from central.households.people import local_day
from central.web.formats import money
from central.web.i18n import lazy

CARRY_OVER: Final = "carry_over"
SETTLE: Final = "settle"
CHOICES: Final = {
    CARRY_OVER: lazy("Carried over: the work goes on, the deposit stays"),
    SETTLE: lazy("Settled: ends now; the deposit goes back once its cards are back"),
}


class Permits(Part):
    """Permits of the unit that run, or whose deposit has not gone back yet."""

    name = "permits"
    title = lazy("Contractors' permits and their deposits")

    def questions(self, unit: Unit, leaving: Household) -> Sequence[Question]:
        return [_question(permit) for permit in _open(unit)]

    def carry_out(self, change: Change) -> Sequence[Changed]:
        changed: list[Changed] = []
        for permit in _open(change.unit):
            before = service.snapshot(permit)
            if change.answer(_question(permit)) == SETTLE:
                changed += _settle(change, permit)
                continue
            held_fen = permit.deposit_fen if permit.paid_at is not None else 0
            amounts = {"deposit_carried_over": held_fen} if held_fen else {}
            changed.append(
                Changed("cards.permit_carried", "permit", permit.id, _label(permit), before, before, amounts)
            )
        return changed


def _settle(change: Change, permit: Permit) -> list[Changed]:
    """End the permit where it runs; refund what can be refunded now by who may, say what is still to be."""
    changed: list[Changed] = []
    before, label = service.snapshot(permit), _label(permit)
    if not service.is_over(permit, local_day(permit.site_id, change.by.at)):
        for act in service.end_early(permit, change.by, change.reason):
            changed.append(
                Changed(
                    f"cards.{act.act.value}", "card", act.card.id, act.card.card_no, act.before, act.after
                )
            )
    if permit.paid_at is not None and change.may_refund and not service.cards_out(permit):
        service.refund(permit, change.by, 0, "")
        amounts = {"deposit_refunded": permit.deposit_fen}
        action = "cards.permit_refunded"
    else:
        amounts = {"deposit_refund_due": permit.deposit_fen} if permit.paid_at is not None else {}
        action = "cards.permit_ended"
    changed.append(Changed(action, "permit", permit.id, label, before, service.snapshot(permit), amounts))
    return changed


def _open(unit: Unit) -> list[Permit]:
    held = Permit.paid_at.is_null(False) & (Permit.deposit_fen > 0)
    query = Permit.select().where(
        (Permit.unit == unit.id) & Permit.refunded_at.is_null() & (held | Permit.ended_at.is_null())
    )
    return list(query.order_by(Permit.number))


def _question(permit: Permit) -> Question:
    return Question(
        f"permit_{permit.id}", f"{_label(permit)} {money(permit.deposit_fen)}", CHOICES, CARRY_OVER
    )


def _label(permit: Permit) -> str:
    return f"{permit.number:06d} {permit.firm}"

"""補貼發放 and 補貼清零: allowances of many cards at once, as kinds of bulk act (U8). Money: always approved by another operator.

An allowance stands beside what the holder has paid in, so that clearing it never takes the holder's own money.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from central import settings
from central.bulk_acts import kinds
from central.bulk_acts.kinds import NOTHING_CHANGES, Given, Outcome, Parameters
from central.cards.acts import By
from central.cards.model import Card
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry
from central.ledger.posting import Place, account, card_account, move
from central.ledger.sums import owed_sum
from central.purse import service
from central.purse.forms import ONCE_MAX_FEN
from central.purse.rules import frozen
from central.routes import SubSystem
from central.web.fields import Choices, Field, MoneyField
from central.web.formats import money
from central.web.i18n import LazyText, lazy

TOO_MUCH: Final = lazy("The card would hold more than a card may hold.").message
_CARDS_AT_ONCE: Final = 500


class _Allowance:
    """``central.bulk_acts.kinds.Kind``: what both have in common."""

    sub_system: SubSystem = "purse"
    needs_approval: bool = True
    fields: tuple[Field, ...] = ()

    def choices(self, site_id: int, organisation_ids: Sequence[int]) -> Choices:
        return {}

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        return {}

    def words(self, parameters: Parameters) -> str:
        return ""

    @staticmethod
    def _book(by: By, card: Card, kind: PostingKind, fen: int, action: str, reason: str) -> Outcome:
        """Give (above zero) or take back."""
        before = service.standing(card)
        given = account(Place(card.site_id, card.organisation_id), AccountKind.SUBSIDY, by)
        lies = card_account(by, card, AccountKind.ALLOWANCE)
        key = f"bulk:{card.id}:{secrets.token_urlsafe(12)}"
        more = {"card": card.id, "person": card.person_id, "reason": reason}
        posting = move(by, kind, key, given, lies, fen, **more)
        after = {
            "allowance_fen": before.allowance_fen + fen,
            "posting": None if posting is None else posting.number,
        }
        return Outcome(action, card, {"allowance_fen": before.allowance_fen}, after)


class Give(_Allowance):
    """補貼發放: the same amount onto each card."""

    name: str = "allowance"
    title: LazyText = lazy("Give an allowance")
    fields: tuple[Field, ...] = (
        MoneyField("amount_fen", lazy("Amount for each card"), least=1, most=ONCE_MAX_FEN),
    )

    def parameters(self, given: Given, choices: Choices) -> dict[str, Any]:
        assert given.amount_fen is not None, "the field is required"
        return {"amount_fen": given.amount_fen}

    def words(self, parameters: Parameters) -> str:
        return f"{self.title} {money(parameters['amount_fen'])}"

    def total_fen(self, cards: Sequence[int], parameters: Parameters) -> int:
        """What is given altogether."""
        return len(cards) * int(parameters["amount_fen"])

    def refusal(self, card: Card, parameters: Parameters) -> str:
        if why := frozen(card.state):
            return why
        if not service.may_pay(card):
            return service.SWITCHED_OFF
        most, fen = int(settings.get(service.BALANCE_MAX)), int(parameters["amount_fen"])
        return TOO_MUCH if service.standing(card).total_fen + fen > most else ""

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Outcome:
        fen = int(parameters["amount_fen"])
        return self._book(by, card, PostingKind.ALLOWANCE, fen, "purse.allowance", reason)


class Clear(_Allowance):
    """補貼清零: what is left of an allowance is taken back; what the holder has paid in stays."""

    name: str = "clear_allowance"
    title: LazyText = lazy("Clear the allowance")

    def total_fen(self, cards: Sequence[int], parameters: Parameters) -> int:
        """What is taken back altogether."""
        total = 0
        for start in range(0, len(cards), _CARDS_AT_ONCE):
            query = (
                LedgerEntry.select(owed_sum())
                .join(LedgerAccount, on=(LedgerEntry.account == LedgerAccount.id))
                .join(Card, on=(LedgerAccount.card == Card.id))
                .where(
                    Card.id.in_(cards[start : start + _CARDS_AT_ONCE])
                    & (LedgerAccount.kind == AccountKind.ALLOWANCE.value)
                    & (LedgerAccount.issue_no == Card.issue_no)
                    & (LedgerAccount.organisation == Card.organisation)
                )
            )
            total += int(query.scalar() or 0)
        return total

    def refusal(self, card: Card, parameters: Parameters) -> str:
        return "" if service.standing(card).allowance_fen > 0 else NOTHING_CHANGES

    def carry_out(self, by: By, card: Card, parameters: Parameters, reason: str) -> Outcome:
        fen = -service.standing(card).allowance_fen
        return self._book(by, card, PostingKind.ALLOWANCE_CLEARED, fen, "purse.allowance_clear", reason)


kinds.register(Give())
kinds.register(Clear())

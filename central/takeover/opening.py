"""期初: the balances of the old system in our ledger. Runs inside ``db.write``.

The second signature books what the old system owed its holders. A card that is in use holds its part in its purse from then
on; the rest waits in an account of its own until its card is put into use or swapped. A card that has ended by then owes its
part back to its holder. A later signature moves the difference.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from central.cards import history
from central.cards.acts import By
from central.cards.model import Card, CardAct, CardIssue
from central.cards.money import Entries
from central.cards.rules import Act, Holding
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount
from central.ledger.posting import Place, account, balance, card_account, carry, move, owed, payable_to
from central.takeover.model import TakenCard, TrialBalance


def book(by: By, trial: TrialBalance) -> None:
    """What was signed, less what an earlier trial balance of these books has brought in."""
    place = Place(trial.site_id, trial.organisation_id)
    came_in, waits = account(place, AccountKind.OPENING, by), account(place, AccountKind.TAKEN_OVER, by)
    fen = trial.total_fen - balance(came_in)
    move(by, PostingKind.OPENING, f"opening:{trial.id}", came_in, waits, fen)
    here = (TakenCard.site == trial.site_id) & (TakenCard.organisation == trial.organisation_id)
    TakenCard.update(signed_fen=TakenCard.balance_fen).where(here).execute()
    credit(by, TakenCard.select().where(here & TakenCard.card.is_null(False)).order_by(TakenCard.id))


def credit(by: By, cards: Iterable[TakenCard]) -> None:
    """To the holder what was signed for a card and is not with him yet.

    Of what was signed too high before, no more is taken back than still lies there; the rest stays open in the account of
    what waits.
    """
    for taken in cards:
        if taken.signed_fen == taken.credited_fen:
            continue
        goes_to = _account_of(by, taken)
        if goes_to is None:
            continue
        fen = max(taken.signed_fen - taken.credited_fen, -max(0, owed(goes_to)))
        waits = account(Place(taken.site_id, taken.organisation_id), AccountKind.TAKEN_OVER, by)
        key = f"taken:{taken.id}:{secrets.token_urlsafe(12)}"
        about = {"card": taken.card_id, "person": taken.person_id}
        carry(by, PostingKind.TAKEN_OVER, key, waits, goes_to, fen, **about)
        taken.credited_fen += fen
        TakenCard.update(credited_fen=taken.credited_fen).where(TakenCard.id == taken.id).execute()


def _account_of(by: By, taken: TakenCard) -> LedgerAccount | None:
    """The purse of the holder's card; what is owed to him when it has ended; None before he has had it."""
    card = taken.card
    if card is None:
        return None
    if card.person_id == taken.person_id and card.holding == Holding.IN_USE.value:
        return card_account(by, card, AccountKind.PURSE)
    had = (CardIssue.card == card.id) & (CardIssue.person == taken.person_id)
    if not CardIssue.select().where(had).exists():
        return None
    return payable_to(Place(taken.site_id, taken.organisation_id), by, taken.person_id)


def follow(line: CardAct, entries: Entries, successor: Card | None) -> None:
    """A card of the old system was put into use, or another one stands in its place from now on."""
    held = (TakenCard.card == line.card_id) & (TakenCard.person == line.person_id)
    if successor is not None:
        TakenCard.update(card=successor.id, swapped=True).where(held).execute()
    elif Act(line.act) is Act.ISSUE:
        credit(By(line.operator_id, line.operator_name, line.at), TakenCard.select().where(held))


history.followers.append(follow)

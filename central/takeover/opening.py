"""期初: the balances of the old system in our ledger. Runs inside ``db.write``.

The second signature books what the old system owed its holders. A card that is in use holds its part in its purse from then
on; the rest waits in an account of its own until its card is put into use or swapped.
"""

from __future__ import annotations

from collections.abc import Iterable

from central.cards import history
from central.cards.acts import By
from central.cards.model import Card, CardAct
from central.cards.money import Entries
from central.cards.rules import Act, Holding
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.posting import Place, account, balance, card_account, carry, move
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
    """Into the purse what was signed for a card, once, when its holder has it in use."""
    for taken in cards:
        card = taken.card
        is_theirs = (
            card is not None and card.person_id == taken.person_id and card.holding == Holding.IN_USE.value
        )
        if not taken.signed_fen or taken.credited_at is not None or not is_theirs:
            continue
        waits = account(Place(taken.site_id, taken.organisation_id), AccountKind.TAKEN_OVER, by)
        purse = card_account(by, card, AccountKind.PURSE)
        about = {"card": card.id, "person": taken.person_id}
        carry(by, PostingKind.TAKEN_OVER, f"taken:{taken.id}", waits, purse, taken.signed_fen, **about)
        TakenCard.update(credited_at=by.at).where(TakenCard.id == taken.id).execute()


def follow(line: CardAct, entries: Entries, successor: Card | None) -> None:
    """A card of the old system was put into use."""
    if Act(line.act) is Act.ISSUE:
        taken = TakenCard.select().where((TakenCard.card == line.card_id) & TakenCard.credited_at.is_null())
        credit(By(line.operator_id, line.operator_name, line.at), taken)


history.followers.append(follow)

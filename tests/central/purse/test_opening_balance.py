"""期初: what two operators have signed is in the ledger, each part in the purse of its card as soon as that is in use (U13)."""

from __future__ import annotations

import pytest

from central.cards import acts
from central.cards.model import Card, CardClass
from central.ledger.accounts import AccountKind
from central.ledger.trial import trials
from central.people.model import Person
from central.purse import life_cycle, service
from central.purse.rules import Means
from central.sites.scope import HEAD_OFFICE
from central.takeover import opening
from central.takeover import service as takeover
from central.takeover.model import TakenCard, TrialBalance
from central.takeover.service import PutIntoUse
from tests.support.estate import NOON, Estate, by

assert life_cycle.follow is not None, "loading it makes the purse follow the cards"


@pytest.fixture
def taken(estate: Estate) -> Estate:
    """Two cards of the old system, 12.50 and 0.50, in nobody's book yet."""

    def make() -> None:
        for number, fen in (("A-1", 1_250), ("A-2", 50)):
            TakenCard.create(
                site=estate.site,
                organisation=estate.organisation,
                number=number,
                person=estate.person,
                balance_fen=fen,
                entered_at=NOON,
            )

    estate.write(make)
    return estate


def sign(estate: Estate) -> None:
    """Both signatures of what stands now."""

    def write() -> None:
        total = sum(row.balance_fen for row in TakenCard.select())
        trial = TrialBalance.create(
            site=estate.site,
            organisation=estate.organisation,
            cards_count=2,
            total_fen=total,
            seal="",
            stands="",
            first_id=1,
            first_by="0001",
            first_at=NOON,
        )
        opening.book(by(), trial)

    estate.write(write)


def put_into_use(estate: Estate, number: str) -> int:
    """Issue a card for an old one, as the swap of an old card does."""

    def write() -> int:
        row, person = TakenCard.get(TakenCard.number == number), Person.get_by_id(estate.person)
        uid = bytes([4, 0, 0, row.id])
        row.card = acts.issue(by(), uid, f"9{row.id}", person, acts.Terms(estate.card_class)).card
        row.save()
        opening.credit(by(), [row])
        return int(row.card_id)

    return estate.write(write)


def sums(estate: Estate) -> dict[AccountKind, int]:
    def read() -> dict[AccountKind, int]:
        found = trials(HEAD_OFFICE)
        assert all(trial.is_balanced for trial in found)
        return {
            one.kind: one.debit_fen or one.credit_fen
            for trial in found
            for one in trial.sums
            if one.balance_fen
        }

    return estate.read(read)


def lies_on(estate: Estate, card_id: int) -> int:
    return estate.read(lambda: service.standing(Card.get_by_id(card_id))).purse_fen


def test_what_was_signed_goes_into_the_purses_as_cards_come_into_use(taken: Estate) -> None:
    """Before the signatures nothing; then what waits is in an account of its own; each card once.

    Planted breaks: ``credit`` without looking at ``credited_fen``; ``book`` with the whole total again.
    """
    first = put_into_use(taken, "A-1")
    assert (lies_on(taken, first), sums(taken)) == (0, {})
    sign(taken)
    assert lies_on(taken, first) == 1_250
    assert sums(taken) == {
        AccountKind.OPENING: 1_300,
        AccountKind.PURSE: 1_250,
        AccountKind.TAKEN_OVER: 50,
    }
    second = put_into_use(taken, "A-2")
    assert lies_on(taken, second) == 50
    assert sums(taken) == {AccountKind.OPENING: 1_300, AccountKind.PURSE: 1_300}
    sign(taken)
    taken.write(lambda: opening.credit(by(), list(TakenCard.select())))
    assert sums(taken) == {AccountKind.OPENING: 1_300, AccountKind.PURSE: 1_300}


def test_a_list_that_is_corrected_and_signed_again_brings_the_difference(taken: Estate) -> None:
    sign(taken)
    taken.write(lambda: TakenCard.update(balance_fen=80).where(TakenCard.number == "A-2").execute())
    assert sums(taken)[AccountKind.TAKEN_OVER] == 1_300, "what is not signed is not in the books"
    sign(taken)
    assert sums(taken) == {AccountKind.OPENING: 1_330, AccountKind.TAKEN_OVER: 1_330}
    assert lies_on(taken, put_into_use(taken, "A-2")) == 80


def test_a_card_of_the_stock_that_is_issued_to_its_holder_brings_its_balance(taken: Estate) -> None:
    """Cards that entered the books as they were: issuing one is enough. Given to somebody else it brings nothing.

    Planted break: ``opening.follow`` not registered.
    """
    sign(taken)

    def enter() -> None:
        for row in TakenCard.select():
            card = acts.blank_card(
                by(), bytes([4, 0, 1, row.id]), f"8{row.id}", taken.site, taken.organisation
            )
            TakenCard.update(card=card, uid=card.uid).where(TakenCard.id == row.id).execute()

    taken.write(enter)

    def issue(card_id: int, person: int) -> int:
        card = Card.get_by_id(card_id)
        who = Person.get_by_id(person)
        return acts.issue(by(), bytes(card.uid), card.card_no, who, acts.Terms(taken.card_class)).card.id

    first, second = taken.read(lambda: [row.card_id for row in TakenCard.select().order_by(TakenCard.id)])
    taken.write(issue, first, taken.person)
    taken.write(issue, second, taken.stranger)
    assert (lies_on(taken, first), lies_on(taken, second)) == (1_250, 0)
    assert sums(taken)[AccountKind.TAKEN_OVER] == 50


def test_what_is_signed_again_for_a_card_in_use_brings_the_difference(taken: Estate) -> None:
    """Planted break: ``credit`` that looks only whether anything was credited before."""
    sign(taken)
    card = put_into_use(taken, "A-1")
    for fen in (1_500, 1_250, 1_500):
        taken.write(TakenCard.update(balance_fen=fen).where(TakenCard.number == "A-1").execute)
        sign(taken)
        assert lies_on(taken, card) == fen
        assert sums(taken) == {
            AccountKind.OPENING: fen + 50,
            AccountKind.PURSE: fen,
            AccountKind.TAKEN_OVER: 50,
        }


def test_what_was_signed_too_high_is_taken_back_no_further_than_it_lies_there(taken: Estate) -> None:
    """Planted break: ``credit`` with the whole difference, so that a purse is overdrawn."""
    sign(taken)
    card = put_into_use(taken, "A-1")

    def spend() -> None:
        purse = service.accounts_of(Card.get_by_id(card))[AccountKind.PURSE]
        service.refund(by(), purse, service.Payment(1_000, Means.BANK, "spent", "退款", True))

    taken.write(spend)
    taken.write(TakenCard.update(balance_fen=0).where(TakenCard.number == "A-1").execute)
    sign(taken)
    assert lies_on(taken, card) == 0
    assert taken.read(lambda: TakenCard.get(TakenCard.number == "A-1").credited_fen) == 1_000


def test_a_card_replaced_before_the_signature_hands_its_balance_on(taken: Estate) -> None:
    """Planted break: ``follow`` that forgets the successor."""
    first = put_into_use(taken, "A-1")
    second = taken.write(
        lambda: int(
            acts.swap(
                by(),
                Card.get_by_id(first),
                b"\4\0\2\1",
                "70",
                identity_checked=True,
                warranty=True,
                reason="断裂",
            ).after["new_card"]
        )
    )
    sign(taken)
    assert (lies_on(taken, first), lies_on(taken, second)) == (0, 1_250)
    assert sums(taken)[AccountKind.TAKEN_OVER] == 50


def test_a_card_that_ended_before_the_signature_owes_its_balance_back(taken: Estate) -> None:
    """Planted break: ``_account_of`` that knows cards in use only."""
    first = put_into_use(taken, "A-1")
    taken.write(lambda: acts.cancel(by(), Card.get_by_id(first), reason="搬走"))
    sign(taken)
    assert sums(taken) == {
        AccountKind.OPENING: 1_300,
        AccountKind.REFUND_PAYABLE: 1_250,
        AccountKind.TAKEN_OVER: 50,
    }


def priced(estate: Estate) -> None:
    """The class of the cards costs a deposit and a fee, and the list names it."""
    CardClass.update(deposit_fen=2_000, cost_fen=1_500).execute()
    TakenCard.update(card_class=estate.card_class).execute()


def test_a_card_that_is_taken_over_costs_its_holder_nothing(taken: Estate) -> None:
    """Put into use out of the stock, or shown at the desk: nobody pays, so no drawer holds money. It is credited once.

    Planted breaks: ``PutIntoUse`` without the waiver; ``swap`` without it; ``swap`` crediting a row read before the issue.
    """
    sign(taken)

    def enter() -> list[int]:
        priced(taken)
        for row in TakenCard.select():
            made = acts.blank_card(
                by(), bytes([4, 0, 1, row.id]), f"8{row.id}", taken.site, taken.organisation
            )
            TakenCard.update(card=made, uid=made.uid).where(TakenCard.id == row.id).execute()
        return [row.card_id for row in TakenCard.select().order_by(TakenCard.id)]

    first, second = taken.write(enter)
    taken.write(lambda: PutIntoUse().carry_out(by(), Card.get_by_id(first), {}, "接管"))
    row = taken.read(lambda: TakenCard.get(TakenCard.number == "A-2"))
    taken.write(lambda: takeover.swap(by(), row, bytes(row.uid), "82"))
    assert (lies_on(taken, first), lies_on(taken, second)) == (1_250, 50)
    assert sums(taken) == {AccountKind.OPENING: 1_300, AccountKind.PURSE: 1_300}


def test_another_card_for_an_old_one_costs_what_its_class_says(taken: Estate) -> None:
    """And the page says so beforehand: ``charge_of`` is what is booked."""
    taken.write(priced, taken)
    row = taken.read(lambda: TakenCard.get(TakenCard.number == "A-1"))
    change = taken.write(lambda: takeover.swap(by(), TakenCard.get_by_id(row.id), b"\4\0\3\1", "71"))
    assert change.money == taken.read(lambda: takeover.charge_of(TakenCard.get_by_id(row.id), same=False))
    assert sums(taken)[AccountKind.CASH] == 3_500

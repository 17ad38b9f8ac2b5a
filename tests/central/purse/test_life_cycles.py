"""What becomes of money when something is done to its card: whatever is done, nothing appears and nothing is lost (I5)."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.cards import acts
from central.cards.acts import Terms
from central.cards.model import Card, CardClass, CardMoney
from central.errors import CentralError
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry
from central.ledger.posting import Place, account, balance, card_account, move, owed, payable_to
from central.ledger.trial import trials
from central.people.model import Person
from central.purse import life_cycle, service
from central.purse.rules import Means
from central.purse.service import Payment
from central.sites.scope import HEAD_OFFICE
from tests.support.card_acts import act_on, card, issue
from tests.support.estate import Estate, by

assert life_cycle.follow is not None, "loading it makes the purse follow the cards"


def with_prices(estate: Estate, deposit_fen: int = 2_000, cost_fen: int = 1_000, keeps: bool = True) -> None:
    """The class charges something."""
    about = {"deposit_fen": deposit_fen, "cost_fen": cost_fen, "keeps_deposit": keeps, "active_max_count": 9}
    estate.write(lambda: CardClass.update(**about).execute())


def top_up(estate: Estate, card_id: int, fen: int, key: str = "t") -> None:
    estate.write(lambda: service.top_up(by(), Card.get_by_id(card_id), fen, Means.CASH, f"{card_id}:{key}"))


def give_allowance(estate: Estate, card_id: int, fen: int) -> None:
    def write() -> None:
        one = Card.get_by_id(card_id)
        given = account(Place(one.site_id, one.organisation_id), AccountKind.SUBSIDY, by())
        kept = card_account(by(), one, AccountKind.ALLOWANCE)
        move(by(), PostingKind.ALLOWANCE, f"a:{card_id}:{fen}", given, kept, fen, card=one)

    estate.write(write)


def sums(estate: Estate) -> dict[AccountKind, int]:
    """Each kind of account on its own side, those with nothing left out; the books must balance."""

    def read() -> dict[AccountKind, int]:
        found = trials(HEAD_OFFICE)
        assert all(trial.is_balanced for trial in found)
        totals: dict[AccountKind, int] = {}
        for trial in found:
            for one in trial.sums:
                totals[one.kind] = totals.get(one.kind, 0) + (one.debit_fen or one.credit_fen)
        return {kind: fen for kind, fen in totals.items() if fen}

    return estate.read(read)


def lies_on(estate: Estate, card_id: int) -> tuple[int, int]:
    """Purse and allowance of a card's present issue."""
    found = estate.read(lambda: service.standing(Card.get_by_id(card_id)))
    return found.purse_fen, found.allowance_fen


def show(estate: Estate, card_id: int) -> None:
    """A reader has seen the card just now."""
    estate.show_at_desk(bytes(card(estate, card_id).uid).hex())


def test_a_card_with_money_is_replaced_and_everything_goes_along(estate: Estate) -> None:
    """Planted break: ``life_cycle.follow`` without its branch for a successor."""
    with_prices(estate)
    old = issue(estate)
    top_up(estate, old, 5_000)
    give_allowance(estate, old, 700)
    act_on(estate, old, lambda c: acts.report_lost(by(), c))
    new_uid = bytes.fromhex("04000001")
    change = act_on(estate, old, lambda c: acts.replace(by(), c, new_uid, "00000002"))
    assert change.new_card is not None
    assert lies_on(estate, change.new_card.id) == (5_000, 700)
    assert sums(estate) == {
        AccountKind.PURSE: 5_000,
        AccountKind.ALLOWANCE: 700,
        AccountKind.DEPOSIT: 2_000,
        AccountKind.CASH: 5_000 + 2_000 + 2 * 1_000,
        AccountKind.FEE_INCOME: 2 * 1_000,
        AccountKind.SUBSIDY: 700,
    }
    empty = estate.read(
        lambda: [owed(row) for row in LedgerAccount.select().where(LedgerAccount.card == old)]
    )
    assert empty == [0] * len(empty)


def test_a_returned_card_owes_its_holder_purse_and_deposit(estate: Estate) -> None:
    """Planted break: ``follow`` with ``Act.CANCEL`` alone."""
    with_prices(estate)
    one = issue(estate)
    top_up(estate, one, 5_000)
    give_allowance(estate, one, 700)
    show(estate, one)
    act_on(estate, one, lambda c: acts.take_back(by(), c))
    assert sums(estate) == {
        AccountKind.REFUND_PAYABLE: 7_000,
        AccountKind.CASH: 8_000,
        AccountKind.FEE_INCOME: 1_000,
    }

    def pay_out() -> int:
        person = Person.get_by_id(estate.person)
        source = payable_to(Place(person.site_id, person.organisation_id), by(), person)
        service.refund(by(), source, Payment(7_000, Means.BANK, "out", "退卡", True))
        return owed(source)

    assert estate.write(pay_out) == 0
    assert sums(estate) == {
        AccountKind.CASH: 8_000,
        AccountKind.BANK: -7_000,
        AccountKind.FEE_INCOME: 1_000,
    }


def test_a_cancelled_card_forfeits_its_deposit_where_the_class_says_so_never_its_purse(
    estate: Estate,
) -> None:
    with_prices(estate)
    one = issue(estate)
    top_up(estate, one, 5_000)
    act_on(estate, one, lambda c: acts.cancel(by(), c, reason="离职"))
    found = sums(estate)
    assert (found[AccountKind.REFUND_PAYABLE], found[AccountKind.FEE_INCOME]) == (5_000, 3_000)


def test_a_card_that_goes_to_another_organisation_takes_its_money_into_the_books_there(
    estate: Estate,
) -> None:
    with_prices(estate)
    one = issue(estate)
    top_up(estate, one, 5_000)
    other = estate.other_organisation
    act_on(estate, one, lambda c: acts.move_along(by(), c, other, {}, reason="迁移"))
    assert lies_on(estate, one) == (5_000, 0)

    def read() -> dict[tuple[int, str], int]:
        rows = LedgerAccount.select().where(LedgerAccount.kind != AccountKind.CASH.value)
        return {(row.organisation_id, row.kind): owed(row) for row in rows if owed(row)}

    assert estate.read(read) == {
        (estate.organisation, "clearing"): 7_000,
        (estate.organisation, "fee_income"): 1_000,
        (other, "clearing"): -7_000,
        (other, "deposit"): 2_000,
        (other, "purse"): 5_000,
    }


def test_a_card_that_is_issued_again_begins_with_nothing(estate: Estate) -> None:
    one = issue(estate)
    top_up(estate, one, 5_000)
    show(estate, one)
    act_on(estate, one, lambda c: acts.take_back(by(), c))
    act_on(estate, one, lambda c: acts.restock(by(), c))
    assert issue(estate) == one
    assert lies_on(estate, one) == (0, 0)


STEPS = st.sampled_from(
    (
        "issue",
        "top_up",
        "allowance",
        "refund",
        "lose",
        "lift",
        "replace",
        "swap",
        "return",
        "cancel",
        "restock",
        "move",
    )
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STEPS, st.integers(0, 5), st.integers(1, 9_000)), min_size=5, max_size=40))
def test_random_life_cycles_lose_no_money(estate: Estate, steps: list[tuple[str, int, int]]) -> None:
    """Purses, allowances, deposits, payables and fees are what came into drawers and bank and what was given; no purse and
    no deposit is below nothing; what the cards say of deposits is what the ledger holds; clearing ends empty.

    Planted breaks: ``_owe_back`` without moving the purse; ``_carry`` with half of what there is.
    """
    with_prices(estate)
    cards: list[int] = estate.read(lambda: [row.id for row in Card.select(Card.id)])
    run = estate.read(lambda: LedgerEntry.select().count())
    for number, (what, which, fen) in enumerate(steps):
        chosen = cards[which % len(cards)] if cards else 0
        uid, card_no = bytes.fromhex(f"04{run:04X}{number:02X}"), f"{run:05d}{number:03d}"

        def do(
            what: str = what,
            chosen: int = chosen,
            fen: int = fen,
            uid: bytes = uid,
            card_no: str = card_no,
            n: int = number,
        ) -> int | None:
            if what == "issue":
                person = Person.get_by_id(estate.person)
                return acts.issue(by(), uid, card_no, person, Terms(estate.card_class)).card.id
            if not chosen:
                return None
            one, key = Card.get_by_id(chosen), f"{run}:{n}"
            simple: dict[str, Any] = {
                "lose": lambda: acts.report_lost(by(), one),
                "lift": lambda: acts.lift(by(), one, identity_checked=True, reason="找到"),
                "cancel": lambda: acts.cancel(by(), one, reason="离职"),
                "return": lambda: acts.take_back(by(), one),
                "restock": lambda: acts.restock(by(), one),
                "top_up": lambda: service.top_up(by(), one, fen, Means.CASH, key),
            }
            if what in simple:
                simple[what]()
            elif what == "move":
                here = {
                    estate.organisation: estate.other_organisation,
                    estate.other_organisation: estate.organisation,
                }
                acts.move_along(by(), one, here[one.organisation_id], {}, reason="迁移")
            elif what == "allowance":
                if one.issue_no and one.holding == "in_use":
                    given = account(Place(one.site_id, one.organisation_id), AccountKind.SUBSIDY, by())
                    move(
                        by(),
                        PostingKind.ALLOWANCE,
                        key,
                        given,
                        card_account(by(), one, AccountKind.ALLOWANCE),
                        fen,
                    )
            elif what == "refund":
                source = card_account(by(), one, AccountKind.PURSE)
                service.refund(by(), source, Payment(fen, Means.BANK, key, "退款", True))
            elif what == "replace":
                changed = acts.replace(by(), one, uid, card_no)
                assert changed.new_card is not None
                return changed.new_card.id
            else:
                swapped = acts.swap(
                    by(), one, uid, card_no, identity_checked=True, warranty=True, reason="损坏"
                )
                assert swapped.new_card is not None
                return swapped.new_card.id
            return None

        if what == "return" and chosen:
            show(estate, chosen)
        try:
            made = estate.write(do)
        except CentralError:
            continue  # the state of the card, or what lies on it, does not allow it: nothing was changed
        if made is not None:
            cards.append(made)

    found = sums(estate)
    mine = (
        AccountKind.PURSE,
        AccountKind.ALLOWANCE,
        AccountKind.DEPOSIT,
        AccountKind.REFUND_PAYABLE,
        AccountKind.FEE_INCOME,
    )
    came_in = (AccountKind.CASH, AccountKind.BANK, AccountKind.SUBSIDY)
    assert sum(found.get(kind, 0) for kind in mine) == sum(found.get(kind, 0) for kind in came_in)
    assert AccountKind.CLEARING not in found
    assert AccountKind.SUSPENSE not in found

    def read() -> None:
        kept = (AccountKind.PURSE.value, AccountKind.ALLOWANCE.value, AccountKind.DEPOSIT.value)
        for row in LedgerAccount.select().where(LedgerAccount.kind.in_(kept)):
            assert owed(row) >= 0
            if row.issue_no != row.card.issue_no or row.card.holding != "in_use":
                assert owed(row) == 0, "what is over holds nothing"
        said = CardMoney.select().where(CardMoney.kind == "deposit_charged")
        kept_or_due = CardMoney.select().where(CardMoney.kind.in_(("deposit_kept", "deposit_refund_due")))
        held = sum(row.amount_fen for row in said) - sum(row.amount_fen for row in kept_or_due)
        deposits = LedgerAccount.select().where(LedgerAccount.kind == AccountKind.DEPOSIT.value)
        assert held == -sum(balance(row) for row in deposits)

    estate.read(read)

"""The ledger: every posting balances, comes once, is taken back once; a balance is the sum of its entries (I5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.cards.acts import By
from central.errors import ConflictError, InvalidInputError
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import LedgerAccount, LedgerEntry, Posting
from central.ledger.posting import Place, Voucher, account, balance, post, reverse
from central.ledger.rules import AMOUNT_MAX_FEN, Line, body_of, checked, mirrored, transfer
from central.ledger.trial import trials
from central.sites.scope import HEAD_OFFICE, Grant, Scope
from tests.support.estate import NOON, Estate

BY = By(1, "0001 值班员", NOON)
KINDS = (AccountKind.CASH, AccountKind.BANK, AccountKind.PURSE, AccountKind.SUSPENSE)
fen = st.integers(min_value=-(10**9), max_value=10**9)


@given(st.lists(st.tuples(st.integers(1, 5), fen), max_size=6))
def test_lines_are_booked_when_they_add_up_to_nothing_and_only_then(pairs: list[tuple[int, int]]) -> None:
    """Planted break: ``checked`` without its sum."""
    lines = [Line(*pair) for pair in pairs]
    missing = sum(line.amount_fen for line in lines)
    if missing:
        with pytest.raises(InvalidInputError):
            checked(lines)
        found = checked([*lines, Line(6, -missing)])
        assert sum(line.amount_fen for line in found) == 0
        assert len({line.account_id for line in found}) == len(found)
        assert sum(line.amount_fen for line in checked(mirrored(found))) == 0


def test_nothing_and_too_much_cannot_be_booked() -> None:
    for lines in ((), transfer(1, 2, 0), transfer(1, 1, 5), transfer(1, 2, AMOUNT_MAX_FEN + 1)):
        with pytest.raises(InvalidInputError):
            checked(lines)


def test_the_same_lines_in_another_order_are_the_same_posting() -> None:
    lines = transfer(1, 2, 500)
    assert body_of(PostingKind.TOP_UP, lines) == body_of(PostingKind.TOP_UP, lines[::-1])
    assert body_of(PostingKind.TOP_UP, lines) != body_of(PostingKind.REFUND, lines)
    assert body_of(PostingKind.TOP_UP, lines) != body_of(PostingKind.TOP_UP, transfer(1, 2, 501))


def accounts(estate: Estate) -> list[LedgerAccount]:
    place = Place(estate.site, estate.organisation)
    return [account(place, kind, BY, owner) for owner, kind in enumerate(KINDS)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 3), st.integers(1, 10**6)), max_size=25
    ),
    st.lists(st.integers(0, 9), max_size=5),
)
def test_random_postings_keep_the_books_balanced(
    estate: Estate, orders: list[tuple[int, int, int, int]], taken_back: list[int]
) -> None:
    """Whatever is asked for, however often, under whatever key: every posting adds up to nothing, a key books once, a
    reversal takes back once, and an account holds the sum of what was answered.

    Planted breaks: ``post`` without looking at its key; ``reverse`` without looking for an earlier one.
    """

    def write() -> None:
        rows = accounts(estate)
        begun = {row.id: balance(row) for row in rows}
        run = Posting.select().count()
        booked: dict[str, tuple[int, int, int]] = {}
        expected = dict.fromkeys(begun, 0)
        for number, debit, credit, amount in orders:
            if debit == credit:
                continue
            key, asked = f"{run}:{number}", (debit, credit, amount)
            voucher = Voucher(PostingKind.TOP_UP, key, transfer(rows[debit].id, rows[credit].id, amount))
            if key in booked and booked[key] != asked:
                with pytest.raises(ConflictError):
                    post(BY, voucher)
                continue
            made = post(BY, voucher)
            if key not in booked:
                booked[key] = asked
                expected[rows[debit].id] += amount
                expected[rows[credit].id] -= amount
            assert made.key == key
        gone: set[str] = set()
        for number in taken_back:
            key = f"{run}:{number}"
            if key not in booked:
                continue
            original = Posting.get(Posting.key == key)
            if key in gone:
                with pytest.raises(ConflictError):
                    reverse(BY, original, "again")
                continue
            mirror = reverse(BY, original, "a mistake")
            with pytest.raises(ConflictError):
                reverse(BY, mirror, "back and forth")
            gone.add(key)
            debit, credit, amount = booked[key]
            expected[rows[debit].id] -= amount
            expected[rows[credit].id] += amount
        assert {row.id: balance(row) - begun[row.id] for row in rows} == expected
        for trial in trials(HEAD_OFFICE):
            assert trial.is_balanced
        numbers = [number for (number,) in Posting.select(Posting.number).order_by(Posting.number).tuples()]
        assert numbers == list(range(1, len(numbers) + 1))

    estate.write(write)


def test_a_posting_lies_in_the_books_of_one_organisation(estate: Estate) -> None:
    """And nobody sees the books of another (U1)."""

    def write() -> list[Any]:
        own = Place(estate.site, estate.organisation)
        other = Place(estate.site, estate.other_organisation)
        cash, bank = account(own, AccountKind.CASH, BY, 1), account(other, AccountKind.BANK, BY)
        with pytest.raises(AssertionError):
            post(BY, Voucher(PostingKind.BANKED, "k", transfer(bank.id, cash.id, 1)))
        post(
            BY, Voucher(PostingKind.FLOAT, "f", transfer(cash.id, account(own, AccountKind.BANK, BY).id, 70))
        )
        theirs = Scope.of([Grant(organisation_id=estate.other_organisation)])
        return [len(trials(HEAD_OFFICE)), len(trials(theirs))]

    assert estate.write(write) == [1, 0]


def test_a_changed_database_does_not_balance(estate: Estate) -> None:
    """The negative control of the trial balance: it names the posting."""

    def write() -> list[int]:
        rows = accounts(estate)
        made = post(BY, Voucher(PostingKind.TOP_UP, "t", transfer(rows[0].id, rows[2].id, 900)))
        LedgerEntry.update(amount_fen=901).where(LedgerEntry.amount_fen > 0).execute()
        (trial,) = trials(HEAD_OFFICE)
        assert not trial.is_balanced
        assert trial.unbalanced == [made.number]
        return trial.unbalanced

    assert estate.write(write) == [1]

"""Purchases out of facts, and the ledger out of purchases: exactly once, undone once, never lost, rebuilt alike (I4, I5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from central.access.model import AlarmState
from central.cards import acts
from central.cards.model import Card
from central.errors import ConflictError
from central.ledger.accounts import AccountKind, PostingKind
from central.ledger.model import Posting
from central.ledger.posting import Place, account, card_account, move
from central.nodes.model import Device
from central.purse import service
from central.sites.scope import HEAD_OFFICE
from central.tills import projection
from central.tills.model import Purchase
from central.tills.takings import make_table
from protocol.ids import uid_key
from protocol.reasons import Reason
from tests.central.tills.tills import TillOf, on_card, published, sums, top_up
from tests.support.card_acts import act_on, issue
from tests.support.estate import NOON, Estate, by, later

STRANGE = bytes.fromhex("04FFFFFF")


@pytest.fixture
def till(estate: Estate) -> TillOf:
    return TillOf(estate)


@pytest.fixture
def card(estate: Estate, till: TillOf) -> int:
    card_id = issue(estate, entitlements={"levels": [till.level]})
    top_up(estate, card_id, 5_000)
    return card_id


def alarms(estate: Estate) -> list[str]:
    return estate.read(lambda: [row.kind for row in AlarmState.select().order_by(AlarmState.seq)])


def counted(estate: Estate) -> int:
    return estate.read(lambda: Posting.select().where(Posting.kind == PostingKind.PURCHASE.value).count())


def test_a_purchase_goes_from_the_purse_to_the_shop(estate: Estate, till: TillOf, card: int) -> None:
    (row,) = till.tell(till.sold(at=later(minutes=5), received=later(minutes=9), offline=True))
    assert (row.result, row.booked_fen, row.meal_name, estate.read(lambda: row.shop.name)) == (
        "sold",
        1_500,
        "午餐",
        "员工食堂",
    )
    assert (row.card_id, row.person_id, row.department) == (card, estate.person, "工程部")
    assert on_card(estate, card) == 3_500
    assert sums(estate) == {
        AccountKind.CASH: 5_000,
        AccountKind.PURSE: 3_500,
        AccountKind.MERCHANT: 1_500,
    }
    posting = estate.read(lambda: Posting.get_by_id(row.posting_id))
    assert (posting.at, posting.operator_id, posting.operator_name) == (later(minutes=5), None, "8 食堂8号机")


def test_the_same_again_in_whatever_batches_books_nothing_more(
    estate: Estate, till: TillOf, card: int
) -> None:
    """Planted break: ``apply`` without looking for the row, or ``_sell`` without its posting."""
    first, second = till.sold(), till.sold(counter=2, at=later(minutes=1))
    back = till.sold(undoes=2, at=later(minutes=2))
    once = [dict(row.__data__) for row in till.tell(first, second, back)]
    assert [dict(row.__data__) for row in till.tell(second)] == once
    assert (on_card(estate, card), counted(estate)) == (3_500, 3)


def test_a_rebuild_gives_the_same_and_books_nothing(estate: Estate, till: TillOf, card: int) -> None:
    """Planted break: ``_undo`` taking its own posting for another's."""
    facts = [
        till.sold(),
        till.sold(counter=2),
        till.sold(undoes=2),
        till.sold(undoes=2),
        till.sold(counter=1),
    ]
    once = [dict(row.__data__) for row in till.tell(*facts)]
    before, count = sums(estate), counted(estate)
    estate.write(projection.reset)
    rebuilt = [dict(row.__data__) for row in till.tell(*facts, live=False)]
    assert [{**row, "id": 0} for row in rebuilt] == [{**row, "id": 0} for row in once]
    assert (sums(estate), counted(estate)) == (before, count)


def test_a_corrected_time_moves_the_purchase_and_not_the_books(
    estate: Estate, till: TillOf, card: int
) -> None:
    fact = till.sold()
    till.tell(fact)
    moved = fact.__class__(fact.node_epoch, fact.fact, fact.body, later(hours=-3), fact.received_ms)
    (row,) = till.tell(moved)
    assert (row.at, row.result, row.booked_fen) == (later(hours=-3), "sold", 1_500)
    assert (on_card(estate, card), counted(estate)) == (3_500, 1)


def test_an_impossible_time_books_on_the_day_on_which_it_came(
    estate: Estate, till: TillOf, card: int
) -> None:
    (row,) = till.tell(till.sold(at=NOON - timedelta(days=9_000), received=later(minutes=3)))
    assert estate.read(lambda: Posting.get_by_id(row.posting_id).at) == later(minutes=3)


def test_an_undoing_is_the_mirror_of_its_purchase_once(estate: Estate, till: TillOf, card: int) -> None:
    """Rule 5. Planted break: ``_undo`` without ``is_first``."""
    rows = till.tell(till.sold(), till.sold(undoes=1), till.sold(undoes=1))
    assert [(row.result, row.booked_fen) for row in rows] == [
        ("sold", 1_500),
        ("taken_back", -1_500),
        ("conflict", 0),
    ]
    assert (on_card(estate, card), AccountKind.MERCHANT in sums(estate)) == (5_000, False)
    assert alarms(estate) == ["till_conflict"]


@pytest.mark.parametrize(("undoes", "fen"), [(7, 1_500), (1, 999)])
def test_an_undoing_of_something_else_is_a_contradiction(
    estate: Estate, till: TillOf, card: int, undoes: int, fen: int
) -> None:
    rows = till.tell(till.sold(), till.sold(fen, undoes=undoes))
    assert [row.result for row in rows] == ["sold", "conflict"]
    assert on_card(estate, card) == 3_500


def test_two_debits_under_one_number_are_a_contradiction_in_suspense(
    estate: Estate, till: TillOf, card: int
) -> None:
    """Rule 3: same key and another body. Planted break: ``_book`` without ``debit_of``."""
    rows = till.tell(till.sold(), till.sold(900, counter=1))
    assert [(row.result, row.booked_fen) for row in rows] == [("sold", 1_500), ("conflict", 900)]
    found = sums(estate)
    assert (found[AccountKind.SUSPENSE], found[AccountKind.MERCHANT]) == (900, 2_400)
    assert (on_card(estate, card), alarms(estate)) == (3_500, ["till_conflict"])


def test_a_till_that_was_joined_anew_may_use_its_numbers_again(
    estate: Estate, till: TillOf, card: int
) -> None:
    first, second = till.sold(), till.sold()
    anew = second.__class__(2, second.fact, second.body, second.at, second.received_ms)
    assert [row.result for row in till.tell(first, anew)] == ["sold", "sold"]
    assert on_card(estate, card) == 2_000


def test_a_card_that_nobody_knows_is_sold_to_out_of_suspense(estate: Estate, till: TillOf) -> None:
    (row,) = till.tell(till.sold(uid=STRANGE))
    assert (row.result, sums(estate)) == (
        "suspense",
        {AccountKind.SUSPENSE: 1_500, AccountKind.MERCHANT: 1_500},
    )


def test_below_zero_is_booked_and_raises_an_alarm(estate: Estate, till: TillOf, card: int) -> None:
    """Rule 7."""
    till.tell(*(till.sold(counter=number) for number in (1, 2, 3, 4)))
    assert (on_card(estate, card), alarms(estate)) == (-1_000, ["purse_below_zero"])


def test_what_a_lost_card_had_spent_is_paid_by_the_one_that_took_its_money_over(
    estate: Estate, till: TillOf, card: int
) -> None:
    """A till without network tells it after the replacement. Planted break: ``purse_of`` without its loop."""
    act_on(estate, card, lambda one: acts.report_lost(by(), one))
    second = act_on(estate, card, lambda one: acts.replace(by(), one, bytes.fromhex("04A1B2C4"), "00000002"))
    assert second.new_card is not None
    new = second.new_card.id
    assert on_card(estate, new) == 5_000
    till.tell(till.sold(), till.sold(counter=2), till.sold(undoes=2))
    assert (on_card(estate, card), on_card(estate, new)) == (0, 3_500)
    assert alarms(estate) == []
    row, _tags = published(estate, uid_key(bytes.fromhex("04A1B2C4"))) or pytest.fail("not published")
    assert (row.balance_fen, row.spent) == (3_500, ())


def test_the_allowance_is_spent_first(estate: Estate, till: TillOf, card: int) -> None:
    def give() -> None:
        one = Card.get_by_id(card)
        given = account(Place(one.site_id, one.organisation_id), AccountKind.SUBSIDY, by())
        kept = card_account(by(), one, AccountKind.ALLOWANCE)
        move(by(), PostingKind.ALLOWANCE, "a", given, kept, 1_000, card=one)

    estate.write(give)
    till.tell(till.sold())
    found = sums(estate)
    assert (found.get(AccountKind.ALLOWANCE), found[AccountKind.PURSE]) == (None, 4_500)
    till.tell(till.sold(undoes=1))
    found = sums(estate)
    assert (found[AccountKind.ALLOWANCE], found[AccountKind.PURSE]) == (1_000, 5_000)


def test_a_card_of_another_organisation_pays_through_the_clearing_of_both(
    estate: Estate, till: TillOf, card: int
) -> None:
    estate.write(
        lambda: (
            Device.update(organisation=estate.other_organisation).where(Device.id == till.device).execute()
        )
    )
    till.tell(till.sold())
    found = sums(estate)
    assert (on_card(estate, card), found[AccountKind.MERCHANT]) == (3_500, 1_500)
    till.tell(till.sold(undoes=1))
    assert (on_card(estate, card), AccountKind.MERCHANT in sums(estate)) == (5_000, False)


def test_a_purchase_is_reversed_at_the_desk_once_and_the_till_cannot_undo_it_again(
    estate: Estate, till: TillOf, card: int
) -> None:
    """沖正. Planted break: ``_undo`` without ``is_first``."""
    rows = till.tell(till.sold(), till.sold(counter=2))

    def reverse() -> None:
        service.take_back(by(), Posting.get_by_id(rows[0].posting_id), "wrong price")

    estate.write(reverse)
    assert (on_card(estate, card), sums(estate)[AccountKind.MERCHANT]) == (3_500, 1_500)
    with pytest.raises(ConflictError):
        estate.write(reverse)
    assert [row.result for row in till.tell(till.sold(undoes=1))] == ["sold", "sold", "conflict"]
    assert on_card(estate, card) == 3_500

    def takings() -> list[tuple[int, int, int]]:
        view = make_table().view({})
        return [(row.sold_fen, row.corrected_fen, row.takings_fen) for row in view.rows(HEAD_OFFICE, None, 9)]

    assert estate.read(takings) == [(3_000, -1_500, 1_500)]


def test_both_halves_of_a_purchase_elsewhere_are_reversed_together(
    estate: Estate, till: TillOf, card: int
) -> None:
    """Planted break: ``take_back`` without the other half."""
    estate.write(
        lambda: (
            Device.update(organisation=estate.other_organisation).where(Device.id == till.device).execute()
        )
    )
    (row,) = till.tell(till.sold())
    other = estate.read(lambda: Posting.get(Posting.key.endswith(":in")).id)
    with pytest.raises(ConflictError):
        estate.write(lambda: service.take_back(by(), Posting.get_by_id(other), "alone"))
    estate.write(lambda: service.take_back(by(), Posting.get_by_id(row.posting_id), "wrong price"))
    found = sums(estate)
    assert (on_card(estate, card), found.get(AccountKind.MERCHANT), found.get(AccountKind.CLEARING)) == (
        5_000,
        None,
        None,
    )


def test_what_was_refused_and_what_was_free_book_nothing(estate: Estate, till: TillOf, card: int) -> None:
    rows = till.tell(
        till.sold(reason=Reason.NOT_ENOUGH_MONEY, counter=0), till.sold(0), till.sold(0, undoes=1)
    )
    assert [(row.result, row.booked_fen, row.posting_id) for row in rows] == [
        ("refused", 0, None),
        ("sold", 0, None),
        ("taken_back", 0, None),
    ]


def test_a_lost_card_at_a_till_raises_lost_card_used(estate: Estate, till: TillOf) -> None:
    estate.project(till.sold(reason=Reason.CARD_LOST, counter=0), device=till.device)
    assert alarms(estate) == ["dead_card_used"]


def test_after_an_erasure_the_money_stands_also_when_it_is_rebuilt(
    estate: Estate, till: TillOf, card: int
) -> None:
    """I15. Planted break: ``_book`` looking for the debit of nobody's card."""
    facts = [till.sold(), till.sold(undoes=1), till.sold(counter=2), till.sold(counter=2, uid=STRANGE)]
    before = [(row.result, row.booked_fen, row.posting_id) for row in till.tell(*facts)]
    books = sums(estate)
    bare = []
    for stored in facts:
        fact = stored.fact.__class__(
            *(
                getattr(stored.fact, name)
                for name in ("seq", "kind", "boot", "boottime_ms", "wall_ms", "clock")
            ),
            stored.fact.body,
        )
        bare.append(stored.__class__(stored.node_epoch, fact, stored.body, stored.at, stored.received_ms))
    for rebuilt in (False, True):
        if rebuilt:
            estate.write(projection.reset)
        rows = till.tell(*bare, live=False)
        assert [(row.result, row.booked_fen, row.posting_id) for row in rows] == before
        assert {(row.card_id, row.person_id) for row in rows} == {(None, None)}
        assert sums(estate) == books
    assert estate.read(lambda: Purchase.select().count()) == 4

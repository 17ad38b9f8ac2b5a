"""Desks, transfers and stock-takings: the sum holds through all of them, and a break in the books is found (9)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from central.cards import acts
from central.cards.model import Card, CardDesk, CardIntake
from central.cards.rules import Origin
from central.errors import ConflictError, InvalidInputError
from central.sites.model import Site
from central.stock import counting, moving
from central.stock.books import Books, books_of
from central.stock.model import Difference, StockTaking, Transfer
from central.stock.rules import run_of
from tests.support.card_acts import act_on, card, issue
from tests.support.estate import Estate, by

SENDER, RECEIVER = 1, 2


@pytest.fixture
def stocked(estate: Estate) -> Estate:
    """Two desks; ten blank cards 0001 to 0010 at the first."""

    def make() -> None:
        about = {"site": estate.site, "organisation": estate.organisation}
        CardDesk.create(name="服务中心", **about)
        CardDesk.create(name="南区", **about)
        cards = [(None, number) for number in run_of("0001", "0010")]
        acts.enter(
            by(),
            estate.site,
            estate.organisation,
            cards,
            Origin.BOUGHT,
            desk=CardDesk.get_by_id(1),
            price_fen=180,
        )

    estate.write(make)
    return estate


def books(estate: Estate) -> Books:
    return estate.read(lambda: books_of(Site.get_by_id(estate.site)))


def figures(estate: Estate) -> dict[str, int]:
    """The parts that are not zero; the books must add up."""
    found = books(estate)
    assert not found.wrong, found
    assert found.sum == found.bought, found
    return {name: number for name, number in found.parts.items() if number}


def send(estate: Estate, numbers: list[str], start: int | None = 1, end: int = 2) -> int:
    return estate.write(
        lambda: (
            moving.send(
                by(number=SENDER),
                None if start is None else CardDesk.get_by_id(start),
                CardDesk.get_by_id(end),
                moving.cards_of(estate.site, numbers),
            ).id
        )
    )


def receive(estate: Estate, transfer: int, numbers: list[str], number: int = RECEIVER) -> int:
    return estate.write(
        lambda: moving.receive(
            by(number=number), Transfer.get_by_id(transfer), moving.cards_of(estate.site, numbers)
        )
    )


def test_what_was_bought_is_somewhere_through_the_life_of_a_card(stocked: Estate) -> None:
    assert figures(stocked) == {"in_stock": 10}
    uid = bytes.fromhex("04A1B2C3")
    first = issue(stocked, uid, "0001")
    assert figures(stocked) == {"in_stock": 9, "in_use": 1}
    stocked.show_at_desk(uid.hex())
    act_on(stocked, first, lambda found: acts.take_back(by(), found))
    assert figures(stocked) == {"in_stock": 9, "returned": 1}
    act_on(stocked, first, lambda found: acts.restock(by(), found))
    issue(stocked, uid, "0001")
    act_on(stocked, first, lambda found: acts.cancel(by(), found, reason="離職"))
    assert figures(stocked) == {"in_stock": 9, "not_recovered": 1}
    second = issue(stocked, bytes.fromhex("04A1B2C4"), "7777")
    assert figures(stocked) == {"in_stock": 9, "not_recovered": 1, "in_use": 1}
    swapped = {"identity_checked": True, "warranty": False, "reason": "折斷"}
    act_on(stocked, second, lambda old: acts.swap(by(), old, bytes.fromhex("04A1B2C5"), "0002", **swapped))
    assert figures(stocked) == {"in_stock": 8, "not_recovered": 1, "in_use": 1, "returned": 1}
    act_on(stocked, second, lambda found: acts.destroy(by(), found, reason="剪毀"))
    assert figures(stocked) == {"in_stock": 8, "not_recovered": 1, "in_use": 1, "destroyed": 1}


def test_cards_between_two_desks_are_on_their_way_until_somebody_else_confirms(stocked: Estate) -> None:
    transfer = send(stocked, ["0001", "0002", "0003"])
    assert figures(stocked) == {"in_stock": 7, "in_transit": 3}
    with pytest.raises(ConflictError, match="Somebody else"):
        receive(stocked, transfer, ["0001"], SENDER)
    with pytest.raises(ConflictError, match="not on its way here"):
        receive(stocked, transfer, ["0004"])
    assert receive(stocked, transfer, ["0001", "0002"]) == 1
    assert figures(stocked) == {"in_stock": 9, "in_transit": 1}
    assert card(stocked, 1).desk_id == 2
    assert receive(stocked, transfer, ["0003"]) == 0
    assert stocked.read(lambda: Transfer.get_by_id(transfer).closed_at) is not None
    with pytest.raises(ConflictError):
        receive(stocked, transfer, ["0003"])


def test_what_never_arrives_is_written_off_and_opens_nothing_when_it_turns_up(stocked: Estate) -> None:
    transfer = send(stocked, ["0001", "0002"])
    receive(stocked, transfer, ["0001"])

    def give_up() -> list[str]:
        return moving.give_up(by(), Transfer.get_by_id(transfer), reason="遺失")

    assert stocked.write(give_up) == ["0002"]
    assert figures(stocked) == {"in_stock": 9, "not_recovered": 1}
    with pytest.raises(ConflictError):
        issue(stocked, bytes.fromhex("04A1B2C3"), "0002")
    with pytest.raises(ConflictError, match="have arrived"):
        stocked.write(give_up)


@pytest.mark.parametrize(
    ("numbers", "start", "end"),
    [
        (["0001", "0099"], 1, 2),
        (["0001"], 2, 1),
        (["0001"], 1, 1),
        (["0001"], None, 2),
        ([], 1, 2),
    ],
)
def test_only_cards_that_lie_at_the_desk_are_sent(
    stocked: Estate, numbers: list[str], start: int | None, end: int
) -> None:
    with pytest.raises((ConflictError, InvalidInputError)):
        send(stocked, numbers, start, end)
    assert figures(stocked) == {"in_stock": 10}


def test_a_card_in_use_is_not_sent(stocked: Estate) -> None:
    issue(stocked, bytes.fromhex("04A1B2C3"), "0001")
    with pytest.raises(ConflictError, match="0001"):
        send(stocked, ["0001"], None, 2)


# -- stock-taking -----------------------------------------------------------------------------------------------------


def count(estate: Estate, found: list[str], desk: int = 1, reason: str = "清點") -> int:
    return estate.write(
        lambda: counting.count(by(number=1), CardDesk.get_by_id(desk), found, reason=reason).id
    )


def sign(estate: Estate, taking: int, number: int = 2) -> dict[str, list[str]]:
    return estate.write(lambda: counting.sign(by(number=number), StockTaking.get_by_id(taking)))


def test_a_count_that_agrees_needs_a_second_signature_and_books_nothing(stocked: Estate) -> None:
    taking = count(stocked, run_of("0001", "0010"), reason="")
    with pytest.raises(ConflictError, match="second operator"):
        sign(stocked, taking, 1)
    assert sign(stocked, taking) == {}
    with pytest.raises(ConflictError, match="closed"):
        sign(stocked, taking)
    assert figures(stocked) == {"in_stock": 10}


def test_differences_need_a_reason_and_are_booked_by_the_second_signature_only(stocked: Estate) -> None:
    found = [*run_of("0001", "0008"), "5000"]
    with pytest.raises(InvalidInputError, match="Say why"):
        count(stocked, found, reason=" ")
    taking = count(stocked, found)
    assert figures(stocked) == {"in_stock": 10}
    assert sign(stocked, taking) == {"written_off": ["0009", "0010"], "entered": ["5000"]}
    assert figures(stocked) == {"in_stock": 9, "not_recovered": 2}
    assert stocked.read(lambda: CardIntake.get(CardIntake.origin == "found").first_no) == "5000"


def test_a_card_of_another_desk_is_moved_and_one_that_somebody_holds_is_left_to_be_looked_at(
    stocked: Estate,
) -> None:
    receive(stocked, send(stocked, ["0010"]), ["0010"])
    issue(stocked, bytes.fromhex("04A1B2C3"), "0009")
    taking = count(stocked, [*run_of("0001", "0010")])
    kinds = stocked.read(lambda: dict(Difference.select(Difference.card_no, Difference.kind).tuples()))
    assert kinds == {"0009": "not_here", "0010": "elsewhere"}
    assert sign(stocked, taking) == {"left_open": ["0009"], "moved_here": ["0010"]}
    assert card(stocked, 10).desk_id == 1
    assert figures(stocked) == {"in_stock": 9, "in_use": 1}


def test_what_moved_between_the_count_and_the_signature_is_not_booked(stocked: Estate) -> None:
    taking = count(stocked, run_of("0002", "0010"))
    issue(stocked, bytes.fromhex("04A1B2C3"), "0001")
    assert sign(stocked, taking) == {"settled": ["0001"]}
    assert figures(stocked) == {"in_stock": 9, "in_use": 1}


def test_a_new_count_of_a_desk_discards_the_unsigned_one(stocked: Estate) -> None:
    first = count(stocked, [])
    second = count(stocked, run_of("0001", "0010"))
    with pytest.raises(ConflictError, match="closed"):
        sign(stocked, first)
    assert sign(stocked, second) == {}
    assert figures(stocked) == {"in_stock": 10}


# -- negative controls ------------------------------------------------------------------------------------------------

BREAKS: dict[str, Callable[[], object]] = {
    "a card vanishes": lambda: Card.delete().where(Card.id == 3).execute(),
    "an intake says more": lambda: CardIntake.update(cards_count=11).execute(),
    "an intake says less": lambda: CardIntake.update(cards_count=9).execute(),
    "on its way without a transfer": lambda: Card.update(in_transit=True).where(Card.id == 3).execute(),
    "a held card at a desk": lambda: Card.update(holding="in_use").where(Card.id == 3).execute(),
    "a transfer without its card": lambda: Card.update(in_transit=False).where(Card.id == 1).execute(),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_in_the_books_is_found(stocked: Estate, name: str) -> None:
    send(stocked, ["0001"])
    assert not books(stocked).wrong
    stocked.write(BREAKS[name])
    assert books(stocked).wrong

"""What tills are told of the money on cards: it follows ledger and card, in the same transaction, and nobody else is told."""

from __future__ import annotations

import pytest

from central.access.model import LevelEntry
from central.cards import acts, entitlements
from central.cards.model import Card
from central.errors import ConflictError, InvalidInputError
from central.nodes import service
from central.nodes.model import Device
from central.sync import publish
from central.sync.model import PublishedRow
from central.tills.model import Till
from central.tills.settings import Limits, Meal
from central.tills.tills import TillInput
from protocol.records import Change, Kind, TillRow, decode_row
from protocol.schedule import ALWAYS
from tests.central.tills.tills import LUNCH, TillOf, published, top_up
from tests.support.card_acts import act_on, issue
from tests.support.estate import NOON, Estate, by


@pytest.fixture
def till(estate: Estate) -> TillOf:
    return TillOf(estate)


def holders(estate: Estate) -> set[str] | None:
    found = published(estate)
    return None if found is None else found[1]


def test_a_balance_follows_every_movement(estate: Estate, till: TillOf) -> None:
    """Planted break: ``posting.post`` without its followers; ``_spent`` without what was undone."""
    card = issue(estate, entitlements={"levels": [till.level]})
    row, tags = published(estate) or pytest.fail("not published")
    assert (row.card, row.issue_no, row.balance_fen, row.card_class) == (card, 1, 0, estate.card_class)
    assert tags == {f"device:{till.device}"}
    top_up(estate, card, 5_000)
    till.tell(till.sold(), till.sold(counter=2), till.sold(undoes=2))
    row, _tags = published(estate) or pytest.fail("not published")
    assert (row.balance_fen, row.spent) == (3_500, ((till.point, 3_000, 1_500),))
    assert row.at_s == int(NOON.timestamp())


def test_only_tills_at_which_the_card_may_pay_are_told(estate: Estate, till: TillOf) -> None:
    """39. Planted breaks: the tags without the list of devices; without ``card_followers``."""
    other = TillOf(estate, 9, "canteen-b")
    card = issue(estate, entitlements={"levels": [estate.level]})
    assert published(estate) is None
    both = {"levels": [till.level, other.level]}
    act_on(estate, card, lambda one: acts.rewrite(by(), one, acts.Terms(entitlements=both)))
    assert holders(estate) == {f"device:{till.device}", f"device:{other.device}"}

    def limit() -> None:
        entitlements.choose(card, {"devices": [other.device]})
        publish.card_changed(card)

    estate.write(limit)
    assert holders(estate) == {f"device:{other.device}"}
    act_on(estate, card, lambda one: acts.report_lost(by(), one))
    assert holders(estate) == {f"device:{other.device}"}, "a lost card stays in use, and is on the hotlist"


def test_a_level_that_gets_or_loses_a_till_takes_its_cards_along(estate: Estate, till: TillOf) -> None:
    """Planted break: ``level_followers``."""
    issue(estate)
    assert published(estate) is None

    def give() -> None:
        LevelEntry.create(level=estate.level, point=till.point, schedule=ALWAYS)
        publish.level_changed(estate.level)

    def take() -> None:
        LevelEntry.delete().where(LevelEntry.point == till.point).execute()
        publish.level_changed(estate.level)

    estate.write(give)
    assert holders(estate) == {f"device:{till.device}"}
    estate.write(take)
    assert published(estate) is None


def till_row(estate: Estate, till: TillOf) -> TillRow | None:
    def read() -> TillRow | None:
        row = PublishedRow.get_or_none(PublishedRow.kind == Kind.TILL.value)
        if row is None or not row.body:
            return None
        found = decode_row(Change(row.kind, bytes(row.key), bytes(row.body)))
        assert isinstance(found, TillRow)
        return found

    return estate.read(read)


def test_a_till_is_told_how_it_sells_while_it_is_in_use(estate: Estate) -> None:
    till = TillOf(estate, is_set=False)
    assert till_row(estate, till) == TillRow(), "nobody has set it up: it sells nothing"
    meal = Meal(
        number=3, name="夜宵", start_min=1_380, end_min=60, price_fen=800, count_max=1, prices=((7, 0),)
    )
    given = TillInput(
        shop="员工食堂", meals=(LUNCH, meal), limits=Limits(day_max_fen=6_000, hotlist_age_max_h=24)
    )
    till.put(given)
    row = till_row(estate, till)
    assert row is not None
    assert (row.meals, row.prices) == (((2, 660, 810, 1_500, 0), (3, 1_380, 60, 800, 1)), ((3, 7, 0),))
    assert (row.day_max_fen, row.hotlist_age_max_s, row.balances_age_max_s, row.offline_meal_max_fen) == (
        6_000,
        86_400,
        259_200,
        3_000,
    )
    with pytest.raises(ConflictError):
        till.put(given)
    estate.write(lambda: service.set_enabled(Device.get_by_id(till.device), False))
    assert till_row(estate, till) is None
    assert estate.read(lambda: Till.get().version) == 1


@pytest.mark.parametrize(("end_min", "is_right"), [(660, True), (661, False)])
def test_two_meals_are_not_sold_at_one_time(estate: Estate, end_min: int, is_right: bool) -> None:
    till = TillOf(estate, is_set=False)
    early = Meal(number=1, name="早餐", start_min=600, end_min=end_min, price_fen=500)
    given = TillInput(shop="员工食堂", meals=(early, LUNCH), limits=Limits())
    if is_right:
        till.put(given)
    else:
        with pytest.raises(InvalidInputError):
            till.put(given)


def test_a_card_that_is_back_in_stock_has_no_balance_at_tills(estate: Estate, till: TillOf) -> None:
    card = issue(estate, entitlements={"levels": [till.level]})
    estate.write(lambda: Card.update(holding="returned").where(Card.id == card).execute())
    estate.write(publish.card_changed, card)
    assert published(estate) is None

"""A move-in (U2): blank cards that are shown go into the bag of the next unit, desks do not meet, signing activates."""

from __future__ import annotations

from typing import Any

import pytest

from central.audit import AuditEntry
from central.cards.acts import suggest_card_no
from central.cards.model import Card, CardClass, WriteOrder
from central.cards.rows import card_rows
from central.households.model import Household, Unit
from central.movein.model import Bag, BagCard, Desk
from central.sync.model import PublishedRow
from protocol.ids import uid_key
from tests.support.centre import Browser, RunningCentre
from tests.support.estate import person_row
from tests.support.estate_pages import ORGANISATION, SITE, Estate

UNITS = 4
CARDS = 2


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.fixture
async def move_in(estate: Estate, centre_client: Browser) -> int:
    """Four homes of building 1, two cards each."""
    for number in range(UNITS):
        unit = {"site": SITE, "organisation": ORGANISATION, "building": "1栋", "number": f"{101 + number}"}
        answer = await centre_client.post("/units/new", {**unit, "kind": "home", "state": "waiting"})
        assert answer.status == 303, answer
    limit = {"card_class": estate.card_class, "unit_kind": "home", "cards_max": CARDS}
    assert (await centre_client.post("/units/limits", limit)).status == 303
    return await begin(estate, centre_client)


async def begin(estate: Estate, browser: Browser, **changes: Any) -> int:
    form = {
        "name": "一期入伙",
        "organisation": ORGANISATION,
        "buildings": "1栋",
        "unit_kind": "home",
        "card_class": estate.card_class,
        "cards_per_unit": CARDS,
        "levels": estate.level,
        **changes,
    }
    answer = await browser.post("/move-ins/new", form)
    assert answer.status == 303, answer
    return int(answer.location.rpartition("/")[2])


async def open_desk(browser: Browser, move_in: int, reader: int) -> int:
    answer = await browser.post(f"/move-ins/{move_in}/desk/begin", {"reader": reader})
    return answer.status


async def show(estate: Estate, reader: int, uid: str) -> None:
    if reader == estate.desk:
        await estate.show_at_desk(uid)
    else:
        await estate.show(uid, point=reader)


async def bags(estate: Estate) -> list[tuple[str, str, list[str]]]:
    """Unit, state, and the cards (by UID) of each bag, in order."""

    def read() -> list[tuple[str, str, list[str]]]:
        found = []
        for bag in Bag.select(Bag, Unit).join(Unit).order_by(Bag.position):
            cards = Card.select(Card.uid).join(BagCard).where(BagCard.bag == bag.id).order_by(BagCard.id)
            found.append(
                (bag.unit.number, bag.state, [bytes(uid).hex().upper() for (uid,) in cards.tuples()])
            )
        return found

    return await estate.running.read(read)


def uid(number: int) -> str:
    return f"04C0DE{number:02X}"


async def test_two_desks_pack_in_the_order_of_the_list_and_never_the_same_unit(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    """Planted break: ``bag_of`` not writing the state AT_DESK."""
    assert await open_desk(centre_client, move_in, estate.desk) == 303
    assert await open_desk(centre_client, move_in, estate.exit) == 303
    for number in range(UNITS * CARDS):
        await show(estate, (estate.desk, estate.exit)[number % 2], uid(number))
    assert await bags(estate) == [
        ("101", "packed", [uid(0), uid(2)]),
        ("102", "packed", [uid(1), uid(3)]),
        ("103", "packed", [uid(4), uid(6)]),
        ("104", "packed", [uid(5), uid(7)]),
    ]
    await show(estate, estate.desk, uid(99))
    page = await centre_client.get(f"/move-ins/{move_in}/desk?reader={estate.desk}")
    assert "All units have their cards." in page.text
    assert await estate.running.read(lambda: Card.select().count()) == UNITS * CARDS


async def test_a_card_that_is_shown_twice_or_is_not_blank_is_told_apart(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    await estate.issue(centre_client, "04A1B201", "A1")
    await open_desk(centre_client, move_in, estate.desk)
    state = f"/move-ins/{move_in}/desk/state?reader={estate.desk}"
    await show(estate, estate.desk, "04A1B201")
    assert "This card is not blank" in (await centre_client.get(state)).text
    await show(estate, estate.desk, uid(1))
    await show(estate, estate.desk, uid(1))
    assert "Put it into the bag." in (await centre_client.get(state)).text, "it lies there still"
    await show(estate, estate.desk, uid(2))
    await show(estate, estate.desk, uid(1))
    assert "lies in a bag already" in (await centre_client.get(state)).text
    await show(estate, estate.desk, "08112233")
    assert "another number each time" in (await centre_client.get(state)).text
    assert [cards for _unit, _state, cards in await bags(estate)] == [[uid(1), uid(2)], [], [], []]


async def test_no_card_counts_that_was_shown_before_the_desk_was_open(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    await show(estate, estate.desk, uid(1))
    estate.running.clock.advance(s=1)
    await open_desk(centre_client, move_in, estate.desk)
    await show(estate, estate.exit, uid(2))
    assert [cards for _unit, _state, cards in await bags(estate)] == [[], [], [], []]
    assert await open_desk(centre_client, move_in, estate.desk) == 409, "this reader is a desk already"


async def test_a_closed_desk_leaves_its_unit_to_the_next(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    await open_desk(centre_client, move_in, estate.desk)
    await show(estate, estate.desk, uid(1))
    first = await estate.running.read(lambda: Desk.get().id)
    assert (await centre_client.post(f"/move-ins/{move_in}/desk/close", {"desk": first})).status == 303
    await show(estate, estate.desk, uid(8))
    await open_desk(centre_client, move_in, estate.exit)
    await show(estate, estate.exit, uid(2))
    assert (await bags(estate))[0] == ("101", "packed", [uid(1), uid(2)])


async def test_cards_of_a_bag_open_nothing_until_somebody_signs(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    """Planted break: ``_put`` issuing the card at once."""
    await open_desk(centre_client, move_in, estate.desk)
    await show(estate, estate.desk, uid(1))
    assert (await centre_client.post("/move-ins/bags/1/sign", {"person": "0001"})).status == 422, "not packed"
    await show(estate, estate.desk, uid(2))

    def published() -> int:
        return PublishedRow.select().where(PublishedRow.key == uid_key(bytes.fromhex(uid(1)))).count()

    def rows() -> list[Any]:
        return [row.card for card in Card.select() for row in card_rows(card.id)]

    assert await estate.running.read(rows) == [None, None]
    assert await estate.running.read(published) == 0
    other = {"uid": uid(1), "card_no": "00000001", "person": str(estate.person), "card_class": "1"}
    refused = await centre_client.post("/cards/issue", other)
    assert (refused.status, "kept for unit 1栋 101" in refused.text) == (422, True)

    await estate.running.write(lambda: person_row(SITE, ORGANISATION, "0500", "新业主", kind="owner").id)
    await estate.running.write(CardClass.update(deposit_fen=2_000, cost_fen=1_550).execute)
    assert "71.00: deposit and card cost" in (await centre_client.get("/move-ins/bags/1")).text
    assert (await centre_client.post("/move-ins/bags/1/sign", {"person": "0499"})).status == 422
    assert (await centre_client.post("/move-ins/bags/1/sign", {"person": "0500"})).status == 303
    assert all(row is not None and row.levels == (estate.level,) for row in await estate.running.read(rows))
    assert await estate.running.read(published) == 1
    assert (await centre_client.post("/move-ins/bags/1/sign", {"person": "0500"})).status == 422
    page = await centre_client.get("/units/1")
    assert "业主卡: 2 of 2" in page.text
    assert "Handed over" in page.text
    assert await estate.running.read(lambda: Household.get().head.number) == "0500"

    def trail() -> list[str]:
        query = AuditEntry.select(AuditEntry.action).where(
            AuditEntry.action.in_(["cards.issue", "cards.move_in_sign"])
        )
        return [action for (action,) in query.order_by(AuditEntry.seq).tuples()]

    assert await estate.running.read(trail) == ["cards.issue", "cards.issue", "cards.move_in_sign"]


async def test_a_card_is_taken_out_and_another_put_in(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    await open_desk(centre_client, move_in, estate.desk)
    for number in (1, 2, 3):
        await show(estate, estate.desk, uid(number))
    assert (await centre_client.post("/move-ins/bags/1/take-out", {"card": "1"})).status == 303
    assert (await bags(estate))[0] == ("101", "waiting", [uid(2)])
    assert (await centre_client.post("/move-ins/bags/1/take-out", {"card": "1"})).status == 409
    await show(estate, estate.desk, uid(4))
    await show(estate, estate.desk, uid(5))
    assert [cards for _unit, _state, cards in await bags(estate)] == [
        [uid(2), uid(5)],
        [uid(3), uid(4)],
        [],
        [],
    ]


async def test_progress_labels_and_receipts_by_building(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    await open_desk(centre_client, move_in, estate.desk)
    for number in range(3):
        await show(estate, estate.desk, uid(number))
    page = (await centre_client.get(f"/move-ins/{move_in}")).text
    assert "1 / 4" in page
    assert "0 / 4" in page
    for sheet in ("labels", "receipts"):
        paper = await centre_client.post(f"/move-ins/{move_in}/{sheet}", {"building": "1栋"})
        assert paper.status == 200
        assert "1栋 101" in paper.text
        assert "1栋 102" not in paper.text, "its bag is not packed"
        assert "00000001, 00000002" in paper.text
    assert (await centre_client.post(f"/move-ins/{move_in}/labels", {"building": "9栋"})).status == 404
    listed = (await centre_client.get(f"/move-ins/{move_in}/units?state=packed")).text
    assert "101" in listed


async def test_more_cards_than_a_unit_may_have_are_not_begun(
    estate: Estate, centre_client: Browser, move_in: int
) -> None:
    form = {
        "name": "二",
        "organisation": ORGANISATION,
        "buildings": "1栋",
        "unit_kind": "home",
        "card_class": estate.card_class,
        "cards_per_unit": CARDS + 1,
    }
    refused = await centre_client.post("/move-ins/new", form)
    assert (refused.status, "in another move-in" in refused.text) == (422, True)
    await estate.running.write(lambda: Bag.delete().execute())
    refused = await centre_client.post("/move-ins/new", form)
    assert (refused.status, "more cards than a unit may have" in refused.text) == (422, True)


async def test_a_move_in_of_another_organisation_is_not_there(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser, move_in: int
) -> None:
    stranger = await running_centre.as_role(
        "administrator", site=SITE, organisation=estate.other_organisation
    )
    for path in ("", "/units", "/desk", "/desk/state"):
        assert (await stranger.get(f"/move-ins/{move_in}{path}")).status == 404, path
    assert (await stranger.get("/move-ins/bags/1")).status == 404
    assert await open_desk(stranger, move_in, estate.desk) == 404
    assert (await stranger.post(f"/move-ins/{move_in}/labels", {"building": "1栋"})).status == 404


async def test_a_number_that_is_being_written_at_one_desk_is_not_given_at_another(
    estate: Estate, move_in: int
) -> None:
    """Planted break: ``suggest_card_no`` not looking at open orders."""

    def order(state: str) -> str:
        WriteOrder.delete().execute()
        WriteOrder.create(
            site=SITE,
            organisation=ORGANISATION,
            device=estate.desk_device,
            point=estate.desk,
            act="pack",
            uid=b"\x04\x01\x02\x03",
            medium=1,
            zones=1,
            seq=1,
            card_no="00000001",
            created_at=estate.now,
            expires_at=estate.now,
            state=state,
        )
        return suggest_card_no(SITE)

    assert await estate.running.write(order, "sent") == "00000002"
    assert await estate.running.write(order, "written") == "00000002"
    assert await estate.running.write(order, "expired") == "00000001"

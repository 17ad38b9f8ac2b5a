"""Sub-systems, devices and classes of a card: what is ticked is what the devices are given (38, 39, 40)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from central.access.explain import LIMITED, REMEDY, ask
from central.cards import entitlements
from central.cards.model import Card, CardClass
from central.cards.rows import card_rows
from central.errors import InvalidInputError
from central.sync.model import PublishedRow, RowTag
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import CardFlag, Kind
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate

UID = "04A1B2C3"
ACCESS = "1"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def tags(estate: Estate) -> set[str]:
    """Who is given the card's access row."""

    def read() -> set[str]:
        query = RowTag.select(RowTag.tag).join(PublishedRow)
        of_cards = query.where((PublishedRow.kind == Kind.CARD.value) & ~RowTag.removed)
        return {tag for (tag,) in of_cards.tuples()}

    return await estate.running.read(read)


async def stale_rows(estate: Estate) -> int:
    return await estate.running.read(
        lambda: PublishedRow.select().where(PublishedRow.kind == Kind.STALE_RIGHTS.value).count()
    )


async def rewrite(estate: Estate, client: Browser, card: int, **fields: Any) -> None:
    version = await estate.running.read(lambda: str(Card.get_by_id(card).version))
    given = {"levels": str(estate.level), "sub_systems": ACCESS, "limits": "1", "version": version, **fields}
    answer = await client.post(f"/cards/{card}/rewrite", {n: t for n, t in given.items() if t})
    assert answer.status == 303, answer.text


async def test_a_card_goes_wherever_its_rights_reach_until_it_is_limited(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "A-1")
    assert await tags(estate) == {f"level:{estate.level}"}
    assert "None: this card opens no door." not in (await centre_client.get(f"/cards/{card}")).text
    await rewrite(estate, centre_client, card, devices=str(estate.gate_device))
    assert await tags(estate) == {f"device:{estate.gate_device}"}
    assert "东门控制器" in (await centre_client.get(f"/cards/{card}")).text
    await rewrite(estate, centre_client, card)
    assert await tags(estate) == {f"level:{estate.level}"}


async def test_a_device_that_is_taken_away_stops_at_once(estate: Estate, centre_client: Browser) -> None:
    """Planted break: without the void mark the device goes on by its old row until the access stream reaches it."""
    card = await estate.issue(centre_client, UID, "A-1")
    assert await stale_rows(estate) == 0
    await rewrite(estate, centre_client, card, devices=str(estate.gate_device))
    assert await stale_rows(estate) == 1


async def test_what_if_says_that_the_card_is_limited(estate: Estate, centre_client: Browser) -> None:
    other = await estate.running.write(lambda: estate._device("hall", 3, "大堂控制器", ["door"]))
    card = await estate.issue(centre_client, UID, "A-1", devices=str(other), sub_systems=ACCESS, limits="1")
    key = uid_key(bytes.fromhex(UID))
    answer = await estate.running.read(ask, key, estate.entrance, estate.now)
    assert (answer.reason, answer.remedy) == (Reason.NO_ACCESS_HERE, LIMITED)
    await rewrite(estate, centre_client, card, devices=str(estate.gate_device))
    assert (await estate.running.read(ask, key, estate.entrance, estate.now)).reason is Reason.GRANTED


async def test_a_sub_system_that_is_closed_keeps_its_rights_and_is_told_to_the_devices_at_once(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: ``publish._shrank`` without the flags."""
    card = await estate.issue(centre_client, UID, "A-1")
    (rows,) = await estate.running.read(card_rows, card)
    assert rows.card is not None
    assert rows.card.flags is CardFlag.NONE
    await rewrite(estate, centre_client, card, sub_systems="")
    (rows,) = await estate.running.read(card_rows, card)
    assert rows.card is not None
    assert (rows.card.levels, rows.card.flags & CardFlag.ACCESS_CLOSED) == (
        (estate.level,),
        CardFlag.ACCESS_CLOSED,
    )
    assert await tags(estate) == {f"level:{estate.level}"}
    assert await stale_rows(estate) == 1
    answer = await estate.running.read(ask, uid_key(bytes.fromhex(UID)), estate.entrance, estate.now)
    assert (answer.reason, answer.remedy) == (
        Reason.SUB_SYSTEM_CLOSED,
        REMEDY[Reason.SUB_SYSTEM_CLOSED],
    )
    form = (await centre_client.get(f"/cards/{card}/rewrite")).text
    assert f'name="levels" value="{estate.level}" checked' in form
    await rewrite(estate, centre_client, card)
    (rows,) = await estate.running.read(card_rows, card)
    assert rows.card is not None
    assert (rows.card.levels, rows.card.flags & CardFlag.ACCESS_CLOSED) == ((estate.level,), CardFlag.NONE)


async def test_devices_of_another_estate_and_unknown_sub_systems_are_refused(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "A-1")
    for wrong in ({"devices": [estate.desk_device]}, {"sub_systems": [9]}):
        with pytest.raises(InvalidInputError):
            await estate.running.write(entitlements.choose, card, wrong)


async def test_a_card_that_was_handed_in_has_no_limits_when_it_is_issued_again(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "A-1")
    await rewrite(estate, centre_client, card, sub_systems="", devices=str(estate.gate_device))
    await estate.show_at_desk(UID)
    await centre_client.post(f"/cards/{card}/return")
    await centre_client.post(f"/cards/{card}/restock")
    assert await estate.issue(centre_client, UID, "A-1") == card
    assert await tags(estate) == {f"level:{estate.level}"}


async def test_a_replacement_has_the_same_limits(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, UID, "A-1")
    await rewrite(estate, centre_client, card, devices=str(estate.gate_device))
    await centre_client.post(f"/cards/{card}/lose")
    version = await estate.running.read(lambda: str(Card.get_by_id(card).version))
    given = {"uid": "04D4E5F6", "card_no": "A-2", "version": version}
    answer = await centre_client.post(f"/cards/{card}/replace", given)
    assert answer.status == 303, answer.text
    assert await tags(estate) == {f"device:{estate.gate_device}"}


async def test_a_class_proposes_what_it_gives(estate: Estate, centre_client: Browser) -> None:
    answer = await centre_client.post(
        "/cards/classes/new",
        {
            "name": "装修卡",
            "site": str(SITE),
            "active_max_count": "9",
            "valid_days": "30",
            "deposit_fen": "0",
            "cost_fen": "0",
            "active": "1",
            "levels": str(estate.level),
            "sub_systems": ACCESS,
            "devices": str(estate.gate_device),
            "limits": "1",
        },
    )
    assert answer.status == 303, answer.text
    made = await estate.running.read(lambda: CardClass.get(CardClass.name == "装修卡"))
    empty = (await centre_client.get(f"/cards/issue?person={estate.person}")).text
    assert f'name="levels" value="{estate.level}" checked' not in empty
    form = (await centre_client.get(f"/cards/issue?person={estate.person}&card_class={made.id}")).text
    for ticked in (f'"levels" value="{estate.level}"', f'"devices" value="{estate.gate_device}"'):
        assert f"name={ticked} checked" in form
    assert f'<option value="{made.id}" selected' in form
    assert re.search(r'<input [^>]*name="valid_until"[^>]*value="2026-', form)
    edited = (await centre_client.get(f"/cards/classes/{made.id}")).text
    assert f'name="devices" value="{estate.gate_device}" checked' in edited

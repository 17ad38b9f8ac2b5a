"""Taking a site over without re-carding, over real HTTP: lists in any form of number, into use, signatures, swaps (U13, U4)."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from central.bulk_acts.runner import RUNNER
from central.cards.model import Card, CardClass, CardNumbering
from central.cards.number_forms import NumberForm, write
from central.cards.rows import card_rows
from central.imports.model import ImportedRow
from central.people.model import Person
from central.takeover import personal, service
from central.takeover.importer import uid_of
from central.takeover.model import TakenCard, TrialBalance
from tests.central.bulk_acts.test_bulk_pages import SEAL
from tests.support.centre import PASSWORD, Answer, Browser
from tests.support.estate_pages import ORGANISATION, SITE, Estate

UID = bytes.fromhex("04A1B2C3")
PLACE = {"site": str(SITE), "organisation": str(ORGANISATION)}
HEAD = "卡号,人员编号,卡类,权限组,有效期至,车牌,余额\n"


async def number_in(estate: Estate, form: NumberForm, uid_bytes: int = 4) -> None:
    """The estate's cards are numbered in this form."""

    def keep() -> None:
        CardNumbering.delete().execute()
        CardNumbering.create(site=SITE, form=form.value, uid_bytes=uid_bytes, chosen_at=estate.now)

    await estate.running.write(keep)


async def upload(client: Browser, text: str) -> Answer:
    form = aiohttp.FormData()
    for name, value in {"csrf": client.csrf, **PLACE}.items():
        form.add_field(name, value)
    form.add_field(
        "file", text.encode("gb18030"), filename="旧系统.csv", content_type="application/octet-stream"
    )
    same = {"Sec-Fetch-Site": "same-origin"}
    return await client.request("POST", "/cards/takeover/import", data=form, headers=same)


async def bring_in(client: Browser, text: str) -> str:
    """Upload, look, import all of it; the page of the import."""
    checked = await upload(client, text)
    assert checked.status == 303, checked.text
    applied = await client.post(f"{checked.location}/apply", {"rows": "all"})
    assert applied.status == 303, applied.text
    return checked.location


async def taken(estate: Estate) -> list[tuple[Any, ...]]:
    def read() -> list[tuple[Any, ...]]:
        rows = TakenCard.select().order_by(TakenCard.number)
        return [(row.number, bytes(row.uid or b""), row.plate, row.balance_fen, row.card_id) for row in rows]

    return await estate.running.read(read)


@pytest.mark.parametrize(
    ("form", "uid_bytes", "whole"),
    [
        (NumberForm.HEX, 4, True),
        (NumberForm.HEX_REVERSED, 4, True),
        (NumberForm.DECIMAL, 4, True),
        (NumberForm.DECIMAL_REVERSED, 4, True),
        (NumberForm.DECIMAL, 7, False),
        (NumberForm.WIEGAND, 4, False),
        (NumberForm.WIEGAND_REVERSED, 4, False),
    ],
)
def test_a_number_gives_its_uid_only_where_it_holds_all_of_it(
    form: NumberForm, uid_bytes: int, whole: bool
) -> None:
    numbering = CardNumbering(form=form.value, uid_bytes=uid_bytes)
    assert uid_of(write(UID, form), numbering) == (UID if whole else None)


async def test_a_list_is_shown_with_its_mistakes_before_anything_happens(
    estate: Estate, centre_client: Browser
) -> None:
    await number_in(estate, NumberForm.DECIMAL)
    checked = await upload(
        centre_client,
        HEAD
        + "0077705923,0001,业主卡,业主,2027-12-31,沪A12345,12.50\n"
        + "0077705924,9999,,,,,\n"
        + "0077705925,0001,没有的卡类,,,,\n"
        + "0077705926,0001,,没有的权限组,,,\n"
        + "A-1,0001,,,,,\n"
        + "0077705927,0001,,,,,-1\n",
    )
    page = (await centre_client.get(checked.location)).text
    for complaint in (
        "There is no person with this number",
        "no such card class",
        "There is no access level 没有的权限组 here.",
        "no number in the form",
    ):
        assert complaint in page
    assert await taken(estate) == []
    assert (await centre_client.post(f"{checked.location}/apply", {"rows": "good"})).status == 303
    assert await taken(estate) == [("0077705923", UID, "沪A12345", 1250, None)]


async def test_without_a_sample_nothing_is_guessed(estate: Estate, centre_client: Browser) -> None:
    checked = await upload(centre_client, HEAD + "0077705923,0001,,,,,\n")
    assert "read in several ways" in (await centre_client.get(checked.location)).text


async def test_an_import_is_rolled_back(estate: Estate, centre_client: Browser) -> None:
    await number_in(estate, NumberForm.DECIMAL)
    first = await bring_in(centre_client, HEAD + "0077705923,0001,,,,沪A12345,12.50\n")
    second = await bring_in(centre_client, HEAD + "0077705923,0001,,,,沪B00001,0.50\n")
    blocked = await centre_client.post(f"{first}/undo")
    assert (blocked.status, "0077705923" in blocked.text) == (422, True)
    assert (await centre_client.post(f"{second}/undo")).status == 303
    assert await taken(estate) == [("0077705923", UID, "沪A12345", 1250, None)]


@pytest.mark.parametrize(
    ("form", "number", "again"),
    [
        (NumberForm.DECIMAL, "0077705923", "77705923"),
        (NumberForm.HEX, "04A1B2C3", "04:a1:b2:c3"),
        (NumberForm.WIEGAND, '"161,45763"', "16145763"),
        (NumberForm.SERIAL, "0012", "12"),
    ],
)
async def test_a_card_that_is_written_otherwise_is_the_same_card(
    estate: Estate, centre_client: Browser, form: NumberForm, number: str, again: str
) -> None:
    """In one list it is a mistake, in a later one it is the card that is there: its balance counts once.

    Planted break: ``names_of`` with the text alone.
    """
    await number_in(estate, form)
    first, second = f"{number},0001,,,,,12.50\n", f"{again},0001,,,,,13.00\n"
    checked = await upload(centre_client, HEAD + first + second)
    assert "stands in line" in (await centre_client.get(checked.location)).text
    await bring_in(centre_client, HEAD + first)
    await bring_in(centre_client, HEAD + second)
    assert (await estate.running.read(service.standing, SITE, ORGANISATION))["total_fen"] == 1_300


async def test_of_a_card_in_the_books_a_later_list_corrects_the_balance_only(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted breaks: ``_may_change`` True always; False for every card in the books."""
    await number_in(estate, NumberForm.DECIMAL)
    await bring_in(centre_client, HEAD + "0077705923,0001,业主卡,业主,2027-12-31,,12.50\n")
    assert (await centre_client.post("/cards/takeover/enter", PLACE)).status == 303
    checked = await upload(centre_client, HEAD + "0077705923,0001,业主卡,业主,2027-12-31,沪A12345,15.00\n")
    assert "put into use already" in (await centre_client.get(checked.location)).text
    await bring_in(centre_client, HEAD + "0077705923,0001,业主卡,业主,2027-12-31,,15.00\n")
    one = await estate.running.read(lambda: TakenCard.get())
    assert (one.balance_fen, one.plate, bytes(one.uid), one.card_id is not None) == (1_500, "", UID, True)


async def test_cards_go_into_use_without_being_shown_and_open_what_the_list_says(
    estate: Estate, centre_client: Browser
) -> None:
    await number_in(estate, NumberForm.DECIMAL_REVERSED)
    await bring_in(
        centre_client,
        HEAD + "3283263748,0001,业主卡,业主,2027-12-31,,\n" + "67305985,0001,业主卡,业主;业主,2027-12-31,,\n",
    )
    entered = await centre_client.post("/cards/takeover/enter", PLACE)
    assert entered.status == 303, entered.text
    page = await centre_client.get(entered.location)
    assert "2 cards would be done" in page.text
    seal = SEAL.search(page.text)
    assert seal is not None
    query = dict(part.split("=") for part in entered.location.partition("?")[2].split("&"))
    given = {**query, "preview": "1", "seal": seal[1], "reason": "take-over"}
    assert (await centre_client.post("/cards/bulk/new", given)).status == 303
    await estate.running.server.apps.browsers[RUNNER].drain()
    cards = await estate.running.read(
        lambda: {
            bytes(card.uid).hex(): (card.card_no, card.holding, card.person_id)
            for card in Card.select().order_by(Card.id)
        }
    )
    assert cards == {
        "04a1b2c3": ("3283263748", "in_use", estate.person),
        "01020304": ("67305985", "in_use", estate.person),
    }
    rows = await estate.running.read(lambda: [row.card for n in (1, 2) for row in card_rows(n)])
    assert [row.levels for row in rows if row is not None] == [(estate.level,)] * 2
    assert len({row.valid_until_s for row in rows if row is not None}) == 1
    again = await centre_client.post("/cards/takeover/enter", PLACE)
    assert (again.status, "No card is waiting" in again.text) == (422, True)


async def test_the_opening_balance_is_signed_by_two(estate: Estate, centre_client: Browser) -> None:
    await number_in(estate, NumberForm.DECIMAL)
    await bring_in(centre_client, HEAD + "0077705923,0001,,,,,12.50\n0077705924,0001,,,,,0.05\n")
    page = (await centre_client.get("/cards/takeover")).text
    assert "12.55" in page
    seal = page.partition('name="seal" value="')[2].partition('"')[0]
    given = {**PLACE, "seal": seal}
    assert (await centre_client.post("/cards/takeover/sign", given)).status == 303
    alone = await centre_client.post("/cards/takeover/sign", given)
    assert (alone.status, "somebody else" in alone.text) == (403, True)
    other = await estate.running.as_role("administrator")
    assert (await other.post("/cards/takeover/sign", {**given, "seal": "0" * 64})).status == 409
    assert (await other.post("/cards/takeover/sign", given)).status == 303
    assert (await other.post("/cards/takeover/sign", given)).status == 409
    signed = await estate.running.read(lambda: TrialBalance.get())
    assert (signed.cards_count, signed.total_fen, len(signed.files)) == (2, 1255, 1)
    assert signed.first_id != signed.second_id
    await bring_in(centre_client, HEAD + "0077705924,0001,,,,,0.06\n")
    assert "have changed since they were signed" in (await centre_client.get("/cards/takeover")).text


async def test_the_second_signature_needs_the_right_to_approve_stored_value_and_the_password(
    estate: Estate, centre_client: Browser
) -> None:
    """It fills purses. Planted breaks: the route without ``step_up``; ``service.sign`` without asking for the right."""
    await number_in(estate, NumberForm.DECIMAL)
    await bring_in(centre_client, HEAD + "0077705923,0001,,,,,12.50\n")
    seal = (await estate.running.read(service.standing, SITE, ORGANISATION))["seal"]
    given = {**PLACE, "seal": seal}
    assert (await centre_client.post("/cards/takeover/sign", given)).status == 303
    clerk = await estate.running.as_role("card_centre")
    assert 'name="seal"' not in (await clerk.get("/cards/takeover")).text
    refused = await clerk.post("/cards/takeover/sign", given)
    assert (refused.status, "right to approve stored value" in refused.text) == (403, True)
    other = await estate.running.as_role("canteen")
    assert 'name="seal"' in (await other.get("/cards/takeover")).text
    estate.running.clock.advance(minutes=11)
    asked = await other.post("/cards/takeover/sign", given)
    assert (asked.status, "Password" in asked.text) == (403, True)
    assert await estate.running.read(lambda: TrialBalance.get().second_at) is None
    assert (await other.post("/cards/takeover/sign", {**given, "_password": PASSWORD})).status == 303
    assert await estate.running.read(lambda: TrialBalance.get().second_at) is not None


async def test_the_first_signature_is_the_card_centres(estate: Estate, centre_client: Browser) -> None:
    """Who approves stored value closes what the card centre has set down. Planted break: ``sign`` without asking."""
    await number_in(estate, NumberForm.DECIMAL)
    await bring_in(centre_client, HEAD + "0077705923,0001,,,,,12.50\n")
    seal = (await estate.running.read(service.standing, SITE, ORGANISATION))["seal"]
    canteen = await estate.running.as_role("canteen")
    assert 'name="seal"' not in (await canteen.get("/cards/takeover")).text
    assert (await canteen.post("/cards/takeover/sign", {**PLACE, "seal": seal})).status == 403
    assert await estate.running.read(lambda: TrialBalance.select().count()) == 0


async def test_who_is_erased_leaves_no_card_number_and_no_plate_in_the_list(
    estate: Estate, centre_client: Browser
) -> None:
    """Not while what was signed for him waits. Planted breaks: ``personal.forget`` or ``has_balance`` not registered."""
    await number_in(estate, NumberForm.DECIMAL)
    await bring_in(centre_client, HEAD + "0077705923,0001,,,,沪A12345,12.50\n")
    await bring_in(centre_client, HEAD + "0077705923,0001,,,,沪A12346,12.50\n")
    await estate.running.write(TakenCard.update(signed_fen=1_250).execute)
    for signer in (centre_client, await estate.running.as_role("administrator")):
        seal = (await estate.running.read(service.standing, SITE, ORGANISATION))["seal"]
        assert (await signer.post("/cards/takeover/sign", {**PLACE, "seal": seal})).status == 303
    given = await estate.running.read(lambda: personal.taken_of(Person.get_by_id(estate.person)))
    assert [row[:3] for row in given.rows] == [("0077705923", "沪A12346", "¥12.50")]
    wish = {"reason": "本人申请", "sure": "1"}
    refused = await centre_client.post(f"/people/{estate.person}/erase", wish)
    assert (refused.status, "balance of the old system waits" in refused.text) == (422, True)
    await estate.running.write(TakenCard.update(credited_fen=1_250).execute)
    assert (await centre_client.post(f"/people/{estate.person}/erase", wish)).status == 303
    one = await estate.running.read(lambda: TakenCard.get())
    assert (one.number, one.uid, one.plate, one.balance_fen) == (f"#{one.id}", None, "", 1_250)
    page = (await centre_client.get("/cards/takeover")).text
    assert ("have changed since" in page, 'name="seal"' in page) == (False, False), "it is signed as before"
    assert await estate.running.read(lambda: {row.before is None for row in ImportedRow.select()}) == {True}


async def test_an_old_card_is_swapped_for_a_new_one_at_the_desk(
    estate: Estate, centre_client: Browser
) -> None:
    await number_in(estate, NumberForm.SERIAL)
    await bring_in(centre_client, HEAD + "0012345678,0001,业主卡,业主,2027-12-31,,3.00\n")
    await estate.running.write(CardClass.update(deposit_fen=2_000, cost_fen=1_550).execute)
    await estate.show_at_desk("04D4E5F6")
    page = (await centre_client.get("/cards/takeover/swap?old=0012345678")).text
    assert "takes the place of the old one" in page
    assert "35.50: deposit and card cost" in page
    assert "3.00. That is credited when two operators have signed it" in page
    assert "张三" in page
    one = await estate.running.read(lambda: TakenCard.get().id)
    given = {"taken": str(one), "old": "0012345678", "uid": "04D4E5F6", "card_no": "N-0001"}
    answer = await centre_client.post("/cards/takeover/swap", given)
    assert answer.status == 303, answer.text
    row = await estate.running.read(lambda: TakenCard.get())
    card = await estate.running.read(lambda: Card.get())
    assert (row.swapped, row.card_id, card.holding) == (True, card.id, "in_use")
    again = await centre_client.post("/cards/takeover/swap", {**given, "uid": "04D4E5F7", "card_no": "N-2"})
    assert (again.status, "in use already" in again.text) == (409, True)


async def test_an_old_card_that_can_be_read_stays_with_its_holder(
    estate: Estate, centre_client: Browser
) -> None:
    await number_in(estate, NumberForm.WIEGAND)
    await bring_in(centre_client, HEAD.replace("卡类,", "") + '"161,45763",0001,业主,,,\n')
    assert await taken(estate) == [("161,45763", b"", "", 0, None)]
    await estate.show_at_desk("04A1B2C3")
    page = (await centre_client.get("/cards/takeover/swap?old=16145763")).text
    assert "This is the old card itself" in page
    assert "deposit and card cost" not in page
    one = await estate.running.read(lambda: TakenCard.get().id)
    given = {"taken": str(one), "old": "161,45763", "uid": "04A1B2C3", "card_no": "16145763"}
    assert (await centre_client.post("/cards/takeover/swap", given)).status == 303
    row = await estate.running.read(lambda: TakenCard.get())
    assert (bytes(row.uid), row.swapped) == (UID, False)


async def test_cards_seen_at_a_door_taken_over_and_in_no_book_are_listed(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.show("0405060708090A")
    estate.running.clock.advance(s=1)
    assert "0405060708090A" not in (await centre_client.get("/cards/takeover/seen")).text
    assert (await centre_client.post(f"/cards/takeover/devices/{estate.gate_device}")).status == 303
    await estate.show("04050607")
    await estate.issue(centre_client, "04A1B2C3", "A-1")
    await estate.show("04A1B2C3")
    page = (await centre_client.get("/cards/takeover/seen")).text
    assert "04050607" in page
    assert "04A1B2C3" not in page
    assert "0405060708090A" not in page
    assert (await centre_client.post(f"/cards/takeover/devices/{estate.gate_device}")).status == 303
    assert "04050607" not in (await centre_client.get("/cards/takeover/seen")).text


async def test_another_organisation_sees_and_does_nothing(estate: Estate, centre_client: Browser) -> None:
    await number_in(estate, NumberForm.DECIMAL)
    await bring_in(centre_client, HEAD + "0077705923,0001,,,,沪A12345,12.50\n")
    other = await estate.running.as_role("administrator", organisation=estate.other_organisation)
    for path in ("/cards/takeover", "/cards/takeover/cards", "/cards/takeover/swap?old=0077705923"):
        page = (await other.get(path)).text
        assert "沪A12345" not in page
        assert "张三" not in page
    one = await estate.running.read(lambda: TakenCard.get().id)
    given = {"taken": str(one), "uid": "04D4E5F6", "card_no": "N-1"}
    assert (await other.post("/cards/takeover/swap", given)).status == 404
    assert (await other.post("/cards/takeover/enter", PLACE)).status == 422
    assert await estate.running.read(lambda: Card.select().count()) == 0

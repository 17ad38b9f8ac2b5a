"""Numbers on cards over real HTTP: one sample card chooses the form, a second one checks it, searches take every form (U4)."""

from __future__ import annotations

import json

import pytest

from central.cards.model import Card, CardNumbering
from central.cards.number_forms import NumberForm, write
from tests.support.centre import Answer, Browser, RunningCentre
from tests.support.estate_pages import SITE, Estate

UID = "04A1B2C3"
SEVEN = "04112233445566"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def keep(client: Browser, form: NumberForm, uid: str = UID) -> None:
    """Choose a form by a sample."""
    printed = write(bytes.fromhex(uid), form) or "A-1"
    answer = await client.post(
        "/cards/numbering", {"site": str(SITE), "sample": f"{uid} {printed}", "form": form.value}
    )
    assert answer.status == 303, answer.text


async def try_issue(estate: Estate, client: Browser, uid: str, card_no: str) -> Answer:
    """Send the issue form."""
    given = {"uid": uid, "card_no": card_no, "person": str(estate.person), "levels": str(estate.level)}
    return await client.post("/cards/issue", given)


async def numbers(client: Browser, text: str) -> list[str]:
    """Numbers of the cards that a search finds."""
    items = json.loads((await client.get(f"/api/cards?q={text}")).text)["items"]
    return sorted(item["card_no"] for item in items)


@pytest.mark.parametrize("form", [form for form in NumberForm if form is not NumberForm.SERIAL])
@pytest.mark.parametrize("uid", [UID, SEVEN])
async def test_a_card_is_found_by_its_number_in_every_form(
    estate: Estate, centre_client: Browser, form: NumberForm, uid: str
) -> None:
    await estate.issue(centre_client, uid, "A-0001")
    await estate.issue(centre_client, "5566778899AABB", "A-0002")
    assert await numbers(centre_client, write(bytes.fromhex(uid), form)) == ["A-0001"]


async def test_two_cards_with_one_number_are_both_shown_with_a_warning(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.issue(centre_client, UID, "A-0001")
    await estate.issue(centre_client, "C3B2A104", "A-0002")
    assert await numbers(centre_client, "0077705923") == ["A-0001", "A-0002"]
    page = (await centre_client.get("/cards?q=0077705923")).text
    assert "depending on how it is read" in page
    assert "10-digit decimal: 1" in page
    assert "10-digit decimal, reversed: 1" in page
    assert "depending on how it is read" not in (await centre_client.get("/cards?q=A-0001")).text


async def test_another_organisations_card_is_not_told_by_its_number(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.issue(centre_client, UID, "A-0001")
    await estate.issue(centre_client, "C3B2A104", "A-0002", person=estate.stranger)
    narrow = await estate.running.as_role("card_centre", organisation=estate.other_organisation)
    page = (await narrow.get("/cards?q=0077705923")).text
    assert "A-0002" in page
    assert "A-0001" not in page
    assert "depending on how it is read" not in page


async def test_one_sample_on_the_reader_tells_the_form(estate: Estate, centre_client: Browser) -> None:
    missing = await centre_client.get(f"/cards/numbering?site={SITE}&printed=3283263748")
    assert missing.status == 422
    assert "Place the card on the reader first" in missing.text
    await estate.show_at_desk(UID)
    page = (await centre_client.get(f"/cards/numbering?site={SITE}&printed=3283263748")).text
    assert 'value="decimal_reversed" required checked' in page
    assert 'value="decimal"' not in page
    await keep(centre_client, NumberForm.DECIMAL_REVERSED)
    kept = await estate.running.read(lambda: CardNumbering.get().form)
    assert kept == "decimal_reversed"
    assert "10-digit decimal, reversed" in (await centre_client.get("/cards/numbering")).text


async def test_a_form_that_does_not_fit_is_not_kept(estate: Estate, centre_client: Browser) -> None:
    wrong = {"site": str(SITE), "sample": f"{UID} 3283263748", "form": "decimal"}
    answer = await centre_client.post("/cards/numbering", wrong)
    assert (answer.status, "does not fit" in answer.text) == (422, True)
    assert await estate.running.read(lambda: CardNumbering.select().count()) == 0


async def test_a_palindrome_asks_for_a_second_card(estate: Estate, centre_client: Browser) -> None:
    first = f"/cards/numbering?site={SITE}&uid=A1B2B2A1&printed=A1B2B2A1"
    assert "More than one form fits" in (await centre_client.get(first)).text
    second = f"/cards/numbering?site={SITE}&sample=A1B2B2A1+A1B2B2A1&uid={UID}&printed=C3B2A104"
    page = (await centre_client.get(second)).text
    assert "More than one form fits" not in page
    assert 'value="hex_reversed" required checked' in page


async def test_a_later_sample_is_noted(estate: Estate, centre_client: Browser) -> None:
    await keep(centre_client, NumberForm.DECIMAL)
    for printed, noted in (("0084281096", "fits"), ("0000000007", "misfit")):
        given = {"site": str(SITE), "sample": f"05060708 {printed}"}
        answer = await centre_client.post("/cards/numbering/check", given)
        assert answer.location.endswith(f"noted={noted}")
    row = await estate.running.read(lambda: CardNumbering.get())
    assert (row.checks_count, row.misfits_count) == (2, 1)


async def test_the_issue_form_begins_with_what_is_printed_and_takes_it(
    estate: Estate, centre_client: Browser
) -> None:
    refused = await try_issue(estate, centre_client, "0077705923", "A-0001")
    assert "read in several ways" in refused.text
    await keep(centre_client, NumberForm.DECIMAL)
    await estate.show_at_desk(UID)
    page = await centre_client.get(f"/cards/issue?person={estate.person}")
    assert 'name="card_no" value="0077705923"' in page.text
    card = await estate.issue(centre_client, "0077705923", "0077705923")
    uid = await estate.running.read(lambda: bytes(Card.get_by_id(card).uid))
    assert uid == bytes.fromhex(UID)
    assert "0077705923" in (await centre_client.get("/cards/desk")).text


@pytest.mark.parametrize(
    ("form", "sample", "typed", "complaint"),
    [
        (NumberForm.DECIMAL, SEVEN, "0860116326", "part of the UID"),
        (NumberForm.WIEGAND, UID, "0077705923", "read in several ways"),
        (NumberForm.HEX_REVERSED, UID, "C3B2A104", "both byte orders"),
        (NumberForm.WIEGAND, UID, "161,45763", "hexadecimal"),
    ],
)
async def test_what_does_not_name_one_uid_is_refused(
    estate: Estate, centre_client: Browser, form: NumberForm, sample: str, typed: str, complaint: str
) -> None:
    await keep(centre_client, form, sample)
    refused = await try_issue(estate, centre_client, typed, "A-0001")
    assert (refused.status, complaint in refused.text) == (422, True)

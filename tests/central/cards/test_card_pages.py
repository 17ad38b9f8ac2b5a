"""The card centre over real HTTP: issue, inspect, rewrite, loss and lift, return, cancel (B2, U1)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from central.audit import AuditEntry
from central.cards.model import Card, CardAct
from central.cards.rows import card_rows
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate

UID = "04A1B2C3"


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


async def acts_of(estate: Estate, card: int) -> list[str]:
    return await estate.running.read(
        lambda: [
            act
            for (act,) in CardAct.select(CardAct.act)
            .where(CardAct.card == card)
            .order_by(CardAct.id)
            .tuples()
        ]
    )


async def audited(estate: Estate, action: str) -> Any:
    return await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == action).get().detail
    )


# -- issuing --------------------------------------------------------------------------------------------------------


async def test_the_page_asks_for_the_card_and_shows_it_when_it_is_placed(
    estate: Estate, centre_client: Browser
) -> None:
    assert "Place the card on the reader" in (await centre_client.get("/cards/issue")).text
    await estate.show_at_desk(UID)
    page = await centre_client.get(f"/cards/issue?person={estate.person}")
    assert "This is a new card." in page.text
    assert re.search(rf'<input [^>]*form="issue-form"[^>]*name="uid" value="{UID}"', page.text)
    assert re.search(r'<input [^>]*form="issue-form"[^>]*name="card_no" value="00000001"', page.text)
    assert f'sse-connect="cards.shown?point={estate.desk}"' in page.text


async def test_the_issuer_is_chosen_first_and_any_reader_will_do(
    estate: Estate, centre_client: Browser
) -> None:
    page = await centre_client.get("/cards/issue")
    assert re.search(rf'<option value="{estate.desk}" selected>', page.text)
    await estate.show(UID, point=estate.exit)
    fragment = await centre_client.get(f"/cards/issue/presented?reader={estate.exit}&person={estate.person}")
    assert f'value="{UID}"' in fragment.text


async def test_a_card_that_was_shown_too_long_ago_is_asked_for_again(
    estate: Estate, centre_client: Browser
) -> None:
    await estate.show_at_desk(UID)
    estate.running.clock.advance(minutes=2, s=1)
    assert "Place the card on the reader" in (await centre_client.get("/cards/issue")).text


async def test_the_person_is_found_by_initials_and_one_match_is_chosen(
    estate: Estate, centre_client: Browser
) -> None:
    page = await centre_client.get("/cards/issue?q=zs")
    assert f'name="person" value="{estate.person}"' in page.text
    assert "Nobody found" in (await centre_client.get("/cards/issue?q=nobody")).text


async def test_no_card_without_a_person(estate: Estate, centre_client: Browser) -> None:
    answer = await centre_client.post("/cards/issue", {"uid": UID, "card_no": "1", "person": ""})
    assert answer.status == 422
    assert await estate.running.read(lambda: Card.select().count()) == 0


async def test_an_issued_card_is_in_normal_use_on_its_page_and_on_its_reader(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "00000001", valid_until="2026-12-31")
    page = await centre_client.get(f"/cards/{card}?done=issue")
    assert "In normal use" in page.text
    assert "2026-12-31" in page.text
    assert "张三" in page.text
    await estate.show_at_desk(UID)
    assert "In normal use" in (await centre_client.get("/cards/desk")).text
    (entry,) = await estate.running.read(card_rows, card)
    assert entry.card is not None
    assert entry.card.valid_until_s == 1_798_732_800  # 2027-01-01 00:00 in Shanghai
    assert (await audited(estate, "cards.issue"))["after"]["card_no"] == "00000001"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"uid": "nonsense"}, "hexadecimal"),
        ({"uid": "08A1B2C3"}, "another number each time"),
        ({"card_no": "a b"}, "letters, digits and hyphens"),
        ({"valid_from": "2026-08-01", "valid_until": "2026-07-31"}, "before the first"),
        ({"valid_until": "2026-02-30"}, "Must be a date"),
        ({"levels": "999"}, "Choose from the list"),
        ({"card_class": "999"}, "Choose one"),
    ],
)
async def test_a_mistake_keeps_what_was_typed_and_issues_nothing(
    estate: Estate, centre_client: Browser, changes: dict[str, str], complaint: str
) -> None:
    form = {"uid": UID, "card_no": "77", "person": str(estate.person), **changes}
    answer = await centre_client.post("/cards/issue", form)
    assert answer.status == 422
    assert complaint in answer.text
    assert form["card_no"] in answer.text
    assert await estate.running.read(lambda: Card.select().count()) == 0


async def test_the_same_form_sent_twice_issues_one_card(estate: Estate, centre_client: Browser) -> None:
    await estate.issue(centre_client, UID, "1")
    again = await centre_client.post(
        "/cards/issue", {"uid": UID, "card_no": "1", "person": str(estate.person)}
    )
    assert again.status == 422
    assert "as it is now" in again.text


async def test_unknown_cards_wait_for_their_issue(estate: Estate, centre_client: Browser) -> None:
    await estate.show(UID)
    page = await centre_client.get("/cards/waiting")
    assert UID in page.text
    assert f"/cards/issue?uid={UID}" in page.text
    await estate.issue(centre_client, UID, "1")
    assert UID not in (await centre_client.get("/cards/waiting")).text


# -- the life of a card ---------------------------------------------------------------------------------------------


async def test_rewriting_changes_levels_and_writes_the_extension(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "1", valid_until="2026-07-31")
    page = await centre_client.get(f"/cards/{card}/rewrite")
    version = re.search(r'name="version" value="(\d+)"', page.text)
    assert version is not None
    assert 'value="2026-07-31"' in page.text
    form = {"card_class": str(estate.card_class), "valid_until": "2026-08-31", "version": version[1]}
    assert (await centre_client.post(f"/cards/{card}/rewrite", form)).status == 303
    assert await acts_of(estate, card) == ["issue", "extend", "rewrite"]
    (entry,) = await estate.running.read(card_rows, card)
    assert entry.card is not None
    assert entry.card.levels == ()
    stale = await centre_client.post(f"/cards/{card}/rewrite", form)
    assert stale.status == 422
    assert "changed meanwhile" in stale.text


async def test_a_loss_report_shows_how_many_doors_refuse_the_card(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "1")
    assert "Is the card dead everywhere?" not in (await centre_client.get(f"/cards/{card}")).text
    answer = await centre_client.post(f"/cards/{card}/lose", {"reporter": "张三", "channel": "phone"})
    assert answer.location == f"/cards/{card}?done=lose"
    page = await centre_client.get(f"/cards/{card}")
    assert "Reported lost" in page.text
    assert "Refused at 0 of 1 doors" in page.text
    assert "东门控制器" in page.text

    await estate.acknowledge(estate.gate_device, in_memory_only=True)
    fragment = (await centre_client.get(f"/cards/{card}/delivery")).text
    assert "Refused at 1 of 1 doors" in fragment
    assert "not yet stored safely" in fragment

    await estate.acknowledge(estate.gate_device)
    fragment = (await centre_client.get(f"/cards/{card}/delivery")).text
    assert "Delivered" in fragment
    assert "The last door acknowledged at" in fragment


async def test_a_door_that_is_offline_is_named_with_the_time_since_when(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "1")
    await estate.acknowledge(estate.gate_device)
    estate.running.clock.advance(minutes=5)
    await estate.set_online(estate.gate_device, False)
    estate.running.clock.advance(minutes=5)
    await centre_client.post(f"/cards/{card}/lose")
    fragment = (await centre_client.get(f"/cards/{card}/delivery")).text
    assert "Refused at 0 of 1 doors" in fragment
    assert "Offline" in fragment
    assert "since 2026-07-01 10:05:00" in fragment


async def test_lifting_needs_the_identity_and_a_reason(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, UID, "1")
    await centre_client.post(f"/cards/{card}/lose")
    for form, complaint in (
        ({"reason": "找到"}, "identity"),
        ({"identity_checked": "1"}, "reason is required"),
    ):
        refused = await centre_client.post(f"/cards/{card}/lift", form)
        assert refused.status == 422
        assert complaint in refused.text
    assert (
        await centre_client.post(f"/cards/{card}/lift", {"identity_checked": "1", "reason": "找到"})
    ).status == 303
    assert await acts_of(estate, card) == ["issue", "report_lost", "lift"]
    assert (await audited(estate, "cards.lift"))["reason"] == "找到"


async def test_a_return_needs_the_card_at_a_reader(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, UID, "1")
    assert "Show the card to a reader first." in (await centre_client.get(f"/cards/{card}")).text
    refused = await centre_client.post(f"/cards/{card}/return")
    assert refused.status == 409
    await estate.show_at_desk(UID)
    assert "/return" in (await centre_client.get("/cards/desk")).text
    assert (await centre_client.post(f"/cards/{card}/return")).status == 303
    (entry,) = await estate.running.read(card_rows, card)
    assert entry.card is None
    assert (await centre_client.post(f"/cards/{card}/restock")).status == 303
    assert await estate.issue(centre_client, UID, "1", person=estate.stranger) == card


@pytest.mark.parametrize("act", ["lift", "resume", "restock"])
async def test_an_act_that_is_not_possible_now_changes_nothing(
    estate: Estate, centre_client: Browser, act: str
) -> None:
    card = await estate.issue(centre_client, UID, "1")
    form = {"reason": "x", "identity_checked": "1"}
    refused = await centre_client.post(f"/cards/{card}/{act}", form)
    assert refused.status == 409
    assert "cannot be done" in refused.text
    assert await acts_of(estate, card) == ["issue"]


async def test_an_act_on_an_older_state_of_the_card_is_refused(
    estate: Estate, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "1")
    answer = await centre_client.post(f"/cards/{card}/suspend", {"reason": "x", "version": "1"})
    assert answer.status == 409
    assert "changed meanwhile" in answer.text


async def test_control_characters_never_reach_the_records(estate: Estate, centre_client: Browser) -> None:
    card = await estate.issue(centre_client, UID, "1")
    await centre_client.post(f"/cards/{card}/suspend", {"reason": "a\x00b\r\n<script>"})
    line = await estate.running.read(lambda: CardAct.select().order_by(CardAct.id.desc()).first().reason)
    assert line == "ab <script>"
    assert "&lt;script&gt;" in (await centre_client.get(f"/cards/{card}")).text


async def test_the_list_of_cards_is_narrowed_by_status_holder_and_number(
    estate: Estate, centre_client: Browser
) -> None:
    first = await estate.issue(centre_client, UID, "00000001", valid_until="2026-07-31")
    second = await estate.issue(centre_client, "04A1B2C4", "00000002", person=estate.stranger)
    await centre_client.post(f"/cards/{first}/lose")
    await centre_client.post(f"/cards/{second}/suspend", {"reason": "x"})

    async def numbers(filters: str) -> list[str]:
        return [
            row["card_no"]
            for row in json.loads((await centre_client.get(f"/api/cards?{filters}")).text)["items"]
        ]

    assert await numbers("sort=card_no") == ["00000001", "00000002"]
    assert await numbers("state=lost") == ["00000001"]
    assert await numbers("state=suspended") == ["00000002"]
    assert await numbers("state=in_use&q=李四") == ["00000002"]
    assert await numbers("state=returned") == []
    assert await numbers("q=04A1B2C3") == await numbers("q=zs") == await numbers("q=00000001") == ["00000001"]
    export = await centre_client.get("/cards/export?format=csv&state=lost")
    assert "2026-07-31" in export.text
    assert "04A1B2C3" not in export.text


# -- who may, and whose ---------------------------------------------------------------------------------------------


async def test_a_guard_sees_cards_and_changes_none(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "1")
    guard = await running_centre.as_role("guard")
    page = await guard.get(f"/cards/{card}")
    assert page.status == 200
    assert UID not in page.text
    assert "..B2C3" in page.text
    assert "/lose" not in page.text
    for path in (f"/cards/{card}/lose", "/cards/issue", f"/cards/{card}/rewrite"):
        assert (await guard.post(path)).status == 403
    assert (await guard.post(f"/api/cards/{card}/acts", json={"act": "lose"})).status == 403
    assert await acts_of(estate, card) == ["issue"]


async def test_no_organisation_sees_anothers_cards(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    card = await estate.issue(centre_client, UID, "1")
    other = await running_centre.as_role("card_centre", organisation=estate.other_organisation)
    assert "00000001" not in (await other.get("/cards")).text
    assert "张三" not in (await other.get("/cards")).text
    for path in (f"/cards/{card}", f"/cards/{card}/rewrite", f"/cards/{card}/delivery", f"/api/cards/{card}"):
        assert (await other.get(path)).status == 404
    assert (await other.post(f"/cards/{card}/lose")).status == 404
    assert (await other.post(f"/cards/{card}/rewrite", {"version": "2"})).status == 404
    taken = {"uid": UID, "card_no": "9", "person": str(estate.stranger)}
    assert (await other.post("/cards/issue", taken)).status == 422
    assert (await other.get(f"/cards/issue?person={estate.person}")).status == 404
    assert await acts_of(estate, card) == ["issue"]


# -- the API --------------------------------------------------------------------------------------------------------


async def test_a_card_that_is_known_by_its_number_only_is_said_not_to_beep(
    estate: Estate, centre_client: Browser
) -> None:
    """One beep is for written cards. Planted break: ask for the UID instead of the credential."""
    card, words = await estate.issue(centre_client, UID, "1"), "the issuer does not beep"
    assert words in (await centre_client.get(f"/cards/{card}?done=issue")).text
    assert words not in (await centre_client.get(f"/cards/{card}")).text
    await estate.running.write(lambda: Card.update(credential_id=bytes(8)).execute())
    assert words not in (await centre_client.get(f"/cards/{card}?done=issue")).text


async def test_the_api_issues_reads_loses_and_lifts(estate: Estate, centre_client: Browser) -> None:
    body = {
        "uid": UID,
        "card_no": "1",
        "person": estate.person,
        "card_class": estate.card_class,
        "levels": [estate.level],
        "valid_until": "2026-12-31T16:00:00Z",
    }
    made = await centre_client.post("/api/cards", json=body)
    assert made.status == 201, made
    card = json.loads(made.text)
    assert (card["status"], card["levels"], card["uid"]) == ("active", [estate.level], UID)
    path = f"/api/cards/{card['id']}"
    lost = json.loads((await centre_client.post(f"{path}/acts", json={"act": "lose"})).text)
    assert lost["status"] == "lost"
    assert lost["delivery"]["doors_count"] == 1
    assert lost["delivery"]["missing"][0]["device"] == "东门控制器"
    lift = {"act": "lift", "reason": "found", "identity_checked": True}
    assert json.loads((await centre_client.post(f"{path}/acts", json=lift)).text)["delivery"] is None
    listed = json.loads((await centre_client.get("/api/cards")).text)
    assert [(row["id"], row["card_no"], row["status"]) for row in listed["items"]] == [
        (card["id"], "1", "active")
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"uid": UID, "person": 1, "surprise": 1},
        {"uid": UID, "person": 0},
        {"uid": UID, "person": 10**30},
        {"uid": UID, "person": 1, "valid_until": "2026-12-31T16:00:00"},
        {"uid": UID, "person": 1, "valid_until": "9999-12-31T16:00:00Z", "card_no": "1"},
        {"uid": UID, "person": 1, "card_no": "a\x00"},
        [],
    ],
)
async def test_what_does_not_fit_is_refused_with_a_message(
    estate: Estate, centre_client: Browser, body: Any
) -> None:
    answer = await centre_client.post("/api/cards", json=body)
    assert answer.status == 422, answer
    assert json.loads(answer.text)["error"]["code"] == "invalid_input"


async def test_the_classes_of_cards(estate: Estate, centre_client: Browser) -> None:
    form = {"name": "员工卡", "site": "1", "active_max_count": "1", "valid_days": "365", "active": "1"}
    amounts = {"deposit_fen": "20", "cost_fen": "15.50"}
    form |= amounts
    assert (await centre_client.post("/cards/classes/new", form)).status == 303
    assert "员工卡" in (await centre_client.get("/cards/classes")).text
    twice = await centre_client.post("/cards/classes/new", form)
    assert twice.status == 422
    assert "this name already" in twice.text
    card = await estate.issue(centre_client, UID, "1")
    path = f"/cards/classes/{estate.card_class}"
    wide = {"name": "业主卡", "site": "1", "active_max_count": "5", "valid_days": "0", "active": "1"}
    assert (await centre_client.post(path, {**wide, **amounts, "extended_open": "1"})).status == 303
    (entry,) = await estate.running.read(card_rows, card)
    assert entry.card is not None
    assert entry.card.flags == 1

"""One person's data out, and erased: nothing of the person remains, chains verify, a rebuild gives the same."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
import python_calamine

from central import schema
from central.access.model import AccessEvent
from central.audit import AuditEntry, verify
from central.cards.model import CardAct, CardLoss
from central.faces.model import Photo
from central.imports.model import ImportedRow
from central.people import service
from central.people.model import Person
from central.people.service import PersonInput
from central.sync import ingest
from central.sync.model import Enrolment, StoredFact
from protocol.facts import CHAIN_START, chain_hash, chained
from protocol.ids import uid_key
from protocol.reasons import Reason
from tests.central.people.test_people_import import HEAD, upload
from tests.support.centre import PASSWORD, Browser, RunningCentre
from tests.support.estate_pages import ORGANISATION, SITE, Estate

PHONE, ID_NUMBER, NAME, UID = "13912345678", "31010119800101123X", "欧阳若兰", "04A1B2C3"
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////"
    "////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVP/Z"
)
"""One pixel."""
PERSONAL = (PHONE, ID_NUMBER, NAME, "RY0100", "88栋", "88Z1", "怕狗", "欧阳的丈夫", "13787654321", UID)


@pytest.fixture
async def estate(running_centre: RunningCentre) -> Estate:
    return await Estate.make(running_centre)


@pytest.fixture
async def person(estate: Estate) -> int:
    def write() -> int:
        given = PersonInput(
            site=SITE,
            organisation=ORGANISATION,
            kind="owner",
            number="RY0100",
            name=NAME,
            building="88栋",
            unit="88Z1",
            phone=PHONE,
            id_number=ID_NUMBER,
            note="怕狗",
        )
        made = service.create(given, estate.now)
        Photo.create(person=made.id, digest="x" * 64, taken_at=estate.now, thumb=b"thumb", image=JPEG)
        return int(made.id)

    return await estate.running.write(write)


async def step_up(browser: Browser) -> None:
    """Give the password again, as the page asks for it."""
    assert (await browser.post("/step-up", {"_password": PASSWORD, "next": "/"})).status == 303


async def live_a_while(estate: Estate, browser: Browser, person: int) -> int:
    """A card, three showings as facts of the gate with its chain, a loss by a relative, the card given up."""
    card = await estate.issue(browser, UID, "1", person=person, levels="")
    estate.running.clock.advance(minutes=5)
    facts = [estate.fact(_shown(estate), personal=uid_key(bytes.fromhex(UID))) for _ in range(3)]

    def store() -> None:
        enrolment = Enrolment.get(Enrolment.device == estate.gate_device)
        head = CHAIN_START
        for stored in facts:
            entry = chained(head, stored.fact, bytes(enrolment.salt))
            head = entry.hash
            StoredFact.create(**ingest._row(enrolment.id, entry, (stored.fact.wall_ms, False), 1))

    await estate.running.write(store)
    await estate.project(*facts)
    lost = {"reporter": "欧阳的丈夫", "phone": "13787654321", "channel": "desk", "reason": "13787654321"}
    await browser.post(f"/cards/{card}/lose", lost)
    return card


def _shown(estate: Estate) -> Any:
    from protocol.facts import AccessFact
    from protocol.records import Revisions

    return AccessFact(estate.entrance, Reason.NO_ACCESS_HERE, Revisions(1, 3, 5, 0))


def everything() -> str:
    """Every value of every table, as text."""
    found = []
    for model in schema.models():
        for row in model.select().tuples():
            found += [bytes(v).hex().upper() if isinstance(v, bytes | memoryview) else str(v) for v in row]
    return "\n".join(found)


def chain_holds() -> bool:
    enrolment = Enrolment.get(Enrolment.device == 1)
    head = CHAIN_START
    for row in StoredFact.select().where(StoredFact.enrolment == enrolment.id).order_by(StoredFact.seq):
        head = chain_hash(head, ingest.fact_of(row).canonical(bytes(row.commitment)))
        if head != bytes(row.hash):
            return False
    return True


async def erase(browser: Browser, person: int) -> Any:
    await step_up(browser)
    return await browser.post(f"/people/{person}/erase", {"reason": "本人申请", "sure": "1"})


async def test_nothing_personal_remains_anywhere_and_every_chain_verifies(
    estate: Estate, centre_client: Browser, person: int
) -> None:
    card = await live_a_while(estate, centre_client, person)
    await centre_client.post(f"/cards/{card}/cancel", {"reason": "搬走", "cause": "leaver"})
    before = await estate.running.read(everything)
    assert all(word in before for word in PERSONAL)

    answer = await erase(centre_client, person)
    assert answer.status == 303, answer

    after = await estate.running.read(everything)
    left = [word for word in PERSONAL if word in after]
    assert left == [UID]  # the card itself stays in the books
    assert await estate.running.read(lambda: Photo.select().count()) == 0
    events = await estate.running.read(lambda: list(AccessEvent.select().dicts()))
    assert [(e["person"], e["card"], e["key"], e["department"]) for e in events] == [
        (None, None, None, "")
    ] * 3
    assert await estate.running.read(chain_holds)
    assert await estate.running.read(verify) > 0
    row = await estate.running.read(
        lambda: AuditEntry.select().where(AuditEntry.action == "people.erase").get()
    )
    assert row.detail["reason"] == "本人申请"
    page = await centre_client.get(f"/people/{person}")
    assert "was erased on" in page.text


async def test_a_rebuild_after_an_erasure_gives_the_same_events(
    estate: Estate, centre_client: Browser, person: int
) -> None:
    card = await live_a_while(estate, centre_client, person)
    await centre_client.post(f"/cards/{card}/cancel", {"reason": "搬走", "cause": "leaver"})
    await erase(centre_client, person)

    def events() -> list[tuple[Any, ...]]:
        fields = [field for field in AccessEvent._meta.sorted_fields if field.name != "id"]
        return list(AccessEvent.select(*fields).order_by(AccessEvent.seq).tuples())

    erased = await estate.running.read(events)
    await estate.running.write(ingest.rebuild)
    assert await estate.running.read(events) == erased


async def test_who_holds_a_card_in_use_is_not_erased(
    estate: Estate, centre_client: Browser, person: int
) -> None:
    await live_a_while(estate, centre_client, person)
    refused = await erase(centre_client, person)
    assert refused.status == 422
    assert "Take the cards" in refused.text
    assert (await estate.person_of("RY0100")) is not None
    assert await estate.running.read(lambda: CardLoss.get().reporter) == "欧阳的丈夫"


async def test_an_erased_person_can_neither_be_changed_nor_imported_nor_erased_again(
    estate: Estate, centre_client: Browser, person: int
) -> None:
    assert (await erase(centre_client, person)).status == 303
    values = {"number": "RY0100", "name": NAME, "kind": "owner", "active": "1"}
    values |= {"organisation": str(ORGANISATION), "site": str(SITE)}
    assert (await centre_client.post(f"/people/{person}/edit", values)).status == 422
    checked = await upload(centre_client, HEAD + f"#{person},{NAME},owner,,\r\n")
    assert "erased already" in (await centre_client.get(checked.location)).text
    assert (await erase(centre_client, person)).status == 422


async def test_what_imports_keep_of_the_person_goes_too(estate: Estate, centre_client: Browser) -> None:
    checked = await upload(centre_client, HEAD + "0001,张三,staff,保安部,13800000000\r\n,无名,staff,,\r\n")
    await centre_client.post(f"{checked.location}/apply", {"rows": "good"})
    assert (await erase(centre_client, estate.person)).status == 303
    assert await estate.running.read(lambda: [row.before for row in ImportedRow.select()]) == [None]
    assert (await centre_client.get(f"{checked.location}/failed.csv")).status == 404


async def test_everything_held_on_a_person_comes_as_one_workbook_and_is_recorded(
    estate: Estate, centre_client: Browser, person: int
) -> None:
    await live_a_while(estate, centre_client, person)
    await step_up(centre_client)
    async with centre_client.session.get(f"{estate.running.url}/people/{person}/data.xlsx") as response:
        raw = await response.read()
    book = python_calamine.load_workbook(io.BytesIO(raw))
    assert set(book.sheet_names) == {
        "Person",
        "Cards",
        "History of the cards",
        "Door events",
        "Places for anti-passback",
        "Alarms",
        "Musters",
        "Calls to the host",
        "Punches",
        "Purchases",
        "Units",
        "Number plates",
        "Debts",
        "Stored value",
        "Visitors",
        "Cards of the old system",
        "Photo",
        "Audit trail",
    }
    sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    own = {str(row[0]): row[1] for row in sheets["Person"]}
    assert (own["Name"], own["Telephone"], own["Identity document number"]) == (NAME, PHONE, ID_NUMBER)
    assert len(sheets["Door events"]) == 1 + 3
    assert any("欧阳的丈夫" in row for row in sheets["History of the cards"])
    actions = await estate.running.read(
        lambda: [e.action for e in AuditEntry.select().order_by(AuditEntry.seq)]
    )
    assert actions[-1] == "people.data_out"


async def test_only_who_may_gets_whole_numbers_data_out_and_erasure(
    estate: Estate, running_centre: RunningCentre, person: int
) -> None:
    desk = await running_centre.as_role("card_centre")
    for path in (f"/people/{person}/data.xlsx", f"/people/{person}/erase", "/people/export-full"):
        assert (await desk.get(path)).status == 403
    personnel = await running_centre.as_role("personnel", organisation=estate.other_organisation)
    await step_up(personnel)
    assert (await personnel.get(f"/people/{person}/data.xlsx")).status == 404
    assert (await personnel.get(f"/people/{person}/erase")).status == 404
    own = await running_centre.as_role("personnel", organisation=ORGANISATION)
    await step_up(own)
    taken = await own.get("/people/export-full?format=csv")
    assert PHONE in taken.text
    assert ID_NUMBER in taken.text
    assert "李四" not in taken.text


async def test_a_form_with_masked_numbers_keeps_them_and_a_wrong_mask_is_refused(
    estate: Estate, centre_client: Browser, person: int
) -> None:
    page = await centre_client.get(f"/people/{person}/edit")
    assert "139****5678" in page.text
    assert PHONE not in page.text
    values = {
        "number": "RY0100",
        "name": NAME,
        "kind": "owner",
        "active": "1",
        "id_number": "3" + "*" * 16 + "X",
    }
    values |= {"organisation": str(ORGANISATION), "site": str(SITE), "phone": "139****5678"}
    assert (await centre_client.post(f"/people/{person}/edit", values)).status == 303
    known = await estate.person_of("RY0100")
    assert known is not None
    assert (known.phone, known.id_number) == (PHONE, ID_NUMBER)
    refused = await centre_client.post(f"/people/{person}/edit", {**values, "phone": "138****5678"})
    assert refused.status == 422
    assert "whole number" in refused.text
    details = await estate.running.read(
        lambda: str([e.detail for e in AuditEntry.select().where(AuditEntry.object_kind == "person")])
    )
    assert PHONE not in details


async def test_acts_stay_in_the_books_without_what_was_typed_about_the_person(
    estate: Estate, centre_client: Browser, person: int
) -> None:
    card = await live_a_while(estate, centre_client, person)
    await centre_client.post(f"/cards/{card}/cancel", {"reason": "搬走", "cause": "leaver"})
    await erase(centre_client, person)
    acts = await estate.running.read(
        lambda: [(a.act, a.reason, a.details.get("reporter")) for a in CardAct.select().order_by(CardAct.id)]
    )
    assert [act for act, _reason, _reporter in acts] == ["issue", "report_lost", "cancel"]
    assert {(reason, reporter) for _act, reason, reporter in acts} == {("", None)}
    assert await estate.running.read(lambda: Person.get_by_id(person).name) == "—"

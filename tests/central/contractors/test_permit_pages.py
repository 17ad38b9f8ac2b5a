"""Contractors (U6): a permit's cards end with it, the deposit waits for them; goods leave once, by a numbered slip."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from central.access.explain import ask
from central.audit import AuditEntry
from central.cards.model import Card
from central.cards.rows import card_rows
from central.contractors.model import Permit, ReleaseSlip
from central.ledger.accounts import AccountKind
from central.ledger.trial import trials
from central.sites.scope import HEAD_OFFICE
from central.sync.model import PublishedRow
from protocol.ids import uid_key
from protocol.reasons import Reason
from protocol.records import Change, HoursRow, Kind, decode_row
from tests.support.centre import Browser, RunningCentre
from tests.support.estate import person_row
from tests.support.estate_pages import ORGANISATION, SITE, Estate, fill_drawer

EVERY_DAY = (1 << 15) - 1
END = datetime(2026, 7, 10, 16, tzinfo=UTC)
"""Midnight in Shanghai after the last day of the permit."""


@pytest.fixture
async def estate(running_centre: RunningCentre, centre_client: Browser) -> Estate:
    """A unit, and two workers of a firm."""
    estate = await Estate.make(running_centre)
    unit = {"site": SITE, "organisation": ORGANISATION, "building": "1栋", "number": "101", "kind": "home"}
    assert (await centre_client.post("/units/new", {**unit, "state": "handed_over"})).status == 303

    def workers() -> list[int]:
        return [
            person_row(SITE, ORGANISATION, number, f"师傅{number}", kind="contractor").id
            for number in ("0801", "0802")
        ]

    await running_centre.write(workers)
    return estate


def permit_form(estate: Estate, **changes: Any) -> dict[str, Any]:
    return {
        "unit": "1栋101",
        "firm": "顺安装修",
        "work": "铺地板",
        "from_on": "2026-07-01",
        "last_on": "2026-07-10",
        "starts": "08:30",
        "ends": "18:00",
        "card_class": estate.card_class,
        "levels": estate.office_level if hasattr(estate, "office_level") else estate.level,
        "deposit_fen": "2000.00",
        **changes,
    }


async def held_and_kept(estate: Estate) -> tuple[int, int, int]:
    """What the ledger has of it: deposit held, cash in drawers, income, in fen."""

    def read() -> tuple[int, int, int]:
        (trial,) = trials(HEAD_OFFICE)
        assert trial.is_balanced
        sums = {one.kind: one.debit_fen or one.credit_fen for one in trial.sums}
        kinds = (AccountKind.PERMIT_DEPOSIT, AccountKind.CASH, AccountKind.FEE_INCOME)
        return sums.get(kinds[0], 0), sums.get(kinds[1], 0), sums.get(kinds[2], 0)

    return await estate.running.read(read)


async def permit_with_card(estate: Estate, browser: Browser) -> int:
    """A permit with its deposit paid, a worker, and a card of that worker by the form as it is offered."""
    answer = await browser.post("/permits/new", permit_form(estate))
    assert answer.status == 303, answer
    permit = int(answer.location.rpartition("/")[2])
    assert (await browser.post(f"/permits/{permit}/pay", {})).status == 303
    assert (await browser.post(f"/permits/{permit}/workers", {"person": "0801"})).status == 303
    await issue_as_offered(browser, estate, "0801", "04A1B201")
    return permit


async def issue_as_offered(browser: Browser, estate: Estate, number: str, uid: str) -> None:
    person = await estate.person_of(number)
    assert person is not None
    page = (await browser.get(f"/cards/issue?person={person.id}")).text

    def value(name: str) -> str:
        found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
        return found[1] if found else ""

    form = {
        "person": str(person.id),
        "uid": uid,
        "card_no": uid,
        "valid_from": value("valid_from"),
        "valid_until": value("valid_until"),
        "levels": re.findall(r'name="levels" value="(\d+)" checked', page),
        "card_class": (
            re.search(r'<option value="(\d+)" selected', page.split('name="card_class"')[1]) or [""]
        )[1],
    }
    answer = await browser.post("/cards/issue", form)
    assert answer.status == 303, answer


async def test_a_temporary_card_has_the_terms_of_the_permit(estate: Estate, centre_client: Browser) -> None:
    """Planted break: ``terms_for`` answering None."""
    permit = await permit_with_card(estate, centre_client)

    def read() -> tuple[Any, ...]:
        card = Card.get(Card.card_no == "04A1B201")
        return card.valid_until, card.card_class_id, card_rows(card.id)[0].card.levels

    until, card_class, levels = await estate.running.read(read)
    assert (until, card_class, levels) == (END, estate.card_class, (estate.level,))
    page = (await centre_client.get(f"/permits/{permit}")).text
    for shown in ("顺安装修", "08:30–18:00", "2026-07-10", "¥2,000.00", "师傅0801", "04A1B201"):
        assert shown in page, shown
    longer = {"valid_until": "2026-07-11", "version": "2"}
    refused = await centre_client.post("/cards/1/extend", longer)
    assert (refused.status, "ends on 2026-07-10" in refused.text) == (422, True)


async def test_a_temporary_card_opens_in_the_working_hours_only(
    estate: Estate, centre_client: Browser
) -> None:
    """The hours go to the doors with the card, whatever levels are chosen, and are told as the reason.

    Planted breaks: ``add_worker`` without publishing; ``_view`` of the explanation without the hours.
    """
    person = await estate.person_of("0801")
    assert person is not None
    await estate.issue(centre_client, "04A1B201", "1", person=person.id)
    resident = await estate.issue(centre_client, "04A1B202", "2")
    given = permit_form(estate, starts="09:00", ends="12:00", again_starts="14:00", again_ends="00:00")
    assert (await centre_client.post("/permits/new", given)).status == 303
    assert "09:00–12:00, 14:00–24:00" in (await centre_client.get("/permits/1")).text

    async def published() -> dict[bytes, HoursRow]:
        def read() -> dict[bytes, HoursRow]:
            query = PublishedRow.select().where(PublishedRow.kind == Kind.HOURS.value)
            return {
                bytes(row.key): decode_row(Change(row.kind, bytes(row.key), bytes(row.body)))
                for row in query
                if row.body
            }

        return await estate.running.read(read)

    assert await published() == {}
    assert (await centre_client.post("/permits/1/workers", {"person": "0801"})).status == 303
    assert (await centre_client.post("/permits/1/workers", {"person": "0001"})).status == 303, "of the staff"
    hours = HoursRow(((EVERY_DAY, 540, 720), (EVERY_DAY, 840, 1_440)))
    assert await published() == {uid_key(bytes.fromhex("04A1B201")): hours}
    assert "09:00–12:00, 14:00–24:00" in (await centre_client.get("/cards/1")).text
    assert "14:00–24:00" not in (await centre_client.get(f"/cards/{resident}")).text

    def ask_at(time: str) -> Reason:
        moment = datetime.fromisoformat(f"2026-07-02T{time}+08:00")
        return ask(uid_key(bytes.fromhex("04A1B201")), estate.entrance, moment).reason

    at = {time: await estate.running.read(ask_at, time) for time in ("11:59", "12:00", "23:59")}
    assert at == {"11:59": Reason.GRANTED, "12:00": Reason.OUTSIDE_SCHEDULE, "23:59": Reason.GRANTED}
    about = {"organisation": "1", "site": "1", "kind": "staff", "active": "1", "version": "1"}
    promoted = {**about, "number": "0801", "name": "师傅0801"}
    assert (await centre_client.post(f"/people/{person.id}/edit", promoted)).status == 303
    assert await published() == {}


async def test_the_deposit_is_not_refunded_while_a_card_is_out(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: ``refund`` without ``cards_out``."""
    permit = await permit_with_card(estate, centre_client)
    assert await held_and_kept(estate) == (200_000, 200_000, 0)
    refund = f"/permits/{permit}/refund"
    running = await centre_client.post(refund, {"kept_fen": "0"})
    assert (running.status, "still runs" in running.text) == (422, True)
    estate.running.clock.advance(days=10)
    centre_client = await estate.running.as_role("administrator")
    out = await centre_client.post(refund, {"kept_fen": "0"})
    assert (out.status, "still out" in out.text) == (422, True)
    await estate.show_at_desk("04A1B201")
    assert (await centre_client.post("/cards/1/return", {})).status == 303
    for changes in ({"kept_fen": "2000.01", "kept_reason": "x"}, {"kept_fen": "1.00"}, {"kept_fen": "-1"}):
        assert (await centre_client.post(refund, changes)).status == 422, changes
    kept = {"kept_fen": "150.50", "kept_reason": "rubble"}
    empty = await centre_client.post(refund, kept)
    assert (empty.status, "does not lie in the drawer" in empty.text) == (422, True), "of whoever pays it"
    await fill_drawer(centre_client, "1849.50")
    assert (await centre_client.post(refund, kept)).status == 303

    def read() -> tuple[int, int, bool]:
        row = Permit.get_by_id(permit)
        return row.deposit_fen, row.kept_fen, row.refunded_at is not None

    assert await estate.running.read(read) == (200_000, 15_050, True)
    page = (await centre_client.get(f"/permits/{permit}")).text
    assert "¥1,849.50" in page
    assert await held_and_kept(estate) == (0, 200_000, 15_050), "what was taken lies in the other drawer"
    assert (await centre_client.post(refund, {"kept_fen": "0"})).status == 422, "once"


async def test_an_early_end_kills_the_cards_at_once_and_they_can_still_be_handed_in(
    estate: Estate, centre_client: Browser
) -> None:
    """Planted break: ``end_early`` without suspending."""
    permit = await permit_with_card(estate, centre_client)

    def restriction() -> Any:
        return card_rows(1)[0].restriction

    assert await estate.running.read(restriction) is None
    assert (await centre_client.post(f"/permits/{permit}/end", {"reason": ""})).status == 422
    assert (await centre_client.post(f"/permits/{permit}/end", {"reason": "noise"})).status == 303
    assert (await estate.running.read(restriction)).reason is Reason.CARD_SUSPENDED
    assert (await centre_client.post(f"/permits/{permit}/end", {"reason": "again"})).status == 422
    assert (await centre_client.post(f"/permits/{permit}/workers", {"person": "0802"})).status == 422
    assert (await centre_client.post(f"/permits/{permit}/refund", {"kept_fen": "0"})).status == 422
    await estate.show_at_desk("04A1B201")
    assert (await centre_client.post("/cards/1/return", {})).status == 303
    assert (await centre_client.post(f"/permits/{permit}/refund", {"kept_fen": "0"})).status == 303

    def trail() -> list[str]:
        rows = AuditEntry.select().where(AuditEntry.action.in_(["cards.suspend", "cards.permit_ended"]))
        return [row.action for row in rows.order_by(AuditEntry.seq)]

    assert await estate.running.read(trail) == ["cards.suspend", "cards.permit_ended"]


async def test_a_permit_that_cannot_be_is_refused(estate: Estate, centre_client: Browser) -> None:
    for changes in (
        {"unit": "9栋999"},
        {"last_on": "2026-06-30"},
        {"ends": "08:30"},
        {"again_starts": "19:00"},
        {"again_starts": "17:00", "again_ends": "19:00"},
        {"deposit_fen": "1.234"},
        {"levels": ""},
    ):
        refused = await centre_client.post("/permits/new", permit_form(estate, **changes))
        assert refused.status == 422, (changes, refused)
    assert (await centre_client.post("/permits/new", permit_form(estate, unit="1栋 101"))).status == 303
    for number in ("0404", "0002"):
        refused = await centre_client.post("/permits/1/workers", {"person": number})
        assert refused.status == 422, number


async def slip(browser: Browser, **changes: str) -> int:
    form = {
        "unit": "1栋101",
        "carrier": "王师傅",
        "plate": "沪a12345",
        "goods": "旧木门 2 扇\n瓷砖 10 箱",
        "valid_on": "2026-07-01",
        **changes,
    }
    answer = await browser.post("/releases/new", form)
    assert answer.status == 303, answer
    return int(answer.location.rpartition("/")[2])


async def test_goods_leave_once_by_the_guard_and_numbers_have_no_gaps(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Planted break: ``confirm`` without its check of ``confirmed_at``."""
    first = await slip(centre_client)
    refused = await centre_client.post("/releases/new", {"unit": "9栋", "carrier": "x", "goods": "y"})
    assert refused.status == 422
    second = await slip(centre_client, valid_on="2026-07-02")
    third = await slip(centre_client)
    guard = await running_centre.as_role("guard")
    paper = (await guard.get(f"/releases/{first}/print")).text
    assert "000001" in paper
    assert "<li>瓷砖 10 箱</li>" in paper
    assert (await guard.post(f"/releases/{first}/confirm", {})).status == 303
    again = await guard.post(f"/releases/{first}/confirm", {})
    assert (again.status, "have left already" in again.text) == (422, True)
    other_day = await guard.post(f"/releases/{second}/confirm", {})
    assert (other_day.status, "another day" in other_day.text) == (422, True)
    assert (await guard.post(f"/releases/{third}/void", {"reason": "x"})).status == 403
    assert (await centre_client.post(f"/releases/{third}/void", {"reason": ""})).status == 422
    assert (await centre_client.post(f"/releases/{third}/void", {"reason": "typed twice"})).status == 303
    assert (await guard.post(f"/releases/{third}/confirm", {})).status == 422
    assert (await slip(centre_client)) == 4

    def numbers() -> list[int]:
        return [row.number for row in ReleaseSlip.select().order_by(ReleaseSlip.id)]

    assert await estate.running.read(numbers) == [1, 2, 3, 4]
    listed = (await guard.get("/releases?state=gone&q=沪A")).text
    assert "000001" in listed or "Left the estate" in listed
    clerk = await running_centre.as_role("personnel")
    assert (await clerk.post(f"/releases/{second}/confirm", {})).status == 403


async def test_permits_and_slips_of_another_organisation_are_not_there(
    estate: Estate, running_centre: RunningCentre, centre_client: Browser
) -> None:
    permit = await permit_with_card(estate, centre_client)
    made = await slip(centre_client)
    stranger = await running_centre.as_role(
        "administrator", site=SITE, organisation=estate.other_organisation
    )
    for path in (f"/permits/{permit}", f"/releases/{made}", f"/releases/{made}/print"):
        assert (await stranger.get(path)).status == 404, path
    for path in (f"/permits/{permit}/end", f"/permits/{permit}/pay", f"/releases/{made}/confirm"):
        assert (await stranger.post(path, {"reason": "x"})).status in (404, 422), path
    assert "顺安装修" not in (await stranger.get("/permits")).text
    assert (await stranger.post("/permits/new", permit_form(estate))).status == 422
    assert await estate.running.read(lambda: Permit.get().ended_at) is None


@pytest.mark.parametrize(("role", "held_fen"), [("doors", 200_000), ("administrator", 0)])
async def test_a_change_of_owner_pays_a_deposit_back_only_by_who_may(
    estate: Estate, centre_client: Browser, role: str, held_fen: int
) -> None:
    """By anybody else it ends the permit and leaves the deposit due; both give their password.

    Planted breaks: ``_settle`` without ``may_refund``; the route without ``step_up``.
    """
    assert (await centre_client.post("/permits/new", permit_form(estate))).status == 303
    assert (await centre_client.post("/permits/1/pay", {})).status == 303
    owner = {"person": "0001", "household": "new_owner", "from_on": "2026-01-01"}
    assert (await centre_client.post("/units/1/people", owner)).status == 303
    clerk = await estate.running.as_role(role)
    await fill_drawer(clerk, "2000")
    wish = {"leaving": "1", "last_on": "2026-07-31", "reason": "sold", "deposits": "refund"}
    wish |= {"permit_1": "settle", "step": "carry_out"}
    done = await clerk.post("/units/1/hand-over", wish)
    assert done.status == 303, done
    assert (await held_and_kept(estate))[0] == held_fen
    later = await centre_client.post("/permits/1/refund", {"kept_fen": "0"})
    assert later.status == (303 if held_fen else 422), "what is due is paid on the page of the permit"
    estate.running.clock.advance(s=estate.running.centre.config.security.step_up_s)
    stale = await clerk.post("/units/1/hand-over", wish)
    assert (stale.status, 'name="_password"' in stale.text) == (403, True)

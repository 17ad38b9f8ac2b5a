"""Every list of people, cards and doors, with its filters, asked of PostgreSQL too."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.facts import Alarm, AlarmFact, DoorEvent, DoorFact
from protocol.reasons import Reason
from tests.support.centre import run_centre
from tests.support.estate_pages import Estate

PATHS = [
    "/people?q=zs&kind=staff&organisation=1&department=工程部&active=yes",
    "/people?sort=-name",
    "/cards?q=张三&state=lost&class=1",
    "/cards?state=suspended&sort=card_no",
    "/cards?q=04A1B2C3",
    "/cards/issue?q=0",
    "/cards/waiting",
    "/cards/desk",
    "/cards/classes",
    "/doors",
    "/access/monitor",
    "/access/events?at_from=2026-07-01&person=zs&door=1&department=工程部&result=denied&reason=22&direction=in&source=card",
    "/alarms?state=open&kind=dead_card_used&raised_at_from=2026-07-01",
    "/alarms?state=acknowledged",
    "/alarms?state=closed",
    "/access/hotlist?q=张三&delivery=pending&dead_since_from=2026-07-01",
    "/access/hotlist?delivery=delivered",
    "/access/levels",
    "/access/schedules",
    "/access/special-days?day_from=2026-01-01&group=1",
    "/search?q=0",
    "/",
    "/devices?online=no&delivery=pending",
    "/api/cards",
    "/api/events",
    "/api/hotlist",
]


@pytest.mark.postgres
async def test_every_list_answers_on_postgresql(empty_postgres_url: str, tmp_path: Path) -> None:
    async with run_centre(tmp_path / "centre", database_url=empty_postgres_url) as running:
        estate = await Estate.make(running)
        browser = await running.as_role()
        card = await estate.issue(browser, "04A1B2C3", "00000001")
        await browser.post(f"/cards/{card}/lose")
        await estate.show("04A1B2C3", Reason.CARD_LOST)
        await estate.project(
            estate.fact(AlarmFact(Alarm.FORCED_OPEN, True, 1)), estate.fact(DoorFact(1, DoorEvent.OPENED))
        )
        for path in PATHS:
            answer = await browser.get(path)
            assert answer.status == 200, (path, answer)
        for path in (
            f"/cards/{card}",
            f"/doors/{estate.gate}",
            "/access/events/1",
            f"/people/{estate.person}",
        ):
            assert "张三" in (await browser.get(path)).text or path.startswith("/doors")
        assert "00000001" in (await browser.get(PATHS[2])).text
        assert 'id="events-1"' in (await browser.get(PATHS[11])).text
        assert "00000001" in (await browser.get(PATHS[15])).text

"""Figures of use: what may be shown, hours of the week in local time, and that no single person can be told (U15)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from central.access.model import AccessEvent
from central.people.model import Person
from central.usage.rules import offsets, shaded, shown, weekday_and_hour
from central.web.catalogue import Language
from central.web.i18n import use
from protocol.facts import AccessFact
from protocol.ids import uid_key
from protocol.reasons import Reason
from tests.central.access.test_purging import REVISIONS, ZONE, store
from tests.support.centre import Browser, RunningCentre
from tests.support.estate_pages import Estate


@pytest.mark.parametrize(
    ("count", "people", "text"),
    [
        (0, 0, "0"),
        (1, 1, "<5"),
        (400, 4, "<5"),
        (9, 0, "<5"),
        (5, 5, "5"),
        (7, 5, "5"),
        (8, 6, "10"),
        (1002, 9, "1000"),
    ],
)
def test_what_may_be_shown(count: int, people: int, text: str) -> None:
    """Four people are hidden whatever they do, five are not; counts go to the nearest five. Planted break: ``<=`` there."""
    assert shown(count, people).text == text


def test_shades_and_slots() -> None:
    """The largest figure has the darkest shade, a hidden one none. 1970 began on a Thursday at midnight."""
    cells = shaded([shown(100, 9), shown(20, 9), shown(3, 2), shown(0, 0)])
    assert [cell.level for cell in cells] == [5, 1, 0, 0]
    assert [weekday_and_hour(slot) for slot in (0, 23, 24, 4 * 24, 167)] == [
        (3, 0),
        (3, 23),
        (4, 0),
        (0, 0),
        (2, 23),
    ]


def test_clocks_that_are_changed_have_two_offsets() -> None:
    """Shanghai has one; Berlin's summer ends on 2026-10-25 at 01:00 UTC. Planted break: one offset for the whole span."""
    zone = ZoneInfo("Europe/Berlin")
    use(Language.EN, zone)
    try:
        found = offsets(date(2026, 10, 20), date(2026, 10, 30), zone)
    finally:
        use(Language.EN, ZONE)
    assert [ms // 3_600_000 for _at, ms in found] == [2, 1]
    assert found[1][0] == datetime(2026, 10, 25, 1, tzinfo=ZoneInfo("UTC"))
    assert [ms for _at, ms in offsets(date(2026, 10, 20), date(2026, 10, 30), ZONE)] == [8 * 3_600_000]


@pytest.mark.requirement("U15")
async def test_management_sees_how_much_a_door_is_used_and_nobody_in_it(
    running_centre: RunningCentre, centre_client: Browser
) -> None:
    """Seen when: six people pass the gate in one hour and four in another, twice each; the page and both files have 10 there
    and "<5" here, at the weekday and hour of the estate, and ten in all; with one more person the "<5" is a figure. Who has
    the role of figures opens this page and no list of events or people, and finds no name in it; fewer than seven days and an
    unknown door are refused; a guard has no such page.

    Planted breaks that turn it red: ``shown`` without its look at people; COUNT without DISTINCT; ``heat`` without the offset;
    the route with the permission of access.
    """
    estate = await Estate.make(running_centre)
    began = estate.now.astimezone(ZONE).replace(minute=0, second=0, microsecond=0)
    busy, quiet = began - timedelta(hours=26), began - timedelta(hours=24)

    def passes() -> None:
        first = Person.get(Person.number == "0001")
        values = {
            name: value for name, value in first.__data__.items() if name not in ("id", "number", "name")
        }
        people = [Person.create(number=f"U{n}", name=f"用户{n}", **values) for n in range(11)]
        key, number = uid_key(bytes.fromhex("04A1B2C3")), 1
        for at, who in ((busy, people[:6]), (quiet, people[6:10])):
            bodies: list[Any] = [(AccessFact(estate.entrance, Reason.GRANTED, REVISIONS), key)] * (
                2 * len(who)
            )
            store(estate, bodies, at - timedelta(minutes=number), number)
            for seq, person in enumerate([*who, *who], number):
                AccessEvent.update(person=person).where(AccessEvent.seq == seq).execute()
            number += len(bodies)

    await running_centre.write(passes)
    viewer = await running_centre.as_role("figures")
    days = f"from={(began - timedelta(days=9)).date()}&to={began.date()}"

    async def figures(query: str = "") -> dict[tuple[str, str], str]:
        answer = await viewer.get(f"/usage/export?format=csv&{days}{query}")
        assert answer.status == 200, answer.text[-500:]
        rows = [line.split(",") for line in answer.text.removeprefix("\ufeff").split("\r\n")]
        return {(row[1], row[2]): row[3] for row in rows if len(row) == 4 and row[3] != "Times used"}

    def slot(at: datetime) -> tuple[str, str]:
        return f"{at:%a}", f"{at:%H}:00"

    seen = await figures()
    assert {cell: text for cell, text in seen.items() if text != "0"} == {slot(busy): "10", slot(quiet): "<5"}
    page = await viewer.get(f"/usage?{days}")
    assert (page.status, "&lt;5" in page.text, ">10<" in page.text) == (200, True, True)
    assert "20" in page.text.partition("Times used")[2], "ten people, twenty passes"
    book = await viewer.get(f"/usage/export?format=xlsx&{days}")
    assert (book.status, "&lt;5" in book.text) == (200, True)
    assert not [text for text in (page.text, book.text) if "用户" in text or "U7" in text]

    def another() -> None:
        person = Person.get(Person.number == "U10")
        row = AccessEvent.select().where(AccessEvent.seq == 13).get()
        AccessEvent.update(person=person).where(AccessEvent.id == row.id).execute()

    await running_centre.write(another)
    assert (await figures())[slot(quiet)] == "10"
    assert (await figures(f"&place={estate.gate}"))[slot(quiet)] == "10"
    for path in ("/access/events", "/people", "/doors", "/alarms"):
        assert (await viewer.get(path)).status == 403, path
    assert (await viewer.get(f"/usage?{days}&place=999")).status == 404
    assert (await viewer.get(f"/usage?from={began.date()}&to={began.date()}")).status == 422
    guard = await running_centre.as_role("guard")
    assert (await guard.get("/usage")).status == 403

"""Rounds at a whole site: what was scanned, what was missed, and nothing judged before the records are there."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from edge.core.feedback import Pattern
from tests.support import patrol
from tests.support.patrol import POINT, scan
from tests.support.site import Site

OWN_SITE = True
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("rounds")]
AT_ONCE = {"early": "0", "late": "0", "opens": "0", "closes": "0"}
"""Limits of a visit that counts in one instant only: nobody makes it."""
BEFORE = {"early": "5", "late": "0", "opens": "5", "closes": "0"}
"""Limits of a visit that is on time up to five minutes before."""
JUDGED_WITHIN_S = 120.0
"""A watermark is written twice a minute, later on a busy machine."""


def period(first: datetime, last: datetime) -> str:
    return f"period_from={first:%Y-%m-%dT%H:%M}&period_until={last:%Y-%m-%dT%H:%M}"


async def figures(site: Site, query: str) -> dict[str, Any]:
    """The totals of the calculation that are not zero."""
    answer = await site.browser.get(f"/api/patrol/calculation?{query}")
    total = json.loads(answer.html)["total"]
    return {name: count for name, count in total.items() if isinstance(count, int) and count}


async def until_figures(site: Site, query: str, wanted: dict[str, int]) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + JUDGED_WITHIN_S
    while (found := await figures(site, query)) != wanted:
        assert loop.time() < until, f"still {found}, not {wanted}"
        await asyncio.sleep(1)


@pytest.mark.requirement("B9")
@pytest.mark.requirement(82)
@pytest.mark.requirement(73)
async def test_nothing_is_missed_before_the_unit_has_handed_over_its_records(site: Site) -> None:
    """Seen when: the network of a patrol point is cut; a guard scans there, another never comes; past their time both visits
    are pending, not missed. The network is back: one is on time and one is missed, the page says that this upload changed
    them, and the calculation gives the same bytes again, by guard, route, checkpoint and day. The enquiry lists both with
    number, time, place, guard and result, on the page, on paper, and as CSV.

    Planted breaks that turn it red: ``judging`` with the watermark of now (missed while the network is cut);
    ``catch_up.note`` never writing (nothing is said to have changed); ``Judged.is_final`` ignored by the calculation.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点", location="地库入口")
    comes, stays_away = await patrol.guard(site), await patrol.guard(site)
    planned = patrol.minute(40)  # there is something to do before
    when = {"starts": f"{planned:%H:%M}"}
    walked = await patrol.route(site, [(here, "+0")], [comes], **when, **BEFORE)
    missed = await patrol.route(site, [(here, "+0")], [stays_away], **when, **AT_ONCE)
    await site.until_joined()
    span = period(planned - timedelta(minutes=10), planned + timedelta(minutes=10))
    await site.cut(POINT)
    assert await scan(site, comes.uid) is Pattern.SCAN_ON_TIME
    assert patrol.local_now() < planned, "the machine is too slow for this test"
    await site.until_page("/patrol/uploads", lambda page: "Offline" in page.words)
    await asyncio.sleep(max(0.0, (planned - patrol.local_now()).total_seconds() + 12))
    assert await figures(site, span) == {"expected": 2, "pending": 2}
    page = await site.browser.get(f"/patrol/missed?{span}")
    assert "No checkpoint was missed in this period, as far as the records are here." in page.words
    await site.join(POINT)
    await until_figures(site, span, {"expected": 2, "visited": 1, "on_time": 1, "missed": 1})

    once, again = [await site.browser.get(f"/api/patrol/calculation?{span}") for _ in range(2)]
    assert once.html == again.html
    whole = json.loads(once.html)
    for table, number in (("by_route", missed), ("by_guard", stays_away.id)):
        assert [line["missed"] for line in whole[table] if line["id"] == number] == [1], table
    assert [line["missed"] for line in whole["by_checkpoint"]] == [1]
    assert [line["name"] for line in whole["by_day"]] == [f"{planned:%Y-%m-%d}"]
    assert await figures(site, f"{span}&route={walked}") == {"expected": 1, "visited": 1, "on_time": 1}
    assert await figures(site, f"{span}&guard={stays_away.id}") == {"expected": 1, "missed": 1}

    uploads = await site.browser.get("/patrol/uploads")
    rows = [row for row in uploads.html.split("<tr>") if "/patrol/uploads/" in row and patrol.LABEL in row]
    assert rows, uploads.words[-700:]
    number = rows[0].partition("/patrol/uploads/")[2].partition('"')[0]
    changes = await site.browser.get(f"/patrol/uploads/{number}")
    assert "Pending → On time: 1" in changes.words
    assert "Pending → Missed: 1" in changes.words

    records = await site.browser.get(f"/patrol/records?{span}")
    lines = [row.cells for row in records.rows_of("patrol-records")]
    assert len(lines) == 2
    (done,) = [cells for cells in lines if "On time" in cells[5]]
    assert "地库一号点" in done[2]
    assert done[3:5] == ["地库入口", f"保安{int(comes.uid[4:], 16)}"]
    paper = await site.browser.get(f"/patrol/records/export?{span}&format=print")
    assert "Printed by" in paper.words
    assert "Missed: 1" in paper.words
    file = await site.browser.get(f"/patrol/records/export?{span}&format=csv")
    table = list(csv.reader(io.StringIO(file.html.lstrip("\ufeff"))))
    assert len(table) == 3
    assert {row[table[0].index("Result")] for row in table[1:]} == {"On time", "Missed"}
    (brought,) = [row for row in table[1:] if "On time" in row]
    assert brought[table[0].index("Clock difference (s)")] in ("0", "1", "-1")


@pytest.mark.requirement(76)
async def test_young_records_are_not_purged_and_a_purge_needs_the_right(site: Site) -> None:
    """Seen when: a period that reaches into the last seven days is refused with words, one without records has nothing to
    purge, and a guard finds no such page. What a purge takes away and leaves is seen in tests/central/rounds.

    Planted breaks that turn it red: ``acts.PURGE_KEPT`` of nothing; the route declared with ``("patrol", "view")``.
    """
    now = patrol.local_now()
    page = await site.browser.get("/patrol/purge")
    asked = {"site": page.form("/patrol/purge").options["site"][-1], "reason": "期满"}
    young = {"from_at": f"{now - timedelta(days=2):%Y-%m-%dT%H:%M}", "until_at": f"{now:%Y-%m-%dT%H:%M}"}
    fields = page.form("/patrol/purge").fields
    refused = await site.browser.post("/patrol/purge", {**fields, **asked, **young})
    assert "Records of the last seven days are kept." in refused.words
    old = {
        "from_at": f"{now - timedelta(days=90):%Y-%m-%dT%H:%M}",
        "until_at": f"{now - timedelta(days=30):%Y-%m-%dT%H:%M}",
    }
    nothing = await site.browser.post("/patrol/purge", {**fields, **asked, **old})
    assert "There are no records in this period." in nothing.words
    async with site.operator("guard") as browser:
        assert (await browser.get("/patrol/purge")).status == 403

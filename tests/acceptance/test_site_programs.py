"""What pages do, programs do too: musters, floor plans and shift hand-overs by the JSON API of a whole site."""

from __future__ import annotations

import pytest

from tests.acceptance.test_site_monitoring import goes
from tests.acceptance.test_site_patrol_map import make_map
from tests.support.program import program
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]


@pytest.mark.requirement(24)
async def test_a_program_holds_a_muster_from_the_start_to_the_end(site: Site) -> None:
    """Seen when: a program that may only look begins nothing; one that may act begins a drill, finds who went in as missing,
    marks them safe and takes it back, adds who went in since, sees how far it is, and ends it; the page shows the same;
    afterwards nobody is marked any more and a number of another muster is refused.

    Planted breaks that turn it red: ``api_muster_safe`` with ``is_safe=False``; ``lines_of`` counting every line as missing.
    """
    one = await site.resident()
    await goes(site, one)
    await site.until_page(
        f"/occupancy?q={one.person_no}",
        lambda page: any(one.person_no in row.cells for row in page.rows_of("inside")),
    )
    begin = {"site": 1, "kind": "drill", "reason": "季度演习"}
    async with program(site, "access.view", "people.view") as looker:
        assert (await looker.post("/api/musters", **begin))[0] == 403
    async with program(site, "access.view", "access.approve", "people.view") as acts:
        assert (await acts.post("/api/musters", **{**begin, "kind": "party"}))[0] == 422
        status, made = await acts.post("/api/musters", **begin)
        assert (status, made["kind"], made["ended_at"], made["safe"]) == (201, "drill", None, 0)
        path = f"/api/musters/{made['id']}"
        assert made["id"] in {row["id"] for row in (await acts.get("/api/musters?state=open"))[1]["items"]}
        (line,) = (await acts.get(f"{path}?q={one.person_no}"))[1]["items"]
        assert (line["state"], line["person_number"]) == ("missing", one.person_no)
        mark = f"{path}/lines/{line['id']}"
        assert (await acts.post(f"{mark}/safe"))[0] == 204
        progress = (await acts.get(f"{path}/progress"))[1]
        assert (progress["safe"], progress["missing"]) == (1, made["missing"] - 1)
        shown = await site.browser.get(f"/musters/{made['id']}?q={one.person_no}")
        assert "Take back" in shown.words
        assert (await acts.post(f"{mark}/unsafe"))[0] == 204
        assert (await acts.get(f"{path}?q={one.person_no}"))[1]["items"][0]["state"] == "missing"
        two = await site.resident()
        await goes(site, two)
        await site.until_page(
            f"/occupancy?q={two.person_no}",
            lambda page: any(two.person_no in row.cells for row in page.rows_of("inside")),
        )
        assert (await acts.post(f"{path}/add")) == (200, {"count": 1})
        assert (await acts.post(f"{mark}/safe"))[0] == 204
        status, ended = await acts.post(f"{path}/end", note="全部到齐")
        assert (status, ended["note"], ended["safe"], ended["ended_at"] is None) == (
            200,
            "全部到齐",
            1,
            False,
        )
        assert (await acts.post(f"{mark}/unsafe"))[0] == 409
        other = (await acts.post("/api/musters", **begin))[1]["id"]
        assert (await acts.post(f"/api/musters/{other}/lines/{line['id']}/safe"))[0] == 422
        assert (await acts.post(f"/api/musters/{other}/end", note="结束"))[0] == 200


@pytest.mark.requirement(60)
async def test_a_program_reads_a_floor_plan_and_how_its_doors_stand(site: Site) -> None:
    """Seen when: a plan with a door at a typed place is in the list with its count, and read it says where the door lies and how
    it stands: forced once it is pulled open, shut again after; a program without the doors' right sees nothing.

    Planted break that turns it red: ``_plan`` reading the first plan whatever is asked.
    """
    (door,) = [
        row.links[0]
        for row in (await site.browser.get("/doors")).rows
        if row.cells and row.cells[0].startswith("东门")
    ]
    number = int(door.rpartition("/")[2])
    plan = await make_map(site, "接口门图")
    page = await site.browser.get(f"/patrol/maps/{plan}/doors")
    places = {f"x.{number}": "30", f"y.{number}": "62.5"}
    await site.browser.post(
        f"/patrol/maps/{plan}/doors", {**page.form(f"/patrol/maps/{plan}/doors").fields, **places}
    )
    async with program(site, "people.view") as stranger:
        assert (await stranger.get(f"/api/floor-plans/{plan}"))[0] == 403
    async with program(site, "access.view") as reads:
        items = {row["id"]: row for row in (await reads.get("/api/floor-plans"))[1]["items"]}
        assert (items[int(plan)]["name"], items[int(plan)]["doors_count"]) == ("接口门图", 1)

        async def until(*states: str) -> None:
            await site.until_page(
                f"/access/plan/state?map={plan}",
                lambda page: any(
                    f'data-door="{number}" data-state="{state}"' in page.html for state in states
                ),
            )
            (stands,) = (await reads.get(f"/api/floor-plans/{plan}"))[1]["doors"]
            assert (stands["id"], stands["x_permille"], stands["y_permille"]) == (number, 300, 625)
            assert stands["state"] in states

        await until("shut", "locked")
        await site.do("east-gate", "force", unit=1, open=True)
        try:
            await until("forced")
        finally:
            await site.do("east-gate", "force", unit=1, open=False)
        await until("shut")
        assert (await reads.get("/api/floor-plans/999999"))[0] == 404
    page = await site.browser.get(f"/patrol/maps/{plan}/doors")
    await site.browser.send(page, f"/patrol/maps/{plan}/remove")

"""Maps of the patrol at a running site: made, with a picture, checkpoints placed by typed coordinates, removed."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import aiohttp
import pytest
from PIL import Image

from edge.core.feedback import Pattern
from provisioning.demo.browser import Page
from tests.support import patrol
from tests.support.pictures import encoded, quarters
from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]
OWN_SITE = True
"""It takes readers of the site as checkpoints, and counts all of them."""
HEARD_WITHIN_S = 60.0
"""Each wait for the stream ends as soon as it has come; this bounds it on a busy machine."""


async def lay_picture(site: Site, path: str, raw: bytes, csrf: str) -> Page:
    """Send a background for a map."""
    form = aiohttp.FormData()
    form.add_field("csrf", csrf)
    form.add_field("file", raw, filename="plan.png", content_type="image/png")
    return await site.browser.post(f"{path}/picture", form)


async def two_checkpoints(site: Site) -> dict[str, str]:
    """Make two at readers that are none yet; ids by name."""
    page = await site.browser.get("/patrol/checkpoints/new")
    points = [point for point in page.form("/patrol/checkpoints/new").options["point"] if point]
    for number, (name, point) in enumerate(zip(("东门岗", "大堂"), points, strict=False), 71):
        await site.browser.send(page, "/patrol/checkpoints/new", number=str(number), name=name, point=point)
    rows = (await site.browser.get("/patrol/checkpoints")).rows_of("checkpoints")
    return {row.cells[1]: row.id.rpartition("-")[2] for row in rows}


@pytest.mark.requirement(80)
@pytest.mark.requirement(81)
async def test_a_map_has_a_picture_and_its_checkpoints_at_typed_places(site: Site) -> None:
    """Seen when: a map begins as a grid; checkpoints placed in percent stand there for a guard too, who may not move them;
    a picture is encoded anew and small enough, another file is refused with words; a stale page overwrites nothing; a
    checkpoint is taken off and added again, and the map removed, all by plain forms, each with its line in the audit.

    Planted breaks that turn it red: ``set_places`` without ``seen``; ``decode`` that hands the file on as it came.
    """
    ids = await two_checkpoints(site)
    page = await site.browser.get("/patrol/maps/new")
    form = page.form("/patrol/maps/new")
    chosen = {name: form.options[name][-1] for name in ("site", "organisation")}
    made = await site.browser.send(page, "/patrol/maps/new", name="首层", **chosen)
    path = made.path.partition("?")[0]
    assert "map-grid" in made.html
    first, second = (f"{ids[name]}" for name in ("东门岗", "大堂"))

    async def place(page: Page, **values: str) -> Page:
        return await site.browser.post(path, {**page.form(path).fields, **values})

    outside = await place(made, **{f"x.{first}": "100.5", f"y.{first}": "62.5"})
    assert (outside.status, "Please correct" in outside.words) == (422, True)
    given = {f"x.{first}": "30", f"y.{first}": "62.5", f"x.{second}": "80", f"y.{second}": "0"}
    placed = await place(made, **given)
    assert 'x="30%" y="62.5%"' in placed.html
    stale = await place(made, **{**given, f"x.{first}": "31"})
    assert (stale.status, "changed meanwhile" in stale.words) == (422, True)
    assert 'x="30%" y="62.5%"' in (await site.browser.get(path)).html

    csrf = placed.form(path).fields["csrf"]
    large = encoded(quarters((3_000, 1_500)), "PNG")
    refused = await lay_picture(site, path, b"%PDF-1.4 no picture", csrf)
    assert (refused.status, "not a picture" in refused.words) == (422, True)
    shown = await lay_picture(site, path, large, csrf)
    assert "map-grid" not in shown.html
    address = shown.html.partition('<img src="')[2].partition('"')[0]
    async with site.browser.stream(address) as answer:
        body = await answer.read()
        kind = answer.headers["Content-Type"]
    with Image.open(io.BytesIO(body)) as picture:
        assert (kind, picture.format, picture.size) == ("image/jpeg", "JPEG", (2_000, 1_000))

    async with site.operator("guard") as guard:
        seen = await guard.get(path)
        assert 'x="30%" y="62.5%"' in seen.html
        assert (await guard.post(path, {"csrf": seen.form("/logout").fields["csrf"], **given})).status == 403

    taken = await place(await site.browser.get(path), **{f"x.{first}": "", f"y.{first}": ""})
    assert taken.html.count('class="mark ') == 1
    back = await place(taken, **given)
    assert back.html.count('class="mark ') == 2
    gone = await site.browser.send(back, f"{path}/remove")
    assert gone.path == "/patrol/maps"
    assert (await site.browser.get(path)).status == 404
    assert set(ids) <= {
        row.cells[1] for row in (await site.browser.get("/patrol/checkpoints")).rows_of("checkpoints")
    }
    said = (await site.browser.get("/audit?object=patrol_map")).words
    for act in ("Made a patrol map", "Placed checkpoints", "Changed the picture", "Removed a patrol map"):
        assert act in said, said[-2_000:]


async def make_map(site: Site, name: str, **places: str) -> str:
    """A map with checkpoints at these places (``x.3="40"``); its number."""
    page = await site.browser.get("/patrol/maps/new")
    form = page.form("/patrol/maps/new")
    chosen = {field: form.options[field][-1] for field in ("site", "organisation")}
    made = await site.browser.send(page, "/patrol/maps/new", name=name, **chosen)
    path = made.path.partition("?")[0]
    await site.browser.post(path, {**made.form(path).fields, **places})
    return path.rpartition("/")[2]


def state_at(page: Page, checkpoint: int) -> str:
    """The state that the monitor says of a checkpoint."""
    return page.html.partition(f'data-checkpoint="{checkpoint}" data-state="')[2].partition('"')[0]


@pytest.mark.requirement(72)
async def test_a_scan_stands_on_the_open_monitor_by_itself_and_turns_its_point(site: Site) -> None:
    """Seen when: before the guard comes his checkpoint is due on the map; a second after he was heard the open page is sent
    number, time, place, guard and what he heard, and the point is on time, its round 1 of 1; without the network the point of
    the next round is said to be offline, and never missed.

    Planted breaks that turn it red: ``Feeder`` subscribed to another topic; ``map_state`` without ``offline``.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    walks = await patrol.guard(site)
    route = await patrol.route(site, [(here, "+0")], [walks])
    number = await make_map(site, "地库", **{f"x.{here}": "40", f"y.{here}": "55"})
    await site.until_joined()
    query = f"map={number}&route={route}"
    before = await site.browser.get(f"/patrol/monitor?{query}")
    assert (state_at(before, here), "Pending" in before.words, "0 / 1" in before.words) == (
        "due",
        True,
        True,
    )
    assert 'x="40.0%" y="55.0%"' in before.html
    assert 'data-mark-state="due"' in before.html
    feed = f"/live?feed=patrol-scans%3Fmap%3D{number}%26route%3D{route}&feed=patrol.state"
    async with site.browser.stream(feed) as live:
        async with asyncio.timeout(HEARD_WITHIN_S):
            await live.content.readuntil(b"hello")
        assert await patrol.scan(site, walks.uid) is Pattern.SCAN_ON_TIME
        async with asyncio.timeout(HEARD_WITHIN_S):
            told = (await live.content.readuntil(b"</tr>")).decode()
    assert "地库一号点" in told
    assert f"保安{int(walks.person_no) - 8_000}" in told
    assert "On time" in told
    after = await site.browser.get(f"/patrol/monitor/state?{query}")
    assert (state_at(after, here), "Complete" in after.words, "1 / 1" in after.words) == (
        "on_time",
        True,
        True,
    )
    later = await patrol.route(site, [(here, "+0")], [walks], starts=patrol.clock(5))
    await site.until_joined()
    await site.cut(patrol.POINT)
    try:
        await site.until_page(
            f"/patrol/monitor/state?map={number}&route={later}",
            lambda page: state_at(page, here) == "offline",
        )
    finally:
        await site.join(patrol.POINT)


@pytest.mark.requirement(72)
async def test_a_call_for_help_stands_on_the_map_until_somebody_answers(site: Site) -> None:
    """Seen when: a guard who was scanned presses the help button, one alarm stands in the list and the point asks for help on
    the map until somebody acknowledges it.

    Planted break that turns it red: ``help_at`` without the open condition.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    walks = await patrol.guard(site)
    await site.until_joined()
    await patrol.scan(site, walks.uid)
    await site.do(patrol.POINT, "input", line="help.1", active=True)
    try:
        page = await site.until_page("/alarms/open", lambda page: "Guard calls for help" in page.words)
    finally:
        await site.do(patrol.POINT, "input", line="help.1", active=False)
    monitor = "/patrol/monitor/state?map=none"
    assert state_at(await site.browser.get(monitor), here) == "help"
    wanted = [row for row in page.rows if any("calls for help" in cell for cell in row.cells)]
    assert len(wanted) == 1
    form = page.form("/alarms/acknowledge")
    asked = re.search(r'name="alarm" value="(\d+)" aria-label="Guard calls for help', page.html)
    assert asked is not None
    await site.browser.post("/alarms/acknowledge", {**form.fields, "alarm": asked[1]})
    assert state_at(await site.browser.get(monitor), here) not in ("help", "")


@pytest.mark.requirement(72)
@pytest.mark.requirement("B9")
@pytest.mark.slow
async def test_a_missed_point_and_a_round_not_begun_are_one_alarm_each(site: Site) -> None:
    """Seen when: a point whose time ends without a scan is an alarm with its route and time, one only, and one that the round
    was not begun; the monitor says that it was missed. It takes as long as a minute of the plan and a poll of the unit.

    Planted break that turns it red: ``watch.install`` left out.
    """
    await patrol.join_patrol_point(site)
    here = await patrol.checkpoint(site, "地库一号点")
    walks = await patrol.guard(site)
    strict = {"early": "0", "late": "0", "opens": "0", "closes": "0"}
    starts = f"{patrol.minute(10):%H:%M}"
    route = await patrol.route(site, [(here, "+0")], [walks], starts=starts, **strict)
    await site.until_joined()
    number = (await site.browser.get(f"/patrol/routes/{route}")).form(f"/patrol/routes/{route}")
    name = f"路线{number.fields['number']} · "
    page = await site.until_page("/alarms/open", lambda page: page.words.count(name) == 2, within_s=200)
    kinds = ("Checkpoint missed on a round", "Patrol round not begun")
    rows = [row.cells for row in page.rows if any(name in cell for cell in row.cells)]
    assert sorted(cell for cells in rows for cell in cells if cell in kinds) == list(kinds)
    state = await site.browser.get(f"/patrol/monitor/state?map=none&route={route}")
    assert state_at(state, here) == "missed"


@pytest.mark.requirement(60)
async def test_a_floor_plan_shows_how_its_doors_stand_and_opens_one(site: Site) -> None:
    """Seen when: doors placed in percent stand on the plan, whatever checkpoints lie there; a door pulled open is forced there
    and shut again; with the network cut it is offline; a door is opened from there with a reason; who may not set doors
    moves none, and who has nothing to do with the patrol sees plan and picture all the same.

    Planted breaks that turn it red: ``set_places`` with ``CHECKPOINTS`` whatever is asked; ``plan.state_of`` without the
    connection; the plan's route asking for the patrol's right.
    """
    rows = (await site.browser.get("/doors")).rows
    (door,) = [row.links[0] for row in rows if row.cells and row.cells[0].startswith("东门")]
    number = door.rpartition("/")[2]
    plan = await make_map(site, "门图")
    path = f"/patrol/maps/{plan}/doors"
    page = await site.browser.get(path)
    places = {f"x.{number}": "30", f"y.{number}": "62.5"}
    placed = await site.browser.post(path, {**page.form(path).fields, **places})
    assert 'x="30%" y="62.5%"' in placed.html
    assert 'x="30%"' not in (await site.browser.get(f"/patrol/maps/{plan}")).html

    def says(state: str) -> Any:
        return lambda page: f'data-door="{number}" data-state="{state}"' in page.html

    shown = f"/access/plan/state?map={plan}"
    await site.until_page(shown, lambda page: says("shut")(page) or says("locked")(page))
    await site.do("east-gate", "force", unit=1, open=True)
    try:
        await site.until_page(shown, says("forced"))
    finally:
        await site.do("east-gate", "force", unit=1, open=False)
    await site.until_page(shown, says("shut"))
    await site.cut("east-gate")
    try:
        await site.until_page(shown, says("offline"))
    finally:
        await site.join("east-gate")
    await site.until_page(shown, says("shut"))

    async with site.operator("installer") as installer:
        page = await installer.get(f"/access/plan?map={plan}")
        assert f'href="{door}"' in page.html
        sent = {"csrf": page.form("/logout").fields["csrf"], **places}
        assert (await installer.post(path, sent)).status == 403
        assert (await installer.get(f"/patrol/maps/{plan}")).status == 403  # checkpoints are the patrol's
    page = await site.browser.get(f"/access/plan?map={plan}")
    await site.browser.send(page, f"{door}/open", reason="送货")
    await site.until_lock("east-gate", True)
    await site.shuts("east-gate")
    await site.browser.send(await site.browser.get(path), f"/patrol/maps/{plan}/remove")

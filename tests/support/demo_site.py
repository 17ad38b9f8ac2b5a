"""The whole demo site for browser tests: real processes on loopback, signed in once, with something in every list."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from central.nodes import approvals
from central.nodes.model import Device
from central.parts import collect
from central.routes import NODE
from central.sync.model import SpareBoard
from central.sync.spares import State
from central.updates import archive, service
from central.updates.model import RolloutDevice
from central.web.help import CHAPTERS
from protocol.enrolment import raw_public
from provisioning.demo.browser import Browser, Page
from provisioning.demo.demo import Demo
from provisioning.demo.story import RESIDENT, STRANGER, SiteTester, until
from tests.support.browser import open_page
from tests.support.centre import CHEAP
from tests.support.releases import KEY, release

ONE = re.compile(r"\{id(:[^{}]*(\{[^{}]*\})?)?\}")
NOT_A_PAGE = re.compile(
    r"^/api/|^/static/|^/live$|^/favicon|/export(-full)?$|\.(csv|crt|jpg|png|pdf|svg|tsv|xlsx|zip)$|^/healthz$|^/metrics$"
)
"""What is not read as a page: the JSON API, files, streams."""
FRAGMENTS = frozenset(
    {
        "/access/monitor/side",
        "/access/plan/state",
        "/alarms/open",
        "/cards/1/delivery",
        "/cards/bulk/1/progress",
        "/cards/desk/presented",
        "/cards/issue/presented",
        "/cards/orders/1/state",
        "/doors/1/facts",
        "/move-ins/1/desk/state",
        "/patrol/monitor/state",
        "/purse/presented",
        "/shell",
    }
)
"""Parts of pages that are loaded again by themselves; they are seen inside their pages."""
OPENED_ELSEWHERE = frozenset(
    {"/login", "/login/link", "/setup", "/password", "/patterns", "/manual", "/devices/line/connection"}
)
"""Pages for people without a session or with a link of their own; the widgets of development; redirections."""
ADDRESSES = {
    "/units/1/hand-over": "/units/1/hand-over?leaving=1",
    "/units/1/lease": "/units/1/lease?household=2",
    "/units/import/1": "/units/import/2",
    "/cards/1/replace": "/cards/2/replace",
    "/plates/import/1": "/plates/import/5",
    "/access/levels/import/1": "/access/levels/import/6",
    "/cards/takeover/import/1": "/cards/takeover/import/3",
    "/purse/payables/1": "/purse/payables/8",
    "/tills/1": "/tills/4",
    "/devices/updates/start": "/devices/updates/start?release=1",
    "/reports/papers": "/reports/papers?card=2",
    "/patrol/units/import/1": "/patrol/units/import/4",
    "/patrol/units/import/1/columns": "/patrol/units/import/4/columns",
    "/patrol/units/acts": "/patrol/units/acts?act=1",
    "/devices/line/progress": "/devices/line/progress?since=0&unit=4",
    "/devices/pulled": "/devices/pulled?since=0&device=1&device=2",
}
"""Pages that need another card than the first (the second is reported lost), or say of what they are about."""
PAPERS = frozenset(
    {
        "/reports/slips/1",
        "/reports/certificates/1",
        "/releases/1/print",
        "/hand-overs/1/sheet",
        "/patrol/month/paper",
        "/purse/postings/1/slip",
        "/duty/hand-overs/1/print",
        "/duty/hand-overs/1/slip",
        "/repairs/1/print",
        "/repairs/1/slip",
        "/oversight/requests/1/print",
    }
)
"""Pages to be printed: without the frame, and so without a "?"."""
CHAPTER = r"/manual/{chapter:[a-z-]+}"


@dataclass
class DemoSite:
    """A running demo, the cookies of its signed-in operator, and hands for its readers."""

    demo: Demo
    cookies: Any
    tester: SiteTester

    @property
    def url(self) -> str:
        """Where the centre is."""
        return self.demo.centre_url


def page_paths() -> list[str]:
    """Every page that the router has for a signed-in operator; ``{id}`` is 1, which the site must have."""
    found = {
        ONE.sub("1", route.path)
        for route in collect().routes
        if route.method == "GET" and route.permission is not NODE and not NOT_A_PAGE.search(route.path)
    }
    gone = (FRAGMENTS | OPENED_ELSEWHERE | PAPERS | set(ADDRESSES)) - found
    assert not gone, f"no such page any more: {gone}"
    found = found - FRAGMENTS - OPENED_ELSEWHERE - {CHAPTER} | {f"/manual/{name}" for name in CHAPTERS}
    unknown = [path for path in found if "{" in path]
    assert not unknown, f"say how the tests fill in {unknown}"
    return sorted(ADDRESSES.get(path, path) for path in found)


async def order_a_card(tester: SiteTester) -> None:
    """The first write order: a new card that lies on the issuer, for the first person."""
    uid = "04B00000000001"
    await tester.do("card-desk", "place", card={"kind": "classic1k", "uid": uid})

    async def form() -> Page | None:
        page = await tester.browser.get("/cards/issue?person=1")
        return page if uid in page.html.replace(" ", "") else None

    page = await until(form, "the card lies on the issuer")
    order = await tester.browser.send(page, "/cards/issue", uid=uid, card_no="90000001", levels="1")
    assert order.path == "/cards/orders/1", order.words[-500:]


def a_roll_out(now: datetime) -> None:
    """A release and its roll-out to two doors, one of which went back; inside ``db.write``."""
    with TemporaryDirectory() as folder:
        raw = release(Path(folder) / "0.2.0.tar.gz").read_bytes()
    kept = service.keep_release(archive.check(raw, raw_public(KEY)), raw, "0.2.0.tar.gz", (None, ""), now)
    devices = list(Device.select().where(Device.id.in_([1, 2])).order_by(Device.id))
    rollout = service.start(1, kept, devices, {devices[0].id}, (None, ""), now)
    mine = RolloutDevice.device == devices[0].id
    RolloutDevice.update(state="rolled_back", reason="no_sync").where(mine).execute()
    service.set_state(rollout, service.PAUSED, now)


def a_waiting_board(now: datetime) -> None:
    """A spare SD card, and a board that waits with it; inside ``db.write``."""
    device = Device.get_by_id(1)
    kind = approvals.Kind("door", 1, "pi-one-door")
    place = device.site_id, device.organisation_id
    spare = approvals.make(*place, "0a1b2c3d4e5f", bytes(32), kind, "维修间柜子", 2, 180, now)
    SpareBoard.create(
        spare=spare.id,
        site=spare.site_id,
        organisation=spare.organisation_id,
        public_key=raw_public(KEY),
        serial="100000008a2b3c4d",
        image_hash=bytes(range(32)),
        address="10.0.0.77",
        state=State.WAITING,
        first_at=now,
        heard_at=now,
    )


@asynccontextmanager
async def running_demo(folder: Path, chromium: Any) -> AsyncIterator[DemoSite]:
    """The site, up and joined, with an opened door and a refused card in its events; ended afterwards."""
    demo = Demo(folder, any_ports=True)
    demo.security = dict(CHEAP)
    demo.release_key = base64.urlsafe_b64encode(raw_public(KEY)).decode().rstrip("=")
    demo.further += [a_roll_out, a_waiting_board]
    try:
        await demo.start()
        assert demo.site is not None
        async with (
            Browser(demo.centre_url, "en") as hands,
            open_page(chromium, language="en") as page,
        ):
            await hands.sign_in_by_link(demo.site.login_path)
            await page.goto(f"{demo.centre_url}/login")
            await page.fill('input[name="number"]', "0001")
            await page.fill('input[name="password"]', demo.password)
            await page.press('input[name="password"]', "Enter")
            await page.wait_for_selector('form[action="/logout"]', state="attached")
            cookies = await page.context.storage_state()
            tester = SiteTester(demo, hands)
            await tester.until_joined()
            await tester.opens("east-gate", RESIDENT)
            await tester.shuts("east-gate")
            await tester.is_refused("hall", STRANGER, "result=denied")
            await order_a_card(tester)
            yield DemoSite(demo, cookies, tester)
    finally:
        await demo.stop()

"""Something in every list of the sample site: each page of a record (``/.../1``) then has a record to show."""

from __future__ import annotations

import re
from functools import partial

import aiohttp

from central.security.roles import BUILT_IN
from edge.config import load
from edge.export import export
from provisioning.demo.browser import Browser, Page
from provisioning.demo.story import until
from tests.support.demo_site import ADDRESSES, DemoSite
from tests.support.patrol import local_now

PEOPLE = "编号,姓名,人员类别\n0901,龙四,业主\n"
OLD_CARDS = "卡号,人员编号,车牌,余额\nA-77,0101,沪A12345,12.50\n"
ACCESS_LIST = "卡号,截止日期,东门\n00000101,2030-12-31,Y\n00000999,,Y\n"
SCANS = "机号,巡更时间,巡更点,巡更员\n1,2026-07-01 22:00:05,东门岗,0101\n1,昨天,东门岗,0101\n"
PLATES = "车牌,人员编号,备注\n沪A12345,0101,白色\n"
UNITS = "楼栋,房号,房屋类型\n9栋,901,住宅\n"


async def fill(site: DemoSite) -> None:
    """What the sample site does not bring, entered through the pages."""
    browser = site.tester.browser
    await _doors_and_cards(site, browser)
    await _purse(browser)
    await _stock(browser)
    await _units(browser)
    await upload(browser, "/people/import", "people.csv", PEOPLE)
    await upload(browser, "/units/import", "units.csv", UNITS)
    await upload(browser, "/cards/takeover/import", "cards.csv", OLD_CARDS)
    await _hand_over(browser)
    await _faces(browser)
    page = await browser.get("/visitors/new")
    await browser.send(page, "/visitors/new", name="吴访客", host="0101", phone="13711112222")
    await _forms(browser)
    await _webhook(browser)
    await _alarm_messages(browser)
    await _duty(site, browser)
    await _oversight(browser)
    await _patrol(browser)
    await _brought(site, browser)
    await upload(browser, "/plates/import", "plates.csv", PLATES)
    await upload(browser, "/access/levels/import", "access.csv", ACCESS_LIST)
    await _late_upload(site, browser)
    await _till(browser)


async def _doors_and_cards(site: DemoSite, browser: Browser) -> None:
    await browser.send(await browser.get("/doors/1"), "/doors/1/open", reason="delivery of a fridge")
    days = await browser.get("/access/special-days")
    await browser.send(days, "/access/special-days", day_on="2026-10-01", name="国庆节")
    await browser.send(
        await browser.get("/access/areas/new"), "/access/areas/new", name="停车场", passback="1"
    )
    inside = await browser.get("/occupancy")
    await browser.post("/musters", {**inside.form("/musters").fields, "kind": "drill", "reason": "演习"})
    await site.tester.report_lost("00000102")
    bulk = await browser.get("/cards/bulk/new?q=00000101&kind=suspend")
    await browser.send(bulk, "/cards/bulk/new", reason="stocktaking")
    await browser.send(await browser.get("/keys/zones/new"), "/keys/zones/new", name="机房")
    papers = await browser.get("/reports/papers?card=2")
    await browser.post("/reports/slips", {**papers.form("/reports/slips").fields, "as": "page"})
    await browser.send(papers, "/reports/certificates")


async def _purse(browser: Browser) -> None:
    """A refund that waits for a second operator, a count, and something that is owed back."""
    await browser.send(await browser.get("/purse/cards/3"), "/purse/cards/3/top-up", amount="300")
    page = await browser.get("/purse/cards/3")
    about = {"amount": "250", "reason": "搬走", "is_checked": "1"}
    await browser.send(page, "/purse/cards/3/refund", **about)
    page = await browser.get("/purse/drawer")
    await browser.send(page, "/purse/drawer/count", counted="299", reason="找错")
    page = await browser.get("/purse/postings/1")
    await browser.send(page, "/purse/postings/1/slip", width="58", **{"as": "page"})
    await browser.send(await browser.get("/purse/cards/4"), "/purse/cards/4/top-up", amount="20")
    await browser.send(await browser.get("/cards/4"), "/cards/4/cancel", reason="搬走")
    assert ADDRESSES["/purse/payables/1"] in (await browser.get("/purse/payables")).links


async def _till(browser: Browser) -> None:
    """A till that sells lunch, with a price of its own for the first card class."""
    about = {
        "number": "41",
        "label": "食堂一号机",
        "name": "canteen-a",
        "location": "食堂",
        "purpose": "till",
    }
    page = await browser.get("/devices/new")
    options = page.form("/devices/new").options
    place = {"site": options["site"][-1], "organisation": options["organisation"][-1]}
    await browser.send(page, "/devices/new", **about, **place)
    path = ADDRESSES["/tills/1"]
    listed = await browser.get("/tills")
    assert path in listed.links, [link for link in listed.links if "tills" in link]
    lunch = {"name_1": "午餐", "from_1": "11:00", "until_1": "13:30", "price_1": "15.00", "class_1_1": "6.00"}
    saved = await browser.send(await browser.get(path), path, shop="员工食堂", **lunch)
    assert saved.path == "/tills", saved.words[-500:]


async def _stock(browser: Browser) -> None:
    """Two desks, some cards, one transfer on its way, one count that waits for its second signature."""
    about = {"site": "1", "organisation": "1", "active": "1"}
    cards = {"desk": "1", "supplier": "卡厂", "price_fen": "2", "first_no": "55000001", "cards_count": "9"}
    await _post(browser, "/stock/desks/new", name="服务中心", **about)
    await _post(browser, "/stock/desks/new", name="南区", **about)
    await _post(browser, "/stock/intake", **cards)
    await _post(browser, "/stock/transfers/new", from_desk="1", to_desk="2", numbers="55000001-55000003")
    await _post(browser, "/stock/desks/1/count", numbers="55000004-55000008", reason="清点")


async def _units(browser: Browser) -> None:
    """A unit with an owner and a tenant, a contractor's permit there, goods that leave it, a move-in of its building."""
    page = await browser.get("/units/new")
    await browser.send(page, "/units/new", building="9栋", number="900", kind="home", state="waiting")
    await _post(browser, "/units/1/people", person="0101", household="new_owner", from_on="2026-01-01")
    lease = {"from_on": "2026-02-01", "lease_last_on": "2030-12-31"}
    await _post(browser, "/units/1/people", person="0102", household="new_tenant", **lease)
    work = {"unit": "9栋900", "firm": "顺安装修", "work": "铺地板", "deposit_fen": "2000.00", "levels": "1"}
    days = {"from_on": "2030-07-01", "last_on": "2030-07-10", "starts": "08:30", "ends": "18:00"}
    await _post(browser, "/permits/new", **work, **days)
    goods = {"carrier": "王师傅", "goods": "旧木门 2 扇", "valid_on": "2030-07-01"}
    await _post(browser, "/releases/new", unit="9栋900", **goods)
    page = await browser.get("/move-ins/new")
    chosen = {name: page.form("/move-ins/new").options[name][-1] for name in ("organisation", "card_class")}
    await browser.send(page, "/move-ins/new", name="九栋入伙", buildings="9栋", **chosen)


async def _hand_over(browser: Browser) -> None:
    """Number plates, readings and debts, and an owner who has left a unit."""
    await _post(
        browser, "/plates/new", number="沪AD12345", person="0101", unit="9栋900", from_on="2026-01-01"
    )
    read = {"water": "120.50", "read_on": "2026-01-01", "reader": "王抄表"}
    await _post(browser, "/units/1/readings", **read)
    owed = {"what": "管理费 2026-06", "amount_fen": "600", "owed_on": "2026-06-30"}
    await _post(browser, "/units/1/debts", person="0101", **owed)
    page = await browser.get("/units/new")
    made = await browser.send(page, "/units/new", building="9栋", number="902", kind="home", state="waiting")
    await _post(browser, f"{made.path}/people", person="0101", household="new_owner", from_on="2026-01-01")
    (leaving,) = {link for link in (await browser.get(made.path)).links if "hand-over?leaving=" in link}
    form = await browser.get(leaving)
    wish = {"last_on": "2026-07-31", "reason": "出售", "water": "88.10", "read_on": "2026-07-31"}
    done = await browser.send(form, f"{made.path}/hand-over", step="carry_out", **wish)
    await browser.send(done, f"{done.path}/sheet")


async def _faces(browser: Browser) -> None:
    """A printed card face, without Chinese on it, so that no font is needed."""
    place = {"shown": "1", "x": "4", "y": "4", "width": "40", "height": "6"}
    front = {f"card_no.{name}": value for name, value in place.items()}
    await _post(browser, "/faces/templates/1", side="front", seen="1", **front)
    await _post(browser, "/faces/templates/1", side="back", seen="2")
    await _post(browser, "/faces/print", card="2", without_photo="1")


async def _patrol(browser: Browser) -> None:
    """A checkpoint at the first reader, a guard, and a route between them."""
    await _post(browser, "/patrol/checkpoints/new", number="1", name="东门岗", point="1")
    await _post(browser, "/patrol/guards/new", site="1", number="0101")
    limits = {"early": "5", "late": "5", "opens": "15", "closes": "15", "order": "FLAG"}
    when = {"valid_from_on": "2030-07-01", "days": "0", "starts": "22:00", "stop_0": "1", "at_0": "+0"}
    await _post(browser, "/patrol/routes/new", number="1", name="夜巡", guards="1", **limits, **when)
    await _post(browser, "/patrol/maps/new", name="首层", site="1", organisation="1")
    await _post(browser, "/patrol/maps/1", seen="1", **{"x.1": "30", "y.1": "62.5"})
    await _post(browser, "/patrol/carried/new", name="一号巡更棒", point="4", idle_min="120")
    card = {"site": "1", "organisation": "1", "event": "HELP", "uid": "04B0000000E001"}
    await _post(browser, "/patrol/event-cards/new", name="求助卡", **card)
    await _post(browser, "/patrol/units/act", act="test", unit="1")
    span = {"from_at": "2030-07-01T21:00", "until_at": "2030-07-02T06:00"}
    await _post(browser, "/patrol/reliefs/new", route="1", guard="1", reason="病假", **span)


async def _brought(site: DemoSite, browser: Browser) -> None:
    """The file that a unit wrote, and one of another maker that waits for its columns."""
    out = site.demo.folder / "unit.onecard"
    export(load(site.demo.folder / "east-gate" / "node.toml"), out)
    await upload(browser, "/patrol/units/import", out.name, out.read_bytes())
    await upload(browser, "/patrol/units/import", "wand.csv", SCANS)


async def _late_upload(site: DemoSite, browser: Browser) -> None:
    """A route that is walked today, and a device that was away and came back."""
    limits = {"early": "5", "late": "5", "opens": "15", "closes": "15", "order": "FLAG"}
    when = {"valid_from_on": local_now().date().isoformat(), "starts": "00:00", "stop_0": "1", "at_0": "+0"}
    days = {"days": str(local_now().weekday())}
    await _post(browser, "/patrol/routes/new", number="2", name="日巡", guards="1", **limits, **when, **days)
    await site.tester.do("hall", "network", up=False)
    await until(partial(_is_away, browser), "a device is offline")
    await site.tester.do("hall", "network", up=True)
    brought = partial(_page_says, browser, "/patrol/uploads/1", "Scans brought")
    await until(brought, "it has handed over its records", 90.0)


async def _is_away(browser: Browser) -> bool | None:
    rows = (await browser.get("/devices")).rows_of("devices")
    return True if any("Offline" in cell for row in rows for cell in row.cells) else None


async def _page_says(browser: Browser, path: str, words: str) -> bool | None:
    page = await browser.get(path)
    return True if words in page.words else None


async def _forms(browser: Browser) -> None:
    """A form and a printer for it."""
    about = {"site": "1", "active": "1"}
    await _post(browser, "/forms/templates/new", name="发卡单", kind="issue_slip", paper="241x140", **about)
    await _post(browser, "/forms/printers/new", name="一号窗口", x="1.5", y="-2", **about)


async def _duty(site: DemoSite, browser: Browser) -> None:
    """A desk with keys, a paper that waits, a visitor whose host was called, a signed hand-over."""
    page = await browser.get("/duty/items/new")
    await browser.send(page, "/duty/items/new", name="机房钥匙", kind="keys", pieces_count="3")
    await _post(browser, "/duty/papers/new", unit="9栋900", what="装修通知")
    await _post(browser, "/visitors/1/call", result="let_in")
    page = await browser.get("/repairs/new?door=1")
    await browser.send(page, "/repairs/new", what="锁舌卡住")
    await _post(browser, "/repairs/1/slip", width="58", **{"as": "page"})
    number, password = await colleague(site, browser)
    page = await browser.get("/duty/hand-overs/new")
    both = {"outgoing_password": site.demo.password, "incoming": number, "incoming_password": password}
    signed = await browser.send(
        page, "/duty/hand-overs/new", item_1="3", cash_1="299", cash_1_why="找错", **both
    )
    await browser.send(signed, f"{signed.path}/slip", width="58", **{"as": "page"})


async def _oversight(browser: Browser) -> None:
    """A request of the police."""
    page = await browser.get("/oversight/requests/new")
    asked = {
        "document": "沪公调 1",
        "agency": "某派出所",
        "officer": "周警官",
        "purpose": "盗窃案",
        "person": "0102",
    }
    span = {"from_at": "2026-07-01T21:00", "until_at": "2026-07-02T06:00"}
    await browser.send(page, "/oversight/requests/new", **asked, **span)


async def colleague(site: DemoSite, browser: Browser) -> tuple[str, str]:
    """A guard who has chosen a password; operator number and password."""
    number, password = "0009", "nine quiet bicycles 0009"
    page = await browser.get("/operators/new")
    options = page.form("/operators/new").options
    role = options["roles"][list(BUILT_IN).index("guard")]
    about = {"number": number, "name": "赵接班", "roles": role, "sites": "*", "organisations": "*"}
    made = await browser.send(page, "/operators/new", **about)
    link = re.search(r"(/password\?token=[^\"&<\s]+)", made.html)
    assert link is not None, made.words
    async with Browser(site.url, "en") as other:
        form = (await other.get(link[1])).form("/password")
        await other.post(link[1], {**form.fields, "password": password, "again": password})
    return number, password


async def _webhook(browser: Browser) -> None:
    """An address that nothing is sent to."""
    about = {"label": "停车场", "url": "http://192.0.2.1/events", "site": "all", "organisation": "all"}
    form = (await browser.get("/webhooks/new")).form("/webhooks/new")
    sent = {name: value for name, value in form.fields.items() if name not in ("kinds", "enabled")}
    await browser.post("/webhooks/new", [*{**sent, **about}.items(), ("kinds", "alarm.raised")])


async def _alarm_messages(browser: Browser) -> None:
    """A contact, a rule that is not in force, and a test message that finds no mail server."""
    base = "/alarms/messages"
    place = {"site": "all", "organisation": "all"}
    about = {"label": "值班经理", "language": "zh-Hans", "email": "duty@estate.example", **place}
    form = (await browser.get(f"{base}/contacts/new")).form(f"{base}/contacts/new")
    made = await browser.post(f"{base}/contacts/new", form.filled(**about))
    form = (await browser.get(f"{base}/rules/new")).form(f"{base}/rules/new")
    ticks = [("ways", "email"), ("contacts", made.path.rpartition("/")[2])]
    named = [*form.filled(label="升级通知", **place), *ticks]
    await browser.post(f"{base}/rules/new", [pair for pair in named if pair[0] != "enabled"])
    await browser.send(made, f"{made.path}/test")


async def _post(browser: Browser, path: str, **values: str) -> None:
    """Send fields that a page's own form need not offer by itself."""
    csrf = (await browser.get("/account")).form("/logout").fields["csrf"]
    answer = await browser.post(path, {"csrf": csrf, **values})
    assert answer.status == 200, (path, answer.words[-600:])


async def upload(browser: Browser, path: str, name: str, content: str | bytes) -> Page:
    """Send a file to the page of an import; what the file would do."""
    form = aiohttp.FormData()
    for key, value in (await browser.get(path)).form(path).fields.items():
        if key != "file":
            form.add_field(key, value)
    raw = content if isinstance(content, bytes) else content.encode()
    form.add_field("file", raw, filename=name, content_type="text/csv")
    answer = await browser.post(path, form)
    assert answer.status < 400, (path, answer.words[:400])
    return answer

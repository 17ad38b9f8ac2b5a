"""A whole site of real processes for acceptance tests: what an operator does with its pages, beside the story's hands."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from central.security.guard import STEP_UP_FIELD
from central.security.roles import BUILT_IN
from provisioning.demo.browser import Browser, Fields, Page
from provisioning.demo.demo import Demo
from provisioning.demo.story import WITHIN_S, SiteTester, until
from tests.support.centre import CHEAP

_numbers = count(1)
EVERY = "*"
"""Every estate, or every organisation."""


class SteadyBrowser(Browser):
    """Of somebody who sits there for hours: gives the password whenever a page asks for it once more."""

    password = ""

    async def _ask(self, method: str, path: str, data: Fields | None) -> Page:
        page = await super()._ask(method, path, data)
        asked = [form for form in page.forms if STEP_UP_FIELD in form.fields]
        if not asked or not self.password:
            return page
        given = {STEP_UP_FIELD: self.password}
        if page.path.partition("?")[0] == "/step-up":
            return await super()._ask("POST", "/step-up", {**asked[0].fields, **given})
        sent = list(data.items() if isinstance(data, Mapping) else data or ())
        return await super()._ask(method, path, [*sent, *given.items()])


class Colleague(Browser):
    """Of an operator whom a test has entered, who can sign with the password anywhere."""

    number = ""
    password = ""


class Site(SiteTester):
    """Each test enters people and issues cards of its own, so that tests do not meet."""

    def __init__(self, demo: Demo, browser: Browser) -> None:
        super().__init__(demo, browser)
        self.login_number = "0001"

    async def sign_in_again(self) -> None:
        """As administrator: a session that nobody uses ends."""
        page = await self.browser.get("/login")
        if any(form.action == "/login" for form in page.forms):
            await self.browser.send(page, "/login", number="0001", password=self.demo.password)

    def next_number(self) -> int:
        """A number that no other test has."""
        return next(_numbers)

    async def enter_person(self, number: str, **values: str) -> int:
        """Enter a person through the form; the id."""
        page = await self.browser.get("/people/new")
        form = page.form("/people/new")
        chosen = {name: form.options[name][-1] for name in ("organisation", "site")}
        given = {
            "name": f"住户{number}",
            "number": number,
            "kind": "owner",
            "active": "1",
            **chosen,
            **values,
        }
        answer = await self.browser.send(page, "/people/new", **given)
        return int(answer.path.rpartition("/")[2])

    async def enter_unit(self, number: str) -> str:
        """A home of building 9, handed over; the path of its page."""
        page = await self.browser.get("/units/new")
        form = (
            page.form("/units/new") if any(f.action == "/units/new" for f in page.forms) else page.forms[-1]
        )
        chosen = {name: form.options[name][-1] for name in ("organisation", "site")}
        unit = {"building": "9栋", "number": number, "kind": "home", "state": "handed_over"}
        made = await self.browser.post("/units/new", {**form.fields, **chosen, **unit})
        assert made.path.startswith("/units/"), made.words[-600:]
        return made.path

    async def issue(self, person: int, uid: str, card_no: str, level: int = 1, card_class: str = "") -> Page:
        """Issue a card to a person through the form; the page of the card. Level 1 opens every door at all times."""
        page = await self.browser.get(f"/cards/issue?person={person}&card_class={card_class}")
        return await self.browser.send(page, "/cards/issue", uid=uid, card_no=card_no, levels=str(level))

    async def card_class(self, **values: str) -> str:
        """Make a card class, with deposit and cost if said so; its value in the forms."""
        page, name = await self.browser.get("/cards/classes/new"), f"卡类{self.next_number()}"
        given = {"name": name, "active_max_count": "5", "active": "1", **values}
        await self.browser.send(page, "/cards/classes/new", **given)
        rows = (await self.browser.get("/cards/classes")).rows
        (link,) = {link for row in rows if name in row.cells for link in row.links if "/classes/" in link}
        return link.rpartition("/")[2]

    async def resident(self, level: int = 1, card_class: str = "", **values: str) -> Resident:
        """A person, with more values if said so, with a card that every device holds, of a class or of the first one."""
        number = self.next_number()
        uid, person_no, card_no = f"04DD{number:010X}", f"7{number:03d}", f"9{number:07d}"
        person = await self.enter_person(person_no, **values)
        page = await self.issue(person, uid, card_no, level, card_class)
        await self.until_joined()
        return Resident(uid, person_no, card_no, page.path.partition("?")[0])

    async def until_page(self, path: str, is_so: Any, within_s: float = WITHIN_S) -> Page:
        """The page, as soon as it says so."""
        last: list[Page] = []

        async def look() -> Page | None:
            last[:] = [await self.browser.get(path)]
            return last[0] if is_so(last[0]) else None

        try:
            return await until(look, path, within_s)
        except Exception as error:
            raise AssertionError(f"{path} never said so; last: {last[0].words[-1500:]}") from error

    # -- the card desk ------------------------------------------------------------------------------------------------

    async def lay(self, card: Mapping[str, Any], node: str = "card-desk") -> None:
        """Lay a card on a reader, where it stays: ``{"kind": "classic1k", "uid": ...}``, or as ``lift`` gave it."""
        await self.do(node, "place", card=card)

    async def lift(self, uid: str, node: str = "card-desk") -> Mapping[str, Any]:
        """Take the card away; with all that stands on it now."""
        answer = await self.demo.nodes[node].line.do({"do": "remove", "uid": uid})
        card: Mapping[str, Any] = answer["card"]
        self.written[uid] = card
        return card

    async def power_off(self, node: str) -> None:
        """Kill the device as a power cut does."""
        found = self.demo.nodes[node]
        await self.do(node, "power_off")
        assert await found.child.wait() == 137
        await self.demo.until(lambda: not found.line.is_connected, f"{node} is off")

    async def power_on(self, node: str) -> None:
        """Start it anew; the hands at its chips are back."""
        found = self.demo.nodes[node]
        await found.child.start()
        await self.demo.until(lambda: found.line.is_connected, node)

    async def power_cycle(self, node: str) -> None:
        """Kill the device as a power cut does, and start it anew."""
        await self.power_off(node)
        await self.power_on(node)

    async def send_form(self, path: str, field: str, **values: str) -> Page:
        """Send the form with this field of a page, as it is but for these values."""
        page = await self.browser.get(path)
        (form,) = [form for form in page.forms if field in form.fields]
        return await self.browser.post(path, form.filled(**values))

    async def inspected(self, uid: str) -> Page:
        """The desk page once it shows the card that lies there."""
        return await self.until_page("/cards/desk/presented", lambda page: uid in page.html.replace(" ", ""))

    async def order_issue(self, person: int, uid: str, card_no: str, level: int = 1) -> Page:
        """Order the card on the issuer to be written; the page of the order."""
        page = await self.issue(person, uid, card_no, level)
        assert page.path.startswith("/cards/orders/"), page.words[-600:]
        return page

    async def until_order(self, order: Page, says: str) -> Page:
        """The state of an order, as soon as it says so."""
        return await self.until_page(f"{order.path}/state", lambda page: says in page.words)

    @contextmanager
    def hearing(self, node: str = "card-desk", line: str = "buzzer.1") -> Iterator[list[Mapping[str, Any]]]:
        """What a line of a device does meanwhile, switched on only: beeps."""
        control = self.demo.nodes[node].line
        heard: list[Mapping[str, Any]] = []
        pass_on = control._on_event

        def listen(event: Mapping[str, Any]) -> None:
            if event.get("line") == line and event["on"]:
                heard.append(event)
            pass_on(event)

        control._on_event = listen
        try:
            yield heard
        finally:
            control._on_event = pass_on

    @asynccontextmanager
    async def operator(
        self, role: str, *, estate: str = EVERY, organisation: str = EVERY
    ) -> AsyncIterator[Colleague]:
        """Enter an operator of a built-in role, who chooses a password by the link and signs in; their browser."""
        number = f"op{self.next_number():04d}"
        page = await self.browser.get("/operators/new")
        options = page.form("/operators/new").options
        made = await self.browser.send(
            page,
            "/operators/new",
            number=number,
            name=f"操作员{number}",
            roles=options["roles"][list(BUILT_IN).index(role)],
            sites=estate,
            organisations=organisation,
        )
        link = re.search(r"(/password\?token=[^\"&<\s]+)", made.html)
        assert link is not None, made.words
        password = f"seven quiet bicycles {number}"
        async with Colleague(self.demo.centre_url, "en") as browser:
            browser.number, browser.password = number, password
            form = (await browser.get(link[1])).form("/password")
            await browser.post(link[1], {**form.fields, "password": password, "again": password})
            await browser.send(await browser.get("/login"), "/login", number=number, password=password)
            yield browser

    async def save_ticket(self, device_path: str, file: Path) -> None:
        """Let the page of a device make its ticket, and keep the text in a file as an installer does."""
        page = await self.browser.get(device_path)
        shown = await self.browser.send(page, f"{device_path}/ticket", **{STEP_UP_FIELD: self.demo.password})
        text = re.search(r"<textarea[^>]*>(.*?)</textarea>", shown.html, re.S)
        assert text is not None, shown.words
        file.write_text(html.unescape(text[1]).strip() + "\n", "utf-8")

    async def cut(self, node: str) -> None:
        """Cut a device's network: from now on nothing of it reaches the centre, which notices later."""
        await self.do(node, "network", up=False)
        await self.until_status(node, lambda status: status["link"]["state"] == "offline", "it is cut off")

    async def join(self, *nodes: str) -> None:
        """Join the network of all that were cut again, and wait until nothing is on its way in either direction."""
        for node in nodes:
            await self.do(node, "network", up=True)
        for node in nodes:
            await self.until_read(node)
        await self.until_joined()

    async def until_read(self, node: str) -> None:
        """Read a device's records as a clerk does: what its page says of a device that was away may be from before it left."""
        page = (await self.device_pages())[node]
        asked = await self.browser.send(page, "/devices/pull")
        await self.until_page(asked.path, lambda page: "All records read" in page.words)

    async def shows(self, node: str, uid: str, reader: int = 1) -> None:
        """Tap at a device whose records do not arrive now, and wait until it has recorded what came of it."""

        def so_far(status: Mapping[str, Any]) -> tuple[int, int]:
            (cards,) = [one["cards"] for one in status["readers"] if one["unit"] == reader]
            return cards, status["storage"]["last_seq"]

        cards, last_seq = so_far(await self.status(node))
        await self.tap(node, uid, reader)
        await self.until_status(
            node,
            lambda status: so_far(status)[0] > cards and so_far(status)[1] > last_seq,
            f"{uid} is recorded",
        )

    async def is_turned_away(self, node: str, uid: str) -> None:
        """The same of a card that moves no lock."""
        await self.until_lock(node, False)
        rested = self.last(node)
        await self.shows(node, uid)
        assert self.last(node) == rested, f"{node}: the lock moved for a card that is refused"


class Resident:
    """A person with a card."""

    def __init__(self, uid: str, person_no: str, card_no: str, path: str) -> None:
        self.uid, self.person_no, self.card_no, self.path = uid, person_no, card_no, path
        self.query = f"person={person_no}"


@asynccontextmanager
async def running_site(folder: Path, buses: Mapping[str, str], release_key: str = "") -> AsyncIterator[Site]:
    """Centre, two doors and an issuer, joined; an administrator signed in, pages in English.

    :param buses: the wires (spi, uart) between devices and their chips, by device.
    :param release_key: the public half, as the centre's configuration has it; empty: no new version is believed.
    """
    demo = Demo(folder / "site", any_ports=True)
    demo.release_key = release_key
    demo.buses, demo.security = dict(buses), dict(CHEAP)
    try:
        await demo.start()
        async with SteadyBrowser(demo.centre_url, "en") as browser:
            browser.password = demo.password
            assert demo.site is not None
            await browser.sign_in_by_link(demo.site.login_path)
            running = Site(demo, browser)
            await running.until_joined()
            yield running
    finally:
        await demo.stop()

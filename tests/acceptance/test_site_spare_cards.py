"""Spare SD cards: a board started with one waits until an operator says which device it is. Centre and boards are real processes."""

from __future__ import annotations

import asyncio
import gzip
import os
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from central.nodes.card_maker import BASES_FOLDER
from central.security.guard import STEP_UP_FIELD
from edge.config import parse_ticket
from edge.identity import IdentityFiles
from edge.link.https import CONTENT_TYPE, ENROL_PATH
from edge.status import StatusError, ask
from protocol.enrolment import fingerprint, raw_public, read_answer, write_enrol
from protocol.envelope import join, split
from protocol.facts import SALT_LENGTH
from protocol.ids import UNASSIGNED
from protocol.limits import NONCE_LENGTH
from protocol.messages import Enrol, Enrolled, RefusalCode, Refused
from provisioning.demo.browser import Browser, Page
from provisioning.demo.processes import Child
from provisioning.demo.story import until
from tests.acceptance.test_site_card_image import entered, on_card
from tests.acceptance.test_site_replacement import for_this_computer, installations
from tests.provisioning.conftest import BASES
from tests.support.disk_images import disk
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")
NEW = "/devices/spares/new"
WAITING = "/devices/waiting"
TRIED = "A used spare SD card was tried in another board"


class SpareBoard:
    """A board with a spare card in it, as a process."""

    def __init__(self, folder: Path, card: str, serial: str) -> None:
        folder.mkdir()
        self.folder, self.serial, self.card = folder, serial, card
        text = f'language = "en"\n{for_this_computer(card)}board_serial = "{serial}"\n'
        (folder / "node.toml").write_text(text, "utf-8")
        arguments = ["-m", "edge", "run", "--config", str(folder / "node.toml")]
        self.child = Child(serial, arguments, folder / "log")

    async def status(self) -> Mapping[str, Any]:
        """What it says of itself; nothing while it starts."""
        try:
            return await asyncio.to_thread(ask, self.folder / "data" / "status.sock")
        except StatusError:
            return {}

    async def says(self, text: str) -> None:
        """Until its connection says this."""

        async def look() -> bool:
            return text in (await self.status()).get("link", {}).get("detail", "")

        await until(look, f"{self.serial} says {text!r}")

    async def is_device(self, name: str) -> None:
        """Until it is this device and holds what the device is to hold."""

        async def look() -> bool:
            said = await self.status()
            return bool(said) and said["name"] == name and said["configuration"]["access"] > 0

        await until(look, f"{self.serial} is {name}", 60)

    @property
    def fingerprint(self) -> str:
        """What whoever stands there reads out."""
        return fingerprint(raw_public(IdentityFiles(self.folder / "data").key()))

    async def call(self, site: Site) -> tuple[int, Enrolled | Refused]:
        """What the centre answers when this board calls once more."""
        ticket = parse_ticket(tomllib.loads(self.card)["ticket"])
        key = IdentityFiles(self.folder / "data").key()
        salt, nonce = os.urandom(SALT_LENGTH), os.urandom(NONCE_LENGTH)
        enrol = Enrol(ticket.ticket_id, UNASSIGNED, raw_public(key), self.serial, b"", salt, nonce)
        packet = join([write_enrol(enrol, ticket.secret, key)])
        url = f"https://127.0.0.1:{site.demo.nodes_port}{ENROL_PATH}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=packet, headers={"Content-Type": CONTENT_TYPE}, ssl=False) as response,
        ):
            (frame,) = split(await response.read())
            return response.status, read_answer(frame, ticket.secret, enrol)


@asynccontextmanager
async def running(*boards: SpareBoard) -> AsyncIterator[None]:
    """Their power is on meanwhile."""
    try:
        for board in boards:
            await board.child.start()
        yield
    finally:
        for board in boards:
            await board.child.stop()


async def spare_card(site: Site, folder: Path, name: str) -> str:
    """A spare card made at the centre; the ``node.toml`` that stands on it."""
    form = (await site.browser.get(NEW)).form(NEW)
    place = {field: form.options[field][-1] for field in ("site", "organisation")}
    given = form.filled(label="备件柜", **place, **{STEP_UP_FIELD: site.demo.password})
    image = folder / f"{name}.img"
    image.write_bytes(gzip.decompress(await site.browser.load(NEW, dict(given))))
    text = on_card(image)
    assert tomllib.loads(text)["name"] == UNASSIGNED
    return text


async def row_of(browser: Browser, board: SpareBoard) -> list[tuple[str, list[str]]]:
    """The lines of this board in the list of those that wait: the path of its page, and the cells."""
    rows = (await browser.get(WAITING)).rows_of("waiting")
    return [(row.links[0], row.cells) for row in rows if board.serial in row.cells]


def device_number(page: Page) -> str:
    """The value of a device in forms."""
    return page.path.partition("?")[0].rpartition("/")[2]


async def test_a_spare_card_becomes_the_device_that_an_operator_names(site: Site, tmp_path: Path) -> None:
    """Seen when: a spare card of the shelf is started in two boards. The first waits, also over a power cut, with its number and
    fingerprint on page and dashboard; the second is refused with an alarm. Refused by an operator it says so and goes on asking;
    let wait again and approved (not before the fingerprint is ticked), it is the new device and holds what that is to hold; a
    repeat gets the same answer. A second spare card takes the place of that device, with the tick that replacing asks for: the
    old one is refused with an alarm, and the lost span is named. Everything stands in the audit trail.

    Planted breaks that turn it red: ``spares.admit`` giving a ticket to a board that waits; ``_too_many`` always False; the key
    left out of ``make_ticket_for``; ``approve`` without the comparison; ``close_epochs`` left out of ``_open_epoch``.
    """
    bases = site.demo.folder / "centre" / BASES_FOLDER
    bases.mkdir()
    (bases / "pi-os.img").write_bytes(disk(tmp_path / "base.img", BASES["cloud-init"]).read_bytes())
    browser, password = site.browser, {STEP_UP_FIELD: site.demo.password}
    device = await entered(site, "night-gate", "41")
    number, device_path = device_number(device), device.path.partition("?")[0]
    card = await spare_card(site, tmp_path, "first")
    first = SpareBoard(tmp_path / "a", card, "10000000aaaa0001")
    second = SpareBoard(tmp_path / "b", card, "10000000bbbb0002")
    async with running(first):
        await first.says("waiting for an operator to approve this device")
        ((path, cells),) = await row_of(browser, first)
        assert first.fingerprint in cells
        assert "Waits for approval" in cells
        assert "127.0.0.1" in cells
        status = (await first.status())["link"]
        assert (status["board"], status["fingerprint"]) == (first.serial, first.fingerprint)
        assert "Devices waiting to join" in (await browser.get("/")).words
        async with running(second):
            await second.says("used by another device")
            await site.until_page("/alarms", lambda page: TRIED in page.words)
            assert await row_of(browser, second) == []
            assert (await second.call(site))[0] == 409

        await first.child.kill()  # the power is cut while it waits
        before = first.fingerprint
        await first.child.start()
        await first.says("waiting for an operator to approve this device")
        assert first.fingerprint == before
        assert [link for link, _ in await row_of(browser, first)] == [path]

        await browser.send(await browser.get(path), f"{path}/refuse", **password)
        await first.says("an operator at the centre has refused this device")
        assert getattr((await first.call(site))[1], "code", None) is RefusalCode.NOT_APPROVED
        await browser.send(await browser.get(path), f"{path}/reconsider", **password)
        form = (await browser.get(path)).form(f"{path}/approve")
        unread = await browser.post(f"{path}/approve", form.filled(device=number, **password))
        assert (unread.status, "read out by telephone" in unread.words) == (422, True), unread.words
        await browser.send(
            await browser.get(path), f"{path}/approve", device=number, compared="1", **password
        )
        await (
            first.child.kill()
        )  # whoever stands there switches it off and on instead of waiting for the next call
        await first.child.start()
        await first.is_device("night-gate")
        same = await first.call(site)
        assert (same[0], getattr(same[1], "node_epoch", 0)) == (200, 1), "the same key gets the same answer"
        assert "Has joined" in (await browser.get(path)).words

        # -- its place is taken
        third = SpareBoard(tmp_path / "c", await spare_card(site, tmp_path, "second"), "10000000cccc0003")
        async with running(third):
            await third.says("waiting for an operator to approve this device")
            ((path, _cells),) = await row_of(browser, third)
            form = (await browser.get(path)).form(f"{path}/approve")
            given = {"device": number, "compared": "1", **password}
            refused = await browser.post(f"{path}/approve", form.filled(**given))
            assert (refused.status, "has joined already" in refused.words) == (422, True), refused.words
            await browser.send(await browser.get(path), f"{path}/approve", replace="1", **given)
            assert "Enrolled" in (await browser.get(device_path)).words
            await third.is_device("night-gate")
            await first.says("has taken the place of this one")
        closed = "A replaced or revoked device is still connecting"
        await site.until_page("/alarms", lambda page: closed in page.words)
    page = await browser.get(device_path)
    assert [line[0] for line in installations(page)] == ["2", "1"]
    assert "Installation 1: evidence lost " in page.words
    audit = (await browser.get("/audit")).words
    for act in ("Made a spare SD card", "Approved a waiting device", "Refused a waiting device"):
        assert act in audit, act
    assert before in audit, "what was compared stands there"


async def test_estates_and_organisations_see_none_of_each_others_spare_cards(
    site: Site, tmp_path: Path
) -> None:
    """Seen when: another organisation of the estate sees neither card nor board, and can decide nothing; who may only look decides
    nothing either; a revoked card is refused.

    Planted break that turns it red: ``SpareBoard.select`` without ``scope.filter``.
    """
    card = await spare_card(site, tmp_path, "third")
    board = SpareBoard(tmp_path / "d", card, "10000000dddd0004")
    page = await site.browser.get("/organisations/new")
    await site.browser.send(page, "/organisations/new", name="borealis", active="1")
    rows = (await site.browser.get("/organisations")).rows_of("organisations")
    (other,) = [row.links[0].rpartition("/")[2] for row in rows if "borealis" in row.cells]
    async with running(board):
        await board.says("waiting for an operator to approve this device")
        ((path, _cells),) = await row_of(site.browser, board)
        form = (await site.browser.get(path)).form(f"{path}/approve")
        ticket_id = parse_ticket(tomllib.loads(card)["ticket"]).ticket_id
        async with site.operator("installer", organisation=other) as stranger:
            assert await row_of(stranger, board) == []
            assert ticket_id not in (await stranger.get("/devices/spares")).words
            assert (await stranger.get(path)).status == 404
            sent = {**dict(form.filled(compared="1")), STEP_UP_FIELD: stranger.password}
            sent["csrf"] = (await stranger.get(NEW)).form(NEW).fields["csrf"]
            assert (await stranger.post(f"{path}/approve", sent)).status == 404
            assert (await stranger.post(f"{path}/refuse", sent)).status == 404
        spares = await site.browser.get("/devices/spares")
        (row,) = [row for row in spares.rows if ticket_id in row.cells]
        action = next(form.action for form in spares.forms if form.action.endswith("/revoke"))
        assert "0 of 1" in row.cells
        await site.browser.send(spares, action, **{STEP_UP_FIELD: site.demo.password})
        await board.says("does not know this ticket")
    assert "Revoked" in (await site.browser.get("/devices/spares")).words

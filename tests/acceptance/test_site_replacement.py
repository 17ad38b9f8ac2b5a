"""A door is destroyed and another board takes its place (B12): real processes, a card image made for the same name."""

from __future__ import annotations

import asyncio
import html
import os
import re
import shutil
import subprocess
import sys
import tomllib
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.security.guard import STEP_UP_FIELD
from edge.config import Ticket, parse_ticket
from edge.identity import IdentityFiles
from edge.link.https import CONTENT_TYPE, ENROL_PATH
from edge.status import StatusError, ask
from protocol.enrolment import raw_public, read_answer, write_enrol
from protocol.envelope import join, split
from protocol.facts import SALT_LENGTH
from protocol.limits import NONCE_LENGTH
from protocol.messages import Enrol, Enrolled, RefusalCode, Refused
from provisioning.demo.browser import Page
from provisioning.demo.processes import Child
from provisioning.demo.story import until
from tests.acceptance.test_site_card_image import on_card
from tests.acceptance.test_site_rounds import AT_ONCE, period, until_figures
from tests.provisioning.conftest import BASES, provision
from tests.support import patrol
from tests.support.disk_images import disk
from tests.support.node_process import ROOT
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")
GATE, LABEL = "east-gate", "东门"
UNSENT = 2


def for_this_computer(text: str) -> str:
    """``node.toml`` of a card, for a board, chips and storage that are this computer's."""
    here = text.replace('data_dir = "/var/lib/onecard"', 'data_dir = "data"')
    assert here != text
    here = re.sub(r"\n\[\[readers\]\].*?(?=\n\[|\Z)", "", here, flags=re.S)
    here = re.sub(r'board = "[^"]*"', 'board = "simulated"', here)
    here = here.replace("\n[network]", "\nperiod_s = 5\n[network]")
    return here + '\n[[readers]]\nunit = 1\nbus = "emulator"\n\n[emulator]\ncontrol = "127.0.0.1:0"\n'


def installations(page: Page) -> list[list[str]]:
    """The lines of "records received": installation, enrolled, replaced, received, gaps, chain, complete until, set aside."""
    return [row.cells for row in page.rows if len(row.cells) == 8 and row.cells[0].isdecimal()]


@pytest.mark.requirement("B12")
async def test_a_destroyed_door_is_replaced_and_its_old_identity_is_refused(
    site: Site, tmp_path: Path
) -> None:
    """Seen when: a door with two records that never left it is destroyed. A card written for the same name (refused until
    somebody says ``--replace``) makes another board that device: it opens for the cards of the site, what was uploaded is
    there once and whole, the time from the last upload to the replacement stands on the page as lost, and a patrol round in
    it is "no evidence", neither missed nor on time. The old storage comes back and is started: refused, an alarm, and its
    two records stand apart; the card cannot be used for a third board, which is an alarm too.

    Planted breaks that turn it red: ``close_epochs`` left out of ``_open_epoch``; ``NodeRecord.quarantine`` always False;
    ``evidence.replaced`` never ending the span; ``tickets.join`` binding a second key.
    """
    demo, browser = site.demo, site.browser
    resident, guard = await site.resident(), await patrol.guard(site)
    (device_path,) = [page.path for name, page in (await site.device_pages()).items() if name == GATE]
    here = await patrol.checkpoint(site, "东门巡更点", device=LABEL)
    await site.until_joined()
    await site.opens(GATE, resident.uid)
    await site.shuts(GATE)
    await site.until_joined()
    assert await site.count(resident.query) == 1

    # -- records that never leave it, and its end
    await site.cut(GATE)
    for _ in range(UNSENT):
        await site.opens(GATE, resident.uid)
        await site.shuts(GATE)
    node, folder, old = demo.nodes[GATE], demo.folder / GATE, tmp_path / "old"
    await node.child.kill()
    await node.line.stop()
    shutil.move(folder, old)
    uploaded = installations(await browser.get(device_path))[0][3]
    assert await site.count(resident.query) == 1, "what was recorded after the cut never left it"
    planned = patrol.minute(40)  # a round that begins while the door is gone
    await patrol.route(site, [(here, "+0")], [guard], starts=f"{planned:%H:%M}", **AT_ONCE)

    # -- another card for the same name
    shown = await browser.send(
        await browser.get(device_path), f"{device_path}/ticket", **{STEP_UP_FIELD: demo.password}
    )
    assert "It replaces installation 1" in shown.words, shown.words
    text = re.search(r"<textarea[^>]*>(.*?)</textarea>", shown.html, re.S)
    assert text is not None
    given, out = tmp_path / "east-gate.toml", tmp_path / "east-gate.img"
    given.write_text(html.unescape(text[1]).strip() + "\n", "utf-8")
    command = ["image", "--base", disk(tmp_path / "base.img", BASES["cloud-init"]), "--node", GATE]
    command += ["--ticket", given, "--out", out]
    refused = await asyncio.to_thread(provision, *command)
    assert (refused.returncode, out.exists()) == (2, False)
    assert "--replace" in refused.stderr, refused.stderr
    made = await asyncio.to_thread(provision, *command, "--replace")
    assert made.returncode == 0, made.stderr
    await asyncio.sleep(max(0.0, (planned - patrol.local_now()).total_seconds() + 2))

    # -- it takes over
    assert demo.site is not None
    (device,) = [one for one in demo.site.devices if one.name == GATE]
    demo.nodes[GATE] = fresh = demo._node(device)
    (folder / "node.toml").write_text(for_this_computer(on_card(out)), "utf-8")
    await fresh.child.start()
    fresh.line.start()
    await demo.until(lambda: fresh.line.is_connected, GATE)
    await site.until_joined()
    await site.opens(GATE, resident.uid)
    await site.shuts(GATE)
    await site.until_joined()
    page = await browser.get(device_path)
    second, first = installations(page)
    assert (first[0], first[3:6], first[7]) == ("1", [uploaded, "0", "Intact"], "0")
    assert (second[0], second[2], second[4:6]) == ("2", "", ["0", "Intact"])
    assert "Installation 1: evidence lost " in page.words, page.words[-1500:]
    assert "not replaced yet" not in page.words, "the time has an end"
    assert await site.count(resident.query) == 2, "one before, one after; neither lost nor twice"
    span = period(planned - timedelta(minutes=5), planned + timedelta(minutes=5))
    await until_figures(site, span, {"expected": 1, "no_evidence": 1})

    # -- the old one comes back, and a copy of the card is tried
    config = old / "node.toml"
    config.write_text('language = "en"\n' + config.read_text("utf-8"), "utf-8")
    ghost = Child("old", ["-m", "edge", "run", "--config", str(config)], tmp_path / "old.log")
    await ghost.start()
    try:

        async def set_aside() -> bool | None:
            lines = installations(await browser.get(device_path))
            return True if int(lines[1][7]) >= UNSENT else None

        await until(set_aside, "the records of the old device stand apart")

        async def knows() -> bool:
            status = await asyncio.to_thread(_status, old)
            return "has taken the place of this one" in status["link"]["detail"]

        await until(knows, "the old device says why it is not wanted any more")
    finally:
        await ghost.kill()
    copied = await asyncio.to_thread(_enrol, for_this_computer(on_card(out)), tmp_path / "copied")
    assert copied.returncode == 1
    assert "used by another device" in copied.stderr
    used = parse_ticket(tomllib.loads(on_card(out))["ticket"])
    again = await _ask_to_join(site, used, IdentityFiles(folder / "data").key())
    assert (again[0], getattr(again[1], "node_epoch", 0)) == (200, 2), "the same key gets the same answer"
    thief = await _ask_to_join(site, used, Ed25519PrivateKey.generate())
    assert (thief[0], getattr(thief[1], "code", None)) == (409, RefusalCode.TICKET_USED)
    for alarm in (
        "A replaced or revoked device is still connecting",
        "A used join ticket was tried by another device",
    ):
        await site.until_page("/alarms", lambda page, alarm=alarm: alarm in page.words)
    assert await site.count(resident.query) == 2
    assert [line[3:6] for line in installations(await browser.get(device_path))][1] == [
        uploaded,
        "0",
        "Intact",
    ]


async def _ask_to_join(site: Site, ticket: Ticket, key: Ed25519PrivateKey) -> tuple[int, Enrolled | Refused]:
    """What the centre answers to a request to join with this ticket and key: the status, and the message."""
    enrol = Enrol(
        ticket.ticket_id, GATE, raw_public(key), "", b"", os.urandom(SALT_LENGTH), os.urandom(NONCE_LENGTH)
    )
    url = f"https://127.0.0.1:{site.demo.nodes_port}{ENROL_PATH}"
    packet = join([write_enrol(enrol, ticket.secret, key)])
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=packet, headers={"Content-Type": CONTENT_TYPE}, ssl=False) as response,
    ):
        (frame,) = split(await response.read())
        return response.status, read_answer(frame, ticket.secret, enrol)


def _status(folder: Path) -> dict[str, dict[str, str]]:
    try:
        return ask(folder / "data" / "status.sock")
    except StatusError as error:
        raise AssertionError(str(error)) from error


def _enrol(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    (folder / "node.toml").write_text(text, "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "edge", "enrol", "--config", str(folder / "node.toml")],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "en_GB.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

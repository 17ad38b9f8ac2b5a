"""Units without a network: a clerk's PC fetches their records over a serial line and loads them, with the real programs."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from central.security import card_master
from central.security.guard import STEP_UP_FIELD
from edge.config import load as load_config
from edge.export import export
from edge.identity import IdentityFiles
from protocol.bundle import frames_of, open_bundle
from protocol.envelope import read_unproven
from protocol.errors import MalformedError, ProtocolError
from protocol.framing import Deframer
from protocol.line import read_piece
from protocol.line.transfer import Transfer
from protocol.messages import Delta, SnapshotPart
from protocol.records import Change, Kind
from protocol.unit_box import box_secret_of
from provisioning.demo.browser import Page
from tests.support import patrol
from tests.support.full_site import upload
from tests.support.node_process import NodeProcess
from tests.support.serial_units import (
    begin_collecting,
    chain_on,
    collect,
    edge_command,
    enter_unit,
    page_of,
    set_connection,
    tap,
    unit_process,
)
from tests.support.site import Site
from tests.support.wires import Wires

pytestmark = pytest.mark.asyncio(loop_scope="session")
OWN_SITE = True
ACTS = "/patrol/units/act"
SLOW_BAUD = 19_200
LABELS = ("一号离线机", "二号离线机")


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    """One pair of wires: the collector and three units. One byte in two thousand arrives wrong."""
    with Wires(3, errors=0.0005) as wires:
        yield wires


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def units(
    site: Site, wires: Wires, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[list[NodeProcess]]:
    """Two units that have never been at the centre, running."""
    made: list[NodeProcess] = []
    for number, label in enumerate(LABELS, 1):
        name = f"offline-{number}"
        ticket = await enter_unit(site, name, label, str(30 + number))
        folder: Path = tmp_path_factory.mktemp(name)
        made.append(unit_process(folder, name, ticket, wires, number))
    for unit in made:
        unit.start()
    yield made
    for unit in made:
        unit.close()


async def ask(site: Site, act: str, page: Page) -> Page:
    """Have the unit of this page do something; the page on which its answer appears."""
    acts = await site.browser.get(ACTS)
    number = page.path.rpartition("/")[2]
    return await site.browser.post(
        ACTS, [("csrf", acts.form(ACTS).fields["csrf"]), ("act", act), ("unit", number)]
    )


async def records_of(site: Site, checkpoint: str) -> list[list[str]]:
    """What the patrol records of today say of a checkpoint."""
    today = f"from_at={patrol.day()}T00:00&until_at={patrol.day(1)}T00:00"
    rows = (await site.browser.get(f"/patrol/records?{today}")).rows_of("patrol-records")
    return [row.cells for row in rows if any(checkpoint in cell for cell in row.cells)]


@pytest.mark.requirement(79)
async def test_units_of_one_line_join_and_are_read_through_a_clerks_pc(
    site: Site, wires: Wires, units: list[NodeProcess]
) -> None:
    """Seen when: two units that have never been at the centre answer on one noisy line; one command joins both, brings their
    records and loads them; their pages say that nothing is missing and up to when it is complete; the units hold the site.

    Planted break that turns it red: ``send_enrol_by_serial`` not putting its frame.
    """
    lines = await collect(site, wires, "--units", "1,2")
    done = [line for line in lines if "done. Records up to" in line]
    assert ["offline-1" in done[0], "offline-2" in done[1]] == [True, True], lines
    for label, unit in zip(LABELS, units, strict=True):
        through, complete_until, apart = chain_on(await page_of(site, label))
        assert through > 0
        assert (complete_until != "", apart) == (True, "0")
        status = unit.status()
        assert status["configuration"]["access"] > 0
        assert status["clock"]["trust"] == "trusted"
    assert wires.bytes_hurt > 0, "the line was never bad"


@pytest.mark.requirement(79)
async def test_a_scan_made_while_away_arrives_once_whatever_happens_to_the_plug(
    site: Site, wires: Wires, units: list[NodeProcess]
) -> None:
    """Seen when: the route and the guard are loaded over the line; a scan is made while the unit is away and is not missed but
    pending; the next reading, with the plug pulled until the unit has noticed, brings it: the visit is on time, the unit is
    complete until later than before; read again and once more with the command killed, everything is there as before, once.

    Planted break that turns it red: ``Secondary.check`` never noticing that the primary is gone.
    """
    here = await patrol.checkpoint(site, "离线点", device=LABELS[0])
    guard = await patrol.guard(site)
    await patrol.route(site, [(here, "+0")], [guard], closes="5")
    await collect(site, wires, "--units", "1,2")
    before = chain_on(await page_of(site, LABELS[0]))
    await tap(units[0], guard.uid)
    assert all("On time" not in cells for cells in await records_of(site, "离线点"))
    wires.baud = SLOW_BAUD
    running = await begin_collecting(site, wires, "--units", "1,2")
    try:
        await running.until_said("offline-1: ")
        wires.plugged = False
        await asyncio.to_thread(units[0].until_status, lambda status: status["link"]["state"] == "offline")
        wires.plugged = True
        code, lines = await running.end()
    finally:
        await running.kill()
        wires.baud = 0
    assert code == 0, lines
    after = chain_on(await page_of(site, LABELS[0]))
    assert after[0] > before[0]
    assert after[1] > before[1]
    once = await records_of(site, "离线点")
    assert len([cells for cells in once if any("On time" in cell for cell in cells)]) == 1, once
    killed = await begin_collecting(site, wires, "--units", "1,2", "--stay")
    await killed.until_said("offline-1: ")
    await killed.kill()
    lines = await collect(site, wires)
    assert len([line for line in lines if "done. Records up to" in line]) == 2, "found without being named"
    assert await records_of(site, "离线点") == once
    assert chain_on(await page_of(site, LABELS[0]))[2] == "0"


@pytest.mark.requirement(71)
async def test_a_unit_is_tested_loaded_set_right_and_cleared_over_the_line(
    site: Site, wires: Wires, units: list[NodeProcess]
) -> None:
    """Seen when: what an operator asked of a unit that was away waits for it; one reading carries all of it out: the answers of
    the test, the clock and the load stand on the page, what the backup has is erased from the unit's medium; a card that was
    reported lost meanwhile is dead there.

    Planted break that turns it red: ``SerialLink`` connecting without ``live`` (no pings, so no nonces for commands).
    """
    page = await page_of(site, LABELS[0])
    resident = await site.enter_person(f"7{site.next_number():03d}")
    uid, card_no = "04DDAA00000001", "95550001"
    await site.issue(resident, uid, card_no)
    await collect(site, wires, "--units", "1,2")
    await site.browser.post(
        "/system/backup",
        {
            "csrf": (await site.browser.get("/system")).form("/system/backup").fields["csrf"],
            STEP_UP_FIELD: site.demo.password,
        },
    )
    held = units[0].status()["configuration"]["restrictions"]
    asked = [await ask(site, act, page) for act in ("test", "set_time", "load", "clear")]
    for waiting in asked:
        assert "Waiting for the unit" in waiting.words or "Sent to the unit" in waiting.words, waiting.words
    await site.report_lost(card_no)
    await collect(site, wires, "--units", "1,2")
    test, set_time, load, clear = [await site.browser.get(page.path) for page in asked]
    assert "works (chip 0x92)" in test.words, test.words
    assert "Carried out" in set_time.words, set_time.words
    assert "Carried out" in load.words, load.words
    assert "Erased so far, all of it kept by a backup" in clear.words, clear.words
    status = units[0].status()
    assert status["storage"]["first_seq"] > 1
    assert status["configuration"]["restrictions"] > held
    assert (await site.until_dead(card_no)) >= 0


async def test_no_read_key_of_a_zone_can_be_heard_on_the_line(
    site: Site, wires: Wires, units: list[NodeProcess], tmp_path: Path
) -> None:
    """Seen when: a unit is loaded whole while everything that the PC says on the line is written down: the rows of its zone's
    read key are among it, the key is not, in what passes nor in any row of it; the unit has it afterwards. Nor is it in what
    the file for that unit holds under its seal.

    Planted break that turns it red: ``seal_row`` giving the row back as it is.
    """
    master = card_master.load(site.demo.folder / "centre" / "keys")
    assert master is not None
    secret = master.read_key(0, 1)
    page = await page_of(site, LABELS[1])
    wires.heard.clear()
    wires.listens = True
    await ask(site, "load", page)
    await collect(site, wires, "--units", "2")
    wires.listens = False
    heard = b"".join(wires.heard)
    rows = [row for frame in frames_heard(heard) for row in rows_in(frame)]
    sealed = [row for row in rows if row.kind == Kind.READ_KEY]
    assert sealed, "the line carried no read key at all"
    assert not any(secret in part for part in (heard, *(row.body for row in rows)))
    raw = await download(site, "/patrol/units/" + page.path.rpartition("/")[2])
    box_secret = box_secret_of(IdentityFiles(units[1].data_dir).key().private_bytes_raw())
    inside = [row for frame in frames_of(open_bundle(raw, box_secret)) for row in rows_in(frame)]
    assert any(row.kind == Kind.READ_KEY for row in inside)
    assert not any(secret in row.body for row in inside)
    assert any(secret in file.read_bytes() for file in (units[1].data_dir).glob("config.db*"))


def frames_heard(heard: bytes) -> list[bytes]:
    """The frames that the PC sent on the line; what was hurt or cut comes again, and is passed over where it is not whole."""
    ends: dict[tuple[int, int], Transfer] = {}
    frames: list[bytes] = []
    for plain in Deframer().feed(heard):
        try:
            piece = read_piece(plain)
        except MalformedError:
            continue
        if not piece.answer:
            key = (piece.address, piece.link)
            end = ends.setdefault(key, Transfer(*key, answer=True))
            if (frame := end.take(piece)) is not None:
                frames.append(frame)
    return frames


def rows_in(frame: bytes) -> list[Change]:
    """The rows that a frame of the centre carries."""
    try:
        _sender, message = read_unproven(frame)
    except ProtocolError:
        return []
    return list(message.changes) if isinstance(message, Delta | SnapshotPart) else []


@pytest.mark.requirement(50)
async def test_the_port_of_a_unit_is_set_on_its_page_and_goes_to_it_with_its_file(
    site: Site, wires: Wires, tmp_path: Path
) -> None:
    """Seen when: the port, the line, the address and the keypad of a door without a network are set on a page; another unit
    cannot have the same address of the line, nor a card desk any line; the page of the device and the audit trail say so;
    the file of the device, nothing added to it by hand but its emulated chip, makes a unit that is found on the line and read by
    the command of the guide with that very file; the device is not alarmed as offline.

    Planted breaks that turn it red: ``node_file`` without its connection; ``_check_free`` doing nothing; ``kind_column``
    without its look at the connection.
    """
    door, _ticket = await enter_unit_page(site, "cellar-door", "地库门", "36", "door")
    other, _ticket = await enter_unit_page(site, "cellar-door-2", "地库二门", "37", "door")
    desk, _ticket = await enter_unit_page(site, "desk-on-a-line", "前台二", "38", "issuer")
    keypad = "/dev/input/by-path/platform-usb-0:1.2:1.0-event-kbd"
    wanted = {"way": "line", "line": "2", "address": "7", "port": wires.unit(3), "keypad_1": keypad}
    saved = await set_connection(site, door, **wanted)
    assert "address = 7" in saved.words, saved.words
    assert "Serial line 2, address 7" in (await site.browser.get(door)).facts["How it reaches the centre"]
    twice = await set_connection(site, other, **wanted)
    assert (twice.status, "Address 7 of line 2 belongs to 地库门" in twice.words) == (422, True), twice.words
    assert (await set_connection(site, other, way="line", line="1", address="7")).status == 200
    refused = await set_connection(site, desk, way="line", line="3", address="1")
    assert (refused.status, "needs a network" in refused.words) == (422, True), refused.words
    assert (await set_connection(site, other, way="line", port="COM3")).status == 422
    assert "Set how a device is connected" in (await site.browser.get("/audit")).words

    text = await file_of(site, door)
    assert f'reader = 1\ndevice = "{keypad}"' in text
    unit = NodeProcess(tmp_path, name="cellar-door")
    unit.config.write_text(
        text.replace('bus = "spi"', 'bus = "emulator"').replace('"pi-one-door"', '"simulated"')
        + "\n[emulator]\n"
    )
    unit.start()
    try:
        running = await begin_collecting(site, wires, "--config", str(unit.config))
        code, lines = await running.end()
        assert code == 0, lines
        assert any("7 cellar-door: done. Records up to" in line for line in lines), lines
        assert chain_on(await site.browser.get(door))[0] > 0
        rows = (await site.browser.get("/devices/line")).rows
        assert any("2 / 7" in row.cells for row in rows), rows
        assert all("地库门" not in row.cells for row in (await site.browser.get("/devices?online=no")).rows)
    finally:
        unit.close()


async def enter_unit_page(site: Site, name: str, label: str, number: str, purpose: str) -> tuple[str, str]:
    """A device entered by form: the address of its page, and its ticket."""
    ticket = await enter_unit(site, name, label, number, purpose)
    return (await page_of(site, label)).path, ticket


async def file_of(site: Site, path: str) -> str:
    """The file that the page of a device gives out."""
    page = await site.browser.get(path)
    shown = await site.browser.post(
        f"{path}/ticket", page.form(f"{path}/ticket").filled(**{STEP_UP_FIELD: site.demo.password})
    )
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", shown.html, re.S)
    assert found is not None, shown.words
    return html.unescape(found[1]).strip() + "\n"


async def test_a_unit_that_is_named_and_not_there_is_told_of(site: Site, wires: Wires) -> None:
    """Planted break: ``wanted`` leaving out who was never heard."""
    running = await begin_collecting(site, wires, "--units", "1,9", "--wait", "8")
    code, lines = await running.end()
    assert code == 1
    assert any(line.startswith("9: NOT done: did not answer") for line in lines), lines
    assert any("1 offline-1: done." in line for line in lines), lines


async def test_what_a_unit_is_to_hold_is_carried_to_it_as_a_file(
    site: Site, units: list[NodeProcess], tmp_path: Path
) -> None:
    """Seen when: a card is reported lost while the unit is away; the file from its page makes the unit hold that, and is nothing
    for the other unit, nor touched, nor once a newer one was loaded; the act is carried out when the unit's own file is brought.

    Planted breaks that turn it red: ``NodePeer.load`` not asking ``heads``; ``seal_bundle`` for the key of another unit;
    ``batches._holds`` doing nothing.
    """
    page = await page_of(site, LABELS[0])
    path = "/patrol/units/" + page.path.rpartition("/")[2]
    person = await site.enter_person(f"7{site.next_number():03d}")
    card_no = "95550002"
    await site.issue(person, "04DDAA00000002", card_no)
    old = await download(site, path)
    await site.report_lost(card_no)
    newer = await download(site, path)
    held = units[0].status()["configuration"]["restrictions"]

    async def load(unit: NodeProcess, raw: bytes) -> tuple[int, str]:
        file = tmp_path / "unit.load"
        file.write_bytes(raw)
        return await asyncio.to_thread(edge_command, "load", str(file), "--config", str(unit.config))

    touched = bytearray(newer)
    touched[len(newer) // 2] ^= 1
    for unit, raw in ((units[1], newer), (units[0], bytes(touched))):
        code, said = await load(unit, raw)
        assert (code, "damaged, or not for this device" in said) == (1, True), said
    assert units[0].status()["configuration"]["restrictions"] == held
    code, said = await load(units[0], newer)
    assert code == 0, said
    assert units[0].status()["configuration"]["restrictions"] > held
    assert (await load(units[0], newer))[0] == 0, "the same again changes nothing"
    code, said = await load(units[0], old)
    assert (code, "older than what the device holds" in said) == (1, True), said
    out = tmp_path / "unit.onecard"
    export(load_config(units[0].config), out)
    await upload(site.browser, "/patrol/units/import", out.name, out.read_bytes())
    shown = await site.until_page(
        path, lambda page: "Carried out" in page.words and "Waiting" not in page.words
    )
    assert shown.facts["Information held"].startswith(str(units[0].status()["configuration"]["restrictions"]))


@pytest.mark.requirement("U18")
async def test_a_stick_beside_a_unit_carries_both_ways_without_anybody_signing_in(
    site: Site, units: list[NodeProcess], tmp_path: Path
) -> None:
    """Seen when: a stick with the file of the unit's page, one of another unit and one that is damaged is served by the unit's
    program: the right file is in force, the others are named as not loaded, the text on the stick says how the unit is; the
    file that was written is taken in at the page, and the act that waited for the load is carried out.

    Planted breaks that turn it red: ``_loads`` taking every ``*.load``; ``serve`` writing its file before it loads.
    """
    page = await page_of(site, LABELS[0])
    path = "/patrol/units/" + page.path.rpartition("/")[2]
    person = await site.enter_person(f"7{site.next_number():03d}")
    await site.issue(person, "04DDAA00000003", "95550003")
    await site.report_lost("95550003")
    raw = await download(site, path)
    (tmp_path / "offline-1 (1).load").write_bytes(raw)
    (tmp_path / "offline-1.load").write_bytes(raw[:-40])
    (tmp_path / "offline-10.load").write_bytes(raw)
    held = units[0].status()["configuration"]["restrictions"]
    code, said = await asyncio.to_thread(
        edge_command, "stick", str(tmp_path), "--config", str(units[0].config)
    )
    assert code == 0, said
    assert "offline-1.load: NOT loaded" in said, said
    assert "offline-1 (1).load: loaded: " in said, said
    assert "offline-10" not in said, said
    assert units[0].status()["configuration"]["restrictions"] > held
    text = (tmp_path / "offline-1.txt").read_text("utf-8-sig")
    assert "Device offline-1" in text
    assert "records " in text
    file = tmp_path / "offline-1.onecard"
    await upload(site.browser, "/patrol/units/import", file.name, file.read_bytes())
    await site.until_page(path, lambda page: "Carried out" in page.words and "Waiting" not in page.words)
    assert not list(units[0].data_dir.glob("stick.load"))


async def download(site: Site, path: str) -> bytes:
    """The file for a unit, from its page."""
    csrf = (await site.browser.get(path)).form("/logout").fields["csrf"]
    return await site.browser.load(f"{path}/file", {"csrf": csrf})

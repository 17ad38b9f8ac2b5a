"""From the page of a device to a device that has joined: its file, a card image made from it, the program started with
what stands on the card. The start of the system itself needs a board, and is not part of it."""

from __future__ import annotations

import asyncio
import gzip
import html
import io
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from central.nodes.card_maker import BASES_FOLDER, WORK_FOLDER
from central.security.guard import STEP_UP_FIELD
from provisioning.demo.browser import Page
from provisioning.image.fat import FatVolume
from provisioning.image.partitions import boot_partition, read_table
from tests.provisioning.conftest import BASES, provision
from tests.support.disk_images import disk
from tests.support.releases import PROGRAM, public_key_file, release
from tests.support.site import Site

OWN_SITE = True
WITH_FIRST_BOOT = {**PROGRAM, "site/edge/first_boot/__init__.py": b""}
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def entered(site: Site, name: str, number: str) -> Page:
    """A device entered by form; its page."""
    page = await site.browser.get("/devices/new")
    options = page.form("/devices/new").options
    return await site.browser.send(
        page,
        "/devices/new",
        site=options["site"][-1],
        organisation=options["organisation"][-1],
        number=number,
        label="北门",
        name=name,
        location="北门",
        purpose="door",
    )


async def card_file(site: Site, folder: Path) -> tuple[str, Path]:
    """A device entered by form, and the file that its page gives out; the device's page and the file."""
    made = await entered(site, "north-gate", "31")
    action = next(form.action for form in made.forms if form.action.endswith("/ticket"))
    shown = await site.browser.send(made, action, **{STEP_UP_FIELD: site.demo.password})
    text = re.search(r"<(textarea|pre)[^>]*>(.*?)</\1>", shown.html, re.S)
    assert text is not None, shown.words
    path = folder / "north-gate.toml"
    path.write_text(html.unescape(text[2]).strip() + "\n", "utf-8")
    return made.path.partition("?")[0], path


def on_card(image: Path) -> str:
    """``node.toml`` of an image."""
    with image.open("rb") as file:
        part = boot_partition(read_table(file, image.stat().st_size))
        return FatVolume(file, part.start, part.size).read("onecard/node.toml").decode()


def enrol(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the program once with what stands on the card; chips, pins and storage are this computer's."""
    folder.mkdir()
    here = text.replace('data_dir = "/var/lib/onecard"', 'data_dir = "data"')
    assert here != text
    here = re.sub(r"\n\[\[readers\]\].*?(?=\n\[|\Z)", "", here, flags=re.S)
    here = re.sub(r'board = "[^"]*"', 'board = "simulated"', here)
    here += '\n[[readers]]\nunit = 1\nbus = "emulator"\n\n[emulator]\ncontrol = "127.0.0.1:0"\n'
    (folder / "node.toml").write_text(here, "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "edge", "enrol", "--config", str(folder / "node.toml")],
        env={**os.environ, "LC_ALL": "en_GB.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_card_made_from_the_page_of_a_device_joins_and_its_ticket_works_once(
    site: Site, tmp_path: Path
) -> None:
    """Seen when: the file of the page makes an image, the program that finds what stands on it joins, the page of the
    device says so; a second board with a copy of the card is refused.

    Planted break that turns it red: leave ``ca_pem`` out of the seed; let ``tickets.join`` bind a second key.
    """
    page, given = await card_file(site, tmp_path)
    assert "Not enrolled" in (await site.browser.get(page)).words
    base = disk(tmp_path / "base.img", BASES["cloud-init"])
    out = tmp_path / "north-gate.img"
    command = ["image", "--base", base, "--node", "north-gate", "--ticket", given, "--out", out]
    run = await asyncio.to_thread(provision, *command, "--time-server", "10.0.0.5")
    assert run.returncode == 0, run.stderr

    joined = await asyncio.to_thread(enrol, on_card(out), tmp_path / "board")
    assert joined.returncode == 0, joined.stderr
    assert "joined as north-gate, number 1" in joined.stdout
    assert "unknown key" not in joined.stderr
    shown = await site.browser.get(page)
    assert "Not enrolled" not in shown.words, shown.words[-1500:]

    copied = await asyncio.to_thread(enrol, on_card(out), tmp_path / "copied")
    assert copied.returncode == 1
    assert "used by another device" in copied.stderr


def tickets_count(centre: Path) -> int:
    """Tickets that the centre has made so far."""
    with closing(sqlite3.connect(centre / "onecard.db")) as database:
        return int(database.execute("SELECT count(*) FROM ticket").fetchone()[0])


async def test_a_finished_card_is_downloaded_from_the_page_of_a_device(site: Site, tmp_path: Path) -> None:
    """Seen when: without a base image the page of a device gives a zip, whose command makes a card; with a base image in the data
    folder it gives the image itself, with the program of a release that lies beside it, for a line, or without, with the board, the fixed address and the Wi-Fi that were chosen; the program that finds
    what stands on it joins; a wrong address is told of and makes no ticket; nothing at the centre holds the ticket or the
    passphrase afterwards.

    Planted break that turns it red: ``card_maker.make`` opening the image outside its temporary folder's life (kept);
    ``_register`` before ``make`` (a ticket for nothing).
    """
    centre = site.demo.folder / "centre"
    made = await entered(site, "side-gate", "32")
    path = f"{made.path.partition('?')[0]}/card"
    assert path in made.links
    base = disk(tmp_path / "base.img", BASES["cloud-init"])

    async def download(**values: str) -> bytes:
        page = await site.browser.get(f"{path}?board=pi-two-doors")
        return await site.browser.load(path, dict(page.form(path).filled(**values, **password)))

    password = {STEP_UP_FIELD: site.demo.password}
    with zipfile.ZipFile(io.BytesIO(await download(way="fixed", address="10.0.0.21/24"))) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "side-gate"
    said = (folder / "README.txt").read_text("utf-8")
    command = shlex.split(next(line for line in said.splitlines() if "onecard-provision image" in line))[1:]
    command[command.index("BASE.img.xz")] = str(base)
    here = [
        str(folder / word) if word.startswith(("node.toml", "side-gate.img")) else word for word in command
    ]
    run = await asyncio.to_thread(provision, *here)
    assert run.returncode == 0, run.stderr
    assert 'address = "10.0.0.21/24"' in on_card(folder / "side-gate.img")

    (centre / BASES_FOLDER).mkdir()
    (centre / BASES_FOLDER / "pi-os.img").write_bytes(base.read_bytes())
    form, before = (await site.browser.get(path)).form(path), tickets_count(centre)
    wrong = await site.browser.post(path, form.filled(way="fixed", address="10.0.0.0/24", **password))
    assert (wrong.status, "10.0.0.0/24" in wrong.words) == (422, True), wrong.words
    assert tickets_count(centre) == before
    public_key_file(centre / BASES_FOLDER)
    release(centre / BASES_FOLDER / "program.tar.gz", "0.2.0", WITH_FIRST_BOOT)
    image = tmp_path / "with-program.img"
    wires = (await site.browser.get(path.replace("/card", "/connection"))).form(
        path.replace("/card", "/connection")
    )
    await site.browser.post(wires.action, wires.filled(way="line", address="7", direction="rts"))
    image.write_bytes(gzip.decompress(await download()))
    text = on_card(image)
    assert "release_key = " in text, "the card brings the program of that folder"
    assert 'address = 7\ndirection = "rts"' in text
    await site.browser.post(wires.action, wires.filled(way="network"))
    (centre / BASES_FOLDER / "release.pub").unlink()
    wifi = {"ssid": "物业", "passphrase": "correct horse 77", "country": "cn"}
    packed = await download(way="fixed", address="10.0.0.22/24", gateway="10.0.0.1", **wifi)
    image = tmp_path / "downloaded.img"
    image.write_bytes(gzip.decompress(packed))
    text = on_card(image)
    assert 'board = "pi-two-doors"' in text
    assert 'address = "10.0.0.22/24"' in text
    assert "correct horse 77" not in text, "the key of the Wi-Fi stands there instead"
    secret = re.search(r'ticket = "[^".]+\.([^"]+)"', text)
    assert secret is not None
    joined = await asyncio.to_thread(enrol, text, tmp_path / "board")
    assert joined.returncode == 0, joined.stderr
    assert list((centre / WORK_FOLDER).iterdir()) == []
    for file in (file for file in centre.rglob("*") if file.is_file()):
        raw = file.read_bytes()
        assert secret[1].encode() not in raw, file
        assert b"correct horse 77" not in raw, file
    again = await site.browser.get(path)
    refused = await site.browser.post(path, again.form(path).filled(**password))
    assert (refused.status, "has joined already" in refused.words) == (422, True), refused.words

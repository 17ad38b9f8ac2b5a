"""From the page of a device to a device that has joined: its file, a card image made from it, the program started with
what stands on the card. The start of the system itself needs a board, and is not part of it."""

from __future__ import annotations

import asyncio
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from central.security.guard import STEP_UP_FIELD
from provisioning.image.fat import FatVolume
from provisioning.image.partitions import boot_partition, read_table
from tests.provisioning.conftest import BASES, provision
from tests.support.disk_images import disk
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def card_file(site: Site, folder: Path) -> tuple[str, Path]:
    """A device entered by form, and the file that its page gives out; the device's page and the file."""
    page = await site.browser.get("/devices/new")
    options = page.form("/devices/new").options
    made = await site.browser.send(
        page,
        "/devices/new",
        site=options["site"][-1],
        organisation=options["organisation"][-1],
        number="31",
        label="北门",
        name="north-gate",
        location="北门",
        purpose="door",
    )
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

"""A card that brings its program starts on another board: what stands on the image, in a folder, started as systemd would."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from provisioning.demo.control import ControlLine
from provisioning.demo.demo import DemoNode
from provisioning.demo.processes import Child
from provisioning.demo.story import until
from tests.acceptance.test_site_replacement import installations
from tests.provisioning.conftest import BASES, provision
from tests.support.cards import system_of, with_emulated_chips
from tests.support.disk_images import disk
from tests.support.releases import program_files, public_key_file, release
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")
GATE = "east-gate"
PACKAGES = next(path for path in sys.path if path.endswith("site-packages"))
"""What a release takes from hashed wheels; this one is made without asking a package index."""


def environment(root: Path) -> dict[str, str]:
    """The program is the card's own: nothing of this checkout is on the path."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LC_ALL")}
    return {**kept, "PYTHONPATH": f"{root}/data/onecard/current/site:{PACKAGES}", "LC_ALL": "en_GB.UTF-8"}


def for_emulated_chips(root: Path) -> None:
    """The one thing that differs from the card: there is no board here, so its chips are emulated, and ``/data`` is a folder."""
    path = root / "boot/firmware/onecard/node.toml"
    text = path.read_text("utf-8").replace('"/data/onecard/node"', f'"{root}/data/onecard/node"')
    path.write_text(with_emulated_chips(text), "utf-8")


def started(root: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command], env=environment(root), cwd=root, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.mark.ext4_tools
async def test_a_card_made_by_one_command_starts_joins_and_opens_its_door(site: Site, tmp_path: Path) -> None:
    """Seen when: one command makes the card of a door of the demo. What stands on its two partitions is started in order: the
    script of the first boot, ``onecard-setup``, the node, ``onecard-first-boot``. The page of the device shows the new
    installation, the card of a resident opens the door, the report on the card says that it is done, and neither the ticket
    nor the key of the Wi-Fi is on the card any more.

    Planted breaks that turn it red: leave ``central`` needed by the release; no release key in the seed; ``settle`` that does
    not scrub; the release linked to another version.
    """
    demo, browser = site.demo, site.browser
    resident = await site.resident()
    (device_path,) = [page.path for name, page in (await site.device_pages()).items() if name == GATE]
    await site.opens(GATE, resident.uid)
    await site.shuts(GATE)
    await site.until_joined()
    await demo.nodes[GATE].child.kill()
    await demo.nodes[GATE].line.stop()

    await site.save_ticket(device_path, tmp_path / "east-gate.toml")
    (tmp_path / "pass").write_text("correct horse 77\n")
    image = tmp_path / "card.img"
    run = await asyncio.to_thread(
        provision,
        *("image", "--base", disk(tmp_path / "base.img", BASES["firstrun"]), "--node", GATE, "--replace"),
        *("--ticket", tmp_path / "east-gate.toml", "--out", image, "--country", "CN"),
        *("--release", release(tmp_path / "program.tar.gz", "0.1.0", program_files())),
        *("--release-key", public_key_file(tmp_path)),
        *("--wifi-ssid", "lobby", "--wifi-pass-file", tmp_path / "pass"),
    )
    assert run.returncode == 0, run.stderr

    root = system_of(image, tmp_path / "root")
    card = root / "boot/firmware/onecard"
    seed = tomllib.loads((card / "node.toml").read_text("utf-8"))
    secrets = seed["ticket"].partition(".")[2].encode(), seed["network"]["wifi_pmk"].encode()
    for_emulated_chips(root)
    script = {**environment(root), "ONECARD_ROOT": str(root), "ONECARD_PYTHON": sys.executable}
    command = ["sh", str(card / "first-boot.sh")]
    booted = await asyncio.to_thread(subprocess.run, command, env=script, capture_output=True, text=True)
    assert booted.returncode == 0, booted.stderr
    assert "program 程序: ok" in (card / "REPORT.txt").read_text("utf-8")
    module = (sys.executable, "-P", "-m")
    prepared = await asyncio.to_thread(
        started, root, *module, "edge.first_boot", "prepare", "--root", str(root)
    )
    assert prepared.returncode == 0, prepared.stderr
    assert "waits for the centre" in (card / "REPORT.txt").read_text("utf-8")
    assert (root / "etc/hostname").read_text() == f"{GATE}\n"

    node = demo.nodes[GATE]
    child = CardChild(
        root, ["-P", "-m", "edge", "run", "--config", str(card / "node.toml")], tmp_path / "node.log"
    )
    line = ControlLine(root / "data/onecard/node", node.line._on_event)
    demo.nodes[GATE] = DemoNode(node.device, child, line)
    await child.start()
    line.start()
    try:
        await demo.until(lambda: line.is_connected, GATE)
        settled = await asyncio.to_thread(
            started, root, *module, "edge.first_boot", "settle", "--root", str(root)
        )
        assert settled.returncode == 0, settled.stderr

        async def second() -> bool | None:
            return True if len(installations(await browser.get(device_path))) == 2 else None

        await until(second, "the new installation on the page of the device")
        await site.until_joined()
        await site.opens(GATE, resident.uid)
        await site.shuts(GATE)
        await site.until_joined()
        assert await site.count(resident.query) == 2, "one before, one by the new card"
    finally:
        await child.kill()
        await line.stop()
    report = (card / "REPORT.txt").read_text("utf-8")
    assert "done, the device has joined" in report, report
    for path in (path for path in (root / "boot").rglob("*") if path.is_file()):
        assert not [secret for secret in secrets if secret in path.read_bytes()], path
    assert secrets[1] in next((root / "etc/NetworkManager").rglob("*wifi*")).read_bytes()
    shutil.rmtree(root)


class CardChild(Child):
    """The program of a card: another path of modules than that of the tests."""

    def __init__(self, root: Path, arguments: list[str], log: Path) -> None:
        super().__init__(GATE, arguments, log)
        self._root = root

    async def start(self) -> None:
        """See ``Child``."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._root,
                env={**environment(self._root), "PYTHONUNBUFFERED": "1"},
            )

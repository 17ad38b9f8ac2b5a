"""New versions of the devices' program at a running site: signed releases of the real tree, real doors under a supervisor."""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.security.guard import STEP_UP_FIELD
from edge.release import VERSION
from edge.status import StatusError, ask
from protocol.enrolment import raw_public
from provisioning.demo.browser import Page
from provisioning.demo.processes import Child
from provisioning.errors import DemoError
from tests.support.node_process import ROOT
from tests.support.releases import KEY, release
from tests.support.site import Site

OWN_SITE = True
pytestmark = pytest.mark.asyncio(loop_scope="session")
GATE, HALL = "east-gate", "hall"
TRIAL_S = 15
PATH = "/devices/updates"
WITHIN_S = 150.0


def program(version: str, *changes: tuple[str, str, str]) -> dict[str, bytes]:
    """The program of this tree as the files of a release. ``changes``: (file, what stands there, what shall stand there)."""
    files = {}
    for top in ("edge", "protocol"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in (".py", ".po", ".toml") and "__pycache__" not in path.parts:
                files[f"site/{path.relative_to(ROOT)}"] = path.read_bytes()
    for name, before, after in (("edge/release.py", f'"{VERSION}"', f'"{version}"'), *changes):
        content = files[f"site/{name}"].decode()
        assert before in content, name
        files[f"site/{name}"] = content.replace(before, after, 1).encode()
    return files


CRASHES = (
    "edge/node.py",
    "    def _start(self) -> None:\n",
    '    def _start(self) -> None:\n        raise RuntimeError("planted")\n',
)
MUTE = (
    "protocol/limits.py",
    "PROTOCOL_VERSIONS: Final = frozenset({1})",
    "PROTOCOL_VERSIONS: Final = frozenset({99})",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(site: Site) -> AsyncIterator[Site]:
    """The site with a release key, its two doors started by the launcher and again whenever they end."""
    demo = site.demo
    key = base64.urlsafe_b64encode(raw_public(KEY)).decode().rstrip("=")
    await demo.centre.stop()
    config = demo.folder / "centre" / "centre.toml"
    config.write_text(config.read_text().replace('release_key = ""', f'release_key = "{key}"'))
    await demo.centre.start()
    await demo.centre_answers()
    for name in (GATE, HALL):
        node, folder = demo.nodes[name], demo.folder / name
        await node.child.stop()
        await demo.until(lambda line=node.line: not line.is_connected, f"{name} is off")  # type: ignore[misc]
        file = folder / "node.toml"
        file.write_text(f'release_key = "{key}"\nupdate_trial_s = {TRIAL_S}\n' + file.read_text())
        node.child = Child(
            name, ["-m", "tests.support.supervised", str(file), str(folder / "data")], folder / "node.log"
        )
        await node.child.start()
        await demo.until(lambda line=node.line: line.is_connected, name)  # type: ignore[misc]
    await site.until_joined()
    yield site


class Walker:
    """Somebody who goes through a door all the time, and counts how often it opened."""

    def __init__(self, site: Site, node: str, uid: str) -> None:
        self._site, self._node, self._uid = site, node, uid
        self.opened = self.unsure = 0
        self._task = asyncio.create_task(self._walk())

    async def _walk(self) -> None:
        while True:
            try:
                await self._site.opens(self._node, self._uid)
            except (DemoError, OSError):
                self.unsure += 1
                await asyncio.sleep(0.2)
            else:
                self.opened += 1
                try:
                    await self._site.shuts(self._node)
                except (DemoError, OSError):
                    await asyncio.sleep(0.2)

    async def until(self, opened: int) -> None:
        while self.opened < opened:
            assert not self._task.done(), self._task
            await asyncio.sleep(0.1)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def bring(site: Site, folder: Path, version: str, *changes: tuple[str, str, str]) -> None:
    """Bring a release of this program to the centre."""
    await site.sign_in_again()
    packed = await asyncio.to_thread(
        release, folder / f"{version}.tar.gz", version, program(version, *changes)
    )
    await step_up(site)
    page = await send_file(site, packed)
    assert version in page.words, page.words[-800:]


async def send_file(site: Site, packed: Path) -> Page:
    """Through the form; the page that follows."""
    form = aiohttp.FormData()
    page = await site.browser.get(f"{PATH}/new")
    form.add_field("csrf", page.form("/logout").fields["csrf"])
    form.add_field("file", packed.read_bytes(), filename=packed.name, content_type="application/gzip")
    return await site.browser.post(f"{PATH}/new", form)


async def step_up(site: Site) -> None:
    """Give the password once, as before a page with a file."""
    page = await site.browser.get(f"{PATH}/new")
    asked = [form for form in page.forms if STEP_UP_FIELD in form.fields]
    if asked:
        await site.browser.post("/step-up", {**asked[0].fields, STEP_UP_FIELD: site.demo.password})


async def roll_out(site: Site, version: str) -> Page:
    """Begin the update, the east gate first; the page of it."""
    page = await site.browser.get(PATH)
    (link,) = [
        row.links[-1] for row in page.rows if row.id.startswith("release-") and version in row.cells[0]
    ]
    chosen = await site.browser.get(link)
    (form,) = [one for one in chosen.forms if "canary_door" in one.options]
    gate = re.search(r'<option value="(\d+)"[^>]*>[^<]*东门', chosen.html)
    assert gate is not None, chosen.words
    return await site.browser.post(
        f"{PATH}/start", {**form.fields, "canary_door": gate[1], STEP_UP_FIELD: site.demo.password}
    )


def states(page: Page) -> dict[str, str]:
    """What the page says of each device, by its label's first sign."""
    return {row.cells[1][:2]: row.cells[3] for row in page.rows if row.id.startswith("member-")}


async def until_state(site: Site, page: Page, label: str, says: str) -> dict[str, str]:
    found = await site.until_page(
        page.path, lambda shown: says in states(shown).get(label, ""), within_s=WITHIN_S
    )
    return states(found)


def status_of(site: Site, node: str) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = ask(site.demo.folder / node / "data" / "status.sock")["update"]
        return found
    except (StatusError, KeyError):
        return None


def said_at_the_device(site: Site, node: str) -> str:
    """``onecard-edge status``, as an installer reads it."""
    run = subprocess.run(
        [sys.executable, "-m", "edge", "status", "--config", str(site.demo.folder / node / "node.toml")],
        cwd=ROOT,
        env={"LC_ALL": "en_GB.UTF-8", "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return run.stdout + run.stderr


async def test_only_what_is_signed_with_the_release_key_is_brought(doors: Site, tmp_path: Path) -> None:
    """Planted break: ``archive.check`` not reading the manifest with the key."""
    strange = release(tmp_path / "strange.tar.gz", "9.0.0", key=Ed25519PrivateKey.generate())
    await step_up(doors)
    form = await doors.browser.get(f"{PATH}/new")
    assert any(one.action.endswith("/new") or "file" in one.fields for one in form.forms), form.words
    page = await send_file(doors, strange)
    assert page.status == 422
    assert "not signed with the release key" in page.words
    assert "9.0.0" not in (await doors.browser.get(PATH)).words


@pytest.mark.timeout(600)
async def test_a_good_version_is_taken_while_the_door_keeps_opening(doors: Site, tmp_path: Path) -> None:
    """Seen when: the east gate, which begins, takes the new version while somebody goes through it all the time; it is on
    trial, its network is cut, and far longer than a trial nothing is judged; with the network back it is kept, the hall
    follows, and both say so on the page, in the list of devices and at the device. Every opening is one record: none is
    lost, none twice, the chain has no gap.

    Planted breaks that turn it red: ``judge`` with ``synced`` always true; ``may_begin`` without the canaries.
    """
    site, version = doors, "0.2.0"
    resident = await site.resident()
    await bring(site, tmp_path, version)
    walker = Walker(site, GATE, resident.uid)
    try:
        await walker.until(1)
        page = await roll_out(site, version)
        assert page.path.startswith(PATH), page.words[-800:]
        found = await until_state(site, page, "东门", "On trial")
        assert "Not begun" in found["大堂"] or "Not begun" in next(v for k, v in found.items() if k != "东门")
        await site.demo.until(lambda: site.demo.nodes[GATE].line.is_connected, GATE)
        await site.do(GATE, "network", up=False)
        before = walker.opened
        await asyncio.sleep(TRIAL_S * 2)
        assert walker.opened > before, "the door has stopped opening"
        word = await asyncio.to_thread(status_of, site, GATE)
        assert word is not None
        assert (word["state"], word["version"]) == ("on_trial", version), "judged without the centre"
        assert "ON TRIAL" in await asyncio.to_thread(said_at_the_device, site, GATE)
        await site.do(GATE, "network", up=True)
        await until_state(site, page, "东门", "On the new version")
        before = walker.opened
        await walker.until(before + 1)
    finally:
        await walker.end()
    other = next(label for label in states(await site.browser.get(page.path)) if label != "东门")
    await until_state(site, page, other, "On the new version")
    await site.until_page(page.path, lambda page: "Finished" in page.words)
    await site.until_page(
        "/devices", lambda page: sum(version in row.cells for row in page.rows_of("devices")) == 2
    )
    await site.until_joined()
    counted = await site.count(resident.query)
    assert walker.opened <= counted <= walker.opened + walker.unsure, (walker.opened, counted, walker.unsure)


@pytest.mark.timeout(600)
async def test_a_version_that_crashes_rolls_itself_back(doors: Site, tmp_path: Path) -> None:
    """Seen when: the version ends at once each time it is started: after three tries the one before runs again, the page
    says why, an alarm stands, the update is paused and the hall has not begun; the door opens.

    Planted break that turns it red: the launcher never using up an attempt.
    """
    site, version = doors, "0.3.0"
    resident = await site.resident()
    await bring(site, tmp_path, version, CRASHES)
    page = await roll_out(site, version)
    found = await until_state(site, page, "东门", "Back on the old version")
    assert "ended by itself again and again" in found["东门"]
    assert all("Not begun" in state for label, state in found.items() if label != "东门")
    await site.until_page(page.path, lambda page: "Paused" in page.words)
    await site.until_page("/alarms", lambda page: "A new version of the program was not kept" in page.words)
    await site.until_joined()
    await site.demo.until(lambda: site.demo.nodes[GATE].line.is_connected, GATE)
    await site.opens(GATE, resident.uid)
    await site.shuts(GATE)
    assert "ROLLED BACK" in await asyncio.to_thread(said_at_the_device, site, GATE)
    await end(site, page)


@pytest.mark.timeout(600)
async def test_a_version_that_cannot_sync_rolls_itself_back(doors: Site, tmp_path: Path) -> None:
    """Seen when: the version runs and opens the door, but the centre, which is there, opens no session with it: it goes
    back by itself, and says so; what it recorded meanwhile arrives once.

    Planted break that turns it red: ``_judged`` never asking ``reaches``.
    """
    site, version = doors, "0.4.0"
    resident = await site.resident()
    await bring(site, tmp_path, version, MUTE)
    page = await roll_out(site, version)
    loop = asyncio.get_running_loop()
    until = loop.time() + WITHIN_S
    while ((await asyncio.to_thread(status_of, site, GATE)) or {}).get("state") != "on_trial":
        assert loop.time() < until
        await asyncio.sleep(0.3)
    await site.demo.until(lambda: site.demo.nodes[GATE].line.is_connected, GATE)
    await site.opens(GATE, resident.uid)
    await site.shuts(GATE)
    found = await until_state(site, page, "东门", "Back on the old version")
    assert "could not sync although the centre was there" in found["东门"]
    await site.until_joined()
    assert await site.count(resident.query) == 1
    await end(site, page)


async def end(site: Site, page: Page) -> None:
    """Stop the update for good."""
    stopped = await site.browser.send(
        await site.browser.get(page.path), f"{page.path}/stop", **{STEP_UP_FIELD: site.demo.password}
    )
    assert "Stopped" in stopped.words, stopped.words[-600:]

"""Units without a network at a running site: entered by form, real processes on a serial line, and the collector's command."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from central.security.guard import STEP_UP_FIELD
from provisioning.demo.browser import Page
from tests.support.node_process import ROOT, NodeProcess
from tests.support.site import Site
from tests.support.wires import Wires

COLLECTED_WITHIN_S = 100.0


async def enter_unit(site: Site, name: str, label: str, number: str, purpose: str = "patrol") -> str:
    """Enter a device without a door, as an operator does; its one-time ticket."""
    page = await site.browser.get("/devices/new")
    options = page.form("/devices/new").options
    made = await site.browser.send(
        page,
        "/devices/new",
        site=options["site"][-1],
        organisation=options["organisation"][-1],
        number=number,
        label=label,
        name=name,
        location="地库",
        purpose=purpose,
    )
    action = next(form.action for form in made.forms if form.action.endswith("/ticket"))
    file = await site.browser.send(made, action, **{STEP_UP_FIELD: site.demo.password})
    found = re.search(r'ticket = (?:"|&#34;|&quot;)([^"&]+)', file.html)
    assert found is not None, file.words
    return found[1]


async def set_connection(site: Site, path: str, **values: str) -> Page:
    """Say on its page how a device is connected; the page that answers."""
    path = f"{path}/connection"
    return await site.browser.post(path, (await site.browser.get(path)).form(path).filled(**values))


def unit_process(folder: Path, name: str, ticket: str, wires: Wires, address: int) -> NodeProcess:
    """The unit, not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    more = (
        f'ticket = "{ticket}"\nboard = "simulated"\nrole = "door"\nperiod_s = 30\n'
        f'[[readers]]\nunit = 1\nbus = "emulator"\n'
        f'[serial]\nport = "{wires.unit(address)}"\naddress = {address}\n'
    )
    return NodeProcess(folder, name=name, more=more)


class Collection:
    """``onecard-provision collect`` as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._said = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.lines.append(line.decode().rstrip())
            self._said.set()
        self._said.set()

    async def until_said(self, text: str) -> str:
        """The first line with this text."""
        async with asyncio.timeout(COLLECTED_WITHIN_S):
            while not (found := [line for line in self.lines if text in line]):
                assert not self._reading.done(), self.lines
                self._said.clear()
                await self._said.wait()
        return found[0]

    async def end(self) -> tuple[int, list[str]]:
        """Exit code and lines, once it has ended by itself."""
        async with asyncio.timeout(COLLECTED_WITHIN_S):
            code = await self.process.wait()
            await self._reading
        return code, self.lines

    async def kill(self) -> None:
        """Whatever became of it: it is gone afterwards."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading


async def begin_collecting(site: Site, wires: Wires, *more: str) -> Collection:
    """Start the command on the collector's end of the line."""
    demo = site.demo
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "provisioning",
        "collect",
        "--port",
        wires.collector,
        "--centre",
        f"https://127.0.0.1:{demo.nodes_port}",
        "--ca",
        str(demo.folder / "centre" / "keys" / "ca.pem"),
        *more,
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "en_US.UTF-8", "LANG": "en_US.UTF-8", "PYTHONUNBUFFERED": "1"},
    )
    return Collection(process)


async def collect(site: Site, wires: Wires, *more: str) -> list[str]:
    """Run the command to its end, and see it succeed; what it said."""
    running = await begin_collecting(site, wires, *more)
    try:
        code, lines = await running.end()
    finally:
        await running.kill()
    assert code == 0, lines
    return lines


async def tap(unit: NodeProcess, uid: str) -> None:
    """Hold a card to the reader of a unit, and wait until its record is stored."""
    before = unit.status()["storage"]["last_seq"]
    line = unit.line()
    await asyncio.to_thread(line.do, "tap", reader=1, card={"kind": "classic1k", "uid": uid})
    await asyncio.to_thread(unit.until_status, lambda status: status["storage"]["last_seq"] > before)


async def page_of(site: Site, label: str) -> Page:
    """The page of a device."""
    rows = (await site.browser.get("/devices")).rows_of("devices")
    return await site.browser.get(next(row.links[0] for row in rows if label in row.cells))


def chain_on(page: Page) -> tuple[int, str, str]:
    """What the page of a device says of its records: up to which they are here, until when complete, how many set aside."""
    chain = next(row for row in page.rows if row.cells and "Intact" in row.cells)
    assert chain.cells[4] == "0", chain.cells
    return int(chain.cells[3].rpartition("–")[2].replace(",", "")), chain.cells[6], chain.cells[7]


def edge_command(*arguments: str) -> tuple[int, str]:
    """Run ``onecard-edge`` to its end: exit code, and what it said."""
    run = subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COLLECTED_WITHIN_S,
        check=False,
        env={**os.environ, "LC_ALL": "en_US.UTF-8", "LANG": "en_US.UTF-8"},
    )
    return run.returncode, run.stdout + run.stderr

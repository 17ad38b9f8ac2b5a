"""``onecard-edge issuer`` as a process of its own, its reader an emulated chip behind a pseudo-terminal."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.site import Site

ROOT = Path(__file__).parents[2]
BLOCKED = ("RPi", "RPi.GPIO", "spidev", "mfrc522", "lgpio", "gpiozero", "smbus")
PROGRAM = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
from edge.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


class SerialChip:
    """An emulated MFRC522 behind a pseudo-terminal, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, link: Path, control: int) -> None:
        self.process, self.link, self._control = process, link, control

    async def do(self, command: dict[str, Any]) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._control)
        try:
            writer.write(json.dumps(command).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        assert answer["ok"], answer
        return answer


@asynccontextmanager
async def serial_chip(link: Path) -> AsyncIterator[SerialChip]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "edge.reader.emulator", "uart", "--link", str(link), "--control", "0"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    try:
        yield SerialChip(process, link, told["control"])
    finally:
        process.terminate()
        await process.wait()


class Desktop:
    """The running program, and all that its terminal has shown."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process, self.shown = process, ""
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while text := await self.process.stdout.read(1_000):
            self.shown += text.decode()

    async def until(self, is_so: Callable[[str], bool], site: Site, what: str) -> None:
        await site.demo.until(lambda: is_so(self.shown) or self._ended(), what)
        assert is_so(self.shown), self.shown

    def _ended(self) -> bool:
        return self.process.returncode is not None


@asynccontextmanager
async def desktop(folder: Path, *options: str) -> AsyncIterator[Desktop]:
    with (folder / "desktop.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", PROGRAM, "issuer", "--data", str(folder / "data"), *options),
            cwd=ROOT,
            env={**os.environ, "LANG": "en_US.UTF-8"},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        yield Desktop(process)
    finally:
        process.terminate()
        assert await process.wait() == 0, (folder / "desktop.log").read_text()[-3_000:]


async def new_issuer(site: Site, folder: Path) -> tuple[int, Path]:
    """Enter an issuer at the centre; its id, and the file for the clerk's computer."""
    number = str(600 + site.next_number())
    page = await site.browser.get("/devices/new")
    options = page.form("/devices/new").options
    given = {name: options[name][-1] for name in ("site", "organisation")}
    shown = await site.browser.send(
        page,
        "/devices/new",
        **given,
        number=number,
        label=f"前台{number}",
        name=f"front-desk-{number}",
        location="前台",
        purpose="issuer",
    )
    device = int(shown.path.rpartition("/")[2].partition("?")[0])
    ticket = await site.browser.send(shown, f"/devices/{device}/ticket")
    text = re.search(r"<(textarea|pre)[^>]*>(.*?)</\1>", ticket.html, re.S)
    assert text is not None, ticket.html
    path = folder / "node.toml"
    path.write_text(html.unescape(text[2]).strip() + "\n")
    return device, path


async def set_up(site: Site, **values: str) -> None:
    """The settings page, with these values changed."""
    page = await site.browser.get("/system")
    await site.browser.send(page, "/system/settings", **values)

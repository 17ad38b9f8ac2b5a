"""A card issuer on a clerk's own computer: the real program on a serial port, set up on the centre's settings page (50)."""

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

import pytest

from tests.support.site import Site

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("site")]

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


@pytest.mark.requirement(50)
async def test_an_issuer_on_a_clerks_computer_takes_up_port_and_organisation_from_the_settings(
    site: Site, tmp_path: Path
) -> None:
    """Seen when: the settings page begins with COM1; the issuer, started with nothing but the centre's file, joins, works at
    the port of the settings and shows the organisation's name; a card on it is written, with one bell; after the port was
    changed on the page it works at the other one. No module that only a Pi has can be imported meanwhile.

    Planted breaks that turn it red: ``save_settings`` without ``publish.desks_changed``; ``SettablePort._here`` not looking
    where the port is now; ``import RPi.GPIO`` in ``edge.desktop``.
    """
    page = await site.browser.get("/system")
    assert page.form("/system/settings").fields["port"] == "COM1"
    async with serial_chip(tmp_path / "first") as first, serial_chip(tmp_path / "second") as second:
        await set_up(site, port=str(first.link), organisation_name="和谐物业前台", speed="115200")
        device, file = await new_issuer(site, tmp_path)
        async with desktop(tmp_path, "--config", str(file)) as program:
            await program.until(
                lambda text: f"和谐物业前台 - card issuer - {first.link}, 115200 baud" in text,
                site,
                "its port",
            )
            await set_up(site, issuer=str(device))
            card = {"kind": "classic1k", "uid": f"04B2{site.next_number():010X}"}
            await first.do({"do": "place", "card": card})
            await site.inspected(card["uid"])
            person = await site.enter_person(f"8{site.next_number():03d}")
            order = await site.order_issue(person, card["uid"], f"93{site.next_number():06d}")
            await site.until_order(order, "written and read back")
            await program.until(lambda text: text.count("\a") == 1, site, "the bell")
            written = (await first.do({"do": "remove", "uid": card["uid"]}))["card"]
            assert written["blocks"]

            await set_up(site, port=str(second.link))
            await program.until(lambda text: f"{second.link}, 115200 baud" in text, site, "the other port")
            other = {"kind": "classic1k", "uid": f"04B2{site.next_number():010X}"}
            await second.do({"do": "place", "card": other})
            await site.inspected(other["uid"])
            assert program.shown.count("\a") == 1
        await set_up(site, port="COM1", issuer="", organisation_name="和谐物业（示例）")


@pytest.mark.requirement(50)
async def test_port_and_speed_given_at_the_start_go_before_the_settings(site: Site, tmp_path: Path) -> None:
    """Seen when: with ``--port`` and ``--speed`` the issuer works there, whatever the settings say.

    Planted break that turns it red: ``desktop.port_of`` asking the View first.
    """
    async with serial_chip(tmp_path / "usb") as chip:
        _device, file = await new_issuer(site, tmp_path)
        options = ("--config", str(file), "--port", str(chip.link), "--speed", "230400")
        async with desktop(tmp_path, *options) as program:
            await program.until(lambda text: f"{chip.link}, 230400 baud" in text, site, "its port")
            await chip.do({"do": "place", "card": {"kind": "classic1k", "uid": "04B3000000AA01"}})
            await site.until_page(
                "/cards/waiting", lambda page: "04B3000000AA01" in page.html.replace(" ", "")
            )

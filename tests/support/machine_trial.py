"""A card from the page of a device to the opened door, in a whole emulated computer whose plug is pulled again and again."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from provisioning.demo.control import ControlLine
from provisioning.demo.demo import DemoNode
from provisioning.demo.story import has_everything, until
from provisioning.errors import DemoError
from provisioning.image.errors import ImageError
from tests.acceptance.test_site_replacement import installations
from tests.acceptance.test_site_updates import roll_out, send_file, states, step_up
from tests.provisioning.conftest import provision
from tests.support.cards import files_of
from tests.support.machine import Machine
from tests.support.site import Resident, Site

GATE: Final = "east-gate"
JOINED_WITHIN_S: Final = 1_800.0
"""Of an emulated computer that has what others leave of a processor: 90 s where nothing else runs."""
STEP_WITHIN_S: Final = 900.0
FIRST_START: Final = ("Run /init", "Starting onecard-setup", "Starting onecard-edge", "Started onecard-edge")
"""What the console says before a plug is pulled in the first boot: one is drawn, and some seconds after it."""
AFTER_S_MAX: Final = 12.0
UPDATE_AFTER_S_MAX: Final = 45.0
RUINED_WAITS_S: Final = 60


@dataclass(frozen=True)
class Given:
    """Base image, the release on the card, a newer one, and their key."""

    base: Path
    release: Path
    newer: Path
    newer_version: str
    key: Path


async def trial(site: Site, folder: Path, given: Given, kind: str, cuts: int, seed: int) -> str:
    """First boot with ``cuts`` power cuts, the opened door; with cuts also an update with as many. What it took.

    :raises AssertionError: it did not join exactly once, or a record is missing or doubled.
    """
    random, begun = Random(seed), time.monotonic()
    demo, browser = site.demo, site.browser
    resident = await site.resident()
    (device_path,) = [page.path for name, page in (await site.device_pages()).items() if name == GATE]
    await site.until_joined()
    await demo.nodes[GATE].child.kill()
    await demo.nodes[GATE].line.stop()
    card = await _card(site, folder, given, device_path)
    secret = tomllib.loads(_card_file(card, "onecard/node.toml"))["ticket"].partition(".")[2].encode()
    machine = Machine(kind, card, demo.nodes_port)
    door = _Door(site, machine, resident, folder)
    try:
        for _ in range(cuts):
            machine.start()
            sign = random.choice(FIRST_START)
            await _until(machine, lambda sign=sign: sign in machine.console(), sign)  # type: ignore[misc]
            await asyncio.sleep(random.uniform(0, AFTER_S_MAX))
            machine.cut()
        powered = time.monotonic()
        machine.start()

        async def second() -> bool | None:
            assert machine.is_running, "it has ended by itself"
            return True if len(installations(await browser.get(device_path))) == 2 else None

        await until(second, "the new installation on the page of the device", JOINED_WITHIN_S)
        joined_s = time.monotonic() - powered
        await _until_joined(site)
        await door.go_through()
        opened_s = time.monotonic() - powered

        async def done() -> bool | None:
            try:
                report = machine.boot_files()["onecard/REPORT.txt"].decode("utf-8")
            except (ImageError, KeyError, UnicodeDecodeError):
                return None  # being written
            return True if "done, the device has joined" in report else None

        await until(done, "the report on the card", STEP_WITHIN_S)
        said = f"{kind}: {cuts} cuts, joined {joined_s:.0f} s and opened {opened_s:.0f} s after the last power-up"
        if cuts:
            said += await _update(site, folder, given, machine, door, cuts, random)
        await door.cut_while_open()
        machine.start()
        await door.go_through()
        found = installations(await browser.get(device_path))
        assert len(found) == 2, f"joined more than once: {found}"
        await _until_counted(site, resident, door)
    except BaseException:
        print(machine.console()[-12_000:])
        raise
    finally:
        machine.cut()
        await door.leave()
    left = [name for name, content in machine.boot_files().items() if secret in content]
    assert not left, f"the ticket is still on the card: {left}"
    _check_data(machine, folder)
    said += await _damage(site, machine, _Door(site, machine, resident, folder), device_path)
    return f"{said}; {door.opened} openings, each recorded once; {time.monotonic() - begun:.0f} s in all"


async def _card(site: Site, folder: Path, given: Given, device_path: str) -> Path:
    await site.save_ticket(device_path, folder / f"{GATE}.toml")
    card = folder / "card.img"
    run = await asyncio.to_thread(
        provision,
        *("image", "--base", given.base, "--node", GATE, "--replace", "--out", card),
        *("--ticket", folder / f"{GATE}.toml", "--release", given.release, "--release-key", given.key),
    )
    assert run.returncode == 0, run.stderr
    return card


def _card_file(card: Path, name: str) -> str:
    """A text of the boot partition."""
    return files_of(card)[name].decode("utf-8")


class _Door:
    """The door of the machine, and how often it has been opened. ``unsure``: shown a card, and nobody saw what became of it."""

    def __init__(self, site: Site, machine: Machine, resident: Resident, folder: Path) -> None:
        self._site, self._machine, self._resident = site, machine, resident
        self.opened = self.unsure = 0
        self._is_on = False
        node = site.demo.nodes[GATE]
        outside = folder / "outside"
        outside.mkdir(exist_ok=True)
        (outside / "control.json").write_text(json.dumps({"address": f"127.0.0.1:{machine.control_port}"}))
        self._pass_on = node.line._on_event
        self._line = ControlLine(outside, self._hear)
        site.demo.nodes[GATE] = DemoNode(node.device, node.child, self._line)
        self._is_called = False

    def _hear(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "power":  # a network of QEMU takes calls before anybody listens
            self._is_on = bool(event["on"])
        self._pass_on(event)

    async def open(self) -> None:
        """A card is shown until the lock lets go. Nobody calls before: each call in vain costs a starting machine its time."""
        if not self._is_called:
            self._is_called = True
            self._line.start()

        async def opens() -> bool | None:
            assert self._machine.is_running, "it has ended by itself"
            if not self._is_on:
                return None
            try:
                await self._site.opens(GATE, self._resident.uid)
            except (DemoError, OSError):
                self.unsure += 1
                return None
            return True

        await until(opens, "the opened door", JOINED_WITHIN_S)
        self.opened += 1

    async def go_through(self) -> None:
        """Open, and wait until the lock is at rest again."""
        await self.open()
        await self._site.shuts(GATE)

    async def cut_while_open(self) -> None:
        """Pull the plug as soon as the lock lets go: what it was opened for is on the card by then (I1)."""
        await self.open()
        self._machine.cut()

    async def leave(self) -> None:
        """Nobody stands there any more."""
        await self._line.stop()


async def _update(
    site: Site, folder: Path, given: Given, machine: Machine, door: _Door, cuts: int, random: Random
) -> str:
    """The newer release, the plug pulled while it is fetched, unpacked, on trial: at random."""
    begun = time.monotonic()
    await site.sign_in_again()
    await step_up(site)
    page = await send_file(site, given.newer)
    assert given.newer_version in page.words, page.words[-800:]
    rollout = await roll_out(site, given.newer_version)

    async def label_says(text: str) -> bool:
        shown = await site.browser.get(rollout.path)
        return any(label.startswith("东门") and text in says for label, says in states(shown).items())

    for _ in range(cuts):
        await asyncio.sleep(random.uniform(0, UPDATE_AFTER_S_MAX))
        machine.cut()
        machine.start()
        await door.go_through()

    async def taken() -> bool | None:
        assert machine.is_running, "it has ended by itself"
        return True if await label_says("On the new version") else None

    await until(taken, "the new version", JOINED_WITHIN_S)
    await door.go_through()
    return f"; {given.newer_version} taken through {cuts} cuts in {time.monotonic() - begun:.0f} s"


async def _damage(site: Site, machine: Machine, door: _Door, device_path: str) -> str:
    """A data partition that is repaired, and one that cannot be: no emergency mode, no new life, the reason on the card."""
    try:
        machine.damage()
        machine.start()
        await door.go_through()
        repaired = "onecard-storage: " in machine.console()
        machine.cut()
        machine.ruin(RUINED_WAITS_S)
        machine.start()

        async def told() -> bool | None:
            assert machine.is_running, "it has ended by itself"
            try:
                report = machine.boot_files()["onecard/REPORT.txt"].decode("utf-8")
            except (ImageError, KeyError, UnicodeDecodeError):
                return None  # being written
            return True if "the data partition cannot be used: e2fsck" in report else None

        await until(told, "the fault on the card", STEP_WITHIN_S)
        console = machine.console()
        assert repaired, "the superblock was repaired by somebody else"
        assert "emergency" not in console.lower(), "it waits for a console that a door has not"
        await site.sign_in_again()
        assert len(installations(await site.browser.get(device_path))) == 2, "a new life"
    except BaseException:
        print(machine.console()[-12_000:])
        raise
    finally:
        machine.cut()
        await door.leave()
    return "; a lost superblock repaired, a ruined partition told on the card"


async def _until(machine: Machine, is_so: Callable[[], bool], what: str) -> None:
    async def look() -> bool | None:
        assert machine.is_running, "it has ended by itself"
        return True if is_so() else None

    await until(look, what, STEP_WITHIN_S)


async def _until_joined(site: Site) -> None:
    """As the pages of the devices say it: a machine answers no installer's question from outside."""

    async def look() -> bool:
        pages = await site.device_pages()
        return all(has_everything(page) for page in pages.values())

    await until(look, "everything is at the device, and at the centre", STEP_WITHIN_S)


async def _until_counted(site: Site, resident: Resident, door: _Door) -> None:
    async def counted() -> bool | None:
        return True if await site.count(resident.query) >= door.opened else None

    await until(counted, f"{door.opened} records", STEP_WITHIN_S)
    await _until_joined(site)
    found = await site.count(resident.query)
    assert door.opened <= found <= door.opened + door.unsure, f"{door.opened} openings, {found} records"


def _check_data(machine: Machine, folder: Path) -> None:
    """The medium after the last cut: a sound file system, sound databases."""
    problems, home = machine.data_after_cut(folder / "data")
    assert not problems, problems
    for name in ("outbox.db", "config.db"):
        with closing(sqlite3.connect(home / "node" / name)) as opened:
            (says,) = opened.execute("PRAGMA integrity_check").fetchone()
            assert says == "ok", f"{name}: {says}"

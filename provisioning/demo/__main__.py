"""`make demo`: brings the site up, says what to try, ends everything on Ctrl-C in under a second."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from argon2 import PasswordHasher

from central.clock import SystemClock
from central.db import Database
from central.security.certificates import load_or_create_authority
from central.security.keys import load_or_create
from edge.i18n import language_of
from provisioning.demo.control import ControlLine
from provisioning.demo.processes import Child, free_port
from provisioning.demo.site import DemoDevice, DemoSite, make
from provisioning.demo.taps import DemoNode, TapServer
from provisioning.errors import DemoError
from provisioning.texts import translator

CENTRE_PORT, TAPS_PORT, NODES_PORT = 8600, 8601, 8602
LOGIN_VALID_S: Final = 12 * 3_600
UP_WITHIN_S: Final = 60.0


class Demo:
    """The site: its folder, its processes, its tap page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.centre_port, self.taps_port = free_port(CENTRE_PORT), free_port(TAPS_PORT)
        self.nodes_port = free_port(NODES_PORT)
        self.password = secrets.token_urlsafe(9)
        self.nodes: dict[str, DemoNode] = {}
        self.site: DemoSite | None = None
        self.centre = Child(
            "centre",
            ["-m", "central", "serve", "--data", str(folder / "centre")],
            folder / "centre.log",
        )
        self.taps: TapServer | None = None

    @property
    def centre_url(self) -> str:
        """Where browsers find the centre."""
        return f"http://localhost:{self.centre_port}"

    @property
    def taps_url(self) -> str:
        """Where the virtual tap page is."""
        return f"http://localhost:{self.taps_port}"

    async def start(self) -> None:
        """Make the site and start everything; returns when the centre answers and every node runs.

        :raises DemoError: something did not come up; the logs say why.
        """
        site = self._make_site()
        self.site = site
        await self.centre.start()
        self.nodes = {device.name: self._node(device) for device in site.devices}
        self.taps = TapServer(self.nodes, site.cards, self.centre_url)
        await self.taps.start(self.taps_port)
        for node in self.nodes.values():
            await node.child.start()
            node.line.start()
        await self.until(lambda: all(node.line.is_connected for node in self.nodes.values()), "the devices")
        await self._centre_answers()

    async def _centre_answers(self) -> None:
        """Until somebody listens at the centre's port."""
        answering = asyncio.Event()

        async def knock() -> None:
            while not answering.is_set():
                try:
                    _reader, writer = await asyncio.open_connection("127.0.0.1", self.centre_port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    answering.set()

        task = asyncio.create_task(knock(), name="knock")
        try:
            await self.until(answering.is_set, "the centre")
        finally:
            task.cancel()

    async def stop(self) -> None:
        """End everything that was started here."""
        if self.taps is not None:
            await self.taps.stop()
        await asyncio.gather(*(node.line.stop() for node in self.nodes.values()))
        await asyncio.gather(self.centre.stop(), *(node.child.stop() for node in self.nodes.values()))

    async def until(self, condition: Callable[[], bool], what: str, within_s: float = UP_WITHIN_S) -> None:
        """Wait for something to become true.

        :raises DemoError: it did not in time.
        """
        deadline = asyncio.get_running_loop().time() + within_s
        while not condition():
            if not self.centre.is_running:
                raise DemoError(f"the centre ended:\n{_tail(self.centre.log)}")
            if asyncio.get_running_loop().time() > deadline:
                logs = "\n".join(_tail(node.child.log) for node in self.nodes.values())
                raise DemoError(f"{what}: not within {within_s:.0f} s\n{logs}")
            await asyncio.sleep(0.05)

    def _make_site(self) -> DemoSite:
        if self.folder.exists():
            shutil.rmtree(self.folder)
        data = self.folder / "centre"
        data.mkdir(parents=True, mode=0o700)
        (data / "centre.toml").write_text(
            f'[browsers]\nlisten = "127.0.0.1:{self.centre_port}"\ntls = "off"\n'
            f'[nodes]\nlisten = "127.0.0.1:{self.nodes_port}"\n'
        )
        clock = SystemClock()
        keys = load_or_create(data / "keys")
        load_or_create_authority(keys.folder, clock.now())
        db = Database(f"sqlite:///{data / 'onecard.db'}")
        try:
            db.call_upgrade()
            hashed = PasswordHasher().hash(self.password)
            return db.call_write(make, clock.now(), hashed, LOGIN_VALID_S)
        finally:
            db.call_close()

    def _node(self, device: DemoDevice) -> DemoNode:
        folder = self.folder / device.name
        folder.mkdir(mode=0o700)
        readers = "".join(
            f'\n[[readers]]\nunit = {unit}\nbus = "emulator"\n' for unit in range(1, len(device.readers) + 1)
        )
        ca_file = self.folder / "centre" / "keys" / "ca.pem"
        (folder / "node.toml").write_text(
            f'name = "{device.name}"\ncentre = ["https://127.0.0.1:{self.nodes_port}"]\nca_file = "{ca_file}"\n'
            f'ticket = "{device.ticket}"\nboard = "{device.board}"\nperiod_s = 5\n{readers}\n'
            f'[emulator]\ncontrol = "127.0.0.1:0"\n'
        )
        child = Child(
            device.name, ["-m", "edge", "run", "--config", str(folder / "node.toml")], folder / "node.log"
        )
        line = ControlLine(folder / "data", partial(self._event, device.name))
        return DemoNode(device, child, line)

    def _event(self, name: str, event: Mapping[str, Any]) -> None:
        if self.taps is not None:
            self.taps.tell(name, event)


def _tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"--- {path.name}\n" + "\n".join(text[-lines:])


async def run(folder: Path, headless_check: bool) -> int:
    """Bring the site up and keep it until Ctrl-C, or play the story."""
    _ = translator(language_of().replace("_", "-"))
    demo = Demo(folder)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        await demo.start()
        if headless_check:
            from provisioning.demo.story import play

            await play(demo, partial(print, flush=True))
            return 0
        assert demo.site is not None
        print(_("A whole site runs on this computer. Ctrl-C ends it."))
        print(_("Centre (one-time sign-in): %(url)s", url=demo.centre_url + demo.site.login_path))
        print(_("Operator 0001, password %(password)s", password=demo.password))
        print(_("Virtual tap page: %(url)s", url=demo.taps_url))
        print(
            _(
                "Try: tap the resident's card at the east gate, watch it in the live monitor, report the card lost, "
                "tap again; cut the network and tap once more."
            )
        )
        print(_("Data of this demo: %(path)s", path=folder), flush=True)
        await ended.wait()
        return 0
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        await demo.stop()


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description="a whole site on this computer")
    parser.add_argument("--headless-check", action="store_true", help="play the story and end")
    parser.add_argument("--data", type=Path, default=Path(".demo"), help="folder of the demo; made anew")
    chosen = parser.parse_args(arguments)
    os.umask(0o077)
    return asyncio.run(run(chosen.data.resolve(), chosen.headless_check))


if __name__ == "__main__":
    sys.exit(main())

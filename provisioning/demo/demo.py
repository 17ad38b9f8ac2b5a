"""The demo site: makes its folder, brings the processes up, waits until they answer, ends them all.

Everything listens on this computer alone, unless it is opened to the network: then the centre speaks TLS with its own CA
(a session cookie needs it beyond localhost), and the tap page asks for the key that stands in its address.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from central.addresses import own_addresses
from central.clock import SystemClock
from central.config import SecurityConfig
from central.db import Database
from central.security.certificates import load_or_create_authority
from central.security.keys import load_or_create
from central.security.passwords import Hasher
from provisioning.demo import patrol
from provisioning.demo.control import ControlLine
from provisioning.demo.processes import Child, HeldPort
from provisioning.demo.recent import Recent
from provisioning.demo.site import ZONE, DemoDevice, DemoSite, make
from provisioning.demo.taps import DemoNode, TapServer
from provisioning.errors import DemoError

CENTRE_PORT, TAPS_PORT, NODES_PORT = 8600, 8601, 8602
LOGIN_VALID_S: Final = 12 * 3_600
UP_WITHIN_S: Final = 60.0


class Demo:
    """The site: its folder, its processes, its tap page."""

    def __init__(
        self, folder: Path, to_network: bool = False, has_patrol: bool = False, any_ports: bool = False
    ) -> None:
        """
        :param to_network: other computers may open the centre and the tap page.
        :param has_patrol: with a patrol point, guards and a route.
        :param any_ports: not those that the README names; several sites run at once.
        """
        self.has_patrol = has_patrol
        self.folder = folder
        self.host = "0.0.0.0" if to_network else "127.0.0.1"
        self.name = network_address() if to_network else "localhost"
        self.taps_key = secrets.token_urlsafe(16) if to_network else ""
        self._ports = [HeldPort(0 if any_ports else port) for port in (CENTRE_PORT, TAPS_PORT, NODES_PORT)]
        self.centre_port, self.taps_port, self.nodes_port = (port.number for port in self._ports)
        self.password = secrets.token_urlsafe(9)
        self.buses: dict[str, str] = {}
        """The wire to the chips of a device, by its name, where it is not the plain emulator: spi or uart."""
        self.security: dict[str, int] = {}
        """Settings of the centre's ``[security]`` that are not its own."""
        self.release_key = ""
        """By which new versions of the devices' program are believed; none in the demo."""
        self.further: list[Callable[[datetime], None]] = []
        """Written into the new database too, before the centre starts."""
        self.nodes: dict[str, DemoNode] = {}
        self.site: DemoSite | None = None
        self.centre = Child(
            "centre",
            ["-m", "central", "serve", "--data", str(folder / "centre")],
            folder / "centre.log",
        )
        self.taps: TapServer | None = None
        self.recent: Recent | None = None
        self._walking: asyncio.Task[None] | None = None

    @property
    def centre_url(self) -> str:
        """Where browsers find the centre."""
        scheme = "https" if self.taps_key else "http"
        return f"{scheme}://{self.name}:{self.centre_port}"

    @property
    def taps_url(self) -> str:
        """Where the virtual tap page is."""
        return f"http://{self.name}:{self.taps_port}" + (f"/?key={self.taps_key}" if self.taps_key else "")

    @property
    def _local_centre(self) -> str:
        return f"{'https' if self.taps_key else 'http'}://localhost:{self.centre_port}"

    @property
    def _centre_tls(self) -> ssl.SSLContext | None:
        """Trust in the centre's own CA, where it speaks TLS."""
        return (
            ssl.create_default_context(cafile=self.folder / "centre/keys/ca.pem") if self.taps_key else None
        )

    async def start(self) -> None:
        """Make the site and start everything; returns when the centre answers and every node runs.

        :raises DemoError: something did not come up; the logs say why.
        """
        site = self._make_site()
        self.site = site
        await self.centre.start()
        self.nodes = {device.name: self._node(device) for device in site.devices}
        self.recent = Recent(f"{self._local_centre}/api/events", site.token, self._centre_tls)
        self.taps = TapServer(self.nodes, site.cards, self.centre_url, self.recent, self.taps_key)
        await self.taps.start(self.host, self.taps_port)
        for node in self.nodes.values():
            await node.child.start()
            node.line.start()
        await self.until(lambda: all(node.line.is_connected for node in self.nodes.values()), "the devices")
        await self.centre_answers()

    def walk(self) -> None:
        """From now on the guards walk their rounds."""
        self._walking = asyncio.create_task(patrol.walk(self.nodes, ZONE), name="guards")

    async def centre_answers(self) -> None:
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
        if self._walking is not None:
            self._walking.cancel()
            await asyncio.gather(self._walking, return_exceptions=True)
        if self.taps is not None:
            await self.taps.stop()
        if self.recent is not None:
            await self.recent.stop()
        await asyncio.gather(*(node.line.stop() for node in self.nodes.values()))
        await asyncio.gather(self.centre.stop(), *(node.child.stop() for node in self.nodes.values()))
        for port in self._ports:
            port.close()

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
            f'[browsers]\nlisten = "{self.host}:{self.centre_port}"\n'
            f'tls = "{"own" if self.taps_key else "off"}"\n'
            f'[nodes]\nlisten = "127.0.0.1:{self.nodes_port}"\nrelease_key = "{self.release_key}"\n'
            "[security]\n" + "".join(f"{name} = {value}\n" for name, value in self.security.items())
        )
        clock = SystemClock()
        keys = load_or_create(data / "keys")
        load_or_create_authority(keys.folder, clock.now())
        db = Database(f"sqlite:///{data / 'onecard.db'}")
        hasher = Hasher(SecurityConfig(**self.security))
        try:
            db.call_upgrade()
            hashed = hasher.hash_now(self.password)
            site = db.call_write(make, clock.now(), hashed, LOGIN_VALID_S, self.has_patrol)
            for write in self.further:
                db.call_write(write, clock.now())
            return site
        finally:
            hasher.close()
            db.call_close()

    def _node(self, device: DemoDevice) -> DemoNode:
        folder = self.folder / device.name
        folder.mkdir(mode=0o700)
        bus = self.buses.get(device.name, "emulator")
        readers = "".join(
            f'\n[[readers]]\nunit = {unit}\nbus = "{bus}"\n' for unit in range(1, len(device.readers) + 1)
        )
        ca_file = self.folder / "centre" / "keys" / "ca.pem"
        (folder / "node.toml").write_text(
            f'name = "{device.name}"\ncentre = ["https://127.0.0.1:{self.nodes_port}"]\nca_file = "{ca_file}"\n'
            f'ticket = "{device.ticket}"\nboard = "{device.board}"\nrole = "{device.role}"\nperiod_s = 5\n{readers}\n'
            f'[emulator]\ncontrol = "127.0.0.1:0"\n'
        )
        line = ControlLine(folder / "data", partial(self._event, device.name))
        child = Child(
            device.name,
            ["-m", "edge", "run", "--config", str(folder / "node.toml")],
            folder / "node.log",
            line.file,
        )
        return DemoNode(device, child, line)

    def _event(self, name: str, event: Mapping[str, Any]) -> None:
        if self.taps is not None:
            self.taps.tell(name, event)


def network_address() -> str:
    """This computer's address as others on the network type it; its own name for itself when it is on none."""
    return next((address for address in sorted(own_addresses()) if ":" not in address), "localhost")


def _tail(path: Path, lines: int = 15) -> str:
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return f"--- {path.name}\n" + "\n".join(text[-lines:])

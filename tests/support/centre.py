"""A whole centre in the test's own loop, over real sockets, with a browser for every role."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

import aiohttp
from yarl import URL

from central.app import build_centre
from central.centre import Centre
from central.clock import FakeClock
from central.config import Config, SecurityConfig, load_config
from central.parts import Collected
from central.security import first_run
from central.security.guard import csrf_of
from central.security.login import sign_in
from central.security.model import Operator, OperatorGrant, OperatorRole, Role
from central.security.sessions import cookie_name, hash_token
from central.server import Server
from central.web.exports import XLSX_TYPE
from tests.support.ready import ReadyFolder, lay_sqlite

T = TypeVar("T")
PASSWORD = "correct horse battery"
CHEAP = {"argon2_time_cost": 1, "argon2_memory_kib": 64}
"""Password hashing as cheap as it goes: tests are about everything around it."""
READERS_COUNT = 2
"""Each connection reads the whole schema first, and most tests ask for one thing at a time."""
CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')


class Browser:
    """One signed-in (or not) browser. Sends what a browser sends: cookies, ``Sec-Fetch-Site``, the form's token."""

    def __init__(self, centre: RunningCentre, number: str = "") -> None:
        self.centre, self.number = centre, number
        self.session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Accept-Language": "en"}
        )
        self.csrf = ""

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def post(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> Answer:
        """A form of one of our own pages, its token filled in."""
        headers = {"Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}
        form = {"csrf": self.csrf, **(data or {})} if "json" not in options else None
        if "json" in options:
            headers.setdefault("X-CSRF-Token", self.csrf)
        return await self.request("POST", path, data=form, headers=headers, **options)

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, self.centre.url + path, **options) as response:
            text = await response.text(errors="replace")
            if response.content_type == XLSX_TYPE:  # what it says, not two letters of its compressed bytes
                with zipfile.ZipFile(io.BytesIO(await response.read())) as book:
                    text = "\n".join(book.read(name).decode(errors="replace") for name in book.namelist())
            return Answer(response.status, text, dict(response.headers))

    async def sign_in(self, password: str = PASSWORD) -> Answer:
        """Through the sign-in page."""
        answer = await self.post("/login", {"number": self.number, "password": password})
        if answer.status == 303:
            self.csrf = (await self.centre.csrf_of(self)) or ""
        return answer

    async def close(self) -> None:
        await self.session.close()


class Answer:
    """What came back."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        self.status, self.text, self.headers = status, text, headers

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    def __repr__(self) -> str:
        return f"<{self.status} {self.location} {self.text[:300]}>"


class RunningCentre:
    """The server, its clock, and operators made on demand."""

    def __init__(self, server: Server, clock: FakeClock) -> None:
        self.server, self.clock = server, clock
        self.centre = server.centre
        self.browsers: list[Browser] = []

    @property
    def url(self) -> str:
        host, port = self.server.browser_address
        return f"http://{host}:{port}"

    @property
    def node_url(self) -> str:
        host, port = self.server.node_address
        return f"https://{host}:{port}"

    async def write(self, fn: Callable[..., T], *args: Any) -> T:
        return await self.centre.db.write(fn, *args)

    async def read(self, fn: Callable[..., T], *args: Any) -> T:
        return await self.centre.db.read(fn, *args)

    def visitor(self) -> Browser:
        """A browser that nobody has signed in with."""
        browser = Browser(self)
        self.browsers.append(browser)
        return browser

    async def as_role(
        self, role: str = "administrator", *, site: int | None = None, organisation: int | None = None
    ) -> Browser:
        """A browser signed in as a new operator of a built-in role, for one estate or organisation or everything."""
        number = f"{role}-{len(self.browsers) + 1}"
        token = await self.write(self._make, number, role, site, organisation)
        browser = Browser(self, number)
        browser.session.cookie_jar.update_cookies(
            {cookie_name(self.centre.config): token}, response_url=URL(self.url)
        )
        browser.csrf = csrf_of(self.centre, hash_token(token))
        self.browsers.append(browser)
        return browser

    def _make(self, number: str, role: str, site: int | None, organisation: int | None) -> str:
        now = self.clock.now()
        operator = Operator.create(
            number=number,
            name=number.title(),
            language="en",
            password_hash=self.centre.hasher.hash_now(PASSWORD),
            created_at=now,
            changed_at=now,
        )
        OperatorRole.create(operator=operator, role=Role.get(Role.key == role))
        OperatorGrant.create(operator=operator, site=site, organisation=organisation)
        return sign_in(self.centre, operator.id, "127.0.0.1", "test", "password")

    async def csrf_of(self, browser: Browser) -> str | None:
        """The token that stands in the forms of this browser's pages."""
        found = CSRF.search((await browser.get("/step-up")).text)
        return found[1] if found else None


@asynccontextmanager
async def run_centre(
    data: Path,
    *,
    database_url: str = "",
    set_up: bool = True,
    collected: Collected | None = None,
    security: Mapping[str, Any] | None = None,
    timing: Mapping[str, Mapping[str, Any]] | None = None,
) -> AsyncIterator[RunningCentre]:
    """A centre on free ports of the loopback, plain HTTP for browsers, TLS for devices, a clock that stands still.

    ``timing``: other times in ``browsers``, ``nodes`` and ``limits``.
    ``set_up``: with a first operator "0001" (password ``PASSWORD``), an organisation and an estate.
    """
    clock = FakeClock()
    is_ready = set_up and not database_url and security is None and not (data / "onecard.db").exists()
    if is_ready:
        (await ready_folder()).lay(data)
    elif not database_url and not (data / "onecard.db").exists():
        lay_sqlite(data / "onecard.db")
    server = Server(build_centre(config_for(data, database_url, security, timing), clock), collected)
    await server.start()
    running = RunningCentre(server, clock)
    try:
        if set_up and not is_ready:
            await running.write(set_up_now, running.centre)
        yield running
    finally:
        for browser in running.browsers:
            await browser.close()
        await server.stop()


def set_up_now(centre: Centre) -> None:
    """The first set-up; inside ``db.write``."""
    password = centre.hasher.hash_now(PASSWORD)
    wanted = first_run.FirstRun(
        "0001", "First Operator", password, "en", "Asia/Shanghai", "Harmony Property", "Garden Estate"
    )
    first_run.set_up(centre.audit, wanted, centre.clock.now())


_READY: Final[list[ReadyFolder]] = []


async def ready_folder() -> ReadyFolder:
    """The folder of a centre that was started once, set up and stopped, at the moment at which the clocks of tests stand.

    Centres of one process of the run share their keys, therefore; a test that needs others says ``set_up=False``.
    """
    if not _READY:
        with TemporaryDirectory() as name:
            folder = Path(name) / "centre"
            lay_sqlite(folder / "onecard.db")
            server = Server(build_centre(config_for(folder), FakeClock()))
            await server.start()
            await server.centre.db.write(set_up_now, server.centre)
            await server.stop()
            _READY.append(ReadyFolder.of(folder))
    return _READY[0]


def config_for(
    data: Path,
    database_url: str = "",
    security: Mapping[str, Any] | None = None,
    timing: Mapping[str, Mapping[str, Any]] | None = None,
) -> Config:
    timing = timing or {}
    config = load_config(
        data,
        browsers={"listen": "127.0.0.1:0", "tls": "off", **timing.get("browsers", {})},
        nodes={"listen": "127.0.0.1:0", **timing.get("nodes", {})},
        database={"url": database_url, "readers_count": READERS_COUNT},
        limits={"free_disk_bytes_min": 0, **timing.get("limits", {})},
    )
    return replace(config, security=SecurityConfig(**{**CHEAP, **(security or {})}))

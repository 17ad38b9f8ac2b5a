"""The real program as its owner meets it: first start, sign-in over TLS, commands beside it, restart, Ctrl-C."""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.centre import CHEAP, CSRF, PASSWORD
from tests.support.centre_process import CentreProcess, command

CONFIG = "[security]\n" + "".join(f"{key} = {value}\n" for key, value in CHEAP.items())
SAME = {"Sec-Fetch-Site": "same-origin"}
FORM = {
    "number": "0001",
    "name": "Lin",
    "password": PASSWORD,
    "again": PASSWORD,
    "language": "en",
    "zone": "Asia/Shanghai",
    "organisation": "Harmony",
    "site": "Garden",
}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[CentreProcess]:
    made = CentreProcess(tmp_path / "data", config=CONFIG)
    yield made
    made.end()


def session(data: Path) -> aiohttp.ClientSession:
    """A browser that has installed the centre's certificate, and trusts no other."""
    context = ssl.create_default_context(cafile=str(data / "keys" / "ca.pem"))
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


async def set_up(process: CentreProcess, browser: aiohttp.ClientSession) -> None:
    link = await asyncio.to_thread(process.wait_for, r"(https://\S+/setup\?token=\S+)")
    async with browser.post(link[1], data=FORM, headers=SAME, allow_redirects=False) as response:
        assert response.status == 303, await response.text()


@pytest.mark.requirement(16)
async def test_first_start_to_the_first_page_over_tls(process: CentreProcess) -> None:
    """Planted break: leave the address out of ``certificate_names``."""
    url = await asyncio.to_thread(lambda: process.url)
    async with session(process.data) as browser:
        await set_up(process, browser)
        async with browser.get(url + "/first-steps") as page:
            assert page.status == 200
        cookies = {cookie.key for cookie in browser.cookie_jar}
        assert cookies == {"__Host-session"}
    took_s = await asyncio.to_thread(process.stop)
    assert took_s < 1.0
    assert not list(process.data.glob("onecard.db-wal")), "everything is in the database file"


async def test_ctrl_c_ends_it_in_under_a_second_with_a_stream_open(process: CentreProcess) -> None:
    """Planted break: leave ``_close_streams`` out of ``on_shutdown``."""
    url = await asyncio.to_thread(lambda: process.url)
    async with session(process.data) as browser:
        await set_up(process, browser)
        async with browser.get(url + "/live", params={"feed": "events"}) as stream:
            assert stream.status == 200, await stream.text()
            assert b"hello" in await stream.content.readuntil(b"\n\n")
            took_s = await asyncio.to_thread(process.stop)
            assert took_s < 1.0
            assert b"ended" in await stream.content.read()


@pytest.mark.requirement(30)
async def test_the_page_restarts_the_very_process(process: CentreProcess) -> None:
    """Planted break: return False from ``_serve``. Sessions go on; the process is the same, the program starts anew."""
    url, pid = await asyncio.to_thread(lambda: process.url), process.process.pid
    async with session(process.data) as browser:
        await set_up(process, browser)
        async with browser.get(url + "/system") as page:
            token = CSRF.search(await page.text())[1]
        seen = len(process.lines)
        async with browser.post(url + "/system/restart", data={"csrf": token}, headers=SAME) as answer:
            assert answer.status == 200
        again = await asyncio.to_thread(process.wait_for, r"The centre runs: (\S+)", seen)
        assert process.process.poll() is None
        assert Path(f"/proc/{pid}").exists()
        async with browser.get(again[1] + "/system") as page:
            assert page.status == 200
            assert page.url.path == "/system", "the session outlives the restart"
    await asyncio.to_thread(process.stop, signal.SIGTERM)


async def test_commands_beside_a_running_centre(process: CentreProcess) -> None:
    """A forgotten password, a sign-in link, the audit trail: all while it serves."""
    url = await asyncio.to_thread(lambda: process.url)
    data = str(process.data)
    port = url.rpartition(":")[2]
    listen = f'[browsers]\nlisten = "127.0.0.1:{port}"\n'
    (process.data / "centre.toml").write_text(CONFIG + listen)
    async with session(process.data) as browser:
        await set_up(process, browser)

        reset = await asyncio.to_thread(command, "operator", "reset-password", "0001", "--data", data)
        assert reset.returncode == 0, reset.stderr
        link = re.search(r"https://localhost:\d+/password\?token=\S+", reset.stdout)[0]
        async with browser.get(link) as page:
            token = CSRF.search(await page.text())[1]
        new = {"password": "seven quiet bicycles", "again": "seven quiet bicycles", "csrf": token}
        async with browser.post(link, data=new, headers=SAME, allow_redirects=False) as answer:
            assert answer.status == 303
        async with browser.get(url + "/account", allow_redirects=False) as page:
            assert page.status == 303, "the old session is over"

        login = await asyncio.to_thread(command, "operator", "login-link", "0001", "--data", data)
        link = login.stdout.strip()
        token = link.partition("token=")[2]
        async with browser.get(link) as page:
            assert page.status == 200, "looking at it does not use it up"
        address = link.partition("?")[0]
        async with browser.post(address, data={"token": token}, headers=SAME) as page:
            assert page.status == 200
            assert page.url.path != "/login"
        async with (
            session(process.data) as other,
            other.post(address, data={"token": token}, headers=SAME) as page,
        ):
            assert page.status == 404, "it works once"

    verify = await asyncio.to_thread(command, "audit-verify", "--data", data)
    assert verify.returncode == 0
    assert "the chain is whole" in verify.stdout
    backup = process.data.parent / "b.backup"
    environment = {"ONECARD_BACKUP_PASSPHRASE": "a long passphrase"}
    made = await asyncio.to_thread(
        lambda: command("backup", str(backup), "--data", data, environment=environment)
    )
    assert made.returncode == 0, made.stderr
    await asyncio.to_thread(process.stop)
    new_data = str(process.data.parent / "new")
    restored = await asyncio.to_thread(
        lambda: command("restore", str(backup), "--data", new_data, environment=environment)
    )
    assert restored.returncode == 0, restored.stderr
    rebuilt = await asyncio.to_thread(command, "rebuild", "--data", new_data)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert (await asyncio.to_thread(command, "audit-verify", "--data", new_data)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["operator", "reset-password", "0009"], "No operator has the number 0009"),
        (["restore", "nowhere.backup"], "nowhere.backup"),
        (["serve", "--listen", "8443"], "browsers.listen"),
        (["serve", "--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = command(*arguments, "--data", str(tmp_path / "data"))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_is_taken_is_said(tmp_path: Path, process: CentreProcess) -> None:
    port = process.url.rpartition(":")[2]
    done = command("serve", "--data", str(tmp_path / "other"), "--listen", f"127.0.0.1:{port}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_language_is_that_of_the_shell(tmp_path: Path) -> None:
    arguments = ("operator", "reset-password", "0009", "--data", str(tmp_path / "data"))
    said = {
        tag: command(*arguments, environment={"LC_ALL": tag}).stderr
        for tag in ("zh_CN.UTF-8", "zh_HK.UTF-8", "en_GB.UTF-8", "C")
    }
    assert len(set(said.values())) == 3
    assert said["C"] == said["zh_CN.UTF-8"], "Chinese where the shell says nothing"

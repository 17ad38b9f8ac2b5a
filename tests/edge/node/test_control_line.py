"""The control line of an emulated node: commands, events, and clear words for what cannot be done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge.control import ControlError, ControlServer


async def echo(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"said": request["text"]}


async def fail(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    raise ControlError("it does not want to")


async def snapshot() -> list[dict[str, Any]]:
    return [{"event": "output", "line": "lock.1", "on": False}]


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, line: bytes) -> dict[str, Any]:
        self.writer.write(line + b"\n")
        return await self.read()

    async def read(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            found: dict[str, Any] = json.loads(await self.reader.readline())
        return found


@pytest.fixture(params=["tcp", "unix"])
async def line(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[ControlServer, Client]]:
    address = "127.0.0.1:0" if request.param == "tcp" else str(tmp_path / ("long" * 20) / "control.sock")
    (tmp_path / ("long" * 20)).mkdir()
    server = ControlServer(address, {"echo": echo, "fail": fail}, snapshot)
    await server.start(tmp_path / "control.json")
    assert json.loads((tmp_path / "control.json").read_text()) == {"address": server.address}
    if request.param == "tcp":
        host, _, port = server.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
    else:
        from edge.status import short_path

        with short_path(Path(server.address)) as name:
            reader, writer = await asyncio.open_unix_connection(name)
    yield server, Client(reader, writer)
    writer.close()
    await server.stop()


async def test_answers_carry_the_number_of_the_request(line: tuple[ControlServer, Client]) -> None:
    _, client = line
    assert await client.ask(b'{"id": 3, "do": "echo", "text": "hi"}') == {
        "id": 3,
        "ok": True,
        "result": {"said": "hi"},
    }


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b'{"do": "fly"}', "unknown command 'fly'; known: echo, fail, watch"),
        (b"[]", "a request is a JSON object"),
        (b'{"do": "fail"}', "it does not want to"),
        (b'{"do": "echo"}', "missing 'text'"),
        (b"nonsense", None),
    ],
)
async def test_what_cannot_be_done_is_said_and_the_line_stays(
    line: tuple[ControlServer, Client], sent: bytes, error: str | None
) -> None:
    _, client = line
    answer = await client.ask(sent)
    assert not answer["ok"]
    assert error is None or answer["error"] == error
    assert (await client.ask(b'{"do": "echo", "text": 1}'))["ok"]


async def test_a_watcher_gets_the_state_and_then_every_event(line: tuple[ControlServer, Client]) -> None:
    server, client = line
    server.tell({"event": "nobody watches"})
    answer = await client.ask(b'{"do": "watch"}')
    assert answer["result"] == {"now": await snapshot()}
    server.tell({"event": "output", "line": "lock.1", "on": True})
    assert await client.read() == {"event": "output", "line": "lock.1", "on": True}


async def test_a_line_that_never_ends_is_cut_off(line: tuple[ControlServer, Client]) -> None:
    _, client = line
    client.writer.write(b"x" * 1_000_000)
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError, ValueError)):
        await client.read()

"""A line of JSON in, a line of JSON out: how the demo and the tests move an emulated node. Never part of a real one.

One request per line, ``{"id": 7, "do": "tap", ...}``; its answer is ``{"id": 7, "ok": true, "result": {...}}`` or
``{"id": 7, "ok": false, "error": "..."}``. After ``{"do": "watch"}`` the connection also carries events, which have no
``id``: ``{"event": "output", "line": "lock.1", "on": true, "at_ms": 1800000000000}``. What can be done is in ``emulated``.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from edge.files import FileError, write_whole
from edge.status import short_path

LINE_MAX_BYTES: Final = 256 * 1024
EVENTS_WAITING_MAX: Final = 1_000
"""Events that a watcher may leave unread before he is cut off."""
_log: Final = logging.getLogger(__name__)

Command = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class ControlError(Exception):
    """A request cannot be done; the text goes back to whoever asked."""


class ControlServer:
    """Serves the commands on loopback (or a unix socket) and tells watchers what happens."""

    def __init__(
        self,
        address: str,
        commands: Mapping[str, Command],
        snapshot: Callable[[], Awaitable[list[dict[str, Any]]]],
    ) -> None:
        """
        :param address: ``127.0.0.1:port`` (0: any), or a path.
        :param snapshot: the events that bring a new watcher up to date.
        """
        self._address = address
        self._commands = dict(commands)
        self._snapshot = snapshot
        self._server: asyncio.Server | None = None
        self._watchers: set[asyncio.StreamWriter] = set()
        self.address = ""
        """Where it really listens."""

    async def start(self, announce: Path | None = None) -> None:
        """Listen, and write the address to ``announce`` if that can be written. Raises OSError when it cannot listen."""
        if "/" in self._address:
            path = Path(self._address)
            path.unlink(missing_ok=True)
            with short_path(path) as name:
                self._server = await asyncio.start_unix_server(self._serve, name, limit=LINE_MAX_BYTES)
            self.address = self._address
        else:
            host, _colon, port = self._address.rpartition(":")
            self._server = await asyncio.start_server(
                self._serve, host.strip("[]"), int(port), limit=LINE_MAX_BYTES
            )
            self.address = f"{host}:{self._server.sockets[0].getsockname()[1]}"
        if announce is not None:
            try:
                write_whole(announce, json.dumps({"address": self.address}).encode())
            except FileError as error:
                _log.warning("listening on %s, which cannot be announced: %s", self.address, error)

    async def stop(self) -> None:
        """Stop listening and let everybody go."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._watchers):
            writer.close()

    def tell(self, event: Mapping[str, Any]) -> None:
        """An event for every watcher; on the loop."""
        line = json.dumps(event).encode() + b"\n"
        for writer in list(self._watchers):
            if writer.transport.get_write_buffer_size() > EVENTS_WAITING_MAX * 100:
                self._watchers.discard(writer)
                writer.transport.abort()
            else:
                writer.write(line)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(
                    json.dumps(await self._answer(line, writer), ensure_ascii=False).encode() + b"\n"
                )
                await writer.drain()
        except (OSError, ValueError, asyncio.LimitOverrunError) as error:
            _log.debug("a control connection ended: %s", error)
        finally:
            self._watchers.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> dict[str, Any]:
        number: Any = None
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ControlError("a request is a JSON object")
            number = request.get("id")
            name = request.get("do")
            if name == "watch":
                now = await self._snapshot()
                self._watchers.add(writer)
                return {"id": number, "ok": True, "result": {"now": now}}
            command = self._commands.get(str(name))
            if command is None:
                raise ControlError(
                    f"unknown command {name!r}; known: {', '.join(sorted([*self._commands, 'watch']))}"
                )
            return {"id": number, "ok": True, "result": dict(await command(request))}
        except (ControlError, ValueError, KeyError, TypeError) as error:
            text = f"missing {error}" if isinstance(error, KeyError) else str(error)
            return {"id": number, "ok": False, "error": text}

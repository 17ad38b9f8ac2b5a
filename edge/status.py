"""``onecard-edge status``: a running node answers its installer on a unix socket that only its own user can open.

The answer is one JSON object; what it means in words stands here too, so that the command and the tests share it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from edge.errors import EdgeError
from edge.i18n import _

ANSWER_MAX_BYTES: Final = 1_000_000
ANSWER_WITHIN_S: Final = 3.0
_log: Final = logging.getLogger(__name__)


class StatusError(EdgeError):
    """No node answers there."""


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """A name for a socket that fits into the 107 bytes that a unix address has."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)


class StatusServer:
    """Answers every connection with the status of the moment, or with what it asks for in one line of JSON."""

    def __init__(
        self,
        path: Path,
        status: Callable[[], Mapping[str, Any]],
        load: Callable[[Path], Awaitable[Mapping[str, Any]]] | None = None,
    ) -> None:
        """:param load: takes a file of the centre in, ``{"load": path}``; raises ``EdgeError``."""
        self._path = path
        self._status = status
        self._load = load
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. A medium that takes no socket leaves the node without its status command, and nothing else."""
        try:
            await self._listen()
        except OSError as error:
            _log.warning("there is no status socket: %s", error)

    async def _listen(self) -> None:
        with short_path(self._path) as name:
            with suppress(FileNotFoundError):
                os.unlink(name)
            sock = socket.socket(
                socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            )
            try:
                before = os.umask(0o177)
                try:
                    sock.bind(name)
                finally:
                    os.umask(before)
                self._server = await asyncio.start_unix_server(self._answer, sock=sock)
            except BaseException:
                sock.close()
                raise

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError, TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                line = await reader.readline()
            writer.write(json.dumps(dict(await self._answer_to(line)), ensure_ascii=False).encode() + b"\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def _answer_to(self, line: bytes) -> Mapping[str, Any]:
        wanted = json.loads(line) if line.strip() else {}
        if "load" not in wanted:
            return self._status()
        if self._load is None:
            return {"problem": _("this device has no centre")}
        try:
            return await self._load(Path(wanted["load"]))
        except EdgeError as error:
            return {"problem": str(error)}

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with suppress(OSError):
                self._path.unlink()


def ask(
    path: Path, request: Mapping[str, Any] | None = None, within_s: float = ANSWER_WITHIN_S
) -> dict[str, Any]:
    """The status of the node that listens there, or its answer to a request.

    :raises StatusError: none does, or its answer is none.
    """
    answer = b""
    line = json.dumps(dict(request)).encode() if request else b""
    try:
        with short_path(path) as name, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(within_s)
            sock.connect(name)
            sock.sendall(line + b"\n")
            while (part := sock.recv(65_536)) and len(answer) < ANSWER_MAX_BYTES:
                answer += part
        found = json.loads(answer)
    except (OSError, ValueError) as error:
        raise StatusError(_("no node is running here (%(path)s)", path=path)) from error
    if not isinstance(found, dict):
        raise StatusError(_("no node is running here (%(path)s)", path=path))
    return found

"""The processes of the demo: started, watched, ended together. Only processes started here are ever ended."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

ENDS_WITHIN_S = 0.8


class Child:
    """One of our programs in a process of its own; its output goes to a file."""

    def __init__(self, name: str, arguments: list[str], log: Path, announces: Path | None = None) -> None:
        """:param announces: where it writes how it is reached; what a run before has left there leads to whoever has its port now."""
        self.name, self._arguments, self.log, self._announces = name, arguments, log, announces
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        """Started and not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, unless it runs."""
        if self.is_running:
            return
        if self._announces is not None:
            self._announces.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    async def wait(self) -> int:
        """Until it has ended; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def kill(self) -> None:
        """End it as a power cut does: it is not asked, and cleans nothing up."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class HeldPort:
    """A port on loopback that is ours from now on, for a program that is started later: ``wanted`` if nobody has it, else any.

    The socket stays bound and never listens: the system gives its number to nobody who asks for any port, while a program
    that asks for this very one and sets SO_REUSEADDR (as servers do) gets it, socket(7). So would a second demo of the same
    second: whoever wants a port by its number therefore takes an abstract name for it first, which one process has at a time.
    """

    def __init__(self, wanted: int = 0) -> None:
        self._claim = socket.socket(socket.AF_UNIX)
        try:
            self._claim.bind(f"\0onecard-port-{wanted}" if wanted else "")
        except OSError:
            wanted = 0
        for port in (wanted, 0):
            self._socket = socket.socket()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self._socket.bind(("127.0.0.1", port))
            except OSError:
                self._socket.close()
                continue
            self.number = int(self._socket.getsockname()[1])
            return
        raise AssertionError("port 0 always binds")

    def close(self) -> None:
        """Nobody is started there any more."""
        self._socket.close()
        self._claim.close()

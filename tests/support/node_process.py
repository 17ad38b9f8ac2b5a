"""The real node program as a process of its own, with emulated chips; moved through its control line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edge.cache.outbox import Outbox
from edge.cache.store import ConfigStore
from edge.status import StatusError, ask, short_path
from protocol.facts import Body, Entry, decode_body
from protocol.records import Change
from tests.support.facts import first_configuration

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


class Line:
    """One connection to the control line: commands, and the events since ``watch``."""

    def __init__(self, address: str) -> None:
        """``host:port``, or the path of a unix socket."""
        if "/" in address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._socket.settimeout(DEADLINE_S)
            with short_path(Path(address)) as name:
                self._socket.connect(name)
        else:
            host, _, port = address.rpartition(":")
            self._socket = socket.create_connection((host, int(port)), DEADLINE_S)
        self._file = self._socket.makefile("rwb")
        self.events: list[dict[str, Any]] = []
        self._number = 0

    def do(self, what: str, **more: Any) -> dict[str, Any]:
        """One command; its result. Raises AssertionError when the node refuses it."""
        self._number += 1
        self._file.write(json.dumps({"id": self._number, "do": what, **more}).encode() + b"\n")
        self._file.flush()
        while True:
            message = self._read()
            if message.get("id") == self._number:
                assert message["ok"], message
                return dict(message["result"])
            self.events.append(message)

    def watch(self) -> None:
        """Collect events from now on; the state of now comes first."""
        self.events += self.do("watch")["now"]

    def forget(self) -> None:
        """Drop every event up to now, those on the way included."""
        self.do("state")
        self.events.clear()

    def until(
        self, condition: Callable[[dict[str, Any]], bool], seconds: float = DEADLINE_S
    ) -> dict[str, Any]:
        """The next event for which it holds, of those collected and those to come."""
        self._socket.settimeout(seconds)
        while True:
            while self.events:
                event = self.events.pop(0)
                if condition(event):
                    return event
            self.events.append(self._read())

    def until_output(self, line: str, on: bool, seconds: float = DEADLINE_S) -> dict[str, Any]:
        """Until an output is so."""
        return self.until(lambda event: event.get("line") == line and event.get("on") is on, seconds)

    def _read(self) -> dict[str, Any]:
        line = self._file.readline()
        if not line:
            raise ConnectionError("the node has ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()
        self._socket.close()


class NodeProcess:
    """``python -m edge run`` in a directory of its own. Start it any number of times on the same data."""

    def __init__(
        self, directory: Path, *, name: str = "east-gate", more: str = "", wrapper: tuple[str, ...] = ()
    ) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.data_dir.mkdir(exist_ok=True)
        self.config = directory / "node.toml"
        self.config.write_text(f'name = "{name}"\ndata_dir = "data"\n{more}\n[emulator]\n')
        self._wrapper = wrapper
        self.process: subprocess.Popen[bytes] | None = None
        self.log = directory / "node.log"
        self.environment: dict[str, str] = {}
        self._lines: list[Line] = []

    def seed(self, access: list[Change], restrictions: list[Change] | None = None) -> None:
        """Store a configuration, as an earlier sync would have."""
        store = ConfigStore(self.data_dir / "config.db")
        store.open()
        store.install(first_configuration(access, restrictions))
        store.close()

    def start(self) -> None:
        """Start the process; returns at once."""
        (self.data_dir / "control.json").unlink(missing_ok=True)
        self.start_as_it_is()

    def start_as_it_is(self) -> None:
        """Start it and touch nothing before: the medium may not let us."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._wrapper, sys.executable, "-m", "edge", "run", "--config", str(self.config)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "LANG": "en_GB.UTF-8", "LC_ALL": "en_GB.UTF-8", **self.environment},
            )

    def line(self) -> Line:
        """A connection to its control line, as soon as there is one."""
        announced = self.data_dir / "control.json"
        self._until(announced.exists)
        return self._opened(json.loads(announced.read_text())["address"])

    def line_at(self, path: Path) -> Line:
        """A connection to a control line at a path."""
        self._until(path.exists)
        return self._opened(str(path))

    def _opened(self, address: str) -> Line:
        self._lines.append(Line(address))
        return self._lines[-1]

    def _until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"no control line: {self.log.read_text()}"
            self._breathe()

    def status(self) -> dict[str, Any]:
        """What ``onecard-edge status --json`` says, as soon as somebody answers."""
        return self.until_status(lambda status: True)

    def until_status(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first status for which it holds."""
        deadline = time.monotonic() + DEADLINE_S
        last: object = None
        while time.monotonic() < deadline:
            try:
                last = found = ask(self.data_dir / "status.sock")
                if condition(found):
                    return found
            except StatusError as error:
                last = error
            self._breathe()
        raise AssertionError(f"still waiting: {last}\n{self.log.read_text()}")

    def _breathe(self) -> None:
        """Let the node get on: wait for its end, a little."""
        assert self.process is not None
        try:
            self.process.wait(0.02)
        except subprocess.TimeoutExpired:
            pass

    def kill(self) -> None:
        """As a power cut, as far as one process goes."""
        self._end(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        return self._end(number)

    def _end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self.process = None
        return code

    def wait(self) -> int:
        """Until it has ended by itself; its exit code."""
        assert self.process is not None
        code = self.process.wait(DEADLINE_S)
        self.process = None
        return code

    def close(self) -> None:
        """Whatever became of it: it is gone afterwards."""
        for line in self._lines:
            line.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            self.process = None

    def entries(self) -> list[Entry]:
        """Everything in the outbox of the node that has ended, the chain checked."""
        outbox = Outbox(self.data_dir / "outbox.db")
        outbox.open()
        try:
            return outbox.read(0, 1_000_000)
        finally:
            outbox.close()

    def facts(self) -> list[Body | None]:
        """The bodies of ``entries``."""
        return [decode_body(entry.fact) for entry in self.entries()]

"""The real centre program as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.support.ending import LOOK_EVERY_S, Ending

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0


def command(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``onecard-central`` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "central", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env={**os.environ, "LC_ALL": "en_US.UTF-8", **(environment or {})},
    )


class CentreProcess:
    """``onecard-central serve`` on ports that the system chooses; its console is read line by line."""

    def __init__(self, data: Path, *, config: str = "", listen: str = "127.0.0.1:0") -> None:
        data.mkdir(parents=True, exist_ok=True)
        self.data = data
        if config:
            (data / "centre.toml").write_text(config, "utf-8")
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "central", "serve", "--data", str(data),
                "--listen", listen, "--node-listen", "127.0.0.1:0",
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "LC_ALL": "en_US.UTF-8", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, pattern: str, after: int = 0) -> re.Match[str]:
        """The first line of the console, from number ``after`` on, that fits."""
        end = time.monotonic() + DEADLINE_S
        with self._changed:
            while True:
                for line in self.lines[after:]:
                    if match := re.search(pattern, line):
                        return match
                left = end - time.monotonic()
                assert left > 0, self.console
                assert self.process.poll() is None, self.console
                self._changed.wait(min(left, 0.5))

    @property
    def console(self) -> str:
        return "\n".join(self.lines)

    @property
    def url(self) -> str:
        return self.wait_for(r"The centre runs: (\S+)")[1]

    def stop(self, number: int = signal.SIGINT) -> float:
        """Send the signal; how many seconds it let pass until its end. Fails when the exit code is not 0."""
        ending = Ending(self.process.pid)
        self.process.send_signal(number)
        until = time.monotonic() + DEADLINE_S
        while True:
            try:
                code = self.process.wait(LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                assert time.monotonic() < until, self.console
            finally:
                ending.look()
        self._reader.join(DEADLINE_S)
        assert code == 0, self.console
        return ending.took_s

    def end(self) -> None:
        """Whatever happened, nothing is left running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

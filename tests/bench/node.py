"""The whole node as a process of its own, with 250,000 cards and an idle reader on a serial line, looked at from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.status import StatusError, ask
from tests.bench.measure import Row
from tests.bench.start import CONFIG, ROOT, environment, seed
from tests.support.readers import EmulatorProcess

CARDS = 250_000
LOOK_S = 10.0
DEADLINE_S = 120.0


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024


def watch(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Look at it for so long; it must not end."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError(f"the node has ended with {code}")


def until_at_rest(process: subprocess.Popen[bytes], socket: Path) -> None:
    """Until the node answers, its memory has stood still, and it has used little CPU for six seconds: the cards are packed."""
    deadline, before, calm, resident = time.monotonic() + DEADLINE_S, -1.0, 0, 0.0
    while time.monotonic() < deadline:
        watch(process, 2)
        try:
            status = ask(socket)
        except StatusError:
            continue
        used, now = cpu_s(process.pid), memory_mib(process.pid, "VmRSS")
        is_calm = status["configuration"]["cards"] == CARDS and used - before < 0.3 and now - resident < 0.1
        calm = calm + 1 if is_calm else 0
        if calm == 3:
            return
        before, resident = used, now
    raise AssertionError("the node does not come to rest")


def rows() -> list[Row]:
    """Memory after the cards are packed, and CPU of ten seconds of polling an empty field."""
    with TemporaryDirectory(prefix="onecard-bench-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        seed(folder / "data" / "config.db", CARDS)
        with EmulatorProcess(folder) as emulator:
            (folder / "node.toml").write_text(CONFIG.format(port=emulator.link))
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.start_child", "stay", str(folder)],
                cwd=ROOT,
                env=environment(folder),
                stderr=subprocess.DEVNULL,
            )
            try:
                until_at_rest(process, folder / "data" / "status.sock")
                resident, peak = memory_mib(process.pid, "VmRSS"), memory_mib(process.pid, "VmHWM")
                before, started = cpu_s(process.pid), time.monotonic()
                watch(process, LOOK_S)
                share = 100 * (cpu_s(process.pid) - before) / (time.monotonic() - started)
            finally:
                process.kill()
                process.wait()
    note = f"at most {peak:.0f} MiB since the start; no centre configured"
    return [
        Row("whole node with 250,000 cards", "MiB", resident, None, None, "<= 80 MiB", resident <= 80, note),
        Row("idle CPU at 10 polls a second, UART", "%", share, None, None, "<= 5 %", share <= 5),
    ]

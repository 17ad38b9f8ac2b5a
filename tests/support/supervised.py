"""What systemd does for a node: starts it by the launcher, and again whenever it ends. ``python -m tests.support.supervised``."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = ROOT / "edge" / "update" / "launcher.py"
PR_SET_PDEATHSIG = 1


def _dies_with_us() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """``supervised CONFIG DATA``: until SIGTERM; the node's own end never ends this."""
    config, data = sys.argv[1:]
    running: subprocess.Popen[bytes] | None = None
    ending = False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal ending
        ending = True
        if running is not None:
            running.terminate()

    signal.signal(signal.SIGTERM, end)
    while not ending:
        (Path(data) / "control.json").unlink(missing_ok=True)
        running = subprocess.Popen(
            [sys.executable, str(LAUNCHER), "run", "--config", config],
            cwd="/",
            env={**os.environ, "PYTHONPATH": str(ROOT), "ONECARD_HOME": data},
            preexec_fn=_dies_with_us,
        )
        running.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())

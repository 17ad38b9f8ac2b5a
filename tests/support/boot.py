"""A whole system in a container of systemd: its root folder is a card's content, its network is this computer's."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
from pathlib import Path

SLOW = "[Service]\nWatchdogSec=600\nTimeoutStartSec=600\nTimeoutStopSec=60\n"
"""For the service of the node on an emulated processor, which is ten times too slow for its watchdog."""
GIVEN = ("ONECARD_BASE", "ONECARD_RELEASE", "ONECARD_RELEASE_KEY")


def reason_not_to_boot() -> str | None:
    """Why no system can be started here; None when it can."""
    if any(name not in os.environ for name in GIVEN):
        return "a part of make soak, which gives it a base image and a release"
    return why_no_system()


def why_no_system() -> str | None:
    """What this computer lacks to start a system of a Raspberry Pi; None when nothing."""
    if os.geteuid() != 0:
        return "needs root, for systemd-nspawn"
    for program in ("systemd-nspawn", "mmdebstrap", "debugfs", "mkfs.vfat", "fdtput"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if platform.machine() != "aarch64" and not Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists():
        return "programs of a Raspberry Pi do not run here (qemu-user-static, binfmt_misc)"
    return None


class Container:
    """Started, watched, ended; only what was started here."""

    def __init__(self, root: Path, log: Path) -> None:
        self._root, self._log = root, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Power up."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["systemd-nspawn", "--quiet", "--keep-unit", "--register=no", "--resolv-conf=off"]
                + [
                    "--console=pipe",
                    "-D",
                    str(self._root),
                    "--boot",
                    "systemd.journald.forward_to_console=1",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Started and not ended."""
        return self._process is not None and self._process.poll() is None

    def journal(self) -> str:
        """What its services have said."""
        return self._inside("journalctl", "--no-pager", "-b")

    def failed_units(self) -> list[str]:
        """Services of ours that failed."""
        listed = self._inside("systemctl", "list-units", "--failed", "--plain", "--no-legend", "onecard*")
        return listed.splitlines()

    def _inside(self, *command: str) -> str:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        if not children:
            return self._log.read_text("utf-8", "replace")
        enter = ["nsenter", "-t", children[0], "-m", "-u", "-i", "-p", *command]
        return subprocess.run(enter, capture_output=True, text=True, timeout=120, check=False).stdout

    def end(self) -> None:
        """Ask it to power off, and pull the plug when it does not."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

"""A Linux kernel as an ordinary process (user-mode Linux), because no kernel of Debian has a GPIO chip to test with.

Made once from Debian's ``linux-source`` with ``kernel.config`` (minutes), kept in ``build``. It starts on the files of this
computer, which it may read and not write.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
KERNEL: Final = ROOT / "build" / "linux-uml"
LIBRARIES: Final = ROOT / "build" / "lgpio"
LGPIO: Final = "lgpio==0.2.2.0"
LINES: Final = 54
"""Of the chip of a Raspberry Pi 4."""
WITHIN_S: Final = 600.0
_CONFIG: Final = Path(__file__).parent / "kernel.config"
_MADE_WITH: Final = ("make", "gcc", "flex", "bison", "bc")
_POWER_OFF: Final = (
    "import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)"  # LINUX_REBOOT_CMD_POWER_OFF, reboot(2)
)
_INIT: Final = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs run /run
mount -t configfs config /sys/kernel/config
chip=/sys/kernel/config/gpio-sim/onecard
mkdir -p $chip/bank && echo {lines} > $chip/bank/num_lines && echo pinctrl-bcm2711 > $chip/bank/label && echo 1 > $chip/live
export NO_COLOR=1 HOME=/run TMPDIR=/run LG_WD=/run LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={path}
export RPI_LGPIO_REVISION=c03114 RPI_LGPIO_CHIP=0
export ONECARD_KERNEL_CHIP=/sys/devices/platform/$(cat $chip/dev_name)/$(cat $chip/bank/chip_name)
cd {root} && {command}
echo "ended with $?"
{python} -c '{power_off}'
"""


def source() -> Path | None:
    """The newest source of a kernel that Debian's packages have put here."""
    return max(Path("/usr/src").glob("linux-source-*.tar.xz"), default=None)


def why_no_kernel() -> str | None:
    """What this computer lacks; None when nothing."""
    if platform.machine() != "x86_64":
        return "user-mode Linux needs an x86-64 computer"
    if KERNEL.exists():
        return None
    if source() is None:
        return "no source of a kernel is installed (linux-source)"
    missing = [name for name in _MADE_WITH if shutil.which(name) is None]
    return f"{', '.join(missing)}: not installed" if missing else None


def make() -> None:
    """Kernel and library, where they are not there yet."""
    if not KERNEL.exists():
        packed = source()
        assert packed is not None
        KERNEL.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="onecard-kernel-", dir=KERNEL.parent) as scratch:
            subprocess.run(["tar", "-xJf", str(packed), "-C", scratch, "--strip-components=1"], check=True)
            making = ["nice", "-n", "15", "make", "-s", "ARCH=um"]
            subprocess.run(
                [*making, "allnoconfig", f"KCONFIG_ALLCONFIG={_CONFIG}"],
                cwd=scratch, check=True, stdout=subprocess.DEVNULL,
            )  # fmt: skip
            subprocess.run([*making, f"-j{os.cpu_count()}", "linux"], cwd=scratch, check=True)
            shutil.copy2(Path(scratch) / "linux", KERNEL)
    if not LIBRARIES.exists():
        growing = LIBRARIES.with_name("lgpio.tmp")
        shutil.rmtree(growing, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*command, "--target", str(growing), LGPIO], check=True)
        growing.rename(LIBRARIES)


def run(*command: str) -> tuple[int, str]:
    """Start the kernel, run this in it at the root of the source, power off; exit code and what was said.

    :raises AssertionError: the kernel did not come so far as to say how the command ended.
    """
    with tempfile.TemporaryDirectory(prefix="onecard-uml-") as scratch:
        init = Path(scratch) / "init"
        init.write_text(
            _INIT.format(
                lines=LINES,
                path=f"{LIBRARIES}:{ROOT}",
                root=ROOT,
                command=shlex.join(command),
                python=sys.executable,
                power_off=_POWER_OFF,
            )
        )
        init.chmod(0o755)
        kernel = [str(KERNEL), "mem=512M", "root=none", "rootfstype=hostfs", "ro", f"init={init}", "quiet"]
        run = subprocess.run(
            [*kernel, "con=null", "ssl=null", "con0=null,fd:1"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=WITHIN_S,
            cwd=scratch, env={"PATH": os.environ["PATH"], "HOME": scratch, "TMPDIR": scratch}, check=False,
        )  # fmt: skip
    said = run.stdout + run.stderr
    _before, ended, rest = said.rpartition("ended with ")
    assert ended, said[-6_000:]
    return int(rest.split()[0]), said

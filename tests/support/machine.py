"""A whole computer under QEMU that starts a finished card image: its kernel, its disk, its power plug.

Nothing of this host but loopback is reached. What an emulated computer needs beside the card is written into a copy of it
(``wire``): chips that are emulated, watchdogs that wait for a slow processor, and two bridges of ``systemd-socket-proxyd``, because
the card names a centre on loopback and the control line of emulated chips listens on loopback alone. The virtual network of
QEMU gives the host as 10.0.2.2.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from provisioning.demo.processes import HeldPort
from provisioning.image.base import CMDLINE
from provisioning.image.data import tool
from provisioning.image.fat import FatVolume
from provisioning.image.partitions import Partition, boot_partition
from tests.support.boot import SLOW
from tests.support.cards import files_of, table_of, with_emulated_chips

PROGRAM: Final = "qemu-system-aarch64"
CARD_BYTES: Final = 2 << 30
"""An SD card under QEMU has a power of two of bytes; more than the image, so that the data partition has room to grow."""
NICE: Final = os.environ.get("ONECARD_NICE", "15")
"""The trial gives way to others; on a host that is busy for hours, 0 lets it come to its end."""
_CONTROL, _BRIDGE = 5004, 5005
_HOST: Final = "10.0.2.2"
_PROXY: Final = "/lib/systemd/systemd-socket-proxyd"
_UNITS: Final = "/etc/systemd/system"
_SUPERBLOCK: Final = 1_024
"""Of ext4: where it begins, and how long it is."""
_PATIENT: Final = "[Unit]\nJobRunningTimeoutSec=infinity\n"
"""For a disk that comes late: every wait of the trial is bounded outside of the machine."""
MACHINES: Final = {
    "virt": [
        *("-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "1024", "-accel", "tcg,thread=multi"),
        *("-drive", "if=none,file={card},format=raw,id=card", "-device", "virtio-blk-pci,drive=card"),
        *("-netdev", "user,id=wire,{forward}", "-device", "virtio-net-pci,netdev=wire,romfile="),
        *("-device", "virtio-rng-pci", "-serial", "file:{log}"),
    ],
    "raspi3b": [
        *("-M", "raspi3b", "-dtb", "{folder}/bcm2837-rpi-3-b.dtb", "-drive", "if=sd,file={card},format=raw"),
        *("-netdev", "user,id=wire,{forward}", "-device", "usb-net,netdev=wire"),
        *("-serial", "null", "-serial", "file:{log}"),
    ],
}
CONSOLES: Final = {
    "virt": "console=ttyAMA0",
    "raspi3b": "console=ttyS1,115200 modprobe.blacklist=hci_uart,bluetooth,vc4,snd_soc_core",
}
"""The first serial line of a Raspberry Pi 3 is its Bluetooth's. What QEMU emulates none of costs a start its time."""


def why_no_machine() -> str | None:
    """What this computer lacks; None when nothing."""
    for program in (PROGRAM, "debugfs", "e2fsck"):
        if tool(program) is None and shutil.which(program) is None:
            return f"{program} is not installed"
    return None


class Machine:
    """Started, unplugged, started again; only what was started here is ended."""

    def __init__(self, kind: str, card: Path, centre_port: int) -> None:
        self.kind, self.card = kind, card
        self.log = card.with_suffix(".console")
        self._held = HeldPort()
        self.control_port = self._held.number
        self._folder = card.parent / f"{card.stem}-boot"
        self._process: subprocess.Popen[bytes] | None = None
        self._wire(centre_port)

    def _wire(self, centre_port: int) -> None:
        files = files_of(self.card)
        self._folder.mkdir()
        for name, content in files.items():
            if "/" not in name:
                (self._folder / name).write_bytes(content)
        words = files[CMDLINE].decode().split()
        kept = [word for word in words if not word.startswith("console=")]
        quiet = ["systemd.journald.forward_to_console=1", "systemd.watchdog_sec=0", "systemd.show_status=0"]
        self._command_line = " ".join([CONSOLES[self.kind], *kept, *quiet])
        os.truncate(self.card, CARD_BYTES)
        with self.card.open("r+b") as file:
            part = boot_partition(table_of(self.card))
            seed = with_emulated_chips(files["onecard/node.toml"].decode(), f"127.0.0.1:{_CONTROL}")
            text = f"update_trial_s = 30\n{seed}"
            FatVolume(file, part.start, part.size).write("onecard/node.toml", text.encode())
        bridges = {
            "control": (f"0.0.0.0:{_BRIDGE}", f"127.0.0.1:{_CONTROL}"),
            "centre": (f"127.0.0.1:{centre_port}", f"{_HOST}:{centre_port}"),
        }
        written = {
            f"{_UNITS}/onecard-edge.service.d/slow.conf": SLOW,
            f"{_UNITS}/onecard-setup.service.d/slow.conf": "[Service]\nTimeoutStartSec=infinity\n",
            f"{_UNITS}/dev-disk-by\\x2dlabel-onecard\\x2ddata.device.d/slow.conf": _PATIENT,
            f"{_UNITS}/dev-disk-by\\x2dlabel-ONECARDBOOT.device.d/slow.conf": _PATIENT,
            "/etc/systemd/system.conf.d/slow.conf": "[Manager]\nDefaultTimeoutStartSec=infinity\n",
        }
        links = []
        for name, (here, there) in bridges.items():
            written[f"{_UNITS}/bridge-{name}.socket"] = f"[Socket]\nListenStream={here}\n"
            written[f"{_UNITS}/bridge-{name}.service"] = f"[Service]\nExecStart={_PROXY} {there}\n"
            links.append((f"{_UNITS}/sockets.target.wants/bridge-{name}.socket", f"../bridge-{name}.socket"))
        write_ext4(self.card, table_of(self.card).partitions[1], written, links)

    @property
    def is_running(self) -> bool:
        """Has power."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Power up."""
        assert not self.is_running
        options = MACHINES[self.kind]
        places = {
            "card": self.card,
            "folder": self._folder,
            "log": self.log,
            "forward": f"hostfwd=tcp:127.0.0.1:{self.control_port}-:{_BRIDGE}",
        }
        command = [PROGRAM, *(option.format(**places) for option in options)]
        command += ["-kernel", f"{self._folder}/vmlinuz", "-initrd", f"{self._folder}/initrd.img"]
        command += ["-append", self._command_line, "-display", "none", "-monitor", "none", "-no-reboot"]
        self._process = subprocess.Popen(
            ["nice", "-n", NICE, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.log.with_suffix(".errors").open("wb"),
            start_new_session=True,
        )

    def console(self) -> str:
        """What it has said since it was last started."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def cut(self) -> None:
        """Pull the plug."""
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def boot_files(self) -> dict[str, bytes]:
        """What stands on the boot partition; read from outside, so once more when it was being written."""
        return files_of(self.card)

    def data_after_cut(self, folder: Path) -> tuple[str, Path]:
        """What the check of the data partition says after the journal has been played, and its files in a folder.

        In a copy that stands alone: e2fsck opens a file a second time when it has played a journal, and forgets the offset.
        """
        assert not self.is_running
        part, alone = table_of(self.card).partitions[2], folder.with_suffix(".img")
        with self.card.open("rb") as card, alone.open("wb") as copy:
            card.seek(part.start)
            for _ in range(part.size >> 20):
                block = card.read(1 << 20)
                if any(block):
                    copy.write(block)
                else:
                    copy.seek(len(block), os.SEEK_CUR)
            copy.truncate(part.size)
        check = str(tool("e2fsck"))
        played = subprocess.run(
            [check, "-p", "-E", "journal_only", str(alone)], capture_output=True, text=True
        )
        assert played.returncode in (0, 1), played.stdout + played.stderr
        looked = subprocess.run([check, "-fn", str(alone)], capture_output=True, text=True, check=False)
        folder.mkdir()
        command = [str(tool("debugfs")), "-R", f"rdump /onecard {folder}", str(alone)]
        subprocess.run(command, capture_output=True, check=True)
        return (looked.stdout if looked.returncode else ""), folder / "onecard"

    def damage(self) -> None:
        """Zeros where the superblock of the data partition stands, as a torn write leaves it."""
        assert not self.is_running
        with self.card.open("r+b") as file:
            file.seek(table_of(self.card).partitions[2].start + _SUPERBLOCK)
            file.write(bytes(_SUPERBLOCK))

    def ruin(self, impatient_s: int) -> None:
        """Rubbish over the whole data partition; how long this start waits for it."""
        assert not self.is_running
        table = table_of(self.card)
        part, rubbish = table.partitions[2], b"\x5a" * (1 << 20)
        with self.card.open("r+b") as file:
            file.seek(part.start)
            for _ in range(part.size >> 20):
                file.write(rubbish)
        folder = f"{_UNITS}/dev-disk-by\\x2dlabel-onecard\\x2ddata.device.d"
        waits = {f"{folder}/soon.conf": f"[Unit]\nJobRunningTimeoutSec={impatient_s}\n"}
        write_ext4(self.card, table.partitions[1], waits, [])


def write_ext4(image: Path, part: Partition, written: dict[str, str], links: list[tuple[str, str]]) -> None:
    """Write files and symbolic links into an ext4 partition of an image, as root's.

    :raises AssertionError: one is not there afterwards; ``debugfs`` says so nowhere else.
    """
    with tempfile.TemporaryDirectory() as scratch:
        commands = []
        paths = [*written, *(path for path, _target in links)]
        for folder in sorted({path.rpartition("/")[0] for path in paths}):
            commands.append(f"mkdir {folder}")
        for number, (path, text) in enumerate(written.items()):
            source = Path(scratch) / str(number)
            source.write_text(text, "utf-8")
            commands += [f"write {source} {path}", f"sif {path} uid 0", f"sif {path} gid 0"]
            commands.append(f"sif {path} mode 0100644")
        commands += [f"symlink {path} {target}" for path, target in links]
        script = Path(scratch) / "commands"
        script.write_text("\n".join(commands) + "\n", "utf-8")
        place, program = f"{image}?offset={part.start}", str(tool("debugfs"))
        subprocess.run([program, "-w", "-f", str(script), place], capture_output=True, check=True)
        for path in paths:
            looked = [program, "-R", f"stat {path}", place]
            found = subprocess.run(looked, capture_output=True, text=True, check=True).stdout
            assert re.search(r"Inode: \d+", found), f"{path}: {found}"

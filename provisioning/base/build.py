"""Builds the base image: packages by mmdebstrap, our few files, two partitions. Needs root, because a system has owners."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.release import BUILT_AT_MS
from provisioning.base import initrd
from provisioning.image.base import BASE_MARK, CMDLINE, CONFIG
from provisioning.image.data import tool
from provisioning.image.errors import ImageError, RefusedError
from provisioning.image.fat import FatVolume
from provisioning.image.glue import IN_SYSTEM, UNITS, UNITS_FOLDER
from provisioning.image.partitions import ALIGN_BYTES, SECTOR_BYTES
from provisioning.texts import N_

SUITE: Final = "bookworm"
ARCHES: Final = ("arm64", "amd64")
PACKAGES: Final = (
    "systemd-sysv", "udev", "dbus", "kmod", "iproute2", "python3", "python3-spidev", "network-manager",
    "wpasupplicant", "systemd-timesyncd", "libnss-myhostname", "e2fsprogs", "dosfstools", "fdisk", "busybox-static",
)  # fmt: skip
BOARD_PACKAGES: Final = {
    "arm64": ("linux-image-arm64", "raspi-firmware", "firmware-brcm80211"),
    "amd64": ("linux-image-amd64",),
}
LEFT_OUT: Final = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
BOOT_BYTES: Final = 256 << 20
_BOOT_AT: Final = 4 << 20
_SPARE_BYTES: Final = 64 << 20
_FILES: Final = Path(__file__).parent / "files"
_COMMAND_LINE: Final = "console=serial0,115200 console=tty1 root=LABEL=onecard-root ro rootwait net.ifnames=0 fsck.repair=yes panic=10"
_LINKS: Final = {
    "etc/hostname": "/data/onecard/system/hostname",
    "etc/NetworkManager/system-connections": "/data/onecard/system/connections",
    "etc/systemd/timesyncd.conf.d": "/data/onecard/system/timesyncd",
}
"""What the first start writes, led to the data partition: the system itself is read-only."""
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Wanted:
    """``packages``: the unpacked packages as mmdebstrap's tar, made when it is not there; ``mirrors``: lines for apt, else
    those of Debian."""

    arch: str
    out: Path
    packages: Path
    mirrors: tuple[str, ...] = ()


def build(wanted: Wanted, tell: Tell) -> Path:
    """The base image.

    :param tell: is given the step that begins.
    :raises RefusedError: not root, or a program is missing.
    :raises ImageError: a program failed.
    """
    if os.geteuid() != 0:
        raise RefusedError(N_("A base image is made by root, because its files have owners."))
    for name in ("mmdebstrap", "mke2fs", "mkfs.vfat", *(["fdtput"] if wanted.arch == "arm64" else [])):
        if tool(name) is None:
            raise RefusedError(N_("%(program)s is missing; install it."), program=name)
    if not wanted.packages.exists():
        tell(N_("Fetching the packages"))
        wanted.packages.parent.mkdir(parents=True, exist_ok=True)
        growing = wanted.packages.with_name(f"new-{wanted.packages.name}")
        _run(_mmdebstrap(wanted, growing), {**os.environ, "INITRD": "No"})
        growing.replace(wanted.packages)
    growing = wanted.out.with_name(wanted.out.name + ".tmp")
    with tempfile.TemporaryDirectory(prefix="onecard-base-", dir=wanted.out.parent) as scratch:
        system = Path(scratch) / "system"
        system.mkdir()
        tell(N_("Unpacking them"))
        _run(["tar", "-xf", str(wanted.packages), "-C", str(system), "--numeric-owner", "--exclude=./dev/*"])
        files = _boot_files(system, wanted.arch)
        _our_files(system)
        tell(N_("Making the image"))
        try:
            _image(growing, system, files)
            growing.replace(wanted.out)
        finally:
            growing.unlink(missing_ok=True)
    return wanted.out


def _mmdebstrap(wanted: Wanted, out: Path) -> list[str]:
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--arch={wanted.arch}"]
    command += ["--components=main,non-free-firmware", '--aptopt=Apt::Install-Recommends "false"']
    command += [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    command += [f"--include={','.join((*PACKAGES, *BOARD_PACKAGES[wanted.arch]))}", SUITE, str(out)]
    return [*command, *wanted.mirrors]


def _boot_files(system: Path, arch: str) -> dict[str, bytes]:
    """What the boot partition holds: firmware, kernel, device trees with the bus of the readers on, our start."""
    (kernel,) = (path.name.removeprefix("vmlinuz-") for path in (system / "boot").glob("vmlinuz-*"))
    firmware = system / "boot/firmware"
    found = {path.name: path.read_bytes() for path in firmware.glob("*") if path.is_file()}
    for tree in sorted((system / f"usr/lib/linux-image-{kernel}/broadcom").glob("bcm2*-rpi-*.dtb")):
        _bus_on(tree)
        found[tree.name] = tree.read_bytes()
    found["vmlinuz"] = (system / f"boot/vmlinuz-{kernel}").read_bytes()
    found["initrd.img"] = initrd.make(system, kernel, (_FILES / "init.sh").read_bytes())
    found[CMDLINE] = _COMMAND_LINE.encode() + b"\n"
    found[CONFIG] = (_FILES / "config.txt").read_bytes()
    mark = {"suite": SUITE, "arch": arch, "kernel": kernel}
    found[BASE_MARK] = json.dumps(mark, indent=1, sort_keys=True).encode() + b"\n"
    shutil.rmtree(firmware, ignore_errors=True)
    firmware.mkdir()
    return found


def _bus_on(tree: Path) -> None:
    """Debian's device trees keep SPI off and know none of the vendor's ``dtparam``; the chip named is one that spidev serves."""
    bus = "/soc/spi@7e204000"
    for device in (0, 1):
        place = f"{bus}/spidev@{device}"
        _run(["fdtput", "-c", str(tree), place])
        _run(["fdtput", "-t", "s", str(tree), place, "compatible", "rohm,dh2228fv"])
        _run(["fdtput", "-t", "i", str(tree), place, "reg", str(device)])
        _run(["fdtput", "-t", "i", str(tree), place, "spi-max-frequency", "10000000"])
    _run(["fdtput", "-t", "s", str(tree), bus, "status", "okay"])


def _our_files(system: Path) -> None:
    shutil.copyfile(_FILES / "fstab.txt", system / "etc/fstab")
    (system / "data").mkdir(exist_ok=True)
    (system / "etc/machine-id").write_text("")  # the card's command line names it
    units = system / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True, exist_ok=True)
    for name in UNITS:
        if name.endswith(".service"):
            shutil.copyfile(UNITS_FOLDER / name, units / name)
            if "[Install]" in (units / name).read_text("utf-8"):
                (units / "multi-user.target.wants" / name).symlink_to(f"../{name}")
        elif name.endswith(".rules"):
            folder = system / "etc/udev/rules.d"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(UNITS_FOLDER / name, folder / name)
        else:
            folder = (
                system / "etc/systemd" / f"{'system' if name.startswith('manager') else 'journald'}.conf.d"
            )
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(UNITS_FOLDER / name, folder / "onecard.conf")
    own = system / "usr/local/lib/onecard"
    own.mkdir(parents=True, exist_ok=True)
    for name, module in IN_SYSTEM.items():
        shutil.copyfile(str(module.__file__), own / name)
    for place, target in _LINKS.items():
        path = system / place
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    epoch = system / "usr/lib/clock-epoch"
    epoch.touch()
    os.utime(epoch, (BUILT_AT_MS // 1_000, BUILT_AT_MS // 1_000))


def _image(out: Path, system: Path, files: dict[str, bytes]) -> None:
    used = sum(path.lstat().st_size + 4_096 for path in system.rglob("*"))
    root_at = _BOOT_AT + BOOT_BYTES
    root_bytes = -(-(used * 5 // 4 + _SPARE_BYTES) // ALIGN_BYTES) * ALIGN_BYTES
    out.unlink(missing_ok=True)
    with out.open("w+b") as file:
        file.truncate(BOOT_BYTES)
    _run([str(tool("mkfs.vfat")), "-F", "32", "-s", "1", "-n", "ONECARDBOOT", "-i", "0C0FFEE1", str(out)])
    with out.open("r+b") as file:
        volume = FatVolume(file, 0, BOOT_BYTES)
        for name, content in sorted(files.items()):
            volume.write(name, content)
        file.seek(0)
        boot = file.read()
        file.truncate(0)
        file.truncate(root_at + root_bytes)
        entries = ((0x80, 0x0C, _BOOT_AT, BOOT_BYTES), (0, 0x83, root_at, root_bytes))
        table = bytearray(SECTOR_BYTES)
        struct.pack_into("<I", table, 440, 0x0C0FFEE1)
        for place, (flag, kind, start, size) in enumerate(entries):
            sectors = start // SECTOR_BYTES, size // SECTOR_BYTES
            no_chs = b"\xfe\xff\xff"
            struct.pack_into("<B3sB3sII", table, 446 + 16 * place, flag, no_chs, kind, no_chs, *sectors)
        table[510:] = b"\x55\xaa"
        file.seek(0)
        file.write(table)
        for at in range(0, len(boot), ALIGN_BYTES):
            if any(part := boot[at : at + ALIGN_BYTES]):
                file.seek(_BOOT_AT + at)
                file.write(part)
    made = [str(tool("mke2fs")), "-q", "-F", "-t", "ext4", "-L", "onecard-root", "-m", "0", "-d", str(system)]
    _run([*made, "-E", f"offset={root_at},lazy_itable_init=1", str(out), f"{root_bytes >> 10}k"])
    _run([str(tool("e2fsck")), "-fn", f"{out}?offset={root_at}"])


def _run(command: list[str], environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise ImageError(
            N_("%(program)s failed: %(reason)s"),
            program=command[0],
            reason=(done.stderr or done.stdout)[-400:],
        )

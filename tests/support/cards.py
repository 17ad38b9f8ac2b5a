"""Card images taken apart again: the files of the boot partition, and both partitions as a running system has them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from provisioning.image.fat import FatVolume
from provisioning.image.partitions import Table, boot_partition, read_table


def files_of(image: Path) -> dict[str, bytes]:
    """Every file of the boot partition."""
    found: dict[str, bytes] = {}

    def walk(volume: FatVolume, folder: str) -> None:
        for entry in volume.names(folder):
            path = f"{folder}/{entry.name}".lstrip("/")
            if entry.is_folder:
                walk(volume, path)
            else:
                found[path] = volume.read(path)

    with image.open("rb") as file:
        part = boot_partition(read_table(file, image.stat().st_size))
        walk(FatVolume(file, part.start, part.size), "")
    return found


def table_of(image: Path) -> Table:
    """The partition table."""
    with image.open("rb") as file:
        return read_table(file, image.stat().st_size)


def unpack_card(image: Path, folder: Path) -> Path:
    """The boot partition's files in a folder, as the running system mounts them."""
    for name, content in files_of(image).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def system_of(image: Path, root: Path) -> Path:
    """A root folder with exactly what stands on the card: the boot partition and, where there is one, the data partition.

    Around them the few files of a fresh system that a first boot changes.
    """
    unpack_card(image, root / "boot/firmware")
    if len(parts := table_of(image).partitions) > 2:
        (root / "data").mkdir(parents=True)
        place = f"{image}?offset={parts[-1].start}"
        program = shutil.which("debugfs") or "/usr/sbin/debugfs"
        subprocess.run([program, "-R", f"rdump /onecard {root}/data", place], capture_output=True, check=True)
    (root / "etc").mkdir()
    (root / "etc/hosts").write_text("127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n")
    (root / "etc/hostname").write_text("raspberrypi\n")
    (root / "etc/fstab").write_text("PARTUUID=c0ffee01-02  /  ext4  defaults,noatime  0  1\n")
    return root


def with_emulated_chips(node_toml: str, control: str = "127.0.0.1:0") -> str:
    """The one thing that differs from the card: there is no board, so its chips are emulated. ``control``: see ``edge.emulated``."""
    text = re.sub(r"\n\[\[readers\]\].*?(?=\n\[|\Z)", "", node_toml, flags=re.S)
    text = re.sub(r'board = "[^"]*"', 'board = "simulated"', text)
    text = text.replace("\n[network]", "\nperiod_s = 5\n[network]")
    return text + f'\n[[readers]]\nunit = 1\nbus = "emulator"\n\n[emulator]\ncontrol = "{control}"\n'

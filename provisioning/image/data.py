"""The partition ``onecard-data``: the release, ready to run, in an ext4 file system that is made inside the image.

``mke2fs -d`` fills it at its place in the file, as an ordinary user: nothing is mounted, no loop device, no root. Owners and
times are then set by ``debugfs``, whose exit code says nothing; so everything is read back with other programs. Where
e2fsprogs is missing (Windows), the release travels on the boot partition and is unpacked by the first boot.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_DNS, uuid5

from edge.release_archive import unpack, verify
from protocol.release import Manifest
from provisioning.image.errors import ImageError
from provisioning.image.partitions import DATA_LABEL, Partition
from provisioning.texts import N_

SIZE_BYTES: Final = 512 << 20
"""Room for the program four times over and years of records; the first boot makes it as large as the card allows."""
HOME: Final = "onecard"
"""The folder on the partition that is ours: ``/data/onecard`` on the device."""
_TOOLS: Final = ("mke2fs", "debugfs", "e2fsck")
_PLACES: Final = "/usr/sbin:/sbin"
_UUID: Final = uuid5(NAMESPACE_DNS, "data.onecard.invalid")


@dataclass(frozen=True)
class Release:
    """A release that was checked with its key: the file, what it says of itself, the public half of its key."""

    path: Path
    manifest: Manifest
    public_key: bytes


def open_release(path: Path, public_key: bytes) -> Release:
    """
    :raises ReleaseError: it is no release, not signed with that key, or damaged.
    :raises OSError: it cannot be read.
    """
    return Release(path, verify(path, public_key), public_key)


def has_tools() -> bool:
    """Can this computer make an ext4 file system?"""
    return all(tool(name) is not None for name in _TOOLS)


def tool(name: str) -> str | None:
    """Where a program stands; where systems keep those of root too."""
    return shutil.which(name) or shutil.which(name, path=_PLACES)


def fill(image: Path, part: Partition, release: Release) -> None:
    """Make the file system in the partition, with the release as the one in use.

    :raises ImageError: a program failed, or what is there afterwards is not what was wanted.
    """
    seconds = release.manifest.built_at_ms // 1_000
    with tempfile.TemporaryDirectory(prefix="onecard-data-") as scratch:
        top = Path(scratch) / "data"
        home = top / HOME
        home.mkdir(parents=True)
        unpack(release.path, release.public_key, home / "releases" / release.manifest.version)
        (home / "current").symlink_to(f"releases/{release.manifest.version}")
        (home / "node").mkdir()
        (top / "var").mkdir()  # for a system that is read-only
        for name in ("connections", "timesyncd"):
            (home / "system" / name).mkdir(parents=True)
        environment = {**os.environ, "LC_ALL": "C", "E2FSPROGS_FAKE_TIME": str(seconds)}
        extended = f"offset={part.start},root_owner=0:0,lazy_itable_init=1,hash_seed={_UUID}"
        made = [str(tool("mke2fs")), "-q", "-F", "-t", "ext4", "-L", DATA_LABEL, "-U", str(_UUID)]
        made += ["-m", "1", "-E", extended, "-d", str(top), str(image), f"{part.size >> 10}k"]
        _run(made, environment)
        commands = Path(scratch) / "commands"
        commands.write_text("".join(_commands(top, seconds)), "utf-8")
        place = f"{image}?offset={part.start}"
        said = _run([str(tool("debugfs")), "-w", "-f", str(commands), place], environment)
        if wrong := [line for line in said.splitlines() if not line.startswith("debugfs")]:
            raise _failed("debugfs", wrong[0])
        _run([str(tool("e2fsck")), "-fn", place], environment)
        _check(place, release, environment)


def _commands(top: Path, seconds: int) -> list[str]:
    """Owner root, one time for everything, ``node`` for its owner alone: equal inputs make equal bytes."""
    found: list[str] = []
    for path in [top, *sorted(top.rglob("*"))]:
        name = "/" + path.relative_to(top).as_posix() if path != top else "/"
        mode = "0120777" if path.is_symlink() else "0040755" if path.is_dir() else "0100644"
        if path in (top / HOME / "node", top / HOME / "system" / "connections"):
            mode = "0040700"
        found += [f'sif "{name}" {field} @{seconds}\n' for field in ("atime", "ctime", "mtime", "crtime")]
        found += [f'sif "{name}" uid 0\n', f'sif "{name}" gid 0\n', f'sif "{name}" mode {mode}\n']
    return found


def _check(place: str, release: Release, environment: dict[str, str]) -> None:
    """The manifest of the release in use is read back, and the last of its files is root's own."""
    debugfs = str(tool("debugfs"))
    current = f"/{HOME}/releases/{release.manifest.version}"
    there = _run([debugfs, "-R", f'cat "{current}/manifest.json"', place], environment, only_output=True)
    last = max(release.manifest.files)
    owner = _run([debugfs, "-R", f'stat "{current}/{last}"', place], environment, only_output=True)
    link = _run([debugfs, "-R", f'stat "/{HOME}/current"', place], environment, only_output=True)
    wanted = f'"releases/{release.manifest.version}"'
    if (
        release.manifest.version not in there
        or "User:     0   Group:     0" not in owner
        or wanted not in link
    ):
        raise _failed("debugfs", there[:80] or owner[:80])


def _run(command: list[str], environment: dict[str, str], *, only_output: bool = False) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise _failed(Path(command[0]).name, (done.stderr or done.stdout).strip()[-200:])
    return done.stdout if only_output else done.stdout + "".join(done.stderr.splitlines(keepends=True)[1:])


def _failed(program: str, reason: str) -> ImageError:
    return ImageError(
        N_("The partition with the program could not be made: %(program)s: %(reason)s"),
        program=program,
        reason=reason,
    )

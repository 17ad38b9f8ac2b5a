"""Builds a release from a checkout: hashed wheels for the node's machine, our packages ``edge`` and ``protocol``, no more.

Nothing is compiled and nothing is run for the node: pip only unpacks wheels of exactly the versions and hashes of the lock
files, for one Python after another. Trees of several Pythons are laid over each other: extension modules carry their
Python in their name, everything else must be the same. Equal inputs make equal bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.config import SCHEMA as NODE_SCHEMA
from edge.release import BUILT_AT_MS, VERSION
from edge.release_archive import SUFFIX
from protocol.release import MANIFEST_NAME, SIGNATURE_NAME, TREE, Manifest, write_manifest
from provisioning.image.errors import RefusedError
from provisioning.texts import N_

_HERE: Final = Path(__file__).parents[2]
_A_LOCK: Final = Path("requirements") / "node.txt"
SOURCE: Final = _HERE if (_HERE / _A_LOCK).is_file() else Path.cwd()
"""The checkout that this program runs from; where it was installed, the folder in which the command is given."""
OURS: Final = ("edge", "protocol")
ARCHES: Final = ("aarch64", "x86_64")
PYTHONS: Final = ("3.11", "3.13")
"""Debian bookworm's and trixie's, and so those of Raspberry Pi OS."""
_PLATFORMS: Final = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in (17, 24, 27, 28, 31, 34, 35, 36)))
"""Up to the C library of bookworm, 2.36."""
_DATA: Final = frozenset({".py", ".po", ".toml"})
_LEFT_OUT: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json"})
"""What pip notes about one installation, in no use on a node and different for each Python."""
_VERSION_LINE: Final = re.compile(r'^VERSION: Final = "[^"]*"$', re.MULTILINE)


@dataclass(frozen=True)
class Wanted:
    """What to build. ``version`` empty: the one that the program says of itself; ``find_links``: a folder of wheels, then
    no package index is asked."""

    arch: str
    python: tuple[str, ...]
    version: str = ""
    min_version: str = "0"
    find_links: Path | None = None


def build(wanted: Wanted, key: Ed25519PrivateKey, folder: Path) -> tuple[Path, Manifest]:
    """The release in ``folder``, and its manifest.

    :raises RefusedError: this is no checkout, there is no pip, or a wheel cannot be had.
    :raises ProtocolError: a version that cannot be.
    """
    check_source()
    with tempfile.TemporaryDirectory(prefix="onecard-release-") as scratch:
        tree = Path(scratch) / TREE
        for python in wanted.python:
            other = Path(scratch) / python
            _wheels(wanted, python, other)
            _lay_over(other, tree)
        _our_packages(tree, wanted.version)
        return _pack(wanted, tree, key, folder)


def check_source() -> None:
    """Before anything is made: is this the checkout of this program?

    :raises RefusedError: it is not.
    """
    if not (SOURCE / _A_LOCK).is_file():
        raise RefusedError(
            N_(
                "A release is made in a checkout of the source, where its lock files are: go into that folder first (cd onecard)."
            )
        )
    if f'"{VERSION}"' not in (SOURCE / "edge" / "release.py").read_text("utf-8"):
        raise RefusedError(
            N_(
                "%(path)s is the source of another version than %(version)s; install the program from it first."
            ),
            path=SOURCE,
            version=VERSION,
        )


def _wheels(wanted: Wanted, python: str, target: Path) -> None:
    command = [*_pip(), "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--require-hashes", "--target", str(target)]
    command += ["--implementation", "cp", "--python-version", python]
    for platform in _PLATFORMS:
        command += ["--platform", f"{platform}_{wanted.arch}"]
    if wanted.find_links is not None:
        command += ["--no-index", "--find-links", str(wanted.find_links)]
    for lock in _locks(python, wanted.arch):
        command += ["-r", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["?"]
        raise RefusedError(N_("The packages of the program cannot be had: %(reason)s"), reason=reason[-1])


def _pip() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    program = shutil.which("pip3") or shutil.which("pip")
    if program is None:
        raise RefusedError(N_("A release needs pip; install it (python3-pip)."))
    return [program]


def _locks(python: str, arch: str) -> Iterator[Path]:
    """``node.txt`` for all; beside it what only one machine has, or one Python on it."""
    folder = SOURCE / "requirements"
    for name in ("node", f"node-{arch}", f"node-{python}-{arch}"):
        if (folder / f"{name}.txt").is_file():
            yield folder / f"{name}.txt"


def _lay_over(source: Path, tree: Path) -> None:
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if path.is_dir() or path.name in _LEFT_OUT or name.parts[0] == "bin" or "__pycache__" in name.parts:
            continue
        place = tree / name
        if place.exists() and place.read_bytes() != path.read_bytes():
            raise RefusedError(
                N_("%(path)s differs between the Pythons; build a release for each."), path=name
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _our_packages(tree: Path, version: str) -> None:
    for package in OURS:
        for path in sorted((SOURCE / package).rglob("*")):
            if path.suffix in _DATA and path.is_file() and "__pycache__" not in path.parts:
                place = tree / path.relative_to(SOURCE)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)
    if version:
        place = tree / "edge" / "release.py"
        place.write_text(
            _VERSION_LINE.sub(f'VERSION: Final = "{version}"', place.read_text("utf-8")), "utf-8"
        )


def _pack(wanted: Wanted, tree: Path, key: Ed25519PrivateKey, folder: Path) -> tuple[Path, Manifest]:
    files = {
        f"{TREE}/{path.relative_to(tree).as_posix()}": path for path in tree.rglob("*") if path.is_file()
    }
    names = sorted(files)
    manifest = Manifest(
        version=wanted.version or VERSION,
        min_version=wanted.min_version,
        arch=wanted.arch,
        python=wanted.python,
        node_schema=(1, NODE_SCHEMA),
        built_at_ms=BUILT_AT_MS,
        size=sum(files[name].stat().st_size for name in names),
        files={name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in names},
    )
    content, signature = write_manifest(manifest, key)
    members = [(MANIFEST_NAME, content), (SIGNATURE_NAME, signature)]
    out = folder / f"onecard-{manifest.version}-{manifest.arch}{SUFFIX}"
    growing = out.with_name(out.name + ".tmp")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (
            growing.open("wb") as file,
            gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            _add(archive, members)
            _add(archive, ((name, files[name].read_bytes()) for name in names))
        growing.replace(out)
    finally:
        growing.unlink(missing_ok=True)
    return out, manifest


def _add(
    archive: tarfile.TarFile, members: Iterator[tuple[str, bytes]] | Sequence[tuple[str, bytes]]
) -> None:
    for name, content in members:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = len(content), BUILT_AT_MS // 1_000, 0o644
        archive.addfile(member, io.BytesIO(content))

"""The folder ``onecard`` on the boot partition: its fingerprint, its secrets, its report for any computer.

A secret is overwritten where it stands, by as many bytes: a deletion would leave it in free clusters. The card's own wear
levelling may still keep an old copy of the flash page, so a ticket has to be, and is, worthless after its use.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol

from edge.files import FileError, read_whole, sync_folder

NODE_TOML: Final = "node.toml"
REPORT: Final = "REPORT.txt"
NETWORK: Final = "network"
CLOUD_NETWORK: Final = "network-config"
"""Beside the folder: the network as cloud-init reads it, once, at the very first start."""
_NO_NETWORK: Final = b"network: {config: disabled}\n"
_SECRETS: Final[tuple[tuple[re.Pattern[bytes], bytes], ...]] = (
    (re.compile(rb'(^\s*ticket\s*=\s*"[^".\n]*\.)([A-Za-z0-9_-]+)', re.MULTILINE), b"A"),
    (re.compile(rb'(^\s*wifi_pmk\s*=\s*")([0-9a-fA-F]+)', re.MULTILINE), b"0"),
    (re.compile(rb"(^psk=)([^\n]+)", re.MULTILINE), b"0"),
)
_SECRET_IN_CLOUD_NETWORK: Final = re.compile(rb'"password": "[^"]+"')


class Run(Protocol):
    """Runs a program of the system, with a text on its standard input; what it said.

    Raises OSError or SubprocessError.
    """

    def __call__(self, command: list[str], given: str = "") -> str: ...


def run_program(command: list[str], given: str = "") -> str:
    """See ``Run``."""
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


def without_secrets(content: bytes) -> bytes:
    """The same bytes, as many, with nothing secret in them."""
    for pattern, filler in _SECRETS:
        content = pattern.sub(lambda found, filler=filler: found[1] + filler * len(found[2]), content)  # type: ignore[misc]
    return content


class Card:
    """The folder of this device on the boot partition.

    :param mounts: the table of mounted file systems, to see whether the partition must be made writable first.
    """

    def __init__(self, folder: Path, run: Run = run_program, mounts: Path = Path("/proc/mounts")) -> None:
        self.folder = folder
        self._run = run
        self._mounts = mounts

    def fingerprint(self) -> str:
        """What the card wants of this device: changes with every change by hand, not when its secrets are taken away.

        :raises FileError: the card cannot be read.
        """
        digest = blake2b(digest_size=16, person=b"onecard-card")
        for path in self._settings():
            content = without_secrets(read_whole(path) or b"")
            digest.update(path.name.encode() + b"\0" + len(content).to_bytes(4, "big") + content)
        return digest.hexdigest()

    def _settings(self) -> list[Path]:
        names = (NODE_TOML, "hostname", "timesyncd.conf")
        profiles = sorted((self.folder / NETWORK).glob("*.nmconnection"))
        return [path for path in (*(self.folder / name for name in names), *profiles) if path.is_file()]

    def take_secrets_away(self) -> int:
        """Overwrite every secret, on the medium when this returns; in how many files there was one.

        :raises FileError: one could not be overwritten.
        """
        changed = 0
        with self._writable():
            for path in self._settings():
                content = read_whole(path) or b""
                changed += _overwrite(path, content, without_secrets(content))
            cloud = self.folder.parent / CLOUD_NETWORK
            content = read_whole(cloud) or b""
            if _SECRET_IN_CLOUD_NETWORK.search(content):
                changed += _overwrite(cloud, content, _NO_NETWORK.ljust(len(content) - 1) + b"\n")
        return changed

    def report(self, text: str) -> None:
        """Put the report on the card. A card that takes none is no reason for anything to stop."""
        path = self.folder / REPORT
        with suppress(FileError, OSError, subprocess.SubprocessError):
            content = text.encode()
            if read_whole(path) == content:
                return
            with self._writable():
                new = path.with_name(REPORT + ".new")
                with new.open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(path)
                sync_folder(self.folder)

    @contextmanager
    def _writable(self) -> Iterator[None]:
        """The boot partition is mounted read-only where it can be: nothing but this ever writes to it."""
        point = str(self.folder.parent)
        locked = False
        with suppress(OSError):
            for line in self._mounts.read_text().splitlines():
                words = line.split()
                if words[1] == point:
                    locked = "ro" in words[3].split(",")
        if not locked:
            yield
            return
        self._run(["mount", "-o", "remount,rw", point])
        try:
            yield
        finally:
            self._run(["mount", "-o", "remount,ro", point])


def _overwrite(path: Path, old: bytes, new: bytes) -> bool:
    assert len(old) == len(new), "a secret is overwritten where it stands"
    if old == new:
        return False
    try:
        with path.open("r+b") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileError(f"{path}: {error}") from error
    if read_whole(path) != new:
        raise FileError(f"{path} did not keep what was written")
    return True

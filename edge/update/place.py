"""Puts a release in place beside the one that runs. Every step may be cut short by a power cut and is then begun again.

Order: archive unpacked and proven -> databases copied -> ``pending.json`` -> ``current``. The databases of the release
before are kept as ``before-update/`` and never put back by themselves: an older outbox would use numbers of facts twice
(I4), an older configuration would forget lost cards (I6). They are for somebody who looks at a failed update.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from edge.config import SCHEMA
from edge.errors import EdgeError
from edge.files import sync_folder
from edge.release import VERSION
from edge.release_archive import ReleaseError, check_tree, read, translate, unpack
from edge.update import launcher
from protocol.errors import MalformedError, VersionError
from protocol.messages import ReleaseOffer
from protocol.release import Manifest, check_can_run, version_numbers
from protocol.updating import UpdateReason

DATABASES: Final = ("config.db", "outbox.db")
KEPT: Final = "before-update"
ROOM_TIMES: Final = 5
"""How often the archive must fit into what is free: itself, the tree that is unpacked from it, and some air."""
ROOM_BYTES: Final = 64 * 1024 * 1024
HERE: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


class NotPlacedError(EdgeError):
    """The release was not put in place, and why."""

    def __init__(self, reason: UpdateReason, detail: object) -> None:
        super().__init__(f"{reason.name.lower()}: {detail}")
        self.reason = reason


def running_version(home: Path) -> str:
    """The version that runs: of the release in place, or of the system's own program."""
    return launcher.running(home) or VERSION


def check_room(home: Path, size: int) -> None:
    """
    :raises NotPlacedError: the medium has too little room for an archive of this size.
    """
    found = os.statvfs(home)
    if found.f_bavail * found.f_frsize < size * ROOM_TIMES + ROOM_BYTES:
        raise NotPlacedError(UpdateReason.NO_ROOM, f"{found.f_bavail * found.f_frsize} bytes are free")


def prove(archive: Path, offer: ReleaseOffer, key: bytes, home: Path) -> Manifest:
    """The manifest of an archive that this node can and may run.

    :raises NotPlacedError: not signed, not what was offered, for another machine, or too old.
    """
    try:
        manifest = read(archive, key)
        if manifest.version != offer.version:
            raise ReleaseError(f"the release is {manifest.version}, not {offer.version}")
        check_can_run(manifest, arch=platform.machine(), python=HERE, node_schema=SCHEMA)
        least = _least_version(home, key)
        if version_numbers(manifest.version) < version_numbers(least):
            raise NotPlacedError(UpdateReason.TOO_OLD, f"{manifest.version} is older than {least}")
    except VersionError as error:
        raise NotPlacedError(UpdateReason.WRONG_MACHINE, error) from error
    except (ReleaseError, MalformedError) as error:
        raise NotPlacedError(UpdateReason.DAMAGED, error) from error
    return manifest


def _least_version(home: Path, key: bytes) -> str:
    folder = home / "current"
    if not folder.is_symlink():
        return "0"
    try:
        return check_tree(folder, key).min_version
    except ReleaseError:
        return "0"  # what runs is damaged: anything signed is better


def place(archive: Path, key: bytes, home: Path, version: str) -> None:
    """Unpack the archive to where releases stand; a tree that is there already is only proven.

    :raises NotPlacedError: a file differs from what was signed, or the medium could not be written.
    """
    folder = home / "releases" / version
    try:
        if folder.is_dir():
            try:
                check_tree(folder, key)
                return
            except ReleaseError:
                if version == launcher.running(home):
                    raise
        folder.parent.mkdir(mode=0o755, exist_ok=True)
        unpack(archive, key, folder)
        translate(folder)
        sync_folder(home)
    except ReleaseError as error:
        raise NotPlacedError(UpdateReason.DAMAGED, error) from error
    except OSError as error:
        raise NotPlacedError(UpdateReason.STORAGE, error) from error


def switch(home: Path, data: Path, offer: ReleaseOffer, more: dict[str, Any]) -> None:
    """The next start runs the release, on trial.

    :param home: where releases stand; :param data: where the databases are.
    :param more: what the trial has to know of the time before it.
    :raises OSError: the medium could not be written; the release before runs on.
    """
    keep_databases(data)
    launcher.remove(home / "rolled_back.json")
    launcher.write(
        home / "pending.json",
        {
            "version": offer.version,
            "previous": launcher.running(home),
            "attempts_left": launcher.ATTEMPTS,
            "offer": offer.offer,
            **more,
        },
    )
    launcher.switch(home, offer.version)


def keep_databases(data: Path) -> None:
    """A copy of the databases as they are before the switch, whole or not there."""
    kept, growing = data / KEPT, data / (KEPT + ".new")
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(mode=0o700)
    for name in DATABASES:
        if (data / name).exists():
            with (
                closing(sqlite3.connect(f"file:{data / name}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(growing / name)) as target,
            ):
                source.backup(target, pages=256)
    shutil.rmtree(kept, ignore_errors=True)
    growing.rename(kept)
    sync_folder(data)


def keep(home: Path) -> None:
    """The release on trial is kept for good. Raises OSError."""
    launcher.remove(home / "pending.json")


def clear_away(home: Path, *, archives: bool = True) -> None:
    """Drop the trees that neither run nor may be put back, and archives that are of no use. Never raises."""
    pending = launcher.read(home / "pending.json") or {}
    wanted = {launcher.running(home), pending.get("version"), pending.get("previous")}
    for folder in (home / "releases").glob("*"):
        if folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)
    if archives:
        shutil.rmtree(home / "incoming", ignore_errors=True)

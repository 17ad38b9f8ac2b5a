"""The file of a backup: a tar whose first member is a manifest with the SHA-256 and length of every other one.

Only known names of plain files are taken out again, after their sizes fit the manifest: nothing in a file can reach
outside the folder that it is unpacked into.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from central.config import CONFIG_FILE
from central.errors import BackupError
from central.web.i18n import _

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SQLITE_MEMBER: Final = "onecard.db"
DUMP_MEMBER: Final = "onecard.pgdump"
MEMBERS_MAX: Final = 100
MANIFEST_BYTES_MAX: Final = 1 << 20


def write_tar(target: Path, members: list[tuple[str, Path]], at: datetime) -> None:
    """A new file with these (name, content) members."""
    files = {name: {"sha256": _hash(path), "bytes": path.stat().st_size} for name, path in members}
    manifest = json.dumps({"format": FORMAT, "at": at.isoformat(), "files": files}, indent=1).encode()
    with (
        target.open("xb") as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(manifest), 0o600
        tar.addfile(info, io.BytesIO(manifest))
        for name, path in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = path.stat().st_size, 0o600
            with path.open("rb") as content:
                tar.addfile(info, content)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_tar(path: Path, into: Path | None = None) -> dict[str, Any]:
    """Every member is as the manifest says; written to ``into`` when given. Returns the manifest.

    Names, kinds and sizes are checked before a byte is written; nothing outside ``into`` can be reached.

    :raises BackupError: anything else.
    """
    try:
        with tarfile.open(path, mode="r:") as tar:
            return _check_members(tar, into)
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(_("The backup is damaged: %(why)s", why=error)) from error


def _check_members(tar: tarfile.TarFile, into: Path | None) -> dict[str, Any]:
    first = tar.next()
    if first is None or first.name != MANIFEST or first.size > MANIFEST_BYTES_MAX:
        raise BackupError(_("This file is not a backup of this program."))
    manifest: dict[str, Any] = json.loads(_content(tar, first).read())
    if manifest["format"] != FORMAT:
        raise BackupError(_("This backup was made by a newer version of the program."))
    expected: dict[str, dict[str, Any]] = manifest["files"]
    seen: set[str] = set()
    while (member := tar.next()) is not None:
        wanted = expected.get(member.name)
        is_plain = member.isreg() and member.name in _allowed(member.name)
        if wanted is None or not is_plain or member.size != wanted["bytes"] or len(seen) >= MEMBERS_MAX:
            raise BackupError(_("The backup is damaged: %(why)s", why=member.name))
        seen.add(member.name)
        digest, content = hashlib.sha256(), _content(tar, member)
        with open(into / member.name if into else os.devnull, "wb") as target:
            while chunk := content.read(1 << 20):
                digest.update(chunk)
                target.write(chunk)
            if into:
                target.flush()
                os.fsync(target.fileno())
        if digest.hexdigest() != wanted["sha256"]:
            raise BackupError(_("The backup is damaged: %(why)s", why=member.name))
    if seen != set(expected):
        raise BackupError(_("The backup is damaged: %(why)s", why=sorted(set(expected) - seen)))
    return manifest


def _allowed(name: str) -> set[str]:
    """The names that a backup may hold."""
    folder, _slash, file = name.rpartition("/")
    is_key = (
        folder == "keys" and file.replace(".", "").replace("-", "").isalnum() and not file.startswith(".")
    )
    return {SQLITE_MEMBER, DUMP_MEMBER, CONFIG_FILE} | ({name} if is_key else set())


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Any:
    content = tar.extractfile(member)
    if content is None:
        raise BackupError(_("The backup is damaged: %(why)s", why=member.name))
    return content

"""Opens a release (:mod:`protocol.release`): nothing of it is believed before the signature, nothing kept before its hash."""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import sys
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from edge.errors import EdgeError
from edge.files import sync_folder
from protocol.errors import ProtocolError
from protocol.release import (
    MANIFEST_MAX_BYTES,
    MANIFEST_NAME,
    SIGNATURE_BYTES,
    SIGNATURE_NAME,
    TREE,
    Manifest,
    read_manifest,
)

SUFFIX: Final = ".tar.gz"


class ReleaseError(EdgeError):
    """The file is no release, is damaged, or is not signed with the release key."""


def read(path: Path, public_key: bytes) -> Manifest:
    """The signed manifest of a release; its files are not looked at.

    :raises ReleaseError: it is none, or was not signed with that key.
    :raises OSError: it cannot be read.
    """
    with _opened(path) as archive:
        return _head(archive, public_key)[0]


def verify(path: Path, public_key: bytes) -> Manifest:
    """The manifest, after every file was compared with it.

    :raises ReleaseError: it is no release, not signed with that key, or one of its files differs.
    :raises OSError: it cannot be read.
    """
    with _opened(path) as archive:
        manifest = _head(archive, public_key)[0]
        for _name, _content in _files(archive, manifest):
            pass
    return manifest


def unpack(path: Path, public_key: bytes, folder: Path) -> Manifest:
    """Put the release into ``folder``, which is there afterwards whole and on the medium, or not at all.

    What stood there before is replaced. A power cut leaves at most ``<folder>.new``, which the next try clears away.

    :raises ReleaseError: it is no release, not signed with that key, or one of its files differs.
    :raises OSError: it cannot be read or written.
    """
    growing = folder.with_name(folder.name + ".new")
    _clear(growing)
    growing.mkdir(parents=True, mode=0o755)
    try:
        with _opened(path) as archive:
            manifest, content, signature = _head(archive, public_key)
            for name, content_of_file in _files(archive, manifest):
                _write(growing / name, content_of_file)
            _write(growing / MANIFEST_NAME, content)
            _write(growing / SIGNATURE_NAME, signature)
        for parent, _folders, _names in os.walk(growing):
            sync_folder(Path(parent))
        _clear(folder)
        growing.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        _clear(growing)
        raise
    return manifest


def translate(folder: Path) -> None:
    """Translate the modules of an unpacked release, once for this Python: a start must not take seconds from the watchdog.

    :raises OSError: the medium cannot be written.
    """
    mark = folder / f"compiled-{sys.implementation.cache_tag}"
    if not mark.exists():
        compileall.compile_dir(folder / TREE, quiet=2)
        mark.touch()


def check_tree(folder: Path, public_key: bytes) -> Manifest:
    """The manifest of an unpacked release, after every file of it was compared.

    :raises ReleaseError: the manifest is not signed with that key, or a file is missing or differs.
    """
    try:
        content = (folder / MANIFEST_NAME).read_bytes()
        manifest = read_manifest(content, (folder / SIGNATURE_NAME).read_bytes(), public_key)
        for name, digest in manifest.files.items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                raise ReleaseError(f"{folder / name} differs from what was signed")
    except (OSError, ProtocolError) as error:
        raise ReleaseError(f"{folder}: {error}") from error
    return manifest


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r|gz") as archive:
            yield archive
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ReleaseError(f"{path} is no release, or is damaged: {error}") from error
    except ProtocolError as error:
        raise ReleaseError(f"{path}: {error}") from error


def _head(archive: tarfile.TarFile, public_key: bytes) -> tuple[Manifest, bytes, bytes]:
    content = _member(archive, archive.next(), MANIFEST_NAME, MANIFEST_MAX_BYTES)
    signature = _member(archive, archive.next(), SIGNATURE_NAME, SIGNATURE_BYTES)
    return read_manifest(content, signature, public_key), content, signature


def _files(archive: tarfile.TarFile, manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    left = dict(manifest.files)
    size = 0
    while (member := archive.next()) is not None:
        digest = left.pop(member.name, None)
        if digest is None:
            raise ReleaseError(f"{member.name} is not in the manifest of the release")
        content = _member(archive, member, member.name, manifest.size - size)
        size += len(content)
        if hashlib.sha256(content).hexdigest() != digest:
            raise ReleaseError(f"{member.name} differs from what was signed")
        yield member.name, content
    if left:
        raise ReleaseError(f"{min(left)} is missing in the release")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo | None, name: str, most: int) -> bytes:
    if member is None or member.name != name or not member.isreg() or member.size > most:
        raise ReleaseError(f"the release has no {name} where it belongs")
    file: BinaryIO | None = archive.extractfile(member)  # type: ignore[assignment]  # typed as IO[bytes]
    content = file.read(member.size) if file is not None else b""
    if len(content) != member.size:
        raise ReleaseError(f"{name} is cut short in the release")
    return content


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _clear(folder: Path) -> None:
    if folder.is_symlink() or folder.exists():
        shutil.rmtree(folder)

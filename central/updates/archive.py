"""Opens a release that is brought to the centre: signature first, then every file against the manifest."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib

from central.errors import InvalidInputError
from protocol.errors import ProtocolError
from protocol.limits import RELEASE_MAX
from protocol.release import (
    MANIFEST_MAX_BYTES,
    MANIFEST_NAME,
    SIGNATURE_BYTES,
    SIGNATURE_NAME,
    Manifest,
    read_manifest,
)


def check(raw: bytes, key: bytes) -> Manifest:
    """The manifest of an archive, once everything in it is as it was signed.

    :raises InvalidInputError: it is none, is damaged, or was not signed with the release key.
    """
    if len(raw) > RELEASE_MAX:
        raise InvalidInputError("The file is too large.")
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r|gz") as archive:
            content = _member(archive, archive.next(), MANIFEST_NAME, MANIFEST_MAX_BYTES)
            signature = _member(archive, archive.next(), SIGNATURE_NAME, SIGNATURE_BYTES)
            manifest = read_manifest(content, signature, key)
            _check_files(archive, manifest)
    except (tarfile.TarError, EOFError, OSError, zlib.error, ProtocolError, ValueError) as error:
        raise InvalidInputError(
            "This is no release, or it is damaged, or it was not signed with the release key."
        ) from error
    return manifest


def _check_files(archive: tarfile.TarFile, manifest: Manifest) -> None:
    left, size = dict(manifest.files), 0
    while (member := archive.next()) is not None:
        content = _member(archive, member, member.name, manifest.size - size)
        size += len(content)
        if left.pop(member.name, "") != hashlib.sha256(content).hexdigest():
            raise ValueError(member.name)
    if left:
        raise ValueError(min(left))


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo | None, name: str, most: int) -> bytes:
    if member is None or member.name != name or not member.isreg() or member.size > most:
        raise ValueError(name)
    file = archive.extractfile(member)
    content = b"" if file is None else file.read(member.size)
    if len(content) != member.size:
        raise ValueError(name)
    return content

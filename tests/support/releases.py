"""Small signed releases for tests: the real format, a tree of a few files."""

from __future__ import annotations

import hashlib
import io
import platform
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.release import MANIFEST_NAME, SIGNATURE_NAME, Manifest, write_manifest

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
"""The release key of the tests."""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PROGRAM = {"site/edge/__init__.py": b"", "site/edge/__main__.py": b"print('a node')\n"}


def manifest_of(files: Mapping[str, bytes], version: str = "0.2.0", **more: object) -> Manifest:
    """What a release of these files says about itself."""
    values = {
        "arch": platform.machine(),
        "python": (HERE,),
        "node_schema": (1, 1),
        "built_at_ms": 1_793_491_200_000,
        "size": sum(map(len, files.values())),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return Manifest(version=version, **{**values, **more})  # type: ignore[arg-type]


def pack(path: Path, members: Mapping[str, bytes]) -> Path:
    """A ``.tar.gz`` with these members, whatever they are."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def release(
    path: Path,
    version: str = "0.2.0",
    files: Mapping[str, bytes] = PROGRAM,
    key: Ed25519PrivateKey = KEY,
    **more: object,
) -> Path:
    """A signed release. ``more``: other values for its manifest."""
    content, signature = write_manifest(manifest_of(files, version, **more), key)
    return pack(path, {MANIFEST_NAME: content, SIGNATURE_NAME: signature, **files})

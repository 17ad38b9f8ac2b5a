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
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.release import MANIFEST_NAME, SIGNATURE_NAME, Manifest, write_manifest

ROOT = Path(__file__).parents[2]
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


def program_files() -> dict[str, bytes]:
    """The program as it stands in this checkout; what it needs of others comes from the environment of the tests."""
    return {
        f"site/{path.relative_to(ROOT).as_posix()}": path.read_bytes()
        for package in ("edge", "protocol")
        for path in sorted((ROOT / package).rglob("*"))
        if path.suffix in (".py", ".po", ".toml") and "__pycache__" not in path.parts
    }


def public_key_file(folder: Path) -> Path:
    """The public half of the tests' key, as whoever makes cards has it."""
    path = folder / "release.pub"
    path.write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path

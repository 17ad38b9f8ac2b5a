"""A release of the node's program: what is in it, and the signature that a node asks for before it uses any of it.

A release is one ``.tar.gz`` whose members stand in this order: ``manifest.json``, ``manifest.sig``, then every file of the
tree ``site/`` that the manifest names, and nothing else. It is unpacked at ``/data/onecard/releases/<version>/``; the
symbolic link ``/data/onecard/current`` names the one in use and is renamed over atomically. ``site`` is a folder for
``PYTHONPATH``: extension modules carry their Python in their file name, so one tree may serve several.

The signature is Ed25519 over the very bytes of ``manifest.json``, raw, by the release key. That key is kept away from
centre and nodes; its public half comes with the card (``release_key`` in ``node.toml``) and is not the key of the centre.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol.errors import LimitError, MalformedError, SignatureError, VersionError

SCHEMA: Final = 1
MANIFEST_NAME: Final = "manifest.json"
SIGNATURE_NAME: Final = "manifest.sig"
TREE: Final = "site"
MANIFEST_MAX_BYTES: Final = 2 << 20
SIGNATURE_BYTES: Final = 64
FILES_MAX: Final = 10_000
TREE_MAX_BYTES: Final = 256 << 20
"""All files of a tree together; a node's data partition holds four such trees."""
_VERSION: Final = re.compile(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){0,3}")
_PYTHON: Final = re.compile(r"3\.[0-9]{1,2}")
_ARCH: Final = re.compile(r"[a-z0-9_]{1,20}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_PART: Final = re.compile(r"[^/\\\0-\x1f\x7f]{1,255}")


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``arch`` as ``uname -m`` says it; ``python`` the versions that run the tree, such as ``3.11``; ``min_version``: no
    older release may be put in place of this one; ``node_schema``: the forms of ``node.toml`` that it reads, first and
    last; ``built_at_ms``: its clock floor, milliseconds since 1970; ``size``: of all files together, bytes; ``files``: path
    from ``site/`` on -> SHA-256 in hex."""

    schema: int = SCHEMA
    version: str
    min_version: str = "0"
    arch: str
    python: tuple[str, ...]
    node_schema: tuple[int, int]
    built_at_ms: int
    size: int
    files: dict[str, str]


def version_numbers(version: str) -> tuple[int, int, int, int]:
    """A version as numbers that can be compared: ``0.2`` is (0, 2, 0, 0).

    :raises MalformedError: not one to four whole numbers with dots between.
    """
    if not _VERSION.fullmatch(version):
        raise MalformedError(f"{version!r} is no version")
    numbers = [int(number) for number in version.split(".")]
    first, second, third, fourth = numbers + [0] * (4 - len(numbers))
    return first, second, third, fourth


def write_manifest(manifest: Manifest, key: Ed25519PrivateKey) -> tuple[bytes, bytes]:
    """The content of ``manifest.json`` and of ``manifest.sig``.

    :raises ProtocolError: no node would take this manifest.
    """
    _check(manifest)
    content = msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=1) + b"\n"
    if len(content) > MANIFEST_MAX_BYTES:
        raise LimitError(f"a manifest of {len(content)} bytes")
    return content, key.sign(content)


def read_manifest(content: bytes, signature: bytes, public_key: bytes) -> Manifest:
    """The manifest, proven to come from the holder of the release key before any of it is looked at.

    :param public_key: 32 bytes, the public half of the release key.
    :raises ProtocolError: too long, wrong signature, malformed, or of a newer form.
    """
    if len(content) > MANIFEST_MAX_BYTES:
        raise LimitError(f"a manifest of {len(content)} bytes")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, content)
    except (InvalidSignature, ValueError) as error:
        raise SignatureError("the release is not signed with the release key") from error
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedError(f"the manifest of the release: {error}") from error
    _check(manifest)
    return manifest


def check_can_run(manifest: Manifest, *, arch: str, python: str, node_schema: int) -> None:
    """
    :raises VersionError: this machine, its Python or its ``node.toml`` cannot be served by the release.
    """
    first, last = manifest.node_schema
    if manifest.arch != arch:
        raise VersionError(f"the release is for {manifest.arch}, this machine is {arch}")
    if python not in manifest.python:
        raise VersionError(f"the release is for Python {', '.join(manifest.python)}, here is {python}")
    if not first <= node_schema <= last:
        raise VersionError(f"the release reads node.toml of form {first} to {last}, here is {node_schema}")


def _check(manifest: Manifest) -> None:
    if manifest.schema != SCHEMA:
        raise VersionError(f"a manifest of form {manifest.schema}")
    version_numbers(manifest.version)
    version_numbers(manifest.min_version)
    if not _ARCH.fullmatch(manifest.arch):
        raise MalformedError(f"{manifest.arch!r} is no machine")
    if not manifest.python or not all(_PYTHON.fullmatch(version) for version in manifest.python):
        raise MalformedError("the release names no Python")
    if not 0 < len(manifest.files) <= FILES_MAX or not 0 < manifest.size <= TREE_MAX_BYTES:
        raise LimitError(f"a release of {len(manifest.files)} files, {manifest.size} bytes")
    for path, digest in manifest.files.items():
        parts = path.split("/")
        if parts[0] != TREE or len(parts) < 2 or not _DIGEST.fullmatch(digest):
            raise MalformedError(f"{path!r} has no place in a release")
        if not all(_PART.fullmatch(part) and part not in (".", "..") for part in parts):
            raise MalformedError(f"{path!r} has no place in a release")

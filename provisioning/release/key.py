"""The release key: made at first use, kept by whoever makes releases, away from the program, the centre and the nodes."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from protocol.enrolment import raw_public
from provisioning.image.errors import RefusedError
from provisioning.texts import N_

PUBLIC_NAME: Final = "release.pub"
"""The file beside a release by which others check it."""
_MAX_BYTES: Final = 4_096


def default_path() -> Path:
    """Where the key stands when none is named: in the folder for settings of this user."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "onecard" / "release.key"


def load_or_make(path: Path) -> tuple[Ed25519PrivateKey, bool]:
    """The key, and whether it was made now: readable by its owner alone, never over another.

    :raises RefusedError: the file is no Ed25519 key in PEM.
    :raises OSError: it cannot be read or made.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.flush()
            os.fsync(file.fileno())
        return key, True
    try:
        found = load_pem_private_key(_content(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise _no_key(path)
    return found, False


def public_half(path: Path) -> bytes:
    """The 32 bytes that nodes are given, of a file with the key or with its public half (PEM).

    :raises RefusedError: the file is neither.
    :raises OSError: it cannot be read.
    """
    content = _content(path)
    try:
        if b"PRIVATE" in content:
            return raw_public(load_or_make(path)[0])
        found = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(path) from error
    if not isinstance(found, Ed25519PublicKey):
        raise _no_key(path)
    return found.public_bytes_raw()


def as_text(public_key: bytes) -> str:
    """As ``release_key`` in ``node.toml`` has it: base64url without padding."""
    return base64.urlsafe_b64encode(public_key).decode().rstrip("=")


def as_pem(public_key: bytes) -> bytes:
    """As a file that ``--release-key`` and the folder ``base-images`` of the centre take."""
    found = Ed25519PublicKey.from_public_bytes(public_key)
    return found.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES)


def _no_key(path: Path) -> RefusedError:
    return RefusedError(N_("%(path)s holds no Ed25519 key in PEM."), path=path)

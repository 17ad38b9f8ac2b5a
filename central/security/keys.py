"""The secrets of one centre, made at first run, files of mode 0600 in ``data/keys``.

``signing.pem`` signs configuration and acknowledgements (nodes pin its public half), ``box.pem`` opens files that were
encrypted to the centre, ``secret.key`` is the root of every symmetric key, ``ca.*`` is the private CA of both listeners.
Several processes that share one PostgreSQL database share one copy of this folder.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from central.errors import StorageError

SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
PUBLISHED_SECRETS: Final = "published read keys"
"""The purpose under which secrets of published rows stand in the database: read keys of zones, proofs of PINs."""


@dataclass(frozen=True)
class Keys:
    """What :func:`load_or_create` read."""

    folder: Path
    signing: Ed25519PrivateKey
    box: X25519PrivateKey
    secret: bytes

    @cached_property
    def signing_public(self) -> bytes:
        """32 bytes: what nodes pin."""
        return self.signing.public_key().public_bytes_raw()

    @cached_property
    def box_public(self) -> bytes:
        """32 bytes: what files for the centre are encrypted to."""
        return self.box.public_key().public_bytes_raw()

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose; different purposes give keys that say nothing of each other (HKDF, RFC 5869)."""
        return HKDF(hashes.SHA256(), SECRET_BYTES, None, f"onecard {purpose}".encode()).derive(self.secret)

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Encrypt something small that stands in the database (AES-256-GCM, random nonce)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.derive(purpose)).encrypt(nonce, plain, purpose.encode())

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """The inverse of :meth:`seal`.

        :raises StorageError: it was sealed by another centre's keys, or changed.
        """
        try:
            return AESGCM(self.derive(purpose)).decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode()
            )
        except (InvalidTag, ValueError) as error:  # the latter: shorter than a nonce
            raise StorageError(f"{purpose}: the stored secret does not belong to these keys") from error


def load_or_create(folder: Path) -> Keys:
    """The keys in ``folder``; what is missing is made. The folder is created with mode 0700.

    :raises StorageError: a file cannot be read or written, or does not hold a key.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        signing = _read_or_make(folder / "signing.pem", lambda: _pem(Ed25519PrivateKey.generate()))
        box = _read_or_make(folder / "box.pem", lambda: _pem(X25519PrivateKey.generate()))
        secret = _read_or_make(folder / "secret.key", lambda: secrets.token_bytes(SECRET_BYTES))
        signing_key = serialization.load_pem_private_key(signing, None)
        box_key = serialization.load_pem_private_key(box, None)
    except (OSError, ValueError) as error:
        raise StorageError(f"keys in {folder}: {error}") from error
    if (
        not isinstance(signing_key, Ed25519PrivateKey)
        or not isinstance(box_key, X25519PrivateKey)
        or len(secret) != SECRET_BYTES
    ):
        raise StorageError(f"keys in {folder}: a file holds another kind of key")
    return Keys(folder, signing_key, box_key, secret)


def write_private(path: Path, content: bytes) -> None:
    """Write a whole file of mode 0600 so that after a power cut there is the old one or the new one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    if not path.exists():
        write_private(path, make())
    return path.read_bytes()


def _pem(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

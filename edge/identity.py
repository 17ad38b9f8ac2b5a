"""Who this node is: a key born here that never leaves, and what the centre made of it at enrolment.

``node.key``: 32 bytes of an Ed25519 seed, readable by the node alone, written before the first request to join.
``member.json``: the newest enrolment. ``joining.json``: one under way, so that a repeat is the same request again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge.files import FileError, read_whole, sync_folder, write_whole
from protocol.node_peer import Identity

KEY_LENGTH = 32
_Saved = TypeVar("_Saved", bound=msgspec.Struct)


class Member(msgspec.Struct, frozen=True):
    """An enrolment. ``salt`` keys the commitments of this node_epoch; ``audit_*`` the newest head of the centre's audit."""

    node: str
    node_epoch: int
    centre_key: bytes
    box_key: bytes
    scope: str
    period_s: int
    salt: bytes
    ticket_id: str
    audit_seq: int = 0
    audit_head: bytes = b""


class Joining(msgspec.Struct, frozen=True):
    """A request to join that has not been answered yet."""

    ticket_id: str
    salt: bytes
    nonce: bytes


class IdentityFiles:
    """The files of one node's identity."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self.key_path = data_dir / "node.key"

    def key(self) -> Ed25519PrivateKey:
        """The node's key; born now when there is none.

        :raises FileError: it cannot be read or kept.
        """
        seed = read_whole(self.key_path)
        if seed is None:
            seed = self._bear()
        if len(seed) != KEY_LENGTH:
            raise FileError(f"{self.key_path} is not a key")
        return Ed25519PrivateKey.from_private_bytes(seed)

    def _bear(self) -> bytes:
        seed = os.urandom(KEY_LENGTH)
        new = self.key_path.with_name("node.key.new")
        try:
            new.unlink(missing_ok=True)
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, seed)
                os.fsync(handle)
            finally:
                os.close(handle)
            os.link(new, self.key_path)  # never over another key
            new.unlink()
            sync_folder(self._data_dir)
        except FileExistsError:
            return read_whole(self.key_path) or b""
        except OSError as error:
            raise FileError(f"{self.key_path}: {error}") from error
        return seed

    def member(self) -> Member | None:
        """The newest enrolment, or None before the first.

        :raises FileError: the file is damaged.
        """
        return self._load("member.json", Member)

    def save_member(self, member: Member) -> None:
        """Keep an enrolment, in place of the one before.

        :raises FileError: it could not be kept.
        """
        write_whole(self._data_dir / "member.json", msgspec.json.encode(member))

    def joining(self) -> Joining | None:
        """The request to join that is under way.

        :raises FileError: the file is damaged.
        """
        return self._load("joining.json", Joining)

    def save_joining(self, joining: Joining) -> None:
        """Keep a request before it is sent.

        :raises FileError: it could not be kept.
        """
        write_whole(self._data_dir / "joining.json", msgspec.json.encode(joining))

    def _load(self, name: str, kind: type[_Saved]) -> _Saved | None:
        content = read_whole(self._data_dir / name)
        if content is None:
            return None
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.MsgspecError as error:
            raise FileError(f"{name} is damaged: {error}") from error


def peer_identity(member: Member, key: Ed25519PrivateKey) -> Identity:
    """What the engines know this node by."""
    return Identity(
        member.node, member.node_epoch, key, Ed25519PublicKey.from_public_bytes(member.centre_key)
    )

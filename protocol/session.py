"""Opening a session: a signed Hello, a signed Welcome, and the two MAC keys that follow from them.

Each side brings an ephemeral X25519 key, so the keys of one session say nothing about another, and a recorded Hello opens
nothing for whoever repeats it: he lacks the key. The centre changes no state for a Hello before the first session frame
has shown that its sender is alive.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.envelope import Channel
from protocol.errors import SignatureError, VersionError
from protocol.limits import PROTOCOL_VERSIONS

SHARE_SECRET_LENGTH: Final = 32
SESSION_ID_LENGTH: Final = 8
_CONTEXT: Final = b"onecard session\x00"
_UP: Final = b"node to centre"
_DOWN: Final = b"centre to node"


def share_of(secret: bytes) -> bytes:
    """The public share of an ephemeral secret (32 random bytes, used for one session)."""
    return (
        X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    )


def channel(
    secret: bytes,
    other_share: bytes,
    hello_frame: bytes,
    centre_share: bytes,
    session: bytes,
    *,
    is_node: bool,
    version: int,
) -> Channel:
    """This side's end of the session. Both sides give the same Hello frame, centre share and session id.

    :raises SignatureError: the other side's share is not a usable X25519 key.
    """
    try:
        shared = X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(other_share)
        )
    except ValueError:
        raise SignatureError("the key share of a session") from None
    transcript = blake2b(_CONTEXT + session + centre_share + hello_frame, digest_size=32).digest()
    up = blake2b(transcript + _UP, digest_size=32, key=shared).digest()
    down = blake2b(transcript + _DOWN, digest_size=32, key=shared).digest()
    send, receive = (up, down) if is_node else (down, up)
    return Channel(session, send, receive, is_node=is_node, version=version)


def choose_version(offered: tuple[int, ...]) -> int:
    """The highest protocol version that both sides speak.

    :raises VersionError: there is none.
    """
    both = PROTOCOL_VERSIONS.intersection(offered)
    if not both:
        raise VersionError(f"this side speaks {sorted(PROTOCOL_VERSIONS)}, the other {sorted(offered)}")
    return max(both)

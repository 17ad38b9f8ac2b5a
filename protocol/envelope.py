"""Frames: a message in its seal, the same on every route (HTTPS, WebSocket, serial, file).

Signed (seals NODE and CENTRE), all numbers big-endian::

    version u8 | seal u8 | kind u16 | sender length u8 | sender | epoch u32 | counter u64 | body length u32 | body | signature 64

``sender`` is the node's name, or empty for the centre. ``epoch`` and ``counter`` depend on the kind: the node_epoch and
the last seq of a batch of facts; the config_epoch and the revision of configuration. The Ed25519 signature covers
``SIGNED_CONTEXT`` and everything before it.

Session (seal SESSION)::

    version u8 | seal u8 | kind u16 | session 8 | counter u64 | body length u32 | body | MAC 16

The MAC (BLAKE2b-128, one key per direction) covers everything before it; ``counter`` rises with every frame of its
direction, and a frame whose counter was seen before is refused.

Law of this file: nothing of the body is parsed before the seal has been checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from struct import error as StructError
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from protocol import codec
from protocol.errors import LimitError, MalformedError, ReplayError, SignatureError, VersionError
from protocol.limits import ENVELOPE_MAX, FRAMES_PER_PACKET_MAX, NODE_NAME_MAX, PACKET_MAX, PROTOCOL_VERSIONS
from protocol.messages import KIND_OF, Message, MessageKind
from protocol.seals import FROM_NODE, SEAL, Seal

CENTRE: Final = ""
"""The centre's name as a sender."""
SIGNED_CONTEXT: Final = b"onecard envelope\x00"
SIGNATURE_LENGTH: Final = 64
MAC_LENGTH: Final = 16
REPLAY_WINDOW: Final = 1_024
"""Frames of one session may overtake each other by this much."""

_SEAL_OF: Final[dict[int, Seal]] = {int(kind): seal for kind, seal in SEAL.items()}
_DOWN: Final[frozenset[int]] = frozenset(int(kind) for kind in MessageKind if kind not in FROM_NODE)
_UP: Final[frozenset[int]] = frozenset(int(kind) for kind in FROM_NODE)
_START: Final = Struct(">BBHB")
_SIGNED: Final = Struct(">IQI")
_SESSION: Final = Struct(">BBH8sQI")
_LENGTH: Final = Struct(">I")


class Header(msgspec.Struct, frozen=True):
    """What stands before the body. Believed only when it comes from ``open_signed``."""

    version: int
    seal: Seal
    kind: int
    sender: str
    epoch: int
    counter: int


def write_signed(
    message: Message, key: Ed25519PrivateKey, *, sender: str, epoch: int, counter: int, version: int = 1
) -> bytes:
    """The signed frame of a message.

    :raises LimitError: when it is longer than ``ENVELOPE_MAX``.
    """
    kind = KIND_OF[type(message)]
    seal = SEAL[kind]
    assert seal is not Seal.SESSION, f"{kind.name} belongs under the session seal"
    assert (sender == CENTRE) == (seal is Seal.CENTRE), "the centre signs as '', a node as its name"
    name, body = sender.encode(), codec.encode(message)
    frame = b"".join(
        (_START.pack(version, seal, kind, len(name)), name, _SIGNED.pack(epoch, counter, len(body)), body)
    )
    if len(frame) + SIGNATURE_LENGTH > ENVELOPE_MAX:
        raise LimitError(f"a frame of {len(frame)} bytes")
    return frame + key.sign(SIGNED_CONTEXT + frame)


def peek(frame: bytes) -> Header:
    """The header of a signed frame, not yet proven: only to find the key to check it with.

    :raises LimitError: the frame is too long.
    :raises VersionError: it is of a version not spoken here.
    :raises MalformedError: it is not a signed frame.
    """
    return _parse_signed(frame)[0]


def open_signed(frame: bytes, key: Ed25519PublicKey) -> tuple[Header, Message]:
    """Header and message of a signed frame, once its signature has been found to be of this key.

    :raises SignatureError: it is not, or its kind must be under another seal.
    :raises ProtocolError: as ``peek`` and ``codec.decode``.
    """
    header, body_at, body_end = _parse_signed(frame)
    try:
        key.verify(frame[-SIGNATURE_LENGTH:], SIGNED_CONTEXT + frame[:-SIGNATURE_LENGTH])
    except InvalidSignature:
        raise SignatureError(f"the signature of a frame from {header.sender or 'the centre'!r}") from None
    _check_seal(header.kind, header.seal)
    return header, codec.decode(header.kind, frame[body_at:body_end])


def read_unproven(frame: bytes) -> tuple[str, Message]:
    """Sender (empty: the centre, or of a session) and message of a frame, of which nothing is proven: for progress and texts of
    somebody who passes it on and has no key.

    :raises ProtocolError: it is no frame.
    """
    if not is_session_frame(frame):
        header, body_at, body_end = _parse_signed(frame)
        return header.sender, codec.decode(header.kind, frame[body_at:body_end])
    if len(frame) < _SESSION.size + MAC_LENGTH:
        raise MalformedError("a session frame is too short")
    return "", codec.decode(_SESSION.unpack_from(frame)[2], frame[_SESSION.size : -MAC_LENGTH])


def frame_hash(frame: bytes) -> bytes:
    """Sixteen bytes that name a frame in a refusal of it."""
    return blake2b(frame, digest_size=16).digest()


def body_of(frame: bytes) -> bytes:
    """The body of a signed frame that was verified before."""
    _, body_at, body_end = _parse_signed(frame)
    return frame[body_at:body_end]


def _parse_signed(frame: bytes) -> tuple[Header, int, int]:
    if len(frame) > ENVELOPE_MAX:
        raise LimitError(f"a frame of {len(frame)} bytes")
    try:
        version, seal, kind, name_length = _START.unpack_from(frame)
        if version not in PROTOCOL_VERSIONS:
            raise VersionError(f"protocol version {version}")
        if seal not in (Seal.NODE, Seal.CENTRE):
            raise MalformedError("not a signed frame")
        if name_length > NODE_NAME_MAX or (seal == Seal.CENTRE) != (name_length == 0):
            raise MalformedError("the sender of a frame")
        at = _START.size + name_length
        sender = frame[_START.size : at].decode()
        epoch, counter, body_length = _SIGNED.unpack_from(frame, at)
    except (StructError, UnicodeDecodeError):
        raise MalformedError("the header of a signed frame") from None
    body_at = at + _SIGNED.size
    if len(frame) != body_at + body_length + SIGNATURE_LENGTH:
        raise MalformedError("a signed frame has another length than it says")
    return Header(version, Seal(seal), kind, sender, epoch, counter), body_at, body_at + body_length


def _check_seal(kind: int, seal: Seal) -> None:
    if _SEAL_OF.get(kind, seal) is not seal:  # the codec says it when the kind is unknown
        raise SignatureError(f"message kind {kind} under the seal {seal.name}")


def is_session_frame(frame: bytes) -> bool:
    """True when the frame says that it is under a session seal."""
    return frame[1:2] == bytes((Seal.SESSION,))


def session_of(frame: bytes) -> bytes:
    """The session id that a session frame names, not yet proven.

    :raises MalformedError: the frame is too short.
    """
    if len(frame) < _SESSION.size + MAC_LENGTH:
        raise MalformedError("a session frame is too short")
    return frame[4:12]


class Channel:
    """One end of a session: numbers and MACs what goes out, checks what comes in."""

    __slots__ = (
        "_counter",
        "_highest",
        "_not_for_me",
        "_receive_key",
        "_seen",
        "_send_key",
        "session",
        "version",
    )

    def __init__(
        self, session: bytes, send_key: bytes, receive_key: bytes, *, is_node: bool, version: int = 1
    ) -> None:
        """Keys come from ``protocol.session.keys``; each session has its own."""
        self.session = session
        self.version = version
        self._not_for_me = _UP if is_node else _DOWN
        self._send_key = send_key
        self._receive_key = receive_key
        self._counter = 0
        self._highest = 0
        self._seen = 0  # bit n: counter _highest - n was seen

    def write(self, message: Message) -> bytes:
        """The next frame of this direction."""
        kind = KIND_OF[type(message)]
        assert SEAL[kind] is Seal.SESSION, f"{kind.name} must be signed"
        body = codec.encode(message)
        self._counter += 1
        frame = _SESSION.pack(self.version, Seal.SESSION, kind, self.session, self._counter, len(body)) + body
        return frame + blake2b(frame, digest_size=MAC_LENGTH, key=self._send_key).digest()

    def open(self, frame: bytes) -> Message:
        """The message of a frame, once its MAC and counter have been checked.

        :raises SignatureError: wrong MAC or another session.
        :raises ReplayError: its counter was seen, or is older than the window.
        :raises ProtocolError: malformed, over a limit, unknown.
        """
        if len(frame) > ENVELOPE_MAX:
            raise LimitError(f"a frame of {len(frame)} bytes")
        if len(frame) < _SESSION.size + MAC_LENGTH:
            raise MalformedError("a session frame is too short")
        mac = blake2b(frame[:-MAC_LENGTH], digest_size=MAC_LENGTH, key=self._receive_key).digest()
        if not compare_digest(mac, frame[-MAC_LENGTH:]):
            raise SignatureError("the MAC of a session frame")
        version, seal, kind, session, counter, body_length = _SESSION.unpack_from(frame)
        if session != self.session or seal != Seal.SESSION or version != self.version:
            raise SignatureError("a frame of another session")
        if len(frame) != _SESSION.size + body_length + MAC_LENGTH:
            raise MalformedError("a session frame has another length than it says")
        self._see(counter)
        _check_seal(kind, Seal.SESSION)
        if kind in self._not_for_me:
            raise MalformedError(f"message kind {kind} does not come from this side")
        return codec.decode(kind, frame[_SESSION.size : -MAC_LENGTH])

    def _see(self, counter: int) -> None:
        ahead = counter - self._highest
        if ahead > 0:
            self._seen = (
                ((self._seen << ahead) | 1) & ((1 << REPLAY_WINDOW) - 1) if ahead < REPLAY_WINDOW else 1
            )
            self._highest = counter
        elif -ahead >= REPLAY_WINDOW or self._seen >> -ahead & 1:
            raise ReplayError(f"frame {counter} of this session was seen before")
        else:
            self._seen |= 1 << -ahead


def join(frames: Iterable[bytes]) -> bytes:
    """Frames as one packet (an HTTP body, a WebSocket message): each behind its length, u32 big-endian."""
    return b"".join([part for frame in frames for part in (_LENGTH.pack(len(frame)), frame)])


def packets(frames: Iterable[bytes]) -> Iterator[bytes]:
    """Frames as few packets as their limits allow, in the same order."""
    group: list[bytes] = []
    size = 0
    for frame in frames:
        if group and (len(group) == FRAMES_PER_PACKET_MAX or size + len(frame) + _LENGTH.size > PACKET_MAX):
            yield join(group)
            group, size = [], 0
        group.append(frame)
        size += len(frame) + _LENGTH.size
    if group:
        yield join(group)


def split(packet: bytes) -> list[bytes]:
    """The frames of a packet.

    :raises LimitError: too long, or too many frames.
    :raises MalformedError: the lengths do not add up.
    """
    if len(packet) > PACKET_MAX:
        raise LimitError(f"a packet of {len(packet)} bytes")
    frames: list[bytes] = []
    at = 0
    while at < len(packet):
        if at + _LENGTH.size > len(packet):
            raise MalformedError("a packet is cut short")
        (length,) = _LENGTH.unpack_from(packet, at)
        at += _LENGTH.size
        if at + length > len(packet):
            raise MalformedError("a packet is cut short")
        frames.append(packet[at : at + length])
        at += length
        if len(frames) > FRAMES_PER_PACKET_MAX:
            raise LimitError(f"more than {FRAMES_PER_PACKET_MAX} frames in a packet")
    return frames

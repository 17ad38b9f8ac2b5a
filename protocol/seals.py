"""How each kind of message must be protected. Under another seal it is refused before its body is parsed."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from protocol.messages import MessageKind


class Seal(IntEnum):
    """How a frame is protected."""

    NODE = 1
    """Ed25519 by the node's key: stands alone, so it may travel by any route and be kept as evidence."""
    CENTRE = 2
    """Ed25519 by the centre's key."""
    SESSION = 3
    """A MAC by the session key with a counter: cheap, worth nothing outside its session."""


_BY_NODE: Final = frozenset({MessageKind.ENROL, MessageKind.HELLO, MessageKind.FACT_BATCH})
_BY_CENTRE: Final = frozenset(
    {
        MessageKind.ENROLLED,
        MessageKind.WELCOME,
        MessageKind.REFUSED,
        MessageKind.DELTA,
        MessageKind.SNAPSHOT_PART,
        MessageKind.BACKED_UP,
        MessageKind.REMOTE_OPEN,
        MessageKind.SET_MODE,
        MessageKind.TEST_NODE,
        MessageKind.SET_TIME,
        MessageKind.WRITE_CARD,
        MessageKind.CANCEL_WRITE,
        MessageKind.CLEAR_RECORDS,
    }
)
SEAL: Final[dict[MessageKind, Seal]] = {
    kind: Seal.NODE if kind in _BY_NODE else Seal.CENTRE if kind in _BY_CENTRE else Seal.SESSION
    for kind in MessageKind
}
"""The one seal under which each kind is accepted."""

FROM_NODE: Final = frozenset(
    {
        MessageKind.ENROL,
        MessageKind.HELLO,
        MessageKind.POLL,
        MessageKind.PULL,
        MessageKind.APPLIED,
        MessageKind.CANNOT_APPLY,
        MessageKind.HOTLIST_REPORT,
        MessageKind.FACT_BATCH,
        MessageKind.PING,
        MessageKind.HEALTH,
        MessageKind.RELEASE_PULL,
    }
)
"""Kinds that go up; all others go down."""

"""Numbers of the messages and of refusals; ``protocol.messages`` gives them out together with the messages."""

from __future__ import annotations

from enum import IntEnum


class MessageKind(IntEnum):
    """Numbers of the messages on the wire."""

    ENROL = 1
    ENROLLED = 2
    HELLO = 3
    WELCOME = 4
    REFUSED = 5
    POLL = 10
    POLL_REPLY = 11
    PULL = 12
    DELTA = 13
    SNAPSHOT_PART = 14
    APPLIED = 15
    CANNOT_APPLY = 16
    HOTLIST_REPORT = 17
    FACT_BATCH = 20
    FACT_ACK = 21
    BACKED_UP = 22
    NUDGE = 30
    PING = 31
    PONG = 32
    HEALTH = 33
    RELEASE_OFFER = 34
    RELEASE_PULL = 35
    RELEASE_PART = 36
    REMOTE_OPEN = 40
    SET_MODE = 41
    TEST_NODE = 42
    SET_TIME = 43
    WRITE_CARD = 44
    CANCEL_WRITE = 45
    CLEAR_RECORDS = 46


class RefusalCode(IntEnum):
    """Why the other side did not do what was asked. Texts: ``protocol.refusals``."""

    MALFORMED = 1
    TOO_LARGE = 2
    VERSION = 3
    BAD_SIGNATURE = 4
    UNKNOWN_NODE = 5
    REVOKED = 6
    OLD_EPOCH = 7
    """The node_epoch is closed: a newer enrolment took its place. Facts of it go to quarantine."""
    SESSION_UNKNOWN = 8
    TICKET_UNKNOWN = 9
    TICKET_USED = 10
    TICKET_EXPIRED = 11
    BUSY = 12
    WAITING_FOR_APPROVAL = 13
    FORK = 14
    """Two facts under one number: both are kept, the node's later facts go to quarantine (I11)."""
    UNKNOWN_MESSAGE = 15
    NOT_APPROVED = 16
    """An operator has refused this device; asking again helps once the operator has thought better of it."""

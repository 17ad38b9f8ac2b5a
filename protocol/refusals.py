"""What a refusal says to a person. English message ids; the operator's language comes from ``protocol/locale``."""

from __future__ import annotations

from typing import Final

from protocol.messages import RefusalCode

TEXT: Final[dict[RefusalCode, str]] = {
    RefusalCode.MALFORMED: "The message could not be read",
    RefusalCode.TOO_LARGE: "The message is too large",
    RefusalCode.VERSION: "The device and the centre have no common protocol version; update the older one",
    RefusalCode.BAD_SIGNATURE: "The signature is wrong",
    RefusalCode.UNKNOWN_NODE: "This device is not registered at the centre",
    RefusalCode.REVOKED: "This device was revoked at the centre",
    RefusalCode.OLD_EPOCH: "Another device has taken the place of this one; its records are kept apart",
    RefusalCode.SESSION_UNKNOWN: "The connection has to be opened again",
    RefusalCode.TICKET_UNKNOWN: "The centre does not know this ticket",
    RefusalCode.TICKET_USED: "This ticket was used by another device",
    RefusalCode.TICKET_EXPIRED: "This ticket has expired",
    RefusalCode.BUSY: "The centre is busy",
    RefusalCode.WAITING_FOR_APPROVAL: "Waiting for an operator to approve this device",
    RefusalCode.FORK: "The records of this device contradict those at the centre; enrol it again",
    RefusalCode.UNKNOWN_MESSAGE: "The centre does not know this kind of message",
    RefusalCode.NOT_APPROVED: "An operator at the centre has refused this device",
}
assert TEXT.keys() == set(RefusalCode)

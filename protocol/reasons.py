"""The closed list of reasons: why a decision came out as it did. Codes go on the wire and never change meaning.

``text`` is the English message id; the operator's language comes from ``protocol/locale``. A code is never reused.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Reason(IntEnum):
    """Reason codes. 1-19 granted; 20 and above denied."""

    GRANTED = 1
    GRANTED_TIME_NOT_CHECKED = 2
    GRANTED_FROM_MEMORY = 3
    GRANTED_FREE_PASSAGE = 4
    GRANTED_PASSBACK = 5
    GRANTED_UNDER_DURESS = 6
    GRANTED_PASSBACK_CUT_OFF = 9
    EXIT_BUTTON = 10
    REMOTE_OPEN = 11
    SCHEDULED_UNLOCK = 12
    FIRE_RELEASE = 13
    GRANTED_LIMIT_CUT_OFF = 14
    GRANTED_ALONG = 15

    UNKNOWN_CARD = 20
    NOT_CONFIGURED = 21
    CARD_LOST = 22
    CARD_STOLEN = 23
    CARD_DAMAGED = 24
    CARD_SUSPENDED = 25
    CARD_REPLACED = 26
    CARD_RETURNED = 27
    CARD_CANCELLED = 28
    RIGHTS_CHANGING = 29
    SUPERSEDED_ISSUE = 30
    NOT_YET_VALID = 31
    EXPIRED = 32
    NO_ACCESS_HERE = 33
    OUTSIDE_SCHEDULE = 34
    TIME_UNKNOWN = 35
    TIER_TOO_LOW = 36
    CLONE_SUSPECTED = 37
    SEVERAL_CARDS = 38
    RANDOM_UID = 39
    DOOR_BLOCKED = 40
    LOCKED_DOWN = 41
    STORAGE_UNUSABLE = 42
    READER_FAULT = 43
    WRONG_TRIES = 44
    CARD_UNREADABLE = 45
    CREDENTIAL_MISSING = 46
    USES_EXHAUSTED = 47
    SUB_SYSTEM_CLOSED = 48
    BALANCE_UNKNOWN = 49
    NOT_ENOUGH_MONEY = 50
    NO_MEAL_NOW = 51
    MEAL_TAKEN = 52
    TOO_SOON = 53
    OVER_TRANSACTION_LIMIT = 54
    OVER_DAY_LIMIT = 55
    OVER_OFFLINE_LIMIT = 56
    OFFLINE_TOO_LONG = 57
    BALANCE_NEGATIVE = 58
    NOTHING_TO_UNDO = 59
    PASSBACK = 70
    INTERLOCK = 71
    SECOND_PERSON = 72
    PIN_MISSING = 73
    PIN_WRONG = 74
    PIN_NOT_SET = 75
    AREA_FULL = 76
    ESCORT = 77
    LIMIT_CUT_OFF = 78
    BLOCKED_BY_SCHEDULE = 79


GRANTED_MAX: Final = 19

TEXT: Final[dict[Reason, str]] = {
    Reason.GRANTED: "Granted",
    Reason.GRANTED_TIME_NOT_CHECKED: "Granted; the time could not be checked",
    Reason.GRANTED_FROM_MEMORY: "Granted from memory; storage was unusable",
    Reason.GRANTED_FREE_PASSAGE: "Free passage",
    Reason.GRANTED_UNDER_DURESS: "Granted; under duress (card or PIN)",
    Reason.GRANTED_PASSBACK: "Granted against the order of the areas",
    Reason.GRANTED_PASSBACK_CUT_OFF: "Granted against the order of the areas: soft, because cut off",
    Reason.GRANTED_LIMIT_CUT_OFF: "Granted without asking the limit of the area: the device is cut off",
    Reason.GRANTED_ALONG: "Let in together with whoever showed a card next",
    Reason.EXIT_BUTTON: "Exit button",
    Reason.REMOTE_OPEN: "Opened by an operator",
    Reason.SCHEDULED_UNLOCK: "Unlocked by schedule",
    Reason.FIRE_RELEASE: "Fire input",
    Reason.UNKNOWN_CARD: "Unknown card",
    Reason.NOT_CONFIGURED: "This reader is not set up",
    Reason.CARD_LOST: "Card reported lost",
    Reason.CARD_STOLEN: "Card reported stolen",
    Reason.CARD_DAMAGED: "Card reported damaged",
    Reason.CARD_SUSPENDED: "Card suspended",
    Reason.CARD_REPLACED: "Card replaced by a new one",
    Reason.CARD_RETURNED: "Card returned",
    Reason.CARD_CANCELLED: "Card cancelled",
    Reason.RIGHTS_CHANGING: "Rights of this card are being changed",
    Reason.SUPERSEDED_ISSUE: "An older issue of this card",
    Reason.NOT_YET_VALID: "Card not yet valid",
    Reason.EXPIRED: "Card expired",
    Reason.NO_ACCESS_HERE: "No access at this door",
    Reason.OUTSIDE_SCHEDULE: "Outside the permitted hours",
    Reason.TIME_UNKNOWN: "The time is unknown here and this door needs it",
    Reason.TIER_TOO_LOW: "This door needs a card with a key",
    Reason.CLONE_SUSPECTED: "Copied card suspected",
    Reason.SEVERAL_CARDS: "Several cards at the reader",
    Reason.RANDOM_UID: "This card has no fixed number",
    Reason.DOOR_BLOCKED: "Door blocked",
    Reason.LOCKED_DOWN: "Locked down",
    Reason.STORAGE_UNUSABLE: "Storage unusable",
    Reason.READER_FAULT: "Reader fault",
    Reason.WRONG_TRIES: "Too many wrong tries; ignored for a while",
    Reason.CARD_UNREADABLE: "Card could not be read",
    Reason.CREDENTIAL_MISSING: "Card did not show its key: copied or damaged",
    Reason.USES_EXHAUSTED: "Card used as often as allowed",
    Reason.SUB_SYSTEM_CLOSED: "Sub-system not opened for this card",
    Reason.BALANCE_UNKNOWN: "The balance of this card is not known here",
    Reason.NOT_ENOUGH_MONEY: "Not enough money on the card",
    Reason.NO_MEAL_NOW: "Nothing is sold here at this time",
    Reason.MEAL_TAKEN: "This meal was taken already",
    Reason.TOO_SOON: "Paid here just now",
    Reason.OVER_TRANSACTION_LIMIT: "Above the limit of one payment",
    Reason.OVER_DAY_LIMIT: "Above the limit of one day",
    Reason.OVER_OFFLINE_LIMIT: "Above what may be sold without network",
    Reason.OFFLINE_TOO_LONG: "Without network for too long to sell",
    Reason.BALANCE_NEGATIVE: "The balance is below zero; not without network",
    Reason.NOTHING_TO_UNDO: "No payment here that could be undone",
    Reason.INTERLOCK: "Another door of the interlock is open",
    Reason.SECOND_PERSON: "First of two persons; the second is awaited",
    Reason.PIN_MISSING: "No PIN was entered after the card",
    Reason.PIN_WRONG: "Wrong PIN",
    Reason.PIN_NOT_SET: "A PIN is asked for here at this time, and this card has none",
    Reason.AREA_FULL: "The area is full",
    Reason.LIMIT_CUT_OFF: "The area has a limit, and how many are inside is not known: the device is cut off",
    Reason.BLOCKED_BY_SCHEDULE: "Door blocked at these hours",
    Reason.ESCORT: "Needs an escort, whose card is awaited",
    Reason.PASSBACK: "Against the order of the areas: already inside, or came in without this card",
}
assert TEXT.keys() == set(Reason)

DISABLING: Final = frozenset(
    {
        Reason.CARD_LOST,
        Reason.CARD_STOLEN,
        Reason.CARD_DAMAGED,
        Reason.CARD_SUSPENDED,
        Reason.CARD_REPLACED,
        Reason.CARD_RETURNED,
        Reason.CARD_CANCELLED,
    }
)
"""Reasons that a hotlist row may carry."""

DEAD_CARD: Final = frozenset(
    {Reason.CARD_LOST, Reason.CARD_STOLEN, Reason.CARD_REPLACED, Reason.CARD_CANCELLED}
)
"""A presentation refused for one of these raises "lost card used" at the centre (B7)."""

AWAITED: Final = frozenset({Reason.SECOND_PERSON, Reason.ESCORT})
"""Whoever got this for an answer goes in with the right one who shows a card next."""


def is_granted(reason: Reason) -> bool:
    """True when the code stands for a release."""
    return reason <= GRANTED_MAX

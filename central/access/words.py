"""The words for modes, policies, sources and reasons. One table for every page, file and API."""

from __future__ import annotations

from typing import Final

from central.web.i18n import LazyText, lazy
from protocol.door_rows import Passback
from protocol.facts import Outcome
from protocol.ids import Tier
from protocol.reasons import TEXT, Reason
from protocol.records import ClockPolicy, Mode, StoragePolicy

REASON_TEXT: Final[dict[int, LazyText]] = {int(reason): lazy(TEXT[reason]) for reason in Reason}
MODE_TEXT: Final[dict[Mode, LazyText]] = {
    Mode.NORMAL: lazy("Normal: cards open"),
    Mode.UNLOCKED: lazy("Held open"),
    Mode.LOCKED: lazy("Locked: cards with a right open, the unlock schedule does not"),
    Mode.BLOCKED: lazy("Blocked: no card opens, the exit button does"),
    Mode.LOCKED_DOWN: lazy("Locked down: no card and no remote opening"),
}
MODE_WORD: Final[dict[Mode, str]] = {
    Mode.NORMAL: "normal",
    Mode.UNLOCKED: "unlocked",
    Mode.LOCKED: "locked",
    Mode.BLOCKED: "blocked",
    Mode.LOCKED_DOWN: "locked_down",
}
"""Names in the vocabulary's group "rule"."""
STORAGE_TEXT: Final[dict[StoragePolicy, LazyText]] = {
    StoragePolicy.DENY: lazy("Stay shut"),
    StoragePolicy.GRANT_FROM_MEMORY: lazy("Open for known cards and count them"),
}
PASSBACK_TEXT: Final[dict[Passback, LazyText]] = {
    Passback.NONE: lazy("No rule"),
    Passback.SOFT: lazy("Soft: let in, and noted"),
    Passback.HARD: lazy("Hard: refused until the holder has come out"),
    Passback.TIMED: lazy("Timed: refused for some minutes after going in"),
}
PERSONS_TEXT: Final[dict[str, LazyText]] = {
    "1": lazy("One card"),
    "2": lazy("Two cards of two people, shown within 15 seconds"),
}
CLOCK_TEXT: Final[dict[ClockPolicy, LazyText]] = {
    ClockPolicy.SECURE: lazy("Secure door: cards with time limits stay outside"),
    ClockPolicy.HOME: lazy("Home door: residents get in, and it is noted"),
}
TIER_TEXT: Final[dict[Tier, LazyText]] = {
    Tier.UID_ONLY: lazy("Card number only (legacy)"),
    Tier.CLASSIC_MAC: lazy("Card with a signed credential"),
    Tier.AES: lazy("Card with AES"),
}
ALWAYS_TEXT: Final = lazy("Always")
"""The name that the migration gives to the schedule "always"."""
SOURCE_TEXT: Final[dict[str, LazyText]] = {
    "card": lazy("Card"),
    "exit_button": lazy("Exit button"),
    "remote": lazy("Operator"),
}
DIRECTION_TEXT: Final[dict[str, LazyText]] = {"in": lazy("In"), "out": lazy("Out")}
OUTCOME_TEXT: Final[dict[int, LazyText]] = {
    Outcome.RELEASED: lazy("Door released"),
    Outcome.LATE_COMMIT: lazy("Recorded too late; the door was not released by it"),
    Outcome.ENTERED: lazy("Went through"),
    Outcome.NOT_ENTERED: lazy("Released, but nobody went through"),
    Outcome.UNKNOWN: lazy("Not known: the device stopped in between"),
    Outcome.RELEASED_FROM_MEMORY: lazy("Door released from memory"),
}
assert MODE_TEXT.keys() == MODE_WORD.keys() == set(Mode)
assert PASSBACK_TEXT.keys() == set(Passback)
assert OUTCOME_TEXT.keys() == set(Outcome)
